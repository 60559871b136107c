// The control location in real nginx: who gets in, what it serves, and what survives a reload.
#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/json.hpp"
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/fixtures/wait.hpp"
#include "tests/integration/mistakes.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace sallyport::test {
namespace {

constexpr std::string_view kToken = "test-token-0123456789abcdef";

std::string token_line(std::string_view token, std::string_view name) {
    return "sha256:" + hex_encode(digest(DigestAlgorithm::sha256, token)) + " " + std::string(name);
}

NginxOptions with_token() {
    NginxOptions options;
    options.files = {{"control.key", token_line(kToken, "ops")}};
    return options;
}

constexpr std::string_view kConf = R"(
    sallyport_decision_log %%DIR%%/decisions.log refused;
    server {
        listen 127.0.0.1:%%PORT%%;
        ssi_types text/plain;
        location /_sallyport/ { sallyport_control token=control.key; }
        location /open/ { sallyport_control token=control.key health=open; }
        location /denied/ { sallyport_deny all; return 200; }
        location /reported/ { sallyport_ip_mode report; sallyport_deny all; return 200; }
        location /mirrored/ { mirror /_sallyport/status; return 200 mirrored; }
        location /authorized/ { auth_request /_sallyport/status; root /nowhere; }
        location /rewritten/ { rewrite ^/rewritten(/.*)$ /_sallyport$1 last; }
        location /mode/ { sallyport_mode off; sallyport_control token=control.key; }
    }
    server {
        listen 127.0.0.1:%%PORT_LOCAL%%;
        listen [::1]:%%PORT_LOCAL%%;
        listen unix:%%DIR%%/control.sock;
        location / { sallyport_control; }
    }
    server {
        listen 127.0.0.1:%%PORT_TLS%% ssl;
        server_name localhost;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        ssl_client_certificate %%CA%%;
        ssl_verify_client optional;
        location /cert/ { sallyport_control client_cert; }
        location /either/ { sallyport_control client_cert token=control.key; }
    }
)";

HttpRequest with(std::string url, std::string_view token = kToken) {
    HttpRequest request{.url = std::move(url)};
    if (!token.empty()) {
        request.headers = {{"Authorization", "Bearer " + std::string(token)}};
    }
    return request;
}

Json json_of(const HttpResponse& response) {
    const auto parsed = Json::parse(response.body);
    EXPECT_TRUE(parsed.ok()) << response.status << " " << response.body << response.error;
    return parsed.ok() ? *parsed : Json();
}

TEST(Control, LetsInWhoHasTheToken) {
    NginxServer nginx(kConf, with_token());
    const struct {
        const char* path;
        std::string_view token;
        int status;
    } rows[] = {
        {"/_sallyport/health", kToken, 200},
        {"/_sallyport/health", "", 401},
        {"/_sallyport/health", "wrong", 401},
        {"/_sallyport/nothing", "", 401},
        {"/_sallyport/nothing", kToken, 404},
        {"/_sallyport/", kToken, 404},
        {"/open/health", "", 200},
        {"/open/ready", "", 200},
        {"/open/status", "", 401},
        {"/open/health/../status", "", 401},
        {"/open/%68ealth", "", 200},
        {"/mode/status", "", 401},
        {"/rewritten/status", "", 401},
        {"/rewritten/status", kToken, 200},
    };
    for (const auto& row : rows) {
        const auto response = send(with(nginx.url(row.path), row.token));
        EXPECT_EQ(response.status, row.status) << row.path << " " << row.token << response.error;
        if (row.status == 401) {
            EXPECT_EQ(response.header("WWW-Authenticate"), "Bearer");
            EXPECT_EQ(response.body.find("control"), std::string::npos);
        }
    }
    auto twice = with(nginx.url("/_sallyport/health"));
    twice.headers.emplace_back("Authorization", "Bearer x");
    EXPECT_GE(send(twice).status, 400);
}

TEST(Control, SubrequestsAreNeverAnswered) {
    NginxServer nginx(kConf, with_token());
    EXPECT_EQ(send(with(nginx.url("/mirrored/"))).body, "mirrored");
    EXPECT_EQ(send(with(nginx.url("/authorized/x"))).status, 403);
}

TEST(Control, LoopbackNeedsNoTokenButNoPageMaySpeak) {
    NginxServer nginx(kConf, with_token());
    const std::string url = nginx.url("/health", "PORT_LOCAL");
    EXPECT_EQ(get(url).status, 200);
    EXPECT_EQ(
        send({.url = "http://h/health", .unix_socket = nginx.dir().path("control.sock")}).status,
        403);
    EXPECT_EQ(
        send({.url = "http://localhost/health", .unix_socket = nginx.dir().path("control.sock")})
            .status,
        200);
    for (const HeaderList& headers :
         {HeaderList{{"Host", "attacker.example"}}, HeaderList{{"Origin", "http://127.0.0.1"}},
          HeaderList{{"Sec-Fetch-Site", "cross-site"}}}) {
        const auto response = send({.url = url, .headers = headers});
        EXPECT_EQ(response.status, 403) << headers[0].first;
        EXPECT_NE(response.body.find("control_unauthorized"), std::string::npos) << response.body;
    }
    for (const char* host : {"localhost", "[::1]", "127.0.0.1:99"}) {
        EXPECT_EQ(send({.url = url, .headers = {{"Host", host}}}).status, 200) << host;
    }
}

