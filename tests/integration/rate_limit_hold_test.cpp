// Keys with few requests hold units: in real nginx and a real Redis they do not ask for each one.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/redis_server.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::test {
namespace {

constexpr std::string_view kConf = R"(
    sallyport_redis main unix:%%SOCKET%% budget=1000ms;
    sallyport_limit wide  rate=100r/h burst=6400 key=$arg_k store=main;
    sallyport_limit small rate=100r/h burst=20 key=$arg_k store=main;
    sallyport_limit once  rate=1r/h burst=1 key=$arg_k store=main mode=strict;
    server {
        listen 127.0.0.1:%%PORT%%;
        add_header X-Where $sallyport_rate_limit_store always;
        location /wide { sallyport_rate_limit wide; empty_gif; }
        location /both { sallyport_rate_limit wide once; empty_gif; }
        location /small { sallyport_rate_limit small; empty_gif; }
    }
)";

class RateLimitHold : public testing::TestWithParam<int> {
  protected:
    void SetUp() override {
        ASSERT_TRUE(wait_until(
            [&] { return get(nginx_.url("/small?k=warm")).header("X-Where") == "main"; }));
    }
    std::string bucket_of(const std::string& limit) {
        const std::string reply = redis_.command({"KEYS", "sallyport:{" + limit + "}:*"});
        const std::size_t at = reply.find("sallyport:");
        return at == std::string::npos
                   ? reply
                   : redis_.command({"GET", reply.substr(at, reply.find('\r', at) - at)});
    }
    int status(const char* path) { return get(nginx_.url(path)).status; }

    RedisServer redis_;
    NginxServer nginx_{kConf,
                       {.variables = {{"SOCKET", redis_.socket_path()}}, .workers = GetParam()}};
};

TEST_P(RateLimitHold, AColdKeyAsksOnce) {
    EXPECT_EQ(status("/wide?k=a"), 200);
    const std::string before = bucket_of("wide");
    EXPECT_NE(before.find(" 120000 "), std::string::npos) << before;
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(status("/wide?k=a"), 200);
    }
    EXPECT_EQ(bucket_of("wide"), before) << "nobody asked";
    // Of a small bucket nothing is held.
    const std::string small = bucket_of("small");
    EXPECT_NE(small.find(' '), std::string::npos) << small;
    EXPECT_EQ(small.find(" 120000 "), std::string::npos) << small;
}

// What a worker took of what is held goes back when another limit refuses the request.
TEST_P(RateLimitHold, ARefusedRequestSpendsNothing) {
    EXPECT_EQ(status("/both?k=a"), 200);
    const std::string before = bucket_of("wide");
    for (int i = 0; i < 40; ++i) {
        EXPECT_EQ(status("/both?k=a"), 429);
    }
    for (int i = 0; i < 16; ++i) {
        EXPECT_EQ(status("/wide?k=a"), 200);
    }
    EXPECT_EQ(bucket_of("wide"), before) << "nobody asked";
}

// What clients are told is the bucket, wherever the unit came from.
TEST_P(RateLimitHold, RemainingIsWhatTheBucketHas) {
    const auto remaining = [&] {
        const auto response = get(nginx_.url("/wide?k=b"));
        const std::string field = response.header("RateLimit").value_or("");
        const std::size_t at = field.find("r=");
        return at == std::string::npos ? std::string() : field.substr(at, field.find(';', at) - at);
    };
    const std::string first = remaining();
    ASSERT_FALSE(first.empty());
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(remaining(), first);
    }
}

INSTANTIATE_TEST_SUITE_P(Workers, RateLimitHold, testing::Values(1, 3));

}  // namespace
}  // namespace sallyport::test
