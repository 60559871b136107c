// sallyport_csp against real nginx: merging by directive, nonces, report-only, and what variables
// may not do.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/mistakes.hpp"

#include <gtest/gtest.h>

#include <set>

namespace sallyport::test {
namespace {

constexpr std::string_view kConf = R"(
    sallyport_headers html;
    upstream backend { server %%UPSTREAM%%; }
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT_TLS%% ssl http2;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        sallyport_csp img-src 'self' data: https://img.example.com;
        location / { proxy_pass http://backend; }
        location /nonce/ {
            sallyport_csp script-src 'self' nonce 'strict-dynamic';
            sallyport_csp style-src nonce;
            proxy_set_header X-Nonce $sallyport_csp_nonce;
            sub_filter_once off;
            sub_filter __CSP_NONCE__ $sallyport_csp_nonce;
            proxy_pass http://backend;
            location /nonce/inner/ { sallyport_csp style-src off; sallyport_csp frame-src https://f.example.com; proxy_pass http://backend; }
        }
        location /new/ { sallyport_csp off; sallyport_csp default-src 'none'; sallyport_csp upgrade-insecure-requests; proxy_pass http://backend; }
        location /none/ { sallyport_csp off; proxy_pass http://backend; }
        location /report/ { sallyport_csp_mode report; proxy_pass http://backend; }
        location /modeoff/ { sallyport_csp_mode off; proxy_pass http://backend; }
        location /both/ {
            sallyport_csp_mode report;
            sallyport_csp script-src nonce;
            sallyport_header Content-Security-Policy "default-src https:";
            proxy_pass http://backend;
        }
        location /danger/ { sallyport_csp off; sallyport_csp default-src off dangerously; sallyport_csp script-src 'self'; proxy_pass http://backend; }
        location /tenant/ { sallyport_csp connect-src 'self' $arg_api; sallyport_csp font-src $arg_api; proxy_pass http://backend; }
        location /preserved/ { sallyport_headers api; sallyport_csp off; sallyport_headers_mode enforce; proxy_pass http://backend; }
        location /sandbox/ { sallyport_headers sandbox; sallyport_csp off; proxy_pass http://backend; }
        location /plain/ { sallyport_headers off; sallyport_csp default-src 'self'; proxy_pass http://backend; }
    }
)";

class Csp : public testing::Test {
  protected:
    Upstream upstream_{[](const UpstreamRequest& request) {
        UpstreamReply reply;
        reply.headers = {{"Content-Type", "text/html"},
                         {"Content-Security-Policy", "default-src upstream"},
                         {"Set-Cookie", "a=b"}};
        reply.body = "<script nonce=__CSP_NONCE__>" + request.header("X-Nonce").value_or("-");
        return reply;
    }};
    NginxServer nginx_{kConf, {.variables = {{"UPSTREAM", upstream_.address()}}}};

    static std::string once(const HttpResponse& response, const char* name) {
        const auto all = response.header_all(name);
        EXPECT_LE(all.size(), 1u) << name;
        return all.empty() ? "-" : all.front();
    }
    std::string csp(const std::string& path) {
        return once(get(nginx_.url(path)), "Content-Security-Policy");
    }
};

TEST_F(Csp, DirectivesMergeByName) {
    EXPECT_EQ(csp("/"),
              "default-src 'none';script-src 'self';style-src 'self';img-src 'self' data: "
              "https://img.example.com;font-src 'self';connect-src 'self';manifest-src "
              "'self';worker-src 'self';base-uri 'none';object-src 'none';form-action "
              "'self';frame-ancestors 'none'");
    const std::string inner = csp("/nonce/inner/");
    EXPECT_NE(inner.find("img-src 'self' data: https://img.example.com;"), std::string::npos);
    EXPECT_NE(inner.find("script-src 'self' 'nonce-"), std::string::npos) << inner;
    EXPECT_EQ(inner.find("style-src"), std::string::npos) << inner;
    EXPECT_NE(inner.find(";frame-src https://f.example.com"), std::string::npos) << inner;
    EXPECT_EQ(csp("/new/"), "default-src 'none';upgrade-insecure-requests");
    EXPECT_EQ(csp("/danger/"), "script-src 'self'");
    EXPECT_EQ(csp("/plain/"), "default-src 'self'");
    // Without a policy of the gateway the upstream's is nobody's business.
    EXPECT_EQ(csp("/none/"), "default-src upstream");
    EXPECT_EQ(csp("/modeoff/"), "default-src upstream");
}

TEST_F(Csp, NonceIsUnpredictableAndOneARequest) {
    std::set<std::string> seen;
    for (int i = 0; i < 600; ++i) {  // more than the generator draws at once
        if (i > 3 && i % 100 != 0) {
            (void)get(nginx_.url("/nonce/"));
            continue;
        }
        const auto response = i % 2 == 0 ? get(nginx_.url("/nonce/"))
                                         : send({.url = nginx_.tls_url("/nonce/"), .http2 = true});
        const std::string policy = once(response, "Content-Security-Policy");
        const std::size_t at = policy.find("'nonce-");
        ASSERT_NE(at, std::string::npos) << policy;
        const std::string nonce = policy.substr(at + 7, policy.find('\'', at + 1) - at - 7);
        EXPECT_EQ(nonce.size(), 24u);
        EXPECT_TRUE(seen.insert(nonce).second) << nonce;
        EXPECT_NE(policy.find("script-src 'self' 'nonce-" + nonce + "' 'strict-dynamic'"),
                  std::string::npos);
        EXPECT_NE(policy.find("style-src 'nonce-" + nonce + "'"), std::string::npos) << policy;
        EXPECT_EQ(response.body, "<script nonce=" + nonce + ">" + nonce);
    }
}

TEST_F(Csp, ReportOnlyFirst) {
    const auto report = get(nginx_.url("/report/"));
    EXPECT_EQ(once(report, "Content-Security-Policy"), "default-src upstream");
    EXPECT_EQ(once(report, "Content-Security-Policy-Report-Only").find("default-src 'none';"), 0u);
    const auto both = get(nginx_.url("/both/"));
    EXPECT_EQ(once(both, "Content-Security-Policy"), "default-src https:");
    EXPECT_NE(once(both, "Content-Security-Policy-Report-Only").find("script-src 'nonce-"),
              std::string::npos);
}

TEST_F(Csp, VariablesCannotAddDirectives) {
    const std::string good = csp("/tenant/?api=https://api.example.com");
    EXPECT_NE(good.find("connect-src 'self' https://api.example.com;"), std::string::npos) << good;
    for (const char* bad : {"a;script-src%20*", "a;script-src*", "a,default-src*"}) {
        const std::string policy = csp(std::string("/tenant/?api=") + bad);
        if (policy.find('%') != std::string::npos) {
            continue;  // nginx does not decode $arg_: a harmless source
        }
        EXPECT_NE(policy.find("connect-src 'self';"), std::string::npos) << policy;
        EXPECT_NE(policy.find("font-src 'none'"), std::string::npos) << policy;
        EXPECT_EQ(policy.find("*"), std::string::npos) << policy;
    }
    EXPECT_NE(nginx_.error_log().find("sources with variables are left out"), std::string::npos);
}

TEST_F(Csp, SandboxTakesWhatUsersMayNotSet) {
    const auto response = get(nginx_.url("/sandbox/"));
    EXPECT_EQ(once(response, "Set-Cookie"), "-");
    EXPECT_EQ(once(response, "X-Content-Type-Options"), "nosniff");
}

// Where sallyport_csp changes nothing the profile's own word decides, under other profiles as well.
TEST(Sandbox, ItsPolicyStandsInPlaceOfTheUpstreams) {
    Upstream upstream([](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.headers = {{"Content-Security-Policy", "default-src *"}};
        return reply;
    });
    NginxServer nginx(R"(server { listen 127.0.0.1:%%PORT%%; sallyport_headers helmet;
        location / { proxy_pass http://%%UPSTREAM%%; }
        location /users/ { sallyport_headers sandbox; proxy_pass http://%%UPSTREAM%%;
            location /users/trusted/ { sallyport_headers html; proxy_pass http://%%UPSTREAM%%; } }
    })",
                      {.variables = {{"UPSTREAM", upstream.address()}}});
    const auto csp = [&](const char* path) {
        return get(nginx.url(path)).header_all("Content-Security-Policy");
    };
    using Policies = std::vector<std::string>;
    EXPECT_EQ(csp("/"), Policies{"default-src *"});
    EXPECT_EQ(csp("/users/"),
              Policies{"sandbox; default-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
                       "form-action 'none'"});
    EXPECT_EQ(csp("/users/trusted/"), Policies{"default-src *"}) << "html preserves";
}

TEST(CspWarning, UnknownDirectivesAreNamed) {
    const auto check = check_config(
        "server { listen 127.0.0.1:%%PORT_SPARE%%; sallyport_headers html; "
        "sallyport_csp scirpt-src 'self'; }");
    EXPECT_TRUE(check.ok()) << check.messages;
    EXPECT_NE(check.messages.find("[warn]"), std::string::npos);
    EXPECT_NE(check.messages.find("scirpt-src"), std::string::npos) << check.messages;
}

class CspMistake : public testing::TestWithParam<Mistake> {};
TEST_P(CspMistake, NamesDirectiveValueAndRemedy) {
    expect_mistake(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Table, CspMistake,
    testing::Values(
        Mistake{"sallyport_csp;", "sallyport_csp", "invalid number of arguments", ""},
        Mistake{"sallyport_csp script-src;", "sallyport_csp", "script-src", "'none'"},
        Mistake{"sallyport_csp off; sallyport_csp off;", "sallyport_csp", "twice", "keep one"},
        Mistake{"sallyport_csp img-src a; sallyport_csp img-src b;", "sallyport_csp", "\"img-src\"",
                "keep one"},
        Mistake{"sallyport_csp imgSrc a;", "sallyport_csp", "\"imgSrc\"", "not a directive name"},
        Mistake{"sallyport_csp img-src \"a; script-src *\";", "sallyport_csp", "img-src",
                "separator"},
        Mistake{"sallyport_csp img-src a,b;", "sallyport_csp", "img-src", "separator"},
        Mistake{"sallyport_csp img-src 'none' a;", "sallyport_csp", "'none'", "other sources"},
        Mistake{"sallyport_csp script-src 'strict-dynamic';", "sallyport_csp", "'strict-dynamic'",
                "add nonce"},
        Mistake{"sallyport_csp img-src off now;", "sallyport_csp", "\"off\"",
                "default-src off dangerously"},
        Mistake{"sallyport_csp img-src off dangerously;", "sallyport_csp", "\"off\"",
                "default-src off dangerously"},
        Mistake{"sallyport_csp img-src 'self';", "sallyport_csp", "default-src",
                "sallyport_csp default-src 'none'"},
        Mistake{"sallyport_headers helmet; sallyport_csp default-src off;", "sallyport_csp",
                "default-src", "dangerously"},
        Mistake{"sallyport_csp off; sallyport_csp img-src off;", "sallyport_csp", "no directives",
                "sallyport_csp off"},
        Mistake{"sallyport_csp default-src 'self'; sallyport_header Content-Security-Policy "
                "\"default-src 'none'\";",
                "sallyport_csp", "Content-Security-Policy", "keep one"},
        Mistake{"sallyport_csp default-src $no_such_variable_;", "no_such_variable_", "unknown",
                ""},
        Mistake{"sallyport_csp_mode on;", "sallyport_csp_mode", "\"on\"",
                "off, report or enforce"}));

}  // namespace
}  // namespace sallyport::test
