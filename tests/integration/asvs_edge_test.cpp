// The checklist's rows on methods, HTTP/2, the log's chain, inventory and posture (see
// asvs_checklist_test.cpp and docs/security-checklist.md).
#include "tests/integration/asvs_rows.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/http2_frames.hpp"

namespace sallyport::test {
namespace {

void methods(Gateway& g) {
    for (const char* method : {"FOO", "PUT", "DELETE", "PATCH", "PROPFIND", "TRACE"}) {
        const auto response = g.ask("/", {}, method);
        EXPECT_EQ(response.status, 405) << method;
        EXPECT_EQ(response.header("Allow"), "GET, HEAD, POST") << method;
    }
    for (const char* method : {"PUT", "POST"}) {
        const auto response = g.ask("/reports/", {}, method);
        EXPECT_EQ(response.status, 405) << method;
        EXPECT_EQ(response.header("Allow"), "GET, HEAD") << method;
    }
    const std::uint16_t inner = g.nginx.port("PORT_INNER");
    const std::string connect = raw_exchange(inner, "CONNECT / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(connect.starts_with("HTTP/1.1 405")) << connect;
    EXPECT_TRUE(has(connect, "Allow: GET, HEAD, POST")) << connect;
    EXPECT_EQ(raw_exchange(inner, "CONNECT localhost:1 HTTP/1.1\r\nHost: h\r\n\r\n").substr(0, 12),
              "HTTP/1.1 400");
    EXPECT_EQ(g.upstream.request_count(), 0u);
    EXPECT_EQ(g.ask("/", {}, "HEAD").status, 200);
}

void http2_fields(Gateway& g) {
    const std::uint16_t port = g.nginx.port("PORT_H2");
    const auto ask = [&](HeaderList more, const char* scheme = "https", const char* path = "/x") {
        HeaderList fields = {
            {":method", "GET"}, {":scheme", scheme}, {":authority", "h"}, {":path", path}};
        fields.insert(fields.end(), more.begin(), more.end());
        return http2_exchange(port, fields);
    };
    EXPECT_EQ(ask({{"te", "trailers"}}).status, 200);
    g.upstream.clear();
    const HeaderList hostile = {{"connection", "close"},
                                {"keep-alive", "1"},
                                {"proxy-connection", "close"},
                                {"transfer-encoding", "chunked"},
                                {"upgrade", "websocket"},
                                {"te", "gzip"},
                                {"x-a", "b\r\nx-injected: 1"},
                                {"x-a", "b\nc"},
                                {"x-a", std::string("b\0c", 3)},
                                {"X-A", "b"},
                                {"x a", "b"},
                                {":path", "/y"}};
    for (const auto& [name, value] : hostile) {
        const auto answer = ask({{name, value}});
        EXPECT_TRUE(answer.status == 400 || answer.refused) << name << ": " << answer.status;
    }
    for (const char* path : {"/x y", "/a%2fb", "/a\\b", "/%c0%ae", "/a;b", "/a%252e"}) {
        const auto answer = ask({}, "https", path);
        EXPECT_TRUE(answer.status == 400 || answer.refused) << path << ": " << answer.status;
    }
    const auto scheme = ask({}, "javascript");
    EXPECT_TRUE(scheme.status == 400 || scheme.refused) << scheme.status;
    EXPECT_EQ(g.upstream.request_count(), 0u);
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> out;
    for_each_split(text, '\n', [&](std::string_view line) {
        if (!line.empty()) {
            out.emplace_back(line);
        }
    });
    return out;
}

void log_injection(Gateway& g) {
    const std::string hostile = "x\",\"verdict\":\"allow\"} {\"a\":\"\\u000a";
    g.ask("/denied/%0d%0a%1b[31m%22,%22verdict%22:%22allow",
          {{"User-Agent", hostile}, {"X-Forwarded-For", hostile}});
    EXPECT_EQ(g.decision("ip_denied")["verdict"].text(), "deny");
    const auto lines = lines_of(g.nginx.dir().read("decisions.log"));
    EXPECT_EQ(lines.size(), 1u);
    for (const std::string& line : lines) {
        EXPECT_TRUE(Json::parse(line).ok()) << line;
        EXPECT_TRUE(
            std::none_of(line.begin(), line.end(), [](unsigned char c) { return c < ' '; }));
    }
}

CommandResult cli(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT));
    return run_command(arguments);
}

void tamper_evidence(Gateway& g) {
    for (int i = 0; i < 3; ++i) {
        g.ask("/denied/" + std::to_string(i));
    }
    LogReader(g.nginx.dir().path("decisions.log")).wait_for_lines(3);
    const auto lines = lines_of(g.nginx.dir().read("decisions.log"));
    ASSERT_EQ(lines.size(), 3u);
    const auto check = [&](const std::string& text) {
        return cli({"decisions", "--key-file", g.nginx.dir().path("chain.key"),
                    g.nginx.dir().write("copy.log", text)})
            .exit_code;
    };
    EXPECT_EQ(check(lines[0] + "\n" + lines[1] + "\n" + lines[2] + "\n"), 0);
    std::string edited = lines[1];
    edited.replace(edited.find("\"deny\""), 6, "\"pass\"");
    EXPECT_EQ(check(lines[0] + "\n" + edited + "\n" + lines[2] + "\n"), 1);
    EXPECT_EQ(check(lines[0] + "\n" + lines[2] + "\n"), 1);
    EXPECT_EQ(check(lines[1] + "\n" + lines[0] + "\n" + lines[2] + "\n"), 1);
}

// The linter finds nothing in the very configuration that all rows ask. Mozilla's scanner,
// testssl.sh and sslscan judge it elsewhere (observatory_test, tls_scan_test).
void posture(Gateway& g) {
    const auto result = cli({"check", "--json", g.nginx.dir().path("nginx.conf")});
    EXPECT_EQ(result.exit_code, 0) << result.output;
}

constexpr Row kRows[] = {
    {15, "V4.1.4", "methods that nobody needs", methods},
    {17, "V4.2.3_V4.2.4", "no fields of a connection, no line ends over HTTP/2", http2_fields},
    {45, "V16.4.1", "one request, one line", log_injection},
    {45, "V16.4.2", "what was done to the log shows", tamper_evidence},
    {50, "API8", "nothing in the configuration that attackers use", posture},
};

TEST_P(Asvs, Holds) {
    Gateway gateway;
    GetParam().check(gateway);
}
INSTANTIATE_TEST_SUITE_P(Edge, Asvs, testing::ValuesIn(kRows), row_name);

}  // namespace
}  // namespace sallyport::test
