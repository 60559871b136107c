// Settings of a ProActions Hub become directives that nginx accepts, and what is unsafe or unknown
// is named.
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/temp_dir.hpp"

#include <gtest/gtest.h>

namespace sallyport::test {
namespace {

CommandResult import_yaml(const std::string& yaml) {
    const TempDir dir("import");
    return run_command({environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT), "import",
                        "proactions", dir.write("hub.yaml", yaml)});
}

constexpr const char* kWhole = R"(
hub:
  security:
    trustProxy: ["10.0.0.0/8", "172.16.0.0/12"]
    helmet: {enabled: true, contentSecurityPolicy: false, crossOriginEmbedderPolicy: true,
             frameguard: {action: deny}, hsts: {maxAge: 63072000, includeSubDomains: true}}
    cors: {enabled: true, origin: ["https://app.example.com"], methods: "GET,POST",
           credentials: true, allowedHeaders: "Content-Type,Authorization", maxAge: 7200}
    rateLimit: {enabled: true, windowMs: 900000, max: 100, standardHeaders: true,
                legacyHeaders: false}
logging:
  sensitiveData: [password, token]
)";

TEST(ImportProactions, GivesAConfigurationThatNginxAccepts) {
    const auto result = import_yaml(kWhole);
    EXPECT_EQ(result.exit_code, 0) << result.output;
    for (const char* line :
         {"sallyport_trust_proxy 10.0.0.0/8 172.16.0.0/12;",
          "sallyport_header Cross-Origin-Embedder-Policy \"require-corp\";",
          "sallyport_header X-Frame-Options \"DENY\";",
          "sallyport_header Strict-Transport-Security \"max-age=63072000; includeSubDomains\";",
          "sallyport_cors origins=https://app.example.com methods=GET,POST "
          "headers=Content-Type,Authorization max_age=7200s credentials;",
          "sallyport_limit proactions rate=9600r/d burst=100;",
          "sallyport_rate_limit_headers draft-06;",
          "sallyport_redact args=password,token headers=password,token;"}) {
        EXPECT_NE(result.output.find(line), std::string::npos) << line << "\n" << result.output;
    }
    EXPECT_EQ(result.output.find("Content-Security-Policy"), std::string::npos) << result.output;
    const auto check = check_config(result.output + "server { listen 127.0.0.1:%%PORT_SPARE%%; }");
    EXPECT_TRUE(check.ok()) << check.messages;
}

TEST(ImportProactions, NamesWhatItCannotCarryOver) {
    const struct {
        const char* yaml;
        int exit_code;
        const char* piece;
    } rows[] = {
        {"hub: {security: {trustProxy: true}}", 1, "hub.security.trustProxy: true lets every"},
        {"hub: {security: {trustProxy: '1'}}", 1, "a number in quotes"},
        {"hub: {security: {trustProxy: 1}}", 0, "sallyport_trust_proxy 1;"},
        {"hub: {security: {cors: {origin: true, credentials: true}}}", 1, "list the origins"},
        {"hub: {security: {rateLimit: {windowMs: 60000, max: 10, message: x}}}", 1, "message"},
        {"hub: {security: {limits: {json: 50mb}}}", 1, "hub.security.limits"},
        {"hub: {tls: {enabled: true, passphrase: s3cret}}", 1, "ssl_password_file"},
        {"hub: {security: {trustProxy: 'a;b'}}", 1, "not a list of addresses"},
        {"hub: {ailink_port: 3001}", 1, "hub.ailink_port"},
        {"auth: {tokens: [s3cret]}", 1, "auth.tokens"},
        {"logging: {maxFiles: 365d}", 1, "logging.maxFiles"},
        {"hub: [", 2, "hub.yaml"},
        {"just text", 2, "not a map"},
    };
    for (const auto& row : rows) {
        const auto result = import_yaml(row.yaml);
        EXPECT_EQ(result.exit_code, row.exit_code) << row.yaml << result.output;
        EXPECT_NE(result.output.find(row.piece), std::string::npos) << result.output;
        EXPECT_EQ(result.output.find("s3cret"), std::string::npos) << result.output;
    }
}

}  // namespace
}  // namespace sallyport::test
