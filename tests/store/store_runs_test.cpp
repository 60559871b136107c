// What every store must do: runs and their journal. One suite, each kind of store.
#include "engine/core/ids.hpp"
#include "tests/store/run_store_fixture.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

using namespace engine;

class Runs : public StoreTest {
  protected:
    Result<RunAccepted> create(const NewRun& run) {
        return ask_on<RunAccepted>([&](auto done) { store_->create_run(run, done); });
    }
    Result<Appended> append(const JournalCommit& commit) {
        return ask_on<Appended>([&](auto done) { store_->append(commit, done); });
    }
    std::optional<StoredRun> read(const std::string& id) {
        auto run = ask_on<std::optional<StoredRun>>([&](auto done) { store_->run(id, done); });
        EXPECT_TRUE(run.ok()) << run.message();
        return run.ok() ? *std::move(run) : std::nullopt;
    }
    // What of each line was claimed, in order.
    std::vector<std::string> claim(const std::vector<LineClaim>& lines, std::size_t commits = 1,
                                   std::size_t bytes_max = 1U << 20U) {
        const auto runs = ask_on<std::vector<StoredRun>>(
            [&](auto done) { store_->claim_waiting(lines, bytes_max, done); });
        EXPECT_TRUE(runs.ok()) << runs.message();
        std::vector<std::string> ids;
        for (const StoredRun& run : *runs) {
            EXPECT_EQ(run.commits.size(), commits);
            EXPECT_EQ(run.row.queue_class, 0);
            ids.push_back(run.row.id);
        }
        return ids;
    }
    static std::string text_of(const Result<std::vector<WaitingLine>>& lines) {
        EXPECT_TRUE(lines.ok()) << lines.message();
        std::vector<std::string> texts;
        for (const WaitingLine& line : *lines) {
            texts.push_back(line.project_id + std::to_string(line.queue_class) + "x" +
                            std::to_string(line.count) + "@" + std::to_string(line.oldest_ms));
        }
        std::sort(texts.begin(), texts.end());
        std::string all;
        for (const std::string& text : texts) {
            all += (all.empty() ? "" : " ") + text;
        }
        return all;
    }
    std::string lines() {
        return text_of(
            ask_on<std::vector<WaitingLine>>([&](auto done) { store_->waiting_lines(done); }));
    }
    std::string queue_due(std::int64_t now_ms, std::size_t limit) {
        return text_of(ask_on<std::vector<WaitingLine>>(
            [&](auto done) { store_->queue_due_runs(now_ms, limit, done); }));
    }
    NewRun waiting_run(const std::string& id, const std::string& project, int queue_class,
                       std::int64_t created_ms) {
        NewRun run = a_run(id);
        run.row.project_id = project;
        run.row.queue_class = queue_class;
        run.row.status = "QUEUED";
        run.row.created_ms = created_ms;
        return run;
    }
    std::vector<std::string> list(const RunQuery& query) {
        const auto page = ask_on<Page<RunRow>>([&](auto done) { store_->list_runs(query, done); });
        EXPECT_TRUE(page.ok()) << page.message();
        std::vector<std::string> ids;
        for (const RunRow& row : page->rows) {
            ids.push_back(row.id);
        }
        return ids;
    }
};

TEST_P(Runs, AJournalIsReadAsItWasWritten) {
    NewRun run = a_run("r1");
    run.row.parent_run_id = "r0";
    run.row.fail_parent = false;
    run.commit = "[\"\\u0000 \xf0\x9f\x9a\xaa \"]";
    ASSERT_TRUE(create(run).ok());
    JournalCommit last = a_commit("r1", 2);
    last.status = "FAILED";
    last.failed_step = R"({"name":"step_1","message":"\u0000"})";
    last.finished_ms = 9;
    EXPECT_EQ(*append(a_commit("r1", 1)), Appended::stored);
    EXPECT_EQ(*append(last), Appended::stored);
    const auto read_back = read("r1");
    ASSERT_TRUE(read_back);
    EXPECT_EQ(read_back->commits, (std::vector<std::string>{run.commit, "[1]", "[2]"}));
    EXPECT_EQ(read_back->row.status, "FAILED");
    EXPECT_EQ(read_back->row.steps_count, 3);
    EXPECT_EQ(read_back->row.failed_step, last.failed_step);
    EXPECT_EQ(read_back->row.finished_ms, 9);
    EXPECT_EQ(read_back->row.parent_run_id, "r0");
    EXPECT_FALSE(read_back->row.fail_parent);
    EXPECT_FALSE(read("r2"));
}

