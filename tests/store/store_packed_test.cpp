// What every store must do with long journals: they are small on the disk and whole when read.
#include "tests/store/run_store_fixture.hpp"
#include "tests/store/sqlite_query.hpp"

#include <string>
#include <vector>

namespace sallyport::test {
namespace {

using namespace engine;

std::string long_commit(int mark) {
    std::string text = "[\"\xf0\x9f\x9a\xaa\"";
    for (int i = 0; i < 20'000; ++i) {
        text += R"(,{"type":"step_succeeded","step":"step_)" + std::to_string(i + mark) + "\"}";
    }
    return text + "]";
}

class PackedRuns : public StoreTest {
  protected:
    // The first column of the first row, as the database itself tells it.
    std::string query(const std::string& sql) {
        if (GetParam() == StoreKind::postgres) {
            return shared_postgres().query(home_.database(), sql);
        }
        return sqlite_query(home_.folder().path("engine.db"), sql);
    }
    std::vector<std::string> commits(const std::string& id) {
        const auto run =
            ask_on<std::optional<StoredRun>>([&](auto done) { store_->run(id, done); });
        EXPECT_TRUE(run.ok() && run->has_value());
        return run.ok() && run->has_value() ? (*run)->commits : std::vector<std::string>();
    }
    void make(const std::string& id, const std::string& commit) {
        NewRun run = a_run(id);
        run.commit = commit;
        run.row.queue_class = RunRow::kDue;
        ASSERT_TRUE(ask_on<RunAccepted>([&](auto done) { store_->create_run(run, done); }).ok());
    }
    std::vector<StoredRun> claim() {
        const std::vector<LineClaim> lines = {{"p", RunRow::kDue, 10}};
        auto claimed = ask_on<std::vector<StoredRun>>(
            [&](auto done) { store_->claim_waiting(lines, 1U << 30U, done); });
        EXPECT_TRUE(claimed.ok());
        return claimed.ok() ? *std::move(claimed) : std::vector<StoredRun>();
    }
    Result<Appended> append(const JournalCommit& commit) {
        return ask_on<Appended>([&](auto done) { store_->append(commit, done); });
    }
};

TEST_P(PackedRuns, AreSmallOnTheDiskAndWholeWhenRead) {
    make("r1", long_commit(0));
    make("r2", "[0]");
    const auto claimed = claim();
    ASSERT_EQ(claimed.size(), 2u);
    EXPECT_EQ(claimed[0].commits, std::vector<std::string>{long_commit(0)});
    JournalCommit second = a_commit("r1", 1);
    second.text = long_commit(7);
    EXPECT_EQ(*append(second), Appended::stored);
    EXPECT_EQ(*append(a_commit("r1", 2)), Appended::stored);
    EXPECT_EQ(commits("r1"), (std::vector<std::string>{long_commit(0), long_commit(7), "[2]"}));
    EXPECT_EQ(commits("r2"), std::vector<std::string>{"[0]"});
    const std::string sizes =
        "SELECT max(length(entries)) * 1000000 + sum(length(packed)) FROM run_journal";
    EXPECT_LT(std::stoll(query(sizes)), 3'000'000 + 2 * 200'000)
        << "a million characters of text are in two frames";
    EXPECT_EQ(query("SELECT count(packed) FROM run_journal"), "2") << "short ones are as they were";
    reopen();
    EXPECT_EQ(commits("r1").at(1), long_commit(7));
}

// A database of the release before, with a journal in it that was long enough.
TEST_P(PackedRuns, JournalsOfBeforeAreReadAsTheyAre) {
    make("r1", "[0]");
    const std::string long_text = "[\"" + std::string(40'000, 'x') + "\"]";
    store_.reset();
    const bool postgres = GetParam() == StoreKind::postgres;
    for (const std::string& sql :
         {std::string("ALTER TABLE run_journal DROP COLUMN packed"),
          std::string("ALTER TABLE run DROP COLUMN tags"), std::string("DROP TABLE moved_journal"),
          std::string("DROP TABLE run_count"),
          std::string("ALTER TABLE flow DROP COLUMN template_id"),
          std::string("ALTER TABLE flow DROP COLUMN claimed_until_ms"),
          std::string("ALTER TABLE \"user\" DROP COLUMN external_id"),
          std::string("DROP INDEX IF EXISTS flow_version_connections"),
          std::string("DROP INDEX run_flow"), std::string("DROP INDEX run_failed"),
          "DELETE FROM schema_migration WHERE version >= " + std::string(postgres ? "5" : "6"),
          "INSERT INTO run_journal (run_id, sequence, entries) VALUES ('r1', 1, '" + long_text +
              "')"}) {
        query(sql);
    }
    reopen();
    EXPECT_EQ(commits("r1"), (std::vector<std::string>{"[0]", long_text}));
    ASSERT_EQ(claim().size(), 1u);
    JournalCommit next = a_commit("r1", 2);
    next.text = long_commit(0);
    EXPECT_EQ(*append(next), Appended::stored);
    EXPECT_EQ(commits("r1"), (std::vector<std::string>{"[0]", long_text, long_commit(0)}));
    EXPECT_EQ(query("SELECT count(packed) FROM run_journal"), "1");
}

// A commit whose fate is unknown is given again.
TEST_P(PackedRuns, TheSameCommitIsStoredOnce) {
    if (GetParam() == StoreKind::sqlite) {
        GTEST_SKIP() << "no connection is lost there";
    }
    make("r1", "[0]");
    ASSERT_EQ(claim().size(), 1u);
    JournalCommit commit = a_commit("r1", 1);
    commit.text = long_commit(0);
    EXPECT_EQ(*append(commit), Appended::stored);
    EXPECT_EQ(*append(commit), Appended::stored);
    commit.text = long_commit(1);
    EXPECT_EQ(*append(commit), Appended::lost);
    EXPECT_EQ(commits("r1").size(), 2u);
}

TEST_P(PackedRuns, ABrokenFrameIsNoOtherRunsTrouble) {
    make("r1", long_commit(0));
    make("r2", long_commit(1));
    query(GetParam() == StoreKind::postgres
              ? "UPDATE run_journal SET packed = substr(packed, 1, 100) WHERE run_id = 'r1' "
                "RETURNING 1"
              : "UPDATE run_journal SET packed = substr(packed, 1, 100) WHERE run_id = 'r1'");
    const auto claimed = claim();
    ASSERT_EQ(claimed.size(), 2u);
    EXPECT_EQ(claimed[0].commits, std::vector<std::string>{""});
    EXPECT_EQ(claimed[1].commits, std::vector<std::string>{long_commit(1)});
}

INSTANTIATE_TEST_SUITE_P(On, PackedRuns, ::testing::Values(StoreKind::sqlite, StoreKind::postgres),
                         [](const auto& tested) {
                             return tested.param == StoreKind::sqlite ? "Sqlite" : "Postgres";
                         });

}  // namespace
}  // namespace sallyport::test
