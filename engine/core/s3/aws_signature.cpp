#include "engine/core/s3/aws_signature.hpp"

#include "common/crypto.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

std::string hash(std::string_view text) {
    return hex_encode(digest(DigestAlgorithm::sha256, text));
}

// 20130524T000000Z
std::string amz_time(std::int64_t now_ms) {
    std::string text = iso_time(now_ms).substr(0, 19);
    std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
    return text + "Z";
}

// Without blanks at its ends, and one where it has several.
std::string signed_value(std::string_view value) {
    std::string out;
    for (const char c : trim_ows(value)) {
        const bool blank = c == ' ' || c == '\t';
        if (!blank || out.back() != ' ') {
            out += blank ? ' ' : c;
        }
    }
    return out;
}

Secret signing_key(const AwsCredentials& credentials, std::string_view day,
                   std::string_view service) {
    const std::string start = "AWS4" + std::string(credentials.secret.reveal());
    Bytes key = hmac(DigestAlgorithm::sha256, start, day);
    for (const std::string_view part :
         {std::string_view(credentials.region), service, std::string_view("aws4_request")}) {
        key = hmac(DigestAlgorithm::sha256, as_text(key), part);
    }
    return Secret(std::move(key));
}

std::string scope_of(const AwsCredentials& credentials, std::string_view day,
                     std::string_view service) {
    return std::string(day) + "/" + credentials.region + "/" + std::string(service) +
           "/aws4_request";
}

std::string signature_of(const AwsCredentials& credentials, std::string_view service,
                         const std::string& time, const std::string& canonical) {
    const std::string day = time.substr(0, 8);
    const std::string text = "AWS4-HMAC-SHA256\n" + time + "\n" +
                             scope_of(credentials, day, service) + "\n" + hash(canonical);
    const Secret key = signing_key(credentials, day, service);
    return hex_encode(hmac(DigestAlgorithm::sha256, key.reveal(), text));
}

}  // namespace

std::string aws_encode(std::string_view text, bool keep_slashes) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain || (keep_slashes && c == '/')) {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += kDigits[byte >> 4];
            out += kDigits[byte & 15];
        }
    }
    return out;
}

std::vector<std::pair<std::string, std::string>> aws_sign(const AwsCredentials& credentials,
                                                          const AwsRequest& request,
                                                          std::string_view service,
                                                          std::int64_t now_ms) {
    const std::string time = amz_time(now_ms);
    const std::string day = time.substr(0, 8);
    const std::string content = hash(request.body);
    auto headers = request.headers;
    headers.emplace_back("host", request.host);
    headers.emplace_back("x-amz-content-sha256", content);
    headers.emplace_back("x-amz-date", time);
    std::sort(headers.begin(), headers.end());
    std::string canonical = request.method + "\n" + request.path + "\n" + request.query + "\n";
    std::string names;
    for (const auto& [name, value] : headers) {
        canonical += name + ":" + signed_value(value) + "\n";
        names += (names.empty() ? "" : ";") + name;
    }
    canonical += "\n" + names + "\n" + content;
    const std::string scope = scope_of(credentials, day, service);
    const std::string signature = signature_of(credentials, service, time, canonical);
    return {{"authorization", "AWS4-HMAC-SHA256 Credential=" + credentials.key_id + "/" + scope +
                                  ",SignedHeaders=" + names + ",Signature=" + signature},
            {"x-amz-content-sha256", content},
            {"x-amz-date", time}};
}

std::string aws_signed_query(const AwsCredentials& credentials, const AwsRequest& request,
                             std::string_view service, std::int64_t seconds, std::int64_t now_ms) {
    const std::string time = amz_time(now_ms);
    const std::string scope = scope_of(credentials, time.substr(0, 8), service);
    const std::string query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" +
                              aws_encode(credentials.key_id + "/" + scope, false) +
                              "&X-Amz-Date=" + time + "&X-Amz-Expires=" + std::to_string(seconds) +
                              "&X-Amz-SignedHeaders=host";
    const std::string canonical = request.method + "\n" + request.path + "\n" + query +
                                  "\nhost:" + request.host + "\n\nhost\nUNSIGNED-PAYLOAD";
    return query + "&X-Amz-Signature=" + signature_of(credentials, service, time, canonical);
}

}  // namespace sallyport::engine
