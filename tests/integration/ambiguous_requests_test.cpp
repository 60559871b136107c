// Requests that two readers may read as two different ones: framing, folded and broken lines,
// fields that come twice. Each is refused, or read in one way that is written down here, and
// nothing reaches the upstream that was not judged. Much of it nginx refuses by itself; with the
// module in place it still does, and the answer has the security headers.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/http2_frames.hpp"
#include "tests/integration/webhook_signing.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sallyport::test {
namespace {

constexpr std::string_view kHttp = R"(
    sallyport_headers api;
    sallyport_trust_proxy 127.0.0.1;
    sallyport_body_limit json=16 default=2k;
    keepalive_timeout 200ms;
    upstream inner { server %%UPSTREAM%%; }
    proxy_set_header Host $host;
    add_header X-Seen "$sallyport_client_ip|$sallyport_webhook_reason" always;
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT_H2%% http2;
        server_name localhost;
        location / { proxy_pass http://inner; }
        location /cors { sallyport_cors origins=https://app.example.com; proxy_pass http://inner; }
        location /square {
            sallyport_webhook square;
            sallyport_webhook_secret file:%%DIR%%/hook.key;
            proxy_pass http://inner;
        }
        location /hook {
            sallyport_webhook github;
            sallyport_webhook_secret file:%%DIR%%/hook.key;
            proxy_pass http://inner;
        }
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT_H2%% http2;
        server_name other.test;
        return 421 other;
    }
)";
constexpr std::string_view kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

std::string post(std::string_view fields, std::string_view rest) {
    return "POST /x HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) + "\r\n" +
           std::string(rest);
}
std::string chunks(std::string_view rest) {
    return post("Transfer-Encoding: chunked\r\n", rest);
}

class AmbiguousRequests : public testing::Test {
  protected:
    AmbiguousRequests()
        : nginx_(kHttp, {.variables = {{"UPSTREAM", upstream_.address()}},
                         .files = {{"hook.key", std::string(kWebhookSecret)}}}) {}
    // All that comes until the connection ends.
    std::string exchange(std::string_view bytes) { return raw_exchange(nginx_.port(), bytes); }

    Upstream upstream_;
    NginxServer nginx_;
};

TEST_F(AmbiguousRequests, AreRefusedWithOurHeaders) {
    const std::string smuggled(kSmuggled);
    const std::string hidden = "0\r\n\r\n" + smuggled;
    const std::string rows[] = {
        post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", hidden),
        post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", hidden),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", hidden),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", hidden),
        post("Transfer-Encoding: chunked, identity\r\n", hidden),
        post("Transfer-Encoding: identity, chunked\r\n", hidden),
        post("Transfer-Encoding: gzip, chunked\r\n", hidden),
        post("Transfer-Encoding: xchunked\r\n", hidden),
        post("Transfer-Encoding: \"chunked\"\r\n", hidden),
        post("Transfer-Encoding: chunked;q=1\r\n", hidden),
        post("Transfer-Encoding:\x0b chunked\r\n", hidden),
        post("Transfer-Encoding : chunked\r\n", hidden),
        post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello" + smuggled),
        post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello" + smuggled),
        post("Content-Length: 5, 5\r\n", "hello" + smuggled),
        post("Content-Length: -5\r\n", "hello" + smuggled),
        post("Content-Length: +5\r\n", "hello" + smuggled),
        post("Content-Length: 0x5\r\n", "hello" + smuggled),
        post("Content-Length: 5 5\r\n", "hello" + smuggled),
        post("Content-Length: 99999999999999999999\r\n", "hello" + smuggled),
        post("Content-Length : 5\r\n", "hello" + smuggled),
        "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + hidden,
        post("X-A: b\r\n folded\r\n", smuggled),
        post("X-A: b\r\n\tContent-Length: 5\r\n", smuggled),
        post(" X-A: b\r\n", smuggled),
        post("X-A: b\rContent-Length: 5\r\n", smuggled),
        post(std::string_view("X-A: b\0c\r\n", 10), smuggled),
        post(std::string_view("X\0A: b\r\n", 8), smuggled),
        "GET /x\rHTTP/1.1\r\nHost: localhost\r\n\r\n",
        std::string("GET /x\0 HTTP/1.1\r\nHost: localhost\r\n\r\n", 38),
        "GET /x HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: localhost\r\nHost: other.test\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: localhost, other.test\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost : localhost\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: localhost/\r\n\r\n",
        "GET /x HTTP/1.1\r\n\r\n",
        "GET /x HTTP/1.1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET http:///x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a\r\nAuthorization: Bearer "
        "b\r\n\r\n",
    };
    for (const std::string& bytes : rows) {
        const std::string answer = exchange(bytes);
        const std::string status = answer.substr(0, 12);
        EXPECT_TRUE(status == "HTTP/1.1 400" || status == "HTTP/1.1 501" ||
                    status == "HTTP/1.1 413")
            << bytes << "\n=> " << answer.substr(0, 200);
        EXPECT_NE(answer.find("X-Content-Type-Options: nosniff"), std::string::npos) << bytes;
        EXPECT_EQ(answer.find("\r\nServer:"), std::string::npos) << bytes;
        EXPECT_EQ(answer.find("HTTP/1.1", 8), std::string::npos) << "a second answer: " << bytes;
    }
    EXPECT_EQ(upstream_.request_count(), 0U);
}

