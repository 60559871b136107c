#include "tests/engine/s3_server.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>
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

std::string sorted(const std::string& query) {
    std::vector<std::string> parts;
    for_each_split(query, '&', [&parts](std::string_view part) { parts.emplace_back(part); });
    std::sort(parts.begin(), parts.end());
    std::string text;
    for (const std::string& part : parts) {
        text += (text.empty() ? "" : "&") + part;
    }
    return text;
}

std::string unescaped(const std::string& text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '%' && at + 2 < text.size()) {
            out += static_cast<char>(std::stoi(text.substr(at + 1, 2), nullptr, 16));
            at += 2;
        } else {
            out += text[at];
        }
    }
    return out;
}

// As S3 encodes keys when it is asked to: blanks are `+`.
std::string escaped(const std::string& key) {
    std::string out;
    for (const char c : key) {
        const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' ||
                           c == '_' || c == '.' || c == '/';
        char code[4];
        std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned char>(c));
        out += plain ? std::string(1, c) : c == ' ' ? "+" : code;
    }
    return out;
}

std::string argument(const std::string& query, const std::string& name) {
    std::string value;
    for_each_split(query, '&', [&](std::string_view part) {
        if (part.starts_with(name + "=")) {
            value = unescaped(std::string(part.substr(name.size() + 1)));
        }
    });
    return value;
}

std::string signature_of(const UpstreamRequest& request, const std::string& signed_headers,
                         const std::string& date) {
    const std::size_t query = std::min(request.target.find('?'), request.target.size());
    std::string canonical =
        request.method + "\n" + request.target.substr(0, query) + "\n" +
        sorted(request.target.substr(std::min(query + 1, request.target.size()))) + "\n";
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

void S3Server::stamp(const std::string& key, const std::string& modified, const std::string& etag) {
    const std::lock_guard lock(mutex_);
    stamps_[key] = {modified, etag};
}

void S3Server::set_page(std::size_t objects) {
    const std::lock_guard lock(mutex_);
    page_ = objects;
}

void S3Server::set_listing(const std::string& xml) {
    const std::lock_guard lock(mutex_);
    listing_ = xml;
}

std::string S3Server::connection() const {
    return std::string(R"({"accessKeyId":")") + kKeyId + R"(","secretAccessKey":")" + kSecret +
           R"(","bucket":")" + kBucket + R"(","region":")" + kRegion + R"(","endpoint":"http://)" +
           address() + "\"}";
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
    if (key.starts_with("?") && request.method == "GET") {
        return list(key.substr(1));
    }
    if (request.method == "PUT" && request.header("x-amz-copy-source")) {
        return copy(*request.header("x-amz-copy-source"), key);
    }
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

UpstreamReply S3Server::copy(const std::string& source, const std::string& key) {
    const std::string prefix = std::string("/") + kBucket + "/";
    const auto found =
        source.starts_with(prefix) ? objects_.find(source.substr(prefix.size())) : objects_.end();
    if (found == objects_.end()) {
        return refusal(404, "NoSuchKey");
    }
    objects_[key] = found->second;
    UpstreamReply reply;
    reply.headers = {{"Content-Type", "application/xml"}};
    reply.body =
        "<?xml version=\"1.0\"?><CopyObjectResult "
        "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LastModified>"
        "2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;e&quot;</ETag></CopyObjectResult>";
    return reply;
}

UpstreamReply S3Server::list(const std::string& query) {
    UpstreamReply reply;
    reply.headers = {{"Content-Type", "application/xml"}};
    if (!listing_.empty()) {
        reply.body = listing_;
        return reply;
    }
    const std::string prefix = argument(query, "prefix");
    const std::string after = argument(query, "continuation-token");
    const std::size_t page =
        std::min<std::size_t>(page_, std::stoul("0" + argument(query, "max-keys")));
    if (argument(query, "list-type") != "2" || argument(query, "encoding-type") != "url") {
        return refusal(400, "InvalidArgument");
    }
    std::string contents;
    std::string last;
    std::size_t count = 0;
    bool truncated = false;
    for (const auto& [encoded, bytes] : objects_) {
        const std::string key = unescaped(encoded);
        if (!key.starts_with(prefix) || (!after.empty() && encoded <= after)) {
            continue;
        }
        truncated = count == page;
        if (truncated) {
            break;
        }
        const auto found = stamps_.find(encoded);
        const Stamp stamp = found == stamps_.end() ? Stamp{} : found->second;
        contents += "<Contents><Key>" + escaped(key) + "</Key><LastModified>" + stamp.modified +
                    "</LastModified><ETag>&quot;" + stamp.etag + "&quot;</ETag><Size>" +
                    std::to_string(bytes.size()) +
                    "</Size><StorageClass>STANDARD</StorageClass></Contents>";
        last = encoded;
        ++count;
    }
    reply.body =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult "
        "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>" +
        std::string(kBucket) + "</Name><EncodingType>url</EncodingType><KeyCount>" +
        std::to_string(count) + "</KeyCount><IsTruncated>" +
        (truncated ? "true</IsTruncated><NextContinuationToken>" + last + "</NextContinuationToken>"
                   : "false</IsTruncated>") +
        contents + "</ListBucketResult>";
    return reply;
}

}  // namespace sallyport::test
