// Text that is stored smaller than it is: one zstd frame (RFC 8878) with its size and a checksum.
// Pure.
#pragma once

#include "common/result.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine {

// Below this a frame gains less than it costs to make (some 50 µs): the text stays as it is. The
// journals of usual runs are below it.
inline constexpr std::size_t kPackBytesMin = 16 * 1024;
// No stored text is larger: journals and files are held to 512 MB by their settings.
inline constexpr std::size_t kUnpackedBytesMax = std::size_t{1} << 30;

// The frame; nothing when the text is small, or when it would not be an eighth smaller.
std::optional<std::string> pack_text(std::string_view text);

// What a frame holds. Memory grows with what is really there, never with what the frame announces.
// Error: no frame, a broken one, bytes after it, or more than `bytes_max`.
Result<std::string> unpack_text(std::string_view frame, std::size_t bytes_max = kUnpackedBytesMax);

// The same; empty when it cannot be unpacked, for where an empty text is as broken as the frame.
inline std::string unpacked_or_empty(std::string_view frame) {
    Result<std::string> text = unpack_text(frame);
    return text.ok() ? *std::move(text) : std::string();
}

}  // namespace sallyport::engine
