// The egress client against servers on the loopback that answer honestly, slowly, hugely or with
// malice. Only what a test lists may be reached.
#include "engine/adapters/http_client.hpp"

#include "tests/engine/poll_loop.hpp"
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

using test::Upstream;
using test::UpstreamReply;
using test::UpstreamRequest;

constexpr std::string_view kLoopback = "127.0.0.0/8 ::1";

class HttpClientTest : public testing::Test {
  protected:
    void open(std::string_view allowlist, HttpClientOptions options = {}) {
        auto policy = EgressPolicy::parse(allowlist);
        ASSERT_TRUE(policy.ok());
        options.policy = *policy;
        client_ = std::make_unique<CurlHttpClient>(loop_, std::move(options));
    }

    HttpOutcome fetch(HttpRequest request) {
        std::optional<HttpOutcome> outcome;
        client_->send(std::move(request), [&](HttpOutcome ended) { outcome = std::move(ended); });
        EXPECT_FALSE(outcome.has_value()) << "done was called inside send()";
        EXPECT_TRUE(loop_.run_until([&] { return outcome.has_value(); }));
        return outcome ? std::move(*outcome) : HttpOutcome(HttpFailure{});
    }
    HttpOutcome get(std::string url) {
        HttpRequest request;
        request.url = std::move(url);
        return fetch(std::move(request));
    }
    std::string url(std::string_view path) const {
        return "http://" + upstream_.address() + std::string(path);
    }

    test::PollLoop loop_;
    Upstream upstream_;
    std::unique_ptr<CurlHttpClient> client_;
};

std::string word(const HttpOutcome& outcome) {
    const auto* failure = std::get_if<HttpFailure>(&outcome);
    return failure == nullptr ? std::to_string(std::get<HttpResponse>(outcome).status)
                              : std::string(to_string(failure->error));
}

bool unsent(const HttpOutcome& outcome) {
    return std::get<HttpFailure>(outcome).unsent;
}

