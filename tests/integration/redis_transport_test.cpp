// How the gateway speaks to one Redis: TLS, rotated passwords, a network that delays, cuts and
// swallows. Limits are the instrument.
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/fixtures/tcp_proxy.hpp"
#include "tests/integration/mistakes.hpp"
#include "tests/integration/redis_crowd.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace sallyport::test {
namespace {

using testing::HasSubstr;
using testing::Not;

std::size_t count_of(const std::string& text, const std::string& piece) {
    std::size_t count = 0;
    for (std::size_t at = text.find(piece); at != std::string::npos;
         at = text.find(piece, at + 1)) {
        ++count;
    }
    return count;
}

class RedisTlsTest : public testing::Test {
  protected:
    static std::vector<std::string> arguments(const HeldPort& port, bool clients) {
        const Certificates& tls = certificates();
        return {"--tls-port",         std::to_string(port.number()),
                "--tls-cert-file",    tls.server_certificate,
                "--tls-key-file",     tls.server_key,
                "--tls-ca-cert-file", tls.ca,
                "--tls-auth-clients", clients ? "yes" : "no"};
    }
    std::string url(const std::string& host) const {
        return "rediss://" + host + ":" + std::to_string(port_.number());
    }

    HeldPort port_;
};

TEST_F(RedisTlsTest, TheCertificateIsVerified) {
    const RedisServer redis(arguments(port_, false));
    const std::string ca = " tls_ca=" + certificates().ca;
    const std::string patient = kPatient;
    // The address is in the certificate, and so is the name.
    for (const std::string& good :
         {url("127.0.0.1") + ca, url("localhost") + ca,
          url("127.0.0.1") + ca + " tls_name=gateway.test", url("127.0.0.1") + " tls_verify=off"}) {
        NginxServer nginx(kHttp, options_for(good + patient));
        EXPECT_TRUE(recovered(nginx)) << good << nginx.error_log();
    }
    // An unknown authority, and another name: neither is spoken to.
    for (const std::string& bad :
         {url("127.0.0.1"), url("127.0.0.1") + ca + " tls_name=other.test"}) {
        NginxServer nginx(kHttp, options_for(bad + patient));
        EXPECT_TRUE(wait_until([&] {
            return nginx.error_log().find(
                       "is not available (TLS: the server's certificate is "
                       "refused") != std::string::npos;
        })) << bad
            << nginx.error_log();
        for (int i = 0; i < 20; ++i) {
            EXPECT_EQ(where(nginx), "fallback");
        }
        EXPECT_EQ(count_of(nginx.error_log(), "is not available"), 1u)
            << "once, not once a request";
    }
    EXPECT_THAT(redis.command({"CLIENT", "LIST"}), Not(HasSubstr("cmd=evalsha")));
}

TEST_F(RedisTlsTest, AClientCertificateIsPresented) {
    const RedisServer redis(arguments(port_, true));
    const std::string ca = url("127.0.0.1") + " tls_ca=" + certificates().ca + kPatient;
    {
        NginxServer nginx(kHttp,
                          options_for(ca + " tls_certificate=" + certificates().client_certificate +
                                      " tls_key=" + certificates().client_key));
        EXPECT_TRUE(recovered(nginx)) << nginx.error_log();
    }
    NginxServer nginx(kHttp, options_for(ca));
    EXPECT_TRUE(wait_until(
        [&] { return nginx.error_log().find("is not available") != std::string::npos; }));
    EXPECT_EQ(where(nginx), "fallback");
}

TEST_F(RedisTlsTest, SurvivesRestartsAndLoad) {
    RedisServer redis(arguments(port_, false));
    NginxServer nginx(kHttp,
                      options_for(url("localhost") + " tls_ca=" + certificates().ca + kPatient, 2));
    ASSERT_TRUE(recovered(nginx));
    Crowd crowd(nginx, 3);
    EXPECT_TRUE(crowd.served(100));
    redis.restart();
    EXPECT_TRUE(crowd.served(100));
    ASSERT_TRUE(nginx.reload());
    EXPECT_TRUE(crowd.served(100));
    crowd.stop();
    EXPECT_EQ(crowd.bad, 0);
}

// The worker's user must be able to read the file that root has read at start.
void give_to_worker(const std::string& path) {
    if (geteuid() == 0) {
        const passwd* nobody = getpwnam("nobody");
        ASSERT_NE(nobody, nullptr);
        ASSERT_EQ(chown(path.c_str(), nobody->pw_uid, nobody->pw_gid), 0);
    }
}

TEST(RedisPassword, IsReadAgainWhenItIsRefused) {
    RedisServer redis({"--requirepass", "the first password"});
    NginxOptions options = options_for("redis://" + redis.address() +
                                       " password_file=%%DIR%%/password.key" + kPatient);
    options.files = {{"password.key", "the first password\n"}};
    NginxServer nginx(kHttp, options);
    give_to_worker(nginx.dir().path("password.key"));
    ASSERT_TRUE(recovered(nginx));

    const auto on_server = [&](std::vector<std::string> words) {
        words.insert(words.begin(), {"redis-cli", "--no-auth-warning", "-s", redis.socket_path()});
        return run_command(words).output;
    };
    on_server({"-a", "the first password", "CONFIG", "SET", "requirepass", "the second password"});
    on_server({"-a", "the second password", "CLIENT", "KILL", "TYPE", "normal"});
    EXPECT_TRUE(wait_until([&] { return where(nginx) == "fallback"; }));
    EXPECT_TRUE(
        wait_until([&] { return nginx.error_log().find("WRONGPASS") != std::string::npos; }));
    nginx.dir().write("password.key", "the second password\n", 0600);
    give_to_worker(nginx.dir().path("password.key"));
    EXPECT_TRUE(recovered(nginx)) << nginx.error_log();
    EXPECT_EQ(count_of(nginx.error_log(), "is not available"), 1u);
    EXPECT_THAT(nginx.error_log(), Not(HasSubstr("second password")));
}

class RedisNetworkTest : public testing::Test {
  protected:
    RedisServer redis_;
    TcpProxy proxy_{redis_.port()};
};

TEST_F(RedisNetworkTest, RepliesCutInTheMiddle) {
    NginxServer nginx(kHttp, options_for("redis://" + proxy_.address() + kPatient, 2));
    ASSERT_TRUE(recovered(nginx));
    Crowd crowd(nginx, 4);
    for (const long bytes : {1L, 7L, 45L, 300L, 1001L}) {
        proxy_.cut_after(bytes);
        const std::uint64_t before = proxy_.connections();
        EXPECT_TRUE(wait_until([&] { return proxy_.connections() > before + 4; }));
        proxy_.cut_after(-1);
        EXPECT_TRUE(crowd.served(100)) << bytes << nginx.error_log();
    }
    crowd.stop();
    EXPECT_EQ(crowd.bad, 0);
}

TEST_F(RedisNetworkTest, AServerThatGreetsAndThenFailsIsLeftAlone) {
    NginxServer nginx(kHttp, options_for("redis://" + proxy_.address() +
                                         " budget=500ms failures=3 backoff=5s backoff_max=5s"));
    ASSERT_TRUE(recovered(nginx));
    const long greeting = static_cast<long>(redis_.command({"ROLE"}).size());
    proxy_.cut_after(greeting + 1);
    const std::uint64_t before = proxy_.connections();
    for (int i = 0; i < 60; ++i) {
        EXPECT_EQ(get(nginx.url("/few?k=" + std::to_string(i))).status, 200);
    }
    EXPECT_LE(proxy_.connections() - before, 6u) << nginx.error_log();
    EXPECT_THAT(nginx.error_log(), HasSubstr("is not available"));
}

TEST_F(RedisNetworkTest, SlowRepliesCostTheBudgetAndThenNothing) {
    NginxServer nginx(kHttp, options_for("redis://" + proxy_.address() +
                                         " budget=5ms failures=3 backoff=20ms backoff_max=50ms"));
    ASSERT_TRUE(recovered(nginx));
    proxy_.delay(20);
    EXPECT_TRUE(wait_until([&] {
        return where(nginx) == "fallback" &&
               nginx.error_log().find("no answer within the budget") != std::string::npos;
    })) << nginx.error_log();
    proxy_.delay(0);
    EXPECT_TRUE(recovered(nginx));
}

TEST_F(RedisNetworkTest, AHalfOpenConnectionIsGivenUp) {
    NginxServer nginx(kHttp, options_for("redis://" + proxy_.address() +
                                         " budget=20ms failures=3 backoff=20ms backoff_max=50ms"));
    ASSERT_TRUE(recovered(nginx));
    proxy_.swallow(true);
    EXPECT_TRUE(wait_until([&] {
        return where(nginx) == "fallback" &&
               nginx.error_log().find("is not available") != std::string::npos;
    }));
    proxy_.swallow(false);
    EXPECT_TRUE(recovered(nginx));
}

TEST(RedisConf, TheShippedIncludeWorks) {
    NginxOptions options;
    options.files["redis.conf"] = read_file(std::string(SALLYPORT_CONF_D) + "/redis.conf");
    ASSERT_FALSE(options.files["redis.conf"].empty());
    const auto check = check_config(
        "include redis.conf; sallyport_limit l rate=1r/s store=main; server { listen "
        "127.0.0.1:%%PORT_SPARE%%; sallyport_rate_limit l; }",
        options);
    EXPECT_TRUE(check.ok()) << check.messages;
}

TEST(RedisConf, MistakesOfTlsAreNamed) {
    const Mistake mistakes[] = {
        {"sallyport_redis r rediss://127.0.0.1 tls_ca=/nonexistent;", "sallyport_redis",
         "tls_ca=\"/nonexistent\"", "see the message above"},
        {"sallyport_redis r rediss://127.0.0.1 tls_certificate=/no tls_key=/no;", "sallyport_redis",
         "tls_certificate=\"/no\"", "see the message above"},
        {"sallyport_redis r redis+sentinel://127.0.0.1;", "sallyport_redis", "redis+sentinel://",
         "names no master"},
        {"sallyport_redis r redis://127.0.0.1 cluster=maybe;", "sallyport_redis", "\"maybe\"",
         "write cluster=on"},
        {"sallyport_redis r redis://127.0.0.1 sentinel=m sentinel_password_file=/no;",
         "sallyport_redis", "sentinel_password_file=", "/no"},
    };
    for (const Mistake& mistake : mistakes) {
        expect_mistake(mistake);
    }
    const auto check = check_config(
        "sallyport_redis r rediss://127.0.0.1 tls_verify=off; server { listen "
        "127.0.0.1:%%PORT_SPARE%%; }");
    EXPECT_TRUE(check.ok());
    EXPECT_THAT(check.messages, HasSubstr("[warn]"));
    EXPECT_THAT(check.messages, HasSubstr("believes any server"));
}

}  // namespace
}  // namespace sallyport::test
