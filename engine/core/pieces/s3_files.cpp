#include "engine/core/pieces/s3_files.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "engine/core/expressions/js_text.hpp"
#include "engine/core/file_input.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/s3/document.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kDeletedMax = 1000;  // of one request, as S3 has it
constexpr std::size_t kTagsMax = 10;
constexpr double kResultsUsual = 100;
constexpr std::string_view kS3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

using NamedTexts = std::vector<std::pair<std::string, std::string>>;

Result<std::string> whole_key(const Json& input, std::string_view name) {
    Result<std::string> key = input_text(input, name);
    if (key.ok() && !is_s3_key(*key)) {
        return input_error(name, std::string(kS3KeyRule));
    }
    return key;
}

void add_query_text(const Json& input, std::string_view name, const char* as, NamedTexts& query) {
    std::string text = *input_text_or(input, name, "");
    if (!text.empty()) {
        query.emplace_back(as, std::move(text));
    }
}

// From 1 to what a page holds.
Result<std::string> page_size(const Json& input) {
    const Result<double> count = input_number_or(input, "maxResults", kResultsUsual);
    if (!count.ok()) {
        return count.error();
    }
    return std::to_string(static_cast<std::size_t>(std::clamp<double>(*count, 1, kS3PageObjects)));
}

// A document as a request's body; what is sent of it must be what arrived.
void set_s3_document(S3Ask& ask, std::string_view root, const std::string& inside) {
    ask.body = "<" + std::string(root) + " xmlns=\"" + std::string(kS3Namespace) + "\">" + inside +
               "</" + std::string(root) + ">";
    ask.headers = {
        {"content-md5", base64_encode(digest(DigestAlgorithm::md5, ask.body).data(), 16)},
        {"content-type", "application/xml"}};
}

Error not_in_xml(std::string_view name) {
    return input_error(name, "Expected no control characters");
}

// ---- what is asked

// Of one file or version of it; `sub` is what of it, empty for itself.
Result<S3Ask> ask_of_file(const char* method, const char* sub, const Json& input, Json& known) {
    const Result<std::string> key = whole_key(input, "key");
    if (!key.ok()) {
        return key.error();
    }
    known.set("key", Json::string(*key));
    S3Ask ask{method, *key, {}, {}, ""};
    if (*sub != '\0') {
        ask.query.emplace_back(sub, "");
    }
    add_query_text(input, "versionId", "versionId", ask.query);
    return ask;
}

Result<S3Ask> ask_for_list(const Json& input) {
    const Result<std::string> count = page_size(input);
    if (!count.ok()) {
        return count.error();
    }
    S3Ask ask{
        "GET", "", {{"encoding-type", "url"}, {"list-type", "2"}, {"max-keys", *count}}, {}, ""};
    add_query_text(input, "prefix", "prefix", ask.query);
    add_query_text(input, "continuationToken", "continuation-token", ask.query);
    add_query_text(input, "startAfter", "start-after", ask.query);
    if (input_flag(input, "listFoldersSeparately")) {
        ask.query.emplace_back("delimiter", "/");
    }
    return ask;
}

Result<S3Ask> ask_for_versions(const Json& input) {
    const Result<std::string> count = page_size(input);
    if (!count.ok()) {
        return count.error();
    }
    if (!input_text_or(input, "versionIdMarker", "")->empty() &&
        input_text_or(input, "keyMarker", "")->empty()) {
        return Error{"Version ID Marker needs Key Marker as well."};
    }
    S3Ask ask{
        "GET", "", {{"encoding-type", "url"}, {"max-keys", *count}, {"versions", ""}}, {}, ""};
    add_query_text(input, "prefix", "prefix", ask.query);
    add_query_text(input, "keyMarker", "key-marker", ask.query);
    add_query_text(input, "versionIdMarker", "version-id-marker", ask.query);
    return ask;
}

