// How the fields that the configuration fixed reach the wire: nginx writes them as one
// (module/nginx/fixed_fields.hpp), and nobody but its writer ever sees that.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::test {
namespace {

constexpr std::string_view kConf = R"(
    log_format sent escape=json '{"frame":"$sent_http_x_frame_options","xss":"$sent_http_x_xss_protection","hsts":"$sent_http_strict_transport_security","csp":"$sent_http_content_security_policy","origin":"$sent_http_access_control_allow_origin","vary":"$sent_http_vary"}';
    access_log %%DIR%%/sent.log sent;
    sallyport_headers helmet;
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT_TLS%% ssl http2;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        location / { userid on; userid_name seen; proxy_pass http://%%UPSTREAM%%; }
        location /preserved/ { sallyport_header X-Level own preserve; proxy_pass http://%%UPSTREAM%%; }
        location /limited/ { sallyport_header Retry-After 77777; sallyport_rate_limit few; proxy_pass http://%%UPSTREAM%%; }
        location /shared/ {
            sallyport_cors "origins=https://a.example,https://b.example,https://*.c.example" credentials expose=X-One;
            proxy_pass http://%%UPSTREAM%%;
            location /shared/level/ { sallyport_header Access-Control-Expose-Headers X-Two; proxy_pass http://%%UPSTREAM%%; }
            location /shared/limited/ { sallyport_rate_limit few; proxy_pass http://%%UPSTREAM%%; }
            location /shared/alone/ { sallyport_headers off; proxy_pass http://%%UPSTREAM%%; }
        }
        location /one/ { sallyport_cors origin=https://one.example; proxy_pass http://%%UPSTREAM%%; }
        location /replaced/ { userid on; userid_p3p theirs; sallyport_header P3P ours; return 200 ok; }
    }
    sallyport_limit few rate=1r/m burst=1 key=$remote_addr;
)";

// The names that helmet sets on every response, in the order in which they are written.
const std::vector<std::string> kHelmet = {"Content-Security-Policy",
                                          "Cross-Origin-Opener-Policy",
                                          "Cross-Origin-Resource-Policy",
                                          "Origin-Agent-Cluster",
                                          "Referrer-Policy",
                                          "X-Content-Type-Options",
                                          "X-DNS-Prefetch-Control",
                                          "X-Download-Options",
                                          "X-Frame-Options",
                                          "X-Permitted-Cross-Domain-Policies",
                                          "X-XSS-Protection"};

class SentFields : public testing::Test {
  protected:
    NginxOptions options() { return {.variables = {{"UPSTREAM", upstream_.address()}}}; }

    Upstream upstream_{[](const UpstreamRequest& request) {
        UpstreamReply reply;
        if (request.target.find("many") != std::string::npos) {
            for (int i = 0; i < 45; ++i) {  // nginx keeps twenty in one piece
                reply.headers.push_back({"X-Many-" + std::to_string(i), "kept"});
            }
        }
        if (request.target.find("varies") != std::string::npos) {
            reply.headers.push_back({"Vary", "Accept"});
            reply.headers.push_back({"Access-Control-Allow-Origin", "*"});
        }
        if (request.target.find("preserved") != std::string::npos) {
            reply.headers.push_back({"Content-Security-Policy", "default-src 'none'"});
            reply.headers.push_back({"X-Level", "theirs"});
        }
        return reply;
    }};
};

TEST_F(SentFields, AreFieldsOfTheirOwnOnTheWireAndInTheLog) {
    NginxServer nginx(kConf, options());
    std::string csp;
    for (const bool http2 : {false, true}) {
        const auto response = send({.url = nginx.tls_url("/many"), .http2 = http2});
        for (const std::string& name : kHelmet) {
            EXPECT_EQ(response.header_all(name).size(), 1u) << name;
        }
        EXPECT_EQ(response.header("X-Frame-Options"), "SAMEORIGIN");
        EXPECT_EQ(response.header("Strict-Transport-Security"),
                  "max-age=31536000; includeSubDomains");
        csp = response.header("Content-Security-Policy").value_or("");
        for (int i = 0; i < 45; ++i) {
            EXPECT_EQ(response.header("X-Many-" + std::to_string(i)), "kept");
        }
    }
    EXPECT_EQ(get(nginx.url("/")).header("Strict-Transport-Security"), std::nullopt);
    const auto lines = LogReader(nginx.dir().path() + "/sent.log").wait_for_lines(3);
    ASSERT_EQ(lines.size(), 3u);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        EXPECT_EQ(lines[i]["frame"].text(), "SAMEORIGIN") << i;
        EXPECT_EQ(lines[i]["xss"].text(), "0") << i;
        EXPECT_EQ(lines[i]["hsts"].text(), i < 2 ? "max-age=31536000; includeSubDomains" : "") << i;
        EXPECT_EQ(lines[i]["csp"].text(), csp) << i;
    }
}

// What CORS says of an origin stands ready as well, beside the security headers or without them.
TEST_F(SentFields, OfCors) {
    NginxServer nginx(kConf, options());
    struct Row {
        std::string path;
        std::string origin;
        std::vector<std::string> allowed;  // Access-Control-Allow-Origin
        std::vector<std::string> vary;
        std::vector<std::string> exposed;
        std::size_t frame;  // how many X-Frame-Options
    };
    const std::vector<std::string> none;
    const std::vector<Row> rows = {
        {"/shared/", "https://a.example", {"https://a.example"}, {"Origin"}, {"X-One"}, 1},
        {"/shared/many", "https://b.example", {"https://b.example"}, {"Origin"}, {"X-One"}, 1},
        {"/shared/", "https://x.c.example", {"https://x.c.example"}, {"Origin"}, {"X-One"}, 1},
        {"/shared/", "https://evil.example", none, {"Origin"}, {"X-One"}, 1},
        {"/shared/", "", none, {"Origin"}, {"X-One"}, 1},
        {"/shared/varies",
         "https://a.example",
         {"https://a.example"},
         {"Accept, Origin"},
         {"X-One"},
         1},
        {"/shared/preserved", "https://b.example", {"https://b.example"}, {"Origin"}, {"X-One"}, 1},
        {"/shared/level/", "https://a.example", {"https://a.example"}, {"Origin"}, {"X-Two"}, 1},
        {"/shared/alone/", "https://b.example", {"https://b.example"}, {"Origin"}, {"X-One"}, 0},
        {"/shared/limited/", "https://a.example", {"https://a.example"}, {"Origin"}, {"X-One"}, 1},
        {"/shared/limited/", "https://a.example", {"https://a.example"}, {"Origin"}, {"X-One"}, 1},
        {"/one/", "https://evil.example", {"https://one.example"}, {"Origin"}, none, 1},
    };
    LogReader log(nginx.dir().path() + "/sent.log");
    std::size_t sent = 0;
    std::size_t refused = 0;
    for (const bool http2 : {false, true}) {
        for (const Row& row : rows) {
            HttpRequest request{.url = nginx.tls_url(row.path), .http2 = http2};
            if (!row.origin.empty()) {
                request.headers.emplace_back("Origin", row.origin);
            }
            const auto response = send(request);
            refused += response.status == 429 ? 1 : 0;
            EXPECT_EQ(response.header_all("Access-Control-Allow-Origin"), row.allowed) << row.path;
            EXPECT_EQ(response.header_all("Vary"), row.vary) << row.path;
            EXPECT_EQ(response.header_all("Access-Control-Expose-Headers"), row.exposed)
                << row.path;
            EXPECT_EQ(response.header_all("X-Frame-Options").size(), row.frame) << row.path;
            EXPECT_EQ(response.header_all("X-Many-44").size(), row.path == "/shared/many" ? 1u : 0u)
                << row.path;
            const auto lines = log.wait_for_lines(++sent);
            ASSERT_EQ(lines.size(), sent);
            EXPECT_EQ(lines.back()["origin"].text(), row.allowed.empty() ? "" : row.allowed[0])
                << row.path;
            EXPECT_EQ(lines.back()["vary"].text(), row.vary[0]) << row.path;
        }
    }
    EXPECT_EQ(refused, 3u) << "a refusal's fields are written one by one";
}

// On a connection that is kept every response is written anew, whatever the one before was.
TEST_F(SentFields, PipelinedAndOlderProtocols) {
    NginxServer nginx(kConf, options());
    RawSocket socket(nginx.port());
    std::string requests;
    for (int i = 0; i < 50; ++i) {
        requests += "GET /" +
                    std::string(i % 3 == 0   ? "many"
                                : i % 3 == 1 ? "preserved/"
                                             : "") +
                    " HTTP/1.1\r\nHost: h\r\n\r\n";
    }
    socket.send(requests + "GET / HTTP/1.0\r\n\r\n");
    const std::string answers = socket.receive_all();
    const auto count = [&answers](std::string_view piece) {
        std::size_t found = 0;
        for (std::size_t at = answers.find(piece); at != std::string::npos;
             at = answers.find(piece, at + 1)) {
            ++found;
        }
        return found;
    };
    EXPECT_EQ(count("HTTP/1.1 200 "), 51u);
    for (const std::string& name : kHelmet) {
        EXPECT_EQ(count("\r\n" + name + ": "), 51u) << name;
    }
    EXPECT_EQ(count("\r\nContent-Security-Policy: default-src 'none'\r\n"), 17u);
    EXPECT_EQ(count("\r\nX-Level: theirs\r\n"), 17u);
    EXPECT_EQ(count("\r\nX-Level: own\r\n"), 0u);
}

// No filter of nginx's comes after ours but its writers.
TEST_F(SentFields, ReplaceWhatALaterFilterSetAndGiveWayToARefusal) {
    NginxServer nginx(kConf, options());
    EXPECT_EQ(get(nginx.url("/replaced/")).header_all("P3P"), std::vector<std::string>{"ours"});
    EXPECT_EQ(get(nginx.url("/limited/")).header_all("Retry-After"),
              std::vector<std::string>{"77777"});
    const auto refused = get(nginx.url("/limited/"));
    EXPECT_EQ(refused.status, 429);
    ASSERT_EQ(refused.header_all("Retry-After").size(), 1u);
    EXPECT_NE(refused.header("Retry-After"), "77777");
    EXPECT_EQ(refused.header_all("X-Frame-Options").size(), 1u);
}

// Somebody else's filter behind ours sees separate fields, and what it adds is sent.
TEST_F(SentFields, AnothersFilterSeesSeparateFields) {
    NginxOptions with_watcher = options();
    with_watcher.main = std::string("load_module ") + SALLYPORT_WATCHING_SO + ";";
    NginxServer nginx(kConf, with_watcher);
    for (const char* path : {"/", "/many", "/preserved/", "/shared/"}) {
        const auto response =
            send({.url = nginx.url(path), .headers = {{"Origin", "https://a.example"}}});
        EXPECT_EQ(response.header_all("Access-Control-Allow-Origin").size(),
                  path == std::string_view("/shared/") ? 1u : 0u);
        EXPECT_EQ(response.header("X-Watched-Line-Ends"), "0") << path;
        const auto seen = response.header("X-Watched-Fields");
        ASSERT_TRUE(seen) << path;
        EXPECT_GE(std::stoi(*seen), static_cast<int>(kHelmet.size())) << path;
        for (const std::string& name : kHelmet) {
            EXPECT_EQ(response.header_all(name).size(), 1u) << path << " " << name;
        }
    }
}

}  // namespace
}  // namespace sallyport::test
