// The egress client against servers that answer hugely, slowly or with malice, and its own bounds.
#include "tests/engine/http_client_fixture.hpp"
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

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
    for (const char* text : {"", "hello\r\n", "HTTP/9.9 200 OK\r\n\r\n", "SSH-2.0-x\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"}) {
        upstream_.set_handler([raw = std::string(text)](const UpstreamRequest&) {
            return raw.empty() ? UpstreamReply{.status = 0} : UpstreamReply{.raw = raw};
        });
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
