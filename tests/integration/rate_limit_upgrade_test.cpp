// Counters outlive a binary upgrade as nginx does it: USR2 starts the new program, WINCH sends the
// old one's workers home, QUIT ends it.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/redis_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cerrno>
#include <cstdlib>
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

// nginx as a service runs it: a daemon. Others ignore USR2 and WINCH.
class FreeNginx {
  public:
    explicit FreeNginx(const NginxServer& files) : files_(files) {
        std::string text = files.dir().read("nginx.conf");
        text.replace(text.find("daemon off;"), 11, "daemon on;");
        files.dir().write("nginx.conf", text);
        const std::string folder = files.dir().path();
        // exec needs the whole path.
        run_command({"sh", "-c",
                     "\"$(command -v " + nginx_path() + ")\" -p " + folder + " -e " + folder +
                         "/error.log -c " + folder + "/nginx.conf >>" + folder +
                         "/output.log 2>&1"});
        EXPECT_TRUE(serves());
    }
    ~FreeNginx() { end(pid()); }
    FreeNginx(const FreeNginx&) = delete;
    FreeNginx& operator=(const FreeNginx&) = delete;

    pid_t pid() const { return std::atoi(files_.dir().read("nginx.pid").c_str()); }
    bool serves() const {
        return wait_until([&] { return get(files_.url("/rated?k=up")).status > 0; });
    }
    static bool gone(pid_t pid) {
        return wait_until([&] { return ::kill(pid, 0) != 0 && errno == ESRCH; });
    }
    static void end(pid_t pid) {
        if (pid > 1 && ::kill(pid, SIGQUIT) == 0) {
            EXPECT_TRUE(gone(pid));
        }
    }
    // The old program has gone when this returns true.
    bool upgrade() const {
        const pid_t before = pid();
        ::kill(before, SIGUSR2);
        const bool started = wait_until([&] { return pid() > 1 && pid() != before; });
        ::kill(before, SIGWINCH);
        const bool left = wait_until([&] {
            for (const ChildProcess& child : children_of(before)) {
                if (child.command_line.find("worker process") != std::string::npos) {
                    return false;
                }
            }
            return true;
        });
        ::kill(before, SIGQUIT);
        return started && left && gone(before) && serves();
    }

  private:
    const NginxServer& files_;
};

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
    const FreeNginx nginx(files);
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
                HasSubstr("zone \"sallyport_limit_rated_rate_v2\" goes on with the counts"));
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
