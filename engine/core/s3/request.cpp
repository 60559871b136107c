#include "engine/core/s3/request.hpp"

#include "common/bytes.hpp"
#include "engine/core/egress_policy.hpp"
#include "engine/core/s3/document.hpp"
#include "engine/core/url_host.hpp"

#include <algorithm>

namespace sallyport::engine {
namespace {

constexpr std::size_t kKeyBytesMax = 1024;  // of an object, as S3 has it

bool is_name(std::string_view text, std::string_view more) {
    return !text.empty() && text.size() <= 63 &&
           std::all_of(text.begin(), text.end(), [more](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      more.find(c) != std::string_view::npos;
           });
}

bool has_usual_port(const EgressUrl& url) {
    return url.port == (url.scheme == "https" ? 443 : 80);
}

std::string path_of(const S3Bucket& bucket, std::string_view key) {
    return bucket.prefix + "/" + aws_encode(key, true);
}

S3Call signed_call(const S3Bucket& bucket, AwsRequest request, std::int64_t now_ms) {
    request.host = bucket.host;
    S3Call call;
    call.headers = request.headers;
    for (auto& header : aws_sign(bucket.credentials, request, "s3", now_ms)) {
        call.headers.push_back(std::move(header));
    }
    call.url = bucket.origin + request.path + (request.query.empty() ? "" : "?" + request.query);
    call.method = std::move(request.method);
    call.body = std::move(request.body);
    return call;
}

}  // namespace

Result<S3Bucket> s3_bucket(S3Account account) {
    if (!is_name(account.bucket, "-._") || !is_name(account.region, "-") ||
        account.key_id.empty() || !is_field_value(account.key_id)) {
        return Error{"bucket, region or access key has characters it may not have"};
    }
    const std::string amazon = "https://s3." + account.region + ".amazonaws.com";
    const auto url = parse_egress_url(account.endpoint.empty() ? amazon : account.endpoint);
    if (!url.ok() || url->target != "/") {
        return Error{"endpoint must be an address without a path"};
    }
    const bool usually_in_path =
        !account.endpoint.empty() || account.bucket.find('.') != std::string::npos;
    const bool in_path = account.style == S3Account::Style::path ||
                         (account.style == S3Account::Style::usual && usually_in_path);
    if (!in_path && url->literal) {
        return Error{"endpoint must be a name when the bucket is part of it"};
    }
    S3Bucket bucket;
    bucket.credentials = {std::move(account.key_id), std::move(account.secret),
                          std::move(account.region)};
    const std::string name = (in_path ? "" : account.bucket + ".") + url_host(url->host);
    bucket.host_and_port = name + ":" + std::to_string(url->port);
    bucket.host = has_usual_port(*url) ? name : bucket.host_and_port;
    bucket.origin = url->scheme + "://" + bucket.host;
    bucket.prefix = in_path ? "/" + aws_encode(account.bucket, false) : "";
    bucket.name = std::move(account.bucket);
    return bucket;
}

S3Call s3_asked(const S3Bucket& bucket, S3Ask ask, std::int64_t now_ms) {
    for (auto& [name, value] : ask.query) {
        value = aws_encode(value, false);
    }
    std::sort(ask.query.begin(), ask.query.end());
    AwsRequest request;
    request.method = std::move(ask.method);
    request.path = path_of(bucket, ask.key);
    for (const auto& [name, value] : ask.query) {
        request.query += (request.query.empty() ? "" : "&") + name + "=" + value;
    }
    request.headers = std::move(ask.headers);
    request.body = std::move(ask.body);
    S3Call call = signed_call(bucket, std::move(request), now_ms);
    call.key = std::move(ask.key);
    return call;
}

S3Call s3_signed(const S3Bucket& bucket, std::string method, std::string key,
                 std::vector<std::pair<std::string, std::string>> headers, std::string body,
                 std::int64_t now_ms) {
    return s3_asked(bucket,
                    {std::move(method), std::move(key), {}, std::move(headers), std::move(body)},
                    now_ms);
}

S3Call s3_list_call(const S3Bucket& bucket, const std::string& prefix, const std::string& token,
                    std::size_t count, std::int64_t now_ms) {
    S3Ask ask{"GET", "", {{"encoding-type", "url"}, {"list-type", "2"}}, {}, ""};
    ask.query.emplace_back("max-keys", std::to_string(count));
    if (!token.empty()) {
        ask.query.emplace_back("continuation-token", token);
    }
    if (!prefix.empty()) {
        ask.query.emplace_back("prefix", prefix);
    }
    return s3_asked(bucket, std::move(ask), now_ms);
}

std::string s3_signed_url(const S3Bucket& bucket, const std::string& method, const std::string& key,
                          std::int64_t seconds, std::int64_t now_ms) {
    AwsRequest request;
    request.method = method;
    request.host = bucket.host;
    request.path = path_of(bucket, key);
    return bucket.origin + request.path + "?" +
           aws_signed_query(bucket.credentials, request, "s3", seconds, now_ms);
}

bool is_s3_key(std::string_view key) {
    bool dots = false;
    for_each_split(key, '/',
                   [&dots](std::string_view part) { dots = dots || part == "." || part == ".."; });
    return !key.empty() && key.size() <= kKeyBytesMax && !dots && !key.starts_with('/');
}

std::string s3_problem(int status, std::string_view body) {
    const S3Fault fault = read_s3_fault(body);
    return "s3: status " + std::to_string(status) +
           (fault.code.empty() ? "" : ", " + fault.code + ": " + fault.message);
}

}  // namespace sallyport::engine
