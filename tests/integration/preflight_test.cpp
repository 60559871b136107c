// Preflights to places that ask for credentials: browsers send none with them, so the answer comes
// first. Whatever is no preflight, or is answered by nobody, is asked for its credentials as ever.
#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>

namespace sallyport::test {
namespace {

constexpr const char* kApp = "https://app.example.com";
constexpr std::string_view kToken = "test-token-0123456789abcdef";

constexpr std::string_view kConf = R"(
    sallyport_redis main redis://%%REDIS%%;
    sallyport_limit one rate=1r/h burst=2 key=$uri;
    sallyport_limit shared rate=1r/h burst=2 key=$uri store=main mode=strict;
    sallyport_cors origins=https://app.example.com credentials headers=Authorization;
    upstream backend { server %%UPSTREAM%%; }
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT_TLS%% ssl http2;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        location /open/ { proxy_pass http://backend; }
        location /token/ { sallyport_auth token file=tokens.key; proxy_pass http://backend; }
        location /return/ { sallyport_auth token file=tokens.key; return 200 secret; }
        location /rewrite/ { sallyport_auth token file=tokens.key; rewrite ^ /open/ last; }
        location /basic/ { auth_basic zone; auth_basic_user_file users; sallyport_auth token file=tokens.key; proxy_pass http://backend; }
        location /limited/ { sallyport_rate_limit one; sallyport_auth token file=tokens.key; proxy_pass http://backend; }
        location /shared/ { sallyport_rate_limit shared; sallyport_auth token file=tokens.key; return 200 secret; }
        location /denied/ { sallyport_deny all; sallyport_auth token file=tokens.key; proxy_pass http://backend; }
        location /strict/ { sallyport_cors origins=https://app.example.com unmatched=deny; sallyport_auth token file=tokens.key; return 200 secret; }
        location /continue/ { sallyport_cors origins=https://app.example.com preflight=continue; sallyport_auth token file=tokens.key; proxy_pass http://backend; }
        location /report/ { sallyport_cors_mode report; sallyport_auth token file=tokens.key; return 200 secret; }
        location /off/ { sallyport_cors off; sallyport_auth token file=tokens.key; return 200 secret; }
        location /watched/ { sallyport_auth_mode report; sallyport_auth token file=tokens.key; return 200 "$sallyport_reason"; }
    }
    server {
        listen 127.0.0.1:%%PORT_WHOLE%%;
        sallyport_auth token file=tokens.key;
        rewrite ^/old/ /new/;
        location / { proxy_pass http://backend; }
        location /off/ { sallyport_cors off; return 200 secret; }
        location /continue/ { sallyport_cors origins=https://app.example.com preflight=continue; return 200 secret; }
    }
    server {
        listen 127.0.0.1:%%PORT_ANSWERS%%;
        sallyport_auth token file=tokens.key;
        return 200 secret;
    }
    server {
        listen 127.0.0.1:%%PORT_MIXED%%;
        sallyport_auth token file=tokens.key;
        location / { return 200 secret; }
        location /public/ { sallyport_auth off; sallyport_cors off; return 200 public; }
    }
)";

class Preflight : public testing::Test {
  protected:
    Upstream upstream_;
    RedisServer redis_;
    NginxServer nginx_{
        kConf,
        {.variables = {{"UPSTREAM", upstream_.address()}, {"REDIS", redis_.address()}},
         .files = {{"users", "a:{PLAIN}b\n"},
                   {"tokens.key",
                    "sha256:" + hex_encode(digest(DigestAlgorithm::sha256, kToken)) + " app\n"}},
         .expected_log_lines = {}}};

    HttpResponse ask(const std::string& path, HeaderList headers, const char* method = "OPTIONS",
                     const char* port = "PORT") {
        return send(
            {.url = nginx_.url(path, port), .method = method, .headers = std::move(headers)});
    }
    HttpResponse preflight(const std::string& path, const char* port = "PORT",
                           const char* origin = kApp) {
        return ask(path,
                   {{"Origin", origin},
                    {"Access-Control-Request-Method", "POST"},
                    {"Access-Control-Request-Headers", "authorization"}},
                   "OPTIONS", port);
    }
};

TEST_F(Preflight, IsAnsweredWhereCredentialsAreAskedFor) {
    const struct {
        const char* path;
        const char* port;
    } rows[] = {
        {"/token/x", "PORT"},   {"/return/x", "PORT"}, {"/rewrite/x", "PORT"},
        {"/basic/x", "PORT"},   {"/watched/", "PORT"}, {"/limited/0", "PORT"},
        {"/shared/0", "PORT"},  {"/x", "PORT_WHOLE"},  {"/old/x", "PORT_WHOLE"},
        {"/x", "PORT_ANSWERS"}, {"/x", "PORT_MIXED"},
    };
    for (const auto& row : rows) {
        const auto response = preflight(row.path, row.port);
        EXPECT_EQ(response.status, 204) << row.path << row.port << response.body;
        EXPECT_EQ(response.body, "") << row.path;
        EXPECT_EQ(response.header("Access-Control-Allow-Origin"), kApp) << row.path;
        EXPECT_EQ(response.header("Access-Control-Allow-Headers"), "Authorization") << row.path;
        EXPECT_EQ(response.header("WWW-Authenticate"), std::nullopt) << row.path;
    }
    HttpRequest tls{.url = nginx_.tls_url("/token/"),
                    .method = "OPTIONS",
                    .headers = {{"Origin", kApp}, {"Access-Control-Request-Method", "PUT"}},
                    .http2 = true};
    EXPECT_EQ(send(tls).status, 204);
    EXPECT_EQ(upstream_.request_count(), 0u);
    // A page of another origin gets the answer of the `cors` package: no permission.
    const auto other = preflight("/token/x", "PORT", "https://evil.example");
    EXPECT_EQ(other.status, 204);
    EXPECT_EQ(other.header("Access-Control-Allow-Origin"), std::nullopt);
}

TEST_F(Preflight, TheRequestBehindItNeedsItsCredentials) {
    for (const char* path : {"/token/x", "/return/x", "/rewrite/x"}) {
        const auto refused = ask(path, {{"Origin", kApp}}, "POST");
        EXPECT_EQ(refused.status, 401) << path;
        EXPECT_EQ(refused.header("Access-Control-Allow-Origin"), kApp)
            << "or the page would not learn why";
        EXPECT_EQ(ask(path, {{"Origin", kApp}, {"Authorization", "Bearer " + std::string(kToken)}},
                      "POST")
                      .status,
                  200)
            << path;
    }
}

// What is no preflight, or meets no answer, opens nothing.
TEST_F(Preflight, OpensNothing) {
    const HeaderList whole = {{"Origin", kApp}, {"Access-Control-Request-Method", "GET"}};
    const struct {
        const char* what;
        const char* method;
        const char* path;
        HeaderList headers;
        const char* port;
    } rows[] = {
        {"no origin", "OPTIONS", "/return/", {{"Access-Control-Request-Method", "GET"}}, "PORT"},
        {"no method asked for", "OPTIONS", "/return/", {{"Origin", kApp}}, "PORT"},
        {"two origins",
         "OPTIONS",
         "/return/",
         {{"Origin", kApp}, {"Origin", kApp}, {"Access-Control-Request-Method", "GET"}},
         "PORT"},
        {"a method that is none",
         "OPTIONS",
         "/return/",
         {{"Origin", kApp}, {"Access-Control-Request-Method", "G T"}},
         "PORT"},
        {"another method", "GET", "/return/", whole, "PORT"},
        {"another method", "HEAD", "/token/", whole, "PORT"},
        {"another method", "options", "/return/", whole, "PORT"},
        {"the upstream answers", "OPTIONS", "/continue/", whole, "PORT"},
        {"only reported", "OPTIONS", "/report/", whole, "PORT"},
        {"no CORS here", "OPTIONS", "/off/", whole, "PORT"},
        {"no CORS here", "OPTIONS", "/off/", whole, "PORT_WHOLE"},
        {"the upstream answers", "OPTIONS", "/continue/", whole, "PORT_WHOLE"},
        {"no origin", "OPTIONS", "/", {}, "PORT_ANSWERS"},
        {"another method", "GET", "/", whole, "PORT_ANSWERS"},
    };
    for (const auto& row : rows) {
        const auto response = ask(row.path, row.headers, row.method, row.port);
        EXPECT_TRUE(response.status == 401 || response.status == 405 || response.status == 400)
            << row.what << " " << row.path << " " << response.status;
        EXPECT_EQ(response.body.find("secret"), std::string::npos) << row.what << row.path;
    }
    HttpRequest body{.url = nginx_.url("/return/"), .method = "OPTIONS", .headers = whole};
    body.body = "x";
    EXPECT_EQ(send(body).status, 401);
    EXPECT_EQ(upstream_.request_count(), 0u);
    EXPECT_EQ(preflight("/public/", "PORT_MIXED").body, "public") << "asks for nothing";
}

// A location alone that answers preflights in another way than its server: hooks that have nothing
// to say anywhere are not asked, and this one has.
TEST(PreflightOfOneLocation, IsJudgedByThatLocation) {
    for (const char* own :
         {"sallyport_cors off;",
          "sallyport_cors origins=https://app.example.com preflight=continue;",
          "sallyport_cors_mode report;", "sallyport_cors_mode off;", "sallyport_mode report;"}) {
        const std::string conf = R"(
    sallyport_cors origins=https://app.example.com credentials;
    server {
        listen 127.0.0.1:%%PORT%%;
        sallyport_auth token file=tokens.key;
        sallyport_auth_mode enforce;
        location / { return 200 page; }
        location /own/ { )" + std::string(own) +
                                 R"( return 200 secret; }
    }
)";
        NginxServer nginx(
            conf, {.files = {{"tokens.key",
                              "sha256:" + hex_encode(digest(DigestAlgorithm::sha256, kToken)) +
                                  " app\n"}},
                   .expected_log_lines = {}});
        const auto ask = [&](const char* path) {
            return send({.url = nginx.url(path),
                         .method = "OPTIONS",
                         .headers = {{"Origin", kApp}, {"Access-Control-Request-Method", "POST"}}});
        };
        EXPECT_EQ(ask("/").status, 204) << own;
        const auto response = ask("/own/");
        EXPECT_EQ(response.status, 401) << own;
        EXPECT_EQ(response.body.find("secret"), std::string::npos) << own;
    }
}

TEST_F(Preflight, StandsBehindAddressRulesOriginsAndLimits) {
    EXPECT_EQ(preflight("/denied/").status, 403);
    EXPECT_EQ(preflight("/strict/", "PORT", "https://evil.example").status, 403);
    EXPECT_EQ(preflight("/strict/").status, 204);
    for (const char* path : {"/limited/x", "/shared/x"}) {
        EXPECT_EQ(preflight(path).status, 204) << path;
        EXPECT_EQ(preflight(path).status, 204) << path;
        const auto refused = preflight(path);
        EXPECT_EQ(refused.status, 429) << path;
        EXPECT_EQ(refused.body.find("secret"), std::string::npos);
        EXPECT_EQ(refused.header("Access-Control-Allow-Origin"), kApp) << path;
    }
}

}  // namespace
}  // namespace sallyport::test