TEST(Control, ClientCertificates) {
    NginxServer nginx(kConf, with_token());
    const Certificates& known = certificates();
    const auto send_as = [&](const char* path, const std::string& certificate,
                             const std::string& key, std::string_view token) {
        HttpRequest request = with(nginx.tls_url(path), token);
        request.client_certificate = certificate;
        request.client_key = key;
        return send(request).status;
    };
    EXPECT_EQ(send_as("/cert/health", known.client_certificate, known.client_key, ""), 200);
    EXPECT_EQ(send_as("/cert/health", "", "", ""), 403);
    EXPECT_EQ(send_as("/cert/health", "", "", kToken), 403);
    EXPECT_EQ(send_as("/cert/health", known.stranger_certificate, known.stranger_key, ""), 400);
    EXPECT_EQ(send_as("/either/health", known.client_certificate, known.client_key, ""), 200);
    EXPECT_EQ(send_as("/either/health", "", "", kToken), 200);
    EXPECT_EQ(send_as("/either/health", "", "", ""), 401);
}

TEST(Control, Methods) {
    NginxServer nginx(kConf, with_token());
    auto request = with(nginx.url("/_sallyport/health"));
    request.method = "POST";
    const auto response = send(request);
    EXPECT_EQ(response.status, 405);
    EXPECT_EQ(response.header("Allow"), "GET");
    request.method = "HEAD";
    EXPECT_EQ(send(request).status, 200);
    EXPECT_EQ(send(request).body, "");
}

double metric(const std::string& text, const std::string& sample) {
    const std::size_t at = text.find("\n" + sample + " ");
    return at == std::string::npos ? 0 : std::stod(text.substr(at + sample.size() + 2));
}

TEST(Control, CountsDecisionsAndKeepsThemOverReloads) {
    NginxOptions options = with_token();
    options.workers = 2;
    NginxServer nginx(kConf, options);
    const std::string enforced =
        R"(sallyport_decisions_total{feature="ip_list",reason="ip_denied",mode="enforce"})";
    const std::string reported =
        R"(sallyport_decisions_total{feature="ip_list",reason="ip_denied",mode="report"})";
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(get(nginx.url("/denied/")).status, 403);
        EXPECT_EQ(get(nginx.url("/reported/")).status, 200);
    }
    ASSERT_TRUE(nginx.reload());
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(get(nginx.url("/denied/")).status, 403);
    }
    std::string text;
    EXPECT_TRUE(wait_until([&] {
        text = send(with(nginx.url("/_sallyport/metrics"))).body;
        return metric(text, enforced) == 5 && metric(text, reported) == 3;
    })) << text;
    EXPECT_EQ(metric(text, "sallyport_configurations_total"), 2);
    EXPECT_EQ(metric(text, "sallyport_ready"), 1);
    EXPECT_GE(metric(text, R"(sallyport_responses_total{class="4xx"})"), 5);
}

TEST(Control, MeasuresStoresAndTables) {
    RedisServer redis;
    NginxOptions options = with_token();
    options.variables = {{"REDIS", "redis://127.0.0.1:" + std::to_string(redis.port())}};
    NginxServer nginx(R"(
        sallyport_redis main %%REDIS%%;
        sallyport_limit shared rate=100r/h burst=100 store=main;
        sallyport_limit alone rate=100r/h burst=100 zone_size=64k;
        sallyport_webhook_replay zone=deliveries:1m;
        server {
            listen 127.0.0.1:%%PORT%%;
            location / { sallyport_control token=control.key; }
            location /limited/ { sallyport_rate_limit shared alone; empty_gif; }
        }
    )",
                      options);
    std::string text;
    EXPECT_TRUE(wait_until([&] {
        EXPECT_EQ(get(nginx.url("/limited/")).status, 200);
        text = send(with(nginx.url("/metrics"))).body;
        return metric(text, R"(sallyport_store_seconds_count{feature="rate_limit"})") > 0;
    })) << text;
    EXPECT_GT(metric(text, R"(sallyport_store_seconds_sum{feature="rate_limit"})"), 0);
    EXPECT_GT(metric(text, R"(sallyport_zone_fill_ratio{feature="rate_limit",zone="alone"})"), 0);
    EXPECT_NE(text.find(R"(sallyport_zone_fill_ratio{feature="webhook",zone="deliveries"} 0)"),
              std::string::npos)
        << text;
}

