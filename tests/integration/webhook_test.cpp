// Webhook authentication through real nginx: four senders, everything a forger tries, and what an
// operator sees of it.
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/webhook_signing.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::test {
namespace {

constexpr std::string_view kHttp = R"(
    sallyport_decision_log %%DIR%%/decisions.log;
    sallyport_webhook_profile acme "sig=header:X-Acme-Sig prefix=\"sha256=\" ts=header:X-Acme-Time
                                    signed=\"{timestamp}.{body}\" tolerance=300 id=json:event.id";
    sallyport_webhook_profile urls 'sig=header:S signed="{method} {url}\n{path} {query:q} {header:x-a} {body_sha256_hex}"';
    sallyport_webhook_secret file:%%DIR%%/hook.key;
    sallyport_webhook_secret file:old.key;
    server {
        listen 127.0.0.1:%%PORT%%;
        add_header X-Webhook "$sallyport_webhook_status $sallyport_webhook_reason $sallyport_webhook_secret_index." always;
        add_header X-Webhook-Id "$sallyport_webhook_id" always;
        add_header X-Webhook-Age "$sallyport_webhook_age" always;
        location /github { sallyport_webhook github; proxy_pass http://%%UPSTREAM%%; }
        location /stripe { sallyport_webhook stripe; proxy_pass http://%%UPSTREAM%%; }
        location /slack { sallyport_webhook slack; proxy_pass http://%%UPSTREAM%%; }
        location /standard {
            sallyport_webhook standard;
            sallyport_webhook_secret file:%%DIR%%/standard.key;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /strict { sallyport_webhook stripe tolerance=5 "prefix="; proxy_pass http://%%UPSTREAM%%; }
        location /acme { sallyport_webhook acme; proxy_pass http://%%UPSTREAM%%; }
        location /urls { sallyport_webhook urls; proxy_pass http://%%UPSTREAM%%; }
        location /token { sallyport_webhook token; proxy_pass http://%%UPSTREAM%%; }
        location /report { sallyport_webhook github; sallyport_webhook_mode report; proxy_pass http://%%UPSTREAM%%; }
        location /quiet { sallyport_webhook github; sallyport_webhook_reject 403; proxy_pass http://%%UPSTREAM%%; }
        location /off { sallyport_webhook off; proxy_pass http://%%UPSTREAM%%; }
        location /mode-off { sallyport_webhook github; sallyport_webhook_mode off; proxy_pass http://%%UPSTREAM%%; }
        location /env { sallyport_webhook github; sallyport_webhook_secret env:SALLYPORT_TEST_HOOK; proxy_pass http://%%UPSTREAM%%; }
        location /literal { sallyport_webhook github; sallyport_webhook_secret a-literal-secret; proxy_pass http://%%UPSTREAM%%; }
    }
)";

class WebhookTest : public testing::Test {
  protected:
    WebhookTest() : nginx_(kHttp, options()) {}

    NginxOptions options() {
        setenv("SALLYPORT_TEST_HOOK", "a secret of the environment", 1);
        NginxOptions out;
        out.variables = {{"UPSTREAM", upstream_.address()}};
        out.files = webhook_files();
        return out;
    }
    HttpResponse post(std::string_view path, std::string_view body, HeaderList headers) {
        return send(delivery(nginx_.url(path), body, std::move(headers)));
    }

    Upstream upstream_;
    NginxServer nginx_;
};

constexpr std::string_view kBody = R"({"id":"evt_1","event_id":"Ev1","event":{"id":"acme-1"}})";

TEST_F(WebhookTest, GenuineDeliveriesReachTheUpstreamUnchanged) {
    struct Case {
        const char* path;
        HeaderList headers;
        const char* id;
    };
    const std::string time = std::to_string(now_s());
    const Case cases[] = {
        {"/github", github_headers(kBody), "72d3162e-cc78-11e3-81ab-4c9367dc0958"},
        {"/stripe", stripe_headers(kBody), "evt_1"},
        {"/slack", slack_headers(kBody), "Ev1"},
        {"/standard", standard_headers(kBody, "msg_42"), "msg_42"},
        {"/acme",
         {{"X-Acme-Time", time},
          {"X-Acme-Sig", "sha256=" + hex_hmac(kWebhookSecret, time + "." + std::string(kBody))}},
         "acme-1"},
    };
    std::size_t count = 0;
    for (const Case& c : cases) {
        const auto response = post(c.path, kBody, c.headers);
        EXPECT_EQ(response.status, 200) << c.path;
        EXPECT_EQ(response.header("X-Webhook"), "valid none 1.") << c.path;
        EXPECT_EQ(response.header("X-Webhook-Id"), c.id) << c.path;
        ASSERT_TRUE(upstream_.wait_for_requests(++count)) << c.path;
        EXPECT_EQ(upstream_.last_request().body, kBody) << c.path;
    }
}

TEST_F(WebhookTest, RefusesWhatIsNotGenuine) {
    const std::int64_t now = now_s();
    const HeaderList good = github_headers(kBody);
    HeaderList doubled = good;
    doubled.push_back(good[2]);
    HeaderList changed = good;
    changed[2].second.back() = changed[2].second.back() == '0' ? '1' : '0';
    HeaderList sha1 = {{"X-Hub-Signature",
                        "sha1=" + hex_encode(hmac(DigestAlgorithm::sha1, kWebhookSecret, kBody))}};
    HeaderList no_time = slack_headers(kBody);
    no_time.erase(no_time.begin());
    HeaderList two_times = slack_headers(kBody);
    two_times.push_back(two_times[0]);
    HeaderList bad_time = slack_headers(kBody);
    bad_time[0].second += "x";
    HeaderList no_id = standard_headers(kBody);
    no_id.erase(no_id.begin());
    struct Case {
        const char* path;
        HeaderList headers;
        const char* seen;  // status and reason
    };
    const Case cases[] = {
        {"/github", {}, "invalid webhook_signature_missing ."},
        {"/github", sha1, "invalid webhook_signature_missing ."},
        {"/github", changed, "invalid webhook_signature_invalid ."},
        {"/github", github_headers("other body"), "invalid webhook_signature_invalid ."},
        {"/github", github_headers(kBody, "a wrong secret"), "invalid webhook_signature_invalid ."},
        {"/github", doubled, "invalid webhook_signature_malformed ."},
        {"/github", {{"X-Hub-Signature-256", ""}}, "invalid webhook_signature_malformed ."},
        {"/github",
         {{"X-Hub-Signature-256", "sha256=00"}},
         "invalid webhook_signature_malformed ."},
        {"/stripe", stripe_headers(kBody, now - 310), "stale webhook_timestamp_stale ."},
        {"/stripe", stripe_headers(kBody, now + 310), "stale webhook_timestamp_future 1."},
        {"/strict", stripe_headers(kBody, now - 60), "stale webhook_timestamp_stale ."},
        {"/slack", slack_headers(kBody, now - 310), "stale webhook_timestamp_stale ."},
        {"/slack", no_time, "invalid webhook_timestamp_missing ."},
        {"/slack", two_times, "invalid webhook_timestamp_malformed ."},
        {"/slack", bad_time, "invalid webhook_timestamp_malformed ."},
        {"/standard", standard_headers(kBody, "m", now + 310), "stale webhook_timestamp_future 1."},
        {"/standard", no_id, "invalid webhook_id_malformed ."},
        {"/token", {{"Authorization", "Bearer wrong"}}, "invalid webhook_signature_invalid ."},
    };
    for (const Case& c : cases) {
        const auto response = post(c.path, kBody, c.headers);
        EXPECT_EQ(response.status, 401) << c.path << " " << c.seen;
        EXPECT_EQ(response.header("X-Webhook"), c.seen) << c.path;
        // One answer for every failure.
        EXPECT_EQ(response.body,
                  "{\"type\":\"about:blank\",\"title\":\"Unauthorized\",\"status\":401,"
                  "\"reason\":\"unauthorized\"}\n");
    }
    EXPECT_EQ(upstream_.request_count(), 0U);
}

TEST_F(WebhookTest, AcceptsTheEdgesOfTheTolerance) {
    EXPECT_EQ(post("/stripe", kBody, stripe_headers(kBody, now_s() - 290)).status, 200);
    const auto ahead = post("/stripe", kBody, stripe_headers(kBody, now_s() + 290));
    EXPECT_EQ(ahead.status, 200);
    EXPECT_EQ(ahead.header("X-Webhook-Age")->front(), '-');
}

TEST_F(WebhookTest, TellsWhichSecretMatchedWhileTheyRotate) {
    EXPECT_EQ(post("/github", kBody, github_headers(kBody, kOldWebhookSecret)).header("X-Webhook"),
              "valid none 2.");
    HeaderList both = stripe_headers(kBody, now_s(), kOldWebhookSecret);
    both[0].second = "t=" + std::to_string(now_s()) + ",v1=" + std::string(64, '0') + "," +
                     both[0].second.substr(both[0].second.find("v1="));
    EXPECT_EQ(post("/stripe", kBody, both).header("X-Webhook"), "valid none 2.");
}

TEST_F(WebhookTest, ReadsSecretsFromEnvironmentAndConfiguration) {
    EXPECT_EQ(post("/env", kBody, github_headers(kBody, "a secret of the environment")).status,
              200);
    EXPECT_EQ(post("/literal", kBody, github_headers(kBody, "a-literal-secret")).status, 200);
    EXPECT_EQ(post("/literal", kBody, github_headers(kBody)).status, 401);
    EXPECT_EQ(
        post("/token", kBody, {{"Authorization", "Bearer " + std::string(kWebhookSecret)}}).status,
        200);
    ASSERT_TRUE(nginx_.reload());  // nginx has forgotten its environment by now
    EXPECT_EQ(post("/env", kBody, github_headers(kBody, "a secret of the environment")).status,
              200);
}

TEST_F(WebhookTest, SignsWhatTheTemplateSays) {
    const std::string target = "/urls/a%2Fb?q=x%20y";
    const std::string digest = hex_encode(::sallyport::digest(DigestAlgorithm::sha256, kBody));
    const std::string host = "127.0.0.1:" + std::to_string(nginx_.port());
    const std::string text = "POST http://" + host + target + "\n" + target + " x y A " + digest;
    EXPECT_EQ(post(target, kBody, {{"X-A", "A"}, {"S", hex_hmac(kWebhookSecret, text)}}).status,
              200);
    EXPECT_EQ(
        post(target + "z", kBody, {{"X-A", "A"}, {"S", hex_hmac(kWebhookSecret, text)}}).status,
        401);
    EXPECT_EQ(post(target, kBody, {{"X-A", "B"}, {"S", hex_hmac(kWebhookSecret, text)}}).status,
              401);
}

TEST_F(WebhookTest, ReportsWithoutRefusing) {
    const auto response = post("/report", kBody, {});
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.header("X-Webhook"), "invalid webhook_signature_missing .");
    EXPECT_EQ(upstream_.last_request().body, kBody);
    const auto lines = LogReader(nginx_.dir().path("decisions.log")).wait_for_lines(1);
    ASSERT_EQ(lines.size(), 1U);
    const Json found = lines[0]["also"].at(0);
    EXPECT_EQ(found["feature"].text(), "webhook");
    EXPECT_EQ(found["reason"].text(), "webhook_signature_missing");
    EXPECT_EQ(found["mode"].text(), "report");
    EXPECT_EQ(found["rule"].text(), "github");
    EXPECT_EQ(post("/report", kBody, github_headers("else")).header("X-Webhook"),
              "invalid webhook_signature_invalid .");
}

TEST_F(WebhookTest, IsOffWhereItIsOff) {
    EXPECT_EQ(post("/off", kBody, {}).status, 200);
    const auto response = post("/mode-off", kBody, {});
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.header("X-Webhook"), ".");
}

TEST_F(WebhookTest, RefusesWithTheStatusAskedForAndNoHint) {
    const auto response = post("/quiet", kBody, {});
    EXPECT_EQ(response.status, 403);
    EXPECT_EQ(response.body.find("signature"), std::string::npos);
}

TEST_F(WebhookTest, WritesTheDeliveryIntoTheDecisionLine) {
    post("/stripe", kBody, stripe_headers(kBody));
    post("/github", kBody, {});
    const auto lines = LogReader(nginx_.dir().path("decisions.log")).wait_for_lines(2);
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0]["verified_by"].text(), "stripe");
    EXPECT_EQ(lines[0]["delivery"].text(), "evt_1");
    EXPECT_EQ(lines[1]["reason"].text(), "webhook_signature_missing");
    EXPECT_EQ(nginx_.error_log().find(std::string(kWebhookSecret)), std::string::npos);
}

TEST(WebhookLevels, AServerWithoutASecretRefusesWhatReachesNoLocation) {
    Upstream upstream;
    NginxOptions options;
    options.files = webhook_files();
    options.variables = {{"UPSTREAM", upstream.address()}};
    NginxServer nginx(R"(
        server {
            listen 127.0.0.1:%%PORT%%;
            sallyport_webhook github;
            add_header X-Webhook "$sallyport_webhook_status" always;
            location /hook { sallyport_webhook_secret file:%%DIR%%/hook.key; proxy_pass http://%%UPSTREAM%%; }
        }
    )",
                      options);
    EXPECT_EQ(send(delivery(nginx.url("/hook"), kBody, github_headers(kBody))).status, 200);
    const auto other = send(delivery(nginx.url("/other"), kBody, github_headers(kBody)));
    EXPECT_EQ(other.status, 401);
    EXPECT_EQ(other.header("X-Webhook"), "nosecret");
}

}  // namespace
}  // namespace sallyport::test
