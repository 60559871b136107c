#include "engine/core/piece_s3.hpp"

#include "common/bytes.hpp"
#include "engine/core/file_input.hpp"
#include "engine/core/piece_input.hpp"
#include "engine/core/piece_table.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

Result<S3Bucket> bucket_of(const Json& auth) {
    const Json props = auth["props"].is_object() ? auth["props"] : auth;
    const auto key_id = input_text(props, "accessKeyId");
    const auto secret = input_text(props, "secretAccessKey");
    const auto bucket = input_text(props, "bucket");
    if (!props.is_object() || !key_id.ok() || !secret.ok() || !bucket.ok()) {
        return Error{"The step needs a connection to S3: accessKeyId, secretAccessKey, bucket"};
    }
    S3Account account;
    account.key_id = *key_id;
    account.secret = Secret(*secret);
    account.region = *input_text_or(props, "region", "us-east-1");
    account.bucket = *bucket;
    account.endpoint = *input_text_or(props, "endpoint", "");
    Result<S3Bucket> made = s3_bucket(std::move(account));
    return made.ok() ? *std::move(made)
                     : Result<S3Bucket>(Error{"The connection's " + made.message()});
}

Status check_key(std::string_view key) {
    return is_s3_key(key)
               ? Status(Done{})
               : input_error("key", "Expected 1 to 1024 bytes without . and .. as a part");
}

Result<S3Call> upload(const S3Bucket& bucket, const Json& input, std::int64_t now_ms) {
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
    return s3_signed(bucket, "PUT", key, std::move(headers), std::move(file->data), now_ms);
}

}  // namespace

Result<S3Call> s3_call(std::string_view action, const Json& input, std::int64_t now_ms) {
    const Result<S3Bucket> bucket = bucket_of(input["auth"]);
    if (!bucket.ok()) {
        return bucket.error();
    }
    if (action == "upload-file") {
        return upload(*bucket, input, now_ms);
    }
    const auto key = input_text(input, "key");
    const Status good = key.ok() ? check_key(*key) : Status(key.error());
    if (!good.ok()) {
        return good.error();
    }
    return s3_signed(*bucket, "GET", *key, {}, "", now_ms);
}

Result<Json> s3_outcome(std::string_view action, const S3Call& call, const S3Answer& answer) {
    if (answer.status < 200 || answer.status >= 300) {
        return Error{s3_problem(answer.status, answer.body)};
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
