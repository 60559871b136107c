// A user whose connections get their tokens from a real authorization server.
#pragma once

#include "tests/engine/contract_fixture.hpp"
#include "tests/engine/oauth_server.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::test {

inline constexpr std::string_view kBack = "http://127.0.0.1:9/redirect";

class OAuth2 : public Contract {
  protected:
    static void SetUpTestSuite() {
        Contract::SetUpTestSuite();
        server_ = std::make_unique<OAuthServer>();
    }
    static void TearDownTestSuite() {
        server_.reset();
        Contract::TearDownTestSuite();
    }
    explicit OAuth2(std::vector<std::string> environment = {})
        : Contract(may_reach_server(std::move(environment))) {
        server_->test("lifetime?s=3600");
        server_->test("stop?on=0");
    }
    static std::vector<std::string> may_reach_server(std::vector<std::string> environment) {
        environment.push_back("SALLYPORT_EGRESS_ALLOW=" + server_->address());
        return environment;
    }

    // The user's consent: the code, and the verifier that goes with it.
    std::pair<std::string, std::string> consent(const std::string& client) {
        const Json asked = expect(
            ann_.post("/v1/app-connections/oauth2/authorization-url",
                      of_project(R"("pieceName":"own","clientId":")" + client +
                                 R"(","redirectUrl":")" + std::string(kBack) +
                                 R"(","scopes":["openid","offline_access","api"],"authUrl":")" +
                                 server_->url("/auth") + R"(","prompt":"consent","pkce":true)")),
            200, "GetOAuth2AuthorizationUrlResponse");
        return {server_->consent(std::string(asked["authorizationUrl"].text())),
                std::string(asked["codeVerifier"].text())};
    }
    std::string value(const std::string& client, const std::string& more) {
        return R"({"type":"OAUTH2","client_id":")" + client + R"(","client_secret":"hush-)" +
               client + R"(-secret","scope":"openid offline_access api","redirect_url":")" +
               std::string(kBack) + R"(","token_url":")" + server_->url("/token") + R"(",)" + more +
               "}";
    }
    // Connects and gives the answer.
    ApiAnswer connect(const std::string& name, const std::string& client = "body",
                      const std::string& method = "BODY") {
        const auto [code, verifier] = consent(client);
        return ann_.post(
            "/v1/app-connections",
            connection(name,
                       value(client, R"("code":")" + code + R"(","code_challenge":")" + verifier +
                                         R"(","authorization_method":")" + method + "\"")));
    }
    std::string status(const ApiAnswer& made) {
        return std::string(ann_.get("/v1/app-connections/" + std::string(made.body["id"].text()))
                               .body["status"]
                               .text());
    }
    // A flow that answers with the token that it was given.
    // The connection's token lives for two seconds. A provider that is away is asked again by the
    // next run; one that refuses ends the connection.
    void ends_when_refused(const ApiAnswer& made, const std::string& flow) {
        const std::time_t begun = std::time(nullptr);
        ASSERT_TRUE(wait_until([&] { return std::time(nullptr) >= begun + 3; }));
        server_->test("stop?on=1");
        EXPECT_EQ(ann_.post("/v1/webhooks/" + flow + "/sync", "{}").status, 500);
        EXPECT_EQ(status(made), "ACTIVE");
        server_->test("stop?on=0");
        server_->test("forget");
        EXPECT_EQ(ann_.post("/v1/webhooks/" + flow + "/sync", "{}").status, 500);
        EXPECT_EQ(status(made), "ERROR");
    }
    std::string flow_with(const std::string& name) {
        return ann_.make_flow(
            {code_step("step_1", "export const code = async (i) => i.t;",
                       R"({"t":"{{connections[')" + name + R"('].access_token}}"})"),
             answer_step("step_2", R"("{{step_1['output']}}")")});
    }
    std::string run(const std::string& flow) {
        return ann_.post("/v1/webhooks/" + flow + "/sync", "{}").raw.body;
    }
    std::int64_t refreshes() { return server_->test("count")["refreshes"].integer_or(0); }

    inline static std::unique_ptr<OAuthServer> server_;
};

}  // namespace sallyport::test
