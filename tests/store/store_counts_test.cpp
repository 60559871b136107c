// Runs that count against what their project may begin in a month: on each kind of store the count
// is exact, at the bound and over crashes, and what is refused leaves nothing behind.
#include "engine/core/calendar_month.hpp"
#include "tests/store/run_store_fixture.hpp"
#include "tests/store/sqlite_query.hpp"

#include <map>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

using namespace engine;

constexpr std::int64_t kMonth = 202611;

class RunCounts : public StoreTest {
  protected:
    static NewRun counted(const std::string& id, std::int64_t most,
                          const std::string& delivery = "", const std::string& project = "p") {
        NewRun run = a_run(id, delivery);
        run.row.project_id = project;
        run.quota = {most, kMonth};
        return run;
    }
    Result<RunAccepted> create(const NewRun& run) {
        return ask_on<RunAccepted>([&](auto done) { store_->create_run(run, done); });
    }
    bool begins(const NewRun& run) {
        const auto accepted = create(run);
        EXPECT_TRUE(accepted.ok()) << accepted.message();
        return accepted.ok() && !accepted->over_quota && !accepted->duplicate;
    }
    std::map<std::string, std::int64_t> counts(std::int64_t month = kMonth) {
        const auto found = ask_on<RunCountStore::RunCounts>([&](auto done) {
            store_->counted_runs({"p", "q", "other"}, month, done);
        });
        EXPECT_TRUE(found.ok()) << found.message();
        return {found->begin(), found->end()};
    }
    std::string query(const std::string& sql) {
        return GetParam() == StoreKind::postgres
                   ? shared_postgres().query(home_.database(), sql)
                   : sqlite_query(home_.folder().path("engine.db"), sql);
    }
    using Counted = std::map<std::string, std::int64_t>;
};

TEST_P(RunCounts, ExactlySoManyBegin) {
    EXPECT_EQ(counts(), Counted());
    EXPECT_TRUE(begins(counted("r1", 2)));
    EXPECT_TRUE(begins(counted("r2", 2)));
    const auto refused = create(counted("r3", 2));
    ASSERT_TRUE(refused.ok()) << refused.message();
    EXPECT_TRUE(refused->over_quota);
    EXPECT_FALSE(refused->duplicate);
    EXPECT_EQ(counts(), (Counted{{"p", 2}}));
    EXPECT_TRUE(begins(counted("r4", 2, "", "q"))) << "each project has its own";
    EXPECT_TRUE(begins(counted("r5", 3))) << "a larger quota lets more begin";
    EXPECT_TRUE(create(counted("r6", 1))->over_quota) << "a smaller one none";
    EXPECT_TRUE(begins(a_run("r7"))) << "what does not count begins";
    EXPECT_EQ(counts(), (Counted{{"p", 3}, {"q", 1}}));
    reopen();
    EXPECT_EQ(counts(), (Counted{{"p", 3}, {"q", 1}}));
    EXPECT_TRUE(create(counted("r8", 3))->over_quota);
    EXPECT_EQ(query("SELECT count(*) FROM run WHERE id IN ('r3', 'r6', 'r8')"), "0");
    EXPECT_EQ(query("SELECT count(*) FROM run_journal WHERE run_id IN ('r3', 'r6', 'r8')"), "0");
}

TEST_P(RunCounts, ADeliveryCountsOnceAndARefusedOneIsNotRemembered) {
    EXPECT_TRUE(begins(counted("r1", 1, "d1")));
    const auto again = create(counted("r2", 1, "d1"));
    EXPECT_TRUE(again->duplicate) << "it has run, whatever else may";
    EXPECT_FALSE(again->over_quota);
    EXPECT_EQ(again->run_id, "r1");
    EXPECT_TRUE(create(counted("r3", 1, "d2"))->over_quota);
    EXPECT_EQ(counts(), (Counted{{"p", 1}}));
    EXPECT_TRUE(begins(counted("r4", 2, "d2"))) << "sent again when there is room";
    EXPECT_EQ(counts(), (Counted{{"p", 2}}));
}

