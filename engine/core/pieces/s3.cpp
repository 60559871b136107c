#include "engine/core/pieces/s3.hpp"

#include "common/bytes.hpp"
#include "engine/core/file_input.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/s3_files.hpp"
#include "engine/core/pieces/table.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

// Of an address that is good by itself: a week, as S3 has it.
constexpr std::int64_t kSignedMinutesMax = 10'080;

Status check_key(std::string_view name, std::string_view key) {
    return is_s3_key(key) ? Status(Done{}) : input_error(name, std::string(kS3KeyRule));
}

// What files of a type are usually called; of others the type's second part.
std::string extension_of(std::string_view type) {
    type = trim_ows(type.substr(0, type.find(';')));
    return "." + std::string(ending_of_type(type, type.substr(type.find('/') + 1)));
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
    if (!acl.ok() || type.find('/') == std::string::npos || !is_field_value(type)) {
        return acl.ok() ? input_error("type", "Expected a media type, received: " + type)
                        : acl.error();
    }
    const std::string name = *input_text_or(input, "fileName", iso_time(now_ms));
    const std::string extension = extension_of(type);
    const std::string key = name + (name.ends_with(extension) ? "" : extension);
    const Status good = check_key("fileName", key);
    if (!good.ok()) {
        return good.error();
    }
    std::vector<std::pair<std::string, std::string>> headers = {{"content-type", type}};
    if (*acl != "none") {
        headers.emplace_back("x-amz-acl", *acl);
    }
    return s3_signed(bucket, "PUT", key, std::move(headers), std::move(file->data), now_ms);
}

Result<std::string> key_in(const Json& input, std::string_view name) {
    const auto key = input_text(input, name);
    const Status good = key.ok() ? check_key(name, *key) : Status(key.error());
    return good.ok() ? key : Result<std::string>(good.error());
}

S3Step step_of(S3Call call) {
    S3Step step;
    step.calls.push_back(std::move(call));
    return step;
}

Result<S3Step> list_files(const S3Bucket& bucket, const Json& input, std::int64_t now_ms) {
    const auto count = input_number_or(input, "maxKeys", kS3PageObjects);
    const auto prefix = input_text_or(input, "prefix", "");
    if (!count.ok() || !prefix.ok()) {
        return count.ok() ? prefix.error() : count.error();
    }
    const double within = std::clamp<double>(*count, 1, kS3PageObjects);
    return step_of(s3_list_call(bucket, *prefix, "", static_cast<std::size_t>(within), now_ms));
}

// Into another folder, under its name.
Result<S3Step> move_file(const S3Bucket& bucket, const Json& input, std::int64_t now_ms) {
    const auto from = key_in(input, "fileKey");
    const auto folder = input_text(input, "folderKey");
    if (!from.ok() || !folder.ok()) {
        return from.ok() ? folder.error() : from.error();
    }
    std::string to = *folder + (folder->empty() || folder->ends_with('/') ? "" : "/");
    to = (to == "/" ? "" : to) + from->substr(from->rfind('/') + 1);
    const Status good = check_key("folderKey", to);
    if (!good.ok() || to == *from) {
        return good.ok() ? input_error("folderKey", "Expected another folder than the file's own")
                         : good.error();
    }
    const std::string source = "/" + bucket.name + "/" + aws_encode(*from, true);
    S3Step step =
        step_of(s3_signed(bucket, "PUT", to, {{"x-amz-copy-source", source}}, "", now_ms));
    step.calls.push_back(s3_signed(bucket, "DELETE", *from, {}, "", now_ms));
    return step;
}

Result<S3Step> signed_url(const S3Bucket& bucket, const std::string& key, const Json& input,
                          bool upload, std::int64_t now_ms) {
    const auto minutes = input["expiresIn"].exists() && !input["expiresIn"].is_null()
                             ? input_whole(input, "expiresIn", 1, kSignedMinutesMax)
                             : Result<std::int64_t>(std::int64_t{10});
    if (!minutes.ok()) {
        return minutes.error();
    }
    const Json url =
        Json::string(s3_signed_url(bucket, upload ? "PUT" : "GET", key, *minutes * 60, now_ms));
    S3Step step;
    step.output = upload ? Json::object({{"url", url}}) : url;
    return step;
}

