// Connections by OAuth 2.0 against a real authorization server: consent, claim with PKCE, refresh
// before use, and what becomes of a connection whose provider says no.
#include "tests/engine/oauth2_fixture.hpp"

#include <future>
#include <set>

namespace sallyport::test {
namespace {

TEST_F(OAuth2, ACodeIsClaimedWithItsVerifier) {
    for (const auto& [client, method] :
         {std::pair("body", "BODY"), std::pair("header", "HEADER")}) {
        const ApiAnswer made = connect(std::string("c-") + client, client, method);
        expect(made, 201, "AppConnectionWithoutSensitiveData");
        EXPECT_EQ(made.body["status"].text(), "ACTIVE");
        EXPECT_GT(run(flow_with(std::string("c-") + client)).size(), 20U);
    }
    // The code is good once, and with its verifier alone.
    const auto [code, verifier] = consent("body");
    const ApiAnswer wrong =
        ann_.post("/v1/app-connections",
                  connection("w", value("body", R"("code":")" + code + R"(","code_challenge":")" +
                                                    std::string(43, 'a') + "\"")));
    EXPECT_EQ(wrong.status, 400);
    EXPECT_EQ(wrong.body["code"].text(), "INVALID_CLAIM");
    EXPECT_EQ(ann_.get("/v1/app-connections?" + project_query()).body["data"].size(), 2U);
    // Steps see the token, and nothing that gets another one; nobody else sees any of it.
    const std::string all = ann_.make_flow(
        {code_step("step_1", "export const code = async (i) => Object.keys(i.c).sort().join();",
                   R"({"c":"{{connections['c-body']}}"})"),
         answer_step("step_2", R"("{{step_1['output']}}")")});
    const std::string seen = run(all);
    EXPECT_NE(seen.find("access_token"), std::string::npos) << seen;
    for (const char* hidden : {"refresh_token", "client_secret", "code"}) {
        EXPECT_EQ(seen.find(hidden), std::string::npos) << seen;
    }
    EXPECT_EQ(engine_.log().find("hush-"), std::string::npos);
    EXPECT_EQ(engine_.folder().read("data/engine.db").find("hush-"), std::string::npos);
    EXPECT_EQ(engine_.folder().read("data/engine.db-wal").find("hush-"), std::string::npos);
}

TEST_F(OAuth2, AClientMayAskInItsOwnName) {
    const Json made = expect(
        ann_.post(
            "/v1/app-connections",
            connection("own", value("body", R"("code":"","grant_type":"client_credentials")"))),
        201, "AppConnectionWithoutSensitiveData");
    EXPECT_EQ(made["status"].text(), "ACTIVE");
    EXPECT_GT(run(flow_with("own")).size(), 20U);
}

TEST_F(OAuth2, ManyRunsShareOneRefresh) {
    server_->test("lifetime?s=2");  // due after half of it
    const ApiAnswer made = connect("short");
    const std::time_t claimed = std::time(nullptr);
    ASSERT_EQ(made.status, 201) << made.raw.body;
    const std::string flow = flow_with("short");
    server_->test("lifetime?s=3600");
    const std::int64_t before = refreshes();
    ASSERT_TRUE(wait_until([&] { return std::time(nullptr) >= claimed + 2; }));
    std::vector<std::future<std::string>> runs;
    for (int i = 0; i < 12; ++i) {
        runs.push_back(std::async(std::launch::async, [&] {
            HttpRequest request;
            request.method = "POST";
            request.url = engine_.url("/v1/webhooks/" + flow + "/sync");
            return send(request).body;
        }));
    }
    std::set<std::string> tokens;
    for (auto& one : runs) {
        tokens.insert(one.get());
    }
    EXPECT_EQ(tokens.size(), 1U);
    EXPECT_GT(tokens.begin()->size(), 20U) << *tokens.begin();
    EXPECT_EQ(refreshes(), before + 1);
    EXPECT_EQ(run(flow), *tokens.begin());
    EXPECT_EQ(refreshes(), before + 1);
    EXPECT_EQ(status(made), "ACTIVE");
}

TEST_F(OAuth2, AProviderThatSaysNoEndsTheConnection) {
    server_->test("lifetime?s=2");
    const ApiAnswer made = connect("lost");
    const std::string flow = flow_with("lost");
    ends_when_refused(made, flow);
    const Json runs =
        ann_.get("/v1/flow-runs?limit=1&status=FAILED&" + project_query()).body["data"];
    EXPECT_NE(runs.at(0)["failedStep"]["message"].text().find("'lost'"), std::string::npos)
        << runs.dump();
    // Connected again, it works again, under the same id.
    server_->test("lifetime?s=3600");
    const ApiAnswer again = connect("lost");
    EXPECT_EQ(again.body["id"].text(), made.body["id"].text());
    EXPECT_EQ(status(again), "ACTIVE");
    EXPECT_GT(run(flow).size(), 20U);
}

// The secret is the administrator's and nobody else's.
TEST_F(OAuth2, ClientsOfThePlatform) {
    const Json app = expect(
        ann_.post(
            "/v1/oauth-apps",
            R"({"pieceName":"@activepieces/piece-x","clientId":"body","clientSecret":"hush-body-secret"})"),
        200, "OAuthApp");
    const ApiAnswer apps = ann_.get("/v1/oauth-apps");
    EXPECT_EQ(apps.body["data"].size(), 1U);
    EXPECT_EQ(apps.raw.body.find("hush-"), std::string::npos);
    const auto platform_value = [&] {
        const auto [code, verifier] = consent("body");
        return R"({"type":"PLATFORM_OAUTH2","client_id":"body","scope":"openid","redirect_url":")" +
               std::string(kBack) + R"(","token_url":")" + server_->url("/token") +
               R"(","code":")" + code + R"(","code_challenge":")" + verifier + "\"}";
    };
    server_->test("lifetime?s=2");
    const Json made = expect(ann_.post("/v1/app-connections", connection("p", platform_value())),
                             201, "AppConnectionWithoutSensitiveData");
    EXPECT_EQ(made["status"].text(), "ACTIVE");
    const std::time_t claimed = std::time(nullptr);
    const std::string flow = flow_with("p");
    ASSERT_TRUE(wait_until([&] { return std::time(nullptr) >= claimed + 2; }));
    const std::int64_t before = refreshes();
    EXPECT_GT(run(flow).size(), 20U);
    EXPECT_EQ(refreshes(), before + 1);
    EXPECT_EQ(ann_.call("DELETE", "/v1/oauth-apps/" + std::string(app["id"].text())).status, 204);
    EXPECT_EQ(
        ann_.post("/v1/app-connections", connection("q", platform_value())).body["code"].text(),
        "INVALID_CLAIM");
    ApiUser bob(engine_);
    bob.sign_up("bob@example.org");
    EXPECT_EQ(bob.get("/v1/oauth-apps").status, 403);
}