TEST_P(RunCounts, EachMonthBeginsAnew) {
    EXPECT_TRUE(begins(counted("r1", 1)));
    EXPECT_TRUE(create(counted("r2", 1))->over_quota);
    NewRun later = counted("r3", 1);
    later.quota.month = 202612;
    EXPECT_TRUE(begins(later));
    EXPECT_EQ(counts(), (Counted{{"p", 1}})) << "the month before keeps its own";
    EXPECT_EQ(counts(202612), (Counted{{"p", 1}}));
    ASSERT_TRUE(ask_on<Done>([&](auto done) { store_->forget_counts(202612, done); }).ok());
    EXPECT_EQ(counts(), Counted());
    EXPECT_EQ(counts(202612), (Counted{{"p", 1}}));
}

// In one group with others: what is refused is nobody else's trouble.
TEST_P(RunCounts, ManyAtOnceAreCountedExactly) {
    constexpr int kRuns = 900;
    std::size_t answers = 0;
    std::map<std::string, std::int64_t> begun;
    std::int64_t refused = 0;
    for (int i = 0; i < kRuns; ++i) {
        const std::string project = i % 3 == 0 ? "q" : i % 3 == 1 ? "p" : "other";
        const std::string delivery = i % 6 == 1 ? "d" + std::to_string(i / 12) : "";
        NewRun run = counted("r" + std::to_string(10'000 + i), project == "q" ? 100 : 170, delivery,
                             project);
        if (project == "other") {
            run.quota = {};
        }
        store_->create_run(run, [&, project](const Result<RunAccepted>& accepted) {
            ASSERT_TRUE(accepted.ok()) << accepted.message();
            begun[project] += !accepted->duplicate && !accepted->over_quota ? 1 : 0;
            refused += accepted->over_quota ? 1 : 0;
            ++answers;
        });
    }
    ASSERT_TRUE(loop_.run_until([&] { return answers == kRuns; }));
    EXPECT_EQ(begun, (Counted{{"other", 300}, {"p", 170}, {"q", 100}}));
    EXPECT_GT(refused, 200);
    EXPECT_EQ(counts(), (Counted{{"p", 170}, {"q", 100}}));
    EXPECT_EQ(query("SELECT count(*) FROM run WHERE project_id = 'p'"), "170");
    EXPECT_EQ(query("SELECT count(*) FROM run WHERE project_id = 'q'"), "100");
}

TEST_P(RunCounts, GoWithTheirProject) {
    ASSERT_TRUE(ask_on<AccountStore::SignUp>([&](auto done) {
                    store_->sign_up(a_user("u", "u@example.org"), a_project("p", "u"), false, done);
                }).ok());
    NewRun run = counted("r1", 5);
    run.row.finished_ms = 1;
    EXPECT_TRUE(begins(run));
    EXPECT_TRUE(begins(counted("r2", 5, "", "q")));
    ASSERT_TRUE(ask_on<bool>([&](auto done) { store_->delete_project("p", done); }).ok());
    EXPECT_EQ(counts(), (Counted{{"q", 1}}));
}

INSTANTIATE_TEST_SUITE_P(On, RunCounts, ::testing::Values(StoreKind::sqlite, StoreKind::postgres),
                         [](const auto& tested) {
                             return tested.param == StoreKind::sqlite ? "Sqlite" : "Postgres";
                         });

// ---- several processes on one database

class SharedRunCounts : public RunCounts {};

// Projects in another order at each, and deliveries that reach both.
TEST_P(SharedRunCounts, AreExactOverTwoProcesses) {
    auto opened = home_.open(loop_);
    ASSERT_TRUE(opened.ok()) << opened.message();
    const std::unique_ptr<Store> other = *std::move(opened);
    constexpr int kRuns = 1200;
    constexpr std::int64_t kMost = 150;
    const std::vector<std::string> projects = {"p", "q", "other"};
    std::size_t answers = 0;
    std::map<std::string, std::int64_t> begun;
    for (int i = 0; i < kRuns; ++i) {
        const bool first = i % 2 == 0;
        const std::string project =
            projects[static_cast<std::size_t>(first ? i / 2 % 3 : 2 - i / 2 % 3)];
        // The flow is the project's own, and what is sent to it comes twice.
        NewRun run =
            counted("r" + std::to_string(10'000 + i), kMost, "d" + std::to_string(i / 12), project);
        run.row.flow_id = "f-" + project;
        if (i % 4 < 2) {
            run.delivery_id.clear();
        }
        (first ? *store_ : *other).create_run(run, [&, project](const Result<RunAccepted>& made) {
            ASSERT_TRUE(made.ok()) << made.message();
            begun[project] += !made->duplicate && !made->over_quota ? 1 : 0;
            ++answers;
        });
    }
    ASSERT_TRUE(loop_.run_until([&] { return answers == kRuns; }, std::chrono::seconds(60)));
    for (const std::string& project : projects) {
        EXPECT_EQ(begun[project], kMost) << project;
        EXPECT_EQ(query("SELECT count(*) FROM run WHERE project_id = '" + project + "'"),
                  std::to_string(kMost));
    }
    EXPECT_EQ(counts(), (Counted{{"p", kMost}, {"q", kMost}, {"other", kMost}}));
}

// The second begins to look before the first has committed, round after round.
TEST_P(SharedRunCounts, ADeliveryThatReachesBothAtOnceIsCountedOnce) {
    auto opened = home_.open(loop_);
    ASSERT_TRUE(opened.ok()) << opened.message();
    const std::unique_ptr<Store> other = *std::move(opened);
    constexpr int kRounds = 150;
    std::int64_t duplicates = 0;
    for (int i = 0; i < kRounds; ++i) {
        const std::string delivery = "d" + std::to_string(i);
        int answers = 0;
        const auto note = [&](const Result<RunAccepted>& accepted) {
            ASSERT_TRUE(accepted.ok()) << accepted.message();
            EXPECT_FALSE(accepted->over_quota);
            duplicates += accepted->duplicate ? 1 : 0;
            ++answers;
        };
        store_->create_run(counted("a" + std::to_string(i), 1000, delivery), note);
        other->create_run(counted("b" + std::to_string(i), 1000, delivery), note);
        ASSERT_TRUE(loop_.run_until([&] { return answers == 2; }));
    }
    EXPECT_EQ(duplicates, kRounds);
    EXPECT_EQ(query("SELECT count(*) FROM run"), std::to_string(kRounds));
    EXPECT_EQ(counts(), (Counted{{"p", kRounds}}));
}

// What was under way is sent again, and may have been stored before.
TEST_P(SharedRunCounts, AgreeWithTheRunsAfterACrash) {
    constexpr std::size_t kRuns = 2000;
    std::size_t answers = 0;
    std::int64_t begun = 0;
    for (std::size_t i = 0; i < kRuns; ++i) {
        store_->create_run(
            counted("r" + std::to_string(10'000 + i), kRuns, i % 2 == 0 ? std::to_string(i) : ""),
            [&](const Result<RunAccepted>& accepted) {
                ++answers;
                if (accepted.ok()) {
                    EXPECT_FALSE(accepted->duplicate) << "its own first attempt is no duplicate";
                    EXPECT_FALSE(accepted->over_quota);
                    ++begun;
                }
            });
    }
    ASSERT_TRUE(loop_.run_until([&] { return answers >= 400; }));
    shared_postgres().crash();
    EXPECT_FALSE(loop_.run_until([] { return false; }, std::chrono::milliseconds(50)));
    shared_postgres().start();
    ASSERT_TRUE(loop_.run_until([&] { return answers == kRuns; }, std::chrono::seconds(60)));
    EXPECT_EQ(begun, static_cast<std::int64_t>(kRuns));
    EXPECT_EQ(counts(), (Counted{{"p", begun}}));
    EXPECT_EQ(query("SELECT count(*) FROM run"), std::to_string(begun));
}

INSTANTIATE_TEST_SUITE_P(Postgres, SharedRunCounts, ::testing::Values(StoreKind::postgres));

// ---- months

TEST(CalendarMonth, IsOfUtc) {
    constexpr std::int64_t kDay = 24LL * 60 * 60 * 1000;
    EXPECT_EQ(calendar_month(0), 197001);
    EXPECT_EQ(calendar_month(31 * kDay - 1), 197001);
    EXPECT_EQ(calendar_month(31 * kDay), 197002);
    EXPECT_EQ(month_before(0), 196912);
    constexpr std::int64_t kLeapDay = 1'709'164'800'000;  // 2024-02-29
    EXPECT_EQ(calendar_month(kLeapDay + kDay - 1), 202402);
    EXPECT_EQ(calendar_month(kLeapDay + kDay), 202403);
    EXPECT_EQ(calendar_month(-1), 196912) << "a clock that is before its epoch";
}

}  // namespace
}  // namespace sallyport::test
