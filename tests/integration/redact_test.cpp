// Redaction against real nginx: canary secrets in every place that logs show, and none in any log.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/fixtures/wait.hpp"
#include "tests/integration/mistakes.hpp"

#include <gtest/gtest.h>

namespace sallyport::test {
namespace {

constexpr const char* kKey = "0123456789abcdef0123456789abcdef\n";
constexpr const char* kCanary = "CANARY-7f3a91";

constexpr std::string_view kConf = R"(
    sallyport_redact args=shopkey headers=X-Customer keep=page_token paths=/mcp/*/sse,/reset/*;
    sallyport_redact_key pseudonyms.key;
    sallyport_decision_log decisions.log;
    log_format mine 'L|$sallyport_request|$sallyport_request_uri|$sallyport_args|$sallyport_referer'
                    '|$sallyport_uri|$sallyport_http_authorization|$sallyport_http_cookie'
                    '|$sallyport_http_x_customer|$sallyport_http_x_hub_signature_256'
                    '|$sallyport_http_user_agent|$sallyport_sent_http_set_cookie'
                    '|$sallyport_sent_http_location|';
    access_log mine.log mine;
    error_log %%DIR%%/error.log info;
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT_TLS%% ssl http2;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        location / { proxy_pass http://%%UPSTREAM%%; }
        location /down/ { proxy_pass http://127.0.0.1:%%PORT_NOBODY%%; }
        location /file/ { root %%DIR%%/none; }
        location /raw/ { sallyport_redact off; proxy_pass http://%%UPSTREAM%%; }
        location /denied/ { sallyport_deny all; return 200; }
        location /more/ { sallyport_redact args=extra; proxy_pass http://%%UPSTREAM%%; }
    }
)";

class Redact : public testing::Test {
  protected:
    Upstream upstream_{[](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.headers = {{"Content-Type", "text/plain"},
                         {"Set-Cookie", "id=CANARY-7f3a91; Path=/; HttpOnly"},
                         {"Location", "https://a.example/cb?code=CANARY-7f3a91&state=ok"}};
        return reply;
    }};
    std::unique_ptr<NginxServer> nginx_;

    void SetUp() override {
        std::string conf(kConf);
        NginxOptions options;
        options.variables = {{"UPSTREAM", upstream_.address()}};
        options.files = {{"pseudonyms.key", kKey}};
        nginx_ = std::make_unique<NginxServer>(conf, options);
    }
    std::string line_of(const HttpRequest& request, const char* piece) {
        const auto response = send(request);
        EXPECT_NE(response.status, 0) << response.error;
        std::string line;
        EXPECT_TRUE(wait_until([&] {
            const std::string log = nginx_->dir().read("mine.log");
            const std::size_t at = log.rfind(piece);
            if (at == std::string::npos || log.find('\n', at) == std::string::npos) {
                return false;
            }
            const std::size_t begin = log.rfind('\n', at) + 1;
            line = log.substr(begin, log.find('\n', at) - begin);
            return true;
        })) << piece
            << "\n"
            << nginx_->dir().read("mine.log");
        return line;
    }
    static std::string field(const std::string& line, std::size_t index) {
        std::size_t begin = 0;
        for (; index > 0; --index) {
            begin = line.find('|', begin) + 1;
        }
        return line.substr(begin, line.find('|', begin) - begin);
    }
};

TEST_F(Redact, NoSecretInAnyLog) {
    const std::string c = kCanary;
    const HeaderList headers = {
        {"Authorization", "Bearer " + c},
        {"Cookie", "session=" + c + "; theme=" + c},
        {"X-Customer", c},
        {"X-Hub-Signature-256", "sha256=" + c},
        {"Referer", "https://u:" + c + "@a.example/p?access_token=" + c + "&x=1#id_token=" + c},
        {"User-Agent", "agent/1"}};
    for (const char* path : {"/", "/down/", "/file/", "/denied/"}) {
        for (const bool tls : {false, true}) {
            const std::string target =
                std::string(path) + "?token=" + c + "&page_token=open&API%5fKey=" + c +
                "&user[password]=" + c + "&shopkey=" + c + "&x-amz-signature=" + c +
                "&next=https%3A%2F%2Fb%2F%3Fsecret%3D" + c + ";sessionId=" + c + "&last=seen";
            const std::string line =
                line_of({.url = tls ? nginx_->tls_url(target) : nginx_->url(target),
                         .headers = headers,
                         .http2 = tls},
                        path);
            EXPECT_NE(line.find("page_token=open"), std::string::npos) << line;
            EXPECT_NE(line.find("&last=seen"), std::string::npos) << line;
            EXPECT_NE(line.find("agent/1"), std::string::npos) << line;
        }
    }
    EXPECT_TRUE(wait_until(
        [&] { return nginx_->dir().read("decisions.log").find("/denied/") != std::string::npos; }));
    const std::string errors = nginx_->error_log();
    EXPECT_NE(errors.find("token=~"), std::string::npos) << "nginx's own lines are rewritten";
    EXPECT_NE(errors.find("referrer: \"https://~"), std::string::npos) << errors;
    for (const char* log : {"mine.log", "decisions.log", "error.log"}) {
        EXPECT_EQ(nginx_->dir().read(log).find(kCanary), std::string::npos)
            << log << "\n"
            << nginx_->dir().read(log);
    }
    // The upstream still gets what the client sent.
    EXPECT_EQ(upstream_.last_request().header("Authorization"), "Bearer " + c);
    EXPECT_NE(upstream_.last_request().target.find("token=" + c), std::string::npos);
}

TEST_F(Redact, PseudonymsAreStableAndKeyed) {
    const std::string first = line_of({.url = nginx_->url("/one?token=abc&key=abc&token2=xyz"),
                                       .headers = {{"Authorization", "Bearer abc"}}},
                                      "/one");
    const std::string args = field(first, 3);
    const std::string pseudonym = args.substr(6, args.find('&') - 6);
    EXPECT_EQ(pseudonym.size(), 17u) << args;
    EXPECT_EQ(pseudonym[0], '~');
    EXPECT_EQ(args.find("&key=" + pseudonym + "&token2=~"), args.find('&')) << args;
    EXPECT_EQ(args.rfind(pseudonym), args.find("key=") + 4) << "another value has another one";
    EXPECT_EQ(field(first, 6), "Bearer " + pseudonym);
    ASSERT_TRUE(nginx_->reload());
    EXPECT_EQ(field(line_of({.url = nginx_->url("/two?token=abc")}, "/two"), 3),
              "token=" + pseudonym);
}

TEST_F(Redact, WithoutAKeyEachStartHasItsOwn) {
    std::vector<std::string> seen;
    for (int i = 0; i < 2; ++i) {
        NginxServer nginx(R"(
            log_format mine '$sallyport_args';
            access_log mine.log mine;
            server { listen 127.0.0.1:%%PORT%%; sallyport_redact on; location / { return 200 ok; } }
        )");
        ASSERT_EQ(get(nginx.url("/?token=abc")).status, 200);
        ASSERT_TRUE(nginx.reload());
        ASSERT_EQ(get(nginx.url("/?token=abc")).status, 200);
        ASSERT_TRUE(wait_until([&] {
            const std::string log = nginx.dir().read("mine.log");
            return std::count(log.begin(), log.end(), '\n') == 2;
        }));
        const std::string log = nginx.dir().read("mine.log");
        const std::size_t end = log.find('\n');
        EXPECT_EQ(log.substr(0, end), log.substr(end + 1, end)) << "a reload keeps the key";
        seen.push_back(log.substr(0, end));
    }
    EXPECT_NE(seen[0], seen[1]);
}

TEST_F(Redact, PathsHeadersAndLevels) {
    const std::string path = line_of({.url = nginx_->url("/mcp/secret-1/sse?a=b")}, "/sse?a=b");
    EXPECT_EQ(path.find("secret-1"), std::string::npos) << path;
    EXPECT_EQ(field(path, 2).find("/mcp/~"), 0u) << path;
    EXPECT_EQ(field(path, 5).find("/mcp/~"), 0u) << path;
    const std::string raw = raw_exchange(
        nginx_->port(), "GET /x/..//%6dcp/./secret-2/sse?c=d HTTP/1.0\r\nHost: h\r\n\r\n");
    EXPECT_NE(raw.find("200"), std::string::npos);
    const std::string hidden = line_of({.url = nginx_->url("/later?q=1")}, "?c=d");
    EXPECT_EQ(hidden.find("secret-2"), std::string::npos) << hidden;
    const std::string plain = line_of({.url = nginx_->url("/raw/?token=seen")}, "/raw/");
    EXPECT_NE(plain.find("token=seen"), std::string::npos) << plain;
    const std::string more =
        line_of({.url = nginx_->url("/more/?extra=hide1&shopkey=hide2&other=seen")}, "/more/");
    EXPECT_EQ(more.find("hide"), std::string::npos) << more;
    EXPECT_NE(more.find("other=seen"), std::string::npos) << more;
    const std::string answer = line_of({.url = nginx_->url("/answer")}, "/answer");
    EXPECT_EQ(field(answer, 11).find("id=~"), 0u) << answer;
    EXPECT_NE(field(answer, 11).find("; Path=/; HttpOnly"), std::string::npos) << answer;
    EXPECT_NE(field(answer, 12).find("&state=ok"), std::string::npos) << answer;
    EXPECT_EQ(answer.find(kCanary), std::string::npos) << answer;
}

TEST_F(Redact, RequestsThatNginxCannotRead) {
    for (const char* request :
         {"GET /?token=CANARY-7f3a91\r\n\r\n", "get /?token=CANARY-7f3a91 HTTP/1.1\r\n\r\n",
          "GET /?token=CANARY-7f3a91 HTTP/1.1\r\nHost: a b\r\n\r\n",
          "GET /?token=CANARY-7f3a91 HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n"}) {
        raw_exchange(nginx_->port(), request);
    }
    ASSERT_TRUE(wait_until([&] {
        const std::string log = nginx_->dir().read("mine.log");
        return std::count(log.begin(), log.end(), '\n') >= 4;
    }));
    EXPECT_EQ(nginx_->dir().read("mine.log").find(kCanary), std::string::npos)
        << nginx_->dir().read("mine.log");
}

class RedactMistake : public testing::TestWithParam<Mistake> {};
TEST_P(RedactMistake, NamesDirectiveValueAndRemedy) {
    expect_mistake(GetParam(), {{"short.key", "short\n"}});
}

INSTANTIATE_TEST_SUITE_P(
    Table, RedactMistake,
    testing::Values(
        Mistake{"sallyport_redact;", "sallyport_redact", "invalid number of arguments", ""},
        Mistake{"sallyport_redact yes;", "sallyport_redact", "\"yes\"", "write on, off"},
        Mistake{"sallyport_redact on; sallyport_redact off;", "sallyport_redact", "twice",
                "into one"},
        Mistake{"sallyport_redact args=;", "sallyport_redact", "\"args=\"", "with commas"},
        Mistake{"sallyport_redact keep=a,-;", "sallyport_redact", "\"keep=a,-\"", "with commas"},
        Mistake{"sallyport_redact paths=mcp/*;", "sallyport_redact", "mcp/*", "paths=/mcp/*"},
        Mistake{"sallyport_redact paths=/*;", "sallyport_redact", "/*", "paths=/mcp/*"},
        Mistake{"sallyport_redact paths=/mcp/token;", "sallyport_redact", "/mcp/token",
                "paths=/mcp/*"},
        Mistake{"sallyport_redact_key short.key;", "sallyport_redact_key", "short.key",
                "openssl rand"},
        Mistake{"sallyport_redact_key none.key;", "sallyport_redact_key", "none.key",
                "cannot be opened"},
        Mistake{"sallyport_redact_key random; sallyport_redact_key random;", "sallyport_redact_key",
                "twice", "keep one"}));

}  // namespace
}  // namespace sallyport::test
