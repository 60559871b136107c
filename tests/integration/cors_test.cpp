// CORS against real nginx: what the vectors do not show. Errors and refusals carry the fields,
// levels, error pages, other features, and what the upstream says about CORS itself.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/mistakes.hpp"

#include <gtest/gtest.h>

namespace sallyport::test {
namespace {

constexpr const char* kApp = "https://app.example.com";
constexpr const char* kEvil = "https://evil.example";

constexpr std::string_view kConf = R"(
    sallyport_cors origins=https://app.example.com,https://*.tenant.example.com:*,http://localhost:*
                   "origins=~^https://pr-[0-9]{1,5}\.preview\.example\.com$"
                   credentials expose=RateLimit,Retry-After max_age=2h;
    sallyport_decision_log decisions.log refused;
    sallyport_limit one rate=1r/h burst=2 key=$uri;
    sallyport_ip_list blocked 127.0.0.66;
    map $http_origin $known { default ""; https://mapped.example.com $http_origin; https://all.example.com *; }
    upstream backend { server %%UPSTREAM%%; }
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT_TLS%% ssl http2;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        sallyport_deny blocked;
        client_max_body_size 1k;
        location / { proxy_pass http://backend; }
        location /return/ { return 200 ok; }
        location /limited/ { sallyport_rate_limit one; proxy_pass http://backend; }
        location /basic/ { auth_basic zone; auth_basic_user_file users; proxy_pass http://backend; }
        location /sub/ { auth_request /auth; proxy_pass http://backend; }
        location = /auth { internal; proxy_pass http://backend/auth; }
        location /off/ { sallyport_cors off; proxy_pass http://backend; }
        location /open/ { sallyport_cors origin=* headers=*; proxy_pass http://backend; }
        location /deny/ { sallyport_cors origins=https://app.example.com unmatched=deny; proxy_pass http://backend; }
        location /denyreturn/ { sallyport_cors origins=https://app.example.com unmatched=deny; return 200 ok; }
        location /continue/ { sallyport_cors origins=https://app.example.com preflight=continue; proxy_pass http://backend; }
        location /mapped/ { sallyport_cors origin=$known; proxy_pass http://backend; }
        location /mappedcred/ { sallyport_cors origin=$known credentials; proxy_pass http://backend; }
        location /optional/ { sallyport_cors "origins=~^(https://app\.example\.com)?$"; proxy_pass http://backend; }
        location /report/ { sallyport_cors_mode report; proxy_pass http://backend; }
        location /page/ { sallyport_cors origin=https://page.example.com; error_page 404 @page; return 404; }
        location @page { return 200 page; }
        location /try/ { root %%DIR%%; try_files $uri @page; }
        location /down/ { proxy_pass http://127.0.0.1:%%PORT_NOBODY%%; }
        location /hook/ { sallyport_webhook github; sallyport_webhook_secret literal-secret-of-the-test; proxy_pass http://backend; }
    }
)";

class Cors : public testing::Test {
  protected:
    Upstream upstream_{[](const UpstreamRequest& request) {
        UpstreamReply reply;
        reply.headers = {{"Access-Control-Allow-Origin", "*"},
                         {"access-control-allow-credentials", "true"},
                         {"Access-Control-Expose-Headers", "X-Secret"},
                         {"Access-Control-Max-Age", "5"},
                         {"Vary", "Accept-Encoding, origin"}};
        if (request.target.starts_with("/status/")) {
            reply.status = std::stoi(request.target.substr(8));
        }
        return reply;
    }};
    NginxServer nginx_{kConf,
                       {.variables = {{"UPSTREAM", upstream_.address()}},
                        .files = {{"users", "a:{PLAIN}b\n"}},
                        .expected_log_lines = {}}};

    HttpResponse ask(const std::string& path, const char* origin, const char* method = "GET",
                     HeaderList more = {}) {
        HttpRequest request{.url = nginx_.url(path), .method = method, .headers = std::move(more)};
        if (origin != nullptr) {
            request.headers.emplace_back("Origin", origin);
        }
        return send(request);
    }
    static std::string once(const HttpResponse& response, const char* name) {
        const auto all = response.header_all(name);
        EXPECT_LE(all.size(), 1u) << name;
        return all.empty() ? "-" : all.front();
    }
};

TEST_F(Cors, OriginsOfAList) {
    const struct {
        const char* origin;
        bool allowed;
    } rows[] = {
        {kApp, true},
        {"https://a.tenant.example.com", true},
        {"https://a.tenant.example.com:8443", true},
        {"https://a.b.tenant.example.com", false},
        {"https://.tenant.example.com", false},
        {"https://tenant.example.com", false},
        {"http://a.tenant.example.com", false},
        {"http://localhost:3000", true},
        {"http://localhost", true},
        {"http://localhost:x", false},
        {"https://pr-17.preview.example.com", true},
        {"https://pr-17.preview.example.com.evil.test", false},
        {"https://pr-17xpreview.example.com", false},
        {"https://APP.example.com", false},
        {"https://app.example.com/", false},
        {"https://app.example.com:443", false},
        {"null", false},
        {"", false},
        {kEvil, false},
    };
    for (const auto& row : rows) {
        const auto response = ask("/", row.origin);
        EXPECT_EQ(once(response, "Access-Control-Allow-Origin"), row.allowed ? row.origin : "-")
            << row.origin;
        EXPECT_EQ(once(response, "Access-Control-Allow-Credentials"), "true");
        EXPECT_EQ(once(response, "Access-Control-Expose-Headers"), "RateLimit,Retry-After");
        EXPECT_EQ(once(response, "Access-Control-Max-Age"), "-");
        EXPECT_EQ(once(response, "Vary"), "Accept-Encoding, origin");
    }
}

TEST_F(Cors, AnExpressionThatMatchesNothingAtAllAllowsNoOrigin) {
    EXPECT_EQ(once(ask("/optional/", kApp), "Access-Control-Allow-Origin"), kApp);
    EXPECT_EQ(once(ask("/optional/", nullptr), "Access-Control-Allow-Origin"), "-");
    EXPECT_EQ(once(ask("/optional/", ""), "Access-Control-Allow-Origin"), "-");
    EXPECT_EQ(once(ask("/optional/", kEvil), "Access-Control-Allow-Origin"), "-");
}

TEST_F(Cors, FieldsAreOnEveryKindOfResponse) {
    for (const char* path :
         {"/", "/status/404", "/status/500", "/return/", "/down/", "/basic/", "/sub/", "/hook/"}) {
        const auto response = ask(path, kApp);
        EXPECT_EQ(once(response, "Access-Control-Allow-Origin"), kApp) << path << response.status;
        EXPECT_NE(once(response, "Vary"), "-") << path;
    }
    const auto large = send({.url = nginx_.url("/"),
                             .method = "POST",
                             .headers = {{"Origin", kApp}},
                             .body = std::string(2000, 'x')});
    EXPECT_EQ(large.status, 413);
    EXPECT_EQ(once(large, "Access-Control-Allow-Origin"), kApp);
    for (int i = 0; i < 3; ++i) {
        const auto limited = ask("/limited/", kApp);
        EXPECT_EQ(limited.status, i < 2 ? 200 : 429);
        EXPECT_EQ(once(limited, "Access-Control-Allow-Origin"), kApp);
    }
    const auto denied = send(
        {.url = nginx_.url("/"), .headers = {{"Origin", kApp}}, .local_address = "127.0.0.66"});
    EXPECT_EQ(denied.status, 403);
    EXPECT_EQ(once(denied, "Access-Control-Allow-Origin"), kApp);
    const std::string broken = raw_exchange(
        nginx_.port(), "GET / HTTP/1.1\r\nOrigin: https://app.example.com\r\nHost: a b\r\n\r\n");
    EXPECT_NE(broken.find("400"), std::string::npos);
    EXPECT_NE(broken.find("\r\nVary: Origin"), std::string::npos) << broken;
    const auto http2 =
        send({.url = nginx_.tls_url("/"), .headers = {{"Origin", kApp}}, .http2 = true});
    EXPECT_EQ(once(http2, "Access-Control-Allow-Origin"), kApp);
}

TEST_F(Cors, PreflightsAreAnsweredBeforeWhatAsksForCredentials) {
    const HeaderList asks = {{"Access-Control-Request-Method", "PUT"},
                             {"Access-Control-Request-Headers", "authorization, x-a"}};
    for (const char* path : {"/", "/basic/", "/sub/", "/hook/", "/down/"}) {
        const auto response = ask(path, kApp, "OPTIONS", asks);
        EXPECT_EQ(response.status, 204) << path;
        EXPECT_EQ(once(response, "Access-Control-Allow-Origin"), kApp) << path;
        EXPECT_EQ(once(response, "Access-Control-Allow-Methods"), "GET,HEAD,PUT,PATCH,POST,DELETE");
        EXPECT_EQ(once(response, "Access-Control-Allow-Headers"), "authorization, x-a");
        EXPECT_EQ(once(response, "Access-Control-Max-Age"), "7200");
        EXPECT_EQ(once(response, "Vary"), "Origin, Access-Control-Request-Headers");
        EXPECT_TRUE(response.body.empty());
    }
    EXPECT_EQ(upstream_.request_count(), 0u);
    const auto evil = ask("/", kEvil, "OPTIONS", asks);
    EXPECT_EQ(evil.status, 204);
    EXPECT_EQ(once(evil, "Access-Control-Allow-Origin"), "-");
    // What the browser asked for is only repeated when it is a list of names.
    const auto odd = ask("/", kApp, "OPTIONS", {{"Access-Control-Request-Headers", "a b, <x>"}});
    EXPECT_EQ(once(odd, "Access-Control-Allow-Headers"), "-");
    const auto star = ask("/open/", kApp, "OPTIONS", asks);
    EXPECT_EQ(once(star, "Access-Control-Allow-Headers"), "*");
    const auto http2 = send({.url = nginx_.tls_url("/"),
                             .method = "OPTIONS",
                             .headers = {{"Origin", kApp}},
                             .http2 = true});
    EXPECT_EQ(http2.status, 204);
}

TEST_F(Cors, PreflightsCountAgainstLimitsAndAddressRules) {
    for (int i = 0; i < 3; ++i) {
        const auto response = ask("/limited/pre", kApp, "OPTIONS");
        EXPECT_EQ(response.status, i < 2 ? 204 : 429);
        EXPECT_EQ(once(response, "Access-Control-Allow-Origin"), kApp);
    }
    EXPECT_EQ(send({.url = nginx_.url("/"),
                    .method = "OPTIONS",
                    .headers = {{"Origin", kApp}},
                    .local_address = "127.0.0.66"})
                  .status,
              403);
}

TEST_F(Cors, PreflightsMayGoOnToTheUpstream) {
    const auto response = ask("/continue/", kApp, "OPTIONS");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "upstream\n");
    EXPECT_EQ(once(response, "Access-Control-Allow-Origin"), kApp);
    EXPECT_EQ(once(response, "Access-Control-Allow-Methods"), "GET,HEAD,PUT,PATCH,POST,DELETE");
    EXPECT_EQ(upstream_.request_count(), 1u);
}

TEST_F(Cors, OtherOriginsMayBeRefused) {
    EXPECT_EQ(ask("/deny/", kApp).status, 200);
    EXPECT_EQ(ask("/deny/", nullptr).status, 200);
    upstream_.clear();
    for (const char* path : {"/deny/", "/denyreturn/"}) {
        for (const char* method : {"GET", "POST", "OPTIONS"}) {
            const auto refused = ask(path, kEvil, method);
            EXPECT_EQ(refused.status, 403) << path << method;
            EXPECT_NE(refused.body.find("cors_origin_denied"), std::string::npos) << refused.body;
            EXPECT_EQ(once(refused, "Access-Control-Allow-Origin"), "-");
            EXPECT_EQ(once(refused, "Vary").substr(0, 6), "Origin");
        }
    }
    // A WebSocket's handshake is exempt from CORS in browsers; here it is not.
    EXPECT_EQ(
        ask("/deny/", kEvil, "GET", {{"Upgrade", "websocket"}, {"Connection", "upgrade"}}).status,
        403);
    EXPECT_EQ(ask("/deny/", "null").status, 403);
    EXPECT_EQ(upstream_.request_count(), 0u);
    // Pages of the same host send an Origin too.
    const std::string own = "http://127.0.0.1:" + std::to_string(nginx_.port());
    EXPECT_EQ(ask("/deny/", own.c_str(), "POST").status, 200);
    const auto two =
        send({.url = nginx_.url("/deny/"), .headers = {{"Origin", kApp}, {"Origin", kEvil}}});
    EXPECT_EQ(two.status, 403);
}

TEST_F(Cors, VariablesDecideLikeFunctions) {
    EXPECT_EQ(once(ask("/mapped/", "https://mapped.example.com"), "Access-Control-Allow-Origin"),
              "https://mapped.example.com");
    EXPECT_EQ(once(ask("/mapped/", kEvil), "Access-Control-Allow-Origin"), "-");
    EXPECT_EQ(once(ask("/mapped/", "https://all.example.com"), "Access-Control-Allow-Origin"), "*");
    EXPECT_EQ(
        once(ask("/mappedcred/", "https://mapped.example.com"), "Access-Control-Allow-Origin"),
        "https://mapped.example.com");
    EXPECT_EQ(once(ask("/mappedcred/", "https://all.example.com"), "Access-Control-Allow-Origin"),
              "-");
}

TEST_F(Cors, LevelsErrorPagesAndModes) {
    const auto off = ask("/off/", kApp);
    EXPECT_EQ(once(off, "Access-Control-Allow-Origin"), "*");
    EXPECT_EQ(once(off, "Access-Control-Expose-Headers"), "X-Secret");
    const auto report = ask("/report/", kApp);
    EXPECT_EQ(once(report, "Access-Control-Allow-Origin"), "*");
    EXPECT_EQ(ask("/report/", kApp, "OPTIONS").body, "upstream\n");
    // The named location inherits the server's rule, which holds for what it produces.
    EXPECT_EQ(once(ask("/page/", kApp), "Access-Control-Allow-Origin"), kApp);
    EXPECT_EQ(once(ask("/try/none", kApp), "Access-Control-Allow-Origin"), kApp);
}

TEST_F(Cors, DecisionsAreLogged) {
    const LogReader log(nginx_.dir().path("decisions.log"));
    (void)ask("/", kApp, "OPTIONS");
    const Json answered =
        log.wait_for([](const Json& line) { return line["reason"].text() == "cors_preflight"; });
    EXPECT_EQ(answered["verdict"].text(), "answer");
    EXPECT_EQ(answered["status"].integer_or(0), 204);
    (void)ask("/deny/", kEvil);
    const Json denied = log.wait_for(
        [](const Json& line) { return line["reason"].text() == "cors_origin_denied"; });
    EXPECT_EQ(denied["feature"].text(), "cors");
    (void)ask("/report/", kApp, "OPTIONS");
    const Json reported =
        log.wait_for([](const Json& line) { return line["path"].text() == "/report/"; });
    EXPECT_EQ(reported["verdict"].text(), "allow");
    EXPECT_EQ(reported["also"].at(0)["reason"].text(), "cors_preflight");
}

TEST(CorsLevels, FirstLocationCountsWhereTheLastHasNone) {
    NginxServer nginx(R"(
        server {
            listen 127.0.0.1:%%PORT%%;
            location /a/ { sallyport_cors origin=*; error_page 418 @fallback; return 418; }
            location /b/ { sallyport_cors origin=*; error_page 418 @silent; return 418; }
            location /c/ { return 200 ok; }
            location @fallback { return 200 fallback; }
            location @silent { sallyport_cors off; return 200 fallback; }
        }
    )");
    EXPECT_EQ(get(nginx.url("/a/")).header("Access-Control-Allow-Origin"), "*");
    EXPECT_EQ(get(nginx.url("/b/")).header("Access-Control-Allow-Origin"), std::nullopt);
    EXPECT_EQ(get(nginx.url("/c/")).header("Access-Control-Allow-Origin"), std::nullopt);
}

TEST(CorsRegex, AnExpensiveExpressionIsBounded) {
    NginxServer nginx(R"(
        server {
            listen 127.0.0.1:%%PORT%%;
            sallyport_cors "origins=~^https://([a-z]+)+\.example\.com$";
            location / { return 200 ok; }
        }
    )");
    const std::string hostile = "https://" + std::string(60, 'a') + "!";
    const auto response = send({.url = nginx.url("/"), .headers = {{"Origin", hostile}}});
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.header("Access-Control-Allow-Origin"), std::nullopt);
    EXPECT_EQ(send({.url = nginx.url("/"), .headers = {{"Origin", "https://a.example.com"}}})
                  .header("Access-Control-Allow-Origin"),
              "https://a.example.com");
}

class CorsMistake : public testing::TestWithParam<Mistake> {};
TEST_P(CorsMistake, NamesDirectiveValueAndRemedy) {
    expect_mistake(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Table, CorsMistake,
    testing::Values(
        Mistake{"sallyport_cors;", "sallyport_cors", "invalid number of arguments", ""},
        Mistake{"sallyport_cors on;", "sallyport_cors", "\"on\"", "write origin="},
        Mistake{"sallyport_cors origin=* ; sallyport_cors off;", "sallyport_cors", "twice",
                "into one"},
        Mistake{"sallyport_cors origin=* credentials;", "sallyport_cors", "origin=*",
                "name the origins"},
        Mistake{"sallyport_cors origin=reflect credentials;", "sallyport_cors", "reflected",
                "name the origins"},
        Mistake{"sallyport_cors origin=$http_origin credentials;", "sallyport_cors", "reflected",
                "name the origins"},
        Mistake{"sallyport_cors origins=null credentials;", "sallyport_cors", "null",
                "take null out"},
        Mistake{"sallyport_cors origin=null;", "sallyport_cors", "null", "name an origin"},
        Mistake{"sallyport_cors origins=*;", "sallyport_cors", "\"*\"", "origin=*"},
        Mistake{"sallyport_cors origin=http://a.example.com credentials;", "sallyport_cors",
                "http://a.example.com", "write https"},
        Mistake{"sallyport_cors origins=https://a.b,http://*.b.c credentials;", "sallyport_cors",
                "http://*.b.c", "write https"},
        Mistake{"sallyport_cors origin=https://a.example.com/;", "sallyport_cors",
                "https://a.example.com/", "leave out the slash"},
        Mistake{"sallyport_cors origin=https://A.example.com;", "sallyport_cors",
                "https://A.example.com", "lower case"},
        Mistake{"sallyport_cors origin=https://a.example.com:443;", "sallyport_cors", ":443",
                "\"https://a.example.com\""},
        Mistake{"sallyport_cors origin=https://u:p@a.example.com;", "sallyport_cors",
                "https://u:p@a.example.com", "scheme://host"},
        Mistake{"sallyport_cors origin=a.example.com;", "sallyport_cors", "a.example.com",
                "scheme://host"},
        Mistake{"sallyport_cors origins=https://*.com;", "sallyport_cors", "https://*.com",
                "name one below it"},
        Mistake{"sallyport_cors origins=https://a*.example.com;", "sallyport_cors",
                "https://a*.example.com", "first label"},
        Mistake{"sallyport_cors origin=https://a.b,https://c.d;", "sallyport_cors",
                "https://a.b,https://c.d", "origins="},
        Mistake{"sallyport_cors \"origins=~https://a\\.b$\";", "sallyport_cors", "https://a",
                "begin with ^"},
        Mistake{"sallyport_cors \"origins=~^https://a.b$\";", "sallyport_cors", "dot", "\\."},
        Mistake{"sallyport_cors \"origins=~^https://a\\.b$|evil$\";", "sallyport_cors",
                "alternative", "parentheses"},
        Mistake{"sallyport_cors \"origins=~^https://(a$\";", "sallyport_cors", "(a$",
                "is no expression"},
        Mistake{"sallyport_cors \"origins=~^https?://a\\.b$\" credentials;", "sallyport_cors",
                "^https?", "^https://"},
        Mistake{"sallyport_cors origin=* origins=https://a.b;", "sallyport_cors",
                "origins=", "keep one"},
        Mistake{"sallyport_cors origin=* origin=*;", "sallyport_cors", "\"origin\"", "keep one"},
        Mistake{"sallyport_cors methods=get;", "sallyport_cors", "methods=", "capitals"},
        Mistake{"sallyport_cors \"methods=GET, P UT\";", "sallyport_cors", "P UT", "commas"},
        Mistake{"sallyport_cors headers=;", "sallyport_cors", "headers=", "commas"},
        Mistake{"sallyport_cors origin=https://a.b headers=* credentials;", "sallyport_cors",
                "makes *", "write the names"},
        Mistake{"sallyport_cors max_age=soon;", "sallyport_cors", "max_age=", "soon"},
        Mistake{"sallyport_cors status=302;", "sallyport_cors", "302", "200 or 204"},
        Mistake{"sallyport_cors preflight=maybe;", "sallyport_cors", "maybe", "answer or continue"},
        Mistake{"sallyport_cors unmatched=403;", "sallyport_cors", "403", "pass or deny"},
        Mistake{"sallyport_cors origin=* unmatched=deny;", "sallyport_cors", "unmatched=deny",
                "name the origins"},
        Mistake{"sallyport_cors origin=$no_such_variable_;", "no_such_variable_", "unknown", ""},
        Mistake{"sallyport_cors_mode on;", "sallyport_cors_mode", "\"on\"",
                "off, report or enforce"}));

}  // namespace
}  // namespace sallyport::test
