// The scheme at the client's end, where a proxy that is believed has ended TLS: signatures over the
// URL, handshakes, explanations, HSTS. What a stranger claims changes nothing.
#include "common/crypto.hpp"
#include "common/json.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>

namespace sallyport::test {
namespace {

constexpr const char* kProxy = "127.0.0.9";
constexpr const char* kStranger = "127.0.0.8";
constexpr std::string_view kSecret = "0123456789abcdef0123";

constexpr std::string_view kConf = R"(
    sallyport_trust_proxy 127.0.0.9;
    sallyport_headers owasp;
    sallyport_https redirect host=hooks.test api=/hook;
    sallyport_webhook_profile urls 'sig=header:S signed="{url}"';
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name hooks.test;
        location / { return 200 "$sallyport_client_ip"; }
        location /hook {
            sallyport_webhook urls;
            sallyport_webhook_secret 0123456789abcdef0123;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /ebay {
            sallyport_webhook urls;
            sallyport_webhook_secret 0123456789abcdef0123;
            sallyport_webhook_handshake ebay token=the-verification-token;
            proxy_pass http://%%UPSTREAM%%;
        }
    }
    server {
        listen 127.0.0.1:%%PORT_CONTROL%%;
        sallyport_https off;
        location / { sallyport_control; }
    }
)";

class BehindTlsProxy : public testing::Test {
  protected:
    BehindTlsProxy() : nginx_(kConf, {.variables = {{"UPSTREAM", upstream_.address()}}}) {}

    HttpResponse ask(const char* from, const char* path, HeaderList headers = {},
                     const char* method = "GET") {
        headers.emplace_back("Host", "hooks.test");
        headers.emplace_back("X-Forwarded-Proto", "https");
        headers.emplace_back("X-Forwarded-For", "203.0.113.5");
        return send({.url = nginx_.url(path),
                     .method = method,
                     .headers = std::move(headers),
                     .local_address = from});
    }
    static std::string signature(std::string_view url) {
        return hex_encode(hmac(DigestAlgorithm::sha256, kSecret, url));
    }
    Json explain(const char* from) {
        Json headers = Json::array();
        for (const auto& [name, value] : {std::pair("X-Forwarded-Proto", "https"),
                                          std::pair("X-Forwarded-For", "203.0.113.5")}) {
            Json pair = Json::array();
            pair.append(Json::string(name));
            pair.append(Json::string(value));
            headers.append(pair);
        }
        const std::string port = std::to_string(nginx_.port());
        const Json what =
            Json::object({{"url", Json::string("http://hooks.test:" + port + "/hook")},
                          {"address", Json::string(from)},
                          {"headers", headers}});
        const auto response = send({.url = nginx_.url("/explain", "PORT_CONTROL"),
                                    .method = "POST",
                                    .headers = {{"Content-Type", "application/json"}},
                                    .body = what.dump()});
        const auto parsed = Json::parse(response.body);
        EXPECT_TRUE(parsed.ok()) << response.body;
        return parsed.ok() ? *parsed : Json();
    }

    Upstream upstream_;
    NginxServer nginx_;
};

TEST_F(BehindTlsProxy, SignaturesOverTheUrlHaveTheClientsScheme) {
    const auto sent = [&](const char* from, const char* url) {
        return ask(from, "/hook?a=1", {{"S", signature(url)}}, "POST").status;
    };
    EXPECT_EQ(sent(kProxy, "https://hooks.test/hook?a=1"), 200);
    EXPECT_EQ(sent(kProxy, "http://hooks.test/hook?a=1"), 401);
    EXPECT_EQ(sent(kStranger, "https://hooks.test/hook?a=1"), 403) << "came in the clear";
}

TEST_F(BehindTlsProxy, HandshakesAnswerWithTheClientsScheme) {
    const std::string expected = hex_encode(
        digest(DigestAlgorithm::sha256, "codethe-verification-tokenhttps://hooks.test/ebay"));
    const auto response = ask(kProxy, "/ebay?challenge_code=code");
    EXPECT_EQ(response.status, 200);
    EXPECT_NE(response.body.find(expected), std::string::npos) << response.body;
}

TEST_F(BehindTlsProxy, PagesHaveHstsAndNoRedirect) {
    const auto proxied = ask(kProxy, "/");
    EXPECT_EQ(proxied.status, 200);
    EXPECT_EQ(proxied.body, "203.0.113.5");
    EXPECT_NE(proxied.header("Strict-Transport-Security"), std::nullopt);
    const auto claimed = ask(kStranger, "/");
    EXPECT_EQ(claimed.status, 308);
    EXPECT_EQ(claimed.header("Strict-Transport-Security"), std::nullopt);
}

TEST_F(BehindTlsProxy, ExplanationsSayTheSame) {
    const Json proxied = explain(kProxy);
    EXPECT_EQ(proxied["request"]["scheme"].text_or(""), "https") << proxied.dump();
    EXPECT_EQ(proxied["request"]["client"].text_or(""), "203.0.113.5");
    EXPECT_NE(proxied["by"].text_or(""), "https");
    const Json claimed = explain(kStranger);
    EXPECT_EQ(claimed["request"]["scheme"].text_or(""), "http") << claimed.dump();
    EXPECT_EQ(claimed["request"]["client"].text_or(""), kStranger);
    EXPECT_EQ(claimed["by"].text_or(""), "https");
    EXPECT_EQ(claimed["decision"]["reason"].text_or(""), "https_required");
}

}  // namespace
}  // namespace sallyport::test
