// Counters outlive a binary upgrade as nginx does it: USR2 starts the new program, WINCH sends the
// old one's workers home, QUIT ends it.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/free_nginx.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

namespace sallyport::test {
namespace {

using testing::HasSubstr;

constexpr std::string_view kConfig = R"(
    sallyport_redis main unix:%%SOCKET%% budget=1000ms;
    sallyport_limit rated   rate=10r/d key=$arg_k;
    sallyport_limit windowed window=1h max=6 key=$arg_k;
    sallyport_limit slots   concurrent=1 key=$arg_k;
    sallyport_limit strict  rate=10r/d key=$arg_k store=main mode=strict;
    sallyport_limit leased  rate=10r/d burst=40 key=$arg_k store=main;
    server {
        listen 127.0.0.1:%%PORT%%;
        location /rated { sallyport_rate_limit rated; empty_gif; }
        location /windowed { sallyport_rate_limit windowed; empty_gif; }
        location /slots { sallyport_rate_limit slots; empty_gif; }
        location /strict { sallyport_rate_limit strict; empty_gif; }
        location /leased { sallyport_rate_limit leased; empty_gif; }
    }
)";

int admitted(const NginxServer& nginx, const std::string& path, int tries) {
    int count = 0;
    for (int i = 0; i < tries; ++i) {
        count += get(nginx.url(path)).status == 200 ? 1 : 0;
    }
    return count;
}

TEST(RateLimitUpgrade, CountersOutliveTheProgram) {
    RedisServer redis;
    NginxOptions options;
    options.variables = {{"SOCKET", redis.socket_path()}};
    options.workers = 2;
    NginxServer files(kConfig, options);
    files.stop();
    const FreeNginx nginx(files, "/rated?k=up");
    ASSERT_TRUE(wait_until([&] { return get(files.url("/strict?k=warm")).status == 200; }));
    EXPECT_EQ(admitted(files, "/rated?k=a", 7), 7);
    EXPECT_EQ(admitted(files, "/windowed?k=a", 4), 4);
    EXPECT_EQ(admitted(files, "/strict?k=a", 7), 7);
    const int leased = admitted(files, "/leased?k=a", 20);
    EXPECT_EQ(leased, 20);
    for (int round = 0; round < 2; ++round) {
        ASSERT_TRUE(nginx.upgrade()) << files.error_log();
    }
    EXPECT_THAT(files.error_log(),
                HasSubstr("zone \"sallyport_limit_rated_rate_v3\" goes on with what"));
    EXPECT_EQ(admitted(files, "/rated?k=a", 7), 3);
    EXPECT_EQ(admitted(files, "/windowed?k=a", 7), 2);
    EXPECT_TRUE(wait_until([&] { return get(files.url("/slots?k=a")).status == 200; }))
        << "nobody holds a slot";
    EXPECT_EQ(admitted(files, "/strict?k=a", 7), 3);
    EXPECT_LE(leased + admitted(files, "/leased?k=a", 60), 40);
    EXPECT_EQ(admitted(files, "/rated?k=b", 12), 10) << "and others are nobody else's";

    // Reloads and new numbers after it work on the same memory.
    ::kill(nginx.pid(), SIGHUP);
    EXPECT_TRUE(
        wait_until([&] { return files.error_log().find("reconfiguring") != std::string::npos; }));
    EXPECT_EQ(admitted(files, "/rated?k=a", 7), 0);
}

}  // namespace
}  // namespace sallyport::test
