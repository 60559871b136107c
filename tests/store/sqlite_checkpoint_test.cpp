// The log is written back beside the writer: it ends somewhere however much is written, no commit
// does it, and nothing is missing afterwards.
#include "engine/adapters/sqlite/checkpointer.hpp"
#include "engine/adapters/sqlite/db.hpp"
#include "engine/adapters/sqlite/worker.hpp"
#include "tests/engine/poll_loop.hpp"
#include "tests/integration/fixtures/temp_dir.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>

namespace sallyport::test {
namespace {

using namespace engine;

constexpr std::uintmax_t kFrameBytes = 4096 + 24;

class SqliteCheckpoints : public ::testing::Test {
  protected:
    std::unique_ptr<SqliteDb> open() {
        auto db = SqliteDb::open(path_, SqliteDurability::full, false);
        EXPECT_TRUE(db.ok()) << db.message();
        return *std::move(db);
    }
    std::unique_ptr<SqliteDb> open_writer() {
        auto db = open();
        EXPECT_TRUE(
            db->execute("CREATE TABLE thing (id INTEGER PRIMARY KEY, text TEXT NOT NULL)").ok());
        return db;
    }
    std::uintmax_t log_frames() const {
        return std::filesystem::file_size(path_ + "-wal") / kFrameBytes;
    }
    // Commits `count` rows of about a page each, one after the other; gives the longest that the
    // log was.
    std::uintmax_t write(SqliteWorker& writer, std::int64_t count) {
        std::uintmax_t longest = 0;
        for (const std::int64_t end = next_ + count; next_ < end; ++next_) {
            const std::int64_t id = next_;
            std::optional<Status> done;
            writer.submit<Done>(
                SqliteWorker::Unit::statement,
                [id](SqliteDb& db) -> Result<Done> {
                    const Status put = SqliteQuery(db, "INSERT INTO thing (id, text) VALUES (?, ?)")
                                           .bind_all(id, std::string(3000, 'x'))
                                           .run();
                    return put.ok() ? Result<Done>(Done{}) : put.error();
                },
                [&done](const Result<Done>& result) {
                    done = result.ok() ? Status(Done{}) : Status(result.error());
                });
            EXPECT_TRUE(loop_.run_until([&done] { return done.has_value(); }));
            EXPECT_TRUE(done->ok()) << done->message();
            longest = std::max(longest, log_frames());
        }
        return longest;
    }
    std::int64_t rows() {
        const auto db = open();
        SqliteQuery query(*db, "SELECT count(*) FROM thing");
        return query.row() ? query.integer(0) : -1;
    }

    TempDir folder_{"sqlite-checkpoints"};
    std::string path_ = folder_.path("engine.db");
    PollLoop loop_;
    std::int64_t next_ = 0;
};

TEST_F(SqliteCheckpoints, TheLogEndsHoweverMuchIsWritten) {
    auto db = open_writer();
    SqliteCheckpointer checkpointer(open(), {.begin = 40, .wait = 200});
    SqliteWorker writer(std::move(db), loop_, &checkpointer);
    // Two pages a commit, and more.
    EXPECT_LT(write(writer, 2000), 300U);
    EXPECT_EQ(rows(), 2000);
}

TEST_F(SqliteCheckpoints, AWriterThatIsTooFastWaits) {
    auto db = open_writer();
    // Nothing begins before the writer has to wait for it.
    SqliteCheckpointer checkpointer(open(), {.begin = 1'000'000, .wait = 100});
    SqliteWorker writer(std::move(db), loop_, &checkpointer);
    EXPECT_LT(write(writer, 1000), 150U);
    EXPECT_EQ(rows(), 1000);
}

TEST_F(SqliteCheckpoints, AReaderThatStaysKeepsTheLogAndStopsNobody) {
    auto db = open_writer();
    SqliteCheckpointer checkpointer(open(), {.begin = 20, .wait = 100});
    SqliteWorker writer(std::move(db), loop_, &checkpointer);
    write(writer, 10);
    const auto reader = open();
    ASSERT_TRUE(reader->execute("BEGIN").ok());
    {
        SqliteQuery query(*reader, "SELECT count(*) FROM thing");
        ASSERT_TRUE(query.row());
    }
    EXPECT_GT(write(writer, 300), 300U);
    ASSERT_TRUE(reader->execute("COMMIT").ok());
    // Without it the log begins anew.
    write(writer, 50);
    const std::uintmax_t before = log_frames();
    write(writer, 300);
    EXPECT_EQ(log_frames(), before) << "the file does not grow any more";
    EXPECT_EQ(rows(), 660);
}

TEST_F(SqliteCheckpoints, ACommitWritesNothingBack) {
    const auto db = open_writer();
    db->keep_log();
    const std::uintmax_t size = std::filesystem::file_size(path_);
    for (std::int64_t id = 0; id < 3000; ++id) {
        ASSERT_TRUE(SqliteQuery(*db, "INSERT INTO thing (id, text) VALUES (?, ?)")
                        .bind_all(id, std::string(3000, 'x'))
                        .run()
                        .ok());
    }
    EXPECT_GT(db->log_frames(), 5000U);
    EXPECT_EQ(std::filesystem::file_size(path_), size);
    const SqliteDb::Checkpoint done = db->checkpoint();
    EXPECT_EQ(done.written, done.frames);
    EXPECT_GT(std::filesystem::file_size(path_), size);
}

}  // namespace
}  // namespace sallyport::test
