#include "module/policy/rate_limit.hpp"

#include "module/policy/http_status.hpp"

#include <algorithm>

namespace sallyport::policy {
Gcra Gcra::make(std::uint64_t count, std::int64_t period_ns, std::uint64_t burst) {
    const auto units = static_cast<std::int64_t>(count);
    // Rounded up: a rate that does not divide its period admits a trifle less, never more.
    const std::int64_t interval_ns = (period_ns + units - 1) / units;
    return {interval_ns, interval_ns * static_cast<std::int64_t>(burst)};
}

[[gnu::hot]] Standing standing(const Gcra& limit, std::int64_t ahead_ns, std::uint32_t units) {
    const std::int64_t room_ns = limit.capacity_ns - ahead_ns;
    const std::int64_t need_ns = limit.interval_ns * std::int64_t{units};
    Standing out;
    out.remaining = room_ns < 0 ? 0 : static_cast<std::uint64_t>(room_ns / limit.interval_ns);
    out.full_s = seconds_up(ahead_ns);
    if (ahead_ns > 0) {
        const std::int64_t spare_ns = room_ns < 0 ? room_ns : room_ns % limit.interval_ns;
        out.next_s = seconds_up(std::min(limit.interval_ns - spare_ns, ahead_ns));
    }
    if (room_ns < need_ns) {
        out.retry_after_s = std::max(1U, seconds_up(need_ns - room_ns));
    }
    return out;
}

Decision refusal(std::span<const Standing> refusing) {
    std::uint32_t retry_after_s = 1;
    for (const Standing& one : refusing) {
        retry_after_s = std::max(retry_after_s, one.retry_after_s);
    }
    return Decision::deny(Reason::rate_limited, kTooManyRequests, retry_after_s);
}

}  // namespace sallyport::policy