TEST_F(OAuth2, TheEgressGuardHolds) {
    for (const char* address : {"http://127.0.0.1:1/token", "http://169.254.169.254/token",
                                "http://10.0.0.1/token", "ftp://example.org/token"}) {
        const ApiAnswer answer = ann_.post(
            "/v1/app-connections",
            connection(
                "g",
                R"({"type":"OAUTH2","client_id":"c","client_secret":"s","code":"x","scope":"","redirect_url":"https://h","token_url":")" +
                    std::string(address) + "\"}"));
        EXPECT_EQ(answer.status, 400) << address;
    }
}

// The service has the client's secret; the engine never does.
class CloudOAuth2 : public OAuth2 {
  protected:
    CloudOAuth2() : CloudOAuth2({"AP_CLOUD_AUTH_ENABLED=true"}) {}
    explicit CloudOAuth2(std::vector<std::string> environment)
        : OAuth2(with_service(std::move(environment))) {}
    static std::vector<std::string> with_service(std::vector<std::string> environment) {
        environment.push_back("SALLYPORT_CLOUD_AUTH_URL=" + server_->url("/cloud/"));
        return environment;
    }
    ApiAnswer connect_by_service(const std::string& name, const std::string& more = "") {
        const auto [code, verifier] = consent("body");
        return ann_.post(
            "/v1/app-connections",
            connection(
                name,
                R"({"type":"CLOUD_OAUTH2","client_id":"body","scope":"openid offline_access api","token_url":")" +
                    server_->url("/token") + R"(","code":")" + code + R"(","code_challenge":")" +
                    verifier + "\"" + more + "}"));
    }
    bool flag() { return ann_.get("/v1/flags").body["CLOUD_AUTH_ENABLED"].is_true(); }
    std::string complaints() { return server_->test("count")["cloud"].dump(); }
};

