// Bans against real nginx. A request on a kept connection is logged before the next one is read, so
// counting is exact; across connections tests wait for what they expect.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/mistakes.hpp"

#include <gtest/gtest.h>

namespace sallyport::test {
namespace {

constexpr std::string_view kConf = R"(
    sallyport_decision_log %%DIR%%/decisions.log refused;
    sallyport_ban guess on=401,403,webhook after=3 within=1m for=1h;
    sallyport_ban scan on=404 after=5 within=1m for=1h;
    sallyport_ip_list spared 127.7.0.0/16;
    sallyport_ban_exempt 127.0.0.50 127.5.0.0/16 spared;
    server {
        listen 127.0.0.1:%%PORT%%;
        location / { return 200 in; }
        location /401 { return 401; }
        location /403 { return 403; }
        location /404 { return 404; }
        location /500 { return 500; }
        location /page/ { error_page 401 = @page; sallyport_ban page on=401 after=2 by=address; proxy_pass http://%%UPSTREAM%%; proxy_intercept_errors on; }
        location @page { sallyport_ban off; return 401 "sign in"; }
        location /free/ { sallyport_ban off; return 401; }
        location /sign-in { sallyport_ban sign_in on=400 after=2 within=1m for=1h; return 400; }
    }
    server {
        listen 127.0.0.1:%%PORT_OTHER%%;
        return 200 other;
    }
    server {
        listen 127.0.0.1:%%PORT_REPORT%%;
        sallyport_ban_mode report;
        return 200 "in $sallyport_reason $sallyport_rule";
    }
    server {
        listen 127.0.0.1:%%PORT_OFF%%;
        sallyport_ban_mode off;
        return 401;
    }
)";

// A client of one address, on connections that are kept.
class Client {
  public:
    Client(const NginxServer& nginx, std::string from) : nginx_(nginx), from_(std::move(from)) {}

    HttpResponse get(const std::string& path, const std::string& port = "PORT",
                     HeaderList headers = {}) {
        return client_.send(
            {.url = nginx_.url(path, port), .headers = std::move(headers), .local_address = from_});
    }
    int status(const std::string& path, const std::string& port = "PORT", HeaderList headers = {}) {
        return get(path, port, std::move(headers)).status;
    }
    bool banned(const std::string& port = "PORT_OTHER") {
        const auto response = get("/", port);
        return response.status == 403 && response.body.find("banned") != std::string::npos;
    }

  private:
    const NginxServer& nginx_;
    std::string from_;
    HttpClient client_;
};

class Ban : public testing::Test {
  protected:
    Upstream upstream_{[](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.status = 401;
        return reply;
    }};
    NginxOptions options(int workers = 1) {
        NginxOptions options;
        options.variables = {{"UPSTREAM", upstream_.address()}};
        options.workers = workers;
        return options;
    }
};

TEST_F(Ban, ClosesEveryServerAfterTheThreshold) {
    NginxServer nginx(kConf, options());
    Client one(nginx, "127.0.0.21");
    Client two(nginx, "127.0.0.22");
    EXPECT_EQ(one.status("/401"), 401);
    EXPECT_EQ(one.status("/403"), 403);
    EXPECT_EQ(one.status("/"), 200);
    EXPECT_FALSE(one.banned());
    EXPECT_EQ(one.status("/401"), 401);
    EXPECT_TRUE(one.banned("PORT"));
    EXPECT_TRUE(one.banned("PORT_OTHER"));
    EXPECT_EQ(one.status("/", "PORT_OFF"), 401);
    EXPECT_EQ(one.get("/", "PORT_REPORT").body, "in banned guess");
    EXPECT_FALSE(two.banned());
    EXPECT_EQ(one.get("/").header("Content-Type"), "application/problem+json");

    const Json line = LogReader(nginx.dir().path("decisions.log")).wait_for([](const Json& json) {
        return json["reason"].text() == "banned";
    });
    EXPECT_EQ(line["feature"].text(), "ban");
    EXPECT_EQ(line["rule"].text(), "guess");
    EXPECT_NE(nginx.error_log().find("127.0.0.21 is banned for 3600 s"), std::string::npos);
}

TEST_F(Ban, CountsWhatItsRuleNames) {
    NginxServer nginx(kConf, options());
    Client scanner(nginx, "127.0.0.23");
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(scanner.status("/500"), 500);
        EXPECT_EQ(scanner.status("/free/"), 401);
    }
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(scanner.status("/404"), 404);
    }
    EXPECT_FALSE(scanner.banned());
    EXPECT_EQ(scanner.status("/404"), 404);
    EXPECT_TRUE(scanner.banned());

