#include "tests/engine/s3_server.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "tests/engine/s3_server_parts.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iterator>
#include <utility>

namespace sallyport::test {
namespace {

constexpr const char* kKeyId = "AKIDOFTHETEST";
constexpr const char* kSecret = "the secret key/of the+test";
constexpr const char* kRegion = "eu-test-1";
constexpr std::time_t kSkewSeconds = 900;

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
    for_each_split(query, '&', [&parts](std::string_view part) {
        const bool bare = !part.empty() && part.find('=') == std::string_view::npos;
        parts.push_back(std::string(part) + (bare ? "=" : ""));
    });
    std::sort(parts.begin(), parts.end());
    std::string text;
    for (const std::string& part : parts) {
        text += (text.empty() ? "" : "&") + part;
    }
    return text;
}

std::string single_blanks(const std::string& text) {
    std::string out;
    std::unique_copy(text.begin(), text.end(), std::back_inserter(out),
                     [](char a, char b) { return a == ' ' && b == ' '; });
    return out;
}

std::string signature_of(const UpstreamRequest& request, const std::string& signed_headers,
                         const std::string& date) {
    const std::size_t query = std::min(request.target.find('?'), request.target.size());
    std::string canonical =
        request.method + "\n" + request.target.substr(0, query) + "\n" +
        sorted(request.target.substr(std::min(query + 1, request.target.size()))) + "\n";
    for_each_split(signed_headers, ';', [&](std::string_view name) {
        canonical +=
            std::string(name) + ":" + single_blanks(request.header(name).value_or("")) + "\n";
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
    versions_.erase(key);
}

void S3Server::lose(const std::string& key) {
    const std::lock_guard lock(mutex_);
    objects_.erase(key);
    versions_.erase(key);
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
        return s3_refusal(403, wrong);
    }
    const bool by_host =
        request.header("host").value_or("").starts_with(std::string(kBucket) + ".");
    const std::string prefix = by_host ? "/" : std::string("/") + kBucket + "/";
    if (!request.target.starts_with(prefix)) {
        refusals_.emplace_back("NoSuchBucket");
        return s3_refusal(404, "NoSuchBucket");
    }
    const Trouble trouble = troubled_ != 0 ? trouble_ : Trouble::none;
    troubled_ -= troubled_ > 0 ? 1 : 0;
    UpstreamReply reply;
    switch (trouble) {
        case Trouble::busy:
            return s3_refusal(503, "SlowDown");
        case Trouble::denied:
            return s3_refusal(403, "AccessDenied");
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

UpstreamReply S3Server::object(const UpstreamRequest& request, const std::string& target) {
    const std::size_t mark = std::min(target.find('?'), target.size());
    const std::string key = target.substr(0, mark);
    const std::string query = target.substr(std::min(mark + 1, target.size()));
    if (key.empty()) {
        return has_argument(query, "versions") ? list_versions(query)
               : has_argument(query, "delete") ? remove_all(request)
               : request.method == "GET"       ? list(query)
                                               : s3_refusal(405, "MethodNotAllowed");
    }
    if (has_argument(query, "tagging")) {
        return tag(request, key, query);
    }
    if (request.method == "PUT") {
        return request.header("x-amz-copy-source") ? copy(*request.header("x-amz-copy-source"), key)
                                                   : store(request, key);
    }
    if (request.method == "DELETE") {
        return remove(key);
    }
    return request.method == "GET" || request.method == "HEAD"
               ? read(request, key, query)
               : s3_refusal(405, "MethodNotAllowed");
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
    const std::string start = argument(query, "start-after");
    const std::string delimiter = argument(query, "delimiter");
    if (argument(query, "list-type") != "2" || argument(query, "encoding-type") != "url") {
        return s3_refusal(400, "InvalidArgument");
    }
    std::string contents;
    std::string last;
    std::string last_folder;
    std::size_t count = 0;
    bool truncated = false;
    for (const auto& [encoded, bytes] : objects_) {
        const std::string key = unescaped(encoded);
        if (!key.starts_with(prefix) || (!after.empty() && encoded <= after) || key <= start) {
            continue;
        }
        const std::size_t slash =
            delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
        const std::string folder = key.substr(0, slash == std::string::npos ? 0 : slash + 1);
        if (!folder.empty() && folder == last_folder) {
            last = encoded;
            continue;
        }
        truncated = count == page;
        if (truncated) {
            break;
        }
        last = encoded;
        ++count;
        if (!folder.empty()) {
            last_folder = folder;
            contents += "<CommonPrefixes><Prefix>" + escaped(folder) + "</Prefix></CommonPrefixes>";
            continue;
        }
        const auto found = stamps_.find(encoded);
        const Stamp stamp = found == stamps_.end() ? Stamp{} : found->second;
        contents += "<Contents><Key>" + escaped(key) + "</Key><LastModified>" + stamp.modified +
                    "</LastModified><ETag>&quot;" + stamp.etag + "&quot;</ETag><Size>" +
                    std::to_string(bytes.size()) +
                    "</Size><StorageClass>STANDARD</StorageClass></Contents>";
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
