// Counts attempts a client address makes in a window, for routes where guessing pays. Bounded: when
// the table is full, addresses whose window is over go first, then the whole table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace sallyport::engine {

class AttemptLimiter {
  public:
    static constexpr std::size_t kAddressesMax = 10'000;

    AttemptLimiter(std::size_t max, std::int64_t window_ms) : max_(max), window_ms_(window_ms) {}

    bool admit(const std::string& address, std::int64_t now_ms) {
        if (windows_.size() >= kAddressesMax && windows_.find(address) == windows_.end()) {
            std::erase_if(windows_, [&](const auto& entry) {
                return entry.second.start_ms + window_ms_ <= now_ms;
            });
            if (windows_.size() >= kAddressesMax) {
                windows_.clear();
            }
        }
        Window& window = windows_[address];
        if (window.start_ms + window_ms_ <= now_ms) {
            window = {now_ms, 0};
        }
        return ++window.count <= max_;
    }

  private:
    struct Window {
        std::int64_t start_ms = INT64_MIN / 2;
        std::size_t count = 0;
    };
    std::size_t max_;
    std::int64_t window_ms_;
    std::unordered_map<std::string, Window> windows_;
};

}  // namespace sallyport::engine
