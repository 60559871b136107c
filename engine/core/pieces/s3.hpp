// The Amazon S3 piece: a step as a signed request, and what the answer means. For S3 and what is
// compatible with it. Pure: the HTTP client is the only way out.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "engine/core/item_memory.hpp"
#include "engine/core/s3/listing.hpp"
#include "engine/core/s3/request.hpp"
#include "engine/core/web_message.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

inline constexpr std::string_view kS3Piece = "@activepieces/piece-amazon-s3";
inline constexpr std::size_t kS3FileBytesMax = 25u << 20;

// Of a file's name, by whoever gives one.
inline constexpr std::string_view kS3KeyRule =
    "Expected 1 to 1024 bytes without . and .. as a part";

// What a step asks for, one request after the other. `output` is the step's own when there is
// nothing to ask, and what it gives beside the answers otherwise.
struct S3Step {
    std::vector<S3Call> calls;
    Json output;
};
Result<S3Step> s3_step(std::string_view action, const Json& input, std::int64_t now_ms);

struct S3Answer {
    int status = 0;
    std::vector<WebHeader> headers;
    std::string_view body;

    std::string_view header(std::string_view name) const { return find_header(headers, name); }
};
// Of one of the step's requests; the first one's is the step's output. upload-file: {fileName,
// etag}; read-file: {filename, type, size, base64}, a file that steps take; list-files: {files,
// isTruncated}; moveFile: {CopyObjectResult}; deleteFile: {key}. The others: piece_s3_files.hpp.
Result<Json> s3_outcome(std::string_view action, const S3Step& step, const S3Call& call,
                        const S3Answer& answer);
// {filename, type, size, base64}
Json s3_file_json(const S3Call& call, const S3Answer& answer);

// Of a connection's value.
Result<S3Bucket> s3_bucket_of(const Json& auth);

// The trigger: files that were not there before, or of other content.
inline constexpr std::string_view kNewFile = "new_file";
// In its folder; as the published piece has it.
inline constexpr std::size_t kS3WatchedFilesMax = 10'000;
// How its items are told apart (core/item_memory.hpp). `settings` are the trigger's own.
Result<ListSettings> new_file_settings(const Json& settings);
// As the list has it, with its key.
Json new_file_item(const S3Object& object);

}  // namespace sallyport::engine