    Client location(nginx, "127.0.0.24");
    EXPECT_EQ(location.status("/sign-in"), 400);
    EXPECT_EQ(location.status("/sign-in"), 400);
    EXPECT_TRUE(location.banned());
}

TEST_F(Ban, CountsInTheLocationThatAnErrorPageLeft) {
    NginxServer nginx(kConf, options());
    Client client(nginx, "127.0.0.25");
    EXPECT_EQ(client.get("/page/").body, "sign in");
    EXPECT_FALSE(client.banned());
    EXPECT_EQ(client.get("/page/").body, "sign in");
    EXPECT_TRUE(client.banned());
}

TEST_F(Ban, SparesTheExempt) {
    NginxServer nginx(kConf, options());
    for (const char* from : {"127.0.0.50", "127.5.6.7", "127.7.0.1"}) {
        Client client(nginx, from);
        for (int i = 0; i < 6; ++i) {
            EXPECT_EQ(client.status("/401"), 401);
        }
        EXPECT_FALSE(client.banned()) << from;
    }
}

TEST_F(Ban, AllWorkersKnowItAndAReloadKeepsIt) {
    NginxServer nginx(kConf, options(2));
    Client client(nginx, "127.0.0.26");
    for (int i = 0; i < 3; ++i) {
        client.get("/401");
    }
    EXPECT_TRUE(wait_until([&] { return client.banned(); }));
    for (int i = 0; i < 8; ++i) {
        EXPECT_TRUE(Client(nginx, "127.0.0.26").banned());
    }
    ASSERT_TRUE(nginx.reload());
    EXPECT_TRUE(Client(nginx, "127.0.0.26").banned());
    ASSERT_TRUE(nginx.reload("sallyport_ban_zone size=8m;" + std::string(kConf)));
    EXPECT_TRUE(Client(nginx, "127.0.0.26").banned());
    EXPECT_FALSE(Client(nginx, "127.0.0.27").banned());
}

TEST_F(Ban, ByCredential) {
    NginxServer nginx(R"(
        sallyport_ban abuse by=credential on=401,403,404 after=2 within=1m for=1h;
        server {
            listen 127.0.0.1:%%PORT%%;
            location / { return 200 in; }
            location /401 { return 401; }
            location /403 { return 403; }
        }
    )");
    Client client(nginx, "127.0.0.31");
    const HeaderList alice = {{"Authorization", "Bearer alice-0123456789"}};
    const HeaderList bob = {{"X-API-Key", "bob-0123456789"}};
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(client.status("/401", "PORT", alice), 401);  // not accepted: not counted
    }
    EXPECT_EQ(client.status("/", "PORT", alice), 200);
    EXPECT_EQ(client.status("/403", "PORT", alice), 403);
    EXPECT_EQ(client.status("/", "PORT", alice), 200);
    EXPECT_EQ(client.status("/403", "PORT", alice), 403);
    EXPECT_EQ(client.status("/", "PORT", alice), 403);
    EXPECT_EQ(client.status("/", "PORT", bob), 200);
    EXPECT_EQ(client.status("/"), 200);
    Client elsewhere(nginx, "127.0.0.32");
    EXPECT_EQ(elsewhere.status("/", "PORT", alice), 403);
    EXPECT_EQ(nginx.error_log().find("alice-0123456789"), std::string::npos);
    EXPECT_NE(nginx.error_log().find("credential:"), std::string::npos);
}