// Sizes that are no sizes show while the body is read: some after nginx has begun to read it.
TEST_F(AmbiguousRequests, ChunksThatAreNone) {
    const std::string smuggled(kSmuggled);
    for (const std::string& bytes : {
             chunks("ffffffffffffffff1\r\nhello\r\n0\r\n\r\n" + smuggled),
             chunks("8000000000000005\r\nhello\r\n0\r\n\r\n" + smuggled),
             chunks("-5\r\nhello\r\n0\r\n\r\n" + smuggled),
             chunks("0x5\r\nhello\r\n0\r\n\r\n" + smuggled),
             chunks(" 5\r\nhello\r\n0\r\n\r\n" + smuggled),
             chunks("5\r\nhello, world\r\n0\r\n\r\n" + smuggled),
             chunks("\r\nhello\r\n0\r\n\r\n" + smuggled),
             chunks("g\r\nhello\r\n0\r\n\r\n" + smuggled),
         }) {
        const std::string answer = exchange(bytes);
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.1 413"))
            << bytes << "\n=> " << answer.substr(0, 200);
        EXPECT_EQ(answer.find("HTTP/1.1", 8), std::string::npos) << "a second answer: " << bytes;
    }
    EXPECT_EQ(upstream_.request_count(), 0U);
}

// What is not refused has one meaning, and the upstream gets that meaning in nginx's own words.
TEST_F(AmbiguousRequests, OrReachTheUpstreamAsOneRequest) {
    const struct {
        std::string bytes;
        std::string_view body;
    } rows[] = {
        {chunks("5;a=b\r\nhello\r\n0\r\n\r\n"), "hello"},
        {chunks("5;a=\"b;c\"\r\nhello\r\n0;x\r\n\r\n"), "hello"},
        {chunks("0000005\r\nhello\r\n0\r\n\r\n"), "hello"},
        {chunks("5\r\nhello\r\n0\r\nX-Hub-Signature-256: x\r\nContent-Length: 9\r\n\r\n"), "hello"},
        {post("Transfer-Encoding: Chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), "hello"},
        {post("Content-Length: 005\r\n", "hello"), "hello"},
        {"POST /x HTTP/1.1\nHost: localhost\nContent-Length: 5\n\nhello", "hello"},
        {"GET http://localhost/x HTTP/1.1\r\nHost: other.test\r\n\r\n", ""},
        {post("X_Underscore: a\r\nContent-Length: 5\r\n", "hello"), "hello"},
        {post("X-Empty:\r\nContent-Length: 5\r\n", "hello"), "hello"},
    };
    std::size_t seen = 0;
    for (const auto& row : rows) {
        const std::string answer = exchange(row.bytes);
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << row.bytes << answer.substr(0, 200);
        EXPECT_EQ(answer.find("HTTP/1.1", 8), std::string::npos) << "a second answer" << row.bytes;
        ASSERT_EQ(upstream_.request_count(), ++seen) << row.bytes;
        const UpstreamRequest got = upstream_.last_request();
        EXPECT_EQ(got.target, "/x") << row.bytes;
        EXPECT_EQ(got.body, row.body) << row.bytes;
        EXPECT_EQ(got.header("Host"), "localhost") << row.bytes;
        EXPECT_EQ(got.header("X-Hub-Signature-256"), std::nullopt) << "trailers are not fields";
        EXPECT_EQ(got.header("X_Underscore"), std::nullopt);
    }
    // And the other way round: the request line's host decides who answers (RFC 9112
    // section 3.2.2).
    EXPECT_TRUE(exchange("GET http://other.test/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    .starts_with("HTTP/1.1 421"));
    EXPECT_EQ(upstream_.request_count(), seen);
}

TEST_F(AmbiguousRequests, FieldsThatCountOnceAreNotReadTwice) {
    const HeaderList signature = {github_headers("hello").back()};
    const HeaderList other = {{"X-Hub-Signature-256", "sha256=" + std::string(64, '0')}};
    const auto both = [](HeaderList a, const HeaderList& b) {
        a.insert(a.end(), b.begin(), b.end());
        return a;
    };
    const struct {
        const char* path;
        HeaderList headers;
        int status;
        const char* seen;
        std::string body = "hello";
    } rows[] = {
        {"/hook", signature, 200, "127.0.0.1|none"},
        {"/hook", both(signature, signature), 401, "127.0.0.1|webhook_signature_malformed"},
        {"/hook", both(signature, other), 401, "127.0.0.1|webhook_signature_malformed"},
        {"/hook", both(other, signature), 401, "127.0.0.1|webhook_signature_malformed"},
        {"/x",
         {{"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-For", "192.0.2.2"}},
         200,
         "192.0.2.2|"},
        {"/x",
         {{"X-Forwarded-For", "192.0.2.1, 192.0.2.2"}, {"X-Forwarded-For", "127.0.0.1"}},
         200,
         "192.0.2.2|"},
        {"/x", {{"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-For", "x"}}, 200, "127.0.0.1|"},
        {"/x", {{"Content-Type", "text/plain"}}, 200, "127.0.0.1|", std::string(17, 'x')},
        {"/x",
         {{"Content-Type", "text/plain"}, {"Content-Type", "application/json"}},
         413,
         "127.0.0.1|",
         std::string(17, 'x')},
    };
    for (const auto& row : rows) {
        upstream_.clear();
        const auto response = send({.url = nginx_.url(row.path),
                                    .method = "POST",
                                    .headers = row.headers,
                                    .body = row.body});
        EXPECT_EQ(response.status, row.status) << row.path << row.seen;
        EXPECT_EQ(response.header("X-Seen"), row.seen);
        EXPECT_EQ(upstream_.request_count(), row.status == 200 ? 1U : 0U) << row.seen;
        if (row.status == 200 && std::string_view(row.path) == "/x") {
            std::size_t fields = 0;
            for (const auto& [name, value] : upstream_.last_request().headers) {
                fields += name == "X-Forwarded-For" ? 1 : 0;
            }
            EXPECT_EQ(fields, 1U) << "one canonical field: " << row.seen;
        }
    }
}

// A sender that signs the address: it is the one that nginx acts on, whatever the other host says.
TEST_F(AmbiguousRequests, TheSignedAddressIsTheOneThatCounts) {
    const struct {
        const char* line;
        const char* host;
        const char* signed_url;
        bool genuine;
    } rows[] = {
        {"/square", "localhost", "http://localhost/square", true},
        {"/square", "LocalHost:8080", "http://LocalHost:8080/square", true},
        {"http://localhost/square", "localhost", "http://localhost/square", true},
        {"http://localhost/square", "other.test", "http://localhost/square", true},
        {"http://localhost/square", "other.test", "http://other.test/square", false},
        {"http://localhost/square", "localhost.evil", "http://localhost.evil/square", false},
    };
    for (const auto& row : rows) {
        upstream_.clear();
        const Bytes mac =
            hmac(DigestAlgorithm::sha256, kWebhookSecret, std::string(row.signed_url) + "hello");
        const std::string answer =
            exchange("POST " + std::string(row.line) + " HTTP/1.1\r\nHost: " + row.host +
                     "\r\nContent-Length: 5\r\nx-square-hmacsha256-signature: " +
                     base64_encode(mac.data(), mac.size()) + "\r\n\r\nhello");
        EXPECT_TRUE(answer.starts_with(row.genuine ? "HTTP/1.1 200" : "HTTP/1.1 401"))
            << row.line << " " << row.host << " " << answer.substr(0, 40);
        EXPECT_EQ(upstream_.request_count(), row.genuine ? 1U : 0U) << row.line << row.host;
    }
}

// Two origins are none: nothing is allowed to either.
TEST_F(AmbiguousRequests, TwoOriginsAreNotAllowed) {
    const auto one =
        send({.url = nginx_.url("/cors"), .headers = {{"Origin", "https://app.example.com"}}});
    EXPECT_EQ(one.header("Access-Control-Allow-Origin"), "https://app.example.com");
    for (const char* second : {"https://app.example.com", "https://evil.example"}) {
        for (const bool first : {true, false}) {
            const std::string good = "https://app.example.com";
            const auto response = send({.url = nginx_.url("/cors"),
                                        .headers = {{"Origin", first ? good : second},
                                                    {"Origin", first ? second : good}}});
            EXPECT_EQ(response.header("Access-Control-Allow-Origin"), std::nullopt) << second;
        }
    }
}

HeaderList http2_post(HeaderList more) {
    HeaderList out = {
        {":method", "POST"}, {":scheme", "http"}, {":authority", "localhost"}, {":path", "/x"}};
    out.insert(out.end(), more.begin(), more.end());
    return out;
}

TEST_F(AmbiguousRequests, OverHttp2) {
    const std::uint16_t port = nginx_.port("PORT_H2");
    EXPECT_EQ(http2_exchange(port, http2_post({})).status, 200);
    upstream_.clear();
    for (const HeaderList& fields : {
             http2_post({{":method", "POST"}}),
             http2_post({{":scheme", "http"}}),
             http2_post({{":path", "/y"}}),
             http2_post({{":authority", "other.test"}}),
             http2_post({{":unknown", "x"}}),
             http2_post({{":status", "200"}}),
             http2_post({{"host", "localhost"}, {"host", "other.test"}}),
             http2_post({{"content-length", "5"}}),
             http2_post({{"content-length", "5"}, {"content-length", "5"}}),
             http2_post({{"content-length", "-1"}}),
             http2_post({{"x-a", "b\rc"}}),
             http2_post({{"authorization", "Bearer a"}, {"authorization", "Bearer b"}}),
         }) {
        const auto answer = http2_exchange(port, fields);
        EXPECT_TRUE(answer.status == 400 || answer.refused)
            << fields.back().first << ": " << fields.back().second << " " << answer.status;
    }
    EXPECT_EQ(upstream_.request_count(), 0U);
}

// A signature over what came does not help a body that is not as long as was said.
TEST_F(AmbiguousRequests, BodiesOverHttp2AreAsLongAsSaid) {
    const std::uint16_t port = nginx_.port("PORT_H2");
    const auto delivery = [](const char* length, std::string_view signed_text) {
        const HeaderList signature = github_headers(signed_text);
        return HeaderList{
            {":method", "POST"},         {":scheme", "http"},
            {":authority", "localhost"}, {":path", "/hook"},
            {"content-length", length},  {"x-hub-signature-256", signature.back().second}};
    };
    EXPECT_EQ(http2_exchange(port, delivery("5", "hello"), "hello").status, 200);
    ASSERT_EQ(upstream_.request_count(), 1U);
    EXPECT_EQ(upstream_.last_request().body, "hello");
    for (const char* length : {"0", "4", "6", "99999999999999999999"}) {
        const auto answer = http2_exchange(port, delivery(length, "hello"), "hello");
        EXPECT_TRUE(answer.status == 400 || answer.refused) << length << " " << answer.status;
    }
    EXPECT_EQ(http2_exchange(port, delivery("5", "hell"), "hello").status, 401);
    EXPECT_EQ(upstream_.request_count(), 1U);
}

}  // namespace
}  // namespace sallyport::test
