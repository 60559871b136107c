// Handshakes through real nginx: the vectors' exact answers, and who gets none.
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/webhook_clock.hpp"
#include "tests/integration/webhook_signing.hpp"
#include "tests/integration/webhook_vectors.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

namespace sallyport::test {
namespace {

constexpr std::int64_t kNow = 1'767'225'600;

constexpr std::string_view kHttp = R"(
    sallyport_decision_log %%DIR%%/decisions.log;
    sallyport_webhook_profile unsigned "type=token sig=header:X-Secret";
    server {
        listen 127.0.0.1:%%PORT%%;
        proxy_set_header X-Status "$sallyport_webhook_status";
        add_header X-Webhook "$sallyport_webhook_status" always;
        add_header X-Reason "$sallyport_webhook_reason" always;
        sallyport_webhook_secret 0123456789abcdef0123;
        location /hooks/meta { sallyport_webhook meta; sallyport_webhook_handshake meta token=verify-me; proxy_pass http://%%UPSTREAM%%; }
        location /hooks/dropbox { sallyport_webhook dropbox handshake=dropbox; proxy_pass http://%%UPSTREAM%%; }
        location /hooks/zoom { sallyport_webhook zoom handshake=zoom; sallyport_webhook_secret zoom_secret_token; proxy_pass http://%%UPSTREAM%%; }
        location /hooks/slack { sallyport_webhook slack; sallyport_webhook_handshake slack; sallyport_webhook_secret 8f742231b10e8888abcd99yyyzzz85a5; proxy_pass http://%%UPSTREAM%%; }
        location /hooks/discord { sallyport_webhook discord; sallyport_webhook_handshake discord; sallyport_webhook_secret b919261c50fe57e244bd3def84e857a8527a7a7249667d1526ecefb55d425da2; proxy_pass http://%%UPSTREAM%%; }
        location /hooks/trello { sallyport_webhook trello; sallyport_webhook_handshake head; proxy_pass http://%%UPSTREAM%%; }
        location /hooks/circle { sallyport_webhook unsigned; sallyport_webhook_handshake head; proxy_pass http://%%UPSTREAM%%; }
        location /hooks/x { sallyport_webhook unsigned; sallyport_webhook_handshake crc; sallyport_webhook_secret consumer_secret; proxy_pass http://%%UPSTREAM%%; }
        location /hooks/nylas { sallyport_webhook nylas-gzip; sallyport_webhook_handshake nylas; proxy_pass http://%%UPSTREAM%%; }
        location /hooks/xero { sallyport_webhook xero; proxy_pass http://%%UPSTREAM%%; }
        location /hooks/ce { sallyport_webhook unsigned; sallyport_webhook_handshake cloudevents; proxy_pass http://%%UPSTREAM%%; }
        location /hooks/notion { sallyport_webhook notion; sallyport_webhook_handshake notion; proxy_pass http://%%UPSTREAM%%; }
        location /monday { sallyport_webhook unsigned; sallyport_webhook_handshake monday; proxy_pass http://%%UPSTREAM%%; }
        location /graph { sallyport_webhook unsigned; sallyport_webhook_handshake graph; proxy_pass http://%%UPSTREAM%%; }
        location /okta { sallyport_webhook okta-token; sallyport_webhook_handshake okta; proxy_pass http://%%UPSTREAM%%; }
        location /ebay { sallyport_webhook unsigned; sallyport_webhook_handshake ebay token=the-verification-token; proxy_pass http://%%UPSTREAM%%; }
        location /told { sallyport_webhook unsigned url=https://public.example/hook; sallyport_webhook_handshake ebay token=the-verification-token; proxy_pass http://%%UPSTREAM%%; }
        location /grid { sallyport_webhook unsigned; sallyport_webhook_handshake event-grid; proxy_pass http://%%UPSTREAM%%; }
        location /own { sallyport_webhook unsigned; sallyport_webhook_handshake "method=GET echo=query:c as=json:answer transform=sha256-hex prefix=v1="; proxy_pass http://%%UPSTREAM%%; }
        location /report { sallyport_webhook dropbox handshake=dropbox; sallyport_webhook_mode report; proxy_pass http://%%UPSTREAM%%; }
    }
    server {
        listen 127.0.0.1:%%PORT_FIRST%%;
        location /asana { sallyport_webhook asana; sallyport_webhook_handshake asana store=%%DIR%%/keys/asana.key; proxy_pass http://%%UPSTREAM%%; }
        location /late { sallyport_webhook asana; sallyport_webhook_handshake asana store=%%DIR%%/keys/late.key until=2025-12-31T23:59:59Z; proxy_pass http://%%UPSTREAM%%; }
    }
)";

class WebhookHandshake : public testing::Test {
  protected:
    WebhookHandshake() : nginx_(make_http(), options(), kNow) {}

    std::string make_http() {
        std::string http(kHttp);
        const auto at = [&](std::string_view what, std::string_view with) {
            for (std::size_t i = http.find(what); i != std::string::npos; i = http.find(what)) {
                http.replace(i, what.size(), with);
            }
        };
        at("%%DIR%%/keys", keys_.path());
        at("sallyport_webhook_handshake notion;",
           "sallyport_webhook_handshake notion store=" + keys_.path("notion.key") + ";");
        return http;
    }
    NginxOptions options() {
        chmod(keys_.path().c_str(), 0777);  // workers may run as nobody
        NginxOptions out;
        out.variables = {{"UPSTREAM", upstream_.address()}};
        return out;
    }
    HttpResponse ask(const std::string& method, const std::string& path, HeaderList headers = {},
                     std::optional<std::string> body = std::nullopt) {
        HttpRequest request;
        request.url = nginx_->url(path);
        request.method = method;
        request.headers = std::move(headers);
        request.body = std::move(body);
        return send(request);
    }

    Upstream upstream_;
    TempDir keys_{"keys"};
    ClockedNginx nginx_;
};

// `replaced` are the two answers that the location of this test cannot give as the file has them.
TEST_F(WebhookHandshake, AnswerAsTheVectorsSay) {
    std::size_t count = 0;
    vector_file()["handshakes"].each_element([&](const Json& each) {
        const Json wanted = each["request"];
        HeaderList headers;
        wanted["headers"].each_member([&](std::string_view name, const Json& value) {
            headers.emplace_back(name, value.text());
        });
        const bool has_body = wanted.has("body");
        const auto response =
            ask(std::string(wanted["method"].text()), std::string(wanted["path"].text()), headers,
                has_body ? std::optional(std::string(wanted["body"].text())) : std::nullopt);
        // The secret of this server stands in the way of one that a stranger brings.
        const bool brings_secret = each["scheme"].text() == "notion";
        const std::int64_t status = brings_secret ? 401 : each["response"]["status"].integer_or(0);
        EXPECT_EQ(response.status, status) << each["id"].text() << " " << response.body;
        ++count;
        if (status != 200) {
            return;
        }
        each["response"]["headers"].each_member([&](std::string_view name, const Json& value) {
            EXPECT_EQ(response.header(name), value.text()) << each["id"].text();
        });
        if (each["response"].has("body")) {
            EXPECT_EQ(response.body, each["response"]["body"].text()) << each["id"].text();
        }
        if (each["response"].has("body_json")) {
            const auto body = Json::parse(response.body);
            ASSERT_TRUE(body) << response.body;
            EXPECT_TRUE(body->equals(each["response"]["body_json"])) << each["id"].text();
        }
        EXPECT_FALSE(response.header("Transfer-Encoding")) << each["id"].text();
    });
    EXPECT_EQ(count, 14U);
    EXPECT_EQ(upstream_.request_count(), 0U);
}

TEST_F(WebhookHandshake, OthersAreAnsweredToo) {
    EXPECT_EQ(ask("POST", "/monday", {{"Content-Type", "application/json"}},
                  R"({"challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"})")
                  .body,
              R"({"challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"})");
    EXPECT_EQ(ask("POST", "/graph?validationToken=Validation%3A+Testing+client%20a", {}, "").body,
              "Validation: Testing client a");
    const std::string url = nginx_->url("/ebay");
    EXPECT_EQ(ask("GET", "/ebay?challenge_code=abc").body,
              "{\"challengeResponse\":\"" +
                  hex_encode(digest(DigestAlgorithm::sha256, "abcthe-verification-token" + url)) +
                  "\"}");
    EXPECT_EQ(ask("GET", "/told?challenge_code=abc").body,
              "{\"challengeResponse\":\"" +
                  hex_encode(digest(DigestAlgorithm::sha256,
                                    "abcthe-verification-tokenhttps://public.example/hook")) +
                  "\"}");
    const auto grid = [&](const std::string& type) {
        return ask("POST", "/grid", {{"aeg-event-type", "SubscriptionValidation"}},
                   R"([{"eventType":")" + type + R"(","data":{"validationCode":"c-1"}}])");
    };
    EXPECT_EQ(grid("Microsoft.EventGrid.SubscriptionValidationEvent").body,
              R"({"validationResponse":"c-1"})");
    EXPECT_EQ(grid("Microsoft.Storage.BlobCreated").status, 401);
    EXPECT_EQ(ask("GET", "/own?c=q%22x").body,
              "{\"answer\":\"v1=" + hex_encode(digest(DigestAlgorithm::sha256, "q\"x")) + "\"}");
    EXPECT_EQ(
        ask("GET", "/okta",
            {{"Authorization", "0123456789abcdef0123"}, {"X-Okta-Verification-Challenge", "c"}})
            .body,
        "{\"verification\":\"c\"}");
    EXPECT_EQ(upstream_.request_count(), 0U);
}

TEST_F(WebhookHandshake, SignedOnesAreAnsweredOnlyWhenGenuine) {
    const std::string body = R"({"type":"url_verification","challenge":"c"})";
    EXPECT_EQ(ask("POST", "/hooks/slack", {}, body).status, 401);
    EXPECT_EQ(ask("POST", "/hooks/slack", slack_headers(body, kNow, "wrong"), body).status, 401);
    EXPECT_EQ(ask("GET", "/okta", {{"X-Okta-Verification-Challenge", "c"}}).status, 401);
    const auto good = ask("POST", "/hooks/slack",
                          slack_headers(body, kNow, "8f742231b10e8888abcd99yyyzzz85a5"), body);
    EXPECT_EQ(good.body, "c");
    EXPECT_EQ(good.header("X-Webhook"), "handshake");
    EXPECT_EQ(good.header("X-Reason"), "webhook_handshake");
    EXPECT_EQ(upstream_.request_count(), 0U);
    // What is no handshake goes on as a delivery.
    const std::string event = R"({"type":"event_callback","challenge":"c"})";
    EXPECT_EQ(ask("POST", "/hooks/slack",
                  slack_headers(event, kNow, "8f742231b10e8888abcd99yyyzzz85a5"), event)
                  .status,
              200);
    EXPECT_EQ(upstream_.last_request().body, event);
}

TEST_F(WebhookHandshake, WrongTokensAndChallengesAreRefused) {
    const auto wrong =
        ask("GET", "/hooks/meta?hub.mode=subscribe&hub.challenge=1&hub.verify_token=x");
    EXPECT_EQ(wrong.status, 403);
    EXPECT_EQ(wrong.header("X-Reason"), "webhook_handshake_refused");
    EXPECT_EQ(ask("GET", "/hooks/meta?hub.mode=subscribe&hub.challenge=1").status, 403);
    EXPECT_EQ(ask("GET", "/hooks/meta?hub.challenge=1&hub.verify_token=verify-me").status, 401);
    EXPECT_EQ(ask("GET", "/hooks/dropbox?challenge=a%0d%0aSet-Cookie:x").status, 400);
    EXPECT_EQ(ask("GET", "/hooks/dropbox?challenge=" + std::string(513, 'a')).status, 400);
    EXPECT_EQ(ask("GET", "/hooks/dropbox?challenge=").status, 400);
    EXPECT_EQ(ask("GET", "/hooks/dropbox?challenge=a&challenge=b").status, 400);
    EXPECT_EQ(ask("GET", "/hooks/dropbox").status, 401);
    EXPECT_EQ(ask("POST", "/hooks/dropbox?challenge=a", {}, "x").status, 401);
    EXPECT_EQ(ask("POST", "/monday", {}, R"({"challenge":"a","challenge":"b"})").status, 400);
    EXPECT_EQ(ask("POST", "/monday", {}, std::string(20'000, ' ') + R"({"challenge":"a"})").status,
              401);
    EXPECT_EQ(upstream_.request_count(), 0U);
    EXPECT_EQ(ask("GET", "/report?challenge=a").status, 200);
    EXPECT_EQ(upstream_.request_count(), 1U);
}

TEST_F(WebhookHandshake, ASecretIsTakenOnceAndOnlyWhileArmed) {
    const auto hello = [&](const std::string& path, const std::string& secret) {
        HttpRequest request;
        request.url = nginx_->url(path, "PORT_FIRST");
        request.method = "POST";
        request.headers = {{"X-Hook-Secret", secret}};
        request.body = "";
        return send(request);
    };
    EXPECT_EQ(hello("/late", "a secret of 20 bytes").status, 401);
    const auto first = hello("/asana", "the first secret there is");
    EXPECT_EQ(first.status, 200);
    EXPECT_EQ(first.header("X-Hook-Secret"), "the first secret there is");
    EXPECT_EQ(read_file(keys_.path("asana.key")), "the first secret there is");
    EXPECT_NE(hello("/asana", "an attacker's secret, later").status, 200);
    EXPECT_EQ(read_file(keys_.path("asana.key")), "the first secret there is");
    // Within a second the workers know it.
    const std::string body = R"({"events":[]})";
    HttpRequest genuine =
        delivery(nginx_->url("/asana", "PORT_FIRST"), body,
                 {{"X-Hook-Signature", hex_hmac("the first secret there is", body)}});
    EXPECT_TRUE(wait_until([&] { return send(genuine).status == 200; }));
    EXPECT_EQ(hello("/asana", "an attacker's secret, later").status, 401);
    nginx_->expect_log_line("cannot be made");
}

}  // namespace
}  // namespace sallyport::test
