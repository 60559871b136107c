// What concerns every feature: the decision line, the signed verdict, loading, reloading, mistakes in
// the directives that belong to no feature.
#include "common/contract.hpp"
#include "common/file_text.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <ctime>

namespace sallyport::test {
namespace {

constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";

constexpr std::string_view kProxy = R"(
    sallyport_decision_log %%DIR%%/decisions.log;
    server {
        listen 127.0.0.1:%%PORT%%;
        sallyport_verdict secret_file=%%DIR%%/verdict.key;
        error_page 404 /missing;
        location / {
            proxy_pass http://%%UPSTREAM%%;
            add_header X-Seen "$sallyport_client_ip $sallyport_verdict $sallyport_reason";
        }
        location /quiet { sallyport_decision_log off; return 204; }
        location /bare { sallyport_verdict off; proxy_pass http://%%UPSTREAM%%; }
        location /gone { return 404; }
        location /missing { proxy_pass http://%%UPSTREAM%%; }
    }
)";

NginxOptions proxy_to(const Upstream& upstream) {
    NginxOptions options;
    options.variables = {{"UPSTREAM", upstream.address()}};
    options.files = {{"verdict.key", std::string(kSecret)}};
    return options;
}

std::size_t count_verdicts(const UpstreamRequest& request) {
    std::size_t count = 0;
    for (const auto& [name, value] : request.headers) {
        count += ascii_lower(name).starts_with("x-sallyport-") ? 1 : 0;
    }
    return count;
}

TEST(Verdict, ReplacesWhateverTheClientSent) {
    Upstream upstream;
    NginxServer nginx(kProxy, proxy_to(upstream));
    const auto response = send({.url = nginx.url("/a?b=1"),
                                .method = "POST",
                                .headers = {{"X-Sallyport-Verdict", "v1;forged"},
                                            {"x-sallyport-verdict", "v1;again"},
                                            {"X-Sallyport-Other", "x"},
                                            {"X-Sallypor", "kept"},
                                            {"X-Last", "kept"}},
                                .body = "body",
                                .local_address = "127.0.0.5"});
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.header("X-Seen"), "127.0.0.5 allow none");
    const UpstreamRequest seen = upstream.last_request();
    EXPECT_EQ(count_verdicts(seen), 1u);
    EXPECT_EQ(seen.header("X-Sallypor"), "kept");
    EXPECT_EQ(seen.header("X-Last"), "kept");
    EXPECT_EQ(seen.body, "body");
    const auto verdict =
        contract::verify_verdict(seen.header("X-Sallyport-Verdict").value_or(""),
                                 contract::verdict_key(Secret(kSecret)), std::time(nullptr));
    ASSERT_TRUE(verdict.ok()) << verdict.message();
    EXPECT_EQ(verdict->client_address, "127.0.0.5");
    EXPECT_EQ(verdict->method, "POST");
    EXPECT_EQ(verdict->scheme, "http");
    EXPECT_EQ(verdict->target, "/a?b=1");
}

TEST(Verdict, IsStrippedWhereItIsOffAndWrittenOnceAfterARedirect) {
    Upstream upstream;
    NginxServer nginx(kProxy, proxy_to(upstream));
    EXPECT_EQ(send({.url = nginx.url("/bare"), .headers = {{"X-Sallyport-Verdict", "v1;forged"}}})
                  .status,
              200);
    EXPECT_EQ(count_verdicts(upstream.last_request()), 0u);
    EXPECT_EQ(get(nginx.url("/gone")).status, 404);
    ASSERT_TRUE(upstream.wait_for_requests(2));
    EXPECT_EQ(count_verdicts(upstream.last_request()), 1u);
}

TEST(DecisionLine, IsOneJsonObjectForEachRequest) {
    Upstream upstream;
    NginxServer nginx(kProxy, proxy_to(upstream));
    const std::string hostile = "GET /a%22%0d%0a%ff\"} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    raw_exchange(nginx.port(), hostile);
    raw_exchange(nginx.port(), "nonsense\r\n\r\n");
    get(nginx.url("/quiet"));
    get(nginx.url("/gone?token=not-for-logs"));
    const auto lines = LogReader(nginx.dir().path("decisions.log")).wait_for_lines(3);
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[0]["path"].text(), "/a\"\r\n\xc3\xbf\"}");
    EXPECT_EQ(lines[0]["client"].text(), "127.0.0.1");
    EXPECT_EQ(lines[0]["verdict"].text(), "allow");
    EXPECT_EQ(lines[0]["reason"].text(), "none");
    EXPECT_EQ(lines[0]["upstream_status"].integer_or(0), 200);
    EXPECT_EQ(lines[1]["status"].integer_or(0), 400);
    EXPECT_EQ(lines[2]["status"].integer_or(0), 404);
    EXPECT_EQ(nginx.dir().read("decisions.log").find("not-for-logs"), std::string::npos);
}

TEST(DecisionLine, FollowsTheFileWhenItIsRotated) {
    Upstream upstream;
    NginxServer nginx(kProxy, proxy_to(upstream));
    get(nginx.url("/a"));
    const std::string path = nginx.dir().path("decisions.log");
    ASSERT_EQ(LogReader(path).wait_for_lines(1).size(), 1u);
    ASSERT_EQ(std::rename(path.c_str(), (path + ".1").c_str()), 0);
    ASSERT_EQ(kill(nginx.master_pid(), SIGUSR1), 0);
    ASSERT_TRUE(wait_until([&] { return access(path.c_str(), F_OK) == 0; }));
    ASSERT_TRUE(wait_until([&] {
        get(nginx.url("/b"));
        return !LogReader(path).lines().empty();
    }));
}

TEST(Module, ReloadsUnderTraffic) {
    Upstream upstream;
    NginxServer nginx(kProxy, proxy_to(upstream));
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(nginx.reload());
        EXPECT_EQ(get(nginx.url("/after")).status, 200);
    }
}

