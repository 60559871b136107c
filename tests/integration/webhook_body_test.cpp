// However a body arrives, it is hashed as it came and forwarded as it came: lengths, chunks, single
// bytes, 100-continue, keep-alive, pipelining, HTTP/2; bodies empty, binary, larger than every
// buffer, over the limit.
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/webhook_signing.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::test {
namespace {

// Small buffers: every body above 1 KiB goes to a temporary file.
constexpr std::string_view kHttp = R"(
    sallyport_decision_log %%DIR%%/decisions.log;
    sallyport_webhook_secret file:%%DIR%%/hook.key;
    client_body_buffer_size 1k;
    client_max_body_size 8m;
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT_TLS%% ssl http2;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        add_header X-Webhook "$sallyport_webhook_status" always;
        location / { sallyport_webhook github; sallyport_webhook_max_body 2m; proxy_pass http://%%UPSTREAM%%; }
        location /unbuffered {
            sallyport_webhook github;
            proxy_request_buffering off;
            proxy_http_version 1.1;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /file-only { sallyport_webhook github; client_body_in_file_only clean; proxy_pass http://%%UPSTREAM%%; }
        location /limited { sallyport_webhook github; sallyport_webhook_max_body 4k; proxy_pass http://%%UPSTREAM%%; }
        location /limited-report {
            sallyport_webhook github;
            sallyport_webhook_max_body 4k;
            sallyport_webhook_mode report;
            proxy_pass http://%%UPSTREAM%%;
        }
        location /form { sallyport_webhook twilio-form url=https://example.com/form; proxy_pass http://%%UPSTREAM%%; }
        location /inner { internal; sallyport_webhook slack; proxy_pass http://%%UPSTREAM%%; }
        location /same { internal; sallyport_webhook github; proxy_pass http://%%UPSTREAM%%; }
        location /redirect { sallyport_webhook github; try_files /nothing /inner; }
        location /redirect-same { sallyport_webhook github; sallyport_webhook_mode report; try_files /nothing /same; }
        location /rewritten { rewrite ^ /hooks/a last; }
        location /pages { sallyport_webhook github; error_page 401 = /unauthorized; proxy_pass http://%%UPSTREAM%%; }
        location = /unauthorized { return 418 "teapot"; }
    }
)";

std::string binary(std::size_t size) {
    std::string out(size, '\0');
    std::uint32_t x = 12345;
    for (char& c : out) {
        x = x * 1664525 + 1013904223;
        c = static_cast<char>(x >> 24);
    }
    return out;
}

std::string chunked(std::string_view body, std::size_t piece) {
    std::string out;
    char head[32];
    for (std::size_t at = 0; at < body.size(); at += piece) {
        const std::string_view part = body.substr(at, piece);
        std::snprintf(head, sizeof(head), "%zx\r\n", part.size());
        out.append(head).append(part).append("\r\n");
    }
    return out + "0\r\n\r\n";
}

class WebhookBodyTest : public testing::Test {
  protected:
    WebhookBodyTest() : nginx_(kHttp, options()) {}
    NginxOptions options() {
        NginxOptions out;
        out.variables = {{"UPSTREAM", upstream_.address()}};
        out.files = webhook_files();
        return out;
    }
    void expect_forwarded(std::string_view body, std::size_t count) {
        ASSERT_TRUE(upstream_.wait_for_requests(count));
        EXPECT_EQ(upstream_.requests().size(), count);
        EXPECT_TRUE(upstream_.last_request().body == body);
    }

    Upstream upstream_;
    NginxServer nginx_;
};

TEST_F(WebhookBodyTest, SizesAndContents) {
    HttpClient client;
    std::size_t count = 0;
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{1023}, std::size_t{1024}, std::size_t{1025},
          std::size_t{40'000}, std::size_t{1 << 20}, std::size_t{2 << 20}}) {
        const std::string body = binary(size);
        for (const char* path : {"/a", "/unbuffered", "/file-only"}) {
            if (size > (1 << 20) && path != std::string_view("/a")) {
                continue;
            }
            const auto response =
                client.send(delivery(nginx_.url(path), body, github_headers(body)));
            EXPECT_EQ(response.status, 200) << path << " " << size;
            expect_forwarded(body, ++count);
            const auto forged =
                client.send(delivery(nginx_.url(path), body, github_headers(body + "x")));
            EXPECT_EQ(forged.status, 401) << path << " " << size;
        }
    }
    EXPECT_EQ(upstream_.request_count(), count);
}

TEST_F(WebhookBodyTest, Http2) {
    HttpClient client;
    std::size_t count = 0;
    for (const std::size_t size : {std::size_t{0}, std::size_t{100}, std::size_t{1 << 20}}) {
        const std::string body = binary(size);
        HttpRequest request = delivery(nginx_.tls_url("/a"), body, github_headers(body));
        request.http2 = true;
        const auto response = client.send(request);
        EXPECT_EQ(response.status, 200) << response.error;
        EXPECT_EQ(response.http_version, 20);
        expect_forwarded(body, ++count);
        request.headers[2].second.back() ^= 1;
        EXPECT_EQ(client.send(request).status, 401);
    }
    HttpRequest missing = delivery(nginx_.tls_url("/a"), "body", {});
    missing.http2 = true;
    EXPECT_EQ(client.send(missing).status, 401);
    HttpRequest large =
        delivery(nginx_.tls_url("/limited"), binary(5000), github_headers(binary(5000)));
    large.http2 = true;
    EXPECT_EQ(client.send(large).status, 413);
    EXPECT_EQ(upstream_.request_count(), count);
}

TEST_F(WebhookBodyTest, Chunked) {
    std::size_t count = 0;
    for (const std::size_t piece : {std::size_t{1}, std::size_t{100}, std::size_t{5000}}) {
        const std::string body = binary(4096);
        const HeaderList headers = github_headers(body);
        const std::string framing = "Transfer-Encoding: chunked\r\nConnection: close\r\n";
        const std::string answer =
            raw_exchange(nginx_.port(), raw_head("/a", headers, framing) + chunked(body, piece));
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer.substr(0, 80);
        expect_forwarded(body, ++count);
    }
}

TEST_F(WebhookBodyTest, ByteByByte) {
    const std::string body = "{\"slow\":true}";
    RawSocket socket(nginx_.port());
    socket.send(
        raw_head("/a", github_headers(body), content_length(body) + "Connection: close\r\n"));
    for (const char c : body) {
        socket.send({&c, 1});
    }
    EXPECT_TRUE(socket.receive_all().starts_with("HTTP/1.1 200"));
    expect_forwarded(body, 1);
}

TEST_F(WebhookBodyTest, ContinueIsSentOnlyWhenTheHeadIsGood) {
    const std::string body = "{\"a\":1}";
    const std::string framing =
        content_length(body) + "Expect: 100-continue\r\nConnection: close\r\n";
    {
        RawSocket socket(nginx_.port());
        socket.send(raw_head("/a", github_headers(body), framing));
        EXPECT_TRUE(socket.receive_until("\r\n\r\n").starts_with("HTTP/1.1 100"));
        socket.send(body);
        EXPECT_TRUE(socket.receive_all().starts_with("HTTP/1.1 200"));
    }
    for (const HeaderList& headers :
         {HeaderList{}, HeaderList{{"X-Hub-Signature-256", "sha256=nonsense"}}}) {
        RawSocket socket(nginx_.port());
        socket.send(raw_head("/a", headers, framing));
        EXPECT_TRUE(socket.receive_until("\r\n\r\n").starts_with("HTTP/1.1 401"));
    }
    EXPECT_EQ(upstream_.request_count(), 1U);
}

TEST_F(WebhookBodyTest, KeepAliveAndPipelining) {
    std::string all;
    for (int i = 0; i < 4; ++i) {
        const std::string body = "{\"n\":" + std::to_string(i) + "}";
        // The third is forged: what stands behind it on the connection is unharmed.
        const HeaderList headers = github_headers(i == 2 ? body + " " : body);
        all += raw_head("/a", headers,
                        content_length(body) + (i == 3 ? "Connection: close\r\n" : "")) +
               body;
    }
    const std::string answers = raw_exchange(nginx_.port(), all);
    std::string statuses;
    for (std::size_t at = answers.find("HTTP/1.1 "); at != std::string::npos;
         at = answers.find("HTTP/1.1 ", at + 1)) {
        statuses += answers.substr(at + 9, 3) + " ";
    }
    EXPECT_EQ(statuses, "200 200 401 200 ");
    EXPECT_EQ(upstream_.request_count(), 3U);
}

TEST_F(WebhookBodyTest, OverTheLimit) {
    const std::string fits = binary(4096);
    const std::string large = binary(4097);
    EXPECT_EQ(send(delivery(nginx_.url("/limited"), fits, github_headers(fits))).status, 200);
    const auto declared = send(delivery(nginx_.url("/limited"), large, github_headers(large)));
    EXPECT_EQ(declared.status, 413);
    EXPECT_EQ(declared.header("X-Webhook"), "toolarge");
    const std::string framing = "Transfer-Encoding: chunked\r\nConnection: close\r\n";
    for (const std::size_t piece : {std::size_t{500}, std::size_t{4097}}) {
        const std::string counted =
            raw_exchange(nginx_.port(), raw_head("/limited", github_headers(large), framing) +
                                            chunked(large, piece));
        EXPECT_TRUE(counted.starts_with("HTTP/1.1 413")) << counted.substr(0, 80);
    }
    EXPECT_EQ(upstream_.request_count(), 1U);
    const auto lines = LogReader(nginx_.dir().path("decisions.log")).wait_for_lines(4);
    for (std::size_t i = 1; i < lines.size(); ++i) {
        EXPECT_EQ(lines[i]["reason"].text(), "webhook_body_too_large");
        EXPECT_EQ(lines[i]["status"].integer_or(0), 413);
    }
    const std::string reported =
        raw_exchange(nginx_.port(), raw_head("/limited-report", github_headers(large), framing) +
                                        chunked(large, 500));
    EXPECT_TRUE(reported.starts_with("HTTP/1.1 200")) << reported.substr(0, 80);
    expect_forwarded(large, 2);
}

TEST_F(WebhookBodyTest, WhatIsReadAfterwardsMayLieInAFile) {
    std::string body = "Pad=" + std::string(5000, 'p') + "&A=1";
    const Bytes mac = hmac(DigestAlgorithm::sha1, kWebhookSecret,
                           "https://example.com/formA1Pad" + std::string(5000, 'p'));
    const HeaderList headers = {{"X-Twilio-Signature", base64_encode(mac.data(), mac.size())}};
    EXPECT_EQ(send(delivery(nginx_.url("/form"), body, headers)).status, 200);
    body.back() = '2';
    EXPECT_EQ(send(delivery(nginx_.url("/form"), body, headers)).status, 401);
}

// Once judged, never again by the same rules; other rules judge the same bytes.
TEST_F(WebhookBodyTest, InternalRedirects) {
    const std::string body = binary(3000);
    HeaderList headers = github_headers(body);
    EXPECT_EQ(send(delivery(nginx_.url("/rewritten"), body, headers)).status, 200);
    EXPECT_EQ(send(delivery(nginx_.url("/rewritten"), body, {})).status, 401);
    EXPECT_EQ(send(delivery(nginx_.url("/redirect"), body, headers)).status, 401);
    for (auto& field : slack_headers(body)) {
        headers.push_back(field);
    }
    EXPECT_EQ(send(delivery(nginx_.url("/redirect"), body, headers)).status, 200);
    EXPECT_TRUE(upstream_.last_request().body == body);
    EXPECT_EQ(send(delivery(nginx_.url("/redirect-same"), body, headers)).status, 200);
    EXPECT_EQ(send(delivery(nginx_.url("/redirect-same"), body, {})).status, 401);
}

TEST_F(WebhookBodyTest, ErrorPagesAreNotJudged) {
    const auto response = send(delivery(nginx_.url("/pages"), "x", {}));
    EXPECT_EQ(response.status, 418);
    EXPECT_EQ(response.body, "teapot");
    EXPECT_EQ(send(delivery(nginx_.url("/pages"), "x", github_headers("x"))).status, 200);
}

TEST_F(WebhookBodyTest, AClientThatGoesAwayHarmsNothing) {
    for (int i = 0; i < 5; ++i) {
        RawSocket socket(nginx_.port());
        socket.send(raw_head("/a", github_headers("0123456789"), "Content-Length: 10\r\n") +
                    "01234");
    }
    EXPECT_EQ(send(delivery(nginx_.url("/a"), "x", github_headers("x"))).status, 200);
    EXPECT_EQ(upstream_.request_count(), 1U);
}

}  // namespace
}  // namespace sallyport::test
