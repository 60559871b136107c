// Invariant 3 in real nginx: whatever a hook throws, the request is refused, the reason is
// recorded, and the worker goes on. Loads the module with the throwing feature
// (tests/throwing_module).
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>

namespace sallyport::test {
namespace {

constexpr std::string_view kConfiguration = R"(
    sallyport_mode enforce;
    sallyport_decision_log %%DIR%%/decisions.log;
    server {
        listen 127.0.0.1:%%PORT%%;
        location = /missing { return 404; }
        location / { proxy_pass http://%%UPSTREAM%%; add_header X-Calm "$sallyport_throw"; }
    }
)";

class Wall : public testing::Test {
  protected:
    HttpResponse ask(const std::string& hook, const std::string& path = "/") {
        return send({.url = nginx_.url(path),
                     .method = "POST",
                     .headers = {{"X-Throw", hook}},
                     .body = "body"});
    }
    Json last_line() {
        const auto lines = LogReader(nginx_.dir().path("decisions.log")).wait_for_lines(++lines_);
        return lines.empty() ? Json() : lines.back();
    }

    Upstream upstream_;
    NginxServer nginx_{kConfiguration, {.variables = {{"UPSTREAM", upstream_.address()}}}};
    std::size_t lines_ = 0;
};

TEST_F(Wall, RefusesWhenAJudgingHookThrows) {
    const auto workers = nginx_.worker_pids();
    for (const char* hook :
         {"post_read", "post_read-int", "rewrite", "rewrite-int", "preaccess", "preaccess-int"}) {
        EXPECT_EQ(ask(hook).status, 500) << hook;
        const Json line = last_line();
        EXPECT_EQ(line["verdict"].text(), "deny") << hook;
        EXPECT_EQ(line["reason"].text(), "internal_error") << hook;
        EXPECT_EQ(line["feature"].text(), "gateway_verdict") << hook;
    }
    EXPECT_EQ(upstream_.request_count(), 0u);
    EXPECT_EQ(ask("nothing").header("X-Calm"), "calm");
    EXPECT_EQ(nginx_.worker_pids(), workers);
    EXPECT_NE(nginx_.error_log().find("sallyport: rewrite failed"), std::string::npos);
}

TEST_F(Wall, RefusesABodyWhoseFilterThrows) {
    EXPECT_EQ(ask("body_filter").status, 500);
    EXPECT_EQ(ask("body_filter-int").status, 500);
    EXPECT_EQ(upstream_.request_count(), 0u);
    EXPECT_EQ(ask("nothing").status, 200);
}

TEST_F(Wall, SendsNoResponseWithoutItsHeaderFilter) {
    EXPECT_NE(ask("header_filter").status, 200);
    EXPECT_EQ(ask("nothing").status, 200);
}

TEST_F(Wall, SurvivesFailureHooksAndVariables) {
    EXPECT_EQ(ask("failure").status, 200);  // it is not asked
    EXPECT_EQ(ask("nothing").status, 200);  // the log phase of the one before is over
    EXPECT_EQ(nginx_.error_log().find("sallyport: log failed"), std::string::npos);
    EXPECT_EQ(ask("failure", "/missing").status, 404);
    EXPECT_EQ(ask("failure-int", "/missing").status, 404);
    EXPECT_NE(nginx_.error_log().find("sallyport: log failed"), std::string::npos);
    const auto workers = nginx_.worker_pids();
    ask("variable");
    EXPECT_EQ(ask("nothing").status, 200);
    EXPECT_EQ(nginx_.worker_pids(), workers);
}

TEST(WallAtStart, StopsNginxWhenADirectiveThrows) {
    const auto check =
        check_config("sallyport_verdict throw; server { listen 127.0.0.1:%%PORT%%; }");
    EXPECT_FALSE(check.ok());
    EXPECT_NE(check.messages.find("while reading the configuration"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::test
