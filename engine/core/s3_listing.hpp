// What S3 answers to ListObjectsV2 and CopyObject: XML of a server that need not mean well. Pure.
#pragma once

#include "common/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
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
    std::vector<S3Object> objects;  // in the order of their keys
    bool truncated = false;
    std::string next;  // the token that asks for the next page; not empty when `truncated`
};

// Error: no listing, or one that no server has reason to send.
Result<S3Page> read_s3_page(std::string_view xml);

struct S3Copy {
    std::string etag;
    std::string modified;
};
// S3 may say that a copy failed after it has said 200.
Result<S3Copy> read_s3_copy(std::string_view xml);

}  // namespace sallyport::engine