TEST_F(CloudOAuth2, TheServiceClaimsAndRefreshes) {
    EXPECT_TRUE(flag());
    server_->test("lifetime?s=2");
    const ApiAnswer made = connect_by_service("cloud", R"(,"authorization_method":"BODY")");
    expect(made, 201, "AppConnectionWithoutSensitiveData");
    EXPECT_EQ(made.body["status"].text(), "ACTIVE");
    const std::time_t claimed = std::time(nullptr);
    const std::string flow = flow_with("cloud");
    server_->test("lifetime?s=3600");
    ASSERT_TRUE(wait_until([&] { return std::time(nullptr) >= claimed + 2; }));
    const std::int64_t before = refreshes();
    std::vector<std::future<std::string>> runs;
    for (int i = 0; i < 8; ++i) {
        runs.push_back(std::async(std::launch::async, [&] {
            return deliver_webhook(engine_, flow, "{}", "/sync").body;
        }));
    }
    std::set<std::string> tokens;
    for (auto& one : runs) {
        tokens.insert(one.get());
    }
    ASSERT_EQ(tokens.size(), 1U);
    EXPECT_GT(tokens.begin()->size(), 20U) << *tokens.begin();
    EXPECT_EQ(refreshes(), before + 1);
    EXPECT_EQ(complaints(), "[]");
    // Steps see what the provider said besides, and nothing that the service made up.
    const std::string seen = run(ann_.make_flow(
        {code_step("step_1", "export const code = async (i) => Object.keys(i.c).sort().join();",
                   R"({"c":"{{connections['cloud']}}"})"),
         answer_step("step_2", R"("{{step_1['output']}}")")}));
    EXPECT_NE(seen.find("access_token"), std::string::npos) << seen;
    for (const char* hidden : {"refresh_token", "code", "props"}) {
        EXPECT_EQ(seen.find(hidden), std::string::npos) << seen;
    }
}

TEST_F(CloudOAuth2, ARefusalIsToldAndEndsTheConnection) {
    const std::string project = project_query();
    const ApiAnswer wrong = ann_.post(
        "/v1/app-connections",
        connection(
            "w",
            R"({"type":"CLOUD_OAUTH2","client_id":"body","scope":"","code":"x","token_url":")" +
                server_->url("/token") + "\"}"));
    EXPECT_EQ(wrong.status, 400);
    EXPECT_EQ(wrong.body["code"].text(), "INVALID_CLOUD_CLAIM");
    EXPECT_EQ(wrong.body["params"]["pieceName"].text(), "@activepieces/piece-x");
    EXPECT_EQ(ann_.get("/v1/app-connections?" + project).body["data"].size(), 0U);
    server_->test("lifetime?s=2");
    const ApiAnswer made = connect_by_service("lost");
    ends_when_refused(made, flow_with("lost"));
}

class CloudOAuth2Off : public CloudOAuth2 {
  protected:
    CloudOAuth2Off() : CloudOAuth2(std::vector<std::string>{}) {}
};

TEST_F(CloudOAuth2Off, NobodyIsAskedUnlessItWasAskedFor) {
    EXPECT_FALSE(flag());
    const std::int64_t before = server_->test("count")["asked"].integer_or(0);
    const ApiAnswer made = connect_by_service("cloud");
    EXPECT_EQ(made.status, 201) << made.raw.body;
    EXPECT_EQ(made.body["status"].text(), "MISSING");
    EXPECT_EQ(server_->test("count")["asked"].integer_or(0), before);
}

TEST_F(OAuth2, TheRedirectPageHandsTheCodeOver) {
    const ApiAnswer page = ann_.get("/redirect?code=a%3C%2Fscript%3E%22b");
    EXPECT_EQ(page.status, 200);
    EXPECT_NE(page.raw.body.find(R"({code:"a%3C%2Fscript%3E%22b"},"*")"), std::string::npos)
        << page.raw.body;
    EXPECT_EQ(page.raw.header("content-security-policy"),
              "default-src 'none'; script-src 'unsafe-inline'");
    EXPECT_EQ(ann_.get("/redirect").raw.body, "The code is missing in url");
}

}  // namespace
}  // namespace sallyport::test
