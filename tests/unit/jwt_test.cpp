// JSON Web Tokens: the examples of RFC 7515 and 8037, every algorithm, and the forgeries of RFC
// 8725.
#include "module/policy/jwt.hpp"

#include "tests/unit/jwt_maker.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::policy::jwt {
namespace {

using test::base64url;
using test::JwtMaker;
using test::key_set;

constexpr std::int64_t kNow = 1'800'000'000;

KeySet keys_of(const std::string& text) {
    auto keys = KeySet::parse(text);
    EXPECT_TRUE(keys.ok()) << keys.message();
    return keys ? std::move(*keys) : KeySet();
}

Rules any_rules() {
    Rules rules;
    rules.expiry_required = false;
    return rules;
}

std::string_view reason_of(const KeySet& keys, const Rules& rules, std::string_view token,
                           std::int64_t now_s = kNow) {
    return policy::word(verify(keys, rules, token, now_s).reason);
}

TEST(Jwt, Rfc7515Examples) {
    constexpr std::int64_t kThen = 1'300'000'000;  // the examples expire at 1300819380
    const std::string payload =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cn"
        "VlfQ";
    const std::string hs256 = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + payload +
                              ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const std::string es256 =
        "eyJhbGciOiJFUzI1NiJ9." + payload +
        ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    const KeySet keys = keys_of(R"({"keys":[
        {"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"},
        {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
         "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})");
    for (const std::string& token : {hs256, es256}) {
        const Verified verdict = verify(keys, Rules{}, token, kThen);
        EXPECT_EQ(verdict.reason, Reason::none);
        EXPECT_EQ(verdict.claims["iss"].text_or(""), "joe");
        EXPECT_EQ(reason_of(keys, Rules{}, token), "auth_expired");
        std::string altered = token;
        altered[altered.size() - 10] = altered[altered.size() - 10] == 'A' ? 'B' : 'A';
        EXPECT_EQ(reason_of(keys, Rules{}, altered, kThen), "auth_invalid");
    }
}

// The signature of RFC 8037 A.4 is genuine; its payload is no JSON, so the token is not one.
TEST(Jwt, Rfc8037Example) {
    const KeySet keys = keys_of(
        R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})");
    const std::string token =
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    EXPECT_EQ(reason_of(keys, any_rules(), token), "auth_malformed");
    std::string altered = token;
    altered[25] = 'X';
    EXPECT_EQ(reason_of(keys, any_rules(), altered), "auth_invalid");
}

TEST(Jwt, EveryAlgorithmWithRotatedKeys) {
    for (const char* algorithm : {"HS256", "RS256", "ES256", "EdDSA"}) {
        const JwtMaker old(algorithm, "2026-01");
        const JwtMaker fresh(algorithm, "2026-02");
        const JwtMaker nameless(algorithm, "");
        const JwtMaker stranger(algorithm, "2026-02");
        const JwtMaker unknown(algorithm, "2025-12");
        const KeySet keys = keys_of(key_set({&old, &fresh, &nameless}));
        const KeySet named = keys_of(key_set({&old, &fresh}));
        const std::string claims = R"({"sub":"worker","exp":1800000100})";
        for (const JwtMaker* maker : {&old, &fresh, &nameless}) {
            EXPECT_EQ(reason_of(keys, Rules{}, maker->token(claims)), "none") << algorithm;
        }
        EXPECT_EQ(reason_of(named, Rules{}, stranger.token(claims)), "auth_invalid") << algorithm;
        EXPECT_EQ(reason_of(named, Rules{}, unknown.token(claims)), "auth_key_unknown");
        const KeySet after = keys_of(key_set({&fresh}));
        EXPECT_EQ(reason_of(after, Rules{}, old.token(claims)), "auth_key_unknown") << algorithm;
        // A name binds: the old key's signature under the fresh key's name is nothing.
        EXPECT_EQ(reason_of(named, Rules{},
                            old.token_with(
                                std::string(R"({"alg":")") + algorithm + R"(","kid":"2026-02"})",
                                claims)),
                  "auth_invalid");
    }
}

// An empty name is a name (RFC 7515 section 4.1.4): no key that has another is tried for it.
TEST(Jwt, AnEmptyNameIsNoKeysName) {
    const std::string claims = R"({"sub":"worker","exp":1800000100})";
    for (const char* algorithm : {"HS256", "RS256", "ES256", "EdDSA"}) {
        const JwtMaker one(algorithm, "1");
        const JwtMaker two(algorithm, "2");
        const JwtMaker nameless(algorithm, "");
        const std::string header = std::string(R"({"alg":")") + algorithm + R"(","kid":""})";
        const KeySet single = keys_of(key_set({&one}));
        const KeySet several = keys_of(key_set({&one, &two}));
        const KeySet mixed = keys_of(key_set({&one, &nameless}));
        EXPECT_EQ(reason_of(single, Rules{}, one.token_with(header, claims)), "auth_key_unknown");
        EXPECT_EQ(reason_of(several, Rules{}, two.token_with(header, claims)), "auth_key_unknown");
        EXPECT_EQ(reason_of(mixed, Rules{}, one.token_with(header, claims)), "auth_invalid");
        EXPECT_EQ(reason_of(mixed, Rules{}, nameless.token_with(header, claims)), "none");
        const std::string no_name = std::string(R"({"alg":")") + algorithm + "\"}";
        EXPECT_EQ(reason_of(several, Rules{}, two.token_with(no_name, claims)), "none");
    }
}

TEST(Jwt, Forgeries) {
    const JwtMaker rsa("RS256", "r");
    const JwtMaker ec("ES256", "e");
    const KeySet keys = keys_of(key_set({&rsa, &ec}));
    const std::string claims = R"({"sub":"admin","exp":1800000100})";
    const auto with_mac = [&](const std::string& header, std::string_view key) {
        const std::string text = base64url(header) + "." + base64url(claims);
        return text + "." + base64url(as_text(hmac(DigestAlgorithm::sha256, key, text)));
    };
    const std::string modulus(rsa.jwk()["n"].text());
    const struct {
        std::string token;
        const char* reason;
    } cases[] = {
        {base64url(R"({"alg":"none"})") + "." + base64url(claims) + ".", "auth_algorithm_refused"},
        {base64url(R"({"alg":"None"})") + "." + base64url(claims) + ".AAAA",
         "auth_algorithm_refused"},
        {base64url(R"({"typ":"JWT"})") + "." + base64url(claims) + ".AAAA",
         "auth_algorithm_refused"},
        {base64url(R"({"alg":["RS256"]})") + "." + base64url(claims) + ".AAAA",
         "auth_algorithm_refused"},
        // A public key as an HMAC secret.
        {with_mac(R"({"alg":"HS256","kid":"r"})", rsa.public_pem()), "auth_algorithm_refused"},
        {with_mac(R"({"alg":"HS256"})", modulus), "auth_algorithm_refused"},
        {with_mac(R"({"alg":"RS256","kid":"r"})", rsa.public_pem()), "auth_invalid"},
        // Another key's algorithm.
        {ec.token_with(R"({"alg":"RS256","kid":"e"})", claims), "auth_algorithm_refused"},
        {rsa.token_with(R"({"alg":"ES256","kid":"r"})", claims), "auth_algorithm_refused"},
        {rsa.token_with(R"({"alg":"RS512","kid":"r"})", claims), "auth_algorithm_refused"},
        // What a header cannot ask for.
        {rsa.token_with(R"({"alg":"RS256","kid":"r","crit":["b64"],"b64":false})", claims),
         "auth_malformed"},
        {rsa.token_with(R"({"alg":"RS256","alg":"none","kid":"r"})", claims), "auth_malformed"},
        {rsa.token_with(R"({"alg":"RS256","kid":7})", claims), "auth_malformed"},
        {rsa.token_with(R"({"alg":"RS256","kid":"../../key"})", claims), "auth_key_unknown"},
        {JwtMaker("RS256", "x")
             .token_with(R"({"alg":"RS256","kid":"x","jku":"https://evil.example/keys"})", claims),
         "auth_key_unknown"},
        // Shapes.
        {"", "auth_malformed"},
        {"a.b", "auth_malformed"},
        {rsa.token(claims) + ".", "auth_malformed"},
        {rsa.token(claims) + "=", "auth_malformed"},
        {"." + rsa.token(claims), "auth_malformed"},
        {base64url("[]") + ".e30.AAAA", "auth_malformed"},
        {rsa.token("[]"), "auth_malformed"},
        {rsa.token(R"({"sub":"a","sub":"b","exp":1800000100})"), "auth_malformed"},
        {rsa.token(R"({"exp":"1800000100"})"), "auth_malformed"},
        {rsa.token(R"({"exp":1e300})"), "auth_malformed"},
        {std::string(kTokenBytesMax + 1, 'a'), "auth_malformed"},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(reason_of(keys, Rules{}, c.token), c.reason) << c.token.substr(0, 120);
    }
    // ECDSA's all-zero signature (CVE-2022-21449).
    const std::string text = base64url(R"({"alg":"ES256","kid":"e"})") + "." + base64url(claims);
    EXPECT_EQ(reason_of(keys, Rules{}, text + "." + base64url(std::string(64, '\0'))),
              "auth_invalid");
    EXPECT_EQ(reason_of(keys, Rules{}, ec.token(claims)), "none");
}

TEST(Jwt, Claims) {
    const JwtMaker maker("EdDSA", "k");
    const KeySet keys = keys_of(key_set({&maker}));
    Rules rules;
    rules.issuers = {"https://id.example", "https://id2.example"};
    rules.audiences = {"gateway", "api"};
    rules.age_max_s = 3600;
    rules.demands = {{"scope", "flows:read"}, {"roles", "admin"}, {"mfa", "true"}};
    const std::string good =
        R"({"iss":"https://id.example","aud":["other","api"],"iat":1799999000,"nbf":1799999000,)"
        R"("exp":1800000100,"scope":"flows:write flows:read","roles":["dev","admin"],"mfa":true)";
    const auto replaced = [&](std::string_view from, std::string_view to) {
        std::string out = good;
        const std::size_t at = out.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        out.replace(at, from.size(), to);
        return maker.token(out + "}");
    };
    EXPECT_EQ(reason_of(keys, rules, maker.token(good + "}")), "none");
    const struct {
        const char* from;
        const char* to;
        const char* reason;
    } cases[] = {
        {"https://id.example", "https://id2.example", "none"},
        {"https://id.example", "https://id.example/", "auth_claim_refused"},
        {R"("https://id.example")", R"(["https://id.example"])", "auth_claim_refused"},
        {R"(["other","api"])", R"("gateway")", "none"},
        {R"(["other","api"])", R"(["other"])", "auth_claim_refused"},
        {R"("aud":["other","api"],)", "", "auth_claim_refused"},
        {R"("exp":1800000100,)", "", "auth_claim_refused"},
        {"1800000100", "1799999941", "none"},  // within the tolerance
        {"1800000100", "1799999940", "auth_expired"},
        {"1800000100", "1799999940.5", "none"},
        {R"("nbf":1799999000)", R"("nbf":1800000060)", "none"},
        {R"("nbf":1799999000)", R"("nbf":1800000061)", "auth_not_yet_valid"},
        {R"("iat":1799999000)", R"("iat":1800000061)", "auth_not_yet_valid"},
        {R"("iat":1799999000)", R"("iat":1799996340)", "none"},
        {R"("iat":1799999000)", R"("iat":1799996339)", "auth_expired"},
        {R"("iat":1799999000,)", "", "auth_claim_refused"},
        {"flows:read", "flows:readonly", "auth_claim_refused"},
        {R"(["dev","admin"])", R"("admin")", "none"},
        {R"(["dev","admin"])", R"("dev admin")", "auth_claim_refused"},
        {R"("mfa":true)", R"("mfa":false)", "auth_claim_refused"},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(reason_of(keys, rules, replaced(c.from, c.to)), c.reason) << c.to;
    }
    rules.algorithms = {Algorithm::rs256};
    EXPECT_EQ(reason_of(keys, rules, maker.token(good + "}")), "auth_algorithm_refused");
}

TEST(Jwt, ClaimsAsText) {
    const auto claims = Json::parse(
        R"({"sub":"a","n":7,"yes":true,"none":null,"list":["a","b"],"line":"a\r\nb",
            "https://x/Role":"r","Twice":"1","twice":"2"})");
    ASSERT_TRUE(claims.ok());
    const struct {
        const char* name;
        std::optional<std::string> text;
    } cases[] = {
        {"sub", "a"},
        {"n", "7"},
        {"yes", "true"},
        {"none", std::nullopt},
        {"list", R"(["a","b"])"},
        {"line", std::nullopt},
        {"https___x_role", "r"},
        {"twice", std::nullopt},
        {"absent", std::nullopt},
        {"", std::nullopt},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(claim_text(find_claim(*claims, c.name)), c.text) << c.name;
    }
}

TEST(JwkSet, RefusesWhatIsWeakOrPrivate) {
    const JwtMaker rsa("RS256", "r");
    const std::string n(rsa.jwk()["n"].text());
    const struct {
        std::string text;
        const char* piece;
    } cases[] = {
        {"", "line"},
        {"{}", "no JSON Web Key Set"},
        {R"({"keys":[]})", "no key in it"},
        {R"({"keys":[7]})", "not an object"},
        {R"({"kty":"oct","k":"c2hvcnQ"})", "at least 32 bytes"},
        {R"({"kty":"RSA","n":")" + n.substr(0, 168) + R"(","e":"AQAB"})", "2048"},
        {R"({"kty":"RSA","n":")" + n + R"(","e":"AQ"})", "odd number above 1"},
        {R"({"kty":"RSA","n":")" + n + R"(","e":"Ag"})", "odd number above 1"},
        {R"({"kty":"RSA","n":")" + n + R"(","e":"AQAB","d":"AQAB"})", "private key"},
        {R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})", "coordinates"},
        {R"({"kty":"OKP","crv":"Ed25519","x":"AA"})", "32 bytes"},
        {R"({"kty":"EC","crv":"P-521","x":"AA","y":"AA"})", "no key in it"},
        {R"({"kty":"RSA","use":"enc","n":"AA","e":"AQAB"})", "no key in it"},
        {R"({"kty":"RSA","key_ops":["encrypt"],"n":"AA","e":"AQAB"})", "no key in it"},
        {R"({"kty":"RSA","alg":"RSA-OAEP","n":"AA","e":"AQAB"})", "no key in it"},
        {R"({"kty":"RSA","alg":"ES256","n":"AA","e":"AQAB"})", "no key in it"},
        {R"({"kty":"oct","alg":"HS512","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"})",
         "at least 64 bytes"},
        {key_set({&rsa, &rsa}), "given twice"},
    };
    for (const auto& c : cases) {
        const auto keys = KeySet::parse(c.text);
        ASSERT_FALSE(keys.ok()) << c.piece;
        EXPECT_NE(keys.message().find(c.piece), std::string::npos) << keys.message();
    }
    EXPECT_FALSE(keys_of(key_set({&rsa})).holds_secrets());
    EXPECT_TRUE(keys_of(JwtMaker("HS256", "").jwk().dump()).holds_secrets());
}

}  // namespace
}  // namespace sallyport::policy::jwt
