// Databases of earlier releases are brought up to date with everything in them.
#include "engine/adapters/sqlite/db.hpp"
#include "tests/store/run_store_fixture.hpp"
#include "tests/store/sqlite_query.hpp"

#include <string>

namespace sallyport::test {
namespace {

using namespace engine;

// A file as the first release left it, taken from that release; the second adds to it.
void make_old(const std::string& path, int version) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
    std::string sql = read_file(std::string(SALLYPORT_VECTORS_DIR) + "/engine-schema-1.sql");
    ASSERT_FALSE(sql.empty());
    if (version >= 2) {
        sql += read_file(std::string(SALLYPORT_VECTORS_DIR) + "/engine-schema-2.sql");
    }
    sqlite_query(path, sql);
}

class Migration : public ::testing::TestWithParam<int> {};

TEST_P(Migration, KeepsWhatIsThere) {
    StoreHome home(StoreKind::sqlite);
    make_old(home.folder().path("engine.db"), GetParam());
    PollLoop loop;
    for (int opening = 0; opening < 2; ++opening) {
        auto store = home.open(loop);
        ASSERT_TRUE(store.ok()) << store.message();
        std::optional<StoredRun> run;
        bool answered = false;
        (*store)->run("run1", [&](Result<std::optional<StoredRun>> found) {
            ASSERT_TRUE(found.ok()) << found.message();
            run = *std::move(found);
            answered = true;
        });
        ASSERT_TRUE(loop.run_until([&] { return answered; }));
        ASSERT_TRUE(run);
        EXPECT_EQ(run->row.status, "RUNNING");
        EXPECT_EQ(run->commits, std::vector<std::string>{"[1]"});
        EXPECT_EQ(run->row.parent_run_id, "");
        EXPECT_TRUE(run->row.fail_parent);
        // It is under way, or waits to be since the first opening.
        std::size_t interrupted = 0;
        answered = false;
        (*store)->requeue_orphans([&](const Result<std::vector<WaitingLine>>& lines) {
            ASSERT_TRUE(lines.ok()) << lines.message();
            interrupted = lines->size();
            answered = true;
        });
        ASSERT_TRUE(loop.run_until([&] { return answered; }));
        EXPECT_EQ(interrupted, opening == 0 ? 1u : 0u);
    }
}

INSTANTIATE_TEST_SUITE_P(FromRelease, Migration, ::testing::Values(1, 2));

}  // namespace
}  // namespace sallyport::test
