// Kills at random moments under webhooks, on both stores, and the books afterwards: every
// acknowledged run ends, no recorded step is performed again, each effect is under its one key.
//
// SALLYPORT_LEDGER_KILLS and SALLYPORT_LEDGER_SEED choose how long and which moments;
// scripts/kill-soak runs the long form. The ledger is printed.
#include "tests/engine/engine_process.hpp"
#include "tests/engine/faulty_machine.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::test {
namespace {

unsigned from_environment(const char* name, unsigned fallback) {
    const char* text = std::getenv(name);
    return text == nullptr ? fallback : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

// What the world outside saw: the number of the last request under each key.
class World {
  public:
    UpstreamReply answer(const UpstreamRequest& request) {
        const std::string key = request.header("idempotency-key").value_or("none");
        const std::lock_guard lock(mutex_);
        const int number = ++requests_;
        Effect& effect = effects_[key];
        effect.last = number;
        effect.times += 1;
        UpstreamReply reply;
        reply.headers = {{"Content-Type", "application/json"}};
        reply.body = R"({"n":)" + std::to_string(number) + "}";
        return reply;
    }
    struct Effect {
        int last = 0;
        int times = 0;
    };
    std::map<std::string, Effect> effects() const {
        const std::lock_guard lock(mutex_);
        return effects_;
    }

  private:
    mutable std::mutex mutex_;
    std::map<std::string, Effect> effects_;
    int requests_ = 0;
};

struct Acknowledged {
    std::string run;
    std::string answer;  // of a sync caller
};

struct Books {
    std::mutex mutex;
    std::vector<Acknowledged> acknowledged;
    std::atomic<std::size_t> sent = 0;
    std::atomic<std::size_t> refused = 0;     // 503
    std::atomic<std::size_t> unanswered = 0;  // the engine died first
};

// Two engines on PostgreSQL may have clocks that are an hour apart; then each run rests a moment,
// too.
enum class Where { sqlite, postgres, clocks_apart };

class EngineLedger : public ::testing::TestWithParam<Where> {
  protected:
    EngineLedger() : random_(from_environment("SALLYPORT_LEDGER_SEED", 1)) {
        std::vector<std::string> settings = {"SALLYPORT_EGRESS_ALLOW=" + stub_.address(),
                                             "AP_LOG_LEVEL=warn"};
        if (shared()) {
            server_ = std::make_unique<PostgresServer>();
            database_ = server_->make_database();
            settings.emplace_back("AP_DB_TYPE=POSTGRES");
            settings.push_back("AP_POSTGRES_URL=" + database_);
        }
        engines_.push_back(std::make_unique<EngineProcess>(settings));
        if (GetParam() == Where::clocks_apart) {
            machine_.set_clock(1);
            engines_.push_back(std::make_unique<EngineProcess>(settings, machine_.wrapper()));
        } else if (shared()) {
            engines_.push_back(std::make_unique<EngineProcess>(settings));
        }
        ann_ = std::make_unique<ApiUser>(*engines_[0]);
        ann_->sign_up();
        const std::string call = R"({"method":"POST","url":"http://)" + stub_.address() +
                                 R"(/effect","body_type":"json","body":{}})";
        std::vector<std::string> steps = {
            code_step("first", "export const code = async () => Math.random();"),
            http_step("call", call),
            code_step("second", "export const code = async (inputs) => inputs.n;",
                      R"({"n":"{{call.output.body.n}}"})")};
        if (GetParam() == Where::clocks_apart) {
            steps.push_back(delay_step("rest", "delayFor", R"({"unit":"seconds","delayFor":1})"));
        }
        steps.push_back(http_step("again", call));
        steps.push_back(answer_step("answer", R"({"n":"{{second.output}}"})"));
        flow_ = ann_->make_flow(steps);
    }

    static bool shared() { return GetParam() != Where::sqlite; }

