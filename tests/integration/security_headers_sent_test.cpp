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
    log_format sent escape=json '{"frame":"$sent_http_x_frame_options","xss":"$sent_http_x_xss_protection","hsts":"$sent_http_strict_transport_security","csp":"$sent_http_content_security_policy"}';
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
    for (const char* path : {"/", "/many", "/preserved/"}) {
        const auto response = get(nginx.url(path));
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
