// Several processes on one PostgreSQL database: each run has one owner, whose commits alone count;
// what one did reaches the others; a server that crashes and comes back costs nothing that was
// acknowledged.
#include "engine/adapters/postgres/store.hpp"
#include "tests/integration/fixtures/wait.hpp"
#include "tests/store/run_store_fixture.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

using namespace engine;

class SharedStore : public StoreTest {
  protected:
    std::unique_ptr<Store> another() {
        auto opened = home_.open(loop_);
        EXPECT_TRUE(opened.ok()) << opened.message();
        return opened.ok() ? *std::move(opened) : nullptr;
    }
    Result<Appended> append(Store& store, const JournalCommit& commit) {
        return ask_on<Appended>([&](auto done) { store.append(commit, done); });
    }
    ClaimedRun::Outcome claim(Store& store, const std::string& id) {
        return ask_on<ClaimedRun>([&](auto done) { store.claim_run(id, done); })->outcome;
    }
    void create(Store& store, const NewRun& run) {
        const auto accepted = ask_on<RunAccepted>([&](auto done) { store.create_run(run, done); });
        ASSERT_TRUE(accepted.ok()) << accepted.message();
    }
};

TEST_P(SharedStore, OnlyTheOwnerCommits) {
    const auto other = another();
    create(*store_, a_run("r1"));
    EXPECT_EQ(claim(*other, "r1"), ClaimedRun::Outcome::elsewhere);
    EXPECT_EQ(*append(*other, a_commit("r1", 1)), Appended::lost);
    EXPECT_EQ(*append(*store_, a_commit("r1", 1)), Appended::stored);
    EXPECT_EQ(*append(*store_, a_commit("r1", 1)), Appended::stored) << "the same once more";
    JournalCommit pause = a_commit("r1", 2);
    pause.resume_ms = 5;
    EXPECT_EQ(*append(*store_, pause), Appended::stored);
    EXPECT_EQ(claim(*other, "r1"), ClaimedRun::Outcome::claimed) << "a rest belongs to nobody";
    EXPECT_EQ(*append(*store_, a_commit("r1", 3)), Appended::lost);
    other->release_run("r1");
    EXPECT_TRUE(
        loop_.run_until([&] { return claim(*store_, "r1") == ClaimedRun::Outcome::claimed; }));
}

TEST_P(SharedStore, WhatWaitsGoesToOneProcessEach) {
    const auto other = another();
    constexpr std::size_t kRuns = 200;
    for (std::size_t i = 0; i < kRuns; ++i) {
        NewRun run = a_run("r" + std::to_string(1000 + i));
        run.row.queue_class = i % 2 == 0 ? 3 : 0;
        create(*store_, run);
        if (i % 2 == 1) {
            JournalCommit pause = a_commit(run.row.id, 1);
            pause.resume_ms = 1;
            ASSERT_TRUE(append(*store_, pause).ok());
        }
    }
    std::size_t moved = 0;
    std::multiset<std::string> taken;
    int answers = 0;
    const auto note_moved = [&](const Result<std::vector<WaitingLine>>& lines) {
        ASSERT_TRUE(lines.ok()) << lines.message();
        for (const WaitingLine& line : *lines) {
            moved += line.count;
        }
        ++answers;
    };
    const auto note = [&](const Result<std::vector<StoredRun>>& runs) {
        ASSERT_TRUE(runs.ok()) << runs.message();
        for (const StoredRun& run : *runs) {
            taken.insert(run.row.id);
        }
        ++answers;
    };
    // Who finds a row taken passes it over; it is there for the next who asks.
    ASSERT_TRUE(wait_until([&] {
        answers = 0;
        for (int i = 0; i < 10; ++i) {
            for (Store* store : {store_.get(), other.get()}) {
                store->queue_due_runs(10, 20, note_moved);
                store->claim_waiting({{"p", 3, 20}}, 1U << 20U, note);
            }
        }
        EXPECT_TRUE(loop_.run_until([&] { return answers == 40; }));
        return taken.size() >= kRuns;
    }));
    EXPECT_EQ(moved, kRuns / 2);
    EXPECT_EQ(taken.size(), kRuns);
    EXPECT_EQ(std::set<std::string>(taken.begin(), taken.end()).size(), kRuns);
}

