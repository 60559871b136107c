// The egress client: what it sends, where it may go, and how it follows redirects.
#include "tests/engine/http_client_fixture.hpp"
#include "tests/integration/fixtures/ports.hpp"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace sallyport::engine {
namespace {

TEST_F(HttpClientTest, SendsAndReceives) {
    open(kLoopback);
    upstream_.set_handler([](const UpstreamRequest&) {
        return UpstreamReply{.status = 201,
                             .headers = {{"X-Answer", "yes"}, {"Content-Type", "a/b"}},
                             .body = "hello"};
    });
    HttpRequest request;
    request.method = "PATCH";
    request.url = url("/a b?c=d#e");
    request.headers = {{"X-One", "1"}, {"X-Empty", ""}, {"Content-Type", "application/json"}};
    request.body = "{\"a\":1}";
    request.idempotency_key = "run-1/step_2/1";
    const auto outcome = fetch(request);
    ASSERT_EQ(word(outcome), "201");
    const auto& response = std::get<HttpResponse>(outcome);
    EXPECT_EQ(response.body, "hello");
    EXPECT_EQ(response.header("x-answer"), "yes");
    const auto seen = upstream_.last_request();
    EXPECT_EQ(seen.method, "PATCH");
    EXPECT_EQ(seen.target, "/a%20b?c=d");
    EXPECT_EQ(seen.body, request.body);
    EXPECT_EQ(seen.header("X-One"), "1");
    EXPECT_EQ(seen.header("X-Empty"), "");
    EXPECT_EQ(seen.header("Content-Type"), "application/json");
    EXPECT_EQ(seen.header("Idempotency-Key"), "run-1/step_2/1");
    EXPECT_EQ(seen.header("Host"), upstream_.address());
    EXPECT_EQ(seen.header("User-Agent"), "Sallyport");
    EXPECT_FALSE(seen.header("Expect"));
}

TEST_F(HttpClientTest, EveryMethodArrives) {
    open(kLoopback);
    for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
        HttpRequest request;
        request.method = method;
        request.url = url("/");
        EXPECT_EQ(word(fetch(request)), "200") << method;
        EXPECT_EQ(upstream_.last_request().method, method);
        EXPECT_FALSE(upstream_.last_request().header("Content-Type")) << method;
    }
}

TEST_F(HttpClientTest, OwnIdempotencyKeyWins) {
    open(kLoopback);
    HttpRequest request;
    request.url = url("/");
    request.headers = {{"idempotency-key", "mine"}};
    request.idempotency_key = "other";
    EXPECT_EQ(word(fetch(request)), "200");
    EXPECT_EQ(upstream_.last_request().header("Idempotency-Key"), "mine");
}

TEST_F(HttpClientTest, RefusesPrivateAddressesInEveryForm) {
    open("");
    const std::string port = ":" + std::to_string(upstream_.port()) + "/";
    for (const char* host : {"127.0.0.1",
                             "127.1.2.3",
                             "0.0.0.0",
                             "10.0.0.1",
                             "169.254.169.254",
                             "192.168.0.1",
                             "172.16.0.1",
                             "100.64.0.1",
                             "[::1]",
                             "[::]",
                             "[::ffff:127.0.0.1]",
                             "[::ffff:7f00:1]",
                             "[::127.0.0.1]",
                             "[64:ff9b::7f00:1]",
                             "[64:ff9b:1::7f00:1]",
                             "[2002:7f00:1::]",
                             "[fd00:ec2::254]",
                             "[fe80::1]",
                             "localhost",
                             "localhost.",
                             "LOCALHOST"}) {
        const auto outcome = get("http://" + std::string(host) + port);
        EXPECT_EQ(word(outcome), "refused_address") << host;
        EXPECT_TRUE(unsent(outcome));
    }
    for (const char* host : {"2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1",
                             "017700000001", "user@127.0.0.1", "a.test\\@127.0.0.1"}) {
        EXPECT_EQ(word(get("http://" + std::string(host) + port)), "refused_url") << host;
    }
    for (const char* text :
         {"gopher://127.0.0.1/", "file:///etc/passwd", "ftp://127.0.0.1/", "/"}) {
        EXPECT_EQ(word(get(text)), "refused_url") << text;
    }
    EXPECT_EQ(upstream_.request_count(), 0u);
}

