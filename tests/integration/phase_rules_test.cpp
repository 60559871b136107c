// What nginx's phases really do, and that no rule of ours can be walked around through them.
// Address rules stand for every refusing feature: they need no state outside nginx.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace sallyport::test {
namespace {

// 127.0.0.10 is allowed where something is protected, 127.0.0.1 is not.
constexpr const char* kInsider = "127.0.0.10";

class PhaseRules : public testing::Test {
  protected:
    // `server` is the content of one server; the protected places say `%%GUARD%%`.
    void start(const std::string& server, const std::string& http = "") {
        nginx_ = std::make_unique<NginxServer>(
            "sallyport_decision_log %%DIR%%/decisions.log;\n"
            "log_format seen '$sallyport_verdict $sallyport_reason';\n" +
                http + "server { listen 127.0.0.1:%%PORT%%; root %%DIR%%/files;\n" + server + "}",
            NginxOptions{
                .variables = {{"UPSTREAM", upstream_.address()},
                              {"GUARD", "sallyport_allow 127.0.0.10;"}},
                .files = {{"files/index.html", "index"}, {"files/secret/a.txt", "secret"}}});
    }
    HttpResponse from(const char* address, const std::string& path) {
        return send({.url = nginx_->url(path), .local_address = address});
    }
    // The outsider is refused, by status and without a byte of what is protected; the insider is
    // not.
    void expect_guarded(const std::string& path, const std::string& content) {
        const auto outside = from("127.0.0.1", path);
        EXPECT_EQ(outside.status, 403) << path;
        EXPECT_EQ(outside.body.find(content), std::string::npos) << path << ": " << outside.body;
        const auto inside = from(kInsider, path);
        EXPECT_EQ(inside.status, 200) << path;
        EXPECT_NE(inside.body.find(content), std::string::npos) << path << ": " << inside.body;
    }

