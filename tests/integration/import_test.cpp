// Settings of a ProActions Hub become directives that nginx accepts, and what is unsafe or unknown
// is named.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/temp_dir.hpp"
#include "tests/integration/webhook_clock.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <sstream>

namespace sallyport::test {
namespace {

CommandResult import_yaml(const std::string& yaml) {
    const TempDir dir("import");
    return run_command({environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT), "import",
                        "proactions", dir.write("hub.yaml", yaml)});
}

// Without what was said on standard error.
std::string conf_of(const CommandResult& result) {
    std::istringstream lines(result.output);
    std::string out;
    for (std::string line; std::getline(lines, line);) {
        out += line.starts_with("sallyport: ") ? "" : line + "\n";
    }
    return out;
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
          "sallyport_limit proactions window=900000ms max=100 ipv6_prefix=56;",
          "sallyport_rate_limit_headers draft-06;",
          "sallyport_redact args=password,token headers=password,token;"}) {
        EXPECT_NE(result.output.find(line), std::string::npos) << line << "\n" << result.output;
    }
    EXPECT_EQ(result.output.find("Content-Security-Policy"), std::string::npos) << result.output;
    const auto check = check_config(result.output + "server { listen 127.0.0.1:%%PORT_SPARE%%; }");
    EXPECT_TRUE(check.ok()) << check.messages;
}

struct Row {
    const char* yaml;
    int exit_code;
    const char* piece;
};

