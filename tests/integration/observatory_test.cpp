// The grade that Mozilla's own scanner (HTTP Observatory, algorithm 4) gives what the gateway
// serves. The scanner comes from npm into the build folder (scripts/fetch-observatory) and speaks
// to loopback only; its copy of the browsers' preload list holds the one test host, as it would
// after the host was submitted: nothing else can give the last five points.
#include "common/json.hpp"
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sallyport::test {
namespace {

constexpr const char* kFolder = SALLYPORT_OBSERVATORY;

constexpr std::string_view kConf = R"(
    upstream backend { server %%UPSTREAM%%; }
    server {
        listen 127.0.0.1:%%PORT%%;
        return 308 https://gateway.test$request_uri;
        %%HEADERS%%
    }
    server {
        listen 127.0.0.1:%%PORT_TLS%% ssl;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        %%HEADERS%%
        location / { proxy_pass http://backend; }
    }
)";

UpstreamReply page(const UpstreamRequest& request) {
    UpstreamReply reply;
    if (request.target != "/") {
        reply.status = 404;
        return reply;
    }
    reply.headers = {{"Content-Type", "text/html; charset=utf-8"},
                     {"Set-Cookie", "__Host-session=1; Path=/; Secure; HttpOnly; SameSite=Lax"},
                     {"X-Powered-By", "an upstream"}};
    reply.body =
        "<!doctype html><html lang=\"en\"><head><title>t</title><script src=\"/app.js\" "
        "integrity=\"sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC\" "
        "crossorigin=\"anonymous\"></script></head><body>p</body></html>";
    return reply;
}

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

class Observatory : public testing::Test {
  protected:
    void SetUp() override {
        const std::string package =
            std::string(kFolder) + "/node_modules/@mdn/mdn-http-observatory";
        ASSERT_TRUE(std::filesystem::exists(package + "/src/scan.js"))
            << "run scripts/fetch-observatory " << kFolder;
        scanner_ = package + "/src/scan.js";
        std::ofstream(package + "/conf/hsts-preload.json")
            << R"({"gateway.test":{"mode":"force-https","includeSubDomains":true}})";
    }

    Json scan(const std::string& headers) {
        Upstream upstream(page);
        NginxServer nginx(kConf,
                          {.variables = {{"UPSTREAM", upstream.address()}, {"HEADERS", headers}}});
        const auto result = run_command(
            {first_line(std::string(kFolder) + "/node"), "--require",
             SALLYPORT_OBSERVATORY_LOOPBACK, scanner_, "gateway.test"},
            {.environment = {"NODE_EXTRA_CA_CERTS=" + certificates().ca,
                             "NODE_OPTIONS=", "SALLYPORT_HTTP_PORT=" + std::to_string(nginx.port()),
                             "SALLYPORT_HTTPS_PORT=" + std::to_string(nginx.port("PORT_TLS"))}},
            std::chrono::seconds(60));
        EXPECT_EQ(result.exit_code, 0) << result.output;
        const std::size_t begin = result.output.find('{');
        const auto json =
            Json::parse(begin == std::string::npos ? std::string_view("{}")
                                                   : std::string_view(result.output).substr(begin));
        EXPECT_TRUE(json.ok()) << result.output;
        report_ = result.output;
        return json.ok() ? *json : Json::object();
    }

    std::string scanner_;
    std::string report_;
};

TEST_F(Observatory, APageOfTheHtmlProfileHasTheHighestGrade) {
    const Json result = scan("sallyport_headers html; sallyport_csp script-src 'self' nonce;");
    EXPECT_EQ(result["scan"]["algorithmVersion"].integer_or(0), 4) << report_;
    EXPECT_GE(result["scan"]["score"].integer_or(0), 145) << report_;
    EXPECT_EQ(result["scan"]["grade"].text(), "A+");
    EXPECT_EQ(result["scan"]["testsFailed"].integer_or(-1), 0) << report_;
}

TEST_F(Observatory, WithoutTheGatewaysHeadersTheSamePageFails) {
    const Json result = scan("");
    EXPECT_LT(result["scan"]["score"].integer_or(100), 70) << report_;
    EXPECT_GT(result["scan"]["testsFailed"].integer_or(0), 0);
}

}  // namespace
}  // namespace sallyport::test
