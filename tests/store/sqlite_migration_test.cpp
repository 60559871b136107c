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

// A past of a thousand commits, longer than the quarter of a page that the first schemas left a
// row.
TEST_P(Migration, PacksJournalsAsTheyCame) {
    StoreHome home(StoreKind::sqlite);
    const std::string path = home.folder().path("engine.db");
    make_old(path, GetParam());
    sqlite_query(path,
                 "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
                 "INSERT INTO run_journal (run_id, sequence, entries) "
                 "SELECT 'run2', i, printf('[%d,\"%.*c\"]', i, 1200, 'x') FROM n");
    const std::string pages =
        "SELECT page_count - freelist_count FROM pragma_page_count(), pragma_freelist_count()";
    EXPECT_GT(std::stoi(sqlite_query(path, pages)), 1000);
    PollLoop loop;
    auto store = home.open(loop);
    ASSERT_TRUE(store.ok()) << store.message();
    std::vector<std::string> commits;
    bool answered = false;
    (*store)->run("run2", [&](Result<std::optional<StoredRun>> found) {
        ASSERT_TRUE(found.ok() && *found);
        commits = (*found)->commits;
        answered = true;
    });
    ASSERT_TRUE(loop.run_until([&] { return answered; }));
    ASSERT_EQ(commits.size(), 1000u);
    EXPECT_TRUE(commits.front().starts_with("[1,\"xx"));
    EXPECT_TRUE(commits.back().starts_with("[1000,\"xx"));
    EXPECT_LT(std::stoi(sqlite_query(path, pages)), 500);
}

INSTANTIATE_TEST_SUITE_P(FromRelease, Migration, ::testing::Values(1, 2));

}  // namespace
}  // namespace sallyport::test