TEST(Module, LoadedButUnusedChangesNothing) {
    Upstream upstream;
    NginxServer nginx("server { listen 127.0.0.1:%%PORT%%; location / { proxy_pass "
                      "http://%%UPSTREAM%%; } }",
                      {.variables = {{"UPSTREAM", upstream.address()}}});
    EXPECT_EQ(send({.url = nginx.url("/"), .headers = {{"X-Sallyport-Verdict", "as it is"}}}).status,
              200);
    EXPECT_EQ(upstream.last_request().header("X-Sallyport-Verdict"), "as it is");
}

struct Mistake {
    const char* directives;
    const char* directive;  // named in the message
    const char* value;      // likewise
    const char* remedy;     // likewise
};

class FrameworkMistake : public testing::TestWithParam<Mistake> {};

TEST_P(FrameworkMistake, IsAnEmergencyThatNamesTheRemedy) {
    const auto& mistake = GetParam();
    NginxOptions options;
    options.files = {{"short.key", "short"}, {"empty.key", ""}, {"good.key", std::string(kSecret)}};
    const auto check = check_config(
        std::string(mistake.directives) + " server { listen 127.0.0.1:%%PORT%%; }", options);
    EXPECT_FALSE(check.ok());
    EXPECT_NE(check.messages.find("[emerg]"), std::string::npos) << check.messages;
    for (const char* piece : {mistake.directive, mistake.value, mistake.remedy}) {
        EXPECT_NE(check.messages.find(piece), std::string::npos) << piece << "\n" << check.messages;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Table, FrameworkMistake,
    testing::Values(
        Mistake{"sallyport_mode maybe;", "sallyport_mode", "maybe", "off, report or enforce"},
        Mistake{"sallyport_mode;", "sallyport_mode", "invalid number of arguments", ""},
        Mistake{"sallyport_mode off; sallyport_mode report;", "sallyport_mode", "twice", "keep one"},
        Mistake{"sallyport_decision_log /dev/null some;", "sallyport_decision_log", "some",
                "all or refused"},
        Mistake{"sallyport_decision_log off all;", "sallyport_decision_log", "off", "nothing"},
        Mistake{"sallyport_decision_log off; sallyport_decision_log off;",
                "sallyport_decision_log", "twice", "keep one"},
        Mistake{"sallyport_verdict on;", "sallyport_verdict", "\"on\"", "secret_file=PATH"},
        Mistake{"sallyport_verdict secret_file=;", "sallyport_verdict", "secret_file=",
                "secret_file=PATH"},
        Mistake{"sallyport_verdict secret_file=%%DIR%%/none.key;", "sallyport_verdict", "none.key",
                "cannot be opened"},
        Mistake{"sallyport_verdict secret_file=%%DIR%%;", "sallyport_verdict", "\"",
                "not a regular file"},
        Mistake{"sallyport_verdict secret_file=%%DIR%%/short.key;", "sallyport_verdict",
                "short.key", "openssl rand"},
        Mistake{"sallyport_verdict secret_file=%%DIR%%/empty.key;", "sallyport_verdict",
                "empty.key", "openssl rand"},
        Mistake{"sallyport_verdict off; sallyport_verdict off;", "sallyport_verdict", "twice",
                "keep one"}));

}  // namespace
}  // namespace sallyport::test