TEST_F(HttpClientTest, NameThatResolvesToListedLoopback) {
    open(kLoopback);
    const std::string target = "http://localhost:" + std::to_string(upstream_.port()) + "/";
    EXPECT_EQ(word(get(target)), "200");
    EXPECT_EQ(upstream_.last_request().header("Host"),
              "localhost:" + std::to_string(upstream_.port()));
}

TEST_F(HttpClientTest, HostExceptionOpensOnePort) {
    open("localhost:" + std::to_string(upstream_.port()));
    const Upstream other;
    EXPECT_EQ(word(get("http://localhost:" + std::to_string(upstream_.port()) + "/")), "200");
    EXPECT_EQ(word(get("http://localhost:" + std::to_string(other.port()) + "/")),
              "refused_address");
    EXPECT_EQ(word(get("http://" + upstream_.address() + "/")), "refused_address");
}

TEST_F(HttpClientTest, UnknownNameAndClosedPort) {
    open(kLoopback);
    EXPECT_EQ(word(get("http://no-such-name.invalid/")), "resolve_failed");
    const test::HeldPort nobody;
    const auto outcome = get("http://127.0.0.1:" + std::to_string(nobody.number()) + "/");
    EXPECT_EQ(word(outcome), "connect_failed");
    EXPECT_TRUE(unsent(outcome));
}

TEST_F(HttpClientTest, RefusesRequestsThatWouldBreakFraming) {
    open(kLoopback);
    const std::vector<HttpHeader> refused = {
        {"X-A", "b\r\nX-Injected: c"}, {"X-A", "b\nc"},
        {"X-A\r\nX-B", "c"},           {"Host", "other.test"},
        {"Content-Length", "5"},       {"Transfer-Encoding", "chunked"},
        {"Connection", "keep-alive"},  {"", "x"}};
    for (const auto& header : refused) {
        HttpRequest request;
        request.url = url("/");
        request.headers = {header};
        EXPECT_EQ(word(fetch(request)), "refused_request") << header.name;
    }
    HttpRequest request;
    request.url = url("/");
    request.idempotency_key = "a\r\nX-Injected: b";
    EXPECT_EQ(word(fetch(request)), "refused_request");
    request.idempotency_key.reset();
    request.method = "GET / HTTP/1.1\r\nX-Injected: b\r\n\r\nGET";
    EXPECT_EQ(word(fetch(request)), "refused_request");
    EXPECT_EQ(word(get(url("/\r\nX-Injected: b"))), "refused_url");
    EXPECT_EQ(upstream_.request_count(), 0u);
}

TEST_F(HttpClientTest, FollowsRedirectsAndChecksEach) {
    open("127.0.0.1");
    std::string location;
    upstream_.set_handler([&](const UpstreamRequest& request) {
        return request.target == "/end"
                   ? UpstreamReply{}
                   : UpstreamReply{.status = 302, .headers = {{"Location", location}}};
    });
    const std::string port = std::to_string(upstream_.port());
    const std::pair<std::string, const char*> cases[] = {
        {"/end", "200"},
        {"end", "200"},
        {"//127.0.0.1:" + port + "/end", "200"},
        {"http://127.0.0.1:" + port + "/end#x", "200"},
        {"http://127.0.0.2:" + port + "/", "refused_address"},
        {"http://169.254.169.254/latest/meta-data", "refused_address"},
        {"//[::1]:" + port + "/", "refused_address"},
        {"http://localhost.localdomain@127.0.0.1/", "refused_url"},
        {"http://2130706433/", "refused_url"},
        {"http://127.0.0.1:22/", "refused_url"},
        {"file:///etc/passwd", "refused_url"},
        {"gopher://127.0.0.1/", "refused_url"},
        {"http://", "refused_url"},
        {"/loop", "too_many_redirects"},
    };
    for (const auto& [to, expected] : cases) {
        location = to;
        const auto outcome = get(url("/start"));
        EXPECT_EQ(word(outcome), expected) << to;
        if (std::holds_alternative<HttpFailure>(outcome)) {
            EXPECT_FALSE(unsent(outcome)) << to;
        } else {
            EXPECT_EQ(std::get<HttpResponse>(outcome).url, url("/end"));
        }
    }
}

