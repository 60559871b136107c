// Readiness says what keeps the gateway from its work, and says yes again when it is mended.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sallyport::test {
namespace {

constexpr const char* kTokens =
    "sha256:0000000000000000000000000000000000000000000000000000000000000000 nobody\n";

constexpr std::string_view kConf = R"(
    sallyport_redis main redis://%%REDIS%% budget=200ms;
    sallyport_limit shared rate=1000r/s store=main;
    server {
        listen 127.0.0.1:%%PORT%%;
        location / { sallyport_control; }
        location /limited { sallyport_rate_limit shared; empty_gif; }
        location /token { sallyport_auth token file=%%DIR%%/tokens.key refresh=100ms; empty_gif; }
        location /hook { sallyport_webhook github; sallyport_webhook_secret file:%%DIR%%/hook.key; empty_gif; }
    }
)";

class Readiness : public testing::Test {
  protected:
    Readiness()
        : nginx_(kConf, {.variables = {{"REDIS", redis_.address()}},
                         .files = {{"tokens.key", kTokens}, {"hook.key", "0123456789abcdef0123"}},
                         // Workers read secrets again.
                         .main = "user root;"}) {
        EXPECT_TRUE(becomes(200)) << get(nginx_.url("/ready")).body;
    }
    bool becomes(int status) {
        return wait_until([&] { return get(nginx_.url("/ready")).status == status; });
    }
    void expect_trouble(const char* feature, const char* piece) {
        ASSERT_TRUE(becomes(503));
        const std::string body = get(nginx_.url("/ready")).body;
        EXPECT_NE(body.find('"' + std::string(feature) + '"'), std::string::npos) << body;
        EXPECT_NE(body.find(piece), std::string::npos) << body;
        EXPECT_NE(get(nginx_.url("/metrics")).body.find("sallyport_ready 0"), std::string::npos);
        EXPECT_EQ(get(nginx_.url("/health")).status, 200);
    }
    void put(const char* name, std::string_view text) const {
        // A file of its own, as editors and secret managers do.
        const std::string path = nginx_.dir().path(name);
        nginx_.dir().write(std::string(name) + ".new", text, 0600);
        std::filesystem::rename(path + ".new", path);
    }

    RedisServer redis_;
    NginxServer nginx_;
};

TEST_F(Readiness, AStoreThatIsGone) {
    redis_.stop();
    expect_trouble("redis", "\\\"main\\\" is not available");
    redis_.start();
    EXPECT_TRUE(becomes(200));
}

TEST_F(Readiness, CredentialsThatCannotBeRead) {
    put("tokens.key", "nonsense\n");
    expect_trouble("auth", "line 1");
    put("tokens.key", kTokens);
    EXPECT_TRUE(becomes(200));
    std::filesystem::remove(nginx_.dir().path("tokens.key"));
    expect_trouble("auth", "cannot be opened");
    put("tokens.key", kTokens);
    EXPECT_TRUE(becomes(200));
}

TEST_F(Readiness, AWebhookSecretThatCannotBeUsed) {
    put("hook.key", "");
    expect_trouble("webhook", "is empty");
    put("hook.key", "another-0123456789abcdef");
    EXPECT_TRUE(becomes(200));
}

}  // namespace
}  // namespace sallyport::test