// One more than fits, whether their journals are stored as they are or packed.
TEST_P(Runs, NoMoreIsClaimedThanThereIsRoomFor) {
    constexpr std::size_t kLarge = 300'000;
    for (const char* id : {"a1", "a2", "a3", "a4", "b1", "c1"}) {
        NewRun run = waiting_run(id, std::string(1, id[0]), 3, 1);
        run.commit = "[\"" + std::string(id[0] == 'c' ? 10 : kLarge, 'x') + "\"]";
        ASSERT_TRUE(create(run).ok());
    }
    const std::vector<LineClaim> lines = {{"a", 3, 10}, {"b", 3, 10}, {"c", 3, 10}};
    using Ids = std::vector<std::string>;
    EXPECT_EQ(claim(lines, 1, 1), (Ids{"a1"})) << "what is larger than all of it comes alone";
    EXPECT_EQ(claim(lines, 1, kLarge + kLarge / 2), (Ids{"a2", "a3"}));
    EXPECT_EQ(claim(lines, 1, kLarge + kLarge / 2), (Ids{"a4", "b1"}));
    EXPECT_EQ(claim(lines, 1, 1), (Ids{"c1"}));
    EXPECT_EQ(claim(lines), Ids());
}

TEST_P(Runs, ADeliveryRunsOnceAFlow) {
    EXPECT_FALSE(create(a_run("r1", "d"))->duplicate);
    const auto again = create(a_run("r2", "d"));
    ASSERT_TRUE(again.ok()) << again.message();
    EXPECT_TRUE(again->duplicate);
    EXPECT_EQ(again->run_id, "r1");
    EXPECT_FALSE(read("r2"));
    NewRun other = a_run("r3", "d");
    other.row.flow_id = "another";
    EXPECT_FALSE(create(other)->duplicate);
    EXPECT_FALSE(create(a_run("r4"))->duplicate) << "no id, no limit";
    EXPECT_FALSE(create(a_run("r5"))->duplicate);
}