constexpr Row kRows[] = {
    {"hub: {security: {trustProxy: true}}", 1, "hub.security.trustProxy: true lets every"},
    {"hub: {security: {trustProxy: '1'}}", 1, "is a text, not a number of hops"},
    {"hub: {security: {trustProxy: 1}}", 0, "sallyport_trust_proxy 1;"},
    {"hub: {security: {trustProxy: 0}}", 0, "sallyport_trust_proxy 0;"},
    {"hub: {security: {trustProxy: -1}}", 1, "hub.security.trustProxy: \"-1\""},
    {"hub: {security: {trustProxy: ['0.0.0.0/1']}}", 1, "half the internet"},
    {"hub: {security: {trustProxy: '${PROXIES}'}}", 1, "is not a proxy's address"},
    {"hub: {security: {trustProxy: 'loopback, 10.0.0.1'}}", 0, "_proxy loopback 10.0.0.1;"},
    {"hub: {security: {trustProxy: 'a;b'}}", 1, "is not a proxy's address"},
    {"hub: {security: {cors: {origin: true, credentials: true}}}", 1, "hub.security.cors: "},
    {"hub: {security: {cors: {origin: 'http://a.example', credentials: true}}}", 1,
     "hub.security.cors: "},
    {"hub: {security: {cors: {allowedHeaders: []}}}", 0, "sallyport_cors origin=* headers=none;"},
    {"hub: {security: {cors: {optionsSuccessStatus: 200, preflightContinue: true}}}", 0,
     "sallyport_cors origin=* status=200 preflight=continue;"},
    {"hub: {security: {cors: {maxAge: '${AGE}'}}}", 1, "hub.security.cors.maxAge: is not a whole"},
    {"hub: {security: {cors: {credential: true}}}", 1, "hub.security.cors.credential: no dir"},
    {"hub: {security: {cors: {maxAge: null}}}", 0, "sallyport_cors origin=*;"},
    {"hub: {security: {cors: {maxAge: -1}}}", 1, "hub.security.cors.maxAge: is below zero"},
    {"hub: {security: {cors: {methods: []}}}", 1, "hub.security.cors.methods: is empty"},
    {"hub: {security: {cors: true}}", 0, "sallyport_cors origin=*;"},
    {"hub: {security: {rateLimit: {windowMs: 60000, max: 10, message: x}}}", 1, "message"},
    {"hub: {security: {rateLimit: {windowMs: '${WINDOW}', max: 10}}}", 1,
     "hub.security.rateLimit.windowMs: is not a whole number"},
    {"hub: {security: {rateLimit: {max: 0}}}", 1, "hub.security.rateLimit: max="},
    {"hub: {security: {rateLimit: {max: 7, limit: 9, ipv6Subnet: 48}}}", 0,
     "window=60000ms max=9 ipv6_prefix=48;"},
    {"hub: {security: {rateLimit: {skipSuccessfulRequests: true}}}", 0, "skip_successful;"},
    {"hub: {security: {rateLimit: {skipFailedRequests: true}}}", 0, "skip_failed;"},
    {"hub: {security: {rateLimit: {standardHeaders: draft-8, identifier: api}}}", 0,
     "sallyport_rate_limit api;\nsallyport_rate_limit_headers legacy draft-11;"},
    {"hub: {security: {rateLimit: {statusCode: 503}}}", 1, "rateLimit.statusCode: a refusal"},
    {"hub: {security: {rateLimit: {passOnStoreError: true}}}", 1, "rateLimit.passOnStoreError"},
    {"hub: {security: {limits: {json: 50mb, urlencoded: 100kb}}}", 0,
     "sallyport_body_limit json=52428800 form=102400 default=off;\nclient_max_body_size "
     "52428800;"},
    {"hub: {security: {limits: {json: much}}}", 1, "hub.security.limits.json"},
    {"hub: {security: {limits: {raw: 1mb}}}", 1, "hub.security.limits.raw"},
    {"hub: {security: {helmet: {xFrameOptions: {action: deny}}}}", 0,
     "sallyport_header X-Frame-Options \"DENY\";"},
    {"hub: {security: {helmet: {strictTransportSecurity: {maxAge: 600}}}}", 0,
     "\"max-age=600; includeSubDomains\""},
    {"hub: {security: {helmet: {xFrameOptions: true, frameguard: false}}}", 1,
     "hub.security.helmet.frameguard: stands beside xFrameOptions"},
    {"hub: {security: {helmet: {hsts: {maxAge: 600.9}}}}", 0, "\"max-age=600; include"},
    {"hub: {security: {helmet: {hsts: {maxAge: 600, preload: true}}}}", 1,
     "hub.security.helmet: Strict-Transport-Security: preload needs"},
    {"hub: {security: {helmet: {hsts: {maxAge: 600, preload: true}}}}", 1,
     "sallyport_header X-Frame-Options \"SAMEORIGIN\";"},
    {"hub: {security: {helmet: {referrerPolicy: {policy: ''}}}}", 0,
     "sallyport_header Origin-Agent-Cluster \"?1\";\nsallyport_header Strict-Transport-Security"},
    {"hub: {security: {helmet: {crossOriginResourcePolicy: {policy: SAME-SITE}}}}", 1,
     "hub.security.helmet: Cross-Origin-Resource-Policy: browsers do not know"},
    {"hub: {security: {helmet: {contentSecurityPolicy: {directives: {x_bad: null}}}}}", 1,
     "\"x_bad\" is not a directive name"},
    {"hub: {security: {helmet: {xssFilter: {mode: block}}}}", 0, "X-XSS-Protection \"0\";"},
    {"hub: {security: {helmet: {hsts: {maxage: 600}}}}", 1, "hub.security.helmet.hsts.maxage"},
    {"hub: {security: {helmet: {frameGuard: false}}}", 1, "hub.security.helmet.frameGuard"},
    {"hub: {security: {helmet: {noSniff: '${SNIFF}'}}}", 1, "hub.security.helmet.noSniff: is n"},
    {"hub: {security: {helmet: true}}", 0, "sallyport_header X-Frame-Options \"SAMEORIGIN\";"},
    {"hub: {tls: {enabled: true, passphrase: s3cret}}", 1, "ssl_password_file"},
    {"hub: {tls: {enabled: true, minVersion: TLSv1}}", 1, "hub.tls.minVersion"},
    {"hub: {ailink_port: 3001}", 1, "hub.ailink_port"},
    {"auth: {tokens: [s3cret]}", 1, "auth.tokens"},
    {"auth: {type: edapi, tokens: [s3cret]}", 1, "auth.type"},
    {"auth: {enabled: false, tokens: [s3cret]}", 0, ""},
    {"logging: {maxFiles: 365d}", 1, "logging.maxFiles"},
    {"hub: [", 2, "hub.yaml"},
    {"just text", 2, "not a map"},
};

