// At most `max` requests in any window: a log of when requests passed, in a fixed number of places.
//
// Up to eight requests are remembered exactly. Beyond that neighbours share a place, which counts
// all of them from the latest: a unit may come back up to a seventh of the window late, never
// early. So no window, wherever it begins, sees more than `max`. Pure: time is an argument.
#pragma once

#include "module/policy/rate_limit_table.hpp"

#include <cstdint>

namespace sallyport::policy {

inline constexpr std::uint32_t kWindowMaxUnits = 10'000'000;
inline constexpr std::size_t kWindowPlaces = 8;

struct WindowTerms {
    std::uint32_t max = 0;
    std::int64_t window_ns = 0;
};

struct WindowEntry {
    struct Place {
        std::uint64_t last_ms : 40;  // of the requests counted here
        std::uint64_t count : 24;
    };
    KeyHash key;
    std::int64_t live_ns;
    Place places[kWindowPlaces];  // oldest first; unused ones at the end, with count 0

    std::int64_t live_until_ns() const { return live_ns; }
    static WindowEntry fresh(const KeyHash& key, std::int64_t now_ns) {
        WindowEntry entry{};
        entry.key = key;
        entry.live_ns = now_ns;
        return entry;
    }
    void revive(std::int64_t now_ns) { *this = fresh(key, now_ns); }
};
static_assert(sizeof(WindowEntry) <= kBytesPerKeyMax);
static_assert(kWindowMaxUnits < (1U << 24));

struct WindowStanding {
    std::uint32_t used = 0;
    std::int64_t next_ns = 0;  // until units come back; 0: nothing is used
};

// What stands in `next_ns`: when the oldest place leaves the window; where `units` more do not fit,
// when they do (more than `max`: when all has left).
WindowStanding window_standing(const WindowEntry& entry, const WindowTerms& terms,
                               std::int64_t now_ns, std::uint64_t units = 0);
// REQUIRES: window_standing(...).used + units <= terms.max
WindowStanding window_take(WindowEntry& entry, const WindowTerms& terms, std::uint32_t units,
                           std::int64_t now_ns);
// Takes back units that window_take() counted for a request refused elsewhere, or not to be
// counted.
void window_give_back(WindowEntry& entry, std::uint32_t units);

}  // namespace sallyport::policy
