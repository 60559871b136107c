// Dates by a format of letters (YYYY-MM-DD HH:mm:ss), read and written. Pure: times are local, in
// seconds since 1970 as if the local clock were UTC's; zones are the caller's.
#pragma once

#include "engine/core/cron.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine {

struct CivilTime {
    std::int64_t year = 1970;
    int month = 1;  // 1 to 12
    int day = 1;
    int hour = 0;
    int minute = 0;
    int second = 0;
};

// Years this arithmetic is meant for; what lies outside is refused.
inline constexpr std::int64_t kYearMin = 1;
inline constexpr std::int64_t kYearMax = 9999;

CivilTime civil_of(std::int64_t local_s);
std::int64_t local_of(const CivilTime& civil);
int days_in_month(std::int64_t year, int month);
int weekday_of(std::int64_t local_s);  // 0: Sunday
std::string_view weekday_name(int weekday);
std::string_view month_name(int month);

// YYYY YY MMMM MMM MM M dddd DDDD ddd DDD DD D HH H hh h mm m ss s A a X; text in [brackets] and
// all other characters stand for themselves. A text that does not fit is read leniently and then
// by no format, as dayjs does; days and months that there are not are never carried over.
std::optional<std::int64_t> read_date(std::string_view text, std::string_view format);
// ISO 8601, with or without a zone, and the ways of writing in which JavaScript reads months before
// days.
std::optional<std::int64_t> read_any_date(std::string_view text);
// `utc_s` is the same moment, for X.
std::string write_date(std::int64_t local_s, std::int64_t utc_s, std::string_view format);

std::int64_t to_local(std::int64_t utc_s, const ZoneRules& zone);
// A local time that is left out is moved by the gap, one that comes twice is the second.
std::int64_t to_utc(std::int64_t local_s, const ZoneRules& zone);

}  // namespace sallyport::engine