TEST(Control, MetricsAreWellFormed) {
    NginxServer nginx(kConf, with_token());
    const auto response = send(with(nginx.url("/_sallyport/metrics")));
    EXPECT_EQ(response.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_EQ(response.header("Cache-Control"), "no-store");
    std::istringstream lines(response.body);
    std::string line;
    std::size_t samples = 0;
    while (std::getline(lines, line)) {
        if (line.starts_with("#")) {
            continue;
        }
        ++samples;
        EXPECT_TRUE(line.starts_with("sallyport_")) << line;
        EXPECT_NO_THROW(std::stod(line.substr(line.rfind(' ') + 1))) << line;
    }
    EXPECT_GT(samples, 8u);
    EXPECT_LT(samples, 200u) << "cardinality must not depend on requests";
}

TEST(Control, StatusSaysWhatRuns) {
    NginxServer nginx(kConf, with_token());
    const Json status = json_of(send(with(nginx.url("/_sallyport/status"))));
    EXPECT_TRUE(status["ready"].is_true());
    EXPECT_EQ(status["generation"].integer_or(0), 1);
    EXPECT_EQ(status["workers"].integer_or(0), 1);
    EXPECT_FALSE(status["version"].text().empty());
    const std::string used = status["features"].dump();
    EXPECT_NE(used.find("\"ip_list\""), std::string::npos) << used;
    EXPECT_EQ(used.find("\"webhook\""), std::string::npos) << used;
}

TEST(Control, RefusalsAreRecorded) {
    NginxServer nginx(kConf, with_token());
    EXPECT_EQ(send(with(nginx.url("/_sallyport/status"), "guess")).status, 401);
    EXPECT_TRUE(wait_until([&] {
        return nginx.dir().read("decisions.log").find("control_unauthorized") != std::string::npos;
    }));
    EXPECT_EQ(nginx.dir().read("decisions.log").find("guess"), std::string::npos);
}

TEST(Control, Mistakes) {
    const Mistake rows[] = {
        {"server { listen 8080; location /c/ { sallyport_control; } }", "sallyport_control",
         "0.0.0.0:8080", "token=PATH"},
        {"server { location /c/ { sallyport_control; } }", "sallyport_control",
         "0.0.0.0:", "client_cert"},
        {"server { listen 127.0.0.1:8080; listen [::]:8080; location /c/ { sallyport_control; } }",
         "sallyport_control", "[::]:8080", "127.0.0.1"},
        {"server { listen 127.0.0.1:8080; listen 192.0.2.1:8080; location /c/ { sallyport_control "
         "health=open; } }",
         "sallyport_control", "192.0.2.1:8080", "unix socket"},
        {"server { listen 127.0.0.1:8080; location /c/ { sallyport_control tokn=x; } }",
         "sallyport_control", "tokn=x", "token=PATH"},
        {"server { listen 127.0.0.1:8080; location /c/ { sallyport_control token=none.key; } }",
         "sallyport_control", "none.key", "cannot be opened"},
        {"server { listen 127.0.0.1:8080; location /c/ { sallyport_control token=plain.key; } }",
         "sallyport_control", "plain.key:1", "sallyport token"},
        {"server { listen 127.0.0.1:8080; location /c/ { sallyport_control token=open; } }",
         "sallyport_control", "open", "chmod"},
        {"server { listen 127.0.0.1:8080; location ~ /c/ { sallyport_control; } }",
         "sallyport_control", "/c/", "prefix location"},
        {"server { listen 127.0.0.1:8080; location = /c/ { sallyport_control; } }",
         "sallyport_control", "/c/", "prefix location"},
        {"server { listen 127.0.0.1:8080; location /c/ { sallyport_control; sallyport_control; } }",
         "sallyport_control", "twice", "keep one"},
        {"server { listen 127.0.0.1:8080; location /c/ { sallyport_control client_cert; } }",
         "client_cert", "ssl_verify_client", "ssl_client_certificate"},
        {"server { listen 127.0.0.1:8080; location /c/ { sallyport_control; proxy_pass "
         "http://127.0.0.1:1; } }",
         "sallyport_control", "answers in this location", "one of its own"},
        {"server { listen 127.0.0.1:8080; error_page 403 =200 /x; location /c/ { "
         "sallyport_control; "
         "} }",
         "error_page", "=200", "leave out"},
    };
    for (const Mistake& row : rows) {
        expect_mistake(row, {{"plain.key", "the-token-itself"}, {"open", token_line("x", "")}});
    }
}

TEST(Control, TheIncludeWorksAsShipped) {
    std::string text = read_file(std::string(SALLYPORT_CONF_D) + "/control.conf");
    const std::size_t port = text.find(":9180;");
    ASSERT_NE(port, std::string::npos) << text;
    text.replace(port, 6, ":%%PORT%%;");
    NginxServer nginx(text);
    EXPECT_EQ(get(nginx.url("/health")).status, 200);
    EXPECT_EQ(get(nginx.url("/metrics")).status, 200);
}

}  // namespace
}  // namespace sallyport::test
