// Calendar months of UTC as numbers that sort: November 2026 is 202611.
#pragma once

#include <chrono>
#include <cstdint>

namespace sallyport::engine {

inline std::int64_t month_number(std::chrono::year_month month) {
    return std::int64_t{static_cast<int>(month.year())} * 100 +
           static_cast<unsigned>(month.month());
}

inline std::chrono::year_month month_at(std::int64_t ms) {
    const std::chrono::sys_time<std::chrono::milliseconds> at{std::chrono::milliseconds(ms)};
    const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(at)};
    return day.year() / day.month();
}

// The month that a time of milliseconds since 1970 is in.
inline std::int64_t calendar_month(std::int64_t ms) {
    return month_number(month_at(ms));
}

inline std::int64_t month_before(std::int64_t ms) {
    return month_number(month_at(ms) - std::chrono::months(1));
}

}  // namespace sallyport::engine