TEST(ImportProactions, NamesWhatItCannotCarryOver) {
    for (const Row& row : kRows) {
        const auto result = import_yaml(row.yaml);
        EXPECT_EQ(result.exit_code, row.exit_code) << row.yaml << result.output;
        EXPECT_NE(result.output.find(row.piece), std::string::npos) << result.output;
        EXPECT_EQ(result.output.find("s3cret"), std::string::npos) << result.output;
        if (row.exit_code < 2) {
            const auto check =
                check_config(conf_of(result) + "server { listen 127.0.0.1:%%PORT_SPARE%%; }");
            EXPECT_TRUE(check.ok()) << row.yaml << check.messages;
        }
    }
}

TEST(ImportProactions, HelmetsFieldsReachTheClient) {
    const auto result = import_yaml("hub: {security: {helmet: true}}");
    NginxServer nginx(result.output +
                      "server { listen 127.0.0.1:%%PORT%%; location / { empty_gif; } }");
    const auto response = get(nginx.url("/"));
    const struct {
        const char* name;
        const char* value;
    } rows[] = {
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Origin-Agent-Cluster", "?1"},
        {"Referrer-Policy", "no-referrer"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-DNS-Prefetch-Control", "off"},
        {"X-Download-Options", "noopen"},
        {"X-Frame-Options", "SAMEORIGIN"},
        {"X-Permitted-Cross-Domain-Policies", "none"},
        {"X-XSS-Protection", "0"},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(response.header(row.name).value_or("-"), row.value) << row.name;
    }
}

TEST(ImportProactions, WindowsHoldAsManyAsTheyDidInExpress) {
    const auto result = import_yaml("hub: {security: {rateLimit: {windowMs: 60000, max: 3}}}");
    ClockedNginx nginx(
        result.output + "server { listen 127.0.0.1:%%PORT%%; location / { empty_gif; } }", {},
        1'800'000'000);
    const auto passes = [&] { return get(nginx->url("/")).status == 200; };
    for (int i = 0; i < 6; ++i) {
        EXPECT_EQ(passes(), i < 3) << i;
    }
    nginx.advance_timers(45);
    EXPECT_FALSE(passes()) << "nothing comes back before the window is over";
    nginx.advance_timers(61);
    EXPECT_TRUE(passes());
}

TEST(ImportProactions, TokensOpenTheGatewayByTheirHashes) {
    const TempDir dir("import");
    const std::string token = "0123456789abcdefghij0123";
    const std::string path = dir.path("tokens.key");
    const std::vector<std::string> words = {
        environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT),
        "import",
        "proactions",
        "--tokens",
        path,
        dir.write("hub.yaml",
                  "auth: {enabled: true, type: token, tokens: [" + token + ", s3cret]}")};
    const auto result = run_command(words);
    EXPECT_EQ(result.exit_code, 1) << "the short one is left out";
    EXPECT_NE(result.output.find("auth.tokens[1]: is too short"), std::string::npos)
        << result.output;
    EXPECT_EQ(dir.read("tokens.key").find(token), std::string::npos);
    struct stat about {};
    ASSERT_EQ(::stat(path.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600u);
    EXPECT_EQ(run_command(words).exit_code, 2) << "a file that is there is not written over";
    // The workers of a test that runs as root are others.
    ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
    NginxServer nginx(conf_of(result) +
                      "server { listen 127.0.0.1:%%PORT%%; location / { empty_gif; } }");
    const auto status = [&](const std::string& credential) {
        return send({.url = nginx.url("/"), .headers = {{"Authorization", "Bearer " + credential}}})
            .status;
    };
    EXPECT_EQ(status(token), 200);
    EXPECT_EQ(status("s3cret"), 401);
}

}  // namespace
}  // namespace sallyport::test
