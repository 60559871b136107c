// Security headers against real nginx: every kind of response carries them once, nothing reveals
// the upstream, levels merge.
#include "common/bytes.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/mistakes.hpp"

#include <gtest/gtest.h>

#include <map>

namespace sallyport::test {
namespace {

constexpr std::string_view kConf = R"(
    sallyport_headers helmet;
    sallyport_header X-Level http;
    upstream backend { server %%UPSTREAM%%; }
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT_TLS%% ssl http2;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        sallyport_header X-Level server;
        sallyport_header X-Server kept;
        client_max_body_size 1k;
        large_client_header_buffers 2 1k;
        location / { proxy_pass http://backend; proxy_pass_header Server; proxy_pass_header X-Accel-Expires; }
        location /nested/ {
            sallyport_header X-Nested yes;
            location /nested/deep/ { sallyport_header X-Frame-Options DENY; return 200 ok; }
            location /nested/none/ { sallyport_headers off; return 200 ok; }
            location /nested/none/own/ { sallyport_headers off; sallyport_header X-Own yes; return 200 ok; }
            return 200 ok;
        }
        location /api/ { sallyport_headers api; proxy_pass http://backend; }
        location /owasp/ { sallyport_headers owasp; proxy_pass http://backend; }
        location /without/ { sallyport_header X-Frame-Options off; sallyport_header X-DNS-Prefetch-Control on; proxy_pass http://backend; }
        location /own/ {
            sallyport_header Content-Security-Policy "default-src 'none'";
            sallyport_header X-Nonce "$request_id";
            sallyport_header X-Arg $arg_x preserve;
            sallyport_header X-Uri $uri;
            proxy_pass http://backend;
        }
        location /added/ { add_header X-Frame-Options ALLOWALL always; add_header X-Mine 1 always; return 404; }
        location /errors/ { sallyport_header X-First yes; error_page 404 /error.html; return 404; }
        location = /error.html { internal; return 404 gone; }
        location /report/ { sallyport_mode report; proxy_pass http://backend; }
        location /off/ { sallyport_headers_mode off; proxy_pass http://backend; }
        location /ws/ { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }
    }
)";

HeaderList revealing() {
    return {{"Content-Type", "text/html"},
            {"Server", "Apache/2.4.1 (Unix)"},
            {"X-Powered-By", "Express"},
            {"X-AspNet-Version", "4.0"},
            {"X-Accel-Expires", "0"},
            {"Via", "1.1 inner"},
            {"X-Frame-Options", "ALLOWALL"},
            {"x-frame-options", "SAMEORIGIN"},
            {"X-XSS-Protection", "1; mode=block"},
            {"Strict-Transport-Security", "max-age=1"},
            {"Content-Security-Policy", "default-src https:"},
            {"Cache-Control", "public"},
            {"X-Arg", "from upstream"},
            {"X-Request-Id", "kept"}};
}

class SecurityHeaders : public testing::Test {
  protected:
    Upstream upstream_{[](const UpstreamRequest& request) {
        UpstreamReply reply;
        if (request.target.find("plain") == std::string::npos) {
            reply.headers = revealing();
        }
        if (request.target.find("/ws/") != std::string::npos) {
            reply.raw =
                "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\nX-Powered-By: "
                "ws\r\n\r\nhello";
        }
        return reply;
    }};
    NginxServer nginx_{kConf, {.variables = {{"UPSTREAM", upstream_.address()}}}};

    static std::string once(const HttpResponse& response, const char* name) {
        const auto all = response.header_all(name);
        EXPECT_LE(all.size(), 1u) << name;
        return all.empty() ? "-" : all.front();
    }
};

TEST_F(SecurityHeaders, NeverDoubledAndNothingRevealed) {
    const auto response = get(nginx_.url("/"));
    ASSERT_EQ(response.status, 200) << response.error;
    const std::map<std::string, std::string> expected = {
        {"X-Frame-Options", "SAMEORIGIN"},
        {"X-XSS-Protection", "0"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Content-Security-Policy", "default-src https:"},
        {"Cache-Control", "public"},
        {"X-Request-Id", "kept"},
        {"X-Level", "server"},
        {"X-Server", "kept"},
        {"Server", "-"},
        {"X-Powered-By", "-"},
        {"X-AspNet-Version", "-"},
        {"X-Accel-Expires", "-"},
        {"Via", "-"},
        {"Strict-Transport-Security", "-"},
    };
    for (const auto& [name, value] : expected) {
        EXPECT_EQ(once(response, name.c_str()), value) << name;
    }
}

TEST_F(SecurityHeaders, HstsOverTlsOnly) {
    for (const bool http2 : {false, true}) {
        const auto response = send({.url = nginx_.tls_url("/"), .http2 = http2});
        ASSERT_EQ(response.status, 200) << response.error;
        EXPECT_EQ(once(response, "Strict-Transport-Security"),
                  "max-age=31536000; includeSubDomains");
        EXPECT_EQ(once(response, "Server"), "-");
    }
    // Plain HTTP sent to the TLS port: nginx answers in the clear.
    const std::string clear =
        raw_exchange(nginx_.port("PORT_TLS"), "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_NE(clear.find("400"), std::string::npos);
    EXPECT_NE(clear.find("X-Content-Type-Options: nosniff"), std::string::npos);
    EXPECT_EQ(clear.find("Strict-Transport-Security"), std::string::npos) << clear;
}

TEST_F(SecurityHeaders, LevelsMergeByName) {
    const auto nested = get(nginx_.url("/nested/"));
    EXPECT_EQ(once(nested, "X-Nested"), "yes");
    EXPECT_EQ(once(nested, "X-Level"), "server");
    EXPECT_EQ(once(nested, "X-Frame-Options"), "SAMEORIGIN");
    const auto deep = get(nginx_.url("/nested/deep/"));
    EXPECT_EQ(once(deep, "X-Nested"), "yes");
    EXPECT_EQ(once(deep, "X-Frame-Options"), "DENY");
    const auto none = get(nginx_.url("/nested/none/"));
    EXPECT_EQ(once(none, "X-Nested"), "-");
    EXPECT_EQ(once(none, "X-Frame-Options"), "-");
    EXPECT_NE(once(none, "Server"), "-");
    const auto own = get(nginx_.url("/nested/none/own/"));
    EXPECT_EQ(once(own, "X-Own"), "yes");
    EXPECT_EQ(once(own, "X-Level"), "-");
}

TEST_F(SecurityHeaders, Profiles) {
    const auto api = get(nginx_.url("/api/plain"));
    EXPECT_EQ(once(api, "Content-Security-Policy"),
              "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
    EXPECT_EQ(once(api, "Cache-Control"), "no-store");
    EXPECT_EQ(once(api, "X-Frame-Options"), "DENY");
    EXPECT_EQ(once(get(nginx_.url("/api/")), "X-XSS-Protection"), "-");
    const auto owasp = send({.url = nginx_.tls_url("/owasp/plain")});
    EXPECT_EQ(once(owasp, "Cache-Control"), "no-store, max-age=0");
    EXPECT_EQ(once(owasp, "Strict-Transport-Security"), "max-age=63072000; includeSubDomains");
    EXPECT_EQ(once(get(nginx_.url("/owasp/")), "Cache-Control"), "public");
}

TEST_F(SecurityHeaders, SingleHeaders) {
    const auto without = get(nginx_.url("/without/plain"));
    EXPECT_EQ(once(without, "X-Frame-Options"), "-");
    EXPECT_EQ(once(without, "X-DNS-Prefetch-Control"), "on");
    const auto own = get(nginx_.url("/own/?x=1"));
    EXPECT_EQ(once(own, "Content-Security-Policy"), "default-src 'none'");
    EXPECT_EQ(once(own, "X-Nonce").size(), 32u);
    EXPECT_EQ(once(own, "X-Arg"), "from upstream");
    EXPECT_EQ(once(get(nginx_.url("/own/plain?x=7")), "X-Arg"), "7");
    EXPECT_EQ(once(get(nginx_.url("/own/plain")), "X-Arg"), "-");
}

TEST_F(SecurityHeaders, VariablesCannotInject) {
    const std::string answer = raw_exchange(
        nginx_.port(),
        "GET /own/plain%0d%0aX-Injected:%20yes HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    EXPECT_NE(answer.find("200"), std::string::npos);
    EXPECT_EQ(answer.find("X-Injected"), std::string::npos) << answer;
    EXPECT_EQ(answer.find("X-Uri"), std::string::npos) << answer;
    EXPECT_NE(nginx_.error_log().find("X-Uri"), std::string::npos);
}

TEST_F(SecurityHeaders, AddHeaderOfNginxIsReplacedNotDoubled) {
    const auto response = get(nginx_.url("/added/"));
    EXPECT_EQ(response.status, 404);
    EXPECT_EQ(once(response, "X-Frame-Options"), "SAMEORIGIN");
    EXPECT_EQ(once(response, "X-Mine"), "1");
    EXPECT_EQ(response.body.find("nginx/"), std::string::npos) << response.body;
}

TEST_F(SecurityHeaders, ErrorsThatNginxMakesItself) {
    const std::string long_line = "GET /" + std::string(4000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n";
    const std::string long_header =
        "GET / HTTP/1.1\r\nHost: h\r\nX-A: " + std::string(4000, 'a') + "\r\n\r\n";
    const struct {
        std::string bytes;
        const char* status;
    } rows[] = {
        {long_line, "414"},
        {long_header, "400"},  // nginx's 494
        {"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", "400"},
        {"nonsense\r\n\r\n", "400"},
        {"get / HTTP/1.1\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\n\r\n", "400"},
        {"GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"},
        {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", "505"},
        {"TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", "405"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999\r\n\r\n", "413"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n", "501"},
    };
    for (const auto& row : rows) {
        RawSocket socket(nginx_.port());
        socket.send(row.bytes);
        const std::string answer = socket.receive_until("\r\n\r\n");
        EXPECT_EQ(answer.substr(9, 3), row.status) << row.bytes;
        EXPECT_NE(answer.find("X-Content-Type-Options: nosniff"), std::string::npos) << answer;
        EXPECT_EQ(answer.find("\r\nServer:"), std::string::npos) << answer;
    }
}

// X-Accel fields are nginx's own: they work where they are not ignored, and never reach a client.
TEST(SecurityHeadersAccel, WorkAndAreNotSeen) {
    Upstream upstream([](const UpstreamRequest& request) {
        UpstreamReply reply;
        reply.headers = {
            {"X-Accel-Redirect", request.target == "/named" ? "@named" : "/inside/file"},
            {"X-Accel-Buffering", "no"},
            {"X-Frame-Options", "ALLOWALL"}};
        return reply;
    });
    NginxServer nginx(R"(
        sallyport_headers api;
        server {
            listen 127.0.0.1:%%PORT%%;
            location / { proxy_pass http://%%UPSTREAM%%; proxy_pass_header X-Accel-Buffering; }
            location /inside/ { internal; return 200 inside; }
            location @named { return 200 named; }
        }
    )",
                      {.variables = {{"UPSTREAM", upstream.address()}}});
    for (const auto& [path, body] : {std::pair("/", "inside"), std::pair("/named", "named")}) {
        const auto response = get(nginx.url(path));
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(response.body, body);
        EXPECT_EQ(response.header_all("X-Frame-Options"), std::vector<std::string>{"DENY"});
        EXPECT_EQ(response.header("X-Accel-Redirect"), std::nullopt);
        EXPECT_EQ(response.header("X-Accel-Buffering"), std::nullopt);
    }
}

TEST(SecurityHeadersSubrequests, DoNotAddToTheMainResponse) {
    Upstream upstream;
    NginxServer nginx(R"(
        sallyport_headers helmet;
        server {
            listen 127.0.0.1:%%PORT%%;
            location / { auth_request /auth; error_page 401 =403 @refused; try_files /none @app; }
            location = /auth { internal; if ($http_x_deny) { return 401; } proxy_pass http://%%UPSTREAM%%; }
            location @app { mirror /copy; proxy_pass http://%%UPSTREAM%%; }
            location = /copy { internal; sallyport_headers api; proxy_pass http://%%UPSTREAM%%; }
            location @refused { sallyport_header X-Refused yes; return 403 refused; }
        }
    )",
                      {.variables = {{"UPSTREAM", upstream.address()}}});
    const auto allowed = get(nginx.url("/"));
    EXPECT_EQ(allowed.status, 200);
    EXPECT_EQ(allowed.header_all("X-Frame-Options"), std::vector<std::string>{"SAMEORIGIN"});
    EXPECT_EQ(allowed.header("Cache-Control"), std::nullopt);
    const auto refused = send({.url = nginx.url("/"), .headers = {{"X-Deny", "1"}}});
    EXPECT_EQ(refused.status, 403);
    EXPECT_EQ(refused.header("X-Refused"), "yes");
    EXPECT_EQ(refused.header_all("X-Frame-Options"), std::vector<std::string>{"SAMEORIGIN"});
}

TEST_F(SecurityHeaders, ErrorPagesKeepTheServersSet) {
    const auto response = get(nginx_.url("/errors/"));
    EXPECT_EQ(response.status, 404);
    EXPECT_EQ(response.body, "gone");
    EXPECT_EQ(once(response, "X-Content-Type-Options"), "nosniff");
}

TEST_F(SecurityHeaders, OtherModesAndSwitchedProtocolsAreLeftAlone) {
    for (const char* path : {"/report/", "/off/"}) {
        const auto response = get(nginx_.url(path));
        EXPECT_EQ(response.header_all("X-Frame-Options").size(), 2u) << path;
        EXPECT_EQ(once(response, "X-Powered-By"), "Express") << path;
        EXPECT_EQ(once(response, "Referrer-Policy"), "-") << path;
    }
    RawSocket socket(nginx_.port());
    socket.send("GET /ws/ HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
    const std::string answer = socket.receive_until("hello");
    EXPECT_NE(answer.find("101"), std::string::npos) << answer;
    EXPECT_EQ(answer.find("X-Frame-Options"), std::string::npos) << answer;
}

TEST(SecurityHeadersLevels, FirstLocationCountsWhereTheLastHasNone) {
    NginxServer nginx(R"(
        server {
            listen 127.0.0.1:%%PORT%%;
            location /a/ { sallyport_headers api; error_page 418 @fallback; return 418; }
            location /b/ { sallyport_headers api; error_page 418 @silent; return 418; }
            location /c/ { return 200 ok; }
            location @fallback { return 200 fallback; }
            location @silent { sallyport_headers off; return 200 fallback; }
        }
    )");
    EXPECT_EQ(get(nginx.url("/a/")).header("X-Frame-Options"), "DENY");
    EXPECT_EQ(get(nginx.url("/b/")).header("X-Frame-Options"), std::nullopt);
    EXPECT_EQ(get(nginx.url("/c/")).header("X-Frame-Options"), std::nullopt);
}

class SecurityHeadersMistake : public testing::TestWithParam<Mistake> {};
TEST_P(SecurityHeadersMistake, NamesDirectiveValueAndRemedy) {
    expect_mistake(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Table, SecurityHeadersMistake,
    testing::Values(
        Mistake{"sallyport_headers;", "sallyport_headers", "invalid number of arguments", ""},
        Mistake{"sallyport_headers strict;", "sallyport_headers", "\"strict\"",
                "html, sandbox or off"},
        Mistake{"sallyport_headers api; sallyport_headers api;", "sallyport_headers", "twice",
                "keep one"},
        Mistake{"sallyport_headers_mode on;", "sallyport_headers_mode", "\"on\"",
                "off, report or enforce"},
        Mistake{"sallyport_header X-A;", "sallyport_header", "invalid number of arguments", ""},
        Mistake{"sallyport_header X-A a; sallyport_header x-a b;", "sallyport_header", "\"x-a\"",
                "keep one"},
        Mistake{"sallyport_header X-A a always;", "sallyport_header", "\"always\"",
                "replace or preserve"},
        Mistake{"sallyport_header \"X A\" a;", "sallyport_header", "\"X A\"",
                "is not a header name"},
        Mistake{"sallyport_header X-A \"\";", "sallyport_header", "\"X-A\"", "or off"},
        Mistake{"sallyport_header X-A \"a\nb\";", "sallyport_header", "\"X-A\"", "on one line"},
        Mistake{"sallyport_header Content-Length 5;", "sallyport_header", "Content-Length",
                "cannot be set here"},
        Mistake{"sallyport_header X-A $no_such_variable_;", "no_such_variable_", "unknown", ""},
        Mistake{"sallyport_header X-A ${broken;", "sallyport_header", "${broken", "compiled"},
        Mistake{"sallyport_header Strict-Transport-Security max-age=1y;", "sallyport_header",
                "max-age", "whole number"},
        Mistake{"sallyport_header Strict-Transport-Security \"max-age=60; preload\";",
                "sallyport_header", "preload", "31536000"},
        Mistake{"sallyport_header X-Frame-Options ALLOW-FROM;", "sallyport_header", "ALLOW-FROM",
                "deny, sameorigin"},
        Mistake{"sallyport_header X-XSS-Protection 1;", "sallyport_header", "\"1\"", "one of: 0"},
        Mistake{"sallyport_header Referrer-Policy never;", "sallyport_header", "never",
                "no-referrer"},
        Mistake{"sallyport_header Content-Security-Policy \"default-src self\";",
                "sallyport_header", "default-src", "'self'"},
        Mistake{"sallyport_header Content-Security-Policy \"img-src a; img-src b\";",
                "sallyport_header", "img-src", "twice"},
        Mistake{"sallyport_header Cross-Origin-Opener-Policy same;", "sallyport_header", "\"same\"",
                "same-origin"}));

}  // namespace
}  // namespace sallyport::test
