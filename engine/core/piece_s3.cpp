#include "engine/core/piece_s3.hpp"

#include "common/bytes.hpp"
#include "engine/core/aws_signature.hpp"
#include "engine/core/egress_policy.hpp"
#include "engine/core/file_input.hpp"
#include "engine/core/piece_input.hpp"
#include "engine/core/piece_table.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kKeyBytesMax = 1024;  // of an object, as S3 has it

struct Place {
    AwsCredentials credentials;
    std::string origin;  // scheme://host[:port]
    std::string host;    // as the Host field has it
    std::string prefix;  // of paths: the bucket, where it is no part of the host
};

bool is_name(std::string_view text, std::string_view more) {
    return !text.empty() && text.size() <= 63 &&
           std::all_of(text.begin(), text.end(), [more](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      more.find(c) != std::string_view::npos;
           });
}

std::string host_field(const EgressUrl& url) {
    const std::string host =
        url.host.find(':') != std::string::npos ? "[" + url.host + "]" : url.host;
    const bool usual = url.port == (url.scheme == "https" ? 443 : 80);
    return usual ? host : host + ":" + std::to_string(url.port);
}

// A bucket with dots fits no certificate, and a server of one's own knows no names of buckets:
// there the bucket stands in the path.
Result<Place> place_of(const Json& auth) {
    const Json props = auth["props"].is_object() ? auth["props"] : auth;
    const auto key_id = input_text(props, "accessKeyId");
    const auto secret = input_text(props, "secretAccessKey");
    const auto bucket = input_text(props, "bucket");
    if (!props.is_object() || !key_id.ok() || !secret.ok() || !bucket.ok()) {
        return Error{"The step needs a connection to S3: accessKeyId, secretAccessKey, bucket"};
    }
    Place place;
    place.credentials.key_id = *key_id;
    place.credentials.secret = Secret(*secret);
    place.credentials.region = *input_text_or(props, "region", "us-east-1");
    if (!is_name(*bucket, "-._") || !is_name(place.credentials.region, "-") ||
        !is_field_value(*key_id)) {
        return Error{"The connection's bucket, region or accessKeyId has characters it may not"};
    }
    const std::string endpoint = *input_text_or(props, "endpoint", "");
    const bool in_path = !endpoint.empty() || bucket->find('.') != std::string::npos;
    const std::string amazon = "s3." + place.credentials.region + ".amazonaws.com";
    const auto url = parse_egress_url(!endpoint.empty() ? endpoint
                                      : in_path         ? "https://" + amazon
                                                        : "https://" + *bucket + "." + amazon);
    if (!url.ok() || url->target != "/") {
        return Error{"The connection's endpoint must be an address without a path"};
    }
    place.host = host_field(*url);
    place.origin = url->scheme + "://" + place.host;
    place.prefix = in_path ? "/" + aws_encode(*bucket, false) : "";
    return place;
}

S3Call signed_call(const Place& place, std::string method, std::string key,
                   std::vector<std::pair<std::string, std::string>> headers, std::string body,
                   std::int64_t now_ms) {
    AwsRequest request;
    request.method = method;
    request.host = place.host;
    request.path = place.prefix + "/" + aws_encode(key, true);
    request.headers = std::move(headers);
    request.body = std::move(body);
    S3Call call;
    call.headers = request.headers;
    for (auto& header : aws_sign(place.credentials, request, "s3", now_ms)) {
        call.headers.push_back(std::move(header));
    }
    call.method = std::move(method);
    call.url = place.origin + request.path;
    call.body = std::move(request.body);
    call.key = std::move(key);
    return call;
}

// A path that parsers would shorten names another object than the one that was signed.
Status check_key(std::string_view key) {
    bool dots = false;
    for_each_split(key, '/',
                   [&dots](std::string_view part) { dots = dots || part == "." || part == ".."; });
    const bool good = !key.empty() && key.size() <= kKeyBytesMax && !dots && !key.starts_with('/');
    return good ? Status(Done{})
                : input_error("key", "Expected 1 to 1024 bytes without . and .. as a part");
}

