// Every trouble that a Redis can make, by every way to go on without it: no request is lost, none
// gets a 500, none waits much longer than its budget, and each limit does what on_store_error=
// says. And when all is well, four gateways together let pass what one bucket has.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/fixtures/tcp_proxy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kConfig = R"(
    log_format waits "$status $request_time $uri";
    access_log %%DIR%%/access.log waits;
    sallyport_redis main redis://127.0.0.1:%%REDIS%% budget=%%BUDGET%% failures=3 backoff=20ms backoff_max=100ms;
    sallyport_limit on_local rate=5r/d key=$arg_k store=main mode=strict;
    sallyport_limit on_allow rate=5r/d key=$arg_k store=main mode=strict on_store_error=allow;
    sallyport_limit on_deny  rate=1000r/d key=$arg_k store=main mode=strict on_store_error=deny;
    sallyport_limit leased   rate=10r/d burst=40 key=$arg_k store=main;
    sallyport_limit windowed window=1h max=5 key=$arg_k store=main;
    sallyport_limit slots    concurrent=50 key=$arg_k store=main;
    sallyport_limit wide     rate=1000000r/d key=$arg_k store=main mode=strict;
    server {
        listen 127.0.0.1:%%PORT%%;
        add_header X-Where $sallyport_rate_limit_store always;
        location /local { sallyport_rate_limit on_local; empty_gif; }
        location /allow { sallyport_rate_limit on_allow; empty_gif; }
        location /deny { sallyport_rate_limit on_deny; empty_gif; }
        location /leased { sallyport_rate_limit leased; empty_gif; }
        location /windowed { sallyport_rate_limit windowed; empty_gif; }
        location /all { sallyport_rate_limit wide windowed slots leased; empty_gif; }
        location /wide { sallyport_rate_limit wide; empty_gif; }
    }
)";
// The budget is 20 ms; on a machine that does much else a timer may come late.
constexpr double kWaitSMax = 2.0;

struct Trouble {
    const char* name;
    std::function<void(RedisServer&, TcpProxy&)> begin;
    std::function<void(RedisServer&, TcpProxy&)> end;
    bool seldom_answers = false;  // some answers may still come in time
};

std::vector<Trouble> troubles() {
    const auto config = [](const char* name, const char* value) {
        return [name, value](RedisServer& redis, TcpProxy&) {
            redis.command({"CONFIG", "SET", name, value});
        };
    };
    return {
        {"killed", [](RedisServer& r, TcpProxy&) { r.stop(); },
         [](RedisServer& r, TcpProxy&) { r.start(); }},
        {"paused", [](RedisServer& r, TcpProxy&) { r.pause(); },
         [](RedisServer& r, TcpProxy&) { r.resume(); }},
        {"READONLY",
         [](RedisServer& r, TcpProxy&) {
             r.command({"REPLICAOF", "127.0.0.1", "1"});
         },
         [](RedisServer& r, TcpProxy&) {
             r.command({"REPLICAOF", "NO", "ONE"});
         }},
        {"OOM", config("maxmemory", "1"), config("maxmemory", "0")},
        {"slow", [](RedisServer&, TcpProxy& p) { p.delay(40); },
         [](RedisServer&, TcpProxy& p) { p.delay(0); }, true},
        {"cut in the middle", [](RedisServer&, TcpProxy& p) { p.cut_after(30); },
         [](RedisServer&, TcpProxy& p) { p.cut_after(-1); }, true},
        {"swallowed", [](RedisServer&, TcpProxy& p) { p.swallow(true); },
         [](RedisServer&, TcpProxy& p) { p.swallow(false); }},
    };
}

class RateLimitOutageTest : public testing::Test {
  protected:
    static std::unique_ptr<NginxServer> gateway(std::uint16_t port,
                                                const std::string& budget = "20ms",
                                                int workers = 1) {
        NginxOptions options;
        options.variables = {{"REDIS", std::to_string(port)}, {"BUDGET", budget}};
        options.workers = workers;
        auto out = std::make_unique<NginxServer>(kConfig, options);
        EXPECT_TRUE(recovered(*out));
        return out;
    }
    static bool recovered(const NginxServer& nginx) {
        return wait_until([&] { return by(nginx, "/wide?k=probe") == "main"; });
    }
    static std::string by(const NginxServer& nginx, const std::string& path) {
        return get(nginx.url(path)).header("X-Where").value_or("");
    }
    // How many of `tries` got which status.
    static std::map<int, int> statuses(const NginxServer& nginx, const std::string& path,
                                       int tries) {
        std::map<int, int> out;
        HttpClient client;
        for (int i = 0; i < tries; ++i) {
            ++out[client.get(nginx.url(path)).status];
        }
        return out;
    }
    static double longest_wait_s(const NginxServer& nginx) {
        std::istringstream lines(nginx.dir().read("access.log"));
        std::string line;
        double longest = 0;
        while (std::getline(lines, line)) {
            std::istringstream words(line);
            int status = 0;
            double seconds = 0;
            words >> status >> seconds;
            longest = std::max(longest, seconds);
            EXPECT_NE(status, 500) << line;
        }
        return longest;
    }
};

