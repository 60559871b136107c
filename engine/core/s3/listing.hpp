// What S3 answers to ListObjectsV2, ListObjectVersions, CopyObject, DeleteObjects and
// GetObjectTagging: XML of a server that need not mean well. Pure.
#pragma once

#include "common/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::engine {

// That a request asks for, and the most that an answer may have.
inline constexpr std::size_t kS3PageObjects = 1000;
// A page of keys of full length takes about two megabytes.
inline constexpr std::size_t kS3PageBytesMax = 8u << 20;

struct S3Object {
    std::string key;
    std::string modified;  // as it is written: ISO 8601
    std::string etag;
    std::int64_t size = 0;
    std::string storage_class;
};

struct S3Page {
    std::vector<S3Object> objects;     // in the order of their keys
    std::vector<std::string> folders;  // what keys begin with, where they were to be grouped
    bool truncated = false;
    std::string next;  // the token that asks for the next page; not empty when `truncated`
};

// Error: no listing, or one that no server has reason to send.
Result<S3Page> read_s3_page(std::string_view xml);

struct S3Version {
    S3Object object;
    std::string id;
    bool latest = false;
    bool deleted = false;  // a delete marker: an object of its own, without content
};

struct S3Versions {
    std::vector<S3Version> versions;  // by key, the newest first
    bool truncated = false;
    std::string next_key;  // these two ask for the next page
    std::string next_id;
};
Result<S3Versions> read_s3_versions(std::string_view xml);

struct S3Copy {
    std::string etag;
    std::string modified;
};
// S3 may say that a copy failed after it has said 200.
Result<S3Copy> read_s3_copy(std::string_view xml);

struct S3Deletion {
    std::string key;
    std::string version_id;
    bool marker = false;  // what was added is a delete marker
    bool failed = false;
    std::string code;  // where it failed
    std::string message;
};
Result<std::vector<S3Deletion>> read_s3_deletions(std::string_view xml);

using S3Tags = std::vector<std::pair<std::string, std::string>>;
Result<S3Tags> read_s3_tags(std::string_view xml);

}  // namespace sallyport::engine
