// Explanations: the control endpoint and the command say the same, what they say is what happens,
// and asking consumes nothing.
#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/json.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/process.hpp"

#include <gtest/gtest.h>

namespace sallyport::test {
namespace {

constexpr std::string_view kConf = R"(
    sallyport_ip_list office 192.0.2.0/24;
    sallyport_ip_list blocked 198.51.100.0/24;
    sallyport_deny blocked;
    sallyport_headers api;
    sallyport_limit three rate=3r/h burst=3;
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name _;
        location / { empty_gif; }
        location /_sallyport/ { sallyport_control; }
        location /limited/ { sallyport_rate_limit three; empty_gif; }
        location /watched/ { sallyport_rate_limit three report; empty_gif; }
        location /office/ { sallyport_allow office; empty_gif;
            location /office/open/ { sallyport_allow all; empty_gif; } }
        location /reported/ { sallyport_ip_mode report; sallyport_allow office; empty_gif; }
        location = /exact { sallyport_deny all; empty_gif; }
        location ~ ^/regex/(\d+)$ { sallyport_deny all; empty_gif; }
        location ^~ /regex/noregex/ { empty_gif; }
        location /cors/ { sallyport_cors origins=https://a.example unmatched=deny; empty_gif; }
        location /tls/ { sallyport_tls_policy modern; empty_gif; }
        location /slash/ { sallyport_deny all; proxy_pass http://127.0.0.1:1; }
        location /inside/ { internal; sallyport_deny all; empty_gif; }
        location /hook { sallyport_webhook github; sallyport_webhook_secret file:%%DIR%%/hook.key;
            empty_gif; }
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name other.test *.wild.test;
        location / { sallyport_deny all; empty_gif; }
    }
    server {
        listen 127.0.0.1:%%PORT_TLS%% ssl;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        location / { sallyport_tls_policy modern; empty_gif; }
    }
)";

NginxOptions options() {
    NginxOptions out;
    out.files = {{"hook.key", "It's a Secret to Everybody"}};
    return out;
}

Json ask(const NginxServer& nginx, const Json& what, int status = 200) {
    const auto response = send({.url = nginx.url("/_sallyport/explain"),
                                .method = "POST",
                                .headers = {{"Content-Type", "application/json"}},
                                .body = what.dump()});
    EXPECT_EQ(response.status, status) << response.body << response.error;
    const auto parsed = Json::parse(response.body);
    EXPECT_TRUE(parsed.ok()) << response.body;
    return parsed.ok() ? *parsed : Json();
}

Json about(const std::string& url, const char* address, const char* method = "GET") {
    return Json::object({{"url", Json::string(url)},
                         {"address", Json::string(address)},
                         {"method", Json::string(method)}});
}

TEST(Explain, NamesTheLocationTheRuleAndTheReason) {
    NginxServer nginx(kConf, options());
    const std::string base = "http://gateway.test:" + std::to_string(nginx.port());
    const std::string other = "http://other.test:" + std::to_string(nginx.port());
    const std::string wild = "http://a.WILD.test.:" + std::to_string(nginx.port());
    const struct {
        std::string url;
        const char* address;
        const char* location;
        const char* verdict;
        const char* reason;
        const char* rule;
    } rows[] = {
        {base + "/", "203.0.113.1", "/", "allow", "", ""},
        {base, "203.0.113.1", "/", "allow", "", ""},
        {base + "/?q=/office/", "203.0.113.1", "/", "allow", "", ""},
        {base + "/", "198.51.100.9", "/", "deny", "ip_denied", "blocked"},
        {base + "/", "::ffff:198.51.100.9", "/", "deny", "ip_denied", "blocked"},
        {base + "/office/x", "203.0.113.1", "/office/", "deny", "ip_not_allowed",
         "sallyport_allow"},
        {base + "/a/../office//x", "203.0.113.1", "/office/", "deny", "ip_not_allowed",
         "sallyport_allow"},
        {base + "/%6fffice/x", "203.0.113.1", "/office/", "deny", "ip_not_allowed",
         "sallyport_allow"},
        {base + "/office/x", "192.0.2.77", "/office/", "allow", "", ""},
        {base + "/office/open/x", "203.0.113.1", "/office/open/", "allow", "", ""},
        {base + "/office/x", "unix:", "/office/", "deny", "ip_not_allowed", "sallyport_allow"},
        {base + "/reported/", "203.0.113.1", "/reported/", "allow", "", ""},
        {base + "/exact", "203.0.113.1", "/exact", "deny", "ip_denied", "sallyport_deny"},
        {base + "/exact/", "203.0.113.1", "/", "allow", "", ""},
        {base + "/regex/12", "203.0.113.1", "^/regex/(\\d+)$", "deny", "ip_denied",
         "sallyport_deny"},
        {base + "/regex/noregex/12", "203.0.113.1", "/regex/noregex/", "allow", "", ""},
        {base + "/tls/", "203.0.113.1", "/tls/", "deny", "tls_required", "modern"},
        // nginx answers these itself (301, 404) before a rule of the location is asked.
        {base + "/slash", "203.0.113.1", "/slash/", "allow", "", ""},
        {base + "/slash/", "203.0.113.1", "/slash/", "deny", "ip_denied", "sallyport_deny"},
        {base + "/inside/", "203.0.113.1", "/inside/", "allow", "", ""},
        {other + "/", "203.0.113.1", "/", "deny", "ip_denied", "sallyport_deny"},
        {wild + "/", "203.0.113.1", "/", "deny", "ip_denied", "sallyport_deny"},
    };
    for (const auto& row : rows) {
        const Json answer = ask(nginx, about(row.url, row.address));
        EXPECT_EQ(answer["location"]["name"].text_or(""), row.location) << row.url;
        EXPECT_EQ(answer["verdict"].text_or(""), row.verdict) << row.url << answer.dump();
        EXPECT_EQ(answer["decision"]["reason"].text_or(""), row.reason) << row.url;
        EXPECT_EQ(answer["decision"]["rule"].text_or(""), row.rule) << row.url;
    }
    const auto status = [&](const char* path) {
        return send({.url = nginx.url(path), .headers = {{"Host", "gateway.test"}}}).status;
    };
    EXPECT_EQ(status("/slash"), 301);
    EXPECT_EQ(status("/slash/"), 403);
    EXPECT_EQ(status("/inside/"), 404);
}

Json facts_of(const Json& answer, std::string_view feature, std::string_view stage) {
    Json found;
    answer["steps"].each_element([&](const Json& step) {
        if (step["feature"].text() == feature && step["stage"].text() == stage) {
            found = step["facts"];
        }
    });
    return found;
}

TEST(Explain, ShowsKeyAndRemainderAndConsumesNothing) {
    NginxServer nginx(kConf, options());
    const Json what = about(nginx.url("/limited/"), "127.0.0.1");
    for (int i = 0; i < 5; ++i) {
        const Json fact = facts_of(ask(nginx, what), "rate_limit", "counting").at(0);
        EXPECT_EQ(fact["limit"].text(), "three");
        EXPECT_EQ(fact["key"].text(), "$sallyport_client_ip");
        EXPECT_EQ(fact["value"].text(), "127.0.0.1");
        EXPECT_EQ(fact["remaining"].integer_or(-1), 2);
        EXPECT_TRUE(fact["admits"].is_true());
    }
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(get(nginx.url("/limited/")).status, 200);
    }
    const Json answer = ask(nginx, what);
    EXPECT_EQ(answer["verdict"].text(), "deny");
    EXPECT_EQ(answer["by"].text(), "rate_limit");
    EXPECT_EQ(answer["decision"]["reason"].text(), "rate_limited");
    EXPECT_GT(answer["decision"]["retry_after_s"].integer_or(0), 0);
    EXPECT_EQ(facts_of(answer, "rate_limit", "counting").at(0)["remaining"].integer_or(-1), 0);
    EXPECT_EQ(ask(nginx, about(nginx.url("/limited/"), "203.0.113.7"))["verdict"].text(), "allow");
    const Json watched = ask(nginx, about(nginx.url("/watched/"), "127.0.0.1"));
    EXPECT_EQ(watched["verdict"].text(), "allow");
    EXPECT_NE(watched.dump().find("\"mode\":\"report\""), std::string::npos) << watched.dump();
    EXPECT_EQ(get(nginx.url("/limited/")).status, 429);
}

TEST(Explain, IPv6KeysAreTheirNetworks) {
    NginxServer nginx(kConf, options());
    const Json fact = facts_of(ask(nginx, about(nginx.url("/limited/"), "2001:db8:1:2:3::4")),
                               "rate_limit", "counting")
                          .at(0);
    EXPECT_EQ(fact["value"].text_or(""), "2001:db8:1:2::") << fact.dump();
}

TEST(Explain, JudgesSignatures) {
    NginxServer nginx(kConf, options());
    Json what = about(nginx.url("/hook"), "127.0.0.1", "POST");
    EXPECT_EQ(ask(nginx, what)["decision"]["reason"].text(), "webhook_signature_missing");
    const auto with_signature = [&](std::string_view signature) {
        Json headers = Json::array();
        for (const auto& [name, value] :
             {std::pair<std::string_view, std::string>("X-Hub-Signature-256",
                                                       "sha256=" + std::string(signature)),
              std::pair<std::string_view, std::string>("X-GitHub-Delivery", "d-1")}) {
            Json pair = Json::array();
            pair.append(Json::string(name));
            pair.append(Json::string(value));
            headers.append(pair);
        }
        what.set("headers", headers);
    };
    with_signature("757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
    EXPECT_EQ(ask(nginx, what)["verdict"].text(), "allow") << "only the head is known";
    what.set("body", Json::string("Hello, World!"));
    EXPECT_EQ(ask(nginx, what)["verdict"].text(), "allow");
    what.set("body", Json::string("Hello, World?"));
    EXPECT_EQ(ask(nginx, what)["decision"]["reason"].text(), "webhook_signature_invalid");
}

TEST(Explain, KnowsOriginsAndPreflights) {
    NginxServer nginx(kConf, options());
    const std::string url = nginx.url("/cors/");
    const struct {
        const char* method;
        const char* origin;
        const char* verdict;
        const char* reason;
    } rows[] = {
        {"GET", "https://a.example", "allow", ""},
        {"GET", "https://evil.example", "deny", "cors_origin_denied"},
        {"OPTIONS", "https://a.example", "answer", "cors_preflight"},
        {"OPTIONS", "https://evil.example", "deny", "cors_origin_denied"},
    };
    for (const auto& row : rows) {
        Json what = about(url, "127.0.0.1", row.method);
        Json headers = Json::array();
        Json pair = Json::array();
        pair.append(Json::string("Origin"));
        pair.append(Json::string(row.origin));
        headers.append(pair);
        what.set("headers", headers);
        const Json answer = ask(nginx, what);
        EXPECT_EQ(answer["verdict"].text(), row.verdict) << answer.dump();
        EXPECT_EQ(answer["decision"]["reason"].text_or(""), row.reason) << answer.dump();
        const auto real =
            send({.url = url, .method = row.method, .headers = {{"Origin", row.origin}}});
        const bool refused = std::string_view(row.verdict) == "deny";
        EXPECT_EQ(real.status == 403, refused) << row.method << row.origin;
    }
}

TEST(Explain, KnowsTlsVersions) {
    NginxServer nginx(kConf, options());
    Json what = about(nginx.tls_url("/"), "127.0.0.1");
    EXPECT_EQ(ask(nginx, what)["verdict"].text(), "allow");
    what.set("tls", Json::string("TLSv1.2"));
    EXPECT_EQ(ask(nginx, what)["decision"]["reason"].text(), "tls_version_too_old");
}

TEST(Explain, ShowsTheHeadersOfTheResponse) {
    NginxServer nginx(kConf, options());
    const std::string text =
        ask(nginx, about(nginx.url("/"), "127.0.0.1"))["response_headers"].dump();
    EXPECT_NE(text.find("[\"X-Content-Type-Options\",\"nosniff\"]"), std::string::npos) << text;
}

TEST(Explain, SaysWhatIsWrongWithADescription) {
    NginxServer nginx(kConf, options());
    const struct {
        const char* description;
        const char* piece;
    } rows[] = {
        {R"({})", "url must be absolute"},
        {R"({"url":"/x","address":"127.0.0.1"})", "url must be absolute"},
        {R"({"url":"ftp://h/","address":"127.0.0.1"})", "url must be absolute"},
        {R"({"url":"http://h:1/","address":"127.0.0.1"})", "no server listens on port 1"},
        {R"({"url":"http://h/","listen":"PORT"})", "address must be"},
        {R"({"url":"http://h/","listen":"PORT","address":"010.0.0.1"})", "address must be"},
        {R"({"url":"http://h/","listen":"PORT","address":"::1","method":"get"})", "upper-case"},
        {R"({"url":"http://h/","listen":"PORT","address":"::1","method":"TRACE"})",
         "TRACE with 405"},
        {R"({"url":"http://h/","listen":"PORT","address":"::1","method":"CONNECT"})", "with 405"},
        {R"({"url":"http://h/../../x","listen":"PORT","address":"::1"})", "refuses with 400"},
        {R"({"url":"http://h/%00","listen":"PORT","address":"::1"})", "refuses with 400"},
        {R"({"url":"http://h/","listen":"PORT","address":"::1","headers":{}})", "list of at most"},
        {R"({"url":"http://h/","listen":"PORT","address":"::1","headers":[["a b","c"]]})",
         "not a field"},
        {R"({"url":"http://h/","listen":"PORT","address":"::1","headers":[["a","c\r\nd: e"]]})",
         "not a field"},
        {R"({"url":"http://h/","listen":"PORT","address":"::1","tls":"SSLv3"})", "TLSv1.2"},
        {R"({"url":"http://h/","ip":"::1"})", "\"ip\" is unknown"},
        {R"({"url":"http://h/","listen":0,"address":"::1"})", "listen must be a port"},
        {R"({"url":"http://h/","listen":65536,"address":"::1"})", "listen must be a port"},
        {R"({"url":"http://h/","listen":80.5,"address":"::1"})", "listen must be a port"},
        {R"({"url":"http://h/","listen":["80"],"address":"::1"})", "listen must be a port"},
        {R"({"url":7,"address":"::1"})", "url must be a text"},
    };
    for (const auto& row : rows) {
        std::string text = row.description;
        if (const std::size_t at = text.find("PORT"); at != std::string::npos) {
            text.replace(at, 4, std::to_string(nginx.port()));
        }
        const Json answer = ask(nginx, *Json::parse(text), 400);
        EXPECT_NE(answer["detail"].text_or("").find(row.piece), std::string::npos)
            << text << answer.dump();
    }
}

TEST(Explain, ThePortIsANumberOrAText) {
    NginxServer nginx(kConf, options());
    const std::string port = std::to_string(nginx.port());
    std::string answers[2];
    for (const bool quoted : {false, true}) {
        Json what = about("http://a.test/", "127.0.0.1");
        what.set("listen", quoted ? Json::string(port) : Json::integer(nginx.port()));
        const Json answer = ask(nginx, what);
        EXPECT_TRUE(answer["request"]["listen"].text().ends_with(":" + port)) << answer.dump();
        answers[quoted ? 1 : 0] = answer.dump();
    }
    EXPECT_EQ(answers[0], answers[1]);
}

TEST(Explain, OrdersAreJsonAndSmall) {
    NginxServer nginx(kConf, options());
    const auto post = [&](const char* type, std::string body) {
        return send({.url = nginx.url("/_sallyport/explain"),
                     .method = "POST",
                     .headers = {{"Content-Type", type}},
                     .body = std::move(body)})
            .status;
    };
    EXPECT_EQ(post("text/plain", "{}"), 415);
    EXPECT_EQ(post("application/x-www-form-urlencoded", "a=b"), 415);
    EXPECT_EQ(post("application/json", "[]"), 400);
    EXPECT_EQ(post("application/json", "{"), 400);
    EXPECT_EQ(post("application/json", std::string(300 * 1024, ' ')), 413);
}

CommandResult run_cli(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT));
    return run_command(arguments);
}

TEST(Explain, TheCommandSaysTheSame) {
    NginxServer nginx(kConf, options());
    const std::string conf = nginx.dir().path("nginx.conf");
    for (const char* path : {"/", "/office/x", "/limited/", "/exact", "/hook", "/tls/"}) {
        const std::vector<std::string> request = {
            "--url", nginx.url(path), "--ip", "203.0.113.5", "-H", "X-A: b", "--method", "POST"};
        std::vector<std::string> offline = {"explain",          "--conf",  conf,        "--prefix",
                                            nginx.dir().path(), "--nginx", nginx_path()};
        offline.insert(offline.end(), request.begin(), request.end());
        std::vector<std::string> online = {"explain", "--control", nginx.url("/_sallyport/")};
        online.insert(online.end(), request.begin(), request.end());
        const auto from_conf = run_cli(offline);
        const auto from_control = run_cli(online);
        EXPECT_EQ(from_conf.exit_code, 0) << from_conf.output;
        EXPECT_EQ(from_control.exit_code, 0) << from_control.output;
        EXPECT_EQ(from_conf.output, from_control.output) << path;
        EXPECT_TRUE(Json::parse(from_conf.output).ok()) << from_conf.output;
    }
}

TEST(Explain, TheCommandSaysWhatIsWrong) {
    NginxServer nginx(kConf, options());
    const std::string conf = nginx.dir().path("nginx.conf");
    const struct {
        std::vector<std::string> arguments;
        int exit_code;
        const char* piece;
    } rows[] = {
        {{"explain", "--url", "http://h/"}, 2, "either --conf"},
        {{"explain", "--conf", conf}, 2, "--url"},
        {{"explain", "--conf", "/none", "--url", "http://h/", "--nginx", nginx_path()},
         1,
         "does not accept"},
        {{"explain", "--conf", conf, "--url", "http://h:1/", "--nginx", nginx_path()},
         2,
         "no server listens"},
        {{"explain", "--conf", conf, "--url", "http://h/", "--nginx", "/none"}, 1, "not accept"},
        {{"explain", "--control", "http://127.0.0.1:1/", "--url", "http://h/"}, 1, "127.0.0.1:1"},
        {{"explain", "--control", nginx.url("/_sallyport/"), "--url", "http://h:1/"},
         1,
         "answered 400: no server listens"},
        {{"explain", "--control", nginx.url("/_sallyport/"), "--url", "http://h/", "-H", "bad"},
         2,
         "Name: value"},
    };
    for (const auto& row : rows) {
        const auto result = run_cli(row.arguments);
        EXPECT_EQ(result.exit_code, row.exit_code) << result.output;
        EXPECT_NE(result.output.find(row.piece), std::string::npos) << result.output;
    }
}

}  // namespace
}  // namespace sallyport::test