Result<Json> listed_files(std::string_view body) {
    Result<S3Page> page = read_s3_page(body);
    if (!page.ok()) {
        return page.error();
    }
    std::stable_sort(page->objects.begin(), page->objects.end(),
                     [](const S3Object& a, const S3Object& b) { return a.modified > b.modified; });
    Json files = Json::array();
    for (const S3Object& object : page->objects) {
        Json file = Json::object({{"key", Json::string(object.key)},
                                  {"size", Json::integer(object.size)},
                                  {"lastModified", Json::string(object.modified)},
                                  {"etag", Json::string(object.etag)}});
        if (!object.storage_class.empty()) {
            file.set("storageClass", Json::string(object.storage_class));
        }
        files.append(file);
    }
    return Json::object({{"files", files}, {"isTruncated", Json::boolean(page->truncated)}});
}

Result<Json> moved_file(const S3Call& call, std::string_view body) {
    if (call.method == "DELETE") {
        return Json::object();
    }
    const Result<S3Copy> copy = read_s3_copy(body);
    if (!copy.ok()) {
        return Error{s3_problem(200, body)};
    }
    return Json::object(
        {{"CopyObjectResult", Json::object({{"ETag", Json::string(copy->etag)},
                                            {"LastModified", Json::string(copy->modified)}})}});
}

}  // namespace

