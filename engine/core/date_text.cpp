#include "engine/core/date_text.hpp"

#include "common/bytes.hpp"
#include "common/units.hpp"
#include "engine/core/expressions/js_text.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace sallyport::engine {
namespace {

constexpr std::array<std::string_view, 7> kWeekdays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};
constexpr std::size_t kShortName = 3;

// Longest first: the first that fits is meant.
constexpr std::array<std::string_view, 24> kTokens = {
    "YYYY", "MMMM", "dddd", "DDDD", "MMM", "ddd", "DDD", "SSS", "YY", "MM", "DD", "HH",
    "hh",   "mm",   "ss",   "M",    "D",   "H",   "h",   "m",   "s",  "A",  "a",  "X"};

// The token the format begins with; empty for a character that stands for itself.
std::string_view token_at(std::string_view format) {
    for (const std::string_view token : kTokens) {
        if (format.starts_with(token)) {
            return token;
        }
    }
    return {};
}

std::string padded(std::int64_t value, std::size_t digits) {
    std::string text = std::to_string(value);
    return text.size() >= digits ? text : std::string(digits - text.size(), '0') + text;
}

int half_day_hour(int hour) {
    return hour % 12 == 0 ? 12 : hour % 12;
}

// ---- reading

struct Reading {
    CivilTime civil;
    std::optional<std::int64_t> unix_s;
    std::optional<bool> afternoon;
};

std::optional<int> take_digits(std::string_view& text, std::size_t most) {
    std::size_t count = 0;
    int value = 0;
    while (count < most && count < text.size() && text[count] >= '0' && text[count] <= '9') {
        value = value * 10 + (text[count] - '0');
        ++count;
    }
    text.remove_prefix(count);
    return count == 0 ? std::nullopt : std::optional(value);
}

// The index of the name the text begins with, whole or its first three letters.
template <std::size_t N>
std::optional<int> take_name(std::string_view& text, const std::array<std::string_view, N>& names) {
    for (std::size_t i = 0; i < N; ++i) {
        for (const std::size_t size : {names[i].size(), kShortName}) {
            if (text.size() >= size &&
                ascii_iequals(text.substr(0, size), names[i].substr(0, size))) {
                text.remove_prefix(size);
                return static_cast<int>(i);
            }
        }
    }
    return std::nullopt;
}

bool take_number(std::string_view& text, std::size_t most, int& out) {
    const auto value = take_digits(text, most);
    out = value.value_or(out);
    return value.has_value();
}

bool take_unix(std::string_view& text, Reading& out) {
    const bool negative = text.starts_with('-');
    if (negative) {
        text.remove_prefix(1);
    }
    const std::size_t size = text.find_first_not_of("0123456789.");
    const std::string_view digits = text.substr(0, text.find('.'));
    const auto value = parse_u64(digits.substr(0, digits.find_first_not_of("0123456789")));
    if (!value || *value > 253'402'300'799U) {
        return false;
    }
    text.remove_prefix(std::min(size, text.size()));
    out.unix_s = negative ? -static_cast<std::int64_t>(*value) : static_cast<std::int64_t>(*value);
    return true;
}

