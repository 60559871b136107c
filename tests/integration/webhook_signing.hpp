// Signs deliveries as the four best-known senders do, written from their documentation and apart
// from the code under test.
#pragma once

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

namespace sallyport::test {

inline constexpr std::string_view kWebhookSecret = "It's a Secret to Everybody";
inline constexpr std::string_view kOldWebhookSecret = "the secret of last year, rotated";
// 32 bytes behind the prefix.
inline constexpr std::string_view kStandardSecret =
    "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlBQkNERUY=";

inline std::int64_t now_s() {
    return std::time(nullptr);
}

inline std::string hex_hmac(std::string_view secret, std::string_view text) {
    return hex_encode(hmac(DigestAlgorithm::sha256, secret, text));
}

inline HeaderList github_headers(std::string_view body, std::string_view secret = kWebhookSecret,
                                 std::string_view guid = "72d3162e-cc78-11e3-81ab-4c9367dc0958") {
    return {{"X-GitHub-Event", "push"},
            {"X-GitHub-Delivery", std::string(guid)},
            {"X-Hub-Signature-256", "sha256=" + hex_hmac(secret, body)}};
}

inline HeaderList stripe_headers(std::string_view body, std::int64_t time = now_s(),
                                 std::string_view secret = kWebhookSecret) {
    const std::string t = std::to_string(time);
    return {{"Stripe-Signature",
             "t=" + t + ",v1=" + hex_hmac(secret, t + "." + std::string(body)) + ",v0=00"}};
}

inline HeaderList slack_headers(std::string_view body, std::int64_t time = now_s(),
                                std::string_view secret = kWebhookSecret) {
    const std::string t = std::to_string(time);
    return {{"X-Slack-Request-Timestamp", t},
            {"X-Slack-Signature", "v0=" + hex_hmac(secret, "v0:" + t + ":" + std::string(body))}};
}

inline HeaderList standard_headers(std::string_view body, std::string_view id = "msg_1",
                                   std::int64_t time = now_s()) {
    const std::string t = std::to_string(time);
    const Bytes key = *base64_decode(kStandardSecret.substr(6));
    const Bytes mac = hmac(DigestAlgorithm::sha256, as_text(key),
                           std::string(id) + "." + t + "." + std::string(body));
    return {{"webhook-id", std::string(id)},
            {"webhook-timestamp", t},
            {"webhook-signature", "v1," + base64_encode(mac.data(), mac.size())}};
}

inline HttpRequest delivery(const std::string& url, std::string_view body, HeaderList headers) {
    HttpRequest request;
    request.url = url;
    request.method = "POST";
    request.headers = std::move(headers);
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = std::string(body);
    return request;
}

// The same as bytes, for clients that libcurl cannot play.
inline std::string raw_head(std::string_view path, const HeaderList& headers,
                            std::string_view framing) {
    std::string out = "POST " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n";
    for (const auto& [name, value] : headers) {
        out += name + ": " + value + "\r\n";
    }
    return out + std::string(framing) + "\r\n";
}

inline std::string content_length(std::string_view body) {
    return "Content-Length: " + std::to_string(body.size()) + "\r\n";
}

inline std::map<std::string, std::string> webhook_files() {
    return {{"hook.key", std::string(kWebhookSecret) + "\n"},
            {"old.key", std::string(kOldWebhookSecret)},
            {"standard.key", std::string(kStandardSecret)}};
}

}  // namespace sallyport::test