    Upstream upstream_;
    std::unique_ptr<NginxServer> nginx_;
};

TEST_F(PhaseRules, SatisfyAny) {
    start("location / { satisfy any; allow all; %%GUARD%% }");
    expect_guarded("/secret/a.txt", "secret");
}

TEST_F(PhaseRules, Return) {
    start("location /here { %%GUARD%% return 200 content; }");
    expect_guarded("/here", "content");
}

TEST_F(PhaseRules, ReturnAtServerLevel) {
    start("%%GUARD%% return 200 content;");
    expect_guarded("/", "content");
}

TEST_F(PhaseRules, RewriteLast) {
    start(
        "location /in { %%GUARD%% rewrite ^ /open last; }\n"
        "location /open { return 200 content; }\n"
        "location /into { rewrite ^ /closed last; }\n"
        "location /closed { %%GUARD%% return 200 content; }");
    expect_guarded("/in", "content");
    expect_guarded("/into", "content");
    expect_guarded("/closed", "content");
}

TEST_F(PhaseRules, RewriteAtServerLevelIsJudgedWhereItLeads) {
    start("rewrite ^/alias$ /closed;\nlocation /closed { %%GUARD%% return 200 content; }");
    expect_guarded("/alias", "content");
}

TEST_F(PhaseRules, If) {
    start(
        "location /if { %%GUARD%% if ($arg_x) { return 200 content; } return 200 content; }\n"
        "location /proxied { %%GUARD%% if ($arg_x) { proxy_pass http://%%UPSTREAM%%; } "
        "proxy_pass http://%%UPSTREAM%%; }");
    expect_guarded("/if", "content");
    expect_guarded("/if?x=1", "content");
    expect_guarded("/proxied?x=1", "upstream");
}

TEST_F(PhaseRules, ErrorPageKeepsTheStatusAndIsNotJudgedAgain) {
    start(
        "%%GUARD%%\n"
        "error_page 403 /denied;\n"
        "location / { return 200 content; }\n"
        "location = /denied { internal; %%GUARD%% return 403 \"sorry $sallyport_reason\"; }\n"
        "location /elsewhere { error_page 404 /closed; return 404; }\n"
        "location /closed { sallyport_allow 127.0.0.11; return 200 content; }");
    const auto refused = from("127.0.0.1", "/");
    EXPECT_EQ(refused.status, 403);
    EXPECT_EQ(refused.body, "sorry ip_not_allowed");
    EXPECT_EQ(from(kInsider, "/").body, "content");
    // An error page that is itself protected is judged like any other location.
    EXPECT_EQ(from(kInsider, "/elsewhere").body.find("content"), std::string::npos);
}

TEST_F(PhaseRules, ARefusalBehindAnErrorPageHasItsOwnStatus) {
    start("location / { error_page 404 =200 /closed; return 404; }\n"
          "location /closed { %%GUARD%% return 200 content; }");
    expect_guarded("/", "content");
}

TEST_F(PhaseRules, NamedLocations) {
    start(
        "location /a { error_page 418 @named; return 418; }\n"
        "location @named { %%GUARD%% proxy_pass http://%%UPSTREAM%%; }\n"
        "location /b { %%GUARD%% error_page 418 @open; return 418; }\n"
        "location @open { proxy_pass http://%%UPSTREAM%%; }");
    for (const char* path : {"/a", "/b"}) {
        EXPECT_EQ(from("127.0.0.1", path).status, 403) << path;
    }
    EXPECT_EQ(upstream_.request_count(), 0u);
    EXPECT_EQ(from(kInsider, "/a").body, "upstream\n");
    EXPECT_EQ(from(kInsider, "/b").body, "upstream\n");
}

TEST_F(PhaseRules, TryFiles) {
    start(
        "location /any/ { try_files /missing /closed; }\n"
        "location /closed { %%GUARD%% return 200 content; }\n"
        "location /named/ { try_files /missing @named; }\n"
        "location @named { %%GUARD%% return 200 content; }");
    expect_guarded("/any/x", "content");
    expect_guarded("/named/x", "content");
}

TEST_F(PhaseRules, AccelRedirect) {
    upstream_.set_handler([](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.headers = {{"X-Accel-Redirect", "/secret/a.txt"}};
        return reply;
    });
    start(
        "location /app { proxy_pass http://%%UPSTREAM%%; }\n"
        "location /secret/ { internal; %%GUARD%% }");
    expect_guarded("/app", "secret");
}

TEST_F(PhaseRules, AuthRequestSubrequestIsNotJudged) {
    start(
        "location /page { auth_request /auth; proxy_pass http://%%UPSTREAM%%; }\n"
        "location = /auth { internal; sallyport_deny all; proxy_pass http://%%UPSTREAM%%; }\n"
        "location /guarded { %%GUARD%% auth_request /auth; proxy_pass http://%%UPSTREAM%%; }");
    EXPECT_EQ(from("127.0.0.1", "/page").status, 200);
    EXPECT_EQ(upstream_.request_count(), 2u);
    upstream_.clear();
    EXPECT_EQ(from("127.0.0.1", "/guarded").status, 403);
    EXPECT_EQ(upstream_.request_count(), 0u) << "the sub-request of a refused request went out";
}

TEST_F(PhaseRules, MirrorSubrequestIsNotJudgedAndWritesNoLine) {
    start(
        "location /page { mirror /copy; proxy_pass http://%%UPSTREAM%%; }\n"
        "location = /copy { internal; sallyport_deny all; proxy_pass http://%%UPSTREAM%%/copy; }\n"
        "location /guarded { %%GUARD%% mirror /copy; proxy_pass http://%%UPSTREAM%%; }");
    EXPECT_EQ(from("127.0.0.1", "/page").status, 200);
    ASSERT_TRUE(upstream_.wait_for_requests(2));
    upstream_.clear();
    EXPECT_EQ(from("127.0.0.1", "/guarded").status, 403);
    const auto lines = LogReader(nginx_->dir().path("decisions.log")).wait_for_lines(2);
    EXPECT_EQ(lines.size(), 2u);
    EXPECT_EQ(upstream_.request_count(), 0u);
}

TEST_F(PhaseRules, ReloadKeepsConnectionsAndRules) {
    start("location / { %%GUARD%% return 200 content; }");
    HttpClient client;
    EXPECT_EQ(client.send({.url = nginx_->url("/"), .local_address = kInsider}).status, 200);
    ASSERT_TRUE(nginx_->reload());
    expect_guarded("/", "content");
    EXPECT_EQ(client.send({.url = nginx_->url("/"), .local_address = kInsider}).status, 200);
}

TEST_F(PhaseRules, ReloadFinishesRequestsUnderWay) {
    auto gate = std::make_shared<Gate>();
    upstream_.set_handler([gate](const UpstreamRequest&) { return UpstreamReply{.gate = gate}; });
    start("location / { %%GUARD%% proxy_pass http://%%UPSTREAM%%; }");
    HttpResponse response;
    std::thread client([&] { response = from(kInsider, "/"); });
    EXPECT_TRUE(upstream_.wait_for_requests(1));
    EXPECT_TRUE(nginx_->reload());
    gate->open();
    client.join();
    EXPECT_EQ(response.status, 200) << response.error;
}

// Everything a response shows, without what differs from one run to the next.
std::string shown(const HttpResponse& response) {
    std::string out = std::to_string(response.status) + "\n";
    for (const auto& [name, value] : response.headers) {
        if (name != "Date" && name != "ETag" && name != "Last-Modified") {
            out += name + ": " + value + "\n";
        }
    }
    return out + response.body;
}

TEST(PhaseRulesModes, OffAndReportChangeNothing) {
    Upstream upstream([](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.headers = {{"Server", "s"}, {"X-Powered-By", "p"}, {"Content-Type", "text/plain"}};
        return reply;
    });
    const std::string rules =
        "sallyport_headers owasp; sallyport_deny 127.0.0.0/8; "
        "sallyport_tls_policy modern;";
    const std::string server = R"(
        server {
            listen 127.0.0.1:%%PORT%%;
            listen 127.0.0.1:%%PORT_TLS%% ssl;
            ssl_certificate %%CERT%%;
            ssl_certificate_key %%KEY%%;
            ssl_protocols TLSv1.2;
            error_page 404 =200 /found;
            location / { proxy_pass http://%%UPSTREAM%%; proxy_pass_header Server; }
            location /missing { return 404; }
            location /found { return 200 found; }
            location /closed { allow 192.0.2.1; deny all; }
            location /to { return 302 /elsewhere; }
        })";
    const auto answers = [&](const std::string& before, bool load_module) {
        NginxServer nginx(before + server, {.variables = {{"UPSTREAM", upstream.address()}},
                                            .load_module = load_module});
        std::string out;
        for (const char* path : {"/", "/missing", "/closed", "/to", "/%00"}) {
            out += shown(get(nginx.url(path))) + "\n--\n";
        }
        out += shown(send({.url = nginx.tls_url("/")})) + "\n--\n";
        out += raw_exchange(nginx.port("PORT_TLS"), "GET / HTTP/1.0\r\n\r\n").substr(0, 15);
        // Ports differ between servers and show in redirects.
        const std::string port = std::to_string(nginx.port());
        for (std::size_t at = out.find(port); at != std::string::npos; at = out.find(port)) {
            out.replace(at, port.size(), "PORT");
        }
        return out;
    };
    const std::string bare = answers("", false);
    EXPECT_EQ(answers("", true), bare);
    EXPECT_EQ(answers("sallyport_mode off;" + rules, true), bare);
    EXPECT_EQ(answers("sallyport_mode report;" + rules, true), bare);
    EXPECT_NE(answers("sallyport_headers owasp;", true), bare);
}

}  // namespace
}  // namespace sallyport::test