bool has_digits(std::string_view text, std::size_t count) {
    const std::string_view start = text.substr(0, count);
    return start.size() == count &&
           std::all_of(start.begin(), start.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool take_half_day(std::string_view& text, Reading& out) {
    const std::string half = ascii_lower(text.substr(0, 2));
    if (half != "am" && half != "pm") {
        return false;
    }
    out.afternoon = half == "pm";
    text.remove_prefix(2);
    return true;
}

bool take_token(std::string_view token, std::string_view& text, Reading& out) {
    CivilTime& civil = out.civil;
    int number = 0;
    switch (token.front()) {
        case 'Y':
            if (!has_digits(text, token.size()) || (token.size() == 2 && has_digits(text, 3)) ||
                !take_number(text, token.size(), number)) {
                return false;
            }
            civil.year = token.size() == 2 ? number + (number > 68 ? 1900 : 2000) : number;
            return true;
        case 'M': {
            if (token.size() <= 2) {
                return take_number(text, 2, civil.month);
            }
            const auto month = take_name(text, kMonths);
            civil.month = month.value_or(0) + 1;
            return month.has_value();
        }
        case 'd':
            return take_name(text, kWeekdays).has_value();
        case 'D':
            return token.size() > 2 ? take_name(text, kWeekdays).has_value()
                                    : take_number(text, 2, civil.day);
        case 'H':
        case 'h':
            return take_number(text, 2, civil.hour);
        case 'm':
            return take_number(text, 2, civil.minute);
        case 's':
            return take_number(text, 2, civil.second);
        case 'S':
            return take_number(text, 3, number);
        case 'A':
        case 'a':
            return take_half_day(text, out);
        default:
            return take_unix(text, out);
    }
}

bool is_weekday(std::string_view token) {
    return token.front() == 'd' || (token.front() == 'D' && token.size() > 2);
}

// `leniently` as dayjs does it: any character stands where the format has one of its own, any three
// for a short weekday, and what follows does not matter.
std::optional<Reading> read_by(std::string_view text, std::string_view format, bool leniently) {
    Reading out;
    while (!format.empty()) {
        const std::string_view token = token_at(format);
        if (!token.empty()) {
            const bool any = leniently && is_weekday(token);
            if (!take_token(token, text, out)) {
                if (!any || text.size() < token.size()) {
                    return std::nullopt;
                }
                text.remove_prefix(token.size());
            }
            format.remove_prefix(token.size());
            continue;
        }
        if (format.front() == '[' || format.front() == ']') {
            format.remove_prefix(1);
            continue;
        }
        if (text.empty() || (!leniently && text.front() != format.front())) {
            return std::nullopt;
        }
        text.remove_prefix(1);
        format.remove_prefix(1);
    }
    return text.empty() || (leniently && !out.unix_s) ? std::optional(out) : std::nullopt;
}

bool is_real(const CivilTime& civil) {
    return civil.year >= kYearMin && civil.year <= kYearMax && civil.month >= 1 &&
           civil.month <= 12 && civil.day >= 1 &&
           civil.day <= days_in_month(civil.year, civil.month) && civil.hour < 24 &&
           civil.minute < 60 && civil.second < 60;
}

// ---- writing

std::string write_token(std::string_view token, const CivilTime& civil, std::int64_t local_s,
                        std::int64_t utc_s) {
    const int weekday = weekday_of(local_s);
    const std::size_t digits = token.size();
    switch (token.front()) {
        case 'Y':
            return digits == 2 ? padded(civil.year % 100, 2) : padded(civil.year, 4);
        case 'M':
            if (digits <= 2) {
                return padded(civil.month, digits);
            }
            return std::string(
                month_name(civil.month).substr(0, digits == 4 ? std::string::npos : kShortName));
        case 'd':
        case 'D':
            if (digits <= 2) {
                return padded(civil.day, digits);
            }
            return std::string(weekday_name(weekday).substr(0, digits == 4 ? 9 : kShortName));
        case 'H':
            return padded(civil.hour, digits);
        case 'h':
            return padded(half_day_hour(civil.hour), digits);
        case 'm':
            return padded(civil.minute, digits);
        case 's':
            return padded(civil.second, digits);
        case 'S':
            return "000";
        case 'A':
            return civil.hour < 12 ? "AM" : "PM";
        case 'a':
            return civil.hour < 12 ? "am" : "pm";
        default:
            return std::to_string(utc_s);
    }
}

}  // namespace

CivilTime civil_of(std::int64_t local_s) {
    using namespace std::chrono;  // NOLINT: calendar arithmetic reads better unqualified
    const seconds at(local_s);
    const auto day = floor<days>(at);
    const year_month_day date{sys_days{day}};
    const hh_mm_ss clock{at - day};
    return {static_cast<int>(date.year()),
            static_cast<int>(static_cast<unsigned>(date.month())),
            static_cast<int>(static_cast<unsigned>(date.day())),
            static_cast<int>(clock.hours().count()),
            static_cast<int>(clock.minutes().count()),
            static_cast<int>(clock.seconds().count())};
}

std::int64_t local_of(const CivilTime& civil) {
    using namespace std::chrono;  // NOLINT
    const sys_days day{year{static_cast<int>(civil.year)} / static_cast<int>(civil.month) /
                       civil.day};
    return day.time_since_epoch().count() * kSPerDay + civil.hour * 3600 + civil.minute * 60 +
           civil.second;
}

int days_in_month(std::int64_t year, int month) {
    using namespace std::chrono;  // NOLINT
    const year_month_day_last last{std::chrono::year{static_cast<int>(year)} / month /
                                   std::chrono::last};
    return static_cast<int>(static_cast<unsigned>(last.day()));
}

int weekday_of(std::int64_t local_s) {
    using namespace std::chrono;  // NOLINT
    return static_cast<int>(weekday{sys_days{floor<days>(seconds(local_s))}}.c_encoding());
}

std::string_view weekday_name(int weekday) {
    return kWeekdays.at(static_cast<std::size_t>(weekday));
}

std::string_view month_name(int month) {
    return kMonths.at(static_cast<std::size_t>(month - 1));
}

namespace {

std::optional<std::int64_t> date_by(std::string_view text, std::string_view format,
                                    bool leniently) {
    auto reading = read_by(text, format, leniently);
    if (!reading || reading->unix_s) {
        return reading ? reading->unix_s : std::nullopt;
    }
    CivilTime& civil = reading->civil;
    if (reading->afternoon) {
        civil.hour = civil.hour % 12 + (*reading->afternoon ? 12 : 0);
    }
    return is_real(civil) ? std::optional(local_of(civil)) : std::nullopt;
}

}  // namespace

std::optional<std::int64_t> read_any_date(std::string_view text) {
    text = js_trim_end(js_trim_start(text));
    std::string iso(text);
    if (iso.size() > 10 && iso[10] == ' ') {
        iso[10] = 'T';
    }
    if (const auto ms = parse_iso_time(iso)) {
        return *ms >= 0 ? *ms / 1000 : (*ms - 999) / 1000;
    }
    constexpr std::array<std::string_view, 7> kDays = {"YYYY-M-D",      "YYYY/M/D",   "M/D/YYYY",
                                                       "M-D-YYYY",      "MMM D YYYY", "MMM D, YYYY",
                                                       "ddd MMM D YYYY"};
    for (const std::string_view day : kDays) {
        for (const std::string_view clock : {"", " HH:mm:ss", " HH:mm"}) {
            if (const auto read = date_by(text, std::string(day) + std::string(clock), false)) {
                return read;
            }
        }
    }
    for (const std::string_view format : {"M/D/YY", "M-D-YY", "ddd MMM D HH:mm:ss YYYY"}) {
        if (const auto read = date_by(text, format, false)) {
            return read;
        }
    }
    return std::nullopt;
}

std::optional<std::int64_t> read_date(std::string_view text, std::string_view format) {
    text = js_trim_end(js_trim_start(text));
    for (const bool leniently : {false, true}) {
        if (const auto read = date_by(text, format, leniently)) {
            return read;
        }
    }
    // What begins with a day must not be read as if it began with a month.
    const bool day_first = format.starts_with("DD") && !format.starts_with("DDD");
    const bool numbers = !text.empty() && text.find_first_of("/-") < 3;
    return day_first && numbers ? std::nullopt : read_any_date(text);
}

std::string write_date(std::int64_t local_s, std::int64_t utc_s, std::string_view format) {
    const CivilTime civil = civil_of(local_s);
    std::string out;
    while (!format.empty()) {
        if (format.front() == '[') {
            const std::size_t end = std::min(format.find(']'), format.size() - 1);
            out += format.substr(1, end - 1);
            format.remove_prefix(end + 1);
            continue;
        }
        const std::string_view token = token_at(format);
        if (token.empty()) {
            out += format.front();
            format.remove_prefix(1);
        } else {
            out += write_token(token, civil, local_s, utc_s);
            format.remove_prefix(token.size());
        }
    }
    return out;
}

std::int64_t to_local(std::int64_t utc_s, const ZoneRules& zone) {
    return utc_s + zone.span_at(utc_s).offset_s;
}

std::int64_t to_utc(std::int64_t local_s, const ZoneRules& zone) {
    // The offsets before and after any change of that day.
    const std::int64_t early = local_s - zone.span_at(local_s - kSPerDay).offset_s;
    const std::int64_t late = local_s - zone.span_at(local_s + kSPerDay).offset_s;
    return to_local(late, zone) == local_s ? late : early;
}

}  // namespace sallyport::engine
