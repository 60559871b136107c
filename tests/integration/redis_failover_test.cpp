// Redis as several servers: Sentinels that fail over, a cluster that is resharded under load.
#include "tests/integration/fixtures/redis_cluster.hpp"
#include "tests/integration/redis_crowd.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace sallyport::test {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(RedisSentinel, ACommandedFailoverIsFollowed) {
    RedisSentinels redis;
    const std::string url =
        "redis+sentinel://127.0.0.1:1,127.0.0.1:" + std::to_string(redis.port()) + "/mymaster";
    NginxServer nginx(kHttp, options_for(url + kPatient, 2));
    ASSERT_TRUE(recovered(nginx)) << nginx.error_log();
    Crowd crowd(nginx, 3);
    EXPECT_TRUE(crowd.served(100));

    // Under load: the old master becomes a replica and says READONLY, or hangs up.
    redis.fail_over();
    EXPECT_TRUE(wait_until([&] {
        return redis.server(1).command({"INFO", "replication"}).find("role:master") !=
               std::string::npos;
    }));
    EXPECT_TRUE(crowd.served(200)) << nginx.error_log();
    // What is decided now is decided by the new master.
    const auto calls = [&](std::size_t i) {
        const std::string stats = redis.server(i).command({"INFO", "commandstats"});
        const std::size_t at = stats.find("cmdstat_evalsha:calls=");
        return at == std::string::npos ? 0L : std::stol(stats.substr(at + 22));
    };
    const long before = calls(1);
    EXPECT_TRUE(wait_until([&] { return calls(1) > before + 50; }));

    crowd.stop();
    EXPECT_EQ(crowd.bad, 0);
}

TEST(RedisSentinel, ADeadMasterIsReplaced) {
    RedisSentinels redis;
    NginxServer nginx(kHttp, options_for("redis://127.0.0.1:" + std::to_string(redis.port()) +
                                             " sentinel=mymaster" + kPatient,
                                         2));
    ASSERT_TRUE(recovered(nginx)) << nginx.error_log();
    Crowd crowd(nginx, 3);
    EXPECT_TRUE(crowd.served(100));
    redis.server(0).stop();
    EXPECT_TRUE(wait_until([&] { return redis.master() == 1; }));
    EXPECT_TRUE(crowd.served(200)) << nginx.error_log();
    crowd.stop();
    EXPECT_EQ(crowd.bad, 0);
}

TEST(RedisSentinel, WhatIsWrongIsSaid) {
    RedisSentinels redis;
    const std::string sentinel = "redis://127.0.0.1:" + std::to_string(redis.port());
    const std::pair<std::string, const char*> cases[] = {
        {sentinel + " sentinel=othermaster", "the Sentinels do not know the master othermaster"},
        {"redis+sentinel://127.0.0.1:1/mymaster", "no Sentinel answers"},
    };
    for (const auto& [url, says] : cases) {
        NginxServer nginx(kHttp, options_for(url + kPatient));
        EXPECT_TRUE(wait_until([&, piece = says] {
            return nginx.error_log().find(piece) != std::string::npos;
        })) << says
            << nginx.error_log();
        EXPECT_EQ(where(nginx), "fallback");
    }
}

// The first key like `pattern`, and which node has it.
struct Found {
    std::string key;
    std::size_t node = 0;
};
std::optional<Found> find_key(RedisCluster& cluster, const std::string& pattern,
                              const std::string& other_than = "") {
    for (std::size_t i = 0; i < cluster.size(); ++i) {
        const std::string keys = cluster.node(i).command({"KEYS", pattern});
        for (std::size_t at = keys.find("sallyport:"); at != std::string::npos;
             at = keys.find("sallyport:", at + 1)) {
            const std::string key = keys.substr(at, keys.find('\r', at) - at);
            if (key != other_than) {
                return Found{key, i};
            }
        }
    }
    return std::nullopt;
}

TEST(RedisClusterTest, CallsGoToTheirSlotsNode) {
    RedisCluster cluster;
    NginxServer nginx(
        kHttp, options_for("redis://" + cluster.node(0).address() + " cluster=on" + kPatient, 2));
    ASSERT_TRUE(recovered(nginx)) << nginx.error_log();
    for (int i = 0; i < 8; ++i) {
        EXPECT_EQ(get(nginx.url("/few?k=a")).status, i < 5 ? 200 : 429);
    }
    const auto found = find_key(cluster, "sallyport:few:{*");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->node, cluster.owner_of(cluster.slot_of(found->key)));
    EXPECT_FALSE(find_key(cluster, "sallyport:few:{*", found->key)) << "one key, once";
}

TEST(RedisClusterTest, ASlotMovesUnderLoad) {
    RedisCluster cluster;
    NginxServer nginx(kHttp, options_for("redis://" + cluster.node(0).address() + " redis://" +
                                             cluster.node(1).address() + " cluster=on" + kPatient,
                                         2));
    ASSERT_TRUE(recovered(nginx)) << nginx.error_log();
    const auto probe = find_key(cluster, "sallyport:wide:{*");
    ASSERT_TRUE(probe);
    Crowd crowd(nginx, 4);
    EXPECT_TRUE(crowd.served(100));
    const auto crowds = find_key(cluster, "sallyport:wide:{*", probe->key);
    ASSERT_TRUE(crowds);
    const std::uint16_t slot = cluster.slot_of(crowds->key);
    std::size_t at = crowds->node;
    for (int round = 0; round < 3; ++round) {
        const std::size_t to = (at + 1) % cluster.size();
        cluster.move_slot(slot, at, to);
        at = to;
        EXPECT_TRUE(crowd.served(100)) << round << nginx.error_log();
    }
    crowd.stop();
    EXPECT_EQ(crowd.bad, 0);
    EXPECT_EQ(crowd.by_fallback, 0) << "redirections are followed within the budget";
    EXPECT_THAT(nginx.error_log(), Not(HasSubstr("is not available")));
}

TEST(RedisClusterTest, ANodesDeathTouchesItsSlotsOnly) {
    RedisCluster cluster;
    NginxServer nginx(kHttp, options_for("redis://" + cluster.node(0).address() + " redis://" +
                                         cluster.node(1).address() + " cluster=on" + kPatient));
    ASSERT_TRUE(recovered(nginx));
    const auto probe = find_key(cluster, "sallyport:wide:{*");
    ASSERT_TRUE(probe);
    // A key of the other limit that another node has.
    std::string elsewhere;
    for (int i = 0; i < 50 && elsewhere.empty(); ++i) {
        for (std::size_t node = 0; node < cluster.size(); ++node) {
            cluster.node(node).command({"FLUSHALL"});
        }
        const std::string path = "/few?k=x" + std::to_string(i);
        EXPECT_EQ(where(nginx, path), "main");
        const auto found = find_key(cluster, "sallyport:few:{*");
        elsewhere = found && found->node != probe->node ? path : "";
    }
    ASSERT_FALSE(elsewhere.empty());
    cluster.node(probe->node).stop();
    EXPECT_TRUE(wait_until([&] { return where(nginx) == "fallback"; }));
    EXPECT_EQ(where(nginx, elsewhere), "main");
    EXPECT_THAT(nginx.error_log(),
                HasSubstr("store \"main\" node 127.0.0.1:" +
                          std::to_string(cluster.node(probe->node).port()) + " is not available"));
}

}  // namespace
}  // namespace sallyport::test
