// What an authorization server for MCP clients decides.
#include "engine/core/oauth_server.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace sallyport::engine {
namespace {

TEST(OAuthServer, RedirectAddressesAreThoseOfApplications) {
    for (const char* good :
         {"https://app.example.org/callback", "https://app.example.org/cb?a=b",
          "http://localhost:33418/callback", "http://127.0.0.1:8090/cb", "http://127.0.0.1/",
          "http://[::1]:9000/cb", "cursor://anysphere.cursor-retrieval/oauth",
          "com.example.app:/oauth"}) {
        EXPECT_TRUE(is_redirect_uri(good)) << good;
    }
    const std::string long_one = "https://a.org/" + std::string(2000, 'a');
    for (const std::string& bad : {std::string(""),
                                   std::string("https://"),
                                   std::string("http://example.org/cb"),
                                   std::string("http://localhost.evil.org/cb"),
                                   std::string("http://127.0.0.1.evil.org/"),
                                   std::string("http://localhost@evil.org/"),
                                   std::string("https://a@b.org/"),
                                   std::string("https://a.org/#x"),
                                   std::string("javascript:alert(1)"),
                                   std::string("javascript:/alert(1)"),
                                   std::string("data:/text"),
                                   std::string("file:///etc"),
                                   std::string("https:a.org"),
                                   std::string("//a.org"),
                                   std::string("Https://a.org"),
                                   std::string("https://a.org/\r\nX: y"),
                                   std::string("https://a.org/\"x"),
                                   std::string("http://[::1].evil.org/"),
                                   std::string("app:nothing"),
                                   long_one}) {
        EXPECT_FALSE(is_redirect_uri(bad)) << bad;
    }
}

TEST(OAuthServer, VerifiersFitTheirChallenge) {
    // RFC 7636 appendix B.
    const std::string verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const std::string challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    EXPECT_TRUE(is_pkce_challenge(challenge));
    EXPECT_TRUE(fits_challenge(verifier, challenge));
    EXPECT_FALSE(fits_challenge(verifier.substr(1) + "a", challenge));
    EXPECT_FALSE(fits_challenge(challenge, challenge));
    EXPECT_FALSE(fits_challenge("short", challenge));
    EXPECT_FALSE(fits_challenge("", ""));
    EXPECT_FALSE(is_pkce_challenge(""));
    EXPECT_FALSE(is_pkce_challenge(challenge + "="));
    EXPECT_FALSE(is_pkce_challenge(challenge.substr(1)));
}

TEST(OAuthServer, ParametersAreAddedToWhatIsThere) {
    const std::vector<std::pair<std::string, std::string>> parameters = {
        {"code", "a b&c"}, {"state", ""}, {"iss", "x"}};
    EXPECT_EQ(with_query("https://a.org/cb", parameters), "https://a.org/cb?code=a%20b%26c&iss=x");
    EXPECT_EQ(with_query("https://a.org/cb?z=1", parameters),
              "https://a.org/cb?z=1&code=a%20b%26c&iss=x");
}

TEST(OAuthServer, PagesShowTextAsText) {
    ConsentPage page{"<script>alert(1)</script>", "https://a.org/?a=b&c=d", "r\"q", "", "", {}};
    const std::string first = consent_html(page);
    EXPECT_EQ(first.find("<script>"), std::string::npos);
    EXPECT_NE(first.find("&lt;script&gt;"), std::string::npos);
    EXPECT_NE(first.find("value=\"r&quot;q\""), std::string::npos);
    EXPECT_NE(first.find("type=\"password\""), std::string::npos);
    page.email = "ann@example.org";
    page.projects = {{"p1", "\"><b>"}};
    const std::string second = consent_html(page);
    EXPECT_EQ(second.find("<b>"), std::string::npos);
    EXPECT_EQ(second.find("type=\"password\""), std::string::npos);
    EXPECT_NE(second.find("value=\"deny\""), std::string::npos);
}

}  // namespace
}  // namespace sallyport::engine
