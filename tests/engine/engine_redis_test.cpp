// Two engines on one PostgreSQL that tell each other by Redis which runs are done, with Redis
// there, gone, silent, strict, behind TLS and under Sentinels.
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"
#include "tests/integration/fixtures/redis_cluster.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace sallyport::test {
namespace {

constexpr const char* kChannel = "sallyport:0:run_done";

std::size_t count_of(const std::string& text, std::string_view word) {
    std::size_t count = 0;
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
        ++count;
    }
    return count;
}

class EngineRedis : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { server_ = std::make_unique<PostgresServer>(); }
    static void TearDownTestSuite() { server_.reset(); }

    void start(const std::vector<std::string>& redis) {
        std::vector<std::string> settings = redis;
        settings.emplace_back("AP_DB_TYPE=POSTGRES");
        settings.push_back("AP_POSTGRES_URL=" + server_->make_database());
        first_ = std::make_unique<EngineProcess>(settings);
        second_ = std::make_unique<EngineProcess>(settings);
        ann_ = std::make_unique<ApiUser>(*first_);
        ann_->sign_up();
        flow_ = ann_->make_flow(
            {R"({"type":"PIECE","displayName":"Links","valid":true,"name":"links","settings":{"pieceName":"@activepieces/piece-approval","pieceVersion":"0.1.0","actionName":"create_approval_links","propertySettings":{},"input":{}}})",
             R"({"type":"PIECE","displayName":"Wait","valid":true,"name":"wait","settings":{"pieceName":"@activepieces/piece-approval","pieceVersion":"0.1.0","actionName":"wait_for_approval","propertySettings":{},"input":{}}})",
             answer_step("answer", R"({"ok":"{{wait.output.approved}}"})")});
    }

    // A caller waits at the first; the second ends the run. What the caller gets.
    std::string call_across(const std::function<void()>& in_between = [] {}) {
        auto waiting = std::async(std::launch::async, [&] {
            HttpRequest request;
            request.method = "POST";
            request.url = first_->url("/v1/webhooks/" + flow_ + "/sync");
            return send(request).body;
        });
        Json run;
        EXPECT_TRUE(wait_until([&] {
            const Json runs =
                ann_->get("/v1/flow-runs?status=PAUSED&projectId=" + ann_->project()).body["data"];
            run = runs.size() == 1 ? runs.at(0) : Json();
            return run.exists();
        }));
        run = ann_->get("/v1/flow-runs/" + std::string(run["id"].text())).body;
        const std::string link(run["steps"]["links"]["output"]["approvalLink"].text());
        in_between();
        HttpRequest approve;
        approve.url = second_->url(link.substr(link.find("/api/v1/")));
        EXPECT_EQ(send(approve).status, 200);
        return waiting.get();
    }
    std::size_t said(std::string_view word) const {
        return count_of(first_->log(), word) + count_of(second_->log(), word);
    }
    static bool both_listen(const RedisServer& redis) {
        return redis.command({"PUBSUB", "NUMSUB", kChannel}).find(":2\r\n") != std::string::npos;
    }
    static std::string published(const RedisServer& redis) {
        const std::string info = redis.command({"INFO", "commandstats"});
        const std::size_t at = info.find("cmdstat_publish:calls=");
        return at == std::string::npos ? "0" : info.substr(at + 22, info.find(',', at) - at - 22);
    }

    static constexpr const char* kAnswer = R"({"ok":true})";
    static std::unique_ptr<PostgresServer> server_;
    std::unique_ptr<EngineProcess> first_;
    std::unique_ptr<EngineProcess> second_;
    std::unique_ptr<ApiUser> ann_;
    std::string flow_;
};
std::unique_ptr<PostgresServer> EngineRedis::server_;

TEST_F(EngineRedis, TellsWhichRunsAreDone) {
    RedisServer redis({"--requirepass", "hush hush"});
    start({"AP_REDIS_URL=redis://:hush%20hush@" + redis.address()});
    EXPECT_EQ(call_across(), kAnswer);
    EXPECT_EQ(said("redis_lost"), 0u) << first_->log();
    EXPECT_EQ(first_->log().find("hush"), std::string::npos);
}