std::string gzip(const std::string& plain) {
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    std::string out(deflateBound(&stream, plain.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
    stream.avail_in = static_cast<uInt>(plain.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

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

TEST_F(HttpClientTest, LargeBodiesAreCapped) {
    open(kLoopback);
    const std::string big(11 * 1024 * 1024, 'x');
    upstream_.set_handler([&](const UpstreamRequest& request) {
        if (request.target == "/raw") {  // no length at all
            return UpstreamReply{.raw = "HTTP/1.1 200 OK\r\n\r\n" + big};
        }
        return UpstreamReply{.body = request.target == "/fits" ? big.substr(0, 1024) : big};
    });
    EXPECT_EQ(word(get(url("/length"))), "too_large");
    EXPECT_EQ(word(get(url("/raw"))), "too_large");
    HttpRequest request;
    request.url = url("/fits");
    request.response_bytes_max = 1024;
    EXPECT_EQ(word(fetch(request)), "200");
    request.response_bytes_max = 1023;
    EXPECT_EQ(word(fetch(request)), "too_large");
    request.response_bytes_max = 12 * 1024 * 1024;
    request.url = url("/length");
    EXPECT_EQ(word(fetch(request)), "200");
}

TEST_F(HttpClientTest, DecompressesWithinBounds) {
    open(kLoopback);
    const std::string bomb = gzip(std::string(32 * 1024 * 1024, '\0'));
    ASSERT_LT(bomb.size(), 100'000u);
    const std::string fine = gzip("plain text");
    upstream_.set_handler([&](const UpstreamRequest& request) {
        const bool wanted = request.header("Accept-Encoding").value_or("") != "identity";
        return UpstreamReply{.headers = {{"Content-Encoding", wanted ? "gzip" : "identity"}},
                             .body = request.target == "/bomb"     ? bomb
                                     : request.target == "/broken" ? "not gzip at all"
                                                                   : fine};
    });
    const auto outcome = get(url("/fine"));
    ASSERT_EQ(word(outcome), "200");
    EXPECT_EQ(std::get<HttpResponse>(outcome).body, "plain text");
    EXPECT_EQ(word(get(url("/bomb"))), "too_large");
    EXPECT_EQ(word(get(url("/broken"))), "bad_response");
    HttpRequest request;
    request.url = url("/fine");
    request.headers = {{"Accept-Encoding", "gzip"}};
    const auto raw = fetch(request);
    ASSERT_EQ(word(raw), "200");
    EXPECT_EQ(std::get<HttpResponse>(raw).body, fine);
}

TEST_F(HttpClientTest, HeaderFloodsAreCapped) {
    open(kLoopback);
    upstream_.set_handler([](const UpstreamRequest& request) {
        std::string flood = "HTTP/1.1 200 OK\r\n";
        if (request.target == "/long") {
            flood += "X-A: " + std::string(90'000, 'a') + "\r\n";
        } else if (request.target == "/many") {
            for (int i = 0; i < 500; ++i) {
                flood += "X-A: b\r\n";
            }
        } else {
            flood.clear();
            for (int i = 0; i < 10'000; ++i) {
                flood += "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
            }
            flood += "HTTP/1.1 200 OK\r\n";
        }
        return UpstreamReply{.raw = flood + "Content-Length: 0\r\n\r\n"};
    });
    for (const char* path : {"/long", "/many", "/informational"}) {
        EXPECT_EQ(word(get(url(path))), "too_large") << path;
    }
}

TEST_F(HttpClientTest, MalformedAnswers) {
    open(kLoopback);
    std::string raw;
    upstream_.set_handler([&](const UpstreamRequest&) {
        return raw.empty() ? UpstreamReply{.status = 0} : UpstreamReply{.raw = raw};
    });
    for (const char* text : {"", "hello\r\n", "HTTP/9.9 200 OK\r\n\r\n", "SSH-2.0-x\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"}) {
        raw = text;
        const auto outcome = get(url("/"));
        EXPECT_EQ(word(outcome), "bad_response") << text;
        EXPECT_FALSE(unsent(outcome)) << text;
    }
}

TEST_F(HttpClientTest, SlowAnswersEndInTime) {
    open(kLoopback);
    const auto gate = std::make_shared<test::Gate>();
    upstream_.set_handler([&](const UpstreamRequest&) { return UpstreamReply{.gate = gate}; });
    HttpRequest request;
    request.url = url("/");
    request.timeout_ms = 150;
    const auto outcome = fetch(request);
    EXPECT_EQ(word(outcome), "timeout");
    EXPECT_FALSE(unsent(outcome));
    gate->open();
}

TEST_F(HttpClientTest, TrickleDoesNotExtendTheTime) {
    open(kLoopback);
    // Many short redirects, each in time: the bound holds over all of them.
    const auto gate = std::make_shared<test::Gate>();
    upstream_.set_handler([&](const UpstreamRequest& request) {
        UpstreamReply reply{.status = 302, .headers = {{"Location", request.target + "x"}}};
        if (request.target.size() > 20) {
            reply.gate = gate;
        }
        return reply;
    });
    HttpRequest request;
    request.url = url("/");
    request.timeout_ms = 300;
    request.redirects_max = 1000;
    EXPECT_EQ(word(fetch(request)), "timeout");
    gate->open();
}

TEST_F(HttpClientTest, CancelAndShutdownAnswerOnce) {
    open(kLoopback);
    const auto gate = std::make_shared<test::Gate>();
    upstream_.set_handler([&](const UpstreamRequest&) { return UpstreamReply{.gate = gate}; });
    std::vector<std::string> ended;
    HttpRequest request;
    request.url = url("/");
    const auto note = [&](const HttpOutcome& outcome) { ended.push_back(word(outcome)); };
    const auto first = client_->send(request, note);
    client_->send(request, note);
    request.url = "http://localhost:" + std::to_string(upstream_.port()) + "/";
    client_->send(request, note);  // waits for its address
    client_->cancel(first);
    client_->cancel(first);
    client_->cancel(12345);
    ASSERT_TRUE(loop_.run_until([&] { return ended.size() == 1; }));
    client_.reset();
    ASSERT_TRUE(loop_.run_until([&] { return ended.size() == 3; }));
    EXPECT_EQ(ended, std::vector<std::string>(3, "cancelled"));
    EXPECT_EQ(loop_.watch_count(), 0u);
    EXPECT_EQ(loop_.timer_count(), 0u);
    gate->open();
}

TEST_F(HttpClientTest, OneTenantCannotTakeAllRequests) {
    HttpClientOptions options;
    options.requests_max = 3;
    options.tenant_requests_max = 2;
    open(kLoopback, options);
    const auto gate = std::make_shared<test::Gate>();
    upstream_.set_handler([&](const UpstreamRequest&) { return UpstreamReply{.gate = gate}; });
    std::vector<std::string> ended;
    const auto send = [&](const char* tenant) {
        HttpRequest request;
        request.url = url("/");
        request.tenant = tenant;
        client_->send(request, [&](const HttpOutcome& outcome) { ended.push_back(word(outcome)); });
    };
    for (const char* tenant : {"a", "a", "a", "b", "c"}) {
        send(tenant);
    }
    ASSERT_TRUE(loop_.run_until([&] { return ended.size() == 2; }));
    EXPECT_EQ(ended, std::vector<std::string>(2, "overloaded"));
    gate->open();
    ASSERT_TRUE(loop_.run_until([&] { return ended.size() == 5; }));
    EXPECT_EQ(ended.back(), "200");
    send("a");
    ASSERT_TRUE(loop_.run_until([&] { return ended.size() == 6; }));
    EXPECT_EQ(ended.back(), "200");
}

TEST_F(HttpClientTest, ConnectionsAreReusedByTheSameTenantOnly) {
    open(kLoopback);
    const auto connection_of = [&](const char* tenant, std::string target) {
        HttpRequest request;
        request.url = std::move(target);
        request.tenant = tenant;
        EXPECT_EQ(word(fetch(request)), "200");
        return upstream_.last_request().connection;
    };
    const auto first = connection_of("a", url("/"));
    EXPECT_EQ(connection_of("a", url("/x")), first);
    const auto second = connection_of("b", url("/"));
    EXPECT_NE(second, first);
    EXPECT_EQ(connection_of("b", url("/")), second);
    EXPECT_EQ(connection_of("a", url("/")), first);
    const std::string by_name = "http://localhost:" + std::to_string(upstream_.port()) + "/";
    EXPECT_NE(connection_of("a", by_name), first);
}

TEST_F(HttpClientTest, EnvironmentHasNoInfluence) {
    const Upstream proxy;
    ASSERT_EQ(setenv("http_proxy", ("http://" + proxy.address()).c_str(), 1), 0);
    ASSERT_EQ(setenv("ALL_PROXY", ("http://" + proxy.address()).c_str(), 1), 0);
    open(kLoopback);
    upstream_.set_handler([](const UpstreamRequest&) {
        return UpstreamReply{.headers = {{"Set-Cookie", "a=b; Path=/"}}};
    });
    EXPECT_EQ(word(get(url("/"))), "200");
    EXPECT_EQ(word(get(url("/"))), "200");
    EXPECT_EQ(proxy.request_count(), 0u);
    EXPECT_FALSE(upstream_.last_request().header("Cookie"));
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

TEST_F(HttpClientTest, VerifiesCertificates) {
    const test::NginxServer server(R"(
        server {
            listen 127.0.0.1:%%PORT_TLS%% ssl;
            ssl_certificate %%CERT%%;
            ssl_certificate_key %%KEY%%;
            location / { return 200 "over tls\n"; }
        })",
                                   {.load_module = false});
    open(kLoopback);
    const auto outcome = get(server.tls_url("/"));
    EXPECT_EQ(word(outcome), "tls_failed");
    EXPECT_TRUE(unsent(outcome));
    HttpClientOptions options;
    options.ca_file = test::certificates().ca;
    open(kLoopback, options);
    const std::string port = std::to_string(server.port("PORT_TLS"));
    EXPECT_EQ(word(get("https://localhost:" + port + "/")), "200");
    EXPECT_EQ(word(get("https://127.0.0.2:" + port + "/")), "connect_failed");
}

}  // namespace
}  // namespace sallyport::engine
