// What S3's answers mean for the actions of piece_s3_files.hpp.
#include "common/bytes.hpp"
#include "engine/core/expressions/js_text.hpp"
#include "engine/core/pieces/s3_files.hpp"
#include "engine/core/s3/document.hpp"
#include "engine/core/text_charset.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kInlineBytesMax = 10u << 20;
constexpr std::size_t kInlineUnitsMax = 100'000;

Json text_or_null(std::string_view text) {
    return text.empty() ? Json::null() : Json::string(text);
}

Json time_or_null(std::optional<std::int64_t> time_ms) {
    return time_ms ? Json::string(iso_time(*time_ms)) : Json::null();
}

Json object_time(const S3Object& object) {
    return time_or_null(parse_iso_time(object.modified));
}

Error file_refused(const Json& known, const S3Call& call, const S3Answer& answer) {
    S3Fault fault = read_s3_fault(answer.body);
    const Json key = known.has("sourceKey") ? known["sourceKey"] : known["key"];
    const std::string target = key.exists() ? " \"" + std::string(key.text()) + "\"" : "";
    if (fault.code.empty()) {  // HEAD has no body to say it in
        fault = {answer.status == 404 ? "NotFound" : std::to_string(answer.status), "UnknownError"};
    }
    if (answer.status == 404) {
        return Error{"File" + target + " was not found in the bucket (" + fault.code + ")."};
    }
    if (answer.status == 403) {
        return Error{"Access denied" + (target.empty() ? "" : " for" + target) +
                     ": the connection's IAM policy does not allow this S3 operation (" +
                     (fault.message.empty() ? fault.code : fault.message) + ")."};
    }
    if (answer.status == 412 && call.method == "PUT") {
        return Error{"A file already exists at" + target + " and overwriting was not allowed."};
    }
    return Error{fault.code + ": " + fault.message};
}

// 200, and yet not what was asked for.
Error not_as_asked(const S3Answer& answer, const std::string& problem) {
    const S3Fault fault = read_s3_fault(answer.body);
    return Error{fault.code.empty() ? problem : fault.code + ": " + fault.message};
}

Result<Json> files_listed(const S3Answer& answer) {
    const Result<S3Page> page = read_s3_page(answer.body);
    if (!page.ok()) {
        return not_as_asked(answer, page.message());
    }
    Json files = Json::array();
    for (const S3Object& object : page->objects) {
        files.append(Json::object({{"key", Json::string(object.key)},
                                   {"size", Json::integer(object.size)},
                                   {"lastModified", object_time(object)},
                                   {"etag", text_or_null(object.etag)},
                                   {"storageClass", text_or_null(object.storage_class)}}));
    }
    Json folders = Json::array();
    for (const std::string& folder : page->folders) {
        folders.append(Json::string(folder));
    }
    return Json::object({{"files", files},
                         {"folders", folders},
                         {"count", Json::integer(static_cast<std::int64_t>(files.size()))},
                         {"isTruncated", Json::boolean(page->truncated)},
                         {"nextContinuationToken", text_or_null(page->next)}});
}

Result<Json> versions_listed(const S3Answer& answer) {
    const Result<S3Versions> listed = read_s3_versions(answer.body);
    if (!listed.ok()) {
        return not_as_asked(answer, listed.message());
    }
    Json versions = Json::array();
    Json markers = Json::array();
    for (const S3Version& version : listed->versions) {
        Json one = Json::object({{"key", Json::string(version.object.key)},
                                 {"versionId", text_or_null(version.id)},
                                 {"isLatest", Json::boolean(version.latest)}});
        if (!version.deleted) {
            one.set("size", Json::integer(version.object.size));
        }
        one.set("lastModified", object_time(version.object));
        if (!version.deleted) {
            one.set("etag", text_or_null(version.object.etag));
            one.set("storageClass", text_or_null(version.object.storage_class));
        }
        (version.deleted ? markers : versions).append(one);
    }
    return Json::object(
        {{"versions", versions},
         {"deleteMarkers", markers},
         {"count", Json::integer(static_cast<std::int64_t>(listed->versions.size()))},
         {"isTruncated", Json::boolean(listed->truncated)},
         {"nextKeyMarker", text_or_null(listed->next_key)},
         {"nextVersionIdMarker", text_or_null(listed->next_id)}});
}

Result<Json> files_deleted(const S3Answer& answer) {
    const auto deletions = read_s3_deletions(answer.body);
    if (!deletions.ok()) {
        return not_as_asked(answer, deletions.message());
    }
    Json deleted = Json::array();
    Json failed = Json::array();
    for (const S3Deletion& one : *deletions) {
        if (one.failed) {
            failed.append(Json::object({{"key", text_or_null(one.key)},
                                        {"code", text_or_null(one.code)},
                                        {"message", text_or_null(one.message)}}));
        } else {
            deleted.append(Json::object({{"key", text_or_null(one.key)},
                                         {"versionId", text_or_null(one.version_id)},
                                         {"deleteMarker", Json::boolean(one.marker)}}));
        }
    }
    return Json::object({{"success", Json::boolean(failed.size() == 0)},
                         {"deletedCount", Json::integer(static_cast<std::int64_t>(deleted.size()))},
                         {"failedCount", Json::integer(static_cast<std::int64_t>(failed.size()))},
                         {"deleted", deleted},
                         {"failed", failed}});
}

