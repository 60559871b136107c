#include "engine/core/s3/listing.hpp"

#include "common/bytes.hpp"
#include "engine/core/s3/document.hpp"
#include "engine/core/web_message.hpp"

#include <algorithm>
#include <optional>

namespace sallyport::engine {
namespace {

Error no_listing() {
    return Error{"s3: the answer is no listing of a bucket"};
}

// Keys of a document that says that they are encoded, as a form has it.
class ListedKeys {
  public:
    explicit ListedKeys(const S3Document& document)
        : encoded_(document.root.text("EncodingType") == "url") {}

    std::string read(std::string_view written) const {
        std::string key(written);
        if (!encoded_) {
            return key;
        }
        std::replace(key.begin(), key.end(), '+', ' ');
        return percent_decode(key);
    }

  private:
    bool encoded_;
};

std::optional<S3Object> listed_object(const S3Record& record, const ListedKeys& keys) {
    S3Object object;
    object.key = keys.read(record.text("Key"));
    object.modified = record.text("LastModified");
    object.etag = record.text("ETag");
    object.storage_class = record.text("StorageClass");
    const auto size = record.has("Size") ? parse_u64(record.text("Size")) : 0;
    if (object.key.empty() || !size) {
        return std::nullopt;
    }
    object.size = static_cast<std::int64_t>(*size & INT64_MAX);
    return object;
}

}  // namespace

Result<S3Page> read_s3_page(std::string_view xml) {
    const auto document = read_s3_document(xml, "ListBucketResult");
    if (!document) {
        return no_listing();
    }
    const ListedKeys keys(*document);
    S3Page page;
    for (const S3Record& record : document->records) {
        if (record.name == "Contents") {
            std::optional<S3Object> object = listed_object(record, keys);
            if (!object) {
                return no_listing();
            }
            page.objects.push_back(*std::move(object));
        } else if (record.name == "CommonPrefixes" && !record.text("Prefix").empty()) {
            page.folders.push_back(keys.read(record.text("Prefix")));
        }
    }
    page.truncated = document->root.text("IsTruncated") == "true";
    page.next = document->root.text("NextContinuationToken");
    if (page.objects.size() + page.folders.size() > kS3PageObjects ||
        (page.truncated && page.next.empty())) {
        return no_listing();
    }
    return page;
}

Result<S3Versions> read_s3_versions(std::string_view xml) {
    const Error problem{"s3: the answer is no listing of versions"};
    const auto document = read_s3_document(xml, "ListVersionsResult");
    if (!document) {
        return problem;
    }
    const ListedKeys keys(*document);
    S3Versions listed;
    for (const S3Record& record : document->records) {
        const bool deleted = record.name == "DeleteMarker";
        if (!deleted && record.name != "Version") {
            continue;
        }
        std::optional<S3Object> object = listed_object(record, keys);
        if (!object || listed.versions.size() == kS3PageObjects) {
            return problem;
        }
        listed.versions.push_back({*std::move(object), std::string(record.text("VersionId")),
                                   record.text("IsLatest") == "true", deleted});
    }
    listed.truncated = document->root.text("IsTruncated") == "true";
    listed.next_key = keys.read(document->root.text("NextKeyMarker"));
    listed.next_id = document->root.text("NextVersionIdMarker");
    if (listed.truncated && listed.next_key.empty()) {
        return problem;
    }
    return listed;
}

Result<S3Copy> read_s3_copy(std::string_view xml) {
    const auto document = read_s3_document(xml, "CopyObjectResult");
    if (!document) {
        return Error{"s3: the answer is no result of a copy"};
    }
    return S3Copy{std::string(document->root.text("ETag")),
                  std::string(document->root.text("LastModified"))};
}

Result<std::vector<S3Deletion>> read_s3_deletions(std::string_view xml) {
    const auto document = read_s3_document(xml, "DeleteResult");
    if (!document) {
        return Error{"s3: the answer does not say what was deleted"};
    }
    std::vector<S3Deletion> all;
    for (const S3Record& record : document->records) {
        const bool failed = record.name == "Error";
        if (failed || record.name == "Deleted") {
            all.push_back({std::string(record.text("Key")), std::string(record.text("VersionId")),
                           record.text("DeleteMarker") == "true", failed,
                           std::string(record.text("Code")), std::string(record.text("Message"))});
        }
    }
    return all;
}

Result<S3Tags> read_s3_tags(std::string_view xml) {
    const auto document = read_s3_document(xml, "Tagging", 3);
    if (!document) {
        return Error{"s3: the answer is no set of tags"};
    }
    S3Tags tags;
    for (const S3Record& record : document->records) {
        if (record.name == "Tag") {
            tags.emplace_back(record.text("Key"), record.text("Value"));
        }
    }
    return tags;
}

}  // namespace sallyport::engine
