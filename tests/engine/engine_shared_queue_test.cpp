// Two engines on one PostgreSQL database work off one queue of jobs: each job once, so many at a
// time, those of one key in their order, and no sooner after each other than the trigger says.
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

constexpr int kJobsOfAKey = 6;

// What the jobs' steps call: notes who is there, and lets some out only when more have come.
class Workplace {
  public:
    void enter(const std::string& job) {
        const std::lock_guard lock(mutex_);
        order_.push_back(job);
        most_ = std::max(most_, ++inside_);
    }
    void leave() {
        const std::lock_guard lock(mutex_);
        --inside_;
    }
    int most() const {
        const std::lock_guard lock(mutex_);
        return most_;
    }
    std::vector<std::string> order() const {
        const std::lock_guard lock(mutex_);
        return order_;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> order_;
    int inside_ = 0;
    int most_ = 0;
};

std::string queue_step(std::string_view name, std::string_view action, std::string_view input) {
    return R"({"type":"PIECE","displayName":"S","valid":true,"name":")" + std::string(name) +
           R"(","settings":{"pieceName":"@activepieces/piece-queue","pieceVersion":"0.1.0","actionName":")" +
           std::string(action) + R"(","propertySettings":{},"input":)" + std::string(input) + "}}";
}

class SharedQueue : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { server_ = std::make_unique<PostgresServer>(); }
    static void TearDownTestSuite() { server_.reset(); }
    SharedQueue() { ann_.sign_up(); }

    std::vector<std::string> on_database() {
        return {"AP_DB_TYPE=POSTGRES", "AP_POSTGRES_URL=" + database_,
                "SALLYPORT_EGRESS_ALLOW=" + stub_.address()};
    }
    // A published flow that processes this queue.
    std::string worker(const std::string& input) {
        const std::string flow = ann_.make_flow(
            {http_step("call", R"({"method":"POST","url":"http://)" + stub_.address() +
                                   R"(/{{trigger.output.data}}"})")});
        EXPECT_EQ(
            ann_.operate(
                    flow, "UPDATE_TRIGGER",
                    R"({"type":"PIECE_TRIGGER","name":"trigger","displayName":"T","valid":true,"settings":{"pieceName":"@activepieces/piece-queue","pieceVersion":"0.1.0","triggerName":"process-jobs","propertySettings":{},"input":)" +
                        input + "}}")
                .status,
            200);
        EXPECT_EQ(ann_.operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})").status, 200);
        return flow;
    }
    std::string giver(const std::string& queue) {
        return ann_.make_flow(
            {queue_step(
                 "give", "enqueue-job",
                 R"({"queueName":")" + queue +
                     R"(","key":"{{trigger.output.body.key}}","data":"{{trigger.output.body.n}}"})"),
             answer_step("done", R"({"n":1})")});
    }
    // Returns once the job is in the queue.
    void give(const EngineProcess& engine, const std::string& flow, const std::string& key,
              const std::string& data) {
        EXPECT_EQ(deliver_webhook(engine, flow, R"({"key":")" + key + R"(","n":")" + data + "\"}",
                                  "/sync")
                      .status,
                  200);
    }
    std::size_t runs_of(const std::string& flow, const std::string& status = "") {
        return ann_
            .get("/v1/flow-runs?limit=1000&projectId=" + ann_.project() + "&flowId=" + flow +
                 (status.empty() ? "" : "&status=" + status))
            .body["data"]
            .size();
    }

    inline static std::unique_ptr<PostgresServer> server_;
    Workplace place_;
    Upstream stub_{[this](const UpstreamRequest& request) {
        place_.enter(request.target.substr(1));
        // Long enough for the other engine to look while this one is at work.
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        place_.leave();
        return UpstreamReply{};
    }};
    std::string database_ = server_->make_database();
    EngineProcess first_{on_database()};
    EngineProcess second_{on_database()};
    ApiUser ann_{first_};
};

TEST_F(SharedQueue, EachJobRunsOnceInItsTurn) {
    const std::string flow = worker(R"({"queueName":"work","maxConcurrent":2})");
    const std::string gives = giver("work");
    // Each key's jobs come by one engine or by both in turn, one after the other; those of other
    // keys at the same time.
    const auto give_all = [&](const std::string& key) {
        for (int i = 0; i < kJobsOfAKey; ++i) {
            const bool here = key == "a" || (key == "c" && i % 2 == 0);
            give(here ? first_ : second_, gives, key, key + std::to_string(i));
        }
    };
    std::vector<std::future<void>> givers;
    for (const char* key : {"a", "b", "c"}) {
        givers.push_back(std::async(std::launch::async, give_all, std::string(key)));
    }
    for (auto& one : givers) {
        one.get();
    }
    constexpr std::size_t kAll = 3 * kJobsOfAKey;
    // Every second two at most are taken.
    ASSERT_TRUE(wait_until([&] { return place_.order().size() >= kAll; }, kDeadline * 3))
        << place_.order().size();
    ASSERT_TRUE(wait_until([&] { return runs_of(flow, "SUCCEEDED") >= kAll; }));
    EXPECT_EQ(runs_of(flow), kAll);
    EXPECT_EQ(place_.order().size(), kAll) << "a job ran twice";
    EXPECT_LE(place_.most(), 2) << "two at a time, and no more";
    std::map<char, std::string> of_key;
    for (const std::string& job : place_.order()) {
        of_key[job.front()] += job.back();
    }
    for (const auto& [key, order] : of_key) {
        EXPECT_EQ(order, "012345") << key;
    }
}

TEST_F(SharedQueue, JobsStartApartOnWhicheverEngine) {
    // A day apart: of the five that may run at once only one starts while the test looks.
    const std::string slow =
        worker(R"({"queueName":"slow","maxConcurrent":5,"delayBetweenJobsMs":86400000})");
    const std::string quick = worker(R"({"queueName":"quick","maxConcurrent":5})");
    const std::string gives_slow = giver("slow");
    const std::string gives_quick = giver("quick");
    for (int i = 0; i < 4; ++i) {
        give(i % 2 == 0 ? first_ : second_, gives_slow, "", "s" + std::to_string(i));
    }
    ASSERT_TRUE(wait_until([&] { return runs_of(slow, "SUCCEEDED") == 1; }));
    // The other queue shows that both have looked again and again since.
    for (std::size_t i = 1; i <= 4; ++i) {
        give(i % 2 == 0 ? first_ : second_, gives_quick, "", "q" + std::to_string(i));
        ASSERT_TRUE(wait_until([&] { return runs_of(quick, "SUCCEEDED") == i; }));
    }
    EXPECT_EQ(runs_of(slow), 1U);
}

}  // namespace
}  // namespace sallyport::test
