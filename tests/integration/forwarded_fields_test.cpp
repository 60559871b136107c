// What the upstream sees of the client behind proxies, whatever way the request takes through
// nginx, and what allowlists make of an address that could not be read.
#include "common/json.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>
#include <strings.h>

namespace sallyport::test {
namespace {

constexpr std::string_view kProxied = R"(
    sallyport_decision_log %%DIR%%/decisions.log;
    sallyport_ip_list office 127.0.0.0/8 198.51.100.0/24;
    upstream inner { server %%UPSTREAM%%; }
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT_TLS%% ssl http2;
        listen unix:%%DIR%%/nginx.sock;
        server_name a.test;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        sallyport_trust_proxy 127.0.0.1 127.0.1.0/24 unix:;
        error_page 404 /errors;
        location / { proxy_pass http://inner; }
        location /one-field/ { proxy_set_header X-Other 1; proxy_pass http://inner; }
        location /added/ {
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_pass http://inner;
        }
        location /variable/ { return 200 "$http_x_forwarded_for|$sallyport_scheme|$http_x_real_ip"; }
        location /office/ { sallyport_allow office; proxy_pass http://inner; }
        location /tried/ { try_files /none @named; }
        location @named { proxy_pass http://inner; }
        location /gone { return 404; }
        location /errors { proxy_pass http://inner; }
        location /rewritten/ { rewrite ^ /last last; }
        location /asked/ { auth_request /auth; proxy_pass http://inner; }
        location = /auth { internal; proxy_pass_request_body off;
            proxy_set_header Content-Length ""; proxy_pass http://inner/auth; }
        location /mirrored/ { mirror /copy; proxy_pass http://inner; }
        location = /copy { internal; proxy_pass http://inner/copy; }
        location /any/ { satisfy any; allow all; proxy_pass http://inner; }
    }
    server {
        listen 127.0.0.1:%%PORT_REPORT%%;
        sallyport_mode report;
        sallyport_trust_proxy 1;
        location / { add_header X-Client $sallyport_client_ip; proxy_pass http://inner; }
    }
    server {
        listen 127.0.0.1:%%PORT_OFF%%;
        sallyport_trust_proxy_mode off;
        sallyport_trust_proxy 1;
        location / { add_header X-Client $sallyport_client_ip; proxy_pass http://inner; }
    }
    server {
        listen 127.0.0.1:%%PORT_STANDARD%%;
        sallyport_trust_proxy 1;
        sallyport_forwarded_header forwarded;
        location / { proxy_pass http://inner; }
    }
)";

NginxOptions options_for(const Upstream& upstream) {
    NginxOptions options;
    options.variables = {{"UPSTREAM", upstream.address()}};
    return options;
}

// What the upstream saw under this name, all lines of it.
std::string seen(const UpstreamRequest& request, std::string_view name) {
    std::string out;
    for (const auto& [field, value] : request.headers) {
        if (strcasecmp(field.c_str(), std::string(name).c_str()) == 0) {
            out += (out.empty() ? "" : "+") + value;
        }
    }
    return out;
}

struct FieldsRow {
    const char* port;
    const char* from;
    HeaderList headers;
    const char* client;
    const char* proto;
    const char* host;
};

TEST(ForwardedFields, OneCanonicalFieldEach) {
    Upstream upstream;
    NginxServer nginx(kProxied, options_for(upstream));
    const FieldsRow rows[] = {
        {"PORT", "127.0.0.9", {}, "127.0.0.9", "http", "a.test"},
        {"PORT", "127.0.0.9", {{"Host", "A.test:80"}}, "127.0.0.9", "http", "A.test:80"},
        {"PORT",
         "127.0.0.9",
         {{"X-Forwarded-For", "6.6.6.6"},
          {"x-forwarded-for", "7.7.7.7"},
          {"X-Forwarded-Proto", "https"},
          {"X-Forwarded-Host", "evil.test"},
          {"X-Real-IP", "6.6.6.6"}},
         "127.0.0.9",
         "http",
         "a.test"},
        {"PORT",
         "127.0.0.1",
         {{"X-Forwarded-For", "6.6.6.6, 198.51.100.7:4711, 127.0.1.9"},
          {"X-Forwarded-Proto", "http, HTTPS"},
          {"X-Forwarded-Host", "evil.test, b.test:8443"}},
         "198.51.100.7",
         "https",
         "b.test:8443"},
        {"PORT",
         "127.0.0.1",
         {{"X-Forwarded-For", "[2001:0DB8::0:1]:80"},
          {"X-Forwarded-Proto", "javascript"},
          {"X-Forwarded-Host", "evil.test/x"}},
         "2001:db8::1",
         "http",
         "a.test"},
        {"PORT", "127.0.0.1", {{"Host", "a\"b"}}, "127.0.0.1", "http", "a.test"},
        {"PORT_STANDARD",
         "127.0.0.1",
         {{"Forwarded", "for=192.0.2.1;proto=https;host=c.test"},
          {"X-Forwarded-For", "6.6.6.6"},
          {"X-Forwarded-Proto", "http"}},
         "192.0.2.1",
         "https",
         "c.test"},
    };
    for (const FieldsRow& row : rows) {
        HeaderList headers = row.headers;
        if (headers.empty() || headers.front().first != "Host") {
            headers.insert(headers.begin(), {"Host", "a.test"});
        }
        const auto response =
            send({.url = nginx.url("/", row.port), .headers = headers, .local_address = row.from});
        ASSERT_EQ(response.status, 200) << response.error;
        const auto request = upstream.last_request();
        EXPECT_EQ(seen(request, "X-Forwarded-For"), row.client);
        EXPECT_EQ(seen(request, "X-Real-IP"), row.client);
        EXPECT_EQ(seen(request, "X-Forwarded-Proto"), row.proto);
        EXPECT_EQ(seen(request, "X-Forwarded-Host"), row.host);
        EXPECT_EQ(seen(request, "Forwarded"), "");
    }
}

TEST(ForwardedFields, ClaimsOfStrangersAreRemovedAndOfProxiesKept) {
    Upstream upstream;
    NginxServer nginx(kProxied, options_for(upstream));
    const HeaderList claims = {
        {"Forwarded", "for=6.6.6.6"},       {"X-Client-IP", "6.6.6.6"},
        {"True-Client-IP", "6.6.6.6"},      {"CF-Connecting-IP", "6.6.6.6"},
        {"X-Original-URL", "/admin"},       {"X-Rewrite-URL", "/admin"},
        {"X-SSL-Client-Verify", "SUCCESS"}, {"X-User-Id", "1"},
        {"X-Forwarded-Port", "443"},        {"X-Forwarded-Prefix", "/x"},
        {"Fastly-Client-IP", "6.6.6.6"},
    };
    HeaderList sent = claims;
    sent.emplace_back("X-User-Agent", "grpc-web");
    sent.emplace_back("X-Custom", "kept");
    ASSERT_EQ(send({.url = nginx.url("/"), .headers = sent, .local_address = "127.0.0.9"}).status,
              200);
    const auto stranger = upstream.last_request();
    for (const auto& [name, value] : claims) {
        EXPECT_EQ(seen(stranger, name), "") << name;
    }
    EXPECT_EQ(seen(stranger, "X-User-Agent"), "grpc-web");
    EXPECT_EQ(seen(stranger, "X-Custom"), "kept");
    ASSERT_EQ(send({.url = nginx.url("/"), .headers = sent, .local_address = "127.0.0.1"}).status,
              200);
    const auto proxy = upstream.last_request();
    for (const auto& [name, value] : claims) {
        EXPECT_EQ(seen(proxy, name), name == "Forwarded" ? "" : value) << name;
    }
}

TEST(ForwardedFields, WhateverWayTheRequestTakes) {
    Upstream upstream;
    NginxServer nginx(kProxied, options_for(upstream));
    for (const char* path : {"/", "/one-field/", "/tried/", "/gone", "/rewritten/", "/asked/",
                             "/mirrored/", "/any/"}) {
        for (const bool http2 : {false, true}) {
            upstream.clear();
            const auto response = send({.url = http2 ? nginx.tls_url(path) : nginx.url(path),
                                        .method = "POST",
                                        .headers = {{"X-Forwarded-For", "6.6.6.6"},
                                                    {"X-Forwarded-For", "7.7.7.7"},
                                                    {"X-Forwarded-Proto", "ftp"}},
                                        .body = "x",
                                        .local_address = "127.0.0.9",
                                        .http2 = http2});
            EXPECT_NE(response.status, 0) << path << response.error;
            const bool two = std::string(path) == "/asked/" || std::string(path) == "/mirrored/";
            ASSERT_TRUE(upstream.wait_for_requests(two ? 2 : 1)) << path;
            for (const UpstreamRequest& request : upstream.requests()) {
                EXPECT_EQ(seen(request, "X-Forwarded-For"), "127.0.0.9") << path;
                EXPECT_EQ(seen(request, "X-Forwarded-Proto"), http2 ? "https" : "http") << path;
            }
        }
    }
    const auto variable = send({.url = nginx.url("/variable/"),
                                .headers = {{"X-Forwarded-For", "6.6.6.6"},
                                            {"X-Forwarded-For", "5.5.5.5"},
                                            {"X-Forwarded-Proto", "https"}}});
    EXPECT_EQ(variable.body, "5.5.5.5|https|5.5.5.5");
    send({.url = nginx.url("/added/"),
          .headers = {{"X-Forwarded-For", "6.6.6.6"}},
          .local_address = "127.0.0.9"});
    EXPECT_EQ(seen(upstream.last_request(), "X-Forwarded-For"), "127.0.0.9, 127.0.0.9");
}

TEST(ForwardedFields, KeepAliveAndPipelining) {
    Upstream upstream;
    NginxServer nginx(kProxied, options_for(upstream));
    RawSocket socket(nginx.port());
    std::string requests;
    for (int i = 1; i <= 5; ++i) {
        requests += "GET /variable/ HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 9.9.9." +
                    std::to_string(i) + "\r\n" + (i == 5 ? "Connection: close\r\n" : "") + "\r\n";
    }
    socket.send(requests);
    const std::string answers = socket.receive_all();
    for (int i = 1; i <= 5; ++i) {
        const std::string address = "9.9.9." + std::to_string(i);
        EXPECT_NE(answers.find(address + "|http|" + address), std::string::npos) << answers;
    }
}

TEST(ClientAddress, UnixSocketsAndModes) {
    Upstream upstream;
    NginxServer nginx(kProxied, options_for(upstream));
    const std::string socket = nginx.dir().path("nginx.sock");
    EXPECT_EQ(send({.url = "http://a.test/variable/",
                    .headers = {{"X-Forwarded-For", "9.9.9.9"}},
                    .unix_socket = socket})
                  .body,
              "9.9.9.9|http|9.9.9.9");
    // Nobody's address: no field rather than a wrong one.
    EXPECT_EQ(send({.url = "http://a.test/variable/",
                    .headers = {{"X-Real-IP", "6.6.6.6"}},
                    .unix_socket = socket})
                  .body,
              "|http|");
    const auto reported = send({.url = nginx.url("/", "PORT_REPORT"),
                                .headers = {{"X-Forwarded-For", "1.1.1.1, 2.2.2.2"}}});
    EXPECT_EQ(reported.header("X-Client"), "2.2.2.2");
    EXPECT_EQ(seen(upstream.last_request(), "X-Forwarded-For"), "1.1.1.1, 2.2.2.2");
    const auto off =
        send({.url = nginx.url("/", "PORT_OFF"), .headers = {{"X-Forwarded-For", "1.1.1.1"}}});
    EXPECT_EQ(off.header("X-Client"), "127.0.0.1");
}

TEST(ClientAddress, AllowlistsDoNotBelieveWhatCannotBeRead) {
    Upstream upstream;
    NginxServer nginx(kProxied, options_for(upstream));
    const auto ask = [&](const char* claim) {
        return send({.url = nginx.url("/office/"), .headers = {{"X-Forwarded-For", claim}}});
    };
    EXPECT_EQ(ask("198.51.100.7").status, 200);
    EXPECT_EQ(ask("203.0.113.9").status, 403);
    // The walk ends on the proxy itself, whose address the allowlist holds.
    const auto unreadable = ask("<script>\"");
    EXPECT_EQ(unreadable.status, 403);
    EXPECT_NE(unreadable.body.find("client_address_unverified"), std::string::npos)
        << unreadable.body;
    LogReader log(nginx.dir().path("decisions.log"));
    const Json line = log.wait_for(
        [](const Json& json) { return json["reason"].text_or("") == "client_address_unverified"; });
    EXPECT_EQ(line["client"].text_or(""), "127.0.0.1");
    EXPECT_EQ(line["client_flag"].text_or(""), "invalid-entry");
    EXPECT_EQ(line["client_claim"].text_or(""), "<script>\"");
}

TEST(ClientAddress, IncludeWorksAsShipped) {
    Upstream upstream;
    NginxOptions options = options_for(upstream);
    options.files["client_address.conf"] = read_file(SALLYPORT_CONF_D "/client_address.conf");
    NginxServer nginx(R"(
        include client_address.conf;
        server {
            listen 127.0.0.1:%%PORT%%;
            sallyport_allow 192.0.2.0/24;
            location / { proxy_pass http://%%UPSTREAM%%; }
        }
    )",
                      options);
    const HeaderList office = {{"X-Forwarded-For", "192.0.2.7"}};
    EXPECT_EQ(send({.url = nginx.url("/"), .headers = office}).status, 200);
    EXPECT_EQ(upstream.last_request().header("X-Forwarded-For"), "192.0.2.7");
    EXPECT_EQ(send({.url = nginx.url("/"), .headers = office, .local_address = "127.0.0.9"}).status,
              403);
}

// nginx makes no list of fields for a request of HTTP/0.9, which has none: ours must not fall into
// that hole.
TEST(ForwardedFields, ARequestWithoutFieldsGetsThem) {
    Upstream upstream;
    NginxServer nginx(R"(
        sallyport_trust_proxy 192.0.2.1;
        sallyport_headers owasp;
        sallyport_redact on;
        sallyport_verdict secret_file=%%DIR%%/verdict.key;
        server { listen 127.0.0.1:%%PORT%%; location / { proxy_pass http://%%UPSTREAM%%; } }
    )",
                      {.variables = {{"UPSTREAM", upstream.address()}},
                       .files = {{"verdict.key", "0123456789abcdef0123456789abcdef"}}});
    const auto workers = nginx.worker_pids();
    EXPECT_EQ(raw_exchange(nginx.port(), "GET /\r\n"), "upstream\n");
    ASSERT_EQ(upstream.request_count(), 1u);
    EXPECT_EQ(upstream.last_request().header("X-Forwarded-For"), "127.0.0.1");
    EXPECT_NE(upstream.last_request().header("X-Sallyport-Verdict"), std::nullopt);
    EXPECT_EQ(nginx.worker_pids(), workers);
}

}  // namespace
}  // namespace sallyport::test