TEST_F(HttpClientTest, RedirectsCanBeLeftToTheCaller) {
    open(kLoopback);
    upstream_.set_handler([](const UpstreamRequest&) {
        return UpstreamReply{.status = 302, .headers = {{"Location", "/next"}}};
    });
    HttpRequest request;
    request.url = url("/");
    request.redirects_max = 0;
    const auto outcome = fetch(request);
    ASSERT_EQ(word(outcome), "302");
    EXPECT_EQ(std::get<HttpResponse>(outcome).header("Location"), "/next");
    request.redirects_max = 3;
    upstream_.clear();
    EXPECT_EQ(word(fetch(request)), "too_many_redirects");
    EXPECT_EQ(upstream_.request_count(), 4u);
}

TEST_F(HttpClientTest, CredentialsStayWithTheirOrigin) {
    open(kLoopback);
    const Upstream other;
    const std::string port = std::to_string(other.port());
    upstream_.set_handler([&](const UpstreamRequest& request) {
        const std::string to =
            request.target == "/same" ? "/end" : "http://127.0.0.1:" + port + "/";
        return request.target == "/end"
                   ? UpstreamReply{}
                   : UpstreamReply{.status = 307, .headers = {{"Location", to}}};
    });
    HttpRequest request;
    request.method = "POST";
    request.url = url("/same");
    request.headers = {{"Authorization", "Bearer t"}, {"X-Api-Key", "k"}, {"Accept", "a/b"}};
    request.body = "x=1";
    request.idempotency_key = "key";
    EXPECT_EQ(word(fetch(request)), "200");
    EXPECT_EQ(upstream_.last_request().header("Authorization"), "Bearer t");
    EXPECT_EQ(upstream_.last_request().method, "POST");
    request.url = url("/other");
    EXPECT_EQ(word(fetch(request)), "200");
    const auto seen = other.last_request();
    EXPECT_FALSE(seen.header("Authorization"));
    EXPECT_FALSE(seen.header("X-Api-Key"));
    EXPECT_EQ(seen.header("Accept"), "a/b");
    EXPECT_EQ(seen.header("Idempotency-Key"), "key");
    EXPECT_EQ(seen.body, "x=1");
}

TEST_F(HttpClientTest, PostBecomesGetWhereCustomSaysSo) {
    open(kLoopback);
    int status = 0;
    upstream_.set_handler([&](const UpstreamRequest& request) {
        return request.target == "/end"
                   ? UpstreamReply{}
                   : UpstreamReply{.status = status, .headers = {{"Location", "/end"}}};
    });
    const std::tuple<int, const char*, const char*> cases[] = {
        {301, "POST", "GET"}, {302, "POST", "GET"},  {303, "PUT", "GET"},   {303, "HEAD", "HEAD"},
        {302, "PUT", "PUT"},  {307, "POST", "POST"}, {308, "POST", "POST"},
    };
    for (const auto& [code, sent, arrives] : cases) {
        status = code;
        HttpRequest request;
        request.method = sent;
        request.url = url("/");
        request.headers = {{"Content-Type", "text/plain"}};
        request.body = std::string(sent) == "HEAD" ? "" : "body";
        EXPECT_EQ(word(fetch(request)), "200");
        const auto seen = upstream_.last_request();
        EXPECT_EQ(seen.method, arrives) << code;
        EXPECT_EQ(seen.body.empty(), std::string(arrives) == "GET" || seen.method == "HEAD")
            << code;
        EXPECT_EQ(seen.header("Content-Type").has_value(), std::string(arrives) != "GET") << code;
    }
}

}  // namespace
}  // namespace sallyport::engine
