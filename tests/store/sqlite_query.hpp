// A statement on a database file, past the store: what is really in it, and what a test puts there.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <string>

namespace sallyport::test {

// The first column of the last row; empty when there is none, or when it is NULL. Waits while the
// file is locked.
inline std::string sqlite_query(const std::string& path, const std::string& sql) {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    std::string value;
    const auto note = [](void* into, int, char** values, char**) {
        *static_cast<std::string*>(into) = values[0] == nullptr ? "" : values[0];
        return 0;
    };
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), note, &value, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
    return value;
}

}  // namespace sallyport::test
