// Plain HTTP and misdirected requests in real nginx with real clients.
#include "common/json.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/mistakes.hpp"

#include <gtest/gtest.h>

namespace sallyport::test {
namespace {

constexpr std::string_view kPlain = R"(
    sallyport_decision_log %%DIR%%/decisions.log refused;
    sallyport_trust_proxy 127.0.0.9;
    server {
        listen 127.0.0.1:%%PORT%% default_server;
        server_name a.test *.a.test b.test;
        sallyport_https redirect except=/health;
        return 200 "in";
    }
    server {
        listen 127.0.0.1:%%PORT_OWN%%;
        server_name _;
        sallyport_https redirect host=www.test port=8443 api=/hooks;
        error_page 403 =404 /never;
        location / { satisfy any; allow all; try_files /none @named; }
        location @named { return 200 "in"; }
    }
    server {
        listen 127.0.0.1:%%PORT_REQUIRE%%;
        sallyport_https require;
        rewrite ^ /x last;
        return 200 "in";
    }
    server {
        listen 127.0.0.1:%%PORT_REPORT%%;
        server_name a.test;
        sallyport_https redirect;
        sallyport_https_mode report;
        return 200 "in $sallyport_reason";
    }
    server {
        listen 127.0.0.1:%%PORT_TLS%% ssl http2;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        sallyport_headers owasp;
        sallyport_https redirect;
        return 200 "in";
    }
)";

struct PlainRow {
    const char* port;
    const char* method;
    const char* path;
    HeaderList headers;
    int status;
    const char* location;  // or the reason of a refusal
};

TEST(Https, PlainRequests) {
    NginxServer nginx(kPlain);
    const HeaderList a = {{"Host", "a.test"}};
    const PlainRow rows[] = {
        {"PORT", "GET", "/x/y?z=1&t=%0d%0aX:1", a, 308, "https://a.test/x/y?z=1&t=%0d%0aX:1"},
        {"PORT", "HEAD", "/", {{"Host", "B.test:80"}}, 308, "https://b.test/"},
        {"PORT", "GET", "//evil.test/x", a, 308, "https://a.test//evil.test/x"},
        {"PORT", "GET", "/", {{"Host", "evil.test"}}, 308, "https://a.test/"},
        {"PORT", "GET", "/", {{"Host", "sub.a.test"}}, 308, "https://a.test/"},
        {"PORT", "GET", "/", {{"Host", "a.test"}, {"Cookie", "a=b"}}, 308, "https://a.test/"},
        {"PORT", "POST", "/", a, 403, "https_required"},
        {"PORT", "GET", "/api/v1/x", a, 403, "https_required"},
        {"PORT", "GET", "/x/../API/v1", a, 403, "https_required"},
        {"PORT", "GET", "/%61pi/v1", a, 403, "https_required"},
        {"PORT", "GET", "/webhook/x?token=1", a, 403, "https_credential_exposed"},
        {"PORT",
         "GET",
         "/",
         {{"Host", "a.test"}, {"Authorization", "Bearer x"}},
         403,
         "https_credential_exposed"},
        {"PORT",
         "GET",
         "/ws",
         {{"Host", "a.test"}, {"Upgrade", "websocket"}, {"Connection", "Upgrade"}},
         403,
         "https_required"},
        {"PORT", "POST", "/health/live", a, 200, ""},
        {"PORT", "GET", "/.well-known/acme-challenge/x", a, 200, ""},
        {"PORT", "GET", "/", {{"X-Forwarded-Proto", "https"}}, 308, "https://a.test/"},
        {"PORT_OWN", "GET", "/api/x", {{"Host", "evil.test"}}, 308, "https://www.test:8443/api/x"},
        {"PORT_OWN", "GET", "/", {}, 308, "https://www.test:8443/"},
        {"PORT_REQUIRE", "GET", "/", a, 403, "https_required"},
        {"PORT_REPORT", "GET", "/", a, 200, ""},
    };
    for (const PlainRow& row : rows) {
        const auto response = send(
            {.url = nginx.url(row.path, row.port), .method = row.method, .headers = row.headers});
        EXPECT_EQ(response.status, row.status) << row.method << row.path << response.error;
        EXPECT_EQ(response.header("Strict-Transport-Security"), std::nullopt);
        if (row.status == 308) {
            EXPECT_EQ(response.header("Location"), row.location) << row.path;
        } else if (row.status == 403) {
            EXPECT_NE(response.body.find(row.location), std::string::npos) << response.body;
        }
    }
    EXPECT_EQ(get(nginx.url("/", "PORT_REPORT")).body, "in https_redirected");
    LogReader log(nginx.dir().path("decisions.log"));
    const Json line = log.wait_for(
        [](const Json& json) { return json["reason"].text_or("") == "https_credential_exposed"; });
    EXPECT_EQ(line["feature"].text_or(""), "https");
}

TEST(Https, BehindAProxyThatEndsTls) {
    NginxServer nginx(kPlain);
    const auto ask = [&](const char* from, const char* proto) {
        return send({.url = nginx.url("/"),
                     .headers = {{"Host", "a.test"}, {"X-Forwarded-Proto", proto}},
                     .local_address = from})
            .status;
    };
    EXPECT_EQ(ask("127.0.0.9", "https"), 200);
    EXPECT_EQ(ask("127.0.0.9", "http"), 308);
    EXPECT_EQ(ask("127.0.0.8", "https"), 308);
    // nginx's own answer to plain HTTP on a TLS port comes in the clear, and so without HSTS.
    const std::string mistaken = raw_exchange(
        nginx.port("PORT_TLS"), "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(mistaken.starts_with("HTTP/1.1 4")) << mistaken;
    EXPECT_EQ(mistaken.find("Strict-Transport-Security"), std::string::npos) << mistaken;
    EXPECT_NE(send({.url = nginx.tls_url("/")}).header("Strict-Transport-Security"), std::nullopt);
    // The other way round: TLS to us says nothing when the proxy was reached in the clear.
    EXPECT_EQ(send({.url = nginx.tls_url("/")}).status, 200);
}

constexpr std::string_view kVhosts = R"(
    ssl_certificate %%CERT%%;
    ssl_certificate_key %%KEY%%;
    server {
        listen 127.0.0.1:%%PORT_TLS%% ssl http2 default_server;
        server_name a.gateway.test aa.gateway.test;
        return 200 "a";
    }
    server {
        listen 127.0.0.1:%%PORT_TLS%% ssl http2;
        server_name b.gateway.test;
        sallyport_strict_sni_host on;
        rewrite ^ /x last;
        error_page 421 /page;
        location / { return 200 "b"; }
    }
    server {
        listen 127.0.0.1:%%PORT_TLS%% ssl http2;
        server_name c.gateway.test;
        return 200 "c";
    }
    server {
        listen 127.0.0.1:%%PORT_TLS%% ssl http2;
        server_name r.gateway.test;
        sallyport_strict_sni_host on;
        sallyport_https_mode report;
        return 200 "r $sallyport_reason";
    }
)";

TEST(StrictSniHost, HostMustBelongToTheHandshakesServer) {
    NginxServer nginx(kVhosts);
    struct Row {
        const char* sni;
        const char* host;
        int status;
        const char* body;
    };
    const Row rows[] = {
        {"b.gateway.test", "b.gateway.test", 200, "b"},
        {"a.gateway.test", "aa.gateway.test", 200, "a"},
        {"a.gateway.test", "b.gateway.test", 421, "misdirected"},
        {"b.gateway.test", "a.gateway.test", 421, "misdirected"},
        {"b.gateway.test", "unknown.test", 421, "misdirected"},
        {"x.gateway.test", "b.gateway.test", 421, "misdirected"},
        {"x.gateway.test", "a.gateway.test", 200, "a"},
        {"a.gateway.test", "c.gateway.test", 200, "c"},
        {"a.gateway.test", "r.gateway.test", 200, "r misdirected"},
    };
    const std::string port = std::to_string(nginx.port("PORT_TLS"));
    for (const Row& row : rows) {
        for (const bool http2 : {false, true}) {
            const auto response =
                send({.url = std::string("https://") + row.sni + ":" + port + "/",
                      .headers = {{"Host", row.host}},
                      .http2 = http2,
                      .resolve = {std::string(row.sni) + ":" + port + ":127.0.0.1"}});
            EXPECT_EQ(response.status, row.status)
                << row.sni << " " << row.host << " " << http2 << response.error;
            // Of an error_page in the request's server the page answers instead of our document.
            if (std::string_view(row.host) != "b.gateway.test" || row.status == 200) {
                EXPECT_NE(response.body.find(row.body), std::string::npos) << response.body;
            }
        }
    }
    // Without a name in the handshake the default server is the only one there is.
    const auto by_address = [&](const char* host) {
        return send({.url = "https://127.0.0.1:" + port + "/", .headers = {{"Host", host}}}).status;
    };
    EXPECT_EQ(by_address("a.gateway.test"), 200);
    EXPECT_EQ(by_address("b.gateway.test"), 421);
}

// As browsers do: requests for several hosts on one connection of HTTP/2 (RFC 9113 section 9.1.2).
TEST(StrictSniHost, EachRequestOfAConnectionIsJudged) {
    NginxServer nginx(R"(
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        sallyport_strict_sni_host on;
        server {
            listen 127.0.0.1:%%PORT_TLS%% ssl http2 default_server;
            ssl_reject_handshake on;
            return 200 "nobody's";
        }
        server {
            listen 127.0.0.1:%%PORT_TLS%% ssl http2;
            server_name localhost also.test;
            return 200 "localhost";
        }
        server {
            listen 127.0.0.1:%%PORT_TLS%% ssl http2;
            server_name other.test;
            location / { return 200 "other"; }
        }
    )");
    for (const bool http2 : {true, false}) {
        HttpClient client;
        const auto ask = [&](const char* host) {
            const auto response = client.send(
                {.url = nginx.tls_url("/"), .headers = {{"Host", host}}, .http2 = http2});
            return std::to_string(response.status) + " " +
                   (response.status == 200 ? response.body : std::string());
        };
        EXPECT_EQ(ask("localhost"), "200 localhost") << http2;
        EXPECT_EQ(ask("also.test"), "200 localhost");
        EXPECT_EQ(ask("other.test"), "421 ");
        EXPECT_EQ(ask("unknown.test"), "421 ") << "not the default server's content";
        EXPECT_EQ(ask("localhost"), "200 localhost") << "the connection goes on";
    }
    const std::string port = std::to_string(nginx.port("PORT_TLS"));
    EXPECT_EQ(send({.url = "https://unknown.test:" + port + "/",
                    .resolve = {"unknown.test:" + port + ":127.0.0.1"}})
                  .status,
              0)
        << "no handshake with a name nobody has";
}

TEST(Https, IncludeWorksAsShipped) {
    NginxOptions options;
    options.files["https.conf"] = read_file(SALLYPORT_CONF_D "/https.conf");
    NginxServer nginx(R"(
        include https.conf;
        server {
            listen 127.0.0.1:%%PORT%%;
            listen 127.0.0.1:%%PORT_TLS%% ssl;
            server_name localhost;
            ssl_certificate %%CERT%%;
            ssl_certificate_key %%KEY%%;
            return 200 "in";
        }
    )",
                      options);
    EXPECT_EQ(get(nginx.url("/")).header("Location"), "https://localhost/");
    EXPECT_EQ(get(nginx.url("/api/x")).status, 403);
    EXPECT_EQ(get(nginx.tls_url("/")).status, 200);
}

