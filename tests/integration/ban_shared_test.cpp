// Bans that two real nginx share through a real Redis, and what each of them does without it.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/mistakes.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <memory>

namespace sallyport::test {
namespace {

constexpr std::string_view kConf = R"(
    sallyport_redis main redis://%%REDIS%%;
    sallyport_ban_zone redis=main;
    sallyport_ban guess on=401 after=6 within=1m for=1h,2h;
    sallyport_ban steal on=403 by=credential after=4 within=1m for=1h;
    server {
        listen 127.0.0.1:%%PORT%%;
        location / { return 200 in; }
        location /401 { return 401; }
        location /403 { return 403; }
    }
    server { listen 127.0.0.1:%%PORT_OTHER%%; return 200 other; }
    server {
        listen 127.0.0.1:%%PORT_CONTROL%%;
        sallyport_ban_mode off;
        location / { sallyport_control; }
    }
)";

struct Node {
    explicit Node(const RedisServer& redis, int workers = 2)
        : nginx(kConf, options(redis, workers)) {}

    static NginxOptions options(const RedisServer& redis, int workers) {
        NginxOptions out;
        out.variables = {{"REDIS", redis.address()}};
        out.workers = workers;
        return out;
    }
    int status(const std::string& path, const char* from, HeaderList headers = {}) {
        return send({.url = nginx.url(path), .headers = std::move(headers), .local_address = from})
            .status;
    }
    bool banned(const char* from) {
        return send({.url = nginx.url("/", "PORT_OTHER"), .local_address = from}).status == 403;
    }
    bool comes_to_ban(const char* from) {
        return wait_until([&] { return banned(from); });
    }
    bool comes_to_free(const char* from) {
        return wait_until([&] { return !banned(from); });
    }
    void fail(const char* from, int times) {
        for (int i = 0; i < times; ++i) {
            EXPECT_EQ(status("/401", from), 401);
        }
    }
    int control(const char* method, const std::string& path, std::string body = "") {
        HttpRequest request{.url = nginx.url(path, "PORT_CONTROL"), .method = method};
        if (!body.empty()) {
            request.headers = {{"Content-Type", "application/json"}};
            request.body = body;
        }
        return send(request).status;
    }
    bool logged(const std::string& piece) {
        return wait_until([&] { return nginx.error_log().find(piece) != std::string::npos; });
    }
    std::string bans() { return send({.url = nginx.url("/bans", "PORT_CONTROL")}).body; }

    NginxServer nginx;
};

TEST(BanShared, ABanOfOneNodeHoldsOnTheOther) {
    RedisServer redis;
    Node a(redis);
    Node b(redis);
    a.fail("127.0.0.71", 6);
    EXPECT_TRUE(a.comes_to_ban("127.0.0.71"));
    EXPECT_TRUE(b.comes_to_ban("127.0.0.71"));
    EXPECT_FALSE(b.banned("127.0.0.72"));
    EXPECT_TRUE(b.logged("ban \"guess\": 127.0.0.71 is banned for 35"));
    EXPECT_NE(b.bans().find("\"subject\":\"127.0.0.71\",\"state\":\"banned\",\"rule\":\"guess\""),
              std::string::npos)
        << b.bans();
}

// Half of the failures here, half of them there: neither node alone would ban.
TEST(BanShared, FailuresAreCountedOverAllNodes) {
    RedisServer redis;
    Node a(redis);
    Node b(redis);
    a.fail("127.0.0.73", 3);
    b.fail("127.0.0.73", 3);
    EXPECT_TRUE(a.comes_to_ban("127.0.0.73"));
    EXPECT_TRUE(b.comes_to_ban("127.0.0.73"));
}

TEST(BanShared, CredentialsAreOneForAllNodes) {
    RedisServer redis;
    Node a(redis);
    Node b(redis);
    const HeaderList alice = {{"Authorization", "Bearer alice-0123456789"}};
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(a.status("/403", "127.0.0.1", alice), 403);
        EXPECT_EQ(b.status("/403", "127.0.0.2", alice), 403);
    }
    for (Node* node : {&a, &b}) {
        EXPECT_TRUE(wait_until([&] { return node->status("/", "127.0.0.3", alice) == 403; }));
        EXPECT_EQ(node->status("/", "127.0.0.3"), 200);
    }
    EXPECT_EQ(redis.command({"HVALS", "sallyport:{bans}:entries"}).find("alice"),
              std::string::npos);
}

