// Strict limits in a real Redis: one round trip, the same count for all nodes, and what happens
// when the server is stopped, frozen, restarted or says no, under load.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kServer = R"(
    server {
        listen 127.0.0.1:%%PORT%%;
        add_header X-Where $sallyport_rate_limit_store always;
        location / { sallyport_rate_limit five; empty_gif; }
        location /three { sallyport_rate_limit three; empty_gif; }
        location /both { sallyport_rate_limit five three; empty_gif; }
        location /mixed { sallyport_rate_limit near three; empty_gif; }
        location /near { sallyport_rate_limit near; empty_gif; }
        location /wide { sallyport_rate_limit wide; empty_gif; }
        location /allow { sallyport_rate_limit open; empty_gif; }
        location /deny { sallyport_rate_limit closed; empty_gif; }
    }
)";

// %%URL%% and %%OPTIONS%% are the test's.
constexpr std::string_view kLimits = R"(
    sallyport_redis main %%URL%% %%OPTIONS%%;
    sallyport_limit near  rate=10r/d key=$arg_k;
    sallyport_limit five  rate=5r/d key=$arg_k store=main mode=strict;
    sallyport_limit three rate=3r/d key=$arg_k store=main mode=strict;
    sallyport_limit wide  rate=1000000r/d key=$arg_k store=main mode=strict;
    sallyport_limit open  rate=3r/d key=$arg_k store=main mode=strict on_store_error=allow;
    sallyport_limit closed rate=1000r/d key=$arg_k store=main mode=strict on_store_error=deny;
)";

// What a crowd of clients saw.
struct Seen {
    std::atomic<long> by_redis{0};
    std::atomic<long> by_fallback{0};
    std::atomic<long> bad{0};  // not 200
    std::atomic<long> slowest_ms{0};
};

// Clients that ask without pause until they are told to stop.
class Crowd {
  public:
    Crowd(const NginxServer& nginx, const std::string& path, int count) {
        for (int i = 0; i < count; ++i) {
            threads_.emplace_back([this, url = nginx.url(path)] { run(url); });
        }
    }
    ~Crowd() { stop(); }
    void stop() {
        stopping_ = true;
        for (std::thread& thread : threads_) {
            thread.join();
        }
        threads_.clear();
    }
    Seen seen;

  private:
    void run(const std::string& url) {
        HttpClient client;
        while (!stopping_) {
            const auto start = std::chrono::steady_clock::now();
            const HttpResponse response = client.get(url);
            const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
                std::chrono::steady_clock::now() - start);
            long slowest = seen.slowest_ms;
            while (took.count() > slowest &&
                   !seen.slowest_ms.compare_exchange_weak(slowest, took.count())) {
            }
            seen.bad += response.status == 200 ? 0 : 1;
            const std::string where = response.header("X-Where").value_or("");
            seen.by_redis += where == "main" ? 1 : 0;
            seen.by_fallback += where == "fallback" ? 1 : 0;
        }
    }
    std::atomic<bool> stopping_{false};
    std::vector<std::thread> threads_;
};

class RateLimitRedisTest : public testing::Test {
  protected:
    NginxOptions options(const std::string& redis_options = "budget=20ms", int workers = 1) {
        NginxOptions out;
        out.variables = {{"URL", "unix:" + redis_.socket_path()}, {"OPTIONS", redis_options}};
        out.workers = workers;
        return out;
    }
    static std::string config() { return std::string(kLimits) + std::string(kServer); }

    static std::string where(const NginxServer& nginx, const std::string& path) {
        return get(nginx.url(path)).header("X-Where").value_or("");
    }
    // True once Redis decides again.
    static bool recovered(const NginxServer& nginx) {
        return wait_until([&] { return where(nginx, "/wide?k=probe") == "main"; });
    }
    static int admitted(const NginxServer& nginx, const std::string& path, int tries) {
        int count = 0;
        for (int i = 0; i < tries; ++i) {
            count += get(nginx.url(path)).status == 200 ? 1 : 0;
        }
        return count;
    }

    RedisServer redis_;
};

