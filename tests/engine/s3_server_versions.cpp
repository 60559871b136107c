// The double of S3: what it keeps of an object beside its bytes, its tags and its versions.
#include "common/crypto.hpp"
#include "tests/engine/s3_server.hpp"
#include "tests/engine/s3_server_parts.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::test {
namespace {

constexpr const char* kStamp = "Fri, 02 Jan 2026 03:04:05 GMT";
constexpr std::size_t kTagsMax = 10;

UpstreamReply document(const std::string& root, const std::string& inside) {
    UpstreamReply reply;
    reply.headers = {{"Content-Type", "application/xml"}};
    reply.body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<" + root +
                 " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" + inside + "</" + root + ">";
    return reply;
}

std::string decoded(std::string text) {
    for (const auto& [written, meant] : std::initializer_list<std::pair<const char*, const char*>>{
             {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&amp;", "&"}}) {
        for (std::size_t at = text.find(written); at != std::string::npos;
             at = text.find(written, at + 1)) {
            text.replace(at, std::string_view(written).size(), meant);
        }
    }
    return text;
}

std::string encoded(const std::string& text) {
    std::string out;
    for (const char c : text) {
        out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : std::string(1, c);
    }
    return out;
}

// The texts of every element of that name, in order.
std::vector<std::string> texts(const std::string& xml, const std::string& name) {
    std::vector<std::string> all;
    const std::string open = "<" + name + ">";
    for (std::size_t at = xml.find(open); at != std::string::npos; at = xml.find(open, at)) {
        at += open.size();
        all.push_back(decoded(xml.substr(at, xml.find('<', at) - at)));
    }
    return all;
}

// As a key stands in a path.
std::string in_path(const std::string& key) {
    std::string out;
    for (const char c : escaped(key)) {
        out += c == '+' ? "%20" : std::string(1, c);
    }
    return out;
}

bool is_whole(const UpstreamRequest& request) {
    const Bytes sum = digest(DigestAlgorithm::md5, request.body);
    return request.header("content-md5") == base64_encode(sum.data(), sum.size());
}

}  // namespace

void S3Server::keep_versions() {
    const std::lock_guard lock(mutex_);
    versioned_ = true;
}

S3Server::Version* S3Server::find(const std::string& key, const std::string& id) {
    const auto bytes = objects_.find(key);
    auto& versions = versions_[key];
    if (bytes != objects_.end() && (versions.empty() || versions.back().marker)) {
        // Put here by the test itself.
        versions.push_back({"null", bytes->second, {}, {}, false});
    }
    if (id.empty()) {
        return versions.empty() || versions.back().marker ? nullptr : &versions.back();
    }
    const auto found = std::find_if(versions.begin(), versions.end(),
                                    [&id](const Version& version) { return version.id == id; });
    return found == versions.end() ? nullptr : &*found;
}

S3Server::Version& S3Server::add(const std::string& key, Version version) {
    find(key, "");
    auto& versions = versions_[key];
    if (versioned_) {
        version.id = "v" + std::to_string(++versions_made_);
    } else {
        versions.clear();
    }
    objects_[key] = version.bytes;
    versions.push_back(std::move(version));
    return versions.back();
}

UpstreamReply S3Server::store(const UpstreamRequest& request, const std::string& key) {
    if (request.header("if-none-match") == "*" && objects_.contains(key)) {
        return s3_refusal(412, "PreconditionFailed");
    }
    Version version;
    version.bytes = request.body;
    for (const auto& [name, value] : request.headers) {
        const std::string lower = ascii_lower(name);
        if (lower == "content-type" || lower.starts_with("x-amz-meta-")) {
            version.headers.emplace_back(lower, value);
        }
    }
    const Version& added = add(key, std::move(version));
    UpstreamReply reply;
    reply.headers = {{"x-amz-request-id", "1"}, {"ETag", "\"e\""}};
    if (versioned_) {
        reply.headers.emplace_back("x-amz-version-id", added.id);
    }
    reply.body.clear();
    return reply;
}

UpstreamReply S3Server::read(const UpstreamRequest& request, const std::string& key,
                             const std::string& query) {
    const Version* version = find(key, argument(query, "versionId"));
    if (version == nullptr || version->marker) {
        UpstreamReply reply = s3_refusal(404, "NoSuchKey");
        reply.body = request.method == "HEAD" ? "" : reply.body;
        return reply;
    }
    UpstreamReply reply;
    reply.headers = version->headers;
    if (version->headers.empty()) {
        reply.headers.emplace_back("Content-Type", "application/octet-stream");
    }
    reply.headers.insert(reply.headers.end(),
                         {{"x-amz-request-id", "1"}, {"Last-Modified", kStamp}, {"ETag", "\"e\""}});
    if (versioned_) {
        reply.headers.emplace_back("x-amz-version-id", version->id);
    }
    reply.body = version->bytes;
    return reply;
}

UpstreamReply S3Server::copy(const std::string& source, const std::string& key) {
    const std::string prefix = std::string("/") + kBucket + "/";
    const std::size_t mark = std::min(source.find('?'), source.size());
    const std::string query = source.substr(std::min(mark + 1, source.size()));
    const Version* from =
        source.starts_with(prefix)
            ? find(source.substr(prefix.size(), mark - prefix.size()), argument(query, "versionId"))
            : nullptr;
    if (from == nullptr || from->marker) {
        return s3_refusal(404, "NoSuchKey");
    }
    const std::string from_id = from->id;
    const Version& added = add(key, Version(*from));
    UpstreamReply reply = document("CopyObjectResult",
                                   "<LastModified>2026-01-02T03:04:05.000Z</LastModified>"
                                   "<ETag>&quot;e&quot;</ETag>");
    if (versioned_) {
        reply.headers.emplace_back("x-amz-copy-source-version-id", from_id);
        reply.headers.emplace_back("x-amz-version-id", added.id);
    }
    return reply;
}

UpstreamReply S3Server::tag(const UpstreamRequest& request, const std::string& key,
                            const std::string& query) {
    Version* version = find(key, argument(query, "versionId"));
    if (version == nullptr || version->marker) {
        return s3_refusal(404, "NoSuchKey");
    }
    UpstreamReply reply;
    reply.headers.clear();
    reply.body.clear();
    if (request.method == "GET") {
        std::string set;
        for (const auto& [name, value] : version->tags) {
            set +=
                "<Tag><Key>" + encoded(name) + "</Key><Value>" + encoded(value) + "</Value></Tag>";
        }
        reply = document("Tagging", "<TagSet>" + set + "</TagSet>");
    } else if (request.method == "PUT") {
        const auto names = texts(request.body, "Key");
        const auto values = texts(request.body, "Value");
        if (!is_whole(request)) {
            return s3_refusal(400, "InvalidDigest");
        }
        if (names.size() != values.size() || names.size() > kTagsMax) {
            return s3_refusal(400, "MalformedXML");
        }
        version->tags.clear();
        for (std::size_t i = 0; i < names.size(); ++i) {
            version->tags[names[i]] = values[i];
        }
    } else {
        version->tags.clear();
        reply.status = 204;
    }
    if (versioned_) {
        reply.headers.emplace_back("x-amz-version-id", version->id);
    }
    return reply;
}

UpstreamReply S3Server::remove(const std::string& key) {
    UpstreamReply reply;
    reply.status = 204;
    reply.headers.clear();
    reply.body.clear();
    find(key, "");
    if (versioned_) {
        add(key, {"", "", {}, {}, true});
        reply.headers.emplace_back("x-amz-delete-marker", "true");
    } else {
        versions_.erase(key);
    }
    objects_.erase(key);
    return reply;
}

UpstreamReply S3Server::remove_all(const UpstreamRequest& request) {
    if (!is_whole(request)) {
        return s3_refusal(400, "InvalidDigest");
    }
    std::string inside;
    for (const std::string& key : texts(request.body, "Key")) {
        const std::string shown = "<Key>" + encoded(key) + "</Key>";
        if (key.starts_with("locked/")) {
            inside += "<Error>" + shown +
                      "<Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
            continue;
        }
        remove(in_path(key));
        inside += "<Deleted>" + shown + (versioned_ ? "<DeleteMarker>true</DeleteMarker>" : "") +
                  "</Deleted>";
    }
    return document("DeleteResult", inside);
}

UpstreamReply S3Server::list_versions(const std::string& query) {
    const std::string prefix = argument(query, "prefix");
    const std::string from = argument(query, "key-marker");
    const std::string from_id = argument(query, "version-id-marker");
    const std::size_t page = std::stoul("0" + argument(query, "max-keys"));
    if (argument(query, "encoding-type") != "url") {
        return s3_refusal(400, "InvalidArgument");
    }
    std::string inside;
    std::size_t count = 0;
    std::pair<std::string, std::string> last;
    bool truncated = false;
    for (const auto& [path, bytes] : objects_) {
        find(path, "");
    }
    for (auto& [path, versions] : versions_) {
        const std::string key = unescaped(path);
        if (!key.starts_with(prefix) || key < from || (key == from && from_id.empty())) {
            continue;
        }
        bool past = key != from;
        for (auto version = versions.rbegin(); version != versions.rend() && !truncated;
             ++version) {
            const bool skipped = !past;
            past = past || version->id == from_id;
            truncated = !skipped && count == page;
            if (skipped || truncated) {
                continue;
            }
            const char* kind = version->marker ? "DeleteMarker" : "Version";
            inside += "<" + std::string(kind) + "><Key>" + escaped(key) + "</Key><VersionId>" +
                      version->id + "</VersionId><IsLatest>" +
                      (version == versions.rbegin() ? "true" : "false") +
                      "</IsLatest><LastModified>2026-01-02T03:04:05.000Z</LastModified>" +
                      (version->marker ? ""
                                       : "<ETag>&quot;e&quot;</ETag><Size>" +
                                             std::to_string(version->bytes.size()) +
                                             "</Size><StorageClass>STANDARD</StorageClass>") +
                      "<Owner><ID>o</ID></Owner></" + kind + ">";
            last = {escaped(key), version->id};
            ++count;
        }
    }
    return document(
        "ListVersionsResult",
        "<EncodingType>url</EncodingType><IsTruncated>" +
            std::string(truncated ? "true" : "false") + "</IsTruncated>" +
            (truncated ? "<NextKeyMarker>" + last.first + "</NextKeyMarker><NextVersionIdMarker>" +
                             last.second + "</NextVersionIdMarker>"
                       : "") +
            inside);
}

}  // namespace sallyport::test
