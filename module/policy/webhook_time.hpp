// Timestamps of webhook senders: strict, anchored, one format as configured, never guessed.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::policy::webhook {

enum class TimeFormat : std::uint8_t { unix_s, unix_ms, iso8601, http_date };

// Milliseconds since 1970, or nothing when `text` is not exactly one timestamp of `format`:
// - unix_s, unix_ms: at most 15 digits, no sign, no leading zero;
// - iso8601: RFC 3339 with `T`, up to nine digits of a second, `Z` or an offset;
// - http_date: RFC 9110 IMF-fixdate.
std::optional<std::int64_t> parse_timestamp(std::string_view text, TimeFormat format);

}  // namespace sallyport::policy::webhook
