// Methods and forms of requests in real nginx.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/http2_frames.hpp"
#include "tests/integration/mistakes.hpp"

#include <gtest/gtest.h>

namespace sallyport::test {
namespace {

constexpr std::string_view kMethods = R"(
    sallyport_decision_log %%DIR%%/decisions.log refused;
    sallyport_methods GET POST;
    upstream inner { server %%UPSTREAM%%; }
    server {
        listen 127.0.0.1:%%PORT%%;
        location / { proxy_pass http://inner; }
        location /read/ { sallyport_methods GET; proxy_pass http://inner; }
        location /own/ { sallyport_methods PROPFIND OPTIONS; proxy_pass http://inner; }
        location /any/ { satisfy any; allow all; sallyport_methods GET; proxy_pass http://inner; }
        location /returned/ { sallyport_methods GET; return 200 in; }
        location /rewritten/ { sallyport_methods GET; rewrite ^ /own/x last; }
        location /paged/ { sallyport_methods GET; error_page 405 @page; proxy_pass http://inner; }
        location @page { sallyport_methods off; return 405 "page of $sallyport_reason"; }
        location /reported/ { sallyport_request_rules_mode report; proxy_pass http://inner; }
        location /nested/ { proxy_pass http://inner;
            if ($arg_x) { set $y 1; }
            location /nested/put/ { sallyport_methods PUT; proxy_pass http://inner; } }
        location /cors/ { sallyport_cors origins=https://app.example.com; proxy_pass http://inner; }
        location /static { alias %%DIR%%/nginx.conf; }
    }
    server {
        listen 127.0.0.1:%%PORT_RETURN%%;
        sallyport_methods GET;
        return 200 in;
    }
    server {
        listen 127.0.0.1:%%PORT_OFF%%;
        location / { proxy_pass http://inner; }
        location /all/ { sallyport_methods off; proxy_pass http://inner; }
    }
)";

TEST(Methods, OthersAreAnswered405WithAllow) {
    Upstream upstream;
    NginxServer nginx(kMethods, {.variables = {{"UPSTREAM", upstream.address()}}});
    const struct {
        const char* path;
        const char* method;
        const char* allow;  // null: passes
    } rows[] = {
        {"/", "GET", nullptr},
        {"/", "HEAD", nullptr},
        {"/", "POST", nullptr},
        {"/", "PUT", "GET, HEAD, POST"},
        {"/", "FOO", "GET, HEAD, POST"},
        {"/", "OPTIONS", "GET, HEAD, POST"},
        {"/", "TRACE", "GET, HEAD, POST"},
        {"/read/", "POST", "GET, HEAD"},
        {"/read/", "HEAD", nullptr},
        {"/own/", "GET", "PROPFIND, OPTIONS"},
        {"/own/", "PROPFIND", nullptr},
        {"/own/", "OPTIONS", nullptr},
        {"/any/", "POST", "GET, HEAD"},
        {"/returned/", "POST", "GET, HEAD"},
        {"/rewritten/", "POST", "GET, HEAD"},
        {"/rewritten/", "GET", "PROPFIND, OPTIONS"},
        {"/paged/", "POST", "GET, HEAD"},
        {"/reported/", "PROPFIND", nullptr},
        {"/nested/", "PUT", "GET, HEAD, POST"},
        {"/nested/?x=1", "PROPFIND", "GET, HEAD, POST"},
        {"/nested/put/", "PUT", nullptr},
        {"/nested/put/", "GET", "PUT"},
    };
    for (const auto& row : rows) {
        upstream.clear();
        const auto response = send({.url = nginx.url(row.path), .method = row.method});
        const bool passes = row.allow == nullptr;
        EXPECT_EQ(response.status, passes ? 200 : 405) << row.method << row.path << response.error;
        EXPECT_EQ(response.header("Allow").value_or(""), passes ? "" : row.allow)
            << row.method << row.path;
        EXPECT_EQ(upstream.request_count(), passes ? 1u : 0u) << row.method << row.path;
    }
    EXPECT_NE(send({.url = nginx.url("/paged/"), .method = "POST"})
                  .body.find("page of method_not_allowed"),
              std::string::npos);
    EXPECT_NE(send({.url = nginx.url("/read/"), .method = "DELETE"})
                  .body.find(R"("reason":"method_not_allowed")"),
              std::string::npos);
    EXPECT_EQ(send({.url = nginx.url("/static"), .method = "POST"}).header("Allow"), std::nullopt)
        << "nginx's own 405 for a file is not about our list";
    const Json reported =
        LogReader(nginx.dir().path("decisions.log")).wait_for([](const Json& line) {
            return line["path"].text() == "/reported/";
        });
    EXPECT_EQ(reported["also"].at(0)["reason"].text(), "method_not_allowed");
}

TEST(Methods, AServersOwnAnswerComesAfterThem) {
    Upstream upstream;
    NginxServer nginx(kMethods, {.variables = {{"UPSTREAM", upstream.address()}}});
    EXPECT_EQ(send({.url = nginx.url("/", "PORT_RETURN")}).status, 200);
    EXPECT_EQ(send({.url = nginx.url("/", "PORT_RETURN"), .method = "POST"}).status, 405);
    EXPECT_EQ(send({.url = nginx.url("/", "PORT_OFF"), .method = "PUT"}).status, 405);
    EXPECT_EQ(send({.url = nginx.url("/all/", "PORT_OFF"), .method = "PUT"}).status, 200);
    EXPECT_TRUE(raw_exchange(nginx.port(), "CONNECT / HTTP/1.1\r\nHost: h\r\n\r\n")
                    .starts_with("HTTP/1.1 405"));
    EXPECT_NE(
        raw_exchange(nginx.port(), "CONNECT / HTTP/1.1\r\nHost: h\r\n\r\n").find("Allow: GET"),
        std::string::npos);
    EXPECT_NE(raw_exchange(nginx.port(), "GET /own/\r\n").find("405"), std::string::npos)
        << "HTTP/0.9";
}

TEST(Methods, PreflightsPassWhereTheyAreAnswered) {
    Upstream upstream;
    NginxServer nginx(kMethods, {.variables = {{"UPSTREAM", upstream.address()}}});
    const HeaderList preflight = {{"Origin", "https://app.example.com"},
                                  {"Access-Control-Request-Method", "POST"}};
    const auto options = [&](const char* path, HeaderList headers) {
        return send({.url = nginx.url(path), .method = "OPTIONS", .headers = std::move(headers)})
            .status;
    };
    EXPECT_EQ(options("/cors/", preflight), 204);
    EXPECT_EQ(options("/cors/", {}), 405) << "no preflight";
    EXPECT_EQ(options("/", preflight), 405) << "nobody would answer it";
    EXPECT_EQ(upstream.request_count(), 0u);
}

constexpr std::string_view kStrict = R"(
    sallyport_decision_log %%DIR%%/decisions.log refused;
    keepalive_timeout 100ms;
    upstream inner { server %%UPSTREAM%%; }
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT_H2%% http2;
        sallyport_strict_requests http2 path semicolons;
        location / { proxy_pass http://inner; }
    }
    server {
        listen 127.0.0.1:%%PORT_LAX%%;
        listen 127.0.0.1:%%PORT_LAX_H2%% http2;
        location / { proxy_pass http://inner; }
    }
)";

HeaderList http2_request(HeaderList more = {}, const char* scheme = "http") {
    HeaderList out = {
        {":method", "GET"}, {":scheme", scheme}, {":authority", "h"}, {":path", "/x"}};
    out.insert(out.end(), more.begin(), more.end());
    return out;
}

TEST(StrictRequests, ConnectionFieldsOverHttp2) {
    Upstream upstream;
    NginxServer nginx(kStrict, {.variables = {{"UPSTREAM", upstream.address()}}});
    const std::uint16_t strict = nginx.port("PORT_H2");
    EXPECT_EQ(http2_exchange(strict, http2_request()).status, 200);
    EXPECT_EQ(http2_exchange(strict, http2_request({{"te", "trailers"}})).status, 200);
    upstream.clear();
    for (const auto& [name, value] : HeaderList{{"connection", "close"},
                                                {"keep-alive", "timeout=5"},
                                                {"proxy-connection", "keep-alive"},
                                                {"transfer-encoding", "chunked"},
                                                {"upgrade", "websocket"},
                                                {"te", "gzip"}}) {
        const auto answer = http2_exchange(strict, http2_request({{name, value}}));
        EXPECT_TRUE(answer.status == 400 || answer.refused) << name << answer.status;
    }
    const auto scheme = http2_exchange(strict, http2_request({}, "javascript"));
    EXPECT_TRUE(scheme.status == 400 || scheme.refused) << scheme.status;
    EXPECT_EQ(upstream.request_count(), 0u);
    EXPECT_EQ(http2_exchange(nginx.port("PORT_LAX_H2"), http2_request({{"te", "gzip"}})).status,
              200)
        << "what the rule is there for";
    EXPECT_EQ(send({.url = nginx.url("/"), .headers = {{"Connection", "close"}}}).status, 200)
        << "HTTP/1.1 has them";
}

// What nginx refuses or resets by itself, so that nobody need do it again (ASVS 4.2.4).
TEST(StrictRequests, NginxRefusesTheRestOverHttp2) {
    Upstream upstream;
    NginxServer nginx(kStrict, {.variables = {{"UPSTREAM", upstream.address()}}});
    const HeaderList hostile[] = {
        http2_request({{"x-a", "b\r\nx-injected: 1"}}),
        http2_request({{"x-a", std::string("b\0c", 3)}}),
        http2_request({{"x-a", "b\nc"}}),
        http2_request({{"X-A", "b"}}),
        http2_request({{"x a", "b"}}),
        http2_request({{"x:a", "b"}}),
        http2_request({{":path", "/y"}}),
        {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/x y"}},
        {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}},
        {{":scheme", "http"}, {":authority", "h"}, {":path", "/x"}},
        {{":method", "G T"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/x"}},
    };
    for (const HeaderList& fields : hostile) {
        const auto answer = http2_exchange(nginx.port("PORT_H2"), fields);
        EXPECT_TRUE(answer.status == 400 || answer.refused)
            << fields.back().first << " " << answer.status;
    }
    EXPECT_EQ(upstream.request_count(), 0u);
}

TEST(StrictRequests, Paths) {
    Upstream upstream;
    NginxServer nginx(kStrict, {.variables = {{"UPSTREAM", upstream.address()}}});
    const auto ask = [&](const char* port, const std::string& target) {
        return raw_exchange(nginx.port(port),
                            "GET " + target + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    };
    for (const char* good : {"/", "/a.b/caf%C3%A9?x=%2f;%zz\\", "/a%20b", "http://h/x?a=;"}) {
        EXPECT_TRUE(ask("PORT", good).starts_with("HTTP/1.1 200")) << good << ask("PORT", good);
    }
    const std::pair<const char*, const char*> bad[] = {
        {"/a%2fb", "encoded_slash"},     {"/a\\b", "backslash"},
        {"/x%2e%2e/", "encoded_dot"},    {"/a%0aX", "control_character"},
        {"/a%252fb", "double_encoding"}, {"/%c0%ae", "bad_utf8"},
        {"/admin;x/y", "semicolon"},
    };
    upstream.clear();
    for (const auto& [target, rule] : bad) {
        const std::string answer = ask("PORT", target);
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 400")) << target << answer;
        EXPECT_NE(answer.find("request_malformed"), std::string::npos) << target << answer;
        const Json line = LogReader(nginx.dir().path("decisions.log"))
                              .wait_for([rule = std::string_view(rule)](const Json& one) {
                                  return one["rule"].text() == rule;
                              });
        EXPECT_EQ(line["reason"].text(), "request_malformed") << target;
        EXPECT_EQ(upstream.request_count(), 0u) << target;
        EXPECT_TRUE(ask("PORT_LAX", target).starts_with("HTTP/1.1 200")) << target;
        upstream.clear();
    }
}

TEST(RequestRules, IncludeWorksAsShipped) {
    NginxServer nginx(
        R"(
        include request_rules.conf;
        server { listen 127.0.0.1:%%PORT%%; location / { return 200 in; } }
    )",
        {.files = {{"request_rules.conf", read_file(SALLYPORT_CONF_D "/request_rules.conf")}}});
    for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
        EXPECT_EQ(send({.url = nginx.url("/"), .method = method}).status, 200) << method;
    }
    EXPECT_EQ(send({.url = nginx.url("/"), .method = "PROPFIND"}).status, 405);
    EXPECT_EQ(get(nginx.url("/a%2fb")).status, 400);
    EXPECT_EQ(get(nginx.url("/a;b")).status, 200);
}

TEST(RequestRules, Mistakes) {
    const Mistake mistakes[] = {
        {"sallyport_methods get;", "sallyport_methods", "\"get\"", "upper-case"},
        {"sallyport_methods GET,POST;", "sallyport_methods", "GET,POST", "GET POST"},
        {"sallyport_methods GET GET;", "sallyport_methods", "\"GET\"", "keep one"},
        {"sallyport_methods TRACE;", "sallyport_methods", "\"TRACE\"", "leave it out"},
        {"sallyport_methods GET; sallyport_methods PUT;", "sallyport_methods", "twice", "into one"},
        {"sallyport_methods GET; error_page 405 =200 /x;", "error_page", "405", "=200"},
        {"sallyport_strict_requests on;", "sallyport_strict_requests", "\"on\"", "http2"},
        {"sallyport_strict_requests path path;", "sallyport_strict_requests", "\"path\"",
         "keep one"},
        {"sallyport_strict_requests off; sallyport_strict_requests path;",
         "sallyport_strict_requests", "twice", "into one"},
        {"sallyport_request_rules_mode maybe;", "sallyport_request_rules_mode", "maybe", "report"},
    };
    for (const Mistake& mistake : mistakes) {
        expect_mistake(mistake);
    }
}

}  // namespace
}  // namespace sallyport::test
