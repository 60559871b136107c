// Timestamps as the API writes them: ISO 8601, UTC, milliseconds. Pure arithmetic, no time zone
// database, no clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine {

// `1767225600123` -> `2026-01-01T00:00:00.123Z`. Years outside 0 to 9999 are clamped.
std::string iso_time(std::int64_t unix_ms);

// `YYYY-MM-DD`, optionally followed by `Thh:mm[:ss[.fraction]]` and `Z` or `+hh:mm`; no zone means
// UTC.
std::optional<std::int64_t> parse_iso_time(std::string_view text);

// `Fri, 24 May 2013 00:00:00 GMT` (RFC 9110 section 5.6.7, the form that is sent today).
std::optional<std::int64_t> parse_http_time(std::string_view text);

}  // namespace sallyport::engine
