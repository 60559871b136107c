// What every store must do with journals that are kept somewhere else: it lets go of what nobody
// works on and nothing else, and takes it back whole.
#include "engine/core/ids.hpp"
#include "tests/store/run_store_fixture.hpp"

#include <string>
#include <vector>

namespace sallyport::test {
namespace {

using namespace engine;

class JournalsElsewhere : public StoreTest {
  protected:
    // A run of two commits that has ended, at 2000.
    void make_ended(const std::string& id) {
        ASSERT_TRUE(
            ask_on<RunAccepted>([&](auto done) { store_->create_run(a_run(id), done); }).ok());
        JournalCommit last = a_commit(id, 1);
        last.text = R"(["quote \" and \\ and , {}"])";
        last.status = "SUCCEEDED";
        last.updated_ms = 2000;
        last.finished_ms = 2000;
        ASSERT_EQ(*ask_on<Appended>([&](auto done) { store_->append(last, done); }),
                  Appended::stored);
    }
    bool move(const std::string& id, std::int64_t updated_ms = 2000, std::size_t commits = 2) {
        const auto moved = ask_on<bool>([&](auto done) {
            store_->move_journal(id, updated_ms, commits, {"journals/" + id, 17}, done);
        });
        EXPECT_TRUE(moved.ok()) << moved.message();
        return moved.ok() && *moved;
    }
    std::vector<std::string> commits(const std::string& id) {
        const auto run =
            ask_on<std::optional<StoredRun>>([&](auto done) { store_->run(id, done); });
        EXPECT_TRUE(run.ok() && run->has_value());
        return run.ok() && run->has_value() ? (*run)->commits : std::vector<std::string>();
    }
    std::string object(const std::string& id) {
        const auto moved = ask_on<std::optional<MovedJournal>>(
            [&](auto done) { store_->moved_journal(id, done); });
        EXPECT_TRUE(moved.ok()) << moved.message();
        return moved.ok() && moved->has_value()
                   ? (*moved)->object + " " + std::to_string((*moved)->bytes)
                   : "none";
    }
    std::vector<std::string> ended(std::int64_t before_ms = 5000, std::size_t limit = 10) {
        std::vector<std::string> ids;
        std::string after;
        do {
            const auto page = ask_on<EndedRuns>(
                [&](auto done) { store_->ended_with_journals(after, before_ms, limit, done); });
            EXPECT_TRUE(page.ok()) << page.message();
            if (!page.ok()) {
                break;
            }
            ids.insert(ids.end(), page->ids.begin(), page->ids.end());
            after = page->last;
        } while (!after.empty());
        return ids;
    }
    Status restore(const std::string& id, const std::vector<std::string>& text) {
        return ask_on<Done>([&](auto done) { store_->restore_journal(id, text, done); });
    }
};

INSTANTIATE_TEST_SUITE_P(On, JournalsElsewhere,
                         ::testing::Values(StoreKind::sqlite, StoreKind::postgres),
                         [](const auto& tested) {
                             return tested.param == StoreKind::sqlite ? "Sqlite" : "Postgres";
                         });

TEST_P(JournalsElsewhere, GoAndComeBackWhole) {
    make_ended("r1");
    const std::vector<std::string> whole = commits("r1");
    ASSERT_EQ(whole.size(), 2u);
    EXPECT_EQ(object("r1"), "none");
    EXPECT_TRUE(move("r1"));
    EXPECT_EQ(object("r1"), "journals/r1 17");
    EXPECT_TRUE(commits("r1").empty());
    EXPECT_FALSE(move("r1")) << "it is gone";
    EXPECT_FALSE(move("r1", 2000, 0));
    EXPECT_TRUE(restore("r1", whole).ok());
    EXPECT_EQ(commits("r1"), whole);
    EXPECT_EQ(object("r1"), "none");
    EXPECT_TRUE(restore("r1", {"[]"}).ok()) << "it is back";
    EXPECT_EQ(commits("r1"), whole);
    EXPECT_TRUE(move("r1"));
}

TEST_P(JournalsElsewhere, WhatIsNotAsItWasReadStays) {
    make_ended("r1");
    EXPECT_FALSE(move("r1", 1999));
    EXPECT_FALSE(move("r1", 2000, 3));
    EXPECT_FALSE(move("nobody"));
    NewRun under_way = a_run("r2");
    const std::int64_t updated = under_way.row.updated_ms;
    ASSERT_TRUE(ask_on<RunAccepted>([&](auto done) { store_->create_run(under_way, done); }).ok());
    EXPECT_FALSE(move("r2", updated, 1));
    EXPECT_EQ(commits("r1").size(), 2u);
    EXPECT_EQ(commits("r2").size(), 1u);
    EXPECT_EQ(object("r1"), "none");
    if (GetParam() == StoreKind::postgres) {
        const auto claimed = ask_on<ClaimedRun>([&](auto done) { store_->claim_run("r1", done); });
        ASSERT_EQ(claimed->outcome, ClaimedRun::Outcome::claimed);
        EXPECT_FALSE(move("r1")) << "somebody goes on with it";
    }
}

TEST_P(JournalsElsewhere, EndedOnesAreFoundPageByPage) {
    for (const char* id : {"r1", "r2", "r3", "r4", "r5"}) {
        make_ended(id);
    }
    ASSERT_TRUE(
        ask_on<RunAccepted>([&](auto done) { store_->create_run(a_run("r0"), done); }).ok());
    EXPECT_TRUE(move("r3"));
    const std::vector<std::string> rest = {"r1", "r2", "r4", "r5"};
    for (const std::size_t limit : {1u, 2u, 6u, 10u}) {
        EXPECT_EQ(ended(5000, limit), rest) << limit;
    }
    EXPECT_TRUE(ended(1999).empty()) << "not over for long enough";
}

TEST_P(JournalsElsewhere, TheyAreForgottenWithTheirRun) {
    const std::string id = first_ordered_id(3000) + "xxxxxxxxxxxxx";
    make_ended(id);
    EXPECT_TRUE(move(id));
    EXPECT_EQ(object(id), "journals/" + id + " 17");
    const auto removed =
        ask_on<std::size_t>([&](auto done) { store_->remove_old_runs(9000, 10, done); });
    ASSERT_TRUE(removed.ok()) << removed.message();
    EXPECT_EQ(*removed, 1u);
    EXPECT_EQ(object(id), "none");
}

}  // namespace
}  // namespace sallyport::test