TEST_P(Runs, ManyAtOnceAreAllStored) {
    std::size_t done = 0;
    std::size_t duplicates = 0;
    for (int i = 0; i < 1500; ++i) {
        const bool twin = i % 3 == 0;
        store_->create_run(
            a_run("r" + std::to_string(10'000 + i), twin ? "d" + std::to_string(i / 6) : ""),
            [&](const Result<RunAccepted>& accepted) {
                ASSERT_TRUE(accepted.ok()) << accepted.message();
                duplicates += accepted->duplicate ? 1 : 0;
                ++done;
            });
    }
    ASSERT_TRUE(loop_.run_until([&] { return done == 1500; }));
    EXPECT_EQ(duplicates, 250u);
    RunQuery query;
    query.project_id = "p";
    query.limit = 2000;
    EXPECT_EQ(list(query).size(), 1250u);
}

TEST_P(Runs, ABadCommitSpoilsNoOther) {
    ASSERT_TRUE(create(a_run("r1")).ok());
    ASSERT_TRUE(create(a_run("r2")).ok());
    ASSERT_TRUE(append(a_commit("r1", 1)).ok());
    std::vector<int> outcome(3, -1);
    const auto note = [&outcome](std::size_t at) {
        return [&outcome, at](const Result<Appended>& result) {
            outcome[at] = !result.ok() ? 0 : *result == Appended::stored ? 1 : 2;
        };
    };
    JournalCommit clash = a_commit("r1", 1);
    clash.text = "[\"another\"]";
    store_->append(a_commit("r2", 1), note(0));
    store_->append(clash, note(1));
    store_->append(a_commit("r2", 2), note(2));
    ASSERT_TRUE(
        loop_.run_until([&] { return outcome[0] >= 0 && outcome[1] >= 0 && outcome[2] >= 0; }));
    EXPECT_EQ(outcome[0], 1);
    EXPECT_NE(outcome[1], 1) << "a place in the journal is given once";
    EXPECT_EQ(outcome[2], 1);
    EXPECT_EQ(read("r1")->commits[1], "[1]");
    EXPECT_EQ(read("r2")->commits.size(), 3u);
}

TEST_P(Runs, PausedRunsAreDueInTheirTime) {
    for (int i = 1; i <= 4; ++i) {
        const std::string id = "r" + std::to_string(i);
        ASSERT_TRUE(create(a_run(id)).ok());
        JournalCommit pause = a_commit(id, 1);
        pause.status = "PAUSED";
        pause.resume_ms = 1000 * i;
        ASSERT_TRUE(append(pause).ok());
    }
    EXPECT_EQ(queue_due(999, 10), "");
    EXPECT_EQ(queue_due(2500, 1), "p3x1@3000") << "the longest due first";
    const auto claimed = ask_on<ClaimedRun>([&](auto done) { store_->claim_run("r2", done); });
    ASSERT_TRUE(claimed.ok());
    EXPECT_EQ(claimed->outcome, ClaimedRun::Outcome::claimed);
    EXPECT_EQ(claimed->run.commits.size(), 2u);
    EXPECT_EQ(*append(a_commit("r2", 2)), Appended::stored);
    EXPECT_EQ(queue_due(3000, 10), "p3x1@3000") << "r3: the others are not due or went on";
    EXPECT_EQ(claim({{"p", RunRow::kDue, 10}}, 2), (std::vector<std::string>{"r1", "r3"}));
    EXPECT_EQ(read("r1")->row.status, "PAUSED") << "until it says otherwise";
    EXPECT_EQ(queue_due(3000, 10), "") << "a rest ends once";
    EXPECT_EQ(*append(a_commit("r3", 2)), Appended::stored);
    EXPECT_EQ(ask_on<ClaimedRun>([&](auto done) { store_->claim_run("r9", done); })->outcome,
              ClaimedRun::Outcome::unknown);
}

TEST_P(Runs, WhatWaitsIsClaimedLineByLineOldestFirst) {
    for (int i = 1; i <= 5; ++i) {
        ASSERT_TRUE(create(waiting_run("a" + std::to_string(i), "a", 3, 100 + i)).ok());
    }
    ASSERT_TRUE(create(waiting_run("b1", "b", 3, 200)).ok());
    ASSERT_TRUE(create(waiting_run("c1", "a", 5, 300)).ok());
    ASSERT_TRUE(create(a_run("r1")).ok());
    EXPECT_EQ(lines(), "a3x5@101 a5x1@300 b3x1@200");
    using Ids = std::vector<std::string>;
    EXPECT_EQ(claim({{"a", 3, 2}, {"b", 3, 7}, {"nobody", 3, 1}}), (Ids{"a1", "a2", "b1"}));
    EXPECT_EQ(read("a1")->row.status, "RUNNING");
    EXPECT_EQ(read("a3")->row.status, "QUEUED");
    EXPECT_EQ(read("a3")->row.queue_class, 3);
    EXPECT_EQ(lines(), "a3x3@103 a5x1@300");
    // One that is taken out of its line by what becomes of it, and one that is put back.
    const auto taken = ask_on<ClaimedRun>([&](auto done) { store_->claim_run("a3", done); });
    ASSERT_EQ(taken->outcome, ClaimedRun::Outcome::claimed);
    EXPECT_EQ(taken->run.row.queue_class, 3);
    JournalCommit end = a_commit("a3", 1);
    end.finished_ms = 9;
    EXPECT_EQ(*append(end), Appended::stored);
    ASSERT_EQ(ask_on<ClaimedRun>([&](auto done) { store_->claim_run("a4", done); })->outcome,
              ClaimedRun::Outcome::claimed);
    store_->release_run("a4");
    EXPECT_EQ(claim({{"a", 3, 9}, {"a", 5, 9}}), (Ids{"a4", "a5", "c1"}));
    EXPECT_EQ(lines(), "");
    EXPECT_EQ(*append(a_commit("a4", 1)), Appended::stored);
}

TEST_P(Runs, WhatWasUnderWayGoesIntoALineAfterARestart) {
    for (int i = 1; i <= 5; ++i) {
        ASSERT_TRUE(create(a_run("r" + std::to_string(i))).ok());
    }
    ASSERT_TRUE(create(waiting_run("w1", "p", 3, 5000)).ok());
    ASSERT_TRUE(create(waiting_run("w2", "p", 3, 5001)).ok());
    ASSERT_EQ(claim({{"p", 3, 1}}), std::vector<std::string>{"w1"});
    JournalCommit end = a_commit("r2", 1);
    end.finished_ms = 1;
    JournalCommit pause = a_commit("r3", 1);
    pause.resume_ms = 1;
    ASSERT_TRUE(append(end).ok());
    ASSERT_TRUE(append(pause).ok());
    reopen();
    std::string found;
    // A process that shares the store waits a moment before it takes what another one had.
    ASSERT_TRUE(wait_until([&] {
        found = text_of(
            ask_on<std::vector<WaitingLine>>([&](auto done) { store_->requeue_orphans(done); }));
        return !found.empty();
    }));
    EXPECT_EQ(found, "p1x4@3000");
    EXPECT_EQ(lines(), "p1x4@3000 p3x1@5001");
    EXPECT_EQ(text_of(ask_on<std::vector<WaitingLine>>(
                  [&](auto done) { store_->requeue_orphans(done); })),
              "");
    EXPECT_EQ(claim({{"p", 1, 10}}), (std::vector<std::string>{"r1", "r4", "r5", "w1"}));
    EXPECT_EQ(*append(a_commit("r1", 1)), Appended::stored);
    EXPECT_EQ(lines(), "p3x1@5001");
}

TEST_P(Runs, ListsAreNarrowedAndPaged) {
    for (int i = 0; i < 6; ++i) {
        NewRun run = a_run("r" + std::to_string(i));
        run.row.created_ms = 3000 + i / 2;
        run.row.flow_id = i % 2 == 0 ? "even" : "odd";
        run.row.environment = i == 5 ? "TESTING" : "PRODUCTION";
        run.row.status = i == 4 ? "FAILED" : "SUCCEEDED";
        run.row.failed_step = i == 4 ? R"({"name":"step_2","message":"\u0000"})" : "";
        ASSERT_TRUE(create(run).ok());
    }
    RunQuery query;
    query.project_id = "p";
    using Ids = std::vector<std::string>;
    EXPECT_EQ(list(query), (Ids{"r4", "r3", "r2", "r1", "r0"}));
    query.flow_ids = {"even"};
    EXPECT_EQ(list(query), (Ids{"r4", "r2", "r0"}));
    query.created_after_ms = 3001;
    query.created_before_ms = 3001;
    EXPECT_EQ(list(query), (Ids{"r2"}));
    query = {};
    query.project_id = "p";
    query.failed_step_name = "step_2";
    EXPECT_EQ(list(query), (Ids{"r4"}));
    query.failed_step_name.clear();
    query.statuses = {"SUCCEEDED", "RUNNING"};
    query.limit = 2;
    const auto page = ask_on<Page<RunRow>>([&](auto done) { store_->list_runs(query, done); });
    ASSERT_TRUE(page.ok() && page->next);
    query.cursor = page->next;
    EXPECT_EQ(list(query), (Ids{"r1", "r0"}));
}

// Those have an index of their own.
TEST_P(Runs, ThatFailedAreListedByThemselves) {
    const std::vector<std::string> statuses = {"FAILED",  "SUCCEEDED", "TIMEOUT",
                                               "RUNNING", "CANCELED",  "FAILED"};
    for (std::size_t i = 0; i < statuses.size(); ++i) {
        NewRun run = a_run("r" + std::to_string(i));
        run.row.created_ms = 3000 + static_cast<std::int64_t>(i);
        run.row.flow_id = i == 5 ? "other" : "f";
        run.row.status = statuses[i];
        run.row.finished_ms = statuses[i] == "RUNNING" ? 0 : 4000;
        ASSERT_TRUE(create(run).ok());
    }
    using Ids = std::vector<std::string>;
    const auto listed = [&](std::vector<std::string> wanted, std::vector<std::string> flows,
                            std::vector<std::string> ids = {}) {
        RunQuery query;
        query.project_id = "p";
        query.statuses = std::move(wanted);
        query.flow_ids = std::move(flows);
        query.ids = std::move(ids);
        return list(query);
    };
    EXPECT_EQ(listed({"FAILED"}, {}), (Ids{"r5", "r0"}));
    EXPECT_EQ(listed({"FAILED", "TIMEOUT"}, {}), (Ids{"r5", "r2", "r0"}));
    EXPECT_EQ(listed({"FAILED", "CANCELED"}, {"f"}), (Ids{"r4", "r0"}));
    EXPECT_EQ(listed({"FAILED", "CANCELED"}, {"f", "other"}), (Ids{"r5", "r4", "r0"}));
    EXPECT_EQ(listed({"FAILED", "SUCCEEDED"}, {}), (Ids{"r5", "r1", "r0"}));
    EXPECT_EQ(listed({"RUNNING"}, {"f"}), (Ids{"r3"}));
    EXPECT_EQ(listed({"FAILED"}, {}, {"r5", "r1", "r3"}), (Ids{"r5"}));
    EXPECT_EQ(listed({}, {"f"}, {"r5", "r1", "r3"}), (Ids{"r3", "r1"}));
    // What failed is tried again.
    JournalCommit again = a_commit("r0", 1);
    EXPECT_EQ(*append(again), Appended::stored);
    EXPECT_EQ(listed({"FAILED"}, {}), (Ids{"r5"}));
}

TEST_P(Runs, AreFoundByAllOfTheirTags) {
    const std::vector<std::string> tags = {R"(["a","b"])", R"(["b"])", R"(["x,\"a\",y","[c]"])",
                                           ""};
    for (std::size_t i = 0; i < tags.size(); ++i) {
        NewRun run = a_run("r" + std::to_string(i));
        run.row.created_ms = 3000 + static_cast<std::int64_t>(i);
        ASSERT_TRUE(create(run).ok());
        JournalCommit commit = a_commit(run.row.id, 1);
        commit.tags = tags[i];
        ASSERT_EQ(*append(commit), Appended::stored);
    }
    RunQuery query;
    query.project_id = "p";
    using Ids = std::vector<std::string>;
    const auto tagged = [&](const std::vector<std::string>& wanted) {
        query.tags = wanted;
        return list(query);
    };
    EXPECT_EQ(tagged({"b"}), (Ids{"r1", "r0"}));
    EXPECT_EQ(tagged({"a"}), (Ids{"r0"})) << "and not what is only written like it";
    EXPECT_EQ(tagged({"b", "a"}), (Ids{"r0"}));
    EXPECT_EQ(tagged({"b", "c"}), (Ids{}));
    EXPECT_EQ(tagged({"[c]"}), (Ids{"r2"}));
    EXPECT_EQ(tagged({R"(x,"a",y)"}), (Ids{"r2"}));
    EXPECT_EQ(tagged({""}), (Ids{}));
    EXPECT_EQ(tagged({}), (Ids{"r3", "r2", "r1", "r0"}));
    const auto read = ask_on<std::optional<StoredRun>>([&](auto done) { store_->run("r0", done); });
    ASSERT_TRUE(read.ok() && read->has_value());
    EXPECT_EQ((*read)->row.tags, R"(["a","b"])");
}