TEST_F(Ban, FailedSignaturesAndASignInPath) {
    NginxOptions files = options();
    files.files = {{"github.key", "0123456789abcdef0123456789abcdef"}};
    NginxServer nginx(R"(
        sallyport_ban forged on=webhook after=2 within=1m for=1h;
        sallyport_ban sign_in path=/api/v1/authentication/sign-in on=401 after=2 for=1h;
        server {
            listen 127.0.0.1:%%PORT%%;
            location / { proxy_pass http://%%UPSTREAM%%; }
            location /hook {
                sallyport_webhook github;
                sallyport_webhook_secret file:%%DIR%%/github.key;
                proxy_pass http://%%UPSTREAM%%;
            }
        }
        server { listen 127.0.0.1:%%PORT_OTHER%%; return 200 other; }
    )",
                      files);
    Client forger(nginx, "127.0.0.41");
    EXPECT_EQ(forger.status("/hook"), 401);
    EXPECT_FALSE(forger.banned());
    EXPECT_EQ(forger.status("/hook", "PORT", {{"X-Hub-Signature-256", "sha256=00"}}), 401);
    EXPECT_TRUE(forger.banned());

    Client guesser(nginx, "127.0.0.42");
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(guesser.status("/api/v1/flows"), 401);
    }
    EXPECT_FALSE(guesser.banned());
    EXPECT_EQ(guesser.status("/api/v1/authentication/sign-in"), 401);
    EXPECT_FALSE(guesser.banned());
    EXPECT_EQ(guesser.status("/api/v1/authentication/sign-in?x=1"), 401);
    EXPECT_TRUE(guesser.banned());
}

TEST_F(Ban, TheIncludeOfConfD) {
    NginxOptions files;
    files.files["ban.conf"] = read_file(std::string(SALLYPORT_CONF_D) + "/ban.conf");
    NginxServer nginx(R"(
        include ban.conf;
        server { listen 127.0.0.1:%%PORT%%; location / { return 200 in; } location /403 { return 403; } }
        server { listen 127.0.0.1:%%PORT_OTHER%%; return 200 other; }
    )",
                      files);
    Client client(nginx, "127.0.0.43");
    for (int i = 0; i < 100 && !client.banned(); ++i) {
        client.get("/403");
    }
    EXPECT_TRUE(client.banned());
}

// A client that makes a believed proxy pass on rubbish must not get the proxy banned.
TEST_F(Ban, AProxyIsNotBannedForItsClients) {
    NginxServer nginx(R"(
        sallyport_trust_proxy 127.0.0.1/32;
        sallyport_ban guess on=401 after=2 for=1h;
        server { listen 127.0.0.1:%%PORT%%; location / { return 200 in; } location /401 { return 401; } }
    )");
    Client proxy(nginx, "127.0.0.1");
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(proxy.status("/401", "PORT", {{"X-Forwarded-For", "rubbish"}}), 401);
    }
    EXPECT_EQ(proxy.status("/", "PORT", {{"X-Forwarded-For", "192.0.2.1"}}), 200);
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(proxy.status("/401", "PORT", {{"X-Forwarded-For", "192.0.2.1"}}), 401);
    }
    EXPECT_EQ(proxy.status("/", "PORT", {{"X-Forwarded-For", "192.0.2.1"}}), 403);
    EXPECT_EQ(proxy.status("/", "PORT", {{"X-Forwarded-For", "192.0.2.2"}}), 200);
}

constexpr std::string_view kControlled = R"(
    sallyport_ban guess on=401 by=address,credential after=2 within=1m for=1h;
    sallyport_ban steal on=403 by=credential after=2 within=1m for=1h;
    server {
        listen 127.0.0.1:%%PORT%%;
        location / { return 200 in; }
        location /401 { return 401; }
        location /403 { return 403; }
    }
    server { listen 127.0.0.1:%%PORT_OTHER%%; return 200 other; }
    server {
        listen 127.0.0.1:%%PORT_CONTROL%%;
        sallyport_ban_mode off;
        location / { sallyport_control; }
    }
)";

HttpResponse control(const NginxServer& nginx, const char* method, const std::string& path,
                     std::string body = "") {
    HttpRequest request{.url = nginx.url(path, "PORT_CONTROL"), .method = method};
    if (!body.empty()) {
        request.headers = {{"Content-Type", "application/json"}};
        request.body = body;
    }
    return send(request);
}