Result<S3Call> upload(const Place& place, const Json& input, std::int64_t now_ms) {
    Result<InputFile> file = file_input("file", input["file"]);
    if (!file.ok()) {
        return file.error();
    }
    if (file->data.size() > kS3FileBytesMax) {
        return input_error("file", "Expected at most 25 MB");
    }
    const std::string type = *input_text_or(input, "type", file->type);
    const auto acl =
        input_choice(input, "acl", "none",
                     {"none", "private", "public-read", "public-read-write", "authenticated-read",
                      "aws-exec-read", "bucket-owner-read", "bucket-owner-full-control"});
    const std::size_t slash = type.find('/');
    if (!acl.ok() || slash == std::string::npos || !is_field_value(type)) {
        return acl.ok() ? input_error("type", "Expected a media type, received: " + type)
                        : acl.error();
    }
    const std::string name = *input_text_or(input, "fileName", iso_time(now_ms));
    const std::string key = name + "." + type.substr(slash + 1);
    const Status good = check_key(key);
    if (!good.ok()) {
        return good.error();
    }
    std::vector<std::pair<std::string, std::string>> headers = {{"content-type", type}};
    if (*acl != "none") {
        headers.emplace_back("x-amz-acl", *acl);
    }
    return signed_call(place, "PUT", key, std::move(headers), std::move(file->data), now_ms);
}

// <Error><Code>…</Code><Message>…</Message></Error>
std::string_view element(std::string_view xml, std::string_view name) {
    const std::string open = "<" + std::string(name) + ">";
    const std::size_t begin = xml.find(open);
    const std::size_t end = xml.find("</" + std::string(name) + ">");
    if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) {
        return {};
    }
    return xml.substr(begin + open.size(), end - begin - open.size());
}

}  // namespace

Result<S3Call> s3_call(std::string_view action, const Json& input, std::int64_t now_ms) {
    const Result<Place> place = place_of(input["auth"]);
    if (!place.ok()) {
        return place.error();
    }
    if (action == "upload-file") {
        return upload(*place, input, now_ms);
    }
    const auto key = input_text(input, "key");
    const Status good = key.ok() ? check_key(*key) : Status(key.error());
    if (!good.ok()) {
        return good.error();
    }
    return signed_call(*place, "GET", *key, {}, "", now_ms);
}

Result<Json> s3_outcome(std::string_view action, const S3Call& call, const S3Answer& answer) {
    if (answer.status < 200 || answer.status >= 300) {
        const std::string code(element(answer.body, "Code"));
        const std::string message(element(answer.body, "Message"));
        return Error{"s3: status " + std::to_string(answer.status) +
                     (code.empty() ? "" : ", " + code + ": " + message)};
    }
    if (action == "upload-file") {
        return Json::object(
            {{"fileName", Json::string(call.key)}, {"etag", Json::string(answer.etag)}});
    }
    const std::size_t slash = call.key.rfind('/');
    return Json::object(
        {{"filename", Json::string(call.key.substr(slash == std::string::npos ? 0 : slash + 1))},
         {"type", Json::string(answer.type)},
         {"size", Json::integer(static_cast<std::int64_t>(answer.body.size()))},
         {"base64", Json::string(base64_encode(as_bytes(answer.body), answer.body.size()))}});
}

const NativePiece kS3Native = {R"json({
 "name":"@activepieces/piece-amazon-s3","version":"0.3.1","displayName":"Amazon S3",
 "description":"Keep files in S3 and what is compatible with it","categories":["CONTENT_AND_FILES"],
 "auth":["CUSTOM_AUTH","Connection",true,{"props":{
  "accessKeyId":["SHORT_TEXT","Access Key ID",true],"secretAccessKey":["SECRET_TEXT","Secret Access Key",true],
  "bucket":["SHORT_TEXT","Bucket",true],"endpoint":["SHORT_TEXT","Endpoint",false],"region":["SHORT_TEXT","Region",true]}}],
 "actions":{
  "upload-file":{"displayName":"Upload File","description":"Stores a file","props":{
   "file":["FILE","File",true],"fileName":["SHORT_TEXT","File Name",false],
   "acl":["STATIC_DROPDOWN","ACL",false,{"options":["private","public-read","public-read-write","authenticated-read","aws-exec-read","bucket-owner-read","bucket-owner-full-control"]}],
   "type":["STATIC_DROPDOWN","Type",true,{"options":["image/png","image/jpeg","image/gif","audio/mpeg","audio/wav","video/mp4","application/pdf","application/msword","text/plain","application/json"]}]}},
  "read-file":{"displayName":"Read File","description":"Gives a file to other steps","props":{"key":["SHORT_TEXT","Key",true]}}},
 "triggers":{}
})json",
                               {{"upload-file"}, {"read-file"}}};

}  // namespace sallyport::engine
