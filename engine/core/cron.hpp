// Cron expressions and the times they name, in any time zone. Pure: the zone's rules are given.
//
// Fields: [second] minute hour day-of-month month day-of-week; lists, ranges, steps, names (JAN,
// MON), `?` for `*`, `L` (last day of the month, `5L`: last Friday), `1#2` (second Monday), 7 for
// Sunday, and @yearly … @hourly. A day must fit one of the two day fields when both are restricted.
//
// Where clocks change (as Vixie's cron does it): a time that is left out fires when the clock has
// been put forward; a time that comes twice fires the first time. Expressions that name no hour
// (`*/10 * * * *`) go by real time instead and fire in both.
#pragma once

#include "common/result.hpp"

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::engine {

// A stretch of time in which a zone's offset does not change. Unix seconds, [begin, end).
struct ZoneSpan {
    std::int64_t begin_s = 0;
    std::int64_t end_s = 0;
    std::int64_t offset_s = 0;  // local time less UTC
};

class ZoneRules {
  public:
    virtual ~ZoneRules() = default;
    virtual ZoneSpan span_at(std::int64_t unix_s) const = 0;
};

class Cron {
  public:
    // Errors name the field and what it may be.
    static Result<Cron> parse(std::string_view text);

    // The first time after `after_ms`, in unix milliseconds; nothing when there is none within
    // 40 years (February 30).
    std::optional<std::int64_t> next(std::int64_t after_ms, const ZoneRules& zone) const;

  private:
    struct Civil;
    struct Parser;

    std::optional<std::int64_t> next_by_clock(std::int64_t after_s, const ZoneRules& zone) const;
    std::optional<std::int64_t> next_by_time(std::int64_t after_s, const ZoneRules& zone) const;
    // The first local second at or after `local_s` that fits.
    std::optional<std::int64_t> fit_local(std::int64_t local_s) const;
    bool fits_day(const Civil& civil) const;

    std::bitset<60> seconds_;
    std::bitset<60> minutes_;
    std::bitset<24> hours_;
    std::bitset<32> days_;
    std::bitset<13> months_;
    std::bitset<7> weekdays_;
    std::bitset<7> last_weekdays_;
    std::array<std::bitset<7>, 6> nth_weekdays_;  // [n]: the n-th of the month
    bool last_day_ = false;
    bool any_hour_ = false;
    bool any_day_ = false;
    bool any_weekday_ = false;
};

}  // namespace sallyport::engine
