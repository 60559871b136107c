// OAuth 2.1 for MCP clients on the real engine: with the published client, and with one that wants
// more than it was given.
#include "tests/engine/mcp_oauth_fixture.hpp"

namespace sallyport::test {
namespace {

TEST_F(McpOAuth, ThePublishedClientIsLetIn) {
    const Json told = assistant("ann@example.org", ann_.project(), "allow");
    ASSERT_FALSE(told.has("failure")) << told.dump();
    EXPECT_GT(told["tools"].integer_or(0), 10);
    EXPECT_EQ(told["again"].integer_or(0), told["tools"].integer_or(-1));
    EXPECT_TRUE(told["made"]["structuredContent"].has("id")) << told["made"].dump();
    EXPECT_NE(told["location"].text().find("state=state%20%26%20more"), std::string_view::npos);
    EXPECT_NE(told["tokens"]["access_token"].text(), told["renewed"]["access_token"].text());
    EXPECT_NE(told["tokens"]["refresh_token"].text(), told["renewed"]["refresh_token"].text());
    const Json denied = assistant("ann@example.org", ann_.project(), "deny");
    EXPECT_NE(denied["location"].text().find("error=access_denied"), std::string_view::npos);
    EXPECT_EQ(denied["location"].text().find("code="), std::string_view::npos);
    // Nothing of it is in the store or the log as it is.
    const std::string refresh(told["renewed"]["refresh_token"].text());
    EXPECT_EQ(engine_.log().find(refresh), std::string::npos);
    const Json event = ann_.get("/v1/audit-events?action=flow.created").body["data"].at(0);
    EXPECT_EQ(event["source"].text(), "MCP");
    const Json allowed = ann_.get("/v1/audit-events?action=mcp.client.allowed").body["data"];
    ASSERT_EQ(allowed.size(), 1U);
    EXPECT_EQ(allowed.at(0)["userEmail"].text(), "ann@example.org");
    EXPECT_EQ(allowed.at(0)["projectId"].text(), ann_.project());
    EXPECT_EQ(allowed.at(0)["data"]["client"]["id"].text(), told["client"]["client_id"].text());
}

TEST_F(McpOAuth, ItSaysWhereItIs) {
    const Json server = json_of(get(engine_.url("/.well-known/oauth-authorization-server")));
    EXPECT_EQ(server["issuer"].text(), engine_.url(""));
    EXPECT_EQ(server["token_endpoint"].text(), engine_.url("/token"));
    EXPECT_EQ(server["code_challenge_methods_supported"].dump(), R"(["S256"])");
    const HttpResponse resource = get(engine_.url("/.well-known/oauth-protected-resource/mcp"));
    EXPECT_EQ(json_of(resource)["resource"].text(), engine_.url("/mcp"));
    EXPECT_EQ(resource.header("access-control-allow-origin"), "*");
    EXPECT_EQ(ping("smat_" + std::string(63, 'a')).header("www-authenticate"),
              "Bearer resource_metadata=\"" +
                  engine_.url("/.well-known/oauth-protected-resource/mcp") + "\"");
}

TEST_F(McpOAuth, OnlyTheRegisteredAddressHears) {
    for (const char* bad :
         {R"({"redirect_uris":[]})", R"({"redirect_uris":["http://example.org/"]})",
          R"({"redirect_uris":["javascript:/alert"]})", R"({})",
          R"({"redirect_uris":["https://a.org/#f"]})",
          R"({"redirect_uris":["https://a.org/"],"token_endpoint_auth_method":"private_key_jwt"})",
          R"({"redirect_uris":["https://a.org/"],"grant_types":["password"]})"}) {
        EXPECT_EQ(ann_.post("/register", bad).status, 400) << bad;
    }
    const std::string id = client();
    EXPECT_EQ(get(engine_.url(authorize_path(id))).status, 200);
    for (const std::string& other : {kRedirect + "/", kRedirect + "?a=b", kRedirect + "x",
                                     std::string("http://localhost:33419/callback")}) {
        const HttpResponse answer = get(engine_.url(authorize_path(id, "", other)));
        EXPECT_EQ(answer.status, 400) << other;
        EXPECT_FALSE(answer.header("location")) << other;
    }
    EXPECT_EQ(get(engine_.url(authorize_path("nobodysclientnobodys0"))).status, 400);
    // What is wrong besides is told to the client.
    const HttpResponse other =
        get(engine_.url(authorize_path(id, "&resource=https%3A%2F%2Fa.org")));
    EXPECT_EQ(other.status, 302);
    EXPECT_NE(other.header("location").value_or("").find("error=invalid_request"),
              std::string::npos);
    const HttpResponse page = get(engine_.url(authorize_path(id)));
    EXPECT_EQ(page.header("x-frame-options"), "DENY");
    EXPECT_NE(page.header("content-security-policy").value_or("").find("frame-ancestors 'none'"),
              std::string::npos);
    EXPECT_NE(page.header("set-cookie").value_or("").find("HttpOnly; SameSite=Strict"),
              std::string::npos);
}

TEST_F(McpOAuth, NobodyElseSaysYes) {
    const std::string id = client();
    const Browser browser = open(id);
    EXPECT_NE(signed_in(browser, "wrong-password").body.find("role=\"alert\""), std::string::npos);
    const std::string request = hidden(signed_in(browser));
    ASSERT_FALSE(request.empty());
    const auto say_yes = [&](const std::string& with, const HeaderList& cookie,
                             const std::string& project) {
        return form("/authorize/consent",
                    {{"request", with}, {"projectId", project}, {"decision", "allow"}}, cookie);
    };
    EXPECT_EQ(say_yes(request, {}, ann_.project()).status, 403) << "another site's form";
    EXPECT_EQ(say_yes(request, open(id).cookie, ann_.project()).status, 403) << "another browser";
    EXPECT_EQ(say_yes(browser.request, browser.cookie, ann_.project()).status, 403)
        << "nobody signed in";
    EXPECT_EQ(say_yes(request + "x", browser.cookie, ann_.project()).status, 403);
    EXPECT_EQ(say_yes(ann_.token, browser.cookie, ann_.project()).status, 403);
    ApiUser bob(engine_);
    bob.sign_up("bob@example.org");
    EXPECT_EQ(say_yes(request, browser.cookie, bob.project()).status, 403) << "not her project";
    EXPECT_EQ(say_yes(request, browser.cookie, ann_.project()).status, 302);
}

TEST_F(McpOAuth, ACodeIsGoodOnceForItsClient) {
    const std::string id = client();
    const std::string other = client();
    EXPECT_EQ(exchange(other, code_for(id)).status, 400);
    EXPECT_EQ(exchange(id, code_for(id), kChallenge).status, 400) << "another verifier";
    EXPECT_EQ(exchange(id, code_for(id), kVerifier, kRedirect + "x").status, 400);
    EXPECT_EQ(exchange("nobodysclientnobodys0", code_for(id)).status, 401);
    const std::string code = code_for(id);
    const HttpResponse answer = exchange(id, code);
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.header("cache-control"), "no-store");
    const std::string access(json_of(answer)["access_token"].text());
    EXPECT_EQ(ping(access).status, 200);
    // Who brings it again has stolen it, or the first has: the grant ends.
    EXPECT_EQ(json_of(exchange(id, code))["error"].text(), "invalid_grant");
    EXPECT_EQ(ping(access).status, 401);
}

TEST_F(McpOAuth, TokensAreRenewedOnceAndRevoked) {
    const std::string id = client();
    const Json first = json_of(exchange(id, code_for(id)));
    const std::string old(first["refresh_token"].text());
    EXPECT_EQ(ping(old).status, 401) << "a refresh token is no access token";
    EXPECT_EQ(renew(client(), old).status, 400);
    const Json second = json_of(renew(id, old));
    ASSERT_TRUE(second.has("access_token")) << second.dump();
    EXPECT_EQ(ping(std::string(first["access_token"].text())).status, 401);
    EXPECT_EQ(ping(std::string(second["access_token"].text())).status, 200);
    EXPECT_EQ(renew(id, old).status, 400);
    EXPECT_EQ(ping(std::string(second["access_token"].text())).status, 401)
        << "two had that refresh token";

    const Json third = json_of(exchange(id, code_for(id)));
    const std::string access(third["access_token"].text());
    EXPECT_EQ(form("/revoke", {{"client_id", client()}, {"token", access}}).status, 200);
    EXPECT_EQ(ping(access).status, 200) << "another's client";
    EXPECT_EQ(form("/revoke", {{"client_id", id}, {"token", access}}).status, 200);
    EXPECT_EQ(ping(access).status, 401);
    EXPECT_EQ(renew(id, std::string(third["refresh_token"].text())).status, 400);
}

TEST_F(McpOAuth, ATokenIsForThatServerAndWhileTheUserMay) {
    ApiUser bob(engine_);
    bob.sign_up("bob@example.org");
    const std::string id = client();
    const std::string access(json_of(exchange(id, code_for(id)))["access_token"].text());
    EXPECT_EQ(ping(access).status, 200);
    const auto post = [&](const std::string& path) { return ping(access, path).status; };
    EXPECT_EQ(post("/v1/projects/" + ann_.project() + "/mcp-server/http"), 401);
    EXPECT_EQ(post("/v1/flows"), 401);
    EXPECT_EQ(send({.url = engine_.url("/mcp?token=" + access),
                    .method = "POST",
                    .headers = {{"Content-Type", "application/json"}},
                    .body = kPing})
                  .status,
              401);
    ASSERT_EQ(
        ann_.post("/v1/projects/" + ann_.project() + "/mcp-server", R"({"status":"DISABLED"})")
            .status,
        200);
    EXPECT_EQ(ping(access).status, 401);
}

TEST_F(McpOAuth, MembersConsentAsFarAsTheirRoleGoes) {
    ApiUser bob(engine_);
    bob.sign_up("bob@example.org");
    ApiUser key(engine_);
    key.token = ann_.post("/v1/api-keys", R"({"displayName":"K"})").body["value"].text();
    const auto make_bob = [&](const std::string& role) {
        return key
            .post("/v1/user-invitations",
                  R"({"type":"PROJECT","email":"bob@example.org","accepted":true,"projectId":")" +
                      ann_.project() + R"(","projectRole":")" + role + "\"}")
            .status;
    };
    const std::string id = client();
    EXPECT_EQ(code_for(id, "bob@example.org"), "");
    ASSERT_EQ(make_bob("Viewer"), 201);
    EXPECT_EQ(code_for(id, "bob@example.org"), "");
    ASSERT_EQ(make_bob("Editor"), 201);
    const Json tokens = json_of(exchange(id, code_for(id, "bob@example.org")));
    const std::string access(tokens["access_token"].text());
    EXPECT_EQ(ping(access).status, 200);
    ASSERT_EQ(make_bob("Viewer"), 201);
    EXPECT_EQ(ping(access).status, 401);
    EXPECT_EQ(renew(id, std::string(tokens["refresh_token"].text())).status, 400);
}

}  // namespace
}  // namespace sallyport::test