    int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }

    // Sends until told to stop, by turns to all engines, every third time as a sync caller.
    void send_webhooks(std::size_t from) {
        HttpClient client;
        for (std::size_t i = from; !stop_; ++i) {
            const bool sync = i % 3 == 0;
            HttpRequest hook;
            hook.method = "POST";
            hook.url =
                engines_[i % engines_.size()]->url("/v1/webhooks/" + flow_ + (sync ? "/sync" : ""));
            ++books_.sent;
            const HttpResponse answer = client.send(hook);
            if (answer.status == 200) {
                const std::lock_guard lock(books_.mutex);
                books_.acknowledged.push_back(
                    {answer.header("x-webhook-id").value_or(""), sync ? answer.body : ""});
            } else if (answer.status == 503) {
                ++books_.refused;
                std::this_thread::sleep_for(std::chrono::milliseconds(20));
            } else {
                ++books_.unanswered;
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            }
        }
    }

    // The connections by which engines are there for each other, and hear of each other.
    void cut_listeners() {
        server_->query(database_,
                       "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = "
                       "'advisory'");
        ++listener_cuts_;
    }

    // One thing dies: mostly an engine, sometimes a sandbox worker, the database or what one hears
    // by.
    void kill_something() {
        EngineProcess& engine =
            *engines_[static_cast<std::size_t>(pick(0, static_cast<int>(engines_.size()) - 1))];
        const int dice = pick(1, 10);
        if (dice == 1 && server_ != nullptr) {
            server_->crash();
            server_->start();
            ++database_kills_;
        } else if (dice == 4 && server_ != nullptr) {
            cut_listeners();
        } else if (dice <= 3) {
            for (const ChildProcess& child : children_of(engine.pid())) {
                ::kill(child.pid, SIGKILL);
            }
            ++worker_kills_;
        } else {
            engine.kill();
            engine.start();
            ++engine_kills_;
        }
    }

    void storm(unsigned kills) {
        std::vector<std::jthread> clients;
        for (std::size_t i = 0; i < 4; ++i) {
            clients.emplace_back([this, i] { send_webhooks(i); });
        }
        // Also when an engine does not start again, which is to be said instead of waited for.
        const struct AtEnd {
            std::atomic<bool>& stop;
            ~AtEnd() { stop = true; }
        } at_end{stop_};
        for (unsigned kill = 0; kill < kills; ++kill) {
            std::this_thread::sleep_for(std::chrono::milliseconds(pick(50, 600)));
            kill_something();
        }
    }

    // The record of one run against what the world saw.
    void check(const Acknowledged& one, const std::map<std::string, World::Effect>& effects) {
        const Json run = ann_->finished_run(one.run);
        const std::string status(run["status"].text());
        ++ended_[status];
        // A worker that was killed in the middle of a script is an internal error, and said so.
        EXPECT_TRUE(status == "SUCCEEDED" || (status == "INTERNAL_ERROR" && worker_kills_ > 0))
            << run.dump();
        for (const char* step : {"call", "again"}) {
            const Json record = run["steps"][step];
            if (record["status"].text() != "SUCCEEDED") {
                continue;
            }
            const auto effect = effects.find(one.run + ":" + step + ":1");
            ASSERT_NE(effect, effects.end()) << "an effect nobody saw";
            EXPECT_EQ(record["output"]["body"]["n"].integer_or(0), effect->second.last)
                << one.run << ": performed again after its result was recorded";
        }
        if (!one.answer.empty()) {
            EXPECT_EQ(one.answer, R"({"n":)" + run["steps"]["second"]["output"].dump() + "}");
        }
    }

    void print() const {
        std::size_t repeated = 0;
        for (const auto& [key, effect] : world_->effects()) {
            repeated += effect.times > 1 ? 1 : 0;
        }
        std::printf("ledger, %s\n", shared() ? "PostgreSQL, two engines" : "SQLite");
        std::printf("  killed        engines %d, sandboxes %d, databases %d, listeners %d\n",
                    engine_kills_, worker_kills_, database_kills_, listener_cuts_);
        std::printf("  sent          %zu\n", books_.sent.load());
        std::printf("  acknowledged  %zu\n", books_.acknowledged.size());
        std::printf("  refused       %zu (503)\n", books_.refused.load());
        std::printf("  unanswered    %zu (the engine died first)\n", books_.unanswered.load());
        for (const auto& [status, count] : ended_) {
            std::printf("  ended         %zu %s\n", count, status.c_str());
        }
        std::printf(
            "  effects       %zu keys, %zu of them asked for again before their result "
            "was on disk\n",
            world_->effects().size(), repeated);
    }

    std::shared_ptr<World> world_ = std::make_shared<World>();
    Upstream stub_{
        [world = world_](const UpstreamRequest& request) { return world->answer(request); }};
    FaultyMachine machine_;
    std::unique_ptr<PostgresServer> server_;
    std::string database_;
    std::vector<std::unique_ptr<EngineProcess>> engines_;
    std::unique_ptr<ApiUser> ann_;
    std::string flow_;
    std::mt19937 random_;
    Books books_;
    std::atomic<bool> stop_ = false;
    int engine_kills_ = 0;
    int worker_kills_ = 0;
    int database_kills_ = 0;
    int listener_cuts_ = 0;
    std::map<std::string, std::size_t> ended_;
};

TEST_P(EngineLedger, EveryAcknowledgedRunEndsAndNoRecordedStepRepeats) {
    storm(from_environment("SALLYPORT_LEDGER_KILLS", 12));
    ASSERT_FALSE(books_.acknowledged.empty());
    ann_->sign_in("ann@example.org", "Password1!");
    // First all ends, then the books are closed: what the world sees after that was a repetition.
    for (const Acknowledged& one : books_.acknowledged) {
        ann_->finished_run(one.run);
    }
    const auto effects = world_->effects();
    for (const Acknowledged& one : books_.acknowledged) {
        check(one, effects);
    }
    print();
}

INSTANTIATE_TEST_SUITE_P(Sqlite, EngineLedger, ::testing::Values(Where::sqlite));
INSTANTIATE_TEST_SUITE_P(Postgres, EngineLedger, ::testing::Values(Where::postgres));
INSTANTIATE_TEST_SUITE_P(ClocksApart, EngineLedger, ::testing::Values(Where::clocks_apart));

}  // namespace
}  // namespace sallyport::test