TEST_F(EngineRedis, IsUsedWhenItIsThereAndNotMissedWhenItIsGone) {
    RedisServer redis;
    start({"AP_REDIS_HOST=127.0.0.1", "AP_REDIS_PORT=" + std::to_string(redis.port())});
    ASSERT_TRUE(wait_until([&] { return both_listen(redis); }));
    EXPECT_EQ(call_across(), kAnswer);
    EXPECT_NE(published(redis), "0");

    redis.stop();
    ASSERT_TRUE(wait_until([&] { return said("redis_lost") == 2; }));
    EXPECT_EQ(call_across(), kAnswer);
    redis.start();
    ASSERT_TRUE(wait_until([&] { return said("redis_back") == 2 && both_listen(redis); }));
    EXPECT_EQ(said("redis_lost"), 2u) << "once each";
    EXPECT_EQ(published(redis), "0");
    EXPECT_EQ(call_across(), kAnswer);
    EXPECT_NE(published(redis), "0");
}

// It takes what it is told and does nothing: that is found out, and told by the database.
TEST_F(EngineRedis, MayFallSilent) {
    RedisServer redis;
    start({"AP_REDIS_URL=redis://" + redis.address()});
    ASSERT_TRUE(wait_until([&] { return both_listen(redis); }));
    EXPECT_EQ(call_across([&] { redis.pause(); }), kAnswer);
    EXPECT_EQ(call_across(), kAnswer);
    redis.resume();
    ASSERT_TRUE(wait_until([&] { return both_listen(redis); }));
    EXPECT_EQ(call_across(), kAnswer);
}

// Whatever moment it dies at, every caller gets the answer.
TEST_F(EngineRedis, MayDieAgainAndAgain) {
    RedisServer redis;
    start({"AP_REDIS_URL=redis://" + redis.address()});
    std::atomic<bool> enough{false};
    auto calls = std::async(std::launch::async, [&] {
        int answered = 0;
        while (!enough && call_across() == kAnswer) {
            ++answered;
        }
        return answered;
    });
    for (int death = 0; death < 8; ++death) {
        EXPECT_TRUE(wait_until([&] { return both_listen(redis); }));
        std::this_thread::sleep_for(std::chrono::milliseconds(17 * death));  // in the midst of it
        EXPECT_NE(calls.wait_for(std::chrono::seconds(0)), std::future_status::ready);
        redis.restart();
    }
    enough = true;
    EXPECT_GT(calls.get(), 20);
    EXPECT_TRUE(wait_until([&] { return both_listen(redis); }));
}

TEST_F(EngineRedis, NeedNotBeThereAtAll) {
    start({"AP_REDIS_URL=redis://127.0.0.1:9"});
    ASSERT_TRUE(wait_until([&] { return said("redis_lost") == 2; }));
    EXPECT_EQ(call_across(), kAnswer);
    EXPECT_EQ(said("redis_lost"), 2u);
}

TEST_F(EngineRedis, MayRefuseUs) {
    RedisServer redis;
    redis.command({"ACL", "SETUSER", "ann", "on", ">secret", "resetchannels", "+ping", "+subscribe",
                   "+publish"});
    start({"AP_REDIS_URL=redis://ann:secret@" + redis.address()});
    ASSERT_TRUE(wait_until([&] { return said("redis_lost") == 2; }));
    EXPECT_NE(first_->log().find("NOPERM"), std::string::npos) << first_->log();
    EXPECT_EQ(call_across(), kAnswer);
    EXPECT_EQ(first_->log().find(":secret"), std::string::npos);
}

std::vector<std::string> under(const std::string& sentinels, const std::string& name = "mymaster") {
    return {"AP_REDIS_TYPE=SENTINEL", "AP_REDIS_SENTINEL_HOSTS=" + sentinels,
            "AP_REDIS_SENTINEL_NAME=" + name};
}
std::string sentinel_of(const RedisSentinels& redis) {
    return "127.0.0.1:" + std::to_string(redis.port());
}

// Nobody is at the first address, one who never answers at the second.
TEST_F(EngineRedis, IsNamedBySentinels) {
    RedisSentinels redis;
    RedisServer mute;
    mute.pause();
    start(under("127.0.0.1:9," + mute.address() + "," + sentinel_of(redis)));
    ASSERT_TRUE(wait_until([&] { return both_listen(redis.server(0)); })) << first_->log();
    EXPECT_EQ(call_across(), kAnswer);
    EXPECT_NE(published(redis.server(0)), "0");
    // Both alive: the old master hangs up, and the new one is found.
    redis.fail_over();
    ASSERT_TRUE(wait_until([&] { return both_listen(redis.server(1)); })) << first_->log();
    EXPECT_EQ(call_across(), kAnswer);
    EXPECT_FALSE(both_listen(redis.server(0)));
}

