// Gathered writes change how often the system is asked, and nothing else.
#include "engine/adapters/sqlite/db.hpp"
#include "engine/adapters/sqlite/vfs.hpp"
#include "tests/integration/fixtures/temp_dir.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

namespace sallyport::test {
namespace {

using engine::SqliteDb;
using engine::SqliteDurability;
using engine::SqliteQuery;

constexpr std::size_t kMoreThanIsHeld = 1'000'000;

std::unique_ptr<SqliteDb> open_at(const std::string& path,
                                  SqliteDurability durability = SqliteDurability::full) {
    auto db = SqliteDb::open(path, durability, false);
    EXPECT_TRUE(db.ok()) << db.message();
    return db.ok() ? *std::move(db) : nullptr;
}

void make_table(SqliteDb& db) {
    ASSERT_TRUE(db.execute("CREATE TABLE thing (id INTEGER PRIMARY KEY, text BLOB)").ok());
}

Status put(SqliteDb& db, std::int64_t id, const std::string& text) {
    SqliteQuery query(db, "INSERT OR REPLACE INTO thing (id, text) VALUES (?, ?)");
    return query.bind(id).bind_blob(text).run();
}

// The rows in order, as one text.
std::string contents(SqliteDb& db) {
    std::string all;
    SqliteQuery query(db, "SELECT id, text FROM thing ORDER BY id");
    while (query.row()) {
        all += std::to_string(query.integer(0)) + ":" + std::string(query.blob(1)) + ";";
    }
    EXPECT_TRUE(query.ok()) << query.status().message();
    return all;
}

std::string integrity(SqliteDb& db) {
    SqliteQuery query(db, "PRAGMA integrity_check");
    return query.row() ? query.text(0) : "no answer";
}

// What a crash would leave: the files as they are now, without the index of the log.
std::unique_ptr<SqliteDb> after_crash(const std::string& path, const std::string& copy) {
    for (const char* part : {"", "-wal"}) {
        std::filesystem::copy_file(path + part, copy + part,
                                   std::filesystem::copy_options::overwrite_existing);
    }
    return open_at(copy);
}

// Writes that this process has asked the system for.
std::int64_t writes_so_far() {
    std::ifstream io("/proc/self/io");
    std::string name;
    std::int64_t value = 0;
    while (io >> name >> value) {
        if (name == "syscw:") {
            return value;
        }
    }
    ADD_FAILURE() << "/proc/self/io says nothing of writes";
    return 0;
}

std::int64_t writes_of_a_commit(const std::string& path, SqliteDurability durability) {
    const auto db = open_at(path, durability);
    make_table(*db);
    EXPECT_TRUE(db->execute("BEGIN").ok());
    for (int id = 0; id < 100; ++id) {
        EXPECT_TRUE(put(*db, id, std::string(3000, 'x')).ok());
    }
    const std::int64_t before = writes_so_far();
    EXPECT_TRUE(db->execute("COMMIT").ok());
    return writes_so_far() - before;
}

TEST(GatheredWrites, ACommitOfManyPagesIsFewWrites) {
    const TempDir folder("sqlite-vfs");
    // A hundred rows are about as many pages, and each is two pieces of the log.
    EXPECT_GT(writes_of_a_commit(folder.path("apart"), SqliteDurability::normal), 200);
    EXPECT_LT(writes_of_a_commit(folder.path("gathered"), SqliteDurability::full), 12);
}

TEST(GatheredWrites, WhatIsCommittedIsInTheFilesAndSeenByOthers) {
    const TempDir folder("sqlite-vfs");
    const std::string path = folder.path("engine.db");
    const auto db = open_at(path);
    make_table(*db);
    const auto other = SqliteDb::open(path, SqliteDurability::full, true);
    ASSERT_TRUE(other.ok()) << other.message();
    for (const std::size_t size : {std::size_t{1}, std::size_t{5000}, kMoreThanIsHeld}) {
        ASSERT_TRUE(put(*db, static_cast<std::int64_t>(size), std::string(size, 'a')).ok());
        const std::string all = contents(*db);
        EXPECT_EQ(contents(**other), all);
        const auto copy = after_crash(path, folder.path("copy.db"));
        EXPECT_EQ(contents(*copy), all);
        EXPECT_EQ(integrity(*copy), "ok");
    }
}

TEST(GatheredWrites, AnOpenTransactionIsLostWithACrash) {
    const TempDir folder("sqlite-vfs");
    const auto db = open_at(folder.path("engine.db"));
    make_table(*db);
    ASSERT_TRUE(put(*db, 1, "kept").ok());
    // The smallest page cache: pages of the open transaction are written before its end.
    ASSERT_TRUE(db->execute("PRAGMA cache_size=1; BEGIN").ok());
    for (int id = 2; id < 200; ++id) {
        ASSERT_TRUE(put(*db, id, std::string(5000, 'x')).ok());
    }
    EXPECT_GT(contents(*db).size(), 900'000U);
    EXPECT_EQ(contents(*after_crash(folder.path("engine.db"), folder.path("copy.db"))), "1:kept;");
    ASSERT_TRUE(db->execute("ROLLBACK").ok());
    EXPECT_EQ(contents(*db), "1:kept;");
}

TEST(GatheredWrites, RandomWorkGivesWhatItGivesWithoutThem) {
    const TempDir folder("sqlite-vfs");
    const std::string path = folder.path("gathered.db");
    auto db = open_at(path);
    const auto peer = open_at(folder.path("apart.db"), SqliteDurability::normal);
    for (SqliteDb* each : {db.get(), peer.get()}) {
        make_table(*each);
        // Written back often, and pages spill out of open transactions.
        ASSERT_TRUE(each->execute("PRAGMA cache_size=8; PRAGMA wal_autocheckpoint=20").ok());
    }
    std::mt19937 random(20'261'127);
    for (int transaction = 0; transaction < 150; ++transaction) {
        const auto rows = 1 + random() % 40;
        const bool kept = random() % 4 != 0;
        for (SqliteDb* each : {db.get(), peer.get()}) {
            ASSERT_TRUE(each->execute("BEGIN").ok());
        }
        for (std::size_t row = 0; row < rows; ++row) {
            const auto id = static_cast<std::int64_t>(random() % 300);
            const std::string text(random() % 9000, static_cast<char>('a' + random() % 26));
            ASSERT_TRUE(put(*db, id, text).ok());
            ASSERT_TRUE(put(*peer, id, text).ok());
        }
        for (SqliteDb* each : {db.get(), peer.get()}) {
            ASSERT_TRUE(each->execute(kept ? "COMMIT" : "ROLLBACK").ok());
        }
        if (transaction % 30 == 0) {
            ASSERT_EQ(contents(*after_crash(path, folder.path("copy.db"))), contents(*peer));
            db.reset();
            db = open_at(path);
        }
    }
    EXPECT_EQ(contents(*db), contents(*peer));
    EXPECT_EQ(integrity(*db), "ok");
}

TEST(GatheredWrites, AFullDiskFailsTheCommitAndLosesNothing) {
    const TempDir folder("sqlite-vfs");
    const auto db = open_at(folder.path("engine.db"));
    make_table(*db);
    ASSERT_TRUE(put(*db, 1, "kept").ok());
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto on_full = std::signal(SIGXFSZ, SIG_IGN);
    rlimit small = before;
    small.rlim_cur = 128UL * 1024;
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    const Status refused = put(*db, 2, std::string(kMoreThanIsHeld, 'x'));
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    std::signal(SIGXFSZ, on_full);
    EXPECT_FALSE(refused.ok());
    EXPECT_EQ(contents(*db), "1:kept;");
    EXPECT_TRUE(put(*db, 2, "room again").ok());
    EXPECT_EQ(contents(*after_crash(folder.path("engine.db"), folder.path("copy.db"))),
              "1:kept;2:room again;");
    EXPECT_EQ(integrity(*db), "ok");
}

}  // namespace
}  // namespace sallyport::test
