#include "module/store/redis_spec.hpp"

#include "common/bytes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace sallyport::store {
namespace {

Result<RedisSpec> parse(std::string_view line) {
    std::vector<std::string_view> words;
    for_each_split(line, ' ', [&](std::string_view word) { words.push_back(word); });
    return parse_redis(words);
}

TEST(RedisSpec, TakesUrlsAndOptions) {
    const auto tcp = parse(
        "main redis://redis.example:6380/3 budget=8ms connect_timeout=2s failures=7 backoff=200ms "
        "backoff_max=10s user=gate password_file=/p key_file=/k");
    ASSERT_TRUE(tcp.ok()) << tcp.message();
    EXPECT_EQ(tcp->servers.at(0).address, "redis.example:6380");
    EXPECT_EQ(tcp->database, 3u);
    EXPECT_EQ(tcp->budget_ms, 8);
    EXPECT_EQ(tcp->connect_timeout_ms, 2000);
    EXPECT_EQ(tcp->breaker.failures_max, 7u);
    EXPECT_EQ(tcp->breaker.backoff_ms_min, 200);
    EXPECT_EQ(tcp->breaker.backoff_ms_max, 10'000);
    EXPECT_EQ(tcp->user, "gate");
    EXPECT_EQ(tcp->password_file, "/p");
    EXPECT_EQ(tcp->key_file, "/k");

    const auto local = parse("main unix:/run/redis.sock database=2");
    ASSERT_TRUE(local.ok()) << local.message();
    EXPECT_EQ(local->servers.at(0).address, "unix:/run/redis.sock");
    EXPECT_EQ(local->database, 2u);
    EXPECT_EQ(local->budget_ms, 5);
    EXPECT_EQ(parse("main redis://[::1]:6379")->servers.at(0).address, "[::1]:6379");
    EXPECT_EQ(parse("main redis://[::1]:6379")->servers.at(0).host, "::1");
    EXPECT_EQ(parse("main redis://127.0.0.1/")->servers.at(0).address, "127.0.0.1");
}

TEST(RedisSpec, TakesTlsSentinelsAndClusters) {
    const auto tls = parse(
        "main rediss://r.example:6390 tls_ca=/ca tls_name=n tls_certificate=/c "
        "tls_key=/k");
    ASSERT_TRUE(tls.ok()) << tls.message();
    EXPECT_TRUE(tls->tls && tls->tls_verify);
    EXPECT_EQ(tls->servers.at(0).host, "r.example");
    EXPECT_EQ(tls->tls_name, "n");
    EXPECT_FALSE(parse("main rediss://h tls_verify=off")->tls_verify);

    const auto url = parse("main redis+sentinel://a:1,b:2/mymaster/3 sentinel_password_file=/p");
    ASSERT_TRUE(url.ok()) << url.message();
    EXPECT_EQ(url->kind, RedisKind::sentinel);
    EXPECT_EQ(url->servers.size(), 2u);
    EXPECT_EQ(url->servers.at(1).address, "b:2");
    EXPECT_EQ(url->master, "mymaster");
    EXPECT_EQ(url->database, 3u);
    const auto option = parse("main redis://a:1 redis://b:2 sentinel=mymaster");
    ASSERT_TRUE(option.ok()) << option.message();
    EXPECT_EQ(option->kind, RedisKind::sentinel);
    EXPECT_EQ(option->servers.size(), 2u);

    const auto cluster = parse("main rediss://a:1 rediss://b:2 cluster=on");
    ASSERT_TRUE(cluster.ok()) << cluster.message();
    EXPECT_EQ(cluster->kind, RedisKind::cluster);
    EXPECT_TRUE(cluster->tls);
}

TEST(RedisSpec, ErrorsNameTheValueAndTheRemedy) {
    const std::pair<const char*, const char*> cases[] = {
        {"ma/in redis://h", "store name \"ma/in\" must be"},
        {"local redis://h", "\"local\" means shared memory; choose another"},
        {"main h:6379", "is not a Redis URL; write redis://host:port/database"},
        {"main http://h", "is not a Redis URL"},
        {"main redis://", "has no host"},
        {"main redis://:6379", "has no host"},
        {"main redis://h?x=1", "has no host"},
        {"main redis://user:pw@h", "write user= and password_file="},
        {"main redis://h/abc", "database \"abc\" must be a number"},
        {"main redis://h/70000", "from 0 to 65535"},
        {"main unix:run/redis.sock", "must be unix: and an absolute path"},
        {"main redis://a redis://b", "add sentinel=MASTER or cluster=on"},
        {"main redis://a rediss://b cluster=on", "all use TLS or none does"},
        {"main unix:/a unix:/b cluster=on", "named by host and port"},
        {"main redis://a/1 cluster=on", "database 0 alone"},
        {"main redis://a cluster=yes", "write cluster=on or cluster=off"},
        {"main redis://a sentinel=", "sentinel= is empty"},
        {"main redis+sentinel://a,b", "names no master"},
        {"main redis+sentinel://a,:1/m", "has no host"},
        {"main redis+sentinel://a/m cluster=on", "a cluster has no Sentinels"},
        {"main redis+sentinel://a/m sentinel=n", "the master is named already"},
        {"main redis+sentinel://a/m sentinel_user=u", "add sentinel_password_file="},
        {"main redis://a sentinel_user=u", "need sentinel=MASTER"},
        {"main redis://a tls_ca=/ca", "tls_… options belong to TLS"},
        {"main redis://a tls_verify=off", "tls_… options belong to TLS"},
        {"main rediss://a tls_verify=no", "write tls_verify=on or tls_verify=off"},
        {"main rediss://a tls_verify=off tls_name=n", "nothing would be compared"},
        {"main rediss://a tls_key=/k", "belong together"},
        {"main redis://h password=x", "name it in password_file="},
        {"main redis://h budget=0ms", "budget=\"0ms\" is out of range; write 1ms to 1000ms"},
        {"main redis://h budget=2s", "out of range"},
        {"main redis://h budget=fast", "budget=\"fast\" is not a duration"},
        {"main redis://h failures=0", "1 to 1000"},
        {"main redis://h backoff=1ms", "backoff=\"1ms\" is out of range"},
        {"main redis://h backoff=10s backoff_max=1s", "backoff_max= is shorter than backoff="},
        {"main redis://h user=", "user= is empty"},
        {"main redis://h user=gate", "user=\"gate\" has no password; add password_file="},
        {"main redis://h failures=3 failures=4", "failures= stands there twice"},
        {"main redis://h pool=5", "unknown option \"pool=5\"; write budget"},
    };
    for (const auto& [line, says] : cases) {
        const auto spec = parse(line);
        ASSERT_FALSE(spec.ok()) << line;
        EXPECT_THAT(spec.message(), testing::HasSubstr(says)) << line;
    }
}

}  // namespace
}  // namespace sallyport::store