TEST(BanShared, LiftingAndAllowingReachEveryNode) {
    RedisServer redis;
    Node a(redis);
    Node b(redis);
    EXPECT_EQ(a.control("POST", "/bans", R"({"subject":"127.0.0.74","for":"ever"})"), 200);
    EXPECT_TRUE(b.comes_to_ban("127.0.0.74"));
    EXPECT_EQ(b.control("DELETE", "/bans?subject=127.0.0.74"), 200);
    EXPECT_TRUE(a.comes_to_free("127.0.0.74"));
    EXPECT_FALSE(b.banned("127.0.0.74"));
    EXPECT_EQ(a.control("POST", "/bans", R"({"subject":"127.0.0.75","allow":true})"), 200);
    EXPECT_TRUE(wait_until([&] {
        return b.bans().find("\"127.0.0.75\",\"state\":\"allowed\"") != std::string::npos;
    }));
    b.fail("127.0.0.75", 12);
    EXPECT_FALSE(b.banned("127.0.0.75"));
    EXPECT_EQ(a.bans().find("127.0.0.74"), std::string::npos) << a.bans();
}

TEST(BanShared, ANodeThatComesLaterHearsOfWhatWasSaid) {
    RedisServer redis;
    Node a(redis);
    a.fail("127.0.0.76", 6);
    EXPECT_TRUE(a.comes_to_ban("127.0.0.76"));
    ASSERT_TRUE(wait_until([&] {
        return redis.command({"HGET", "sallyport:{bans}:entries", "127.0.0.76"}).size() > 5;
    }));
    Node late(redis);
    EXPECT_TRUE(late.comes_to_ban("127.0.0.76"));
}

// Redis dies: each node goes on for itself. It comes back with nothing in it: what nodes know is
// told again, and what happened meanwhile.
TEST(BanShared, WithoutRedisEachNodeGoesOnAndTellsAfterwards) {
    RedisServer redis;
    auto a = std::make_unique<Node>(redis);
    Node b(redis);
    a->fail("127.0.0.77", 6);
    EXPECT_TRUE(b.comes_to_ban("127.0.0.77"));
    EXPECT_EQ(a->control("POST", "/bans", R"({"subject":"127.0.0.78","allow":true})"), 200);
    redis.stop();
    a->fail("127.0.0.79", 6);
    EXPECT_TRUE(a->comes_to_ban("127.0.0.79")) << "the local count decides";
    EXPECT_TRUE(a->banned("127.0.0.77"));
    EXPECT_TRUE(b.banned("127.0.0.77"));
    EXPECT_EQ(a->status("/", "127.0.0.80"), 200);
    EXPECT_EQ(a->control("DELETE", "/bans?subject=127.0.0.77"), 200);
    EXPECT_FALSE(b.banned("127.0.0.79"));
    redis.start();
    EXPECT_TRUE(b.comes_to_ban("127.0.0.79")) << "told when the store was back";
    EXPECT_TRUE(b.comes_to_free("127.0.0.77"));
    Node late(redis);
    EXPECT_TRUE(late.comes_to_ban("127.0.0.79"));
    EXPECT_TRUE(wait_until([&] {
        return late.bans().find("\"127.0.0.78\",\"state\":\"allowed\"") != std::string::npos;
    })) << late.bans();
    a.reset();  // a node that leaves takes nothing with it
    EXPECT_TRUE(b.banned("127.0.0.79"));
}

