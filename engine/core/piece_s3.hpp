// The Amazon S3 piece: a step as a signed request, and what the answer means. For S3 and what is
// compatible with it. Pure: the HTTP client is the only way out.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "engine/core/s3_request.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::engine {

inline constexpr std::string_view kS3Piece = "@activepieces/piece-amazon-s3";
inline constexpr std::size_t kS3FileBytesMax = 25u << 20;

Result<S3Call> s3_call(std::string_view action, const Json& input, std::int64_t now_ms);

struct S3Answer {
    int status = 0;
    std::string_view etag;
    std::string_view type;
    std::string_view body;
};
// upload-file: {fileName, etag}; read-file: {filename, type, size, base64}, a file that steps take.
Result<Json> s3_outcome(std::string_view action, const S3Call& call, const S3Answer& answer);

}  // namespace sallyport::engine