TEST_F(Ban, TheControlLocationShowsMakesAndLiftsThemForAllWorkers) {
    NginxServer nginx(kControlled, options(3));
    Client client(nginx, "127.0.0.61");
    client.get("/401");
    client.get("/401");
    EXPECT_TRUE(wait_until([&] { return client.banned(); }));
    const auto listed = control(nginx, "GET", "/bans");
    EXPECT_EQ(listed.status, 200) << listed.body;
    const auto json = Json::parse(listed.body);
    ASSERT_TRUE(json.ok()) << listed.body;
    ASSERT_EQ((*json)["bans"].size(), 1u);
    EXPECT_EQ((*json)["bans"].at(0)["subject"].text(), "127.0.0.61");
    EXPECT_EQ((*json)["bans"].at(0)["rule"].text(), "guess");
    EXPECT_EQ((*json)["bans"].at(0)["state"].text(), "banned");
    EXPECT_EQ((*json)["bans"].at(0)["count"].integer_or(0), 2);
    EXPECT_GT((*json)["bans"].at(0)["remaining_s"].integer_or(0), 3000);
    EXPECT_EQ(control(nginx, "DELETE", "/bans?subject=127.0.0.61").status, 200);
    EXPECT_EQ(control(nginx, "DELETE", "/bans?subject=127.0.0.61").status, 404);
    for (int i = 0; i < 9; ++i) {  // whichever worker answers
        EXPECT_FALSE(Client(nginx, "127.0.0.61").banned());
    }

    EXPECT_EQ(control(nginx, "POST", "/bans", R"({"subject":"127.0.0.62","for":"ever"})").status,
              200);
    for (int i = 0; i < 9; ++i) {
        EXPECT_TRUE(Client(nginx, "127.0.0.62").banned());
    }
    EXPECT_NE(control(nginx, "GET", "/bans?max=1").body.find("\"remaining_s\":\"ever\""),
              std::string::npos);
    EXPECT_EQ(control(nginx, "POST", "/bans", R"({"subject":"127.0.0.62","allow":true})").status,
              200);
    Client allowed(nginx, "127.0.0.62");
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(allowed.status("/401"), 401);
    }
    EXPECT_FALSE(allowed.banned());
    EXPECT_EQ(control(nginx, "GET", "/bans?skip=1").body.find("127.0.0.62"), std::string::npos);
    EXPECT_NE(control(nginx, "GET", "/metrics").body.find("sallyport_ban_allowances 1"),
              std::string::npos);
    EXPECT_NE(nginx.error_log().find("control: allowed 127.0.0.62"), std::string::npos);
}

TEST_F(Ban, TheControlLocationTakesACredentialByItsValue) {
    NginxServer nginx(kControlled, options());
    const HeaderList alice = {{"Authorization", "Bearer alice-0123456789"}};
    const auto allow =
        control(nginx, "POST", "/bans", R"({"credential":"Bearer alice-0123456789","allow":true})");
    EXPECT_EQ(allow.status, 200) << allow.body;
    EXPECT_NE(allow.body.find("\"credential:"), std::string::npos) << allow.body;
    Client client(nginx, "127.0.0.63");
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(client.status("/403", "PORT", alice), 403);
    }
    EXPECT_EQ(client.status("/", "PORT", alice), 200);
    EXPECT_EQ(
        control(nginx, "POST", "/bans", R"({"credential":"Bearer bob-0123456789","for":"1h"})")
            .status,
        200);
    EXPECT_EQ(client.status("/", "PORT", {{"Authorization", "Bearer bob-0123456789"}}), 403);
    EXPECT_EQ(control(nginx, "GET", "/bans").body.find("0123456789\""), std::string::npos);
    EXPECT_EQ(nginx.error_log().find("bob-0123456789"), std::string::npos);
}

TEST_F(Ban, TheControlLocationSaysWhatIsWrong) {
    NginxServer nginx(kControlled, options());
    const struct {
        const char* body;
        const char* message;
    } wrong[] = {
        {R"({"for":"1h"})", "subject"},
        {R"({"subject":"127.0.0.1","credential":"x","for":"1h"})", "either"},
        {R"({"credential":"","for":"1h"})", "empty"},
        {R"({"subject":"10.0.0.0/8","for":"1h"})", "sallyport_deny"},
        {R"({"subject":"127.0.0.1"})", "write either"},
        {R"({"subject":"127.0.0.1","for":"1h","allow":true})", "write either"},
        {R"({"subject":"127.0.0.1","for":"soon"})", "a time such as"},
        {R"({"subject":"127.0.0.1","for":"0s"})", "a time such as"},
    };
    for (const auto& row : wrong) {
        const auto response = control(nginx, "POST", "/bans", row.body);
        EXPECT_EQ(response.status, 400) << row.body;
        EXPECT_NE(response.body.find(row.message), std::string::npos) << response.body;
    }
    EXPECT_EQ(control(nginx, "GET", "/bans?max=5000").status, 400);
    EXPECT_EQ(control(nginx, "GET", "/bans?skip=x").status, 400);
    EXPECT_EQ(control(nginx, "DELETE", "/bans").status, 400);
    EXPECT_EQ(control(nginx, "PUT", "/bans").header("Allow"), "GET, POST, DELETE");
    NginxServer none(R"(
        server { listen 127.0.0.1:%%PORT_CONTROL%%; location / { sallyport_control; } }
    )");
    EXPECT_EQ(control(none, "GET", "/bans").status, 404);
}