// A store that is frozen, not gone, keeps no request waiting: everything is answered while it
// sleeps.
TEST(BanShared, AFrozenRedisIsNotWaitedFor) {
    RedisServer redis;
    Node a(redis, 1);
    a.fail("127.0.0.81", 1);
    redis.pause();
    a.fail("127.0.0.81", 5);
    EXPECT_TRUE(a.comes_to_ban("127.0.0.81"));
    EXPECT_EQ(a.status("/", "127.0.0.82"), 200);
    redis.resume();
    Node b(redis);
    EXPECT_TRUE(b.comes_to_ban("127.0.0.81"));
}

TEST(BanShared, AReloadKeepsSharing) {
    RedisServer redis;
    Node a(redis);
    Node b(redis);
    const std::vector<pid_t> old = a.nginx.worker_pids();
    ASSERT_TRUE(a.nginx.reload());
    b.fail("127.0.0.83", 6);
    EXPECT_TRUE(a.comes_to_ban("127.0.0.83"));
    for (const pid_t pid : old) {
        EXPECT_TRUE(wait_until([&] { return kill(pid, 0) != 0; }))
            << "the exchange holds no worker";
    }
}

// The commands that docs/directives/redis.md names are all that is needed.
TEST(BanShared, AnAclUserNeedsNoMoreThanIsDocumented) {
    RedisServer redis;
    redis.command({"ACL",      "SETUSER", "gate",  "on",       ">gatepass",    "~sallyport:*",
                   "-@all",    "+ping",   "+set",  "+evalsha", "+script|load", "+time",
                   "+hget",    "+hset",   "+hdel", "+hmget",   "+hincrby",     "+del",
                   "+pexpire", "+zadd",   "+zrem", "+zcard",   "+zrange",      "+zrangebyscore"});
    NginxOptions options = Node::options(redis, 1);
    options.files = {{"redis.key", "gatepass"}};
    std::string conf(kConf);
    const std::string plain = "redis://%%REDIS%%;";
    conf.replace(conf.find(plain), plain.size(),
                 "redis://%%REDIS%% user=gate password_file=redis.key;");
    NginxServer a(conf, options);
    Node b(redis);
    HttpClient client;
    for (int i = 0; i < 6; ++i) {
        EXPECT_EQ(client.send({.url = a.url("/401"), .local_address = "127.0.0.84"}).status, 401);
    }
    EXPECT_TRUE(b.comes_to_ban("127.0.0.84"));
    EXPECT_EQ(a.error_log().find("refuses a command"), std::string::npos) << a.error_log();
    EXPECT_EQ(a.error_log().find("is not available"), std::string::npos) << a.error_log();
}

TEST(BanShared, OtherPrefixesAreNoticed) {
    RedisServer redis;
    Node a(redis);
    EXPECT_EQ(a.control("POST", "/bans", R"({"subject":"2001:db8::7","for":"ever"})"), 200);
    NginxServer other(R"(
        sallyport_redis main redis://%%REDIS%%;
        sallyport_ban_zone redis=main ipv6=48;
        sallyport_ban guess;
        server { listen 127.0.0.1:%%PORT%%; return 200; }
    )",
                      Node::options(redis, 1));
    EXPECT_TRUE(wait_until([&] {
        return other.error_log().find("same prefixes in sallyport_ban_zone") != std::string::npos;
    }));
}

TEST(BanShared, Mistakes) {
    expect_mistake({"sallyport_ban_zone redis=main; sallyport_ban a;", "sallyport_ban_zone",
                    "redis=\"main\"", "sallyport_redis main"});
    expect_mistake({"sallyport_ban_zone redis=; sallyport_ban a;", "sallyport_ban_zone",
                    "\"redis=\"", "redis=NAME"});
}

}  // namespace
}  // namespace sallyport::test
