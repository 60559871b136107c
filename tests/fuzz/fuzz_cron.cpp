// Cron expressions from any text: no crash, no hang, and the times they name come one after the
// other, in a zone whose clock changes often.
#include "engine/core/cron.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

// A zone that changes its offset every `kDays`, by an hour, forth and back.
class Restless final : public sallyport::engine::ZoneRules {
  public:
    sallyport::engine::ZoneSpan span_at(std::int64_t unix_s) const override {
        constexpr std::int64_t kSpanS = 50 * 86'400;
        const std::int64_t number = unix_s / kSpanS - (unix_s % kSpanS < 0 ? 1 : 0);
        return {number * kSpanS, (number + 1) * kSpanS, number % 2 == 0 ? 3600 : 7200};
    }
};

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto cron = sallyport::engine::Cron::parse({reinterpret_cast<const char*>(data), size});
    if (!cron.ok()) {
        require(!cron.message().empty());
        return 0;
    }
    const Restless zone;
    std::int64_t at = 1'790'000'000'000;
    for (int i = 0; i < 5; ++i) {
        const auto next = cron->next(at, zone);
        if (!next) {
            break;
        }
        require(*next > at && *next % 1000 == 0);
        // Nothing lies between: asked a second before, the answer is the same.
        require(cron->next(*next - 1000, zone) == next);
        at = *next;
    }
    return 0;
}
