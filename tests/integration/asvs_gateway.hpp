// The hardened gateway of the ASVS checklist, with an upstream and a store behind it.
#pragma once

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/json.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/unit/jwt_maker.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::test {

inline constexpr const char* kApp = "https://app.example.com";
inline constexpr std::string_view kToken = "test-token-0123456789abcdef";
inline constexpr std::string_view kCanary = "canary-5f1e0c77";

inline constexpr std::string_view kGateway = R"(
    log_format safe '$sallyport_client_ip "$sallyport_request" $status "$sallyport_referer"';
    access_log %%DIR%%/safe.log safe;
    sallyport_decision_log %%DIR%%/decisions.log refused chain=chain.key;
    sallyport_redact on;
    sallyport_methods GET POST;
    sallyport_trust_proxy 127.0.0.50;
    sallyport_headers api;
    sallyport_cors origins=https://app.example.com credentials;
    sallyport_ban sign_in path=/sign-in on=401 after=5 within=10m for=15m,1h;
    sallyport_limit per_client rate=1r/h burst=2;
    sallyport_limit everybody rate=1r/h burst=3 key=all;
    sallyport_redis gone redis://127.0.0.1:%%PORT_GONE%%;
    sallyport_redis impostor rediss://%%REDIS%% tls_ca=%%CA%%;
    sallyport_limit closed rate=10r/s store=gone on_store_error=deny;
    sallyport_limit verified rate=10r/s store=impostor on_store_error=deny;
    sallyport_verdict secret_file=verdict.key;
    sallyport_body_limit json=1k default=2k;
    sallyport_strict_sni_host on;
    client_max_body_size 8k;
    large_client_header_buffers 4 2k;
    upstream backend { server %%UPSTREAM%%; }
    server {
        listen 127.0.0.1:%%PORT_TLS%% ssl http2 default_server;
        server_name localhost;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        ssl_client_certificate %%CA%%;
        ssl_verify_client optional;
        sallyport_tls_policy intermediate;
        location / { proxy_pass http://backend; }
        location /moved { return 301 https://localhost/; }
        location /token/ { sallyport_auth token file=tokens.key; proxy_pass http://backend; }
        location /jwt/ { sallyport_auth jwt jwks=keys.json iss=https://issuer.example aud=gateway; proxy_pass http://backend; }
        location /denied/ { sallyport_deny all; proxy_pass http://backend; }
        location /limited/ { sallyport_rate_limit per_client; proxy_pass http://backend; }
        location /global/ { sallyport_rate_limit everybody; proxy_pass http://backend; }
        location /closed/ { sallyport_rate_limit closed; proxy_pass http://backend; }
        location /verified/ { sallyport_rate_limit verified; proxy_pass http://backend; }
        location /down/ { proxy_pass http://127.0.0.1:%%PORT_GONE%%; }
        location /fault/ { return 500; }
        location /missing/ { return 404; }
        location /page/ { sallyport_headers html; proxy_pass http://backend; }
        location /user-content/ { sallyport_headers sandbox; proxy_pass http://backend; }
        location /pages-only/ { sallyport_cors origins=https://app.example.com unmatched=deny; proxy_pass http://backend; }
        location /admin/ { sallyport_tls_policy intermediate client_cert=required; proxy_pass http://backend; }
        location /reports/ { sallyport_methods GET; proxy_pass http://backend; }
        location /writes/ { sallyport_methods POST; proxy_pass http://backend; }
        location ~ ^/(metrics|stub_status|openapi\.json)$ { return 404; }
        location ~ /\.(?!well-known) { return 404; }
        location /files/ { alias %%DIR%%/files/; }
        location = /sign-in { proxy_pass http://backend; }
    }
    server {
        listen 127.0.0.1:%%PORT_TLS%% ssl http2;
        server_name gateway.test;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        sallyport_tls_policy intermediate;
        location / { proxy_pass http://backend; }
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name localhost;
        sallyport_https redirect;
        location / { proxy_pass http://backend; }
    }
    server {
        listen 127.0.0.1:%%PORT_CONTROL%%;
        location /metrics { sallyport_control; }
    }
    server {
        listen 127.0.0.1:%%PORT_H2%% http2;
        keepalive_timeout 100ms;
        sallyport_strict_requests http2 path semicolons;
        location / { proxy_pass http://backend; }
    }
    server {
        listen 127.0.0.1:%%PORT_INNER%%;
        location / { proxy_pass http://backend; }
        location /files/ { alias %%DIR%%/files/; }
    }
)";

class Gateway {
  public:
    Gateway()
        : nginx(kGateway,
                {.variables = {{"UPSTREAM", upstream.address()}, {"REDIS", redis.address()}},
                 .files = {{"tokens.key",
                            "sha256:" + hex_encode(digest(DigestAlgorithm::sha256, kToken)) +
                                " app\n"},
                           {"keys.json", key_set()},
                           {"verdict.key", "0123456789abcdef0123456789abcdef"},
                           {"chain.key", "fedcba9876543210fedcba9876543210"},
                           {"files/public.txt", "public"}},
                 .expected_log_lines = {}}) {}

    HttpResponse ask(const std::string& path, HeaderList headers = {}, const char* method = "GET",
                     std::optional<std::string> body = std::nullopt,
                     const char* from = "127.0.0.1") {
        return send({.url = nginx.tls_url(path),
                     .method = method,
                     .headers = std::move(headers),
                     .body = std::move(body),
                     .local_address = from});
    }
    Json decision(std::string_view reason) {
        return LogReader(nginx.dir().path("decisions.log")).wait_for([&](const Json& line) {
            return line["reason"].text() == reason;
        });
    }
    // A response of each kind, by status, over TLS.
    std::vector<HttpResponse> one_of_each() {
        std::vector<HttpResponse> out;
        out.push_back(ask("/"));
        out.push_back(ask("/moved"));
        out.push_back(ask("/bad%zz"));
        out.push_back(ask("/token/"));
        out.push_back(ask("/denied/"));
        out.push_back(ask("/missing/"));
        out.push_back(ask("/", {}, "TRACE"));
        out.push_back(
            ask("/", {{"Content-Type", "application/json"}}, "POST", std::string(1500, 'x')));
        out.push_back(ask("/" + std::string(4000, 'a')));
        out.push_back(send({.url = nginx.tls_url("/"), .headers = {{"Host", "gateway.test"}}}));
        for (int i = 0; i < 2; ++i) {
            ask("/limited/");
        }
        out.push_back(ask("/limited/"));
        out.push_back(ask("/fault/"));
        out.push_back(ask("/down/"));
        const int statuses[] = {200, 301, 400, 401, 403, 404, 405, 413, 414, 421, 429, 500, 502};
        for (std::size_t i = 0; i < out.size(); ++i) {
            EXPECT_EQ(out[i].status, statuses[i]) << out[i].error << out[i].body.substr(0, 200);
        }
        return out;
    }
    std::string key_set() {
        Json keys = Json::array();
        for (const JwtMaker* maker : {&rsa, &ec}) {
            keys.append(maker->jwk());
        }
        return Json::object({{"keys", keys}}).dump();
    }

    JwtMaker rsa{"RS256", "r1"};
    JwtMaker ec{"ES256", "e1"};
    JwtMaker stranger{"RS256", "r1"};
    Upstream upstream{[](const UpstreamRequest& request) {
        UpstreamReply reply;
        reply.headers = {{"Content-Type", request.target.starts_with("/page/") ||
                                                  request.target.starts_with("/user-content/")
                                              ? "text/html"
                                              : "application/json"},
                         {"Server", "engine/1.2.3"},
                         {"X-Powered-By", "Express"},
                         {"Set-Cookie", "id=1"}};
        reply.status = request.target.starts_with("/sign-in") &&
                               request.header("Authorization") != "Bearer right"
                           ? 401
                           : 200;
        return reply;
    }};
    RedisServer redis;
    NginxServer nginx;
};

}  // namespace sallyport::test
