#include "engine/core/cron.hpp"

#include "common/bytes.hpp"
#include "common/units.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::engine {
namespace {

// February 29 comes within eight years even around 2100; what has not come by then never will.
constexpr std::int64_t kSearchS = 40 * 366 * kSPerDay;
// Clock changes lie at least days apart; more spans than this are rules that make no sense.
constexpr int kSpansMax = 400;

constexpr std::array<std::string_view, 12> kMonthNames = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                          "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> kDayNames = {"SUN", "MON", "TUE", "WED",
                                                       "THU", "FRI", "SAT"};

constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kNamed = {{
    {"@YEARLY", "0 0 1 1 *"},
    {"@ANNUALLY", "0 0 1 1 *"},
    {"@MONTHLY", "0 0 1 * *"},
    {"@WEEKLY", "0 0 * * 0"},
    {"@DAILY", "0 0 * * *"},
    {"@MIDNIGHT", "0 0 * * *"},
    {"@HOURLY", "0 * * * *"},
    {"@MINUTELY", "* * * * *"},
    {"@WEEKDAYS", "0 0 * * 1-5"},
    {"@WEEKENDS", "0 0 * * 0,6"},
}};

std::int64_t floor_div(std::int64_t value, std::int64_t by) {
    return value / by - (value % by < 0 ? 1 : 0);
}

bool is_leap(std::int64_t year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int days_in_month(std::int64_t year, int month) {
    constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : kDays[static_cast<std::size_t>(month - 1)];
}

std::vector<std::string_view> split(std::string_view text, auto is_separator) {
    std::vector<std::string_view> parts;
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        if (i == text.size() || is_separator(text[i])) {
            parts.push_back(text.substr(begin, i - begin));
            begin = i + 1;
        }
    }
    return parts;
}

struct Field {
    std::string_view name;
    int low;
    int high;
    const std::string_view* names = nullptr;  // of low and what follows
    int name_count = 0;
};

constexpr Field kSecond{"second", 0, 59};
constexpr Field kMinute{"minute", 0, 59};
constexpr Field kHour{"hour", 0, 23};
constexpr Field kDay{"day of month", 1, 31};
constexpr Field kMonth{"month", 1, 12, kMonthNames.data(), 12};
constexpr Field kWeekday{"day of week", 0, 7, kDayNames.data(), 7};

Error bad(const Field& field, std::string_view text) {
    return Error{"the field '" + std::string(field.name) + "' must hold values from " +
                 std::to_string(field.low) + " to " + std::to_string(field.high) + ", not '" +
                 std::string(text) + "'"};
}

std::optional<int> value_of(const Field& field, std::string_view text) {
    for (int i = 0; i < field.name_count; ++i) {
        if (field.names[i] == text) {
            return field.low + i;
        }
    }
    const auto number = text.size() <= 2 ? parse_u64(text) : std::nullopt;
    if (!number || *number < static_cast<std::uint64_t>(field.low) ||
        *number > static_cast<std::uint64_t>(field.high)) {
        return std::nullopt;
    }
    return static_cast<int>(*number);
}

// `a`, `a-b`, `*`, each with `/step`; puts every value it names into `put`.
template <typename Put>
Status read_range(const Field& field, std::string_view text, Put put) {
    const std::size_t slash = text.find('/');
    const std::string_view range = text.substr(0, slash);
    int step = 1;
    if (slash != std::string_view::npos) {
        const auto given = parse_u64(text.substr(slash + 1));
        if (!given || *given == 0 || *given > 1000) {
            return bad(field, text);
        }
        step = static_cast<int>(*given);
    }
    int low = field.low;
    int high = field.high;
    if (range != "*" && range != "?") {
        const std::size_t dash = range.find('-');
        const auto first = value_of(field, range.substr(0, dash));
        const auto last = dash == std::string_view::npos
                              ? (slash == std::string_view::npos ? first : std::optional(high))
                              : value_of(field, range.substr(dash + 1));
        if (!first || !last || *first > *last) {
            return bad(field, text);
        }
        low = *first;
        high = *last;
    }
    for (int value = low; value <= high; value += step) {
        put(static_cast<std::size_t>(value));
    }
    return Done{};
}

