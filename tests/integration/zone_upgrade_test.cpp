// Bans and remembered deliveries outlive a binary upgrade.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/free_nginx.hpp"
#include "tests/integration/webhook_signing.hpp"

#include <gtest/gtest.h>

namespace sallyport::test {
namespace {

constexpr std::string_view kConfig = R"(
    sallyport_ban guess on=401 after=2 within=1h for=1h;
    server {
        listen 127.0.0.1:%%PORT%%;
        location / { empty_gif; }
        location /guess { return 401; }
        location /hook {
            sallyport_webhook github;
            sallyport_webhook_secret file:%%DIR%%/hook.key;
            sallyport_webhook_replay zone=seen:1m;
            proxy_pass http://%%UPSTREAM%%;
        }
    }
)";

TEST(ZoneUpgrade, BansAndDeliveriesOutliveTheProgram) {
    Upstream upstream;
    NginxServer files(kConfig, {.variables = {{"UPSTREAM", upstream.address()}},
                                .files = {{"hook.key", std::string(kWebhookSecret)}},
                                .workers = 2});
    files.stop();
    const FreeNginx nginx(files, "/");
    const auto from = [&](const char* address, const char* path) {
        return send({.url = files.url(path), .local_address = address}).status;
    };
    const std::string body = R"({"n":1})";
    const auto deliver = [&](const std::string& text) {
        return send({.url = files.url("/hook"),
                     .method = "POST",
                     .headers = github_headers(text),
                     .body = text})
            .status;
    };
    EXPECT_EQ(from("127.0.0.7", "/guess"), 401);
    EXPECT_EQ(from("127.0.0.7", "/guess"), 401);
    ASSERT_TRUE(wait_until([&] { return from("127.0.0.7", "/") == 403; }));
    EXPECT_EQ(deliver(body), 200);
    EXPECT_EQ(upstream.request_count(), 1u);
    for (int round = 0; round < 2; ++round) {
        ASSERT_TRUE(nginx.upgrade()) << files.error_log();
    }
    EXPECT_EQ(from("127.0.0.7", "/"), 403) << "still banned";
    EXPECT_EQ(from("127.0.0.8", "/"), 200);
    EXPECT_EQ(deliver(body), 200) << "a copy, acknowledged";
    EXPECT_EQ(upstream.request_count(), 1u);
    EXPECT_EQ(deliver(R"({"n":2})"), 200);
    EXPECT_EQ(upstream.request_count(), 2u);
    for (const char* zone : {"sallyport_bans_v2", "sallyport_webhook_seen_v2"}) {
        EXPECT_NE(files.error_log().find("zone \"" + std::string(zone) + "\" goes on with what"),
                  std::string::npos)
            << files.error_log();
    }
}

}  // namespace
}  // namespace sallyport::test