TEST_P(SharedStore, OneDeliveryAtTwoProcessesRunsOnce) {
    const auto other = another();
    std::set<std::string> runs;
    std::size_t duplicates = 0;
    std::size_t answers = 0;
    for (int i = 0; i < 100; ++i) {
        Store& store = i % 2 == 0 ? *store_ : *other;
        store.create_run(a_run("r" + std::to_string(i), "d" + std::to_string(i / 4)),
                         [&](const Result<RunAccepted>& accepted) {
                             ASSERT_TRUE(accepted.ok()) << accepted.message();
                             runs.insert(accepted->run_id);
                             duplicates += accepted->duplicate ? 1 : 0;
                             ++answers;
                         });
    }
    ASSERT_TRUE(loop_.run_until([&] { return answers == 100; }));
    EXPECT_EQ(runs.size(), 25u);
    EXPECT_EQ(duplicates, 75u);
}

TEST_P(SharedStore, OneUserHasAnExternalIdWhoeverGivesIt) {
    const auto other = another();
    for (const char* id : {"u0", "u1"}) {
        ASSERT_TRUE(ask_on<AccountStore::SignUp>([&](auto done) {
                        store_->sign_up(a_user(id, std::string(id) + "@example.org"),
                                        a_project("p" + std::string(id), id), true, done);
                    }).ok());
    }
    for (int round = 0; round < 40; ++round) {
        const std::string external = "x" + std::to_string(round);
        int answers = 0;
        int taken = 0;
        const auto give = [&](Store& store, const std::string& id) {
            store.change_user(
                id,
                [external](UserRow& user) {
                    user.external_id = external;
                    return true;
                },
                [&](const Result<std::optional<UserRow>>& user) {
                    ASSERT_TRUE(user.ok() && user->has_value());
                    taken += (*user)->external_id == external ? 1 : 0;
                    ++answers;
                });
        };
        give(*store_, "u0");
        give(*other, "u1");
        ASSERT_TRUE(loop_.run_until([&] { return answers == 2; }));
        EXPECT_EQ(taken, 1) << round;
    }
}

TEST_P(SharedStore, OthersHearOfAnswersAndOfFlows) {
    const auto other = another();
    std::vector<StoreNotice> heard;
    other->on_notice([&](const StoreNotice& notice) { heard.push_back(notice); });
    // Until it listens nothing is heard: say it again.
    create(*store_, a_run("r1"));
    std::int64_t sequence = 1;
    ASSERT_TRUE(loop_.run_until([&] {
        JournalCommit commit = a_commit("r1", sequence++);
        commit.announce = true;
        EXPECT_TRUE(append(*store_, commit).ok());
        return std::any_of(heard.begin(), heard.end(), [](const StoreNotice& notice) {
            return notice.kind == StoreNotice::Kind::run_done && notice.id == "r1";
        });
    }));
    ASSERT_TRUE(ask_on<AccountStore::SignUp>([&](auto done) {
                    store_->sign_up(a_user("u", "u@example.org"), a_project("p", "u"), false, done);
                }).ok());
    ASSERT_TRUE(ask_on<Done>([&](auto done) { store_->create_flow(a_flow("f", "p"), done); }).ok());
    heard.clear();
    ASSERT_TRUE(ask_on<std::optional<StoredFlow>>([&](auto done) {
                    store_->change_flow(
                        "f", [](StoredFlow&) { return true; }, done);
                }).ok());
    EXPECT_TRUE(loop_.run_until([&] {
        return std::any_of(heard.begin(), heard.end(), [](const StoreNotice& notice) {
            return notice.kind == StoreNotice::Kind::flow_changed && notice.id == "f";
        });
    }));
}