// x-amz-meta-<name>: <value>
Status add_own_metadata(const Json& given, NamedTexts& headers) {
    if (!given.exists() || given.is_null() || (given.is_string() && given.text().empty())) {
        return Done{};
    }
    if (!given.is_object()) {
        return input_error("metadata", "Expected object, received: " + value_text(given));
    }
    std::set<std::string> names;
    for (const auto& [written, value] : js_members(given)) {
        const std::string name = ascii_lower(written);
        const std::string text = value_text(value);
        if (!is_token(name) || !is_field_value(text)) {
            return input_error("metadata",
                               "Expected names and values that a header may have, "
                               "received: " +
                                   written);
        }
        if (!names.insert(name).second) {
            return input_error("metadata",
                               "Expected names that differ by more than case, "
                               "received twice: " +
                                   name);
        }
        headers.emplace_back("x-amz-meta-" + name, text);
    }
    return Done{};
}

Result<S3Ask> ask_to_upload(const Json& input, Json& known) {
    const Result<std::string> key = whole_key(input, "key");
    if (!key.ok()) {
        return key.error();
    }
    const Json given = input["file"];
    const bool with_file = given.exists() && js_truth(given);
    const std::string text = *input_text_or(input, "textContent", "");
    if (with_file != text.empty()) {
        return Error{with_file ? "Provide either File or Text Content, not both."
                               : "Provide File or Text Content to upload."};
    }
    Result<InputFile> file =
        with_file ? file_input("file", given)
                  : Result<InputFile>(InputFile{"", "text/plain; charset=utf-8", text});
    if (!file.ok()) {
        return file.error();
    }
    if (file->data.size() > kS3FileBytesMax) {
        return input_error("file", "Expected at most 25 MB");
    }
    const std::string type = *input_text_or(input, "contentType", type_of_name(*key, file->type));
    if (!is_field_value(type)) {
        return input_error("contentType", "Expected a media type");
    }
    S3Ask ask{"PUT", *key, {}, {{"content-type", type}}, std::move(file->data)};
    const Status meta = add_own_metadata(input_json(input, "metadata"), ask.headers);
    if (!meta.ok()) {
        return meta.error();
    }
    if (input_flag(input, "doNotOverwrite")) {
        ask.headers.emplace_back("if-none-match", "*");
    }
    known.set("key", Json::string(*key));
    known.set("contentType", Json::string(type));
    return ask;
}

Result<S3Ask> ask_to_copy(const S3Bucket& bucket, bool moves, const Json& input, Json& known) {
    const Result<std::string> from = whole_key(input, "sourceKey");
    const Result<std::string> to = whole_key(input, "destinationKey");
    if (!from.ok() || !to.ok()) {
        return from.ok() ? to.error() : from.error();
    }
    if (moves && *from == *to) {
        return Error{"Source and destination keys are the same."};
    }
    std::string source = "/" + bucket.name + "/" + aws_encode(*from, true);
    const std::string version = moves ? "" : *input_text_or(input, "sourceVersionId", "");
    source += version.empty() ? "" : "?versionId=" + aws_encode(version, false);
    known.set("sourceKey", Json::string(*from));
    known.set("destinationKey", Json::string(*to));
    return S3Ask{"PUT", *to, {}, {{"x-amz-copy-source", source}}, ""};
}

