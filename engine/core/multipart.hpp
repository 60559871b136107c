// multipart/form-data (RFC 7578) taken apart and put together. Pure; the parts point into the body.
#pragma once

#include "common/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

struct MultipartPart {
    std::string name;
    std::optional<std::string> file_name;  // there: a file
    std::string content_type;              // as sent; empty: none
    std::string_view data;
};

// `content_type` is the request's field with its boundary. Errors name what is wrong. At most 1000
// parts, each with at most 8 KB of fields.
Result<std::vector<MultipartPart>> parse_multipart(std::string_view content_type,
                                                   std::string_view body);

struct MultipartText {
    std::string content_type;  // with the boundary
    std::string body;
};
// The boundary is a digest of the parts: it cannot be in them.
MultipartText write_multipart(const std::vector<MultipartPart>& parts);

}  // namespace sallyport::engine