TEST_P(Runs, OldRunsAreRemovedWithTheirJournals) {
    const auto run_of = [](std::int64_t created_ms, int number) {
        std::string id = first_ordered_id(created_ms) + "xxxxxxxxxxxxx";
        id.back() = static_cast<char>('a' + number);
        NewRun run = a_run(id, "d" + id);
        run.row.created_ms = created_ms;
        return run;
    };
    std::vector<std::string> ids;
    for (int i = 0; i < 6; ++i) {
        const NewRun run = run_of(i < 4 ? 1000 : 9000, i);
        ids.push_back(run.row.id);
        ASSERT_TRUE(create(run).ok());
        JournalCommit end = a_commit(run.row.id, 1);
        end.finished_ms = i == 3 ? 0 : 5;
        end.resume_ms = i == 3 ? 77 : 0;
        ASSERT_TRUE(append(end).ok());
    }
    const auto remove = [&](std::size_t limit) {
        const auto removed =
            ask_on<std::size_t>([&](auto done) { store_->remove_old_runs(9000, limit, done); });
        EXPECT_TRUE(removed.ok()) << removed.message();
        return removed.ok() ? *removed : 0;
    };
    EXPECT_EQ(remove(2), 2u);
    EXPECT_EQ(remove(2), 1u);
    EXPECT_EQ(remove(2), 0u);
    EXPECT_FALSE(read(ids[0]));
    EXPECT_FALSE(read(ids[2]));
    EXPECT_TRUE(read(ids[3])) << "it rests";
    EXPECT_EQ(read(ids[4])->commits.size(), 2u) << "not old enough";
    EXPECT_FALSE(create(a_run("again", "d" + ids[0]))->duplicate) << "its delivery is forgotten";
    EXPECT_TRUE(create(a_run("twice", "d" + ids[5]))->duplicate);
}

