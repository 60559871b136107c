// The delay piece, natively: when a step that waits goes on. Pure.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <cstdint>
#include <string_view>

namespace sallyport::engine {

inline constexpr std::string_view kDelayPiece = "@activepieces/piece-delay";
inline constexpr std::string_view kDelayFor = "delayFor";
inline constexpr std::string_view kDelayUntil = "delay_until";

struct Delay {
    std::int64_t resume_at_ms = 0;
    Json output;  // of the step when it goes on
};

// `input` is the resolved input: {unit: seconds|minutes|hours|days, delayFor: number}, or
// {delayUntilTimestamp: an ISO 8601 time, one as a date helper writes it, or milliseconds}. A time
// that is past is now. Fails on what is no time, and on one more than `longest_ms` away.
Result<Delay> delay_of(std::string_view action, const Json& input, std::int64_t now_ms,
                       std::int64_t longest_ms);

}  // namespace sallyport::engine
