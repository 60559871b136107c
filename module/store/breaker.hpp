// Circuit breaker of one store connection: after too many failures in a row nobody waits for the
// store any more, until a probe has answered. Pure: randomness is an argument, the caller keeps the
// timer.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sallyport::store {

struct BreakerLimits {
    unsigned failures_max = 5;  // consecutive failures that open it
    std::int64_t backoff_ms_min = 100;
    std::int64_t backoff_ms_max = 5'000;
};

class Breaker {
  public:
    explicit Breaker(const BreakerLimits& limits) : limits_(limits) {}

    // Open: decisions must not ask the store.
    bool open() const { return open_; }

    // A decision was answered in time.
    void succeeded() { failures_ = 0; }

    // A decision failed. True when it was one too many: trip().
    bool failed() { return !open_ && ++failures_ >= limits_.failures_max; }

    // Opens: too many failures, no connection, a refused handshake. True when it was closed.
    bool trip() {
        const bool was_closed = !open_;
        open_ = true;
        failures_ = 0;
        return was_closed;
    }

    // How long to wait before the next probe: doubles from the minimum to the maximum, spread over
    // its upper half so that workers and nodes do not come back together.
    std::int64_t next_backoff_ms(std::uint32_t random) {
        backoff_ms_ = backoff_ms_ == 0 ? limits_.backoff_ms_min
                                       : std::min(backoff_ms_ * 2, limits_.backoff_ms_max);
        const std::int64_t half = backoff_ms_ / 2;
        return backoff_ms_ - half + static_cast<std::int64_t>(random) % (half + 1);
    }

    // A connection is ready, and was probed if it was open. True when it was. A connection alone is
    // no decision: a server that greets well and fails at every question opens the breaker as well.
    bool close() {
        if (!open_) {
            return false;
        }
        open_ = false;
        failures_ = 0;
        backoff_ms_ = 0;
        return true;
    }

  private:
    BreakerLimits limits_;
    unsigned failures_ = 0;
    bool open_ = false;
    std::int64_t backoff_ms_ = 0;
};

}  // namespace sallyport::store
