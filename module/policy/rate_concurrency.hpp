// How many requests of a key are under way, by who holds them: a worker process has one lane, so
// that what a crashed one held can be taken back without knowing which requests they were.
#pragma once

#include "module/policy/rate_limit_table.hpp"

#include <cstdint>
#include <limits>

namespace sallyport::policy {

// Processes that may hold at the same time, old generations of a reload included; what comes after
// shares the last lane.
inline constexpr std::size_t kHolderLanes = 32;
inline constexpr std::uint32_t kConcurrentMax = 60'000;

struct ConcurrencyEntry {
    KeyHash key;
    std::int64_t live_ns;
    std::uint16_t lanes[kHolderLanes];

    std::int64_t live_until_ns() const { return live_ns; }
    static ConcurrencyEntry fresh(const KeyHash& key, std::int64_t now_ns) {
        ConcurrencyEntry entry{};
        entry.key = key;
        entry.live_ns = now_ns;
        return entry;
    }
    void revive(std::int64_t now_ns) { *this = fresh(key, now_ns); }

    std::uint32_t held() const {
        std::uint32_t sum = 0;
        for (const std::uint16_t lane : lanes) {
            sum += lane;
        }
        return sum;
    }
    // REQUIRES: held() < kConcurrentMax
    void acquire(std::size_t lane) {
        ++lanes[lane];
        live_ns = std::numeric_limits<std::int64_t>::max();
    }
    void release(std::size_t lane, std::int64_t now_ns) {
        if (lanes[lane] > 0) {
            --lanes[lane];
        }
        if (held() == 0) {
            live_ns = now_ns;
        }
    }
    void clear(std::size_t lane, std::int64_t now_ns) {
        lanes[lane] = 0;
        if (held() == 0) {
            live_ns = now_ns;
        }
    }
};
static_assert(sizeof(ConcurrencyEntry) <= kBytesPerKeyMax);

}  // namespace sallyport::policy