TEST(Https, Mistakes) {
    const Mistake mistakes[] = {
        {"sallyport_https on;", "sallyport_https", "\"on\"", "redirect, require or off"},
        {"sallyport_https off port=1;", "sallyport_https", "off", "nothing after"},
        {"sallyport_https redirect host=https://a;", "sallyport_https", "host=https://a",
         "without scheme"},
        {"sallyport_https redirect port=0;", "sallyport_https", "port=0", "1 to 65535"},
        {"sallyport_https redirect code=301;", "sallyport_https", "code=301", "host="},
        {"sallyport_https require host=a;", "sallyport_https", "host=a", "except="},
        {"sallyport_https redirect api=v1;", "sallyport_https", "\"v1\"", "/path"},
        {"sallyport_https redirect;", "sallyport_https", "without a name", "host=NAME"},
        {"sallyport_https require; sallyport_https require;", "sallyport_https", "twice",
         "keep one"},
        {"sallyport_strict_sni_host maybe;", "sallyport_strict_sni_host", "maybe", "on or off"},
        {"sallyport_strict_sni_host on; sallyport_strict_sni_host on;", "sallyport_strict_sni_host",
         "twice", "keep one"},
        {"sallyport_early_data on;", "sallyport_early_data", "\"on\"", "safe, refuse or off"},
        {"sallyport_early_data safe; sallyport_early_data safe;", "sallyport_early_data", "twice",
         "keep one"},
        {"sallyport_https_mode maybe;", "sallyport_https_mode", "maybe", "report"},
    };
    for (const Mistake& mistake : mistakes) {
        expect_mistake(mistake);
    }
    const auto check = check_config(
        "sallyport_mode enforce; ssl_early_data on; server { listen 127.0.0.1:%%PORT_A%%; }");
    EXPECT_TRUE(check.ok());
    EXPECT_NE(check.messages.find("sallyport_early_data safe"), std::string::npos)
        << check.messages;
}

}  // namespace
}  // namespace sallyport::test