TEST_F(RateLimitRedisTest, CountsInRedisUnderHashedKeysWithALife) {
    NginxServer nginx(config(), options());
    for (int left = 4; left >= 0; --left) {
        const auto response = get(nginx.url("/?k=secret-key"));
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(response.header("X-Where"), "main");
        EXPECT_THAT(response.header("RateLimit").value_or(""),
                    HasSubstr("\"five\";r=" + std::to_string(left)));
    }
    const auto refused = get(nginx.url("/?k=secret-key"));
    EXPECT_EQ(refused.status, 429);
    EXPECT_TRUE(refused.header("Retry-After").has_value());
    EXPECT_EQ(refused.header("RateLimit-Policy"), "\"five\";q=5;w=86400");

    const std::string keys = redis_.command({"KEYS", "sallyport:{five}:*"});
    EXPECT_THAT(keys, testing::MatchesRegex("\\*1\r\n\\$49\r\nsallyport:\\{five\\}:[0-9a-f]+\r\n"));
    EXPECT_THAT(keys, Not(HasSubstr("secret-key")));
    const std::string key = keys.substr(keys.find("sallyport"), 49);
    const std::string ttl = redis_.command({"TTL", key});
    EXPECT_GT(std::stol(ttl.substr(1)), 80'000) << ttl;
    EXPECT_LE(std::stol(ttl.substr(1)), 86'400) << ttl;
}

TEST_F(RateLimitRedisTest, SeveralLimitsTakeOneRoundTripAndAllOrNothing) {
    NginxServer nginx(config(), options());
    ASSERT_TRUE(recovered(nginx));
    redis_.command({"CONFIG", "RESETSTAT"});
    EXPECT_EQ(admitted(nginx, "/both?k=a", 6), 3);
    EXPECT_THAT(redis_.command({"INFO", "commandstats"}), HasSubstr("cmdstat_evalsha:calls=6,"));
    EXPECT_EQ(admitted(nginx, "/?k=a", 6), 2) << "the refused ones took nothing";

    // Local and shared limits on one request: what Redis refuses is given back locally.
    EXPECT_EQ(admitted(nginx, "/mixed?k=b", 8), 3);
    EXPECT_EQ(admitted(nginx, "/near?k=b", 9), 7);
}

TEST_F(RateLimitRedisTest, NodesAndWorkersShareOneCount) {
    NginxServer one(config(), options("budget=500ms", 2));
    NginxOptions over_tcp = options("budget=500ms", 2);
    over_tcp.variables["URL"] = "redis://127.0.0.1:" + std::to_string(redis_.port());
    NginxServer two(config(), over_tcp);
    ASSERT_TRUE(recovered(one) && recovered(two));
    std::atomic<int> passed{0};
    std::vector<std::thread> clients;
    for (const NginxServer* node : {&one, &two, &one, &two}) {
        clients.emplace_back([&passed, node] { passed += admitted(*node, "/?k=shared", 10); });
    }
    for (std::thread& client : clients) {
        client.join();
    }
    EXPECT_EQ(passed, 5);
}

TEST_F(RateLimitRedisTest, AForgottenScriptIsLoadedAgainWithinTheRequest) {
    NginxServer nginx(config(), options("budget=500ms"));
    ASSERT_TRUE(recovered(nginx));
    for (int i = 0; i < 3; ++i) {
        redis_.command({"SCRIPT", "FLUSH"});
        EXPECT_EQ(where(nginx, "/wide?k=a"), "main");
    }
    EXPECT_THAT(nginx.error_log(), Not(HasSubstr("not available")));
}

TEST_F(RateLimitRedisTest, PasswordUserAndDatabase) {
    RedisServer guarded({"--requirepass", "correct horse"});
    NginxOptions with_password = options("budget=500ms password_file=%%DIR%%/password.key");
    with_password.files = {{"password.key", "correct horse\n"}};
    with_password.variables["URL"] = "redis://127.0.0.1:" + std::to_string(guarded.port()) + "/3";
    {
        NginxServer nginx(config(), with_password);
        EXPECT_TRUE(recovered(nginx));
    }
    redis_.command({"ACL", "SETUSER", "gate", "on", ">gatepass", "~sallyport:*", "+@all"});
    NginxOptions with_user = options("budget=500ms user=gate password_file=%%DIR%%/password.key");
    with_user.files = {{"password.key", "gatepass"}};
    {
        NginxServer nginx(config(), with_user);
        EXPECT_TRUE(recovered(nginx));
    }
}

TEST_F(RateLimitRedisTest, AWrongPasswordIsReportedOnceAndLimitsGoOnLocally) {
    RedisServer guarded({"--requirepass", "right"});
    NginxOptions wrong =
        options("budget=500ms password_file=%%DIR%%/password.key backoff=10ms backoff_max=10ms");
    wrong.files = {{"password.key", "wrong-password"}};
    wrong.variables["URL"] = "redis://127.0.0.1:" + std::to_string(guarded.port());
    NginxServer nginx(config(), wrong);
    EXPECT_EQ(admitted(nginx, "/?k=a", 30), 5);
    EXPECT_EQ(where(nginx, "/?k=a"), "fallback");
    const std::string log = nginx.error_log();
    const std::size_t first = log.find("store \"main\" is not available (WRONGPASS");
    ASSERT_NE(first, std::string::npos) << log;
    EXPECT_EQ(log.find("is not available", first + 50), std::string::npos) << log;
    EXPECT_THAT(log, Not(HasSubstr("wrong-password")));
}

TEST_F(RateLimitRedisTest, KilledAndRestartedUnderLoad) {
    NginxServer nginx(config(), options("budget=20ms backoff=20ms backoff_max=100ms", 2));
    ASSERT_TRUE(recovered(nginx));
    Crowd crowd(nginx, "/wide?k=crowd", 4);
    for (int round = 0; round < 3; ++round) {
        const long before = crowd.seen.by_redis;
        EXPECT_TRUE(wait_until([&] { return crowd.seen.by_redis > before + 50; })) << round;
        redis_.stop();
        const long without = crowd.seen.by_fallback;
        EXPECT_TRUE(wait_until([&] { return crowd.seen.by_fallback > without + 50; })) << round;
        redis_.start();
    }
    const long last = crowd.seen.by_redis;
    EXPECT_TRUE(wait_until([&] { return crowd.seen.by_redis > last + 50; }));
    crowd.stop();
    EXPECT_EQ(crowd.seen.bad, 0);
    EXPECT_LT(crowd.seen.slowest_ms, 1000);
    EXPECT_THAT(nginx.error_log(), HasSubstr("store \"main\" is not available"));
}

TEST_F(RateLimitRedisTest, FrozenUnderLoadCostsNoMoreThanTheBudget) {
    NginxServer nginx(config(),
                      options("budget=20ms failures=5 backoff=20ms backoff_max=100ms", 2));
    ASSERT_TRUE(recovered(nginx));
    Crowd crowd(nginx, "/wide?k=crowd", 4);
    for (int round = 0; round < 3; ++round) {
        const long before = crowd.seen.by_redis;
        EXPECT_TRUE(wait_until([&] { return crowd.seen.by_redis > before + 50; })) << round;
        redis_.pause();
        const long without = crowd.seen.by_fallback;
        // Far more than the breaker's failures: with it open nobody waits.
        EXPECT_TRUE(wait_until([&] { return crowd.seen.by_fallback > without + 500; })) << round;
        redis_.resume();
    }
    const long last = crowd.seen.by_redis;
    EXPECT_TRUE(wait_until([&] { return crowd.seen.by_redis > last + 50; }));
    crowd.stop();
    EXPECT_EQ(crowd.seen.bad, 0);
    EXPECT_LT(crowd.seen.slowest_ms, 1000);
}

TEST_F(RateLimitRedisTest, LocalContinuationStartsFromTheLastKnownState) {
    NginxServer nginx(config(), options("budget=500ms"));
    ASSERT_TRUE(recovered(nginx));
    EXPECT_EQ(admitted(nginx, "/?k=a", 3), 3);
    redis_.stop();
    EXPECT_EQ(admitted(nginx, "/?k=a", 6), 2);
    EXPECT_EQ(where(nginx, "/?k=a"), "fallback");
}

TEST_F(RateLimitRedisTest, EachOutageModeDoesWhatItSays) {
    NginxServer nginx(config(), options());
    ASSERT_TRUE(recovered(nginx));
    redis_.stop();
    EXPECT_EQ(admitted(nginx, "/allow?k=a", 10), 10);
    EXPECT_FALSE(get(nginx.url("/allow?k=a")).header("RateLimit").has_value());
    EXPECT_EQ(admitted(nginx, "/three?k=a", 10), 3);
    const auto denied = get(nginx.url("/deny?k=a"));
    EXPECT_EQ(denied.status, 503);
    EXPECT_EQ(denied.header("Retry-After"), "1");
    EXPECT_THAT(denied.body, HasSubstr("rate_limit_store_unavailable"));
    redis_.start();
    ASSERT_TRUE(recovered(nginx));
    EXPECT_EQ(get(nginx.url("/deny?k=a")).status, 200);
}

TEST_F(RateLimitRedisTest, StartsAndServesWithoutRedis) {
    redis_.stop();
    NginxServer nginx(config(), options("backoff=20ms backoff_max=100ms"));
    EXPECT_EQ(admitted(nginx, "/?k=a", 10), 5);
    redis_.start();
    EXPECT_TRUE(recovered(nginx));
}

TEST_F(RateLimitRedisTest, ServersThatSayNoAreAnOutageToo) {
    NginxServer nginx(config(), options("budget=500ms failures=3 backoff=20ms backoff_max=100ms"));
    ASSERT_TRUE(recovered(nginx));
    redis_.command({"CONFIG", "SET", "maxmemory", "1"});
    redis_.command({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
    EXPECT_EQ(admitted(nginx, "/three?k=a", 10), 3);
    EXPECT_EQ(where(nginx, "/three?k=a"), "fallback");
    EXPECT_THAT(nginx.error_log(), HasSubstr("is not available (OOM"));
    redis_.command({"CONFIG", "SET", "maxmemory", "0"});
    EXPECT_TRUE(recovered(nginx));
    redis_.command({"REPLICAOF", "127.0.0.1", "1"});
    EXPECT_EQ(admitted(nginx, "/three?k=b", 10), 3);
    EXPECT_EQ(where(nginx, "/three?k=b"), "fallback");
    redis_.command({"REPLICAOF", "NO", "ONE"});
    EXPECT_TRUE(recovered(nginx));
}

TEST_F(RateLimitRedisTest, ClientsThatLeaveWhileTheyWaitHarmNobody) {
    NginxServer nginx(config(), options("budget=300ms failures=1000"));
    ASSERT_TRUE(recovered(nginx));
    for (int round = 0; round < 2; ++round) {
        redis_.pause();
        for (int i = 0; i < 50; ++i) {
            RawSocket client(nginx.port());
            client.send("GET /wide?k=gone HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        const auto waited = get(nginx.url("/wide?k=stays"));
        EXPECT_EQ(waited.status, 200);
        EXPECT_EQ(waited.header("X-Where"), "fallback");
        redis_.resume();
        ASSERT_TRUE(recovered(nginx));
    }
}

TEST_F(RateLimitRedisTest, AReloadDropsNothing) {
    NginxServer nginx(config(), options("budget=1000ms", 2));
    ASSERT_TRUE(recovered(nginx));
    EXPECT_EQ(admitted(nginx, "/?k=kept", 5), 5);
    {
        Crowd crowd(nginx, "/wide?k=crowd", 3);
        for (int i = 0; i < 3; ++i) {
            const long before = crowd.seen.by_redis;
            EXPECT_TRUE(wait_until([&] { return crowd.seen.by_redis > before + 20; }));
            ASSERT_TRUE(nginx.reload());
        }
        crowd.stop();
        EXPECT_EQ(crowd.seen.bad, 0);
    }
    EXPECT_EQ(admitted(nginx, "/?k=kept", 2), 0);

    // Requests under way when their worker is told to end are still answered.
    redis_.pause();
    HttpResponse waiting;
    std::thread client([&] { waiting = get(nginx.url("/wide?k=late")); });
    ASSERT_TRUE(nginx.reload());
    redis_.resume();
    client.join();
    EXPECT_EQ(waiting.status, 200);
}

}  // namespace
}  // namespace sallyport::test
