// A SQLite connection with prepared statements that are kept, and queries that read like a
// sentence. One thread a connection. Nothing outside the SQLite adapter includes this.
#pragma once

#include "common/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

struct sqlite3;
struct sqlite3_stmt;

namespace sallyport::engine {

enum class SqliteDurability {
    full,    // every commit is on disk before it is reported (synchronous=FULL)
    normal,  // a power cut may take the last commits; a crash of the process takes none
};

class SqliteDb {
  public:
    // Creates the file with mode 0600 when it is not there.
    static Result<std::unique_ptr<SqliteDb>> open(const std::string& path,
                                                  SqliteDurability durability, bool read_only);
    ~SqliteDb();
    SqliteDb(const SqliteDb&) = delete;
    SqliteDb& operator=(const SqliteDb&) = delete;

    // Statements without parameters or rows, several at once. For schema changes and transactions.
    Status execute(const char* sql);
    // Rows the last statement changed.
    std::int64_t changes() const;
    bool in_transaction() const;
    Error error(std::string_view what) const;

    // From now on no commit writes the log back: whoever calls this sees to it.
    void keep_log();
    // What the log has after the last commit. REQUIRES: keep_log.
    std::size_t log_frames() const { return log_frames_; }
    struct Checkpoint {
        std::size_t frames = 0;   // in the log
        std::size_t written = 0;  // of them: back in the file
    };
    // Writes back what no reader needs of the log, and waits for nobody.
    Checkpoint checkpoint();

  private:
    friend class SqliteQuery;
    explicit SqliteDb(sqlite3* handle) : handle_(handle) {}
    sqlite3_stmt* prepared(std::string_view sql);

    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
    };

    sqlite3* handle_;
    std::size_t log_frames_ = 0;
    std::unordered_map<std::string, sqlite3_stmt*, TextHash, std::equal_to<>> statements_;
};

// One execution of a statement. Bind in order, then `run` or `row` until it is false; then ask
// `ok`.
class SqliteQuery {
  public:
    SqliteQuery(SqliteDb& db, std::string_view sql);
    ~SqliteQuery();
    SqliteQuery(const SqliteQuery&) = delete;
    SqliteQuery& operator=(const SqliteQuery&) = delete;

    // Texts are not copied: they must live until the query has run.
    SqliteQuery& bind(std::string_view text);
    SqliteQuery& bind(std::int64_t value);
    SqliteQuery& bind_blob(std::string_view bytes);
    SqliteQuery& bind_null_if_empty(std::string_view text);
    template <typename... Values>
    SqliteQuery& bind_all(const Values&... values) {
        (bind(values), ...);
        return *this;
    }
    SqliteQuery& bind(bool value) { return bind(std::int64_t{value}); }
    SqliteQuery& bind(const std::string& text) { return bind(std::string_view(text)); }
    SqliteQuery& bind(const char* text) { return bind(std::string_view(text)); }

    bool row();
    Status run();
    bool ok() const { return !failed_; }
    Status status() const;

    std::string text(int column) const;
    // Valid until the next row; empty for NULL.
    std::string_view blob(int column) const;
    std::int64_t integer(int column) const;

  private:
    void note(int code);

    SqliteDb& db_;
    sqlite3_stmt* statement_;
    int bound_ = 0;
    bool failed_ = false;
    std::string message_;
};

}  // namespace sallyport::engine
