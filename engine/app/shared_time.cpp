#include "engine/app/shared_time.hpp"

#include "common/json.hpp"

namespace sallyport::engine {

std::function<void(std::int64_t)> follow_time(SystemClock& clock, Log& log) {
    return [&clock, &log](std::int64_t right_ms) {
        if (!clock.follow(right_ms)) {
            return;
        }
        const std::int64_t ahead_ms = clock.ahead_ms();
        log.write(ahead_ms == 0 ? LogLevel::info : LogLevel::warn,
                  ahead_ms == 0 ? "clock_agrees" : "clock_differs",
                  {{"ahead_seconds", Json::integer(ahead_ms / 1000)}});
    };
}

}  // namespace sallyport::engine
