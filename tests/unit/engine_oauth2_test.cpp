// OAuth 2.0 without a provider: addresses, requests, what becomes of a value, when it is due.
#include "engine/core/oauth2.hpp"

#include <gtest/gtest.h>

namespace sallyport::engine {
namespace {

Json json(std::string_view text) {
    const Result<Json> parsed = Json::parse(text);
    EXPECT_TRUE(parsed.ok()) << text;
    return parsed.ok() ? *parsed : Json();
}

// RFC 7636, appendix B.
TEST(OAuth2, ChallengeIsTheRfcs) {
    EXPECT_EQ(pkce_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
              "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

TEST(OAuth2, AddressesCarryWhatTheyMust) {
    AuthorizationRequest request;
    request.url = with_props("https://{host}/auth?x=1", json(R"({"host":"a.example","n":2})"));
    request.client_id = "c&d";
    request.redirect_url = "https://h/redirect";
    request.scopes = {"a", "b c"};
    request.state = "s";
    request.pkce = Pkce::s256;
    request.code_verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    EXPECT_EQ(
        authorization_url(request),
        "https://a.example/auth?x=1&response_type=code&client_id=c%26d&redirect_uri=https%3A%2F%2F"
        "h%2Fredirect&access_type=offline&state=s&scope=a%20b%20c&code_challenge="
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256");
}

TEST(OAuth2, RequestsKnowTheClient) {
    const Json value = json(
        R"({"client_id":"c:1","code":"x","redirect_url":"https://h","code_challenge":"v","refresh_token":"r"})");
    EXPECT_EQ(claim_request(value, "s%1").body,
              "grant_type=authorization_code&code=x&redirect_uri=https%3A%2F%2Fh&code_verifier=v&"
              "client_id=c%3A1&client_secret=s%251");
    EXPECT_EQ(refresh_request(value, "s")->body,
              "grant_type=refresh_token&refresh_token=r&client_id=c%3A1&client_secret=s");
    Json header = value.deep_copy();
    header.set("authorization_method", Json::string("HEADER"));
    const TokenRequest basic = claim_request(header, "s%1");
    EXPECT_EQ(basic.authorization, "Basic YyUzQTE6cyUyNTE=");  // c%3A1:s%251
    EXPECT_EQ(basic.body.find("client_"), std::string::npos);
    Json own = value.deep_copy();
    own.set("grant_type", Json::string("client_credentials"));
    own.set("scope", Json::string("a"));
    EXPECT_EQ(claim_request(own, "s").body,
              "grant_type=client_credentials&scope=a&client_id=c%3A1&client_secret=s");
    EXPECT_FALSE(refresh_request(json(R"({"client_id":"c"})"), "s").ok());
}

TEST(OAuth2, AnswersBecomeValues) {
    const Json value =
        json(R"({"client_id":"c","code":"x","code_challenge":"v","refresh_token":"old"})");
    const Result<Json> claimed = claimed_value(
        value, 200, R"({"access_token":"t","expires_in":"60","scope":"a b","extra":{"n":1}})",
        1000);
    ASSERT_TRUE(claimed.ok()) << claimed.message();
    EXPECT_EQ(
        claimed->dump_sorted(),
        R"({"access_token":"t","claimed_at":1000,"client_id":"c","data":{"extra":{"n":1}},"expires_in":60,"refresh_token":"old","scope":"a b","token_type":"Bearer"})");
    EXPECT_EQ(
        (*claimed_value(value, 200, "access_token=t2&token_type=bearer", 1))["access_token"].text(),
        "t2");
    for (const std::string_view body :
         {"", "{}", "[]", "<html>", R"({"access_token":7})", R"({"error":"invalid_grant"})"}) {
        EXPECT_FALSE(claimed_value(value, 200, body, 1).ok()) << body;
    }
    const Result<Json> refused = claimed_value(value, 400, R"({"access_token":"hush"})", 1);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.message().find("hush"), std::string::npos);
    // A lifetime from outside overflows nothing.
    for (const char* life : {"1e300", "9223372036854775807", "-5", "null", "\"x\""}) {
        const Result<Json> odd = claimed_value(
            value, 200, R"({"access_token":"t","expires_in":)" + std::string(life) + "}", 1000);
        ASSERT_TRUE(odd.ok()) << life;
        EXPECT_FALSE(has_ended(*odd, 1000)) << life;
    }
}

TEST(OAuth2, AServiceIsToldWhatItNeedsAndBelievedInTokensAlone) {
    const Json value = json(
        R"({"type":"CLOUD_OAUTH2","client_id":"c","code":"x","code_challenge":"v","scope":"a","token_url":"https://p/token","authorization_method":"HEADER","refresh_token":"r","props":{"k":1}})");
    const TokenRequest claim = cloud_claim_request("https://s", "piece-x", value);
    EXPECT_EQ(claim.url, "https://s/claim");
    EXPECT_EQ(claim.content_type, "application/json");
    EXPECT_EQ(
        json(claim.body).dump_sorted(),
        R"({"authorizationMethod":"HEADER","clientId":"c","code":"x","codeVerifier":"v","edition":"ce","pieceName":"piece-x","tokenUrl":"https://p/token"})");
    const Result<TokenRequest> refresh = cloud_refresh_request("https://s/a", "piece-x", value);
    ASSERT_TRUE(refresh.ok());
    EXPECT_EQ(refresh->url, "https://s/a/refresh");
    EXPECT_EQ(
        json(refresh->body).dump_sorted(),
        R"({"authorizationMethod":"HEADER","clientId":"c","edition":"ce","pieceName":"piece-x","refreshToken":"r","tokenUrl":"https://p/token"})");
    EXPECT_FALSE(cloud_refresh_request("https://s", "p", json(R"({"client_id":"c"})")).ok());
    const Result<Json> claimed = cloud_claimed_value(
        value, 200,
        R"({"access_token":"t","expires_in":60,"client_id":"other","type":"OAUTH2","token_url":"https://e","claimed_at":9,"props":{},"data":{"id":"i"}})",
        1000);
    ASSERT_TRUE(claimed.ok()) << claimed.message();
    EXPECT_EQ(
        claimed->dump_sorted(),
        R"({"access_token":"t","authorization_method":"HEADER","claimed_at":1000,"client_id":"c","data":{"id":"i"},"expires_in":60,"props":{"k":1},"refresh_token":"r","scope":"a","token_type":"Bearer","token_url":"https://p/token","type":"CLOUD_OAUTH2"})");
    EXPECT_FALSE(cloud_claimed_value(value, 400, R"({"access_token":"t"})", 1).ok());
    EXPECT_FALSE(cloud_claimed_value(value, 200, R"({"data":{"access_token":"t"}})", 1).ok());
}

TEST(OAuth2, TokensAreDueAheadOfTheirEnd) {
    const auto value = [](std::int64_t lifetime) {
        return Json::object(
            {{"claimed_at", Json::integer(1000)}, {"expires_in", Json::integer(lifetime)}});
    };
    EXPECT_FALSE(is_due(value(3600), 1000 + 3600 - 901));
    EXPECT_TRUE(is_due(value(3600), 1000 + 3600 - 900));
    EXPECT_FALSE(is_due(value(60), 1029));
    EXPECT_TRUE(is_due(value(60), 1030));
    EXPECT_FALSE(is_due(value(0), 1'000'000'000));  // never said: good until refused
    EXPECT_FALSE(has_ended(value(60), 1059));
    EXPECT_TRUE(has_ended(value(60), 1060));
}

}  // namespace
}  // namespace sallyport::engine