template <std::size_t N>
Status read_field(const Field& field, std::string_view text, std::bitset<N>& out) {
    Status status = Done{};
    for (const std::string_view part : split(text, [](char c) { return c == ','; })) {
        const Status read = read_range(field, part, [&out](std::size_t value) { out.set(value); });
        status = status.ok() ? read : status;
    }
    return status;
}

}  // namespace

// The proleptic Gregorian calendar, by eras of 400 years that begin on March 1.
struct Cron::Civil {
    std::int64_t year = 1970;
    int month = 1;
    int day = 1;
    int weekday = 0;  // 0: Sunday
    int second_of_day = 0;

    static Civil of(std::int64_t local_s) {
        const std::int64_t days = floor_div(local_s, kSPerDay);
        const std::int64_t shifted = days + 719'468;
        const std::int64_t era = floor_div(shifted, 146'097);
        const std::int64_t of_era = shifted - era * 146'097;
        const std::int64_t years =
            (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
        const std::int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
        const std::int64_t moon = (5 * of_year + 2) / 153;
        Civil civil;
        civil.day = static_cast<int>(of_year - (153 * moon + 2) / 5 + 1);
        civil.month = static_cast<int>(moon < 10 ? moon + 3 : moon - 9);
        civil.year = years + era * 400 + (civil.month <= 2 ? 1 : 0);
        civil.weekday = static_cast<int>(((days % 7) + 11) % 7);  // 1970-01-01 was a Thursday
        civil.second_of_day = static_cast<int>(local_s - days * kSPerDay);
        return civil;
    }
};

struct Cron::Parser {
    static Status weekdays(Cron& cron, std::string_view text) {
        std::bitset<8> plain;
        for (const std::string_view part : split(text, [](char c) { return c == ','; })) {
            const Status read = weekday(cron, part, plain);
            if (!read.ok()) {
                return read;
            }
        }
        for (std::size_t day = 0; day <= 7; ++day) {
            if (plain.test(day)) {
                cron.weekdays_.set(day % 7);  // 7 is Sunday too
            }
        }
        return Done{};
    }

    static Status weekday(Cron& cron, std::string_view part, std::bitset<8>& plain) {
        const std::size_t hash = part.find('#');
        if (hash != std::string_view::npos) {
            const auto day = value_of(kWeekday, part.substr(0, hash));
            const auto nth = parse_u64(part.substr(hash + 1));
            if (!day || !nth || *nth < 1 || *nth > 5) {
                return bad(kWeekday, part);
            }
            cron.nth_weekdays_[static_cast<std::size_t>(*nth)].set(
                static_cast<std::size_t>(*day % 7));
            return Done{};
        }
        if (part.size() > 1 && part.ends_with('L')) {
            const auto day = value_of(kWeekday, part.substr(0, part.size() - 1));
            if (!day) {
                return bad(kWeekday, part);
            }
            cron.last_weekdays_.set(static_cast<std::size_t>(*day % 7));
            return Done{};
        }
        return read_range(kWeekday, part, [&plain](std::size_t value) { plain.set(value); });
    }

    static Status days(Cron& cron, std::string_view text) {
        for (const std::string_view part : split(text, [](char c) { return c == ','; })) {
            if (part == "L") {
                cron.last_day_ = true;
                continue;
            }
            const Status read =
                read_range(kDay, part, [&cron](std::size_t value) { cron.days_.set(value); });
            if (!read.ok()) {
                return read;
            }
        }
        return Done{};
    }
};

Result<Cron> Cron::parse(std::string_view given) {
    std::string text = ascii_lower(trim_ows(given));
    std::transform(text.begin(), text.end(), text.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    for (const auto& [name, meaning] : kNamed) {
        text = text == name ? std::string(meaning) : text;
    }
    std::vector<std::string_view> fields =
        split(text, [](char c) { return c == ' ' || c == '\t'; });
    std::erase(fields, std::string_view());
    if (fields.size() != 5 && fields.size() != 6) {
        return Error{
            "a cron expression has five fields (minute, hour, day of month, month, day of week), "
            "or six with the second first"};
    }
    Cron cron;
    if (fields.size() == 5) {
        cron.seconds_.set(0);
        fields.insert(fields.begin(), "0");
    }
    const auto any = [](std::string_view field) { return field == "*" || field == "?"; };
    cron.any_hour_ = fields[2].starts_with('*') || any(fields[2]);
    cron.any_day_ = any(fields[3]);
    cron.any_weekday_ = any(fields[5]);
    for (const Status& read :
         {read_field(kSecond, fields[0], cron.seconds_),
          read_field(kMinute, fields[1], cron.minutes_), read_field(kHour, fields[2], cron.hours_),
          Parser::days(cron, fields[3]), read_field(kMonth, fields[4], cron.months_),
          Parser::weekdays(cron, fields[5])}) {
        if (!read.ok()) {
            return read.error();
        }
    }
    return cron;
}

bool Cron::fits_day(const Civil& civil) const {
    if (!months_.test(static_cast<std::size_t>(civil.month))) {
        return false;
    }
    const int last = days_in_month(civil.year, civil.month);
    const auto weekday = static_cast<std::size_t>(civil.weekday);
    const auto nth = static_cast<std::size_t>((civil.day - 1) / 7 + 1);
    const bool day =
        days_.test(static_cast<std::size_t>(civil.day)) || (last_day_ && civil.day == last);
    const bool week = weekdays_.test(weekday) || nth_weekdays_[nth].test(weekday) ||
                      (last_weekdays_.test(weekday) && civil.day + 7 > last);
    if (any_day_ || any_weekday_) {
        return (any_day_ || day) && (any_weekday_ || week);
    }
    return day || week;
}

std::optional<std::int64_t> Cron::fit_local(std::int64_t local_s) const {
    const std::int64_t end = local_s + kSearchS;
    while (local_s < end) {
        const Civil civil = Civil::of(local_s);
        const std::int64_t midnight = local_s - civil.second_of_day;
        if (!months_.test(static_cast<std::size_t>(civil.month))) {
            const int left = days_in_month(civil.year, civil.month) - civil.day + 1;
            local_s = midnight + left * kSPerDay;
            continue;
        }
        if (fits_day(civil)) {
            for (int s = civil.second_of_day; s < kSPerDay;) {
                const auto hour = static_cast<std::size_t>(s / 3600);
                const auto minute = static_cast<std::size_t>(s / 60 % 60);
                if (!hours_.test(hour)) {
                    s = static_cast<int>(hour + 1) * 3600;
                } else if (!minutes_.test(minute)) {
                    s = (s / 60 + 1) * 60;
                } else if (!seconds_.test(static_cast<std::size_t>(s % 60))) {
                    ++s;
                } else {
                    return midnight + s;
                }
            }
        }
        local_s = midnight + kSPerDay;
    }
    return std::nullopt;
}

// By the clock on the wall: what it leaves out fires when it has been put forward, what it shows
// twice fires the first time.
std::optional<std::int64_t> Cron::next_by_clock(std::int64_t after_s, const ZoneRules& zone) const {
    // Local times that may lie before `after_s`, because the clock is put back after them, as well.
    std::int64_t local = after_s + zone.span_at(after_s).offset_s - kSPerDay;
    while (true) {
        const auto wanted = fit_local(local);
        if (!wanted) {
            return std::nullopt;
        }
        // Offsets are less than a day: the span before cannot begin later than this.
        ZoneSpan span = zone.span_at(*wanted - 2 * kSPerDay);
        std::int64_t at = span.begin_s;
        for (int i = 0; i < kSpansMax; ++i) {
            at = std::max(*wanted - span.offset_s, span.begin_s);
            if (at < span.end_s) {
                break;
            }
            span = zone.span_at(span.end_s);
        }
        if (at > after_s) {
            return at;
        }
        local = *wanted + 1;
    }
}

// By real time: every stretch between two changes of the clock on its own.
std::optional<std::int64_t> Cron::next_by_time(std::int64_t after_s, const ZoneRules& zone) const {
    std::int64_t from = after_s + 1;
    for (int i = 0; i < kSpansMax; ++i) {
        const ZoneSpan span = zone.span_at(from);
        const auto wanted = fit_local(from + span.offset_s);
        if (!wanted) {
            return std::nullopt;
        }
        if (*wanted - span.offset_s < span.end_s) {
            return *wanted - span.offset_s;
        }
        from = span.end_s;
    }
    return std::nullopt;
}

std::optional<std::int64_t> Cron::next(std::int64_t after_ms, const ZoneRules& zone) const {
    const std::int64_t after_s = floor_div(after_ms, 1000);
    const auto at = any_hour_ ? next_by_time(after_s, zone) : next_by_clock(after_s, zone);
    return at ? std::optional(*at * 1000) : std::nullopt;
}

}  // namespace sallyport::engine