TEST_F(RateLimitOutageTest, EveryTroubleByEveryWay) {
    RedisServer redis({"--maxmemory-policy", "noeviction"});
    TcpProxy proxy(redis.port());
    const auto nginx = gateway(proxy.port());
    int serial = 0;
    for (const Trouble& trouble : troubles()) {
        const std::string k = "?k=" + std::to_string(++serial);
        trouble.begin(redis, proxy);
        EXPECT_TRUE(wait_until([&] { return by(*nginx, "/wide?k=probe") == "fallback"; }))
            << trouble.name;
        using Seen = std::map<int, int>;
        // What an answer that did come has counted, the store remembers and the node as well.
        EXPECT_EQ(statuses(*nginx, "/local" + k, 10), (Seen{{200, 5}, {429, 5}})) << trouble.name;
        EXPECT_EQ(statuses(*nginx, "/windowed" + k, 10), (Seen{{200, 5}, {429, 5}}))
            << trouble.name;
        Seen leased = statuses(*nginx, "/leased" + k, 60);
        EXPECT_LE(leased[200], 40) << trouble.name;
        EXPECT_EQ(leased[200] + leased[429], 60) << trouble.name;
        Seen allowed = statuses(*nginx, "/allow" + k, 10);
        Seen denied = statuses(*nginx, "/deny" + k, 10);
        if (trouble.seldom_answers) {
            EXPECT_EQ(allowed[200] + allowed[429], 10) << trouble.name;
            EXPECT_EQ(denied[503] + denied[200], 10) << trouble.name;
        } else {
            EXPECT_EQ(allowed, (Seen{{200, 10}})) << trouble.name;
            EXPECT_EQ(denied, (Seen{{503, 10}})) << trouble.name;
        }
        EXPECT_EQ(statuses(*nginx, "/all" + k + "all", 9), (Seen{{200, 5}, {429, 4}}))
            << trouble.name;
        trouble.end(redis, proxy);
        EXPECT_TRUE(recovered(*nginx)) << trouble.name;
        EXPECT_TRUE(wait_until([&] { return get(nginx->url("/deny" + k)).status == 200; }))
            << trouble.name;
        EXPECT_EQ(statuses(*nginx, "/local" + k, 3), (Seen{{429, 3}}))
            << trouble.name << ": nothing was reset";
    }
    EXPECT_LT(longest_wait_s(*nginx), kWaitSMax);
}

TEST_F(RateLimitOutageTest, AServerThatLoadsIsAnOutage) {
    RedisServer redis({"--enable-debug-command", "yes", "--key-load-delay", "2000",
                       "--loading-process-events-interval-bytes", "1024", "--rdbcompression",
                       "no"});
    const auto nginx = gateway(redis.port(), "900ms");
    redis.command({"DEBUG", "POPULATE", "1500", "filler", "1500"});
    // Saves, forgets and loads again: 1500 times 2 ms, answering LOADING all the while.
    std::thread reload([&] { redis.command({"DEBUG", "RELOAD"}); });
    EXPECT_TRUE(wait_until([&] { return by(*nginx, "/wide?k=probe") == "fallback"; }));
    EXPECT_EQ(statuses(*nginx, "/local?k=loading", 8), (std::map<int, int>{{200, 5}, {429, 3}}));
    reload.join();
    EXPECT_TRUE(recovered(*nginx));
    EXPECT_THAT(nginx->error_log(), HasSubstr("is not available (LOADING"));
    EXPECT_LT(longest_wait_s(*nginx), kWaitSMax);
}

TEST_F(RateLimitOutageTest, AForgottenScriptIsNoOutage) {
    RedisServer redis;
    const auto nginx = gateway(redis.port());
    std::atomic<bool> stopping{false};
    std::thread flushing([&] {
        while (!stopping) {
            redis.command({"SCRIPT", "FLUSH"});
        }
    });
    int fallback = 0;
    for (int i = 0; i < 200; ++i) {
        fallback += by(*nginx, "/wide?k=" + std::to_string(i)) == "main" ? 0 : 1;
    }
    stopping = true;
    flushing.join();
    EXPECT_THAT(nginx->error_log(), Not(HasSubstr("is not available")));
    // Flushed between its loading and its call once more: then the node goes on alone.
    EXPECT_LE(fallback, 100);
    EXPECT_LT(longest_wait_s(*nginx), kWaitSMax);
}

TEST_F(RateLimitOutageTest, FourGatewaysLetPassWhatOneBucketHas) {
    RedisServer redis;
    std::deque<std::unique_ptr<NginxServer>> nodes;
    for (int i = 0; i < 4; ++i) {
        nodes.push_back(gateway(redis.port(), "999ms", 1 + i % 2));
    }
    const auto together = [&](const std::string& path, int tries) {
        std::atomic<int> passed{0};
        std::atomic<int> refused{0};
        std::vector<std::thread> clients;
        for (const auto& node : nodes) {
            clients.emplace_back([&, server = node.get()] {
                std::map<int, int> seen = statuses(*server, path, tries);
                passed += seen[200];
                refused += seen[429];
            });
        }
        for (std::thread& client : clients) {
            client.join();
        }
        EXPECT_EQ(passed + refused, 4 * tries) << path << ": none is lost";
        return passed.load();
    };
    for (int round = 0; round < 3; ++round) {
        const std::string k = "?k=round" + std::to_string(round);
        EXPECT_EQ(together("/local" + k, 5), 5);
        EXPECT_EQ(together("/windowed" + k, 5), 5);
        EXPECT_EQ(together("/all" + k + "all", 5), 5);
        EXPECT_LE(together("/leased" + k, 30), 40);
    }
}

}  // namespace
}  // namespace sallyport::test
