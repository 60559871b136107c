// Durations, sizes and rates as operators write them: `250ms`, `15m`, `64k`, `100r/m`.
#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <string_view>

namespace sallyport {

inline constexpr std::int64_t kNsPerMs = 1'000'000;
inline constexpr std::int64_t kNsPerS = 1'000'000'000;
inline constexpr std::int64_t kSPerDay = 86'400;

// A whole number with ms, s, m, h, d or w; a bare number counts seconds. At most ten years.
Result<std::int64_t> parse_duration_ms(std::string_view text);

// A whole number of bytes with an optional k, m or g (powers of 1024).
Result<std::uint64_t> parse_size_bytes(std::string_view text);

// `<count>r/<s|m|h|d>`. Both parts are positive.
struct Rate {
    std::uint64_t count = 0;
    std::int64_t period_ms = 0;
};
Result<Rate> parse_rate(std::string_view text);

}  // namespace sallyport