TEST_P(Runs, RunsAreCountedAndPutAway) {
    for (int i = 0; i < 4; ++i) {
        NewRun run = a_run("r" + std::to_string(i));
        run.row.status = i == 0 ? "FAILED" : "RUNNING";
        run.row.project_id = i == 3 ? "another" : "p";
        run.row.created_ms = 1000 + i;
        ASSERT_TRUE(create(run).ok());
    }
    RunQuery counted;
    counted.project_id = "p";
    const auto counts = [&] {
        const auto found =
            ask_on<std::vector<StatusCount>>([&](auto done) { store_->count_runs(counted, done); });
        std::string text;
        for (const StatusCount& one : *found) {
            text += one.status + "=" + std::to_string(one.count) + " ";
        }
        return text;
    };
    EXPECT_EQ(counts(), "FAILED=1 RUNNING=2 ");
    counted.created_after_ms = 1001;
    EXPECT_EQ(counts(), "RUNNING=2 ");
    counted.created_before_ms = 1001;
    EXPECT_EQ(counts(), "RUNNING=1 ");
    counted.created_after_ms.reset();
    EXPECT_EQ(counts(), "FAILED=1 RUNNING=1 ");
    counted.created_before_ms.reset();
    ASSERT_TRUE(ask_on<Done>([&](auto done) {
                    store_->archive_runs("p", {"r0", "r3", "nothing", "it's"}, 77, done);
                }).ok());
    EXPECT_EQ(counts(), "RUNNING=2 ");
    EXPECT_EQ(read("r0")->row.archived_ms, 77);
    EXPECT_EQ(read("r3")->row.archived_ms, 0) << "of another project";
    RunQuery query;
    query.project_id = "p";
    EXPECT_EQ(list(query).size(), 2u);
    query.include_archived = true;
    EXPECT_EQ(list(query).size(), 3u);
}

INSTANTIATE_TEST_SUITE_P(Sqlite, Runs, ::testing::Values(StoreKind::sqlite));
INSTANTIATE_TEST_SUITE_P(Postgres, Runs, ::testing::Values(StoreKind::postgres));

}  // namespace
}  // namespace sallyport::test
