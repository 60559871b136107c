// Storage and queue steps while the engine is killed at random moments, on both stores: what a step
// added, it added once, and what it took is in its run's record or still there.
//
// SALLYPORT_ONCE_KILLS and SALLYPORT_ONCE_SEED choose how many and which moments.
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace sallyport::test {
namespace {

constexpr std::size_t kClients = 4;

unsigned chosen(const char* name, unsigned fallback) {
    const char* text = std::getenv(name);
    return text == nullptr ? fallback : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

std::string piece_step(std::string_view name, std::string_view piece, std::string_view action,
                       std::string_view input) {
    return R"({"type":"PIECE","displayName":"Step","valid":true,"name":")" + std::string(name) +
           R"(","settings":{"pieceName":"@activepieces/piece-)" + std::string(piece) +
           R"(","pieceVersion":"0.1.0","actionName":")" + std::string(action) +
           R"(","propertySettings":{},"input":)" + std::string(input) + "}}";
}

class EngineOnce : public ::testing::TestWithParam<std::string> {
  protected:
    EngineOnce() : random_(chosen("SALLYPORT_ONCE_SEED", 1)) {
        std::vector<std::string> settings = {"AP_LOG_LEVEL=warn"};
        if (GetParam() == "postgres") {
            server_ = std::make_unique<PostgresServer>();
            settings.emplace_back("AP_DB_TYPE=POSTGRES");
            settings.push_back("AP_POSTGRES_URL=" + server_->make_database());
        }
        engine_ = std::make_unique<EngineProcess>(settings);
        ann_ = std::make_unique<ApiUser>(*engine_);
        ann_->sign_up();
        flow_ = ann_->make_flow(
            {piece_step("push", "queue", "push-to-queue",
                        R"({"queueName":"q","items":["{{trigger.output.body.n}}"]})"),
             piece_step("note", "store", "append",
                        R"({"key":"all","value":"{{trigger.output.body.n}},"})"),
             piece_step("pull", "queue", "pull-from-queue", R"({"queueName":"q","numOfItems":1})"),
             piece_step("job", "queue", "enqueue-job",
                        R"({"queueName":"jobs","data":"{{trigger.output.body.n}}"})")});
        look_ = ann_->make_flow(
            {piece_step("peek", "queue", "peek-queue", R"({"queueName":"q","numOfItems":100000})"),
             piece_step("get", "store", "get", R"({"key":"all"})"),
             answer_step("answer", R"({"left":"{{peek.output.items}}","all":"{{get.output}}"})")});
    }

    void send_webhooks() {
        HttpClient client;
        while (!stop_) {
            HttpRequest hook;
            hook.method = "POST";
            hook.url = engine_->url("/v1/webhooks/" + flow_ + "/sync");
            hook.headers = {{"Content-Type", "application/json"}};
            hook.body = R"({"n":)" + std::to_string(++sent_) + "}";
            if (client.send(hook).status == 0) {
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            }
        }
    }

    void storm(unsigned kills) {
        std::vector<std::thread> clients;
        for (std::size_t i = 0; i < kClients; ++i) {
            clients.emplace_back([this] { send_webhooks(); });
        }
        for (unsigned kill = 0; kill < kills; ++kill) {
            const int moment_ms = std::uniform_int_distribution<int>(20, 300)(random_);
            std::this_thread::sleep_for(std::chrono::milliseconds(moment_ms));
            engine_->kill();
            engine_->start();
        }
        stop_ = true;
        for (std::thread& client : clients) {
            client.join();
        }
    }

    bool all_ended() {
        const std::string counts =
            ann_->get("/v1/flow-runs/count-by-status?projectId=" + ann_->project()).raw.body;
        return counts.find("RUNNING") == std::string::npos &&
               counts.find("QUEUED") == std::string::npos;
    }

    // Every run of the flow, whoever heard of it.
    std::vector<Json> runs() {
        std::vector<Json> all;
        std::string cursor;
        do {
            const Json page = ann_->get("/v1/flow-runs?limit=100&projectId=" + ann_->project() +
                                        "&flowId=" + flow_ + cursor)
                                  .body;
            page["data"].each_element([&](const Json& run) {
                all.push_back(ann_->get("/v1/flow-runs/" + std::string(run["id"].text())).body);
            });
            cursor = "&cursor=" + std::string(page["next"].text());
        } while (cursor != "&cursor=");
        return all;
    }

    std::unique_ptr<PostgresServer> server_;
    std::unique_ptr<EngineProcess> engine_;
    std::unique_ptr<ApiUser> ann_;
    std::string flow_;
    std::string look_;
    std::mt19937 random_;
    std::atomic<bool> stop_ = false;
    std::atomic<int> sent_ = 0;
};

// How often each number is in a text of numbers with a comma behind each.
std::map<std::int64_t, int> counted(const std::string& text) {
    std::map<std::int64_t, int> counts;
    for (std::size_t at = 0; at < text.size(); at = text.find(',', at) + 1) {
        ++counts[std::strtoll(text.c_str() + at, nullptr, 10)];
    }
    return counts;
}

// What of one is not so in the other, to be read.
std::string difference(const std::map<std::int64_t, int>& is,
                       const std::map<std::int64_t, int>& should) {
    std::string text;
    const auto look = [&](const auto& one, const auto& other, const char* word) {
        for (const auto& [number, count] : one) {
            const auto there = other.find(number);
            if (there == other.end() || there->second < count) {
                text += std::to_string(number) + word;
            }
        }
    };
    look(is, should, " too often, ");
    look(should, is, " too seldom, ");
    return text;
}

TEST_P(EngineOnce, WhatAStepAddsOrTakesItAddsOrTakesOnce) {
    storm(chosen("SALLYPORT_ONCE_KILLS", 20));
    ann_->sign_in("ann@example.org", "Password1!");
    ASSERT_TRUE(wait_until([&] { return all_ended(); }));
    const Result<Json> kept = Json::parse(deliver_webhook(*engine_, look_, "{}", "/sync").body);
    ASSERT_TRUE(kept.ok()) << kept.message();
    std::map<std::int64_t, int> had;  // taken, or there still
    const auto have = [&had](const Json& item) { ++had[item.integer_or(0)]; };
    (*kept)["left"].each_element(have);
    std::map<std::int64_t, int> once;  // what there should be
    for (const Json& run : runs()) {
        EXPECT_EQ(run["status"].text(), "SUCCEEDED") << run["failedStep"].dump();
        ++once[run["steps"]["trigger"]["output"]["body"]["n"].integer_or(0)];
        run["steps"]["pull"]["output"].each_element(have);
        const std::string job(run["steps"]["job"]["output"]["jobId"].text());
        EXPECT_EQ(job, std::string(run["id"].text()) + ":job:1");
    }
    EXPECT_GT(once.size(), 20u);
    EXPECT_EQ(difference(had, once), "") << "of the queue";
    EXPECT_EQ(difference(counted(std::string((*kept)["all"].text())), once), "") << "of the text";
    std::printf("%s: %zu runs, %d webhooks\n", GetParam().c_str(), once.size(), sent_.load());
}

INSTANTIATE_TEST_SUITE_P(Stores, EngineOnce, ::testing::Values("sqlite", "postgres"));

}  // namespace
}  // namespace sallyport::test