Result<Json> file_copied(Json output, bool moves, const S3Answer& answer) {
    const Result<S3Copy> copy = read_s3_copy(answer.body);
    if (!copy.ok()) {
        return not_as_asked(answer, copy.message());
    }
    if (!moves) {
        output.set("sourceVersionId", text_or_null(answer.header("x-amz-copy-source-version-id")));
    }
    output.set("versionId", text_or_null(answer.header("x-amz-version-id")));
    output.set("etag", text_or_null(copy->etag));
    output.set("lastModified", time_or_null(parse_iso_time(copy->modified)));
    return output;
}

Json answer_size(const S3Answer& answer) {
    const auto size = parse_u64(answer.header("content-length"));
    return size ? Json::integer(static_cast<std::int64_t>(*size & INT64_MAX)) : Json::null();
}

Json file_metadata(Json output, const S3Answer& answer) {
    constexpr std::string_view kOwn = "x-amz-meta-";
    Json metadata = Json::object();
    for (const WebHeader& field : answer.headers) {
        const std::string name = ascii_lower(field.name);
        if (name.starts_with(kOwn)) {
            metadata.set(member_name(name.substr(kOwn.size())), Json::string(field.value));
        }
    }
    const std::string_view stored = answer.header("x-amz-storage-class");
    output.set("size", answer_size(answer));
    output.set("contentType", text_or_null(answer.header("content-type")));
    output.set("lastModified", time_or_null(parse_http_time(answer.header("last-modified"))));
    output.set("etag", text_or_null(answer.header("etag")));
    output.set("storageClass", Json::string(stored.empty() ? "STANDARD" : stored));
    output.set("contentEncoding", text_or_null(answer.header("content-encoding")));
    output.set("contentDisposition", text_or_null(answer.header("content-disposition")));
    output.set("cacheControl", text_or_null(answer.header("cache-control")));
    output.set("serverSideEncryption", text_or_null(answer.header("x-amz-server-side-encryption")));
    output.set("metadata", metadata);
    return output;
}

bool is_text_type(std::string_view written) {
    const std::string type = ascii_lower(written);
    constexpr std::string_view kMarks[] = {
        "json", "xml", "csv", "yaml", "javascript", "markdown", "ndjson", "x-www-form-urlencoded"};
    return type.starts_with("text/") ||
           std::any_of(std::begin(kMarks), std::end(kMarks), [&type](std::string_view mark) {
               return type.find(mark) != std::string::npos;
           });
}

struct InlineText {
    Json content = Json::null();
    bool truncated = false;
};

InlineText inline_text(std::string_view type, std::string_view bytes) {
    if (!is_text_type(type)) {
        return {};
    }
    if (bytes.size() > kInlineBytesMax) {
        return {Json::null(), true};
    }
    const auto decoded = text_of_charset(bytes, charset_in(type));
    if (!decoded) {
        return {};
    }
    const Json whole = Json::string(*decoded);
    if (js_length(whole.text()) <= kInlineUnitsMax) {
        return {whole, false};
    }
    auto cut = js_substring(whole.text(), 0, kInlineUnitsMax);
    if (!cut) {  // in the middle of a character
        cut = js_substring(whole.text(), 0, kInlineUnitsMax - 1);
    }
    return {Json::string(cut.value_or("")), true};
}

Json file_read(Json output, const S3Call& call, const S3Answer& answer) {
    const std::string_view type = answer.header("content-type");
    const InlineText text = inline_text(type, answer.body);
    output.set("contentType", text_or_null(type));
    output.set("size", Json::integer(static_cast<std::int64_t>(answer.body.size())));
    output.set("lastModified", time_or_null(parse_http_time(answer.header("last-modified"))));
    output.set("etag", text_or_null(answer.header("etag")));
    output.set("content", text.content);
    output.set("truncated", Json::boolean(text.truncated));
    output.set("file", s3_file_json(call, answer));
    return output;
}

}  // namespace

Result<Json> s3_file_outcome(std::string_view action, const Json& known, const S3Call& call,
                             const S3Answer& answer) {
    if (answer.status < 200 || answer.status >= 300) {
        return file_refused(known, call, answer);
    }
    const std::string_view what = action.substr(kS3FileActions.size());
    if (what == "list_files") {
        return files_listed(answer);
    }
    if (what == "list_file_versions") {
        return versions_listed(answer);
    }
    if (what == "delete_files") {
        return files_deleted(answer);
    }
    Json output = known.deep_copy();
    if (what == "copy_file" || what == "move_file") {
        return call.method == "DELETE" ? output : file_copied(output, what == "move_file", answer);
    }
    const Json version = text_or_null(answer.header("x-amz-version-id"));
    if (what == "upload_file") {
        output.set("etag", text_or_null(answer.header("etag")));
        output.set("versionId", version);
        return output;
    }
    if (what == "set_file_tags") {
        const Json tags = output["tags"];
        return Json::object({{"key", output["key"]},
                             {"versionId", version},
                             {"tags", tags},
                             {"count", Json::integer(static_cast<std::int64_t>(tags.size()))}});
    }
    output.set("versionId", version);
    if (what == "delete_file_tags") {
        output.set("deleted", Json::boolean(true));
        return output;
    }
    if (what == "get_file_metadata") {
        return file_metadata(output, answer);
    }
    if (what == "read_file") {
        return file_read(output, call, answer);
    }
    const Result<S3Tags> tags = read_s3_tags(answer.body);
    if (!tags.ok()) {
        return not_as_asked(answer, tags.message());
    }
    Json list = Json::array();
    for (const auto& [name, value] : *tags) {
        list.append(Json::object({{"key", Json::string(name)}, {"value", Json::string(value)}}));
    }
    output.set("tags", list);
    output.set("count", Json::integer(static_cast<std::int64_t>(list.size())));
    return output;
}

}  // namespace sallyport::engine
