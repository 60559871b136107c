// Shared bans and lists where Redis is several servers: a cluster whose slots move, and a master
// that a Sentinel replaces.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/redis_cluster.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace sallyport::test {
namespace {

constexpr std::string_view kConf = R"(
    sallyport_redis main %%REDIS%% budget=1000ms backoff=20ms backoff_max=200ms;
    sallyport_ban_zone redis=main;
    sallyport_ban guess on=401 after=4 within=10m for=1h;
    sallyport_ip_list blocked "redis=main:{ips}blocked" refresh=1s;
    server {
        listen 127.0.0.1:%%PORT%%;
        location / { return 200 in; }
        location /401 { return 401; }
        location /listed { sallyport_deny blocked; return 200 in; }
    }
)";
constexpr const char* kList = "{ips}blocked";

struct Node {
    explicit Node(const std::string& redis)
        : nginx(kConf, {.variables = {{"REDIS", redis}}}) {}

    int status(const char* from, const char* path = "/") {
        return send({.url = nginx.url(path), .local_address = from}).status;
    }
    bool comes_to(const char* from, int wanted, const char* path = "/") {
        return wait_until([&] { return status(from, path) == wanted; });
    }
    void fail(const char* from, int times) {
        for (int i = 0; i < times; ++i) {
            status(from, "/401");
        }
    }
    NginxServer nginx;
};

void write_list(RedisServer& server, const std::string& addresses, const std::string& version) {
    server.command({"SET", kList, addresses});
    server.command({"SET", std::string(kList) + ":version", version});
}

TEST(SharedTopology, BansAndListsLiveInACluster) {
    RedisCluster cluster;
    const auto owner = [&](const char* key) -> std::size_t {
        return cluster.owner_of(cluster.slot_of(key));
    };
    write_list(cluster.node(owner(kList)), "127.0.0.81\n", "1");
    const std::string url = "redis://" + cluster.node(0).address() + " cluster=on";
    Node a(url);
    Node b(url);
    for (Node* node : {&a, &b}) {
        EXPECT_TRUE(node->comes_to("127.0.0.81", 403, "/listed")) << node->nginx.error_log();
        EXPECT_TRUE(node->comes_to("127.0.0.82", 200, "/listed"));
    }
    a.fail("127.0.0.83", 2);
    b.fail("127.0.0.83", 2);
    for (Node* node : {&a, &b}) {
        EXPECT_TRUE(node->comes_to("127.0.0.83", 403)) << node->nginx.error_log();
    }
    // Their slots move to other nodes, and both go on.
    for (const char* key : {"sallyport:{bans}:entries", kList}) {
        const std::size_t from = owner(key);
        cluster.move_slot(cluster.slot_of(key), from, (from + 1) % cluster.size());
    }
    a.fail("127.0.0.84", 2);
    b.fail("127.0.0.84", 2);
    write_list(cluster.node((owner(kList) + 1) % cluster.size()), "127.0.0.82\n", "2");
    for (Node* node : {&a, &b}) {
        EXPECT_TRUE(node->comes_to("127.0.0.84", 403)) << node->nginx.error_log();
        EXPECT_TRUE(node->comes_to("127.0.0.82", 403, "/listed")) << node->nginx.error_log();
        EXPECT_TRUE(node->comes_to("127.0.0.81", 200, "/listed"));
        EXPECT_EQ(node->status("127.0.0.83"), 403) << "what held before";
    }
}

TEST(SharedTopology, BansAndListsFollowANewMaster) {
    RedisSentinels redis;
    write_list(redis.server(0), "127.0.0.85\n", "1");
    const std::string url =
        "redis://127.0.0.1:" + std::to_string(redis.port()) + " sentinel=mymaster";
    Node a(url);
    Node b(url);
    a.fail("127.0.0.86", 2);
    b.fail("127.0.0.86", 2);
    for (Node* node : {&a, &b}) {
        EXPECT_TRUE(node->comes_to("127.0.0.85", 403, "/listed")) << node->nginx.error_log();
        EXPECT_TRUE(node->comes_to("127.0.0.86", 403)) << node->nginx.error_log();
    }
    redis.server(0).stop();
    ASSERT_TRUE(wait_until([&] { return redis.master() == 1; }));
    ASSERT_TRUE(wait_until([&] {
        return redis.server(1).command({"INFO", "replication"}).find("role:master") !=
               std::string::npos;
    }));
    write_list(redis.server(1), "127.0.0.87\n", "2");
    // What one alone bans, the other hears of once both have found the new master.
    a.fail("127.0.0.89", 4);
    ASSERT_TRUE(b.comes_to("127.0.0.89", 403)) << b.nginx.error_log();
    a.fail("127.0.0.88", 2);
    b.fail("127.0.0.88", 2);
    for (Node* node : {&a, &b}) {
        EXPECT_TRUE(node->comes_to("127.0.0.88", 403)) << node->nginx.error_log();
        EXPECT_TRUE(node->comes_to("127.0.0.87", 403, "/listed")) << node->nginx.error_log();
        EXPECT_EQ(node->status("127.0.0.86"), 403) << "what held before";
    }
    // A node that comes now hears all of it from the new master.
    Node late(url);
    EXPECT_TRUE(late.comes_to("127.0.0.86", 403)) << late.nginx.error_log();
    EXPECT_TRUE(late.comes_to("127.0.0.88", 403));
}

}  // namespace
}  // namespace sallyport::test
