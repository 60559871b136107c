// Everything that can decide is explained, and asking uses up nothing.
#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/json.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/process.hpp"

#include <gtest/gtest.h>

namespace sallyport::test {
namespace {

constexpr std::string_view kToken = "test-token-0123456789abcdef";

constexpr std::string_view kConf = R"(
    sallyport_trust_proxy 127.0.0.0/8;
    sallyport_redis main redis://127.0.0.1:%%PORT_NOBODY%%;
    sallyport_ban guess on=401 after=3 within=1h for=1h by=address,credential;
    sallyport_ban scan on=404 after=9 path=/scanned/*;
    sallyport_ban_exempt 203.0.113.99;
    sallyport_verdict secret_file=verdict.key;
    server {
        listen 127.0.0.1:%%PORT%%;
        sallyport_body_limit json=10 default=20;
        server_name _;
        location / { return 200 in; }
        location /scanned/ { return 404; }
        location /401 { return 401; }
        location /read/ { sallyport_methods GET; empty_gif; }
        location /token/ { sallyport_auth token file=tokens.key; empty_gif; }
        location /basic/ { sallyport_auth basic file=users.key; empty_gif; }
        location /pages/ { sallyport_cors origins=https://app.example.com; sallyport_auth token file=tokens.key; empty_gif; }
        location /hook { sallyport_webhook github; sallyport_webhook_secret file:%%DIR%%/hook.key;
            sallyport_webhook_replay zone=deliveries:1m; sallyport_webhook_spool redis=main stream=kept; proxy_pass http://127.0.0.1:%%PORT_NOBODY%%; }
    }
    server {
        listen 127.0.0.1:%%PORT_PLAIN%%;
        server_name flows.example.org;
        sallyport_https redirect;
        location / { empty_gif; }
    }
    server {
        listen 127.0.0.1:%%PORT_CONTROL%%;
        sallyport_ban_mode off;
        location / { sallyport_control; }
    }
)";

std::string second_line(const std::string& text) {
    return text.substr(text.find('\n') + 1);
}

class ExplainFeatures : public testing::Test {
  protected:
    NginxServer nginx_{
        kConf,
        {.files = {{"tokens.key",
                    "sha256:" + hex_encode(digest(DigestAlgorithm::sha256, kToken)) + " app\n"},
                   {"users.key", second_line(run_command({environment_or("SALLYPORT_CLI_BIN",
                                                                         SALLYPORT_CLI_BIN_DEFAULT),
                                                          "password", "ada"})
                                                 .output)},
                   {"hook.key", "It's a Secret to Everybody"},
                   {"verdict.key", "0123456789abcdef0123456789abcdef"}}}};

    Json ask(const std::string& path, const char* address, HeaderList headers = {},
             const char* method = "GET", const char* port = "PORT", const char* body = nullptr) {
        Json list = Json::array();
        for (const auto& [name, value] : headers) {
            Json pair = Json::array();
            pair.append(Json::string(name));
            pair.append(Json::string(value));
            list.append(pair);
        }
        Json what = Json::object({{"url", Json::string(nginx_.url(path, port))},
                                  {"address", Json::string(address)},
                                  {"method", Json::string(method)},
                                  {"headers", list}});
        if (body != nullptr) {
            what.set("body", Json::string(body));
        }
        const auto response = send({.url = nginx_.url("/explain", "PORT_CONTROL"),
                                    .method = "POST",
                                    .headers = {{"Content-Type", "application/json"}},
                                    .body = what.dump()});
        EXPECT_EQ(response.status, 200) << response.body;
        const auto parsed = Json::parse(response.body);
        const Json answer = parsed.ok() ? *parsed : Json();
        EXPECT_EQ(response.body.find("\"explained\":false"), std::string::npos) << response.body;
        return answer;
    }
    static Json facts(const Json& answer, std::string_view feature, std::string_view stage) {
        Json found;
        answer["steps"].each_element([&](const Json& step) {
            if (step["feature"].text() == feature && step["stage"].text() == stage) {
                found = step["facts"];
            }
        });
        return found;
    }
};

TEST_F(ExplainFeatures, TheClientBehindABelievedProxy) {
    const HeaderList forwarded = {{"X-Forwarded-For", "192.0.2.66, 203.0.113.7"}};
    const Json answer = ask("/", "127.0.0.1", forwarded);
    EXPECT_EQ(answer["request"]["client"].text(), "203.0.113.7");
    const Json fact = facts(answer, "client_address", "server").at(0);
    EXPECT_EQ(fact["client"].text(), "203.0.113.7");
    EXPECT_TRUE(fact["verified"].is_true());
    EXPECT_TRUE(fact["proxy_trusted"].is_true());
    const Json stranger = ask("/", "198.51.100.1", forwarded);
    EXPECT_EQ(stranger["request"]["client"].text(), "198.51.100.1");
    const Json rubbish =
        facts(ask("/", "127.0.0.1", {{"X-Forwarded-For", "rubbish"}}), "client_address", "server")
            .at(0);
    EXPECT_FALSE(rubbish["verified"].is_true());
    EXPECT_EQ(rubbish["flag"].text(), "invalid-entry");
}

TEST_F(ExplainFeatures, BansAndWhatLeadsToThem) {
    HttpClient client;
    const HeaderList from = {{"X-Forwarded-For", "203.0.113.7"}};
    EXPECT_EQ(client.send({.url = nginx_.url("/401"), .headers = from}).status, 401);
    for (int i = 0; i < 4; ++i) {  // asking counts nothing
        const Json fact = facts(ask("/401", "203.0.113.7"), "ban", "location").at(0);
        EXPECT_EQ(fact["subject"].text(), "203.0.113.7");
        EXPECT_EQ(fact["state"].text(), "free");
        EXPECT_EQ(fact["counts"].dump(), R"([{"rule":"guess","outcomes":1,"after":3}])");
    }
    EXPECT_EQ(facts(ask("/scanned/x", "203.0.113.7"), "ban", "location").at(0)["counts"].size(),
              2u);
    for (int i = 0; i < 2; ++i) {
        client.send({.url = nginx_.url("/401"), .headers = from});
    }
    const Json answer = ask("/", "203.0.113.7");
    EXPECT_EQ(answer["verdict"].text(), "deny");
    EXPECT_EQ(answer["by"].text(), "ban");
    EXPECT_EQ(answer["decision"]["reason"].text(), "banned");
    EXPECT_EQ(answer["decision"]["rule"].text(), "guess");
    const Json fact = facts(answer, "ban", "location").at(0);
    EXPECT_EQ(fact["state"].text(), "banned");
    EXPECT_GT(fact["remaining_s"].integer_or(0), 3000);
    EXPECT_EQ(ask("/", "203.0.113.8")["verdict"].text(), "allow");
    EXPECT_EQ(facts(ask("/", "203.0.113.99"), "ban", "location").at(0)["state"].text(), "exempt");
    const Json credential = facts(
        ask("/", "203.0.113.8", {{"Authorization", "Bearer x-0123456789"}}), "ban", "location");
    ASSERT_EQ(credential.size(), 2u);
    EXPECT_TRUE(credential.at(1)["subject"].text().starts_with("credential:"));
    EXPECT_EQ(credential.dump().find("x-0123456789"), std::string::npos);
}

TEST_F(ExplainFeatures, Credentials) {
    EXPECT_EQ(ask("/token/", "203.0.113.1")["decision"]["reason"].text(), "auth_missing");
    EXPECT_EQ(
        ask("/token/", "203.0.113.1", {{"Authorization", "Bearer nonsense"}})["decision"]["reason"]
            .text(),
        "auth_invalid");
    const Json good =
        ask("/token/", "203.0.113.1", {{"Authorization", "Bearer " + std::string(kToken)}});
    EXPECT_EQ(good["verdict"].text(), "allow");
    const Json fact = facts(good, "auth", "location").at(0);
    EXPECT_EQ(fact["methods"].dump(), "[\"token\"]");
    EXPECT_EQ(fact["accepted"].text(), "token");
    EXPECT_EQ(fact["subject"].text(), "app");
    EXPECT_EQ(good.dump().find(kToken), std::string::npos) << "no secret in an explanation";
    // More wrong passwords than a worker checks in a second: asking takes nothing from that budget.
    const std::string wrong = "Basic " + base64_encode(as_bytes("ada:wrong"), 9);
    for (int i = 0; i < 6; ++i) {
        EXPECT_EQ(
            ask("/basic/", "203.0.113.1", {{"Authorization", wrong}})["decision"]["reason"].text(),
            "auth_invalid");
    }
}

TEST_F(ExplainFeatures, PreflightsGoByCredentials) {
    const HeaderList headers = {{"Origin", "https://app.example.com"},
                                {"Access-Control-Request-Method", "POST"}};
    const Json answer = ask("/pages/", "203.0.113.1", headers, "OPTIONS");
    EXPECT_EQ(answer["verdict"].text(), "answer");
    EXPECT_EQ(answer["by"].text(), "cors");
    EXPECT_EQ(ask("/pages/", "203.0.113.1", headers, "POST")["decision"]["reason"].text(),
              "auth_missing");
    EXPECT_EQ(ask("/token/", "203.0.113.1", headers, "OPTIONS")["decision"]["reason"].text(),
              "auth_missing");
}

TEST_F(ExplainFeatures, DeliveriesAreNeitherReservedNorKept) {
    const HeaderList headers = {
        {"X-GitHub-Delivery", "d-1"},
        {"X-Hub-Signature-256",
         "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}};
    for (int i = 0; i < 2; ++i) {
        const Json answer = ask("/hook", "203.0.113.1", headers, "POST", "PORT", "Hello, World!");
        EXPECT_EQ(answer["verdict"].text(), "allow") << answer.dump();
        const Json spool = facts(answer, "webhook_spool", "counting").at(0);
        EXPECT_EQ(spool["stream"].text(), "kept");
        EXPECT_EQ(spool["store"].text(), "main");
        EXPECT_EQ(spool["kept_when_the_upstream_answers"].size(), 4u);
        EXPECT_TRUE(facts(answer, "gateway_verdict", "counting").at(0)["signs"].is_true());
    }
}

TEST_F(ExplainFeatures, Methods) {
    const Json refused = ask("/read/", "203.0.113.1", {}, "POST");
    EXPECT_EQ(refused["decision"]["reason"].text(), "method_not_allowed");
    EXPECT_EQ(facts(refused, "request_rules", "location").at(0)["methods"].text(), "GET, HEAD");
    EXPECT_EQ(ask("/read/", "203.0.113.1")["verdict"].text(), "allow");
}

TEST_F(ExplainFeatures, BodiesAndPlainHttp) {
    EXPECT_EQ(
        ask("/", "203.0.113.1", {{"Content-Length", "21"}}, "POST")["decision"]["reason"].text(),
        "body_too_large");
    EXPECT_EQ(ask("/", "203.0.113.1", {{"Content-Type", "application/json"}}, "POST", "PORT",
                  "{\"a\":\"bcdef\"}")["decision"]["reason"]
                  .text(),
              "body_too_large");
    EXPECT_EQ(ask("/", "203.0.113.1", {}, "POST", "PORT", "short")["verdict"].text(), "allow");
    EXPECT_EQ(ask("/", "203.0.113.1", {}, "GET", "PORT_PLAIN")["decision"]["reason"].text(),
              "https_redirected");
    EXPECT_EQ(ask("/api/x", "203.0.113.1", {}, "POST", "PORT_PLAIN")["decision"]["reason"].text(),
              "https_required");
    EXPECT_EQ(
        ask("/", "127.0.0.1", {{"X-Forwarded-Proto", "https"}, {"X-Forwarded-For", "192.0.2.1"}},
            "GET", "PORT_PLAIN")["verdict"]
            .text(),
        "allow");
}

// `sallyport explain --conf` reads a configuration that need not run: nothing has been started.
TEST_F(ExplainFeatures, AConfigurationThatDoesNotRun) {
    for (const char* path : {"/", "/token/", "/basic/", "/hook", "/pages/"}) {
        const auto result =
            run_command({environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT), "explain",
                         "--conf", nginx_.dir().path("nginx.conf"), "--prefix", nginx_.dir().path(),
                         "--nginx", nginx_path(), "--url", nginx_.url(path), "--ip", "203.0.113.1",
                         "-H", "Authorization: Basic YWRhOndyb25n", "--method", "POST"});
        EXPECT_EQ(result.exit_code, 0) << path << result.output;
        EXPECT_EQ(result.output.find("\"explained\": false"), std::string::npos) << result.output;
    }
}

}  // namespace
}  // namespace sallyport::test