TEST_P(SharedStore, ACrashOfTheServerLosesNothingAcknowledged) {
    std::size_t answers = 0;
    std::vector<std::string> acknowledged;
    constexpr std::size_t kRuns = 3000;
    for (std::size_t i = 0; i < kRuns; ++i) {
        store_->create_run(a_run("r" + std::to_string(10'000 + i), "d" + std::to_string(i)),
                           [&](const Result<RunAccepted>& accepted) {
                               ++answers;
                               if (accepted.ok()) {
                                   EXPECT_FALSE(accepted->duplicate)
                                       << "its own first attempt is no duplicate";
                                   acknowledged.push_back(accepted->run_id);
                               }
                           });
    }
    ASSERT_TRUE(loop_.run_until([&] { return answers >= 500; }));
    shared_postgres().crash();
    EXPECT_FALSE(loop_.run_until([] { return false; }, std::chrono::milliseconds(50)));
    shared_postgres().start();
    ASSERT_TRUE(loop_.run_until([&] { return answers == kRuns; }, std::chrono::seconds(60)));
    EXPECT_EQ(acknowledged.size(), kRuns) << "a short absence is waited for";
    EXPECT_EQ(shared_postgres().query(home_.database(), "SELECT count(*) FROM run"),
              std::to_string(kRuns));
    EXPECT_EQ(shared_postgres().query(home_.database(), "SELECT count(*) FROM run_journal"),
              std::to_string(kRuns));
}

TEST_P(SharedStore, ACrashOfTheServerLosesNothingThatWaits) {
    constexpr std::size_t kRuns = 2000;
    std::size_t created = 0;
    for (std::size_t i = 0; i < kRuns; ++i) {
        NewRun run = a_run("r" + std::to_string(10'000 + i));
        run.row.queue_class = 3;
        store_->create_run(run, [&](const Result<RunAccepted>& accepted) {
            ASSERT_TRUE(accepted.ok()) << accepted.message();
            ++created;
        });
    }
    ASSERT_TRUE(loop_.run_until([&] { return created == kRuns; }));
    std::multiset<std::string> taken;
    std::size_t answers = 0;
    std::function<void()> claim_more = [&] {
        store_->claim_waiting({{"p", 3, 20}}, 1U << 20U,
                              [&](const Result<std::vector<StoredRun>>& runs) {
                                  ASSERT_TRUE(runs.ok()) << runs.message();
                                  for (const StoredRun& run : *runs) {
                                      taken.insert(run.row.id);
                                  }
                                  ++answers;
                                  if (!runs->empty()) {
                                      claim_more();
                                  }
                              });
    };
    constexpr std::size_t kAtOnce = 8;
    for (std::size_t i = 0; i < kAtOnce; ++i) {
        claim_more();
    }
    for (int crash = 0; crash < 3; ++crash) {
        const std::size_t before = answers;
        ASSERT_TRUE(loop_.run_until([&] { return answers >= before + 5; }));
        shared_postgres().crash();
        EXPECT_FALSE(loop_.run_until([] { return false; }, std::chrono::milliseconds(20)));
        shared_postgres().start();
    }
    ASSERT_TRUE(loop_.run_until([&] { return taken.size() >= kRuns; }, std::chrono::seconds(60)));
    EXPECT_EQ(std::set<std::string>(taken.begin(), taken.end()).size(), kRuns);
    EXPECT_EQ(taken.size(), kRuns) << "none twice";
}

TEST_P(SharedStore, ANewerSchemaIsRefused) {
    store_.reset();
    shared_postgres().query(home_.database(), "INSERT INTO schema_migration VALUES (999, 0)");
    const auto opened = home_.open(loop_);
    ASSERT_FALSE(opened.ok());
    EXPECT_NE(opened.message().find("start the newer engine"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Postgres, SharedStore, ::testing::Values(StoreKind::postgres));

}  // namespace
}  // namespace sallyport::test
