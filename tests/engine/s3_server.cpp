#include "tests/engine/s3_server.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <utility>

namespace sallyport::test {
namespace {

constexpr const char* kKeyId = "AKIDOFTHETEST";
constexpr const char* kSecret = "the secret key/of the+test";
constexpr const char* kRegion = "eu-test-1";
constexpr std::time_t kSkewSeconds = 900;

UpstreamReply refusal(int status, const std::string& code) {
    UpstreamReply reply;
    reply.status = status;
    reply.headers = {{"Content-Type", "application/xml"}};
    reply.body = "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>" + code +
                 " it is</Message></Error>";
    return reply;
}

std::string part_of(const std::string& header, const std::string& name) {
    const std::size_t begin = header.find(name + "=");
    if (begin == std::string::npos) {
        return {};
    }
    const std::size_t from = begin + name.size() + 1;
    return header.substr(from, header.find_first_of(", ", from) - from);
}

std::string signature_of(const UpstreamRequest& request, const std::string& signed_headers,
                         const std::string& date) {
    std::string canonical = request.method + "\n" + request.target + "\n\n";
    for_each_split(signed_headers, ';', [&](std::string_view name) {
        canonical += std::string(name) + ":" + request.header(name).value_or("") + "\n";
    });
    canonical +=
        "\n" + signed_headers + "\n" + hex_encode(digest(DigestAlgorithm::sha256, request.body));
    const std::string scope = date.substr(0, 8) + "/" + kRegion + "/s3/aws4_request";
    const std::string text = "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" +
                             hex_encode(digest(DigestAlgorithm::sha256, canonical));
    Bytes key = hmac(DigestAlgorithm::sha256, std::string("AWS4") + kSecret, date.substr(0, 8));
    for (const char* part : {kRegion, "s3", "aws4_request"}) {
        key = hmac(DigestAlgorithm::sha256, as_text(key), part);
    }
    return hex_encode(hmac(DigestAlgorithm::sha256, as_text(key), text));
}

// Empty: the request is who it says it is.
std::string wrong_with(const UpstreamRequest& request) {
    const std::string header = request.header("authorization").value_or("");
    const std::string date = request.header("x-amz-date").value_or("");
    const std::string names = part_of(header, "SignedHeaders");
    if (!header.starts_with("AWS4-HMAC-SHA256 ") || date.size() != 16) {
        return "MissingSecurityHeader";
    }
    for (const char* needed : {"host", "x-amz-content-sha256", "x-amz-date"}) {
        if ((";" + names + ";").find(";" + std::string(needed) + ";") == std::string::npos) {
            return "HeadersNotSigned";
        }
    }
    std::tm when{};
    strptime(date.c_str(), "%Y%m%dT%H%M%SZ", &when);
    if (std::abs(timegm(&when) - std::time(nullptr)) > kSkewSeconds) {
        return "RequestTimeTooSkewed";
    }
    if (part_of(header, "Credential") !=
        std::string(kKeyId) + "/" + date.substr(0, 8) + "/" + kRegion + "/s3/aws4_request") {
        return "InvalidAccessKeyId";
    }
    if (request.header("x-amz-content-sha256") !=
        hex_encode(digest(DigestAlgorithm::sha256, request.body))) {
        return "XAmzContentSHA256Mismatch";
    }
    return part_of(header, "Signature") == signature_of(request, names, date)
               ? ""
               : "SignatureDoesNotMatch";
}

}  // namespace

S3Server::S3Server()
    : upstream_([this](const UpstreamRequest& request) { return answer(request); }) {}

std::vector<std::string> S3Server::settings() const {
    return {"AP_FILE_STORAGE_LOCATION=S3",
            "AP_S3_ENDPOINT=http://" + address(),
            std::string("AP_S3_BUCKET=") + kBucket,
            std::string("AP_S3_REGION=") + kRegion,
            std::string("AP_S3_ACCESS_KEY_ID=") + kKeyId,
            std::string("AP_S3_SECRET_ACCESS_KEY=") + kSecret,
            "SALLYPORT_S3_TIMEOUT_SECONDS=3"};
}

void S3Server::fail(Trouble trouble, int requests) {
    const std::lock_guard lock(mutex_);
    trouble_ = trouble;
    troubled_ = requests;
}

std::map<std::string, std::string> S3Server::objects() const {
    const std::lock_guard lock(mutex_);
    return objects_;
}

void S3Server::put(const std::string& key, const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    objects_[key] = bytes;
}

std::vector<std::string> S3Server::refusals() const {
    const std::lock_guard lock(mutex_);
    return refusals_;
}

UpstreamReply S3Server::answer(const UpstreamRequest& request) {
    const std::lock_guard lock(mutex_);
    const std::string wrong = wrong_with(request);
    if (!wrong.empty()) {
        refusals_.push_back(wrong);
        return refusal(403, wrong);
    }
    const bool by_host =
        request.header("host").value_or("").starts_with(std::string(kBucket) + ".");
    const std::string prefix = by_host ? "/" : std::string("/") + kBucket + "/";
    if (!request.target.starts_with(prefix)) {
        refusals_.emplace_back("NoSuchBucket");
        return refusal(404, "NoSuchBucket");
    }
    const Trouble trouble = troubled_ != 0 ? trouble_ : Trouble::none;
    troubled_ -= troubled_ > 0 ? 1 : 0;
    UpstreamReply reply;
    switch (trouble) {
        case Trouble::busy:
            return refusal(503, "SlowDown");
        case Trouble::denied:
            return refusal(403, "AccessDenied");
        case Trouble::gone:
            reply.status = 0;
            return reply;
        case Trouble::mute:
            reply.gate = never_;
            return reply;
        case Trouble::cut:
            object(request, request.target.substr(prefix.size()));  // it was done nevertheless
            reply.raw = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nthe first bytes";
            return reply;
        case Trouble::none:
            break;
    }
    return object(request, request.target.substr(prefix.size()));
}

UpstreamReply S3Server::object(const UpstreamRequest& request, const std::string& key) {
    UpstreamReply reply;
    reply.headers = {{"x-amz-request-id", "1"}};
    reply.body.clear();
    if (request.method == "PUT") {
        objects_[key] = request.body;
        reply.headers.emplace_back("ETag", "\"e\"");
        return reply;
    }
    const auto found = objects_.find(key);
    if (request.method == "DELETE") {
        reply.status = 204;
        objects_.erase(key);
        return reply;
    }
    if (request.method != "GET") {
        return refusal(405, "MethodNotAllowed");
    }
    if (found == objects_.end()) {
        return refusal(404, "NoSuchKey");
    }
    reply.headers.emplace_back("Content-Type", "application/octet-stream");
    reply.body = found->second;
    return reply;
}

}  // namespace sallyport::test
