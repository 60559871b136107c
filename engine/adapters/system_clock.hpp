// The machine's clocks and randomness, for the ports of the same purpose.
#pragma once

#include "common/crypto.hpp"
#include "engine/core/ids.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/entropy.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>

namespace sallyport::engine {

class SystemClock final : public Clock {
  public:
    std::int64_t now_ms() const override {
        return machine_ms() - ahead_ms_.load(std::memory_order_relaxed);
    }
    std::int64_t machine_ms() const override { return ms<std::chrono::system_clock>(); }
    std::int64_t steady_ms() const override { return ms<std::chrono::steady_clock>(); }

    // What is known better than by this machine: `now_ms` goes by it from here on. A difference
    // that two machines in good order may have is none. True when it has changed by more than that.
    bool follow(std::int64_t right_ms) {
        const std::int64_t ahead_ms = machine_ms() - right_ms;
        if (std::abs(ahead_ms - ahead_ms_) <= kAgreeMs) {
            return false;
        }
        ahead_ms_ = std::abs(ahead_ms) > kAgreeMs ? ahead_ms : 0;
        return true;
    }
    // The machine's clock against that.
    std::int64_t ahead_ms() const { return ahead_ms_; }

  private:
    static constexpr std::int64_t kAgreeMs = 1000;

    template <typename Source>
    static std::int64_t ms() {
        return std::chrono::duration_cast<std::chrono::milliseconds>(
                   Source::now().time_since_epoch())
            .count();
    }

    std::atomic<std::int64_t> ahead_ms_ = 0;
};

// For one thread. Draws from the kernel in blocks: an id is made for each request.
class SystemEntropy final : public Entropy {
  public:
    std::string id() override {
        return draw([](const auto& random) { return id_from_random(random); });
    }
    std::string ordered_id(std::int64_t now_ms) override {
        return draw(
            [now_ms](const auto& random) { return ordered_id_from_random(now_ms, random); });
    }

  private:
    template <typename Make>
    std::string draw(Make make) {
        while (true) {
            if (used_ + kIdRandomBytes > pool_.size()) {
                random_bytes(pool_.data(), pool_.size());
                used_ = 0;
            }
            std::array<std::uint8_t, kIdRandomBytes> random{};
            std::copy_n(pool_.begin() + static_cast<std::ptrdiff_t>(used_), kIdRandomBytes,
                        random.begin());
            used_ += kIdRandomBytes;
            if (auto id = make(random)) {
                return *id;
            }
        }
    }

    std::array<std::uint8_t, 64 * kIdRandomBytes> pool_{};
    std::size_t used_ = pool_.size();
};

}  // namespace sallyport::engine
