// GCRA in integer nanoseconds: may this request pass, and what does the client learn about it?
//
// A limit is a bucket of `burst` units refilled at the rate: in any window no more than
// burst + rate x window units pass. The whole state of a key is one number, how far its theoretical
// arrival time (TAT) lies ahead of now. Stores keep the TAT; this file turns "ahead" into answers.
// No store, no clock: time enters as an argument.
#pragma once

#include "common/units.hpp"
#include "module/policy/decision.hpp"

#include <cstdint>
#include <span>

namespace sallyport::policy {

// A bucket that needs longer than this to refill is refused at configuration time: the Redis script
// computes in doubles, which are exact up to 2^53 ns (104 days).
inline constexpr std::int64_t kRefillNsMax = std::int64_t{100} * 86'400 * 1'000'000'000;
// One unit a microsecond: faster limits cannot be told from none.
inline constexpr std::int64_t kIntervalNsMin = 1'000;

// Whole seconds that last at least `ns`.
inline std::uint32_t seconds_up(std::int64_t ns) {
    return static_cast<std::uint32_t>((ns + kNsPerS - 1) / kNsPerS);
}

struct Gcra {
    std::int64_t interval_ns = 0;  // what one unit costs: period / count, rounded up
    std::int64_t capacity_ns = 0;  // burst x interval

    // REQUIRES: count, burst and period_ns positive, kIntervalNsMin and kRefillNsMax respected.
    static Gcra make(std::uint64_t count, std::int64_t period_ns, std::uint64_t burst);

    // How far a stored TAT lies ahead of `now_ns`, within 0 and the capacity: a TAT from a limit
    // that was larger, or from a clock that has jumped, can at most empty the bucket.
    std::int64_t ahead(std::int64_t tat_ns, std::int64_t now_ns) const {
        const std::int64_t ahead_ns = tat_ns - now_ns;
        return ahead_ns <= 0 ? 0 : ahead_ns < capacity_ns ? ahead_ns : capacity_ns;
    }
    bool admits(std::int64_t ahead_ns) const { return ahead_ns + interval_ns <= capacity_ns; }
};

// What a client may know about its bucket.
struct Standing {
    std::uint64_t remaining = 0;  // units that could be taken at once
    std::uint32_t next_s = 0;     // until one more unit is there, rounded up; 0: the bucket is full
    std::uint32_t full_s = 0;     // until the bucket is full again, rounded up
    std::uint32_t retry_after_s =
        0;  // until the request passes, at least 1; 0 when one would pass now
};

// `ahead_ns` as left behind by the decision (after consumption, or as found by a refusal); it may
// exceed the capacity where a part of that is reserved. `units` is what a request costs.
Standing standing(const Gcra& limit, std::int64_t ahead_ns, std::uint32_t units = 1);

// The decision over several limits that were checked together: every refusing limit must be waited
// for.
Decision refusal(std::span<const Standing> refusing);

}  // namespace sallyport::policy
