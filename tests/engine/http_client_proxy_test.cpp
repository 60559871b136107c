// Requests through a proxy that a step names: a real one, and ones that misbehave.
#include "tests/engine/forward_proxy.hpp"
#include "tests/engine/http_client_fixture.hpp"
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace sallyport::engine {
namespace {

using test::ForwardProxy;

class HttpClientProxyTest : public HttpClientTest {
  protected:
    HttpOutcome get_through(const HttpProxy& proxy, std::string address) {
        HttpRequest request;
        request.url = std::move(address);
        request.proxy = proxy;
        return fetch(std::move(request));
    }
    static HttpProxy door(std::uint16_t port, std::string host = "127.0.0.1") {
        return {std::move(host), port, ForwardProxy::kUser, ForwardProxy::kPassword};
    }
    static std::string message(const HttpOutcome& outcome) {
        return std::get<HttpFailure>(outcome).message;
    }

    ForwardProxy proxy_;
};

TEST_F(HttpClientProxyTest, ATunnelLeadsToTheCheckedAddress) {
    open(kLoopback);
    const std::string target = "localhost:" + std::to_string(upstream_.port());
    ASSERT_EQ(word(get_through(door(proxy_.port()), "http://" + target + "/a?b=c")), "200");
    const auto seen = upstream_.last_request();
    EXPECT_EQ(seen.target, "/a?b=c");
    EXPECT_EQ(seen.header("Host"), target);
    EXPECT_FALSE(seen.header("Proxy-Authorization"));
    EXPECT_FALSE(seen.header("Proxy-Connection"));
    EXPECT_EQ(proxy_.tunnels(upstream_.address()), 1u) << "the proxy is not asked for a name";
    EXPECT_EQ(proxy_.tunnels(target), 0u);
    // Nor does anybody else go through a tunnel that is there.
    EXPECT_EQ(word(get_through(door(proxy_.port(), "localhost"), "http://" + target + "/")), "200");
    EXPECT_EQ(proxy_.tunnels(upstream_.address()), 2u);
    EXPECT_EQ(word(get("http://" + target + "/")), "200");
    EXPECT_EQ(proxy_.tunnels(upstream_.address()), 2u);
}

TEST_F(HttpClientProxyTest, CertificatesAreThoseOfTheName) {
    const test::NginxServer server(R"(
        server {
            listen 127.0.0.1:%%PORT_TLS%% ssl;
            ssl_certificate %%CERT%%;
            ssl_certificate_key %%KEY%%;
            location / { return 200 "$ssl_server_name\n"; }
        })",
                                   {.load_module = false});
    const std::string address =
        "https://localhost:" + std::to_string(server.port("PORT_TLS")) + "/";
    open(kLoopback);
    EXPECT_EQ(word(get_through(door(proxy_.port()), address)), "tls_failed");
    HttpClientOptions options;
    options.ca_file = test::certificates().ca;
    open(kLoopback, options);
    const auto outcome = get_through(door(proxy_.port()), address);
    ASSERT_EQ(word(outcome), "200");
    EXPECT_EQ(std::get<HttpResponse>(outcome).body, "localhost\n");
}

TEST_F(HttpClientProxyTest, WhatTheProxyRefusesIsSaid) {
    open(kLoopback);
    HttpProxy stranger = door(proxy_.port());
    stranger.password = "guess";
    const auto refused = get_through(stranger, url("/"));
    EXPECT_EQ(word(refused), "bad_response");
    EXPECT_EQ(message(refused), "the proxy 127.0.0.1 opens no tunnel: status 401");
    const test::HeldPort nobody;
    const auto gone = get_through(door(nobody.number(), "localhost"), url("/"));
    EXPECT_EQ(word(gone), "connect_failed");
    EXPECT_NE(message(gone).find("localhost accepts no connection"), std::string::npos)
        << message(gone);
    EXPECT_TRUE(unsent(gone));
    EXPECT_EQ(upstream_.request_count(), 0u);
}

TEST_F(HttpClientProxyTest, ProxyAndTargetMustBothBeAllowed) {
    open(proxy_.address());
    EXPECT_EQ(word(get_through(door(proxy_.port()), url("/"))), "refused_address");
    EXPECT_FALSE(proxy_.was_asked());
    open(upstream_.address());
    EXPECT_EQ(word(get_through(door(proxy_.port()), url("/"))), "refused_address");
    EXPECT_FALSE(proxy_.was_asked());
    open(kLoopback);
    EXPECT_EQ(word(get_through(door(25), url("/"))), "refused_url");
    for (const char* host : {"", "user@127.0.0.1", "a/b", "a b", "127.1", "127.0.0.1:1", "[::1"}) {
        EXPECT_EQ(word(get_through(door(proxy_.port(), host), url("/"))), "refused_url") << host;
    }
    EXPECT_EQ(upstream_.request_count(), 0u);
}

TEST_F(HttpClientProxyTest, RedirectsGoThroughItToo) {
    Upstream other;
    upstream_.set_handler([&other](const UpstreamRequest& request) {
        return UpstreamReply{
            .status = 302,
            .headers = {{"Location", request.target == "/in" ? "http://169.254.169.254/"
                                                             : "http://" + other.address() + "/"}}};
    });
    open(kLoopback);
    EXPECT_EQ(word(get_through(door(proxy_.port()), url("/out"))), "200");
    EXPECT_EQ(proxy_.tunnels(upstream_.address()), 1u);
    EXPECT_EQ(proxy_.tunnels(other.address()), 1u);
    EXPECT_EQ(word(get_through(door(proxy_.port()), url("/in"))), "refused_address");
    EXPECT_EQ(proxy_.tunnels("169.254.169.254:80"), 0u);
}

TEST_F(HttpClientProxyTest, AHostileProxyIsAnError) {
    open(kLoopback);
    const std::pair<const char*, std::string> answers[] = {
        {"403", "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"},
        {"nothing", " "},
        {"no HTTP", "SSH-2.0-x\r\n"},
        {"an answer of its own", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
        {"endless headers", "HTTP/1.1 200 OK\r\n" + std::string(300'000, 'a')},
        {"many headers", [] {
             std::string text = "HTTP/1.1 200 OK\r\n";
             for (int i = 0; i < 20'000; ++i) {
                 text += "X-A: b\r\n";
             }
             return text + "\r\n";
         }()}};
    std::string raw;
    Upstream hostile([&raw](const UpstreamRequest&) { return UpstreamReply{.raw = raw}; });
    for (const auto& [name, answer] : answers) {
        raw = answer;
        const std::string outcome = word(get_through(door(hostile.port()), url("/")));
        EXPECT_TRUE(outcome == "bad_response" || outcome == "too_large") << name << ": " << outcome;
    }
    EXPECT_EQ(upstream_.request_count(), 0u);
}

}  // namespace
}  // namespace sallyport::engine
