// The actions of the Amazon S3 piece that name files by their whole keys: amazon_s3_…. What they
// give and what they say when S3 refuses is the published piece's. Pure.
#pragma once

#include "engine/core/pieces/s3.hpp"

#include <cstdint>
#include <string_view>

namespace sallyport::engine {

inline constexpr std::string_view kS3FileActions = "amazon_s3_";

// The step's output is what it gives beside what the first answer says.
Result<S3Step> s3_file_step(const S3Bucket& bucket, std::string_view action, const Json& input,
                            std::int64_t now_ms);
// `known` is the step's output.
Result<Json> s3_file_outcome(std::string_view action, const Json& known, const S3Call& call,
                             const S3Answer& answer);

}  // namespace sallyport::engine