Result<S3Ask> ask_to_delete(const Json& input) {
    const Result<Json> keys = input_list(input, "keys");
    if (!keys.ok()) {
        return keys.error();
    }
    std::size_t invalid = 0;
    bool written = true;
    std::string objects;
    keys->each_element([&](const Json& key) {
        invalid += key.is_string() && !key.text().empty() ? 0 : 1;
        const auto text = xml_escaped(key.text());
        written = written && text;
        objects += "<Object><Key>" + text.value_or("") + "</Key></Object>";
    });
    if (invalid > 0) {
        return Error{"File Keys must be non-empty strings; " + std::to_string(invalid) + " entr" +
                     (invalid == 1 ? "y is" : "ies are") + " not. Nothing was deleted."};
    }
    if (keys->size() == 0) {
        return Error{"Provide at least one file key to delete."};
    }
    if (keys->size() > kDeletedMax) {
        return Error{"At most " + std::to_string(kDeletedMax) +
                     " keys can be deleted in one call; got " + std::to_string(keys->size()) + "."};
    }
    if (!written) {
        return not_in_xml("keys");
    }
    S3Ask ask{"POST", "", {{"delete", ""}}, {}, ""};
    set_s3_document(ask, "Delete", objects + "<Quiet>false</Quiet>");
    return ask;
}

Result<S3Ask> ask_to_set_tags(const Json& input, Json& known) {
    Result<S3Ask> ask = ask_of_file("PUT", "tagging", input, known);
    const Json given = input_json(input, "tags");
    if (!ask.ok()) {
        return ask;
    }
    if (!given.is_object()) {
        return input_error("tags", "Expected object, received: " +
                                       (given.exists() ? value_text(given) : "undefined"));
    }
    if (given.size() == 0) {
        return Error{"Provide at least one tag, or use Delete File Tags to remove all tags."};
    }
    if (given.size() > kTagsMax) {
        return Error{"A file can have at most " + std::to_string(kTagsMax) + " tags; got " +
                     std::to_string(given.size()) + "."};
    }
    Json tags = Json::array();
    std::string set;
    for (const auto& [name, value] : js_members(given)) {
        const std::string text = value_text(value);
        const auto key = xml_escaped(name);
        const auto written = xml_escaped(text);
        if (!key || !written) {
            return not_in_xml("tags");
        }
        set += "<Tag><Key>" + *key + "</Key><Value>" + *written + "</Value></Tag>";
        tags.append(Json::object({{"key", Json::string(name)}, {"value", Json::string(text)}}));
    }
    known.set("tags", tags);
    set_s3_document(*ask, "Tagging", "<TagSet>" + set + "</TagSet>");
    return ask;
}

Result<S3Ask> ask_for(const S3Bucket& bucket, std::string_view what, const Json& input,
                      Json& known) {
    if (what == "list_files") {
        return ask_for_list(input);
    }
    if (what == "list_file_versions") {
        return ask_for_versions(input);
    }
    if (what == "upload_file") {
        return ask_to_upload(input, known);
    }
    if (what == "copy_file" || what == "move_file") {
        return ask_to_copy(bucket, what == "move_file", input, known);
    }
    if (what == "delete_files") {
        return ask_to_delete(input);
    }
    if (what == "set_file_tags") {
        return ask_to_set_tags(input, known);
    }
    if (what == "get_file_tags" || what == "delete_file_tags") {
        return ask_of_file(what == "get_file_tags" ? "GET" : "DELETE", "tagging", input, known);
    }
    return ask_of_file(what == "get_file_metadata" ? "HEAD" : "GET", "", input, known);
}

}  // namespace

Result<S3Step> s3_file_step(const S3Bucket& bucket, std::string_view action, const Json& input,
                            std::int64_t now_ms) {
    const std::string_view what = action.substr(kS3FileActions.size());
    S3Step step;
    step.output = Json::object();
    Result<S3Ask> ask = ask_for(bucket, what, input, step.output);
    if (!ask.ok()) {
        return ask.error();
    }
    step.calls.push_back(s3_asked(bucket, *std::move(ask), now_ms));
    if (what == "read_file") {
        // A file that is kept compressed is given as it is kept. Not signed: proxies change it.
        step.calls.back().headers.emplace_back("accept-encoding", "identity");
    }
    if (what == "move_file") {
        step.calls.push_back(s3_signed(
            bucket, "DELETE", std::string(step.output["sourceKey"].text()), {}, "", now_ms));
    }
    return step;
}

}  // namespace sallyport::engine
