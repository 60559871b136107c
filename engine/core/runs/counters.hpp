// What the driver counts about runs, for metrics: plain numbers, changed on the loop alone.
#pragma once

#include "engine/core/runs/state.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace sallyport::engine {

// Counts by upper bound, as Prometheus wants them (not cumulative here).
class Histogram {
  public:
    static constexpr std::array<std::int64_t, 12> kBoundsMs = {1,   5,   10,   25,   50,    100,
                                                               250, 500, 1000, 5000, 30000, 120000};
    void add(std::int64_t ms) {
        std::size_t at = 0;
        while (at < kBoundsMs.size() && ms > kBoundsMs[at]) {
            ++at;
        }
        ++counts_[at];
        sum_ms_ += ms;
        ++count_;
    }
    std::uint64_t in_bucket(std::size_t bucket) const { return counts_[bucket]; }
    std::uint64_t count() const { return count_; }
    std::int64_t sum_ms() const { return sum_ms_; }

  private:
    std::array<std::uint64_t, kBoundsMs.size() + 1> counts_{};
    std::uint64_t count_ = 0;
    std::int64_t sum_ms_ = 0;
};

struct RunCounters {
    static constexpr std::size_t kStatuses = 11;  // of RunStatus
    std::uint64_t started = 0;
    std::uint64_t refused = 0;     // for want of room
    std::uint64_t over_quota = 0;  // refused because the project has begun its month's
    std::uint64_t duplicates = 0;  // of a delivery
    std::uint64_t resumed = 0;
    std::uint64_t taken_over = 0;
    std::uint64_t lost = 0;
    std::uint64_t write_failures = 0;
    std::array<std::uint64_t, kStatuses> ended{};
    Histogram run_ms;
    std::array<Histogram, 5> step_ms;  // by StepKind

    void end(RunStatus status, std::int64_t ms) {
        ++ended[static_cast<std::size_t>(status)];
        run_ms.add(ms);
    }
};

// What is under way now.
struct RunGauges {
    std::size_t live = 0;
    std::size_t active = 0;
    std::size_t waiting = 0;
    std::int64_t oldest_wait_ms = 0;
    std::size_t live_bytes = 0;  // of the journals of live runs
};

}  // namespace sallyport::engine
