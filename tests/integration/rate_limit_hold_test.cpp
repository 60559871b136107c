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
    server {
        listen 127.0.0.1:%%PORT%%;
        add_header X-Where $sallyport_rate_limit_store always;
        location /wide { sallyport_rate_limit wide; empty_gif; }
        location /small { sallyport_rate_limit small; empty_gif; }
    }
)";

TEST(RateLimitHold, AColdKeyAsksOnce) {
    RedisServer redis;
    NginxServer nginx(kConf, {.variables = {{"SOCKET", redis.socket_path()}}});
    ASSERT_TRUE(
        wait_until([&] { return get(nginx.url("/small?k=warm")).header("X-Where") == "main"; }));
    const auto bucket_of = [&](const std::string& limit) {
        const std::string reply = redis.command({"KEYS", "sallyport:{" + limit + "}:*"});
        const std::size_t at = reply.find("sallyport:");
        return at == std::string::npos
                   ? reply
                   : redis.command({"GET", reply.substr(at, reply.find('\r', at) - at)});
    };
    EXPECT_EQ(get(nginx.url("/wide?k=a")).status, 200);
    const std::string before = bucket_of("wide");
    EXPECT_NE(before.find(" 120000 "), std::string::npos) << before;
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(get(nginx.url("/wide?k=a")).status, 200);
    }
    EXPECT_EQ(bucket_of("wide"), before) << "nobody asked";
    // Of a small bucket nothing is held.
    const std::string small = bucket_of("small");
    EXPECT_NE(small.find(' '), std::string::npos) << small;
    EXPECT_EQ(small.find(" 120000 "), std::string::npos) << small;
}

}  // namespace
}  // namespace sallyport::test