TEST_F(Ban, TheCommandLineDoesTheSame) {
    NginxServer nginx(kControlled, options(2));
    const std::string url = nginx.url("/", "PORT_CONTROL");
    const auto ban = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(),
                         {environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT), "ban"});
        arguments.insert(arguments.end(), {"--control", url});
        return run_command(arguments);
    };
    EXPECT_EQ(ban({"add", "127.0.0.64", "--for", "1h"}).output, "127.0.0.64 is banned\n");
    EXPECT_TRUE(Client(nginx, "127.0.0.64").banned());
    EXPECT_NE(ban({"list"}).output.find("control          127.0.0.64\n"), std::string::npos);
    EXPECT_EQ(ban({"allow", "2001:db8::7"}).output, "2001:db8::/64 is allowed\n");
    EXPECT_EQ(ban({"lift", "2001:db8::/64"}).output, "2001:db8::/64 is free\n");
    EXPECT_EQ(ban({"lift", "127.0.0.64"}).exit_code, 0);
    EXPECT_FALSE(Client(nginx, "127.0.0.64").banned());
    EXPECT_EQ(ban({"lift", "127.0.0.64"}).exit_code, 1);
    EXPECT_EQ(ban({"add", "--for", "1h"}).exit_code, 2);
}

class BanMistake : public testing::TestWithParam<Mistake> {};
TEST_P(BanMistake, NamesDirectiveValueAndRemedy) {
    expect_mistake(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Table, BanMistake,
    testing::Values(
        Mistake{"sallyport_ban;", "sallyport_ban", "invalid number of arguments", ""},
        Mistake{"sallyport_ban a.b;", "sallyport_ban", "\"a.b\"", "letters, digits"},
        Mistake{"sallyport_ban a on=200;", "sallyport_ban", "\"200\"", "400 to 527"},
        Mistake{"sallyport_ban a after=0;", "sallyport_ban", "\"0\"", "1 to 1000000"},
        Mistake{"sallyport_ban a for=1h,1m;", "sallyport_ban", "\"1m\"", "rising times"},
        Mistake{"sallyport_ban a; sallyport_ban a;", "sallyport_ban", "\"a\"", "another name"},
        Mistake{"sallyport_ban off now;", "sallyport_ban", "\"now\"", "remove"},
        Mistake{"sallyport_ban_zone size=1k;", "sallyport_ban_zone", "\"1k\"", "128k to 1g"},
        Mistake{"sallyport_ban_zone ipv4=8;", "sallyport_ban_zone", "\"8\"", "16 to 32"},
        Mistake{"sallyport_ban_zone ipv6=129;", "sallyport_ban_zone", "\"129\"", "32 to 128"},
        Mistake{"sallyport_ban_zone 4m;", "sallyport_ban_zone", "\"4m\"", "write size="},
        Mistake{"sallyport_ban_zone ipv4=24; sallyport_ban_zone ipv4=24;", "sallyport_ban_zone",
                "twice", "keep one"},
        Mistake{"server { sallyport_ban_zone ipv4=24; }", "sallyport_ban_zone", "not allowed here",
                ""},
        Mistake{"sallyport_ban_exempt nobody;", "sallyport_ban_exempt", "\"nobody\"",
                "never banned"},
        Mistake{"sallyport_ban_credential X:Y;", "sallyport_ban_credential", "\"X:Y\"",
                "a header's name"},
        Mistake{"sallyport_ban_credential A; sallyport_ban_credential B;",
                "sallyport_ban_credential", "twice", "in one"},
        Mistake{"sallyport_ban_credential A B C D E F G H I;", "sallyport_ban_credential", "\"I\"",
                "8 are the limit"},
        Mistake{"sallyport_ban_mode maybe;", "sallyport_ban_mode", "maybe",
                "off, report or enforce"},
        Mistake{"sallyport_ban a; server { error_page 403 =200 /x; }", "ban", "error_page 403 =200",
                "leave out"}));

}  // namespace
}  // namespace sallyport::test