TEST_F(EngineRedis, IsFollowedWhenItDies) {
    RedisSentinels redis;
    start(under(sentinel_of(redis)));
    ASSERT_TRUE(wait_until([&] { return both_listen(redis.server(0)); })) << first_->log();
    redis.server(0).stop();
    EXPECT_EQ(call_across(), kAnswer) << "meanwhile";
    ASSERT_TRUE(wait_until([&] { return redis.master() == 1; }));
    ASSERT_TRUE(wait_until([&] { return both_listen(redis.server(1)); })) << first_->log();
    EXPECT_TRUE(wait_until([&] { return said("redis_back") == 2; }));
    EXPECT_EQ(call_across(), kAnswer);
    EXPECT_NE(published(redis.server(1)), "0");
}

TEST_F(EngineRedis, SaysWhatSentinelsDoNotKnow) {
    RedisSentinels redis;
    start(under(sentinel_of(redis), "other"));
    ASSERT_TRUE(wait_until([&] { return said("redis_lost") == 2; }));
    EXPECT_NE(first_->log().find("it does not know the master other"), std::string::npos)
        << first_->log();
    EXPECT_EQ(call_across(), kAnswer);
}

// The Sentinel and both servers behind TLS; what the Sentinel names is known by its certificate
// too.
TEST_F(EngineRedis, IsNamedAndFollowedBySentinelsOverTls) {
    RedisSentinels redis(RedisSentinels::Over::tls);
    auto settings = under("localhost:" + std::to_string(redis.tls_port()));
    settings.emplace_back("AP_REDIS_USE_SSL=true");
    settings.push_back("AP_REDIS_SSL_CA_FILE=" + certificates().ca);
    start(settings);
    ASSERT_TRUE(wait_until([&] { return both_listen(redis.server(0)); })) << first_->log();
    EXPECT_EQ(call_across(), kAnswer);
    EXPECT_NE(published(redis.server(0)), "0");
    redis.fail_over();
    ASSERT_TRUE(wait_until([&] { return both_listen(redis.server(1)); })) << first_->log();
    EXPECT_EQ(call_across(), kAnswer);
    redis.server(1).stop();
    EXPECT_EQ(call_across(), kAnswer) << "without any";
    // One that somebody else signed for is not believed, and one without TLS not asked.
    for (const auto& [sentinel, problem] :
         {std::pair("localhost:" + std::to_string(redis.tls_port()), "certificate verify failed"),
          std::pair(sentinel_of(redis), "redis_lost")}) {
        auto wrong = under(sentinel);
        wrong.emplace_back("AP_REDIS_USE_SSL=true");
        wrong.push_back("AP_REDIS_SSL_CA_FILE=" + certificates().stranger_certificate);
        start(wrong);
        ASSERT_TRUE(wait_until([&] { return said("redis_lost") == 2; }));
        EXPECT_NE(first_->log().find(problem), std::string::npos) << first_->log();
        EXPECT_EQ(call_across(), kAnswer);
    }
}

TEST_F(EngineRedis, IsKnownByItsCertificate) {
    HeldPort tls;
    RedisServer secured({"--tls-port", std::to_string(tls.number()), "--tls-cert-file",
                         certificates().server_certificate, "--tls-key-file",
                         certificates().server_key, "--tls-auth-clients", "no"});
    const std::string port = std::to_string(tls.number());
    start({"AP_REDIS_URL=rediss://localhost:" + port, "AP_REDIS_SSL_CA_FILE=" + certificates().ca});
    ASSERT_TRUE(wait_until([&] { return both_listen(secured); })) << first_->log();
    EXPECT_EQ(call_across(), kAnswer);
    EXPECT_EQ(said("redis_lost"), 0u);
    // Signed by nobody we know.
    start({"AP_REDIS_URL=rediss://localhost:" + port,
           "AP_REDIS_SSL_CA_FILE=" + certificates().stranger_certificate});
    ASSERT_TRUE(wait_until([&] { return said("redis_lost") == 2; }));
    EXPECT_NE(first_->log().find("certificate verify failed"), std::string::npos);
    EXPECT_EQ(call_across(), kAnswer);
}

}  // namespace
}  // namespace sallyport::test