Result<S3Bucket> s3_bucket_of(const Json& auth) {
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

Result<S3Step> s3_step(std::string_view action, const Json& input, std::int64_t now_ms) {
    const Result<S3Bucket> bucket = s3_bucket_of(input["auth"]);
    if (!bucket.ok()) {
        return bucket.error();
    }
    if (action.starts_with(kS3FileActions)) {
        return s3_file_step(*bucket, action, input, now_ms);
    }
    if (action == "upload-file") {
        Result<S3Call> call = upload(*bucket, input, now_ms);
        return call.ok() ? Result<S3Step>(step_of(*std::move(call))) : call.error();
    }
    if (action == "list-files") {
        return list_files(*bucket, input, now_ms);
    }
    if (action == "moveFile") {
        return move_file(*bucket, input, now_ms);
    }
    const auto key = key_in(input, "key");
    if (!key.ok()) {
        return key.error();
    }
    const bool uploads = action == "generate-signed-upload-url";
    if (uploads || action == "generate-signed-url") {
        return signed_url(*bucket, *key, input, uploads, now_ms);
    }
    return step_of(
        s3_signed(*bucket, action == "deleteFile" ? "DELETE" : "GET", *key, {}, "", now_ms));
}

Json s3_file_json(const S3Call& call, const S3Answer& answer) {
    const std::size_t slash = call.key.rfind('/');
    return Json::object(
        {{"filename", Json::string(call.key.substr(slash == std::string::npos ? 0 : slash + 1))},
         {"type", Json::string(answer.header("content-type"))},
         {"size", Json::integer(static_cast<std::int64_t>(answer.body.size()))},
         {"base64", Json::string(base64_encode(as_bytes(answer.body), answer.body.size()))}});
}

Result<Json> s3_outcome(std::string_view action, const S3Step& step, const S3Call& call,
                        const S3Answer& answer) {
    if (action.starts_with(kS3FileActions)) {
        return s3_file_outcome(action, step.output, call, answer);
    }
    if (answer.status < 200 || answer.status >= 300) {
        return Error{s3_problem(answer.status, answer.body)};
    }
    if (action == "upload-file") {
        return Json::object(
            {{"fileName", Json::string(call.key)}, {"etag", Json::string(answer.header("etag"))}});
    }
    if (action == "list-files") {
        return listed_files(answer.body);
    }
    if (action == "moveFile") {
        return moved_file(call, answer.body);
    }
    if (action == "deleteFile") {
        return Json::object({{"key", Json::string(call.key)}});
    }
    return s3_file_json(call, answer);
}

Result<ListSettings> new_file_settings(const Json& settings) {
    const Json input = settings["input"];
    const Result<std::string> folder = input_text_or(input, "folderPath", "");
    if (!folder.ok()) {
        return folder.error();
    }
    ListSettings list;
    list.keyed = true;
    // A connection by its name; what is written out may be secret.
    list.source = item_source(std::string(input["auth"].text()) + '\n' + *folder);
    return list;
}

Json new_file_item(const S3Object& object) {
    return Json::object(
        {{"Key", Json::string(object.key)},
         {"LastModified", Json::string(object.modified)},
         {"ETag", Json::string(object.etag)},
         {"Size", Json::integer(object.size)},
         {"StorageClass", Json::string(object.storage_class)},
         {kItemKey, Json::string(object.key + '\n' + object.etag + '\n' + object.modified)}});
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
   "type":["SHORT_TEXT","Content Type",false]}},
  "read-file":{"displayName":"Read File","description":"Gives a file to other steps","props":{"key":["SHORT_TEXT","Key",true]}},
  "list-files":{"displayName":"List Files","description":"The files whose keys begin alike, newest first","props":{
   "prefix":["SHORT_TEXT","Folder Path",false],"maxKeys":["NUMBER","Maximum Files",false,{"defaultValue":1000}]}},
  "moveFile":{"displayName":"Move File","description":"Moves a file into another folder","props":{
   "fileKey":["SHORT_TEXT","File Path",true],"folderKey":["SHORT_TEXT","Destination Folder",true]}},
  "deleteFile":{"displayName":"Delete File","description":"Removes a file","props":{"key":["SHORT_TEXT","Key",true]}},
  "generate-signed-url":{"displayName":"Generate signed URL","description":"An address that gives a file to whoever has it, for a time","props":{
   "key":["SHORT_TEXT","File Path",true],"expiresIn":["NUMBER","Expires In (minutes)",true,{"defaultValue":10}]}},
  "generate-signed-upload-url":{"displayName":"Generate Signed Upload URL","description":"An address that takes a file from whoever has it, for a time","props":{
   "key":["SHORT_TEXT","File Key",true],"expiresIn":["NUMBER","Expires In (minutes)",true,{"defaultValue":10}]}},
  "amazon_s3_list_files":{"displayName":"List Files","description":"Files and folders by their keys, page by page","audience":"ai","classification":"SEARCH","props":{
   "prefix":["SHORT_TEXT","Folder Prefix",false],
   "listFoldersSeparately":["CHECKBOX","List Folders Separately",false,{"defaultValue":false}],
   "maxResults":["NUMBER","Max Results",false],
   "continuationToken":["SHORT_TEXT","Continuation Token",false],
   "startAfter":["SHORT_TEXT","Start After Key",false]}},
  "amazon_s3_get_file_metadata":{"displayName":"Get File Metadata","description":"What is known of a file, without its content","audience":"ai","classification":"READ","props":{
   "key":["SHORT_TEXT","File Key",true],"versionId":["SHORT_TEXT","Version ID",false]}},
  "amazon_s3_read_file":{"displayName":"Read File","description":"Gives a file to other steps, and text at once","audience":"ai","classification":"READ","props":{
   "key":["SHORT_TEXT","File Key",true],"versionId":["SHORT_TEXT","Version ID",false]}},
  "amazon_s3_upload_file":{"displayName":"Upload File","description":"Stores a file or a text under a key","audience":"ai","classification":"WRITE","props":{
   "key":["SHORT_TEXT","File Key",true],"file":["FILE","File",false],"textContent":["LONG_TEXT","Text Content",false],
   "contentType":["SHORT_TEXT","Content Type",false],"metadata":["OBJECT","Custom Metadata",false],
   "doNotOverwrite":["CHECKBOX","Do Not Overwrite",false,{"defaultValue":false}]}},
  "amazon_s3_copy_file":{"displayName":"Copy File","description":"Copies a file, or an older version of it, to another key","audience":"ai","classification":"WRITE","props":{
   "sourceKey":["SHORT_TEXT","Source File Key",true],"destinationKey":["SHORT_TEXT","Destination File Key",true],
   "sourceVersionId":["SHORT_TEXT","Source Version ID",false]}},
  "amazon_s3_move_file":{"displayName":"Move File","description":"Gives a file another key","audience":"ai","classification":"WRITE","props":{
   "sourceKey":["SHORT_TEXT","Source File Key",true],"destinationKey":["SHORT_TEXT","Destination File Key",true]}},
  "amazon_s3_delete_files":{"displayName":"Delete Files","description":"Removes up to a thousand files","audience":"ai","classification":"DESTRUCTIVE","props":{
   "keys":["ARRAY","File Keys",true]}},
  "amazon_s3_get_file_tags":{"displayName":"Get File Tags","description":"The tags of a file","audience":"ai","classification":"READ","props":{
   "key":["SHORT_TEXT","File Key",true],"versionId":["SHORT_TEXT","Version ID",false]}},
  "amazon_s3_set_file_tags":{"displayName":"Set File Tags","description":"Gives a file these tags and no others","audience":"ai","classification":"WRITE","props":{
   "key":["SHORT_TEXT","File Key",true],"tags":["OBJECT","Tags",true],"versionId":["SHORT_TEXT","Version ID",false]}},
  "amazon_s3_delete_file_tags":{"displayName":"Delete File Tags","description":"Takes all tags from a file","audience":"ai","classification":"DESTRUCTIVE","props":{
   "key":["SHORT_TEXT","File Key",true],"versionId":["SHORT_TEXT","Version ID",false]}},
  "amazon_s3_list_file_versions":{"displayName":"List File Versions","description":"Versions and delete markers of files, page by page","audience":"ai","classification":"SEARCH","props":{
   "prefix":["SHORT_TEXT","Key Prefix",false],"maxResults":["NUMBER","Max Results",false],
   "keyMarker":["SHORT_TEXT","Key Marker",false],"versionIdMarker":["SHORT_TEXT","Version ID Marker",false]}}},
 "triggers":{
  "new_file":{"displayName":"New or Updated File","description":"Starts a run for each file that is new or has changed","type":"POLLING","props":{
   "folderPath":["SHORT_TEXT","Folder Path",false],
   "minutes":["NUMBER","Minutes",false],"cronExpression":["SHORT_TEXT","Cron Expression",false],
   "timezone":["SHORT_TEXT","Time Zone",false,{"defaultValue":"UTC"}]},
   "sampleData":{"Key":"folder/a.png","LastModified":"2026-01-01T00:00:00.000Z","ETag":"\"d41d8cd98f00b204e9800998ecf8427e\"","Size":40239,"StorageClass":"STANDARD"}}}
})json",
                               {{"upload-file"},
                                {"read-file"},
                                {"list-files"},
                                {"moveFile"},
                                {"deleteFile"},
                                {"generate-signed-url"},
                                {"generate-signed-upload-url"},
                                {"amazon_s3_list_files"},
                                {"amazon_s3_get_file_metadata"},
                                {"amazon_s3_read_file"},
                                {"amazon_s3_upload_file"},
                                {"amazon_s3_copy_file"},
                                {"amazon_s3_move_file"},
                                {"amazon_s3_delete_files"},
                                {"amazon_s3_get_file_tags"},
                                {"amazon_s3_set_file_tags"},
                                {"amazon_s3_delete_file_tags"},
                                {"amazon_s3_list_file_versions"}}};

}  // namespace sallyport::engine
