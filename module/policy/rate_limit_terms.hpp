// The numbers of a limit as one request meets them: the limit's own, its tenant's, boosted for a
// time, or shrunk while the upstream is slow. What a decision has found is read in these terms.
#pragma once

#include "module/policy/rate_limit.hpp"
#include "module/policy/rate_window.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::policy {

enum class LimitKind : std::uint8_t {
    rate,        // a bucket of burst= units that refills at rate=
    window,      // max= in any window=
    concurrent,  // at the same time
};

struct LimitTerms {
    LimitKind kind = LimitKind::rate;
    std::uint32_t concurrent = 0;
    std::uint32_t window_s = 0;
    Gcra gcra;                // rate
    WindowTerms window;       // window
    std::uint64_t quota = 0;  // units in a window, as clients are told
    std::uint64_t burst = 0;  // rate

    // The most that one request can have.
    std::uint64_t whole_units() const { return kind == LimitKind::rate ? burst : quota; }
    // What a store compares with: ns or units.
    std::int64_t most() const {
        return kind == LimitKind::rate ? gcra.capacity_ns : static_cast<std::int64_t>(quota);
    }
    std::int64_t measure_of(std::uint64_t units) const {
        return static_cast<std::int64_t>(units) * (kind == LimitKind::rate ? gcra.interval_ns : 1);
    }
};

// A share (of kWhole, see rate_adaptive.hpp) of a rate, with the same burst; at least one unit a
// kRefillNsMax / burst.
LimitTerms slowed(const LimitTerms& terms, std::uint32_t share);
// `factor` times as much of everything; bounded by what a limit can be.
LimitTerms boosted(const LimitTerms& terms, std::uint32_t factor);

// A number of units as a variable or a response says it: decimal digits. What has more of them than
// fit is the largest number, not none.
std::optional<std::uint64_t> parse_units(std::string_view text);

// What a request asks of a limit.
struct Ask {
    std::uint32_t units = 1;
    std::int64_t reserve = 0;  // ns or units that must be left after it: others may have them
};

// What a decision has found about a key, in the terms of the limit's kind.
struct Measure {
    std::int64_t used = 0;     // rate: ns ahead; window and concurrent: units
    std::int64_t next_ns = 0;  // window: until units come back; when refused, until enough do
};
Standing standing(const LimitTerms& terms, const Measure& measure, const Ask& ask = {});
bool admits(const LimitTerms& terms, const Measure& measure, const Ask& ask);

}  // namespace sallyport::policy
