#include "engine/core/runs/event_order.hpp"

#include <algorithm>

namespace sallyport::engine {
namespace {

constexpr std::size_t kDigits = 6;
constexpr std::uint32_t kNumbers = 1'000'000;  // of one millisecond

}  // namespace

EventOrder::Place EventOrder::next(std::int64_t now_ms, const std::string& random) {
    const std::int64_t at_ms = std::max(now_ms, at_ms_);
    number_ = at_ms == at_ms_ ? number_ + 1 : 0;
    at_ms_ = at_ms;
    if (number_ == kNumbers) {
        ++at_ms_;
        number_ = 0;
    }
    const std::string digits = std::to_string(number_);
    return {at_ms_, std::string(kDigits - digits.size(), '0') + digits + random.substr(kDigits)};
}

}  // namespace sallyport::engine
