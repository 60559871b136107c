// sallyport_auth in real nginx: tokens, JSON Web Tokens and passwords, and that nothing goes round
// them.
#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/crypto_scrypt.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/mistakes.hpp"
#include "tests/unit/jwt_maker.hpp"

#include <gtest/gtest.h>

#include <ctime>

namespace sallyport::test {
namespace {

std::string token_line(std::string_view token, const std::string& rest) {
    return "sha256:" + hex_encode(digest(DigestAlgorithm::sha256, token)) + " " + rest + "\n";
}

std::string unpadded(const std::string& text) {
    return text.substr(0, text.find('='));
}

std::string password_line(const std::string& name, std::string_view password) {
    const Bytes salt(16, 3);
    const auto hash = scrypt(password, salt, {12, 8, 1});
    return name + ":$scrypt$ln=12,r=8,p=1$" + unpadded(base64_encode(salt.data(), salt.size())) +
           "$" + unpadded(base64_encode(hash->data(), hash->size())) + "\n";
}

std::string basic(std::string_view text) {
    return "Basic " + base64_encode(as_bytes(text), text.size());
}

std::string claims(const std::string& more = "", std::int64_t life_s = 600) {
    return R"({"iss":"https://id.example","aud":"gateway","sub":"ada","exp":)" +
           std::to_string(std::time(nullptr) + life_s) + more + "}";
}

constexpr std::string_view kConf = R"(
    sallyport_decision_log %%DIR%%/decisions.log;
    server {
        listen 127.0.0.1:%%PORT%%;
        root %%DIR%%/files;
        location /token { sallyport_auth token file=%%DIR%%/tokens.key refresh=100ms;
                          return 200 "in $sallyport_auth_subject $sallyport_auth_method"; }
        location /key { sallyport_auth token file=%%DIR%%/tokens.key header=X-Api-Key realm=keys; return 200 in; }
        location /jwt { sallyport_auth jwt jwks=%%DIR%%/keys.json iss=https://id.example aud=gateway refresh=100ms;
                        return 200 "in $sallyport_auth_subject $sallyport_auth_claim_role|$sallyport_auth_claim_groups|$sallyport_auth_claim_none"; }
        location /strict { sallyport_auth jwt jwks=%%DIR%%/keys.json iss=any aud=any alg=ES256 claim=role:admin max_age=1h;
                           return 200 in; }
        location /basic { sallyport_auth basic file=%%DIR%%/users.key refresh=100ms;
                          return 200 "in $sallyport_auth_subject"; }
        location /any { sallyport_auth token file=%%DIR%%/tokens.key;
                        sallyport_auth jwt jwks=%%DIR%%/keys.json iss=any aud=any;
                        sallyport_auth basic file=%%DIR%%/users.key;
                        return 200 "in $sallyport_auth_method";
                        location /any/open { sallyport_auth off; return 200 open; } }
        location /report { sallyport_auth_mode report; sallyport_auth token file=%%DIR%%/tokens.key;
                           return 200 "in $sallyport_reason"; }
        location /modeoff { sallyport_auth_mode off; sallyport_auth token file=%%DIR%%/tokens.key;
                            return 200 "in $sallyport_reason"; }
        location /satisfy { satisfy any; allow all; sallyport_auth token file=%%DIR%%/tokens.key; }
        location /try { try_files /nothing /files/secret.txt; }
        location /files/ { alias %%DIR%%/files/; sallyport_auth token file=%%DIR%%/tokens.key; }
        location /page { error_page 401 /sign-in; sallyport_auth token file=%%DIR%%/tokens.key; }
        location /sign-in { return 200 "please sign in"; }
        location /up { sallyport_auth token file=%%DIR%%/tokens.key; proxy_pass http://%%UPSTREAM%%; }
        location /pass { sallyport_auth token file=%%DIR%%/tokens.key pass=on; proxy_pass http://%%UPSTREAM%%; }
        location /twice { sallyport_auth token file=%%DIR%%/tokens.key; error_page 404 = /token; root %%DIR%%/none; }
    }
    server {
        listen 127.0.0.1:%%PORT_ALL%%;
        sallyport_auth token file=%%DIR%%/tokens.key;
        return 200 content;
    }
)";

class Auth : public testing::Test {
  protected:
    Auth() {
        nginx_ = std::make_unique<NginxServer>(
            kConf,
            NginxOptions{.variables = {{"UPSTREAM", upstream_.address()}},
                         .files = {{"tokens.key", token_line("alpha", "ci") +
                                                      token_line("old", "gone expires=2020-01-01")},
                                   {"keys.json", key_set({&ec_, &hmac_free_})},
                                   {"users.key", password_line("ada", "correct horse battery")},
                                   {"files/secret.txt", "secret"}},
                         // Workers must be able to read what is closed to others.
                         .main = "user root;"});
    }

    HttpResponse ask(const std::string& path, const std::string& authorization = "",
                     const char* port = "PORT") {
        HttpRequest request{.url = nginx_->url(path, port)};
        if (!authorization.empty()) {
            request.headers = {{"Authorization", authorization}};
        }
        return send(request);
    }
    // The newest decision line holds the word.
    void expect_reason(const std::string& word) {
        EXPECT_TRUE(wait_until([&] {
            std::string log = nginx_->dir().read("decisions.log");
            const std::size_t last = log.rfind("\n{", log.size() - 2);
            return log.find("\"" + word + "\"", last == std::string::npos ? 0 : last) !=
                   std::string::npos;
        })) << word
            << "\n"
            << nginx_->dir().read("decisions.log");
    }

    JwtMaker ec_{"ES256", "e1"};
    JwtMaker hmac_free_{"EdDSA", "d1"};
    Upstream upstream_;
    std::unique_ptr<NginxServer> nginx_;
};

TEST_F(Auth, Table) {
    const std::string good = claims(R"(,"role":"admin","groups":["a","b"])");
    const std::string now = std::to_string(std::time(nullptr));
    const JwtMaker stranger("ES256", "e1");
    const JwtMaker unknown("ES256", "x");
    const struct {
        const char* path;
        std::string authorization;
        int status;
        std::string body;
        const char* reason;
    } rows[] = {
        {"/token", "Bearer alpha", 200, "in ci token", ""},
        {"/token", "bearer   alpha", 200, "in ci token", ""},
        {"/token", "", 401, "unauthorized", "auth_missing"},
        {"/token", "Basic YWRhOng=", 401, "unauthorized", "auth_missing"},
        {"/token", "Bearer alph", 401, "unauthorized", "auth_invalid"},
        {"/token", "Bearer old", 401, "unauthorized", "auth_expired"},
        {"/token", "Bearer " + std::string(600, 'a'), 401, "unauthorized", "auth_malformed"},
        {"/jwt", "Bearer " + ec_.token(good), 200, "in ada admin|[\"a\",\"b\"]|", ""},
        {"/jwt", "Bearer " + hmac_free_.token(good), 200, "in ada", ""},
        {"/jwt", "Bearer " + stranger.token(good), 401, "unauthorized", "auth_invalid"},
        {"/jwt", "Bearer " + unknown.token(good), 401, "unauthorized", "auth_key_unknown"},
        {"/jwt", "Bearer " + ec_.token_with(R"({"alg":"none"})", good), 401, "unauthorized",
         "auth_algorithm_refused"},
        {"/jwt", "Bearer " + ec_.token(claims("", -3600)), 401, "unauthorized", "auth_expired"},
        {"/jwt", "Bearer " + ec_.token(claims(R"(,"nbf":4000000000)")), 401, "unauthorized",
         "auth_not_yet_valid"},
        {"/jwt",
         "Bearer " + ec_.token(R"({"iss":"https://id.example","aud":"x","exp":4000000000})"), 401,
         "unauthorized", "auth_claim_refused"},
        {"/jwt", "Bearer alpha", 401, "unauthorized", "auth_malformed"},
        {"/strict", "Bearer " + ec_.token(claims(R"(,"role":"admin","iat":)" + now)), 200, "in",
         ""},
        {"/strict", "Bearer " + hmac_free_.token(claims(R"(,"role":"admin","iat":)" + now)), 401,
         "unauthorized", "auth_algorithm_refused"},
        {"/strict", "Bearer " + ec_.token(claims(R"(,"role":"user","iat":)" + now)), 401,
         "unauthorized", "auth_claim_refused"},
        {"/basic", basic("ada:correct horse battery"), 200, "in ada", ""},
        {"/basic", basic("ada:correct horse batterx"), 401, "unauthorized", "auth_invalid"},
        {"/basic", "Basic !!", 401, "unauthorized", "auth_malformed"},
        {"/any", "Bearer alpha", 200, "in token", ""},
        {"/any", "Bearer " + ec_.token(good), 200, "in jwt", ""},
        {"/any", basic("ada:correct horse battery"), 200, "in basic", ""},
        {"/any", "", 401, "unauthorized", "auth_missing"},
        {"/any/open", "", 200, "open", ""},
        {"/report", "", 200, "in auth_missing", ""},
        {"/modeoff", "", 200, "in none", ""},
    };
    for (const auto& row : rows) {
        const auto response = ask(row.path, row.authorization);
        EXPECT_EQ(response.status, row.status) << row.path << " " << row.authorization;
        EXPECT_NE(response.body.find(row.body), std::string::npos) << row.path << response.body;
        EXPECT_EQ(response.header("WWW-Authenticate").has_value(), row.status == 401) << row.path;
        if (row.reason[0] != '\0') {
            expect_reason(row.reason);
        }
    }
}

TEST_F(Auth, NothingGoesRound) {
    const char* const paths[] = {"/satisfy/secret.txt", "/try", "/files/secret.txt"};
    for (const char* path : paths) {
        const auto outside = ask(path);
        EXPECT_EQ(outside.status, 401) << path;
        EXPECT_EQ(outside.body.find("secret"), std::string::npos) << path;
    }
    EXPECT_EQ(ask("/try", "Bearer alpha").body, "secret");
    // A server's own `return`, before any location is known.
    EXPECT_EQ(ask("/", "", "PORT_ALL").status, 401);
    EXPECT_EQ(ask("/", "Bearer alpha", "PORT_ALL").body, "content");
    // Two fields: which one would the upstream believe?
    const auto twice =
        send({.url = nginx_->url("/up"),
              .headers = {{"Authorization", "Bearer alpha"}, {"Authorization", "Bearer beta"}}});
    EXPECT_TRUE(twice.status == 401 || twice.status == 400) << twice.status;
    // An error page is shown, and the status stays.
    const auto page = ask("/page");
    EXPECT_EQ(page.status, 401);
    EXPECT_EQ(page.body, "please sign in");
    EXPECT_TRUE(page.header("WWW-Authenticate").has_value());
}

TEST_F(Auth, TheUpstreamDoesNotSeeTheCredential) {
    EXPECT_EQ(ask("/up", "Bearer alpha").status, 200);
    EXPECT_EQ(upstream_.requests().back().header("Authorization"), std::nullopt);
    EXPECT_EQ(ask("/pass", "Bearer alpha").status, 200);
    EXPECT_EQ(upstream_.requests().back().header("Authorization"), "Bearer alpha");
    // Redirected to another location that asks for it again.
    EXPECT_EQ(ask("/twice", "Bearer alpha").body, "in ci token");
}

TEST_F(Auth, Challenges) {
    EXPECT_EQ(ask("/token").header("WWW-Authenticate"), "Bearer realm=\"restricted\"");
    EXPECT_EQ(ask("/token", "Bearer x").header("WWW-Authenticate"),
              "Bearer realm=\"restricted\", error=\"invalid_token\"");
    EXPECT_EQ(ask("/basic").header("WWW-Authenticate"),
              "Basic realm=\"restricted\", charset=\"UTF-8\"");
    EXPECT_EQ(ask("/any").header_all("WWW-Authenticate").size(), 3u);
    const auto key = send({.url = nginx_->url("/key"), .headers = {{"X-Api-Key", "alpha"}}});
    EXPECT_EQ(key.status, 200);
    EXPECT_EQ(ask("/key", "Bearer alpha").header("WWW-Authenticate"), "Bearer realm=\"keys\"");
}

TEST_F(Auth, FilesAreReadAgainAndTheLastGoodOnesKept) {
    const auto eventually = [&](const std::string& path, const std::string& authorization,
                                int status) {
        EXPECT_TRUE(wait_until([&] { return ask(path, authorization).status == status; }))
            << path << " " << authorization;
    };
    EXPECT_EQ(ask("/basic", basic("ada:correct horse battery")).status, 200);
    nginx_->dir().write("tokens.key", token_line("beta", "ci"), 0600);
    eventually("/token", "Bearer beta", 200);
    EXPECT_EQ(ask("/token", "Bearer alpha").status, 401);
    // Damaged, then open to everybody: what was read stays in force, and the log says so.
    nginx_->dir().write("tokens.key", "nonsense\n", 0600);
    EXPECT_TRUE(wait_until(
        [&] { return nginx_->error_log().find("stays in force") != std::string::npos; }));
    EXPECT_EQ(ask("/token", "Bearer beta").status, 200);
    // Another password: the old one is forgotten, although it was remembered.
    nginx_->dir().write("users.key", password_line("ada", "another long password"), 0600);
    eventually("/basic", basic("ada:correct horse battery"), 401);
    eventually("/basic", basic("ada:another long password"), 200);
    // Keys rotate by name.
    const JwtMaker fresh("RS256", "r2");
    nginx_->dir().write("keys.json", key_set({&ec_, &fresh}));
    eventually("/jwt", "Bearer " + fresh.token(claims()), 200);
    EXPECT_EQ(ask("/jwt", "Bearer " + ec_.token(claims())).status, 200);
    nginx_->dir().write("keys.json", key_set({&fresh}));
    eventually("/jwt", "Bearer " + ec_.token(claims()), 401);
}

TEST_F(Auth, GuessesOfPasswordsAreBounded) {
    EXPECT_EQ(ask("/basic", basic("ada:correct horse battery")).status, 200);
    HttpResponse last;
    EXPECT_TRUE(wait_until([&] {
        last = ask("/basic", basic("ada:guess"));
        return last.status == 429;
    }));
    EXPECT_EQ(last.header("Retry-After"), "1");
    expect_reason("auth_overloaded");
    // Who is known gets in all the same.
    EXPECT_EQ(ask("/basic", basic("ada:correct horse battery")).status, 200);
}

TEST(AuthInclude, WorksAsShipped) {
    NginxOptions options;
    options.files["auth.conf"] = read_file(std::string(SALLYPORT_CONF_D) + "/auth.conf");
    ASSERT_FALSE(options.files["auth.conf"].empty());
    options.files["secrets/tokens.key"] = token_line("alpha", "ci");
    NginxServer nginx(
        "server { listen 127.0.0.1:%%PORT%%; location / { include auth.conf; return 200 in; } }",
        options);
    EXPECT_EQ(get(nginx.url("/")).status, 401);
    EXPECT_EQ(send({.url = nginx.url("/"), .headers = {{"Authorization", "Bearer alpha"}}}).status,
              200);
}

class AuthMistake : public testing::TestWithParam<Mistake> {};
TEST_P(AuthMistake, NamesDirectiveValueAndRemedy) {
    std::map<std::string, std::string> files = {
        {"t.key", token_line("alpha", "ci")},
        {"open.txt", token_line("alpha", "ci")},
        {"bad.key", "nonsense\n"},
        {"htpasswd.key", "ada:$apr1$x$y\n"},
        {"oct.json", R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"})"},
        {"oct.key", R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"})"}};
    expect_mistake(GetParam(), files);
}

INSTANTIATE_TEST_SUITE_P(
    Table, AuthMistake,
    testing::Values(
        Mistake{"sallyport_auth;", "sallyport_auth", "invalid number of arguments", ""},
        Mistake{"sallyport_auth digest;", "sallyport_auth", "\"digest\"",
                "token, jwt, basic or off"},
        Mistake{"sallyport_auth token;", "sallyport_auth", "names no file", "file=PATH"},
        Mistake{"sallyport_auth jwt iss=any aud=any;", "sallyport_auth", "names no file",
                "jwks=PATH"},
        Mistake{"sallyport_auth token file=%%DIR%%/absent;", "sallyport_auth", "absent",
                "mend the path"},
        Mistake{"sallyport_auth token file=%%DIR%%/open.txt;", "sallyport_auth", "open.txt",
                "chmod o-rwx"},
        Mistake{"sallyport_auth token file=%%DIR%%/bad.key;", "sallyport_auth", "line 1",
                "sallyport token"},
        Mistake{"sallyport_auth basic file=%%DIR%%/htpasswd.key;", "sallyport_auth", "\"ada\"",
                "sallyport password"},
        Mistake{"sallyport_auth jwt jwks=%%DIR%%/oct.json iss=a aud=b;", "sallyport_auth",
                "oct.json", "chmod o-rwx"},
        Mistake{"sallyport_auth jwt jwks=%%DIR%%/oct.key aud=b;", "sallyport_auth",
                "without iss=", "iss=any"},
        Mistake{"sallyport_auth jwt jwks=%%DIR%%/oct.key iss=b;", "sallyport_auth",
                "without aud=", "aud=any"},
        Mistake{"sallyport_auth jwt jwks=%%DIR%%/oct.key iss=any iss=b aud=b;", "sallyport_auth",
                "iss=b", "iss=any alone"},
        Mistake{"sallyport_auth jwt jwks=%%DIR%%/oct.key iss=a aud=b alg=none;", "sallyport_auth",
                "alg=none", "RS256, RS384, RS512"},
        Mistake{"sallyport_auth jwt jwks=%%DIR%%/oct.key iss=a aud=b claim=role;", "sallyport_auth",
                "claim=role", "claim=NAME:VALUE"},
        Mistake{"sallyport_auth jwt jwks=%%DIR%%/oct.key iss=a aud=b leeway=1d;", "sallyport_auth",
                "leeway=1d", "at most 600s"},
        Mistake{"sallyport_auth jwt jwks=%%DIR%%/oct.key iss=a aud=b file=x;", "sallyport_auth",
                "file=x", "jwks=PATH"},
        Mistake{"sallyport_auth token file=%%DIR%%/t.key iss=x;", "sallyport_auth", "iss=x",
                "file=PATH"},
        Mistake{"sallyport_auth token file=%%DIR%%/t.key header=Authorization;", "sallyport_auth",
                "header=Authorization", "leave it out"},
        Mistake{"sallyport_auth token file=%%DIR%%/t.key refresh=1ms;", "sallyport_auth",
                "refresh=1ms", "100ms to 1d"},
        Mistake{"sallyport_auth token file=%%DIR%%/t.key refresh=1s refresh=2s;", "sallyport_auth",
                "twice", "keep one"},
        Mistake{"sallyport_auth token file=%%DIR%%/t.key 'realm=\"x\"';", "sallyport_auth",
                "realm=", "without quotes"},
        Mistake{"sallyport_auth token file=%%DIR%%/t.key; sallyport_auth off;", "sallyport_auth",
                "\"off\"", "keep one"},
        Mistake{"sallyport_auth off file=x;", "sallyport_auth", "\"off\"", "no further"},
        Mistake{"sallyport_auth_mode maybe;", "sallyport_auth_mode", "maybe", "report or enforce"},
        Mistake{
            "server { location / { sallyport_auth token file=%%DIR%%/t.key; error_page 401 =200 "
            "/x; } }",
            "auth", "error_page 401 =200", "leave out"}));

}  // namespace
}  // namespace sallyport::test
