// Windows, concurrency, leases, costs and outcomes in real nginx, local and over several nodes on
// one redis-server.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kConfig = R"(
    sallyport_redis main unix:%%SOCKET%% budget=1000ms;
    sallyport_limit window_here  window=1h max=3 key=$arg_k;
    sallyport_limit window_main  window=1h max=20 key=$arg_k store=main;
    sallyport_limit slots_here   concurrent=2 key=$arg_k;
    sallyport_limit slots_main   concurrent=3 key=$arg_k store=main;
    sallyport_limit leased       rate=10r/d burst=400 key=$arg_k store=main;
    sallyport_limit leased_too   rate=10r/d burst=1000 key=$arg_k store=main lease_ttl=1s;
    sallyport_limit refills      rate=50r/s burst=5 key=$arg_k store=main;
    sallyport_limit costly       rate=10r/d key=$arg_k cost=$arg_cost;
    sallyport_limit forgiving    rate=5r/d key=$arg_k skip=5xx;
    sallyport_limit forgiving_main rate=5r/d key=$arg_k skip_failed store=main;
    sallyport_limit logins       window=1h max=3 key=$arg_k skip_successful;
    server {
        listen 127.0.0.1:%%PORT%%;
        location /window { sallyport_rate_limit window_here; empty_gif; }
        location /window-main { sallyport_rate_limit window_main; empty_gif; }
        location /slots { sallyport_rate_limit slots_here; proxy_pass http://127.0.0.1:%%PORT%%/gif; }
        location /slots-main { sallyport_rate_limit slots_main; proxy_pass http://127.0.0.1:%%PORT%%/gif; }
        location /leased { sallyport_rate_limit leased; empty_gif; }
        location /leased-both { sallyport_rate_limit leased leased_too window_here; empty_gif; }
        location /refills { sallyport_rate_limit refills; empty_gif; }
        location /costly { sallyport_rate_limit costly; empty_gif; }
        location /forgiving { sallyport_rate_limit forgiving; proxy_pass http://127.0.0.1:%%PORT%%/status/; }
        location /forgiving-main { sallyport_rate_limit forgiving_main; proxy_pass http://127.0.0.1:%%PORT%%/status/; }
        location /logins { sallyport_rate_limit logins; proxy_pass http://127.0.0.1:%%PORT%%/status/; }
        location /control/ { sallyport_control; }
        location /gif { empty_gif; }
        location /status/ {
            if ($arg_fail = 5) { return 502; }
            if ($arg_fail = 4) { return 401; }
            return 200 "fine";
        }
    }
)";

class RateLimitModesTest : public testing::Test {
  protected:
    std::unique_ptr<NginxServer> node(int workers = 1) {
        NginxOptions options;
        options.variables = {{"SOCKET", redis_.socket_path()}};
        options.workers = workers;
        options.expected_log_lines = {"exited on signal 9"};
        auto server = std::make_unique<NginxServer>(kConfig, options);
        EXPECT_TRUE(wait_until([&] {
            return get(server->url("/window-main?k=warm" + std::to_string(++warm_))).status == 200;
        }));
        return server;
    }
    static int admitted(const NginxServer& nginx, const std::string& path, int tries) {
        int count = 0;
        HttpClient client;
        for (int i = 0; i < tries; ++i) {
            count += client.get(nginx.url(path)).status == 200 ? 1 : 0;
        }
        return count;
    }
    // A request that stays: nginx asks for its body, which never comes. For a slot that is known to
    // be free, since nginx also asks for the body of what it has refused.
    static std::unique_ptr<RawSocket> hold(const NginxServer& nginx, const std::string& path) {
        auto socket = std::make_unique<RawSocket>(nginx.port());
        socket->send("POST " + path +
                     " HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
        EXPECT_THAT(socket->receive_until("\r\n\r\n"), StartsWith("HTTP/1.1 100"));
        return socket;
    }
    // By the store's count; what an answered request held is given back a moment later.
    bool slots_taken(int count) {
        const std::string ask =
            "local sum = 0 for _, key in ipairs(redis.call('KEYS', 'sallyport:{slots_main}:c:*')) "
            "do "
            "for _, holder in ipairs(redis.call('HVALS', key)) do "
            "sum = sum + tonumber(string.match(holder, '^%d+')) end end return sum";
        return wait_until([&] {
            return redis_.command({"EVAL", ask, "0"}) == ":" + std::to_string(count) + "\r\n";
        });
    }
    long evalsha_calls() {
        const std::string info = redis_.command({"INFO", "commandstats"});
        const std::size_t at = info.find("cmdstat_evalsha:calls=");
        return at == std::string::npos ? 0 : std::stol(info.substr(at + 22));
    }

    RedisServer redis_;
    int warm_ = 0;
};

TEST_F(RateLimitModesTest, AWindowTellsWhenItsOldestRequestLeaves) {
    const auto nginx = node();
    EXPECT_THAT(get(nginx->url("/window?k=a")).header("RateLimit").value_or(""),
                HasSubstr("\"window_here\";r=2;t=3600"));
    EXPECT_EQ(admitted(*nginx, "/window?k=a", 5), 2);
    const auto refused = get(nginx->url("/window?k=a"));
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.header("RateLimit-Policy"), "\"window_here\";q=3;w=3600");
    const long retry = std::stol(refused.header("Retry-After").value_or("0"));
    EXPECT_GT(retry, 3500);
    EXPECT_LE(retry, 3600);
    ASSERT_TRUE(nginx->reload());
    EXPECT_EQ(admitted(*nginx, "/window?k=a", 2), 0) << "a reload keeps the count";
}

TEST_F(RateLimitModesTest, AWindowIsSharedByNodes) {
    const auto one = node(2);
    const auto two = node(2);
    std::atomic<int> passed{0};
    std::vector<std::thread> clients;
    for (const NginxServer* server : {one.get(), two.get(), one.get(), two.get()}) {
        clients.emplace_back(
            [&passed, server] { passed += admitted(*server, "/window-main?k=all", 12); });
    }
    for (std::thread& client : clients) {
        client.join();
    }
    EXPECT_EQ(passed, 20);
}

TEST_F(RateLimitModesTest, SlotsAreHeldWhileARequestLasts) {
    const auto nginx = node();
    const auto first = hold(*nginx, "/slots?k=a");
    auto second = hold(*nginx, "/slots?k=a");
    EXPECT_TRUE(wait_until([&] { return get(nginx->url("/slots?k=a")).status == 429; }));
    EXPECT_EQ(get(nginx->url("/slots?k=b")).status, 200);
    const auto refused = get(nginx->url("/slots?k=a"));
    EXPECT_EQ(refused.header("Retry-After"), "1");
    second.reset();
    EXPECT_TRUE(wait_until([&] { return get(nginx->url("/slots?k=a")).status == 200; }));
    EXPECT_EQ(admitted(*nginx, "/slots?k=a", 20), 20) << "each gives its slot back";
}

TEST_F(RateLimitModesTest, ACrashedWorkersSlotsComeBack) {
    const auto nginx = node(1);
    const auto first = hold(*nginx, "/slots?k=a");
    const auto second = hold(*nginx, "/slots?k=a");
    EXPECT_TRUE(wait_until([&] { return get(nginx->url("/slots?k=a")).status == 429; }));
    ASSERT_EQ(::kill(nginx->worker_pids().at(0), SIGKILL), 0);
    EXPECT_TRUE(wait_until([&] { return get(nginx->url("/slots?k=a")).status == 200; }));
}

TEST_F(RateLimitModesTest, SlotsAreSharedByNodesAndOutliveNoCrash) {
    const auto one = node();
    const auto two = node();
    std::vector<std::unique_ptr<RawSocket>> held;
    held.push_back(hold(*one, "/slots-main?k=a"));
    held.push_back(hold(*one, "/slots-main?k=a"));
    held.push_back(hold(*two, "/slots-main?k=a"));
    EXPECT_TRUE(wait_until([&] { return get(two->url("/slots-main?k=a")).status == 429; }));
    EXPECT_EQ(get(one->url("/slots-main?k=b")).status, 200);
    held.pop_back();
    EXPECT_TRUE(wait_until([&] { return get(one->url("/slots-main?k=a")).status == 200; }));
    ASSERT_TRUE(slots_taken(2));
    held.push_back(hold(*two, "/slots-main?k=a"));
    ASSERT_TRUE(slots_taken(3));
    EXPECT_EQ(get(two->url("/slots-main?k=a")).status, 429);
    // The first node's worker dies with two slots.
    ASSERT_EQ(::kill(one->worker_pids().at(0), SIGKILL), 0);
    EXPECT_TRUE(wait_until([&] { return get(two->url("/slots-main?k=a")).status == 200; }));
}

TEST_F(RateLimitModesTest, FourNodesLeaseFromOneBucket) {
    std::deque<std::unique_ptr<NginxServer>> nodes;
    for (int i = 0; i < 4; ++i) {
        nodes.push_back(node(i == 0 ? 2 : 1));
    }
    redis_.command({"CONFIG", "RESETSTAT"});
    std::atomic<int> passed{0};
    std::atomic<bool> refusing{false};
    std::vector<std::thread> clients;
    for (const auto& server : nodes) {
        clients.emplace_back(
            [&, server = server.get()] { passed += admitted(*server, "/leased?k=all", 300); });
    }
    for (std::thread& client : clients) {
        client.join();
    }
    EXPECT_LE(passed, 400);
    EXPECT_GE(passed, 360) << "leases that nobody spends come back or lapse";
}

TEST_F(RateLimitModesTest, AHotKeyIsSpentFromMemory) {
    const auto nginx = node();
    redis_.command({"CONFIG", "RESETSTAT"});
    const int passed = admitted(*nginx, "/leased?k=hot", 350);
    EXPECT_GE(passed, 340);
    EXPECT_LT(evalsha_calls(), 120) << "far fewer than requests";
}

TEST_F(RateLimitModesTest, AFloodOfARefusedKeyCostsRedisNothing) {
    const auto nginx = node();
    admitted(*nginx, "/leased?k=flood", 500);
    redis_.command({"CONFIG", "RESETSTAT"});
    int refused = 0;
    HttpClient client;
    for (int i = 0; i < 2'000; ++i) {
        const auto response = client.get(nginx->url("/leased?k=flood"));
        refused += response.status == 429 && response.header("Retry-After") ? 1 : 0;
    }
    EXPECT_GE(refused, 1'990);
    EXPECT_LT(evalsha_calls(), 40);
}

TEST_F(RateLimitModesTest, WhatRefillsPassesAgain) {
    const auto nginx = node();
    EXPECT_LE(admitted(*nginx, "/refills?k=a", 5), 5);
    EXPECT_TRUE(wait_until([&] { return get(nginx->url("/refills?k=a")).status == 429; }));
    EXPECT_TRUE(wait_until([&] { return get(nginx->url("/refills?k=a")).status == 200; }));
}

TEST_F(RateLimitModesTest, LeasesAndWindowsOnOneRequestAreOneDecision) {
    const auto nginx = node();
    EXPECT_EQ(admitted(*nginx, "/leased-both?k=x", 30), 3) << "the window has three";
    const auto refused = get(nginx->url("/leased-both?k=x"));
    EXPECT_EQ(refused.status, 429);
    // Nothing of the 27 refused requests was taken from the leased limit.
    EXPECT_GE(admitted(*nginx, "/leased?k=x", 405), 360);
}

TEST_F(RateLimitModesTest, LeasesGoOnLocallyWithoutRedisAndComeBackWithoutAReset) {
    const auto nginx = node();
    const int before = admitted(*nginx, "/leased?k=a", 100);
    EXPECT_EQ(before, 100);
    redis_.stop();
    const int meanwhile = admitted(*nginx, "/leased?k=a", 600);
    EXPECT_LE(before + meanwhile, 400 + 60) << "what was leased, and what is left as far as known";
    EXPECT_GE(before + meanwhile, 250);
    redis_.start();  // with nothing in it
    EXPECT_TRUE(wait_until([&] {
        return get(nginx->url("/window-main?k=back" + std::to_string(++warm_))).status == 200 &&
               evalsha_calls() > 0;
    }));
    EXPECT_LE(before + meanwhile + admitted(*nginx, "/leased?k=a", 100), 400 + 70)
        << "the new server was told what this node knew";
}

TEST_F(RateLimitModesTest, ACostIsWhatTheVariableSays) {
    const auto nginx = node();
    EXPECT_EQ(get(nginx->url("/costly?k=a&cost=4")).status, 200);
    EXPECT_EQ(get(nginx->url("/costly?k=a&cost=0")).status, 200);
    EXPECT_EQ(get(nginx->url("/costly?k=a&cost=5")).status, 200);
    EXPECT_EQ(get(nginx->url("/costly?k=a&cost=2")).status, 429);
    EXPECT_EQ(get(nginx->url("/costly?k=a&cost=nonsense")).status, 200);
    EXPECT_EQ(get(nginx->url("/costly?k=a&cost=0")).status, 200);
    EXPECT_EQ(get(nginx->url("/costly?k=b&cost=99999999999")).status, 200) << "the whole bucket";
    EXPECT_EQ(get(nginx->url("/costly?k=b")).status, 429);
    EXPECT_EQ(get(nginx->url("/costly?k=c&cost=99999999999999999999")).status, 200);
    EXPECT_EQ(get(nginx->url("/costly?k=c")).status, 429) << "more than 64 bits are not one unit";
}

TEST_F(RateLimitModesTest, WhatTheOutcomeSaysIsTakenBack) {
    const auto nginx = node();
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(get(nginx->url("/forgiving?k=a&fail=5")).status, 502);
        EXPECT_EQ(get(nginx->url("/logins?k=a")).status, 200);
    }
    EXPECT_EQ(admitted(*nginx, "/forgiving?k=a", 9), 5);
    EXPECT_EQ(get(nginx->url("/logins?k=a&fail=4")).status, 401);
    EXPECT_EQ(get(nginx->url("/logins?k=a&fail=4")).status, 401);
    EXPECT_EQ(get(nginx->url("/logins?k=a&fail=4")).status, 401);
    EXPECT_EQ(get(nginx->url("/logins?k=a&fail=4")).status, 429);
    for (int i = 0; i < 20; ++i) {
        // The refund travels beside the next request.
        EXPECT_TRUE(wait_until([&] {
            return get(nginx->url("/forgiving-main?k=a&fail=4")).status == 401;
        })) << i;
    }
}

TEST_F(RateLimitModesTest, TheControlLocationShowsUsageAndConsumesNothing) {
    const auto nginx = node();
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(get(nginx->url("/window?k=seen")).status, 200);
    }
    const auto all = get(nginx->url("/control/limits"));
    EXPECT_EQ(all.status, 200);
    EXPECT_THAT(all.body, HasSubstr("at most 3 requests in any 3600 seconds, on each node"));
    EXPECT_THAT(all.body, HasSubstr("requests in any day, any number of nodes"));
    for (int i = 0; i < 5; ++i) {
        const auto one = get(nginx->url("/control/limits/usage?limit=window_here&key=seen"));
        EXPECT_EQ(one.status, 200);
        EXPECT_THAT(one.body, HasSubstr("\"remaining\":1,\"used\":2"));
    }
    EXPECT_THAT(get(nginx->url("/control/limits/usage?limit=window_here&key=other")).body,
                HasSubstr("\"used\":0"));
    const auto top = get(nginx->url("/control/limits/top?limit=window_here"));
    EXPECT_THAT(top.body, HasSubstr("\"used\":2"));
    EXPECT_THAT(top.body, testing::Not(HasSubstr("seen")));
    EXPECT_EQ(get(nginx->url("/control/limits/usage?limit=none&key=a")).status, 404);
    EXPECT_EQ(get(nginx->url("/control/limits/usage?limit=window_here&key=a%7Cb")).status, 400);
    EXPECT_EQ(get(nginx->url("/control/limits/top?limit=window_here&count=0")).status, 400);
}

TEST_F(RateLimitModesTest, AProblemDocumentNamesTheLimitsThatRefused) {
    const auto nginx = node();
    admitted(*nginx, "/leased-both?k=p", 3);
    const auto refused = get(nginx->url("/leased-both?k=p"));
    EXPECT_EQ(refused.status, 429);
    EXPECT_THAT(refused.body, HasSubstr("http-problem-types#quota-exceeded"));
    EXPECT_THAT(refused.body, HasSubstr("\"violated-policies\":[\"window_here\"]"));
}

}  // namespace
}  // namespace sallyport::test
