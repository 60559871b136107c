// Several limits on one request in a real Redis Cluster: one decision in one slot, counted exactly
// while that slot moves from node to node, and mistakes that the configuration's check names.
#include "tests/integration/fixtures/redis_cluster.hpp"
#include "tests/integration/redis_crowd.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kLimits = R"(
    sallyport_redis main redis://%%NODE%% cluster=on budget=1000ms backoff=20ms backoff_max=100ms;
    sallyport_limit client  rate=10r/d burst=600 key=$arg_k store=main mode=strict group=api;
    sallyport_limit tenant  rate=100r/d burst=9000 key=$arg_t store=main mode=strict group=api;
    sallyport_limit hourly  window=1h max=700 key=$arg_k store=main group=api;
    sallyport_limit quick   rate=10r/d burst=5 key=$arg_k store=main mode=strict;
    sallyport_limit daily   window=1d max=9 key=$arg_k store=main;
    sallyport_limit leased  rate=10r/d burst=50 key=$arg_k store=main;
    server {
        listen 127.0.0.1:%%PORT%%;
        add_header X-Where $sallyport_rate_limit_store always;
        location /grouped { sallyport_rate_limit client tenant hourly; empty_gif; }
        location /same { sallyport_rate_limit quick daily; empty_gif; }
        location /daily { sallyport_rate_limit daily; empty_gif; }
        location /leased { sallyport_rate_limit leased daily; empty_gif; }
    }
)";

class RateLimitClusterTest : public testing::Test {
  protected:
    std::unique_ptr<NginxServer> gateway(int workers = 1) {
        NginxOptions options;
        options.variables = {{"NODE", cluster_.node(0).address()}};
        options.workers = workers;
        auto out = std::make_unique<NginxServer>(kLimits, options);
        EXPECT_TRUE(wait_until([&] { return where(*out, "/grouped?k=warm&t=warm") == "main"; }))
            << out->error_log();
        return out;
    }
    static int admitted(const NginxServer& nginx, const std::string& path, int tries) {
        int count = 0;
        for (int i = 0; i < tries; ++i) {
            count += get(nginx.url(path)).status == 200 ? 1 : 0;
        }
        return count;
    }
    // How many nodes hold keys like `pattern`.
    std::size_t nodes_with(const std::string& pattern) {
        std::size_t count = 0;
        for (std::size_t i = 0; i < cluster_.size(); ++i) {
            count += cluster_.node(i).command({"KEYS", pattern}).starts_with("*0") ? 0 : 1;
        }
        return count;
    }

    RedisCluster cluster_;
};

TEST_F(RateLimitClusterTest, LimitsWithTheSameKeyShareASlotAndKeysSpread) {
    const auto nginx = gateway();
    EXPECT_EQ(admitted(*nginx, "/same?k=a", 8), 5);
    EXPECT_EQ(admitted(*nginx, "/daily?k=a", 9), 4) << "what was refused took nothing";
    EXPECT_EQ(admitted(*nginx, "/leased?k=b", 12), 9);
    for (int i = 0; i < 30; ++i) {
        EXPECT_EQ(where(*nginx, "/same?k=spread" + std::to_string(i)), "main");
    }
    EXPECT_EQ(nodes_with("sallyport:quick:{*"), cluster_.size());
    EXPECT_EQ(nodes_with("sallyport:{@api}:*"), 1u);
}

TEST_F(RateLimitClusterTest, AGroupsSlotMovesUnderLoadAndNothingIsCountedTwice) {
    const auto nginx = gateway(2);
    std::atomic<int> passed{0};
    std::atomic<int> refused{0};
    std::atomic<int> other{0};
    std::atomic<int> fallback{0};
    std::vector<std::jthread> clients;  // they end when the test does, however it does
    for (int thread = 0; thread < 4; ++thread) {
        clients.emplace_back([&, thread](const std::stop_token& stopping) {
            HttpClient client;
            // Ever new tenants: keys that no node has while the slot moves.
            for (int i = 0; !stopping.stop_requested(); ++i) {
                const std::string tenant = std::to_string(thread) + "." + std::to_string(i / 3);
                const auto response = client.get(nginx->url("/grouped?k=all&t=" + tenant));
                (response.status == 200 ? passed : response.status == 429 ? refused : other)++;
                fallback += response.header("X-Where") == "main" ? 0 : 1;
            }
        });
    }
    const std::uint16_t slot = cluster_.slot_of("sallyport:{@api}:");
    std::size_t at = cluster_.owner_of(slot);
    for (int round = 0; round < 3; ++round) {
        const int before = passed + refused;
        EXPECT_TRUE(wait_until([&] { return passed + refused > before + 80; })) << round;
        const std::size_t to = (at + 1) % cluster_.size();
        cluster_.move_slot(slot, at, to);
        at = to;
    }
    EXPECT_TRUE(wait_until([&] { return refused > 20; }));
    clients.clear();
    EXPECT_EQ(other, 0);
    EXPECT_EQ(fallback, 0) << nginx->error_log();
    EXPECT_EQ(passed, 600);
    EXPECT_THAT(nginx->error_log(), Not(HasSubstr("CROSSSLOT")));
    EXPECT_THAT(nginx->error_log(), Not(HasSubstr("is not available")));
}

TEST(RateLimitClusterConf, LimitsThatCannotShareASlotAreRefusedWithTheRemedy) {
    const auto with = [](const std::string& limits) {
        return check_config("sallyport_redis main redis://127.0.0.1:1 cluster=on;" + limits +
                            "server { listen 127.0.0.1:%%PORT%%; sallyport_rate_limit a b; }");
    };
    const std::string a = "sallyport_limit a rate=1r/s key=$host store=main";
    for (const char* b : {"key=$uri", "key=$host ipv6_prefix=128", "key=$host group=x"}) {
        const auto check =
            with(a + "; sallyport_limit b rate=9r/s store=main " + std::string(b) + ";");
        EXPECT_FALSE(check.ok()) << b;
        EXPECT_THAT(check.messages, HasSubstr("limits \"a\" and \"b\" of the cluster \"main\""));
        EXPECT_THAT(check.messages, HasSubstr("or both group=a"));
    }
    for (const char* b : {"key=$uri group=x", "key=$host group=x"}) {
        EXPECT_TRUE(with(a + " group=x; sallyport_limit b rate=9r/s store=main " + b + ";").ok());
    }
    EXPECT_TRUE(with(a + "; sallyport_limit b rate=9r/s key=$host store=main;").ok());
}

}  // namespace
}  // namespace sallyport::test
