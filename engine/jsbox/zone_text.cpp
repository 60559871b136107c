#include "engine/jsbox/zone_text.hpp"

#include "common/bytes.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

namespace sallyport::engine::jsbox::zones {
namespace {

namespace chrono = std::chrono;

// A zone line has 9 fields at most, a rule line 10.
constexpr std::size_t kFieldsMax = 10;
constexpr std::size_t kErasMax = 64;
constexpr std::size_t kRulesMax = 1024;
constexpr int kLinksMax = 4;
constexpr int kYearMax = 9999;

constexpr std::array<std::string_view, 12> kMonths = {
    "january", "february", "march",     "april",   "may",      "june",
    "july",    "august",   "september", "october", "november", "december"};
constexpr std::array<std::string_view, 7> kWeekdays = {"sunday",   "monday", "tuesday", "wednesday",
                                                       "thursday", "friday", "saturday"};

struct Fields {
    std::array<std::string_view, kFieldsMax> values;
    std::size_t count = 0;

    std::string_view operator[](std::size_t index) const {
        return index < count ? values[index] : std::string_view();
    }
};

Fields split(std::string_view line) {
    Fields out;
    while (!line.empty() && out.count < kFieldsMax) {
        const std::size_t end = std::min(line.find(' '), line.size());
        out.values[out.count++] = line.substr(0, end);
        line.remove_prefix(std::min(end + 1, line.size()));
    }
    return out;
}

// Takes the first line off.
std::string_view next_line(std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

std::optional<int> number_of(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && std::abs(value) <= kYearMax
               ? std::optional(value)
               : std::nullopt;
}

// Words may be cut short.
template <std::size_t N>
std::optional<unsigned> index_of(const std::array<std::string_view, N>& words,
                                 std::string_view word) {
    for (std::size_t i = 0; i < N && !word.empty(); ++i) {
        if (ascii_iequals(words[i].substr(0, word.size()), word)) {
            return static_cast<unsigned>(i);
        }
    }
    return std::nullopt;
}

struct TimeOfDay {
    std::int64_t seconds = 0;
    char suffix = '\0';
};

// `2`, `-1:30`, `23:59:59s`; a hyphen is zero.
std::optional<TimeOfDay> time_of(std::string_view text) {
    if (text == "-") {
        return TimeOfDay{};
    }
    const bool is_negative = text.starts_with('-');
    text.remove_prefix(is_negative ? 1 : 0);
    TimeOfDay out;
    for (std::int64_t unit = 3600; unit > 0; unit /= 60) {
        int value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || value < 0 || value > kYearMax) {
            return std::nullopt;
        }
        out.seconds += value * unit;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        if (!text.starts_with(':')) {
            break;
        }
        text.remove_prefix(1);
    }
    if (text.size() > 1) {
        return std::nullopt;
    }
    out.seconds = is_negative ? -out.seconds : out.seconds;
    out.suffix = text.empty() ? '\0' : text.front();
    return out;
}

std::optional<ClockKind> clock_of(char suffix) {
    switch (suffix) {
        case '\0':
        case 'w':
            return ClockKind::wall;
        case 's':
            return ClockKind::standard;
        case 'u':
        case 'g':
        case 'z':
            return ClockKind::universal;
        default:
            return std::nullopt;
    }
}

std::optional<std::int32_t> offset_of(std::string_view text) {
    const auto time = time_of(text);
    return time ? std::optional(static_cast<std::int32_t>(time->seconds)) : std::nullopt;
}

// `8`, `lastSu`, `Su>=8`, `Su<=25` of a month.
std::optional<DayRule> day_of(std::string_view month, std::string_view day) {
    DayRule out;
    const auto named_month = index_of(kMonths, month);
    if (!named_month) {
        return std::nullopt;
    }
    out.month = *named_month + 1;
    std::optional<unsigned> weekday = 0;
    std::string_view number = day;
    if (const std::size_t sign = day.find_first_of("<>"); sign != std::string_view::npos) {
        out.kind = day[sign] == '>' ? DayRule::Kind::weekday_from : DayRule::Kind::weekday_until;
        weekday = index_of(kWeekdays, day.substr(0, sign));
        number = day.substr(std::min(sign + 2, day.size()));
    } else if (day.starts_with("last")) {
        out.kind = DayRule::Kind::last_weekday;
        weekday = index_of(kWeekdays, day.substr(4));
        number = "1";
    }
    const auto date = number_of(number);
    if (!weekday || !date || *date < 1 || *date > 31) {
        return std::nullopt;
    }
    out.weekday = *weekday;
    out.day = static_cast<unsigned>(*date);
    return out;
}

// R name from to - month day time save letter
std::optional<Rule> rule_of(const Fields& fields) {
    Rule out;
    const auto from = number_of(fields[2]);
    const auto to = fields[3].starts_with('o')    ? from
                    : fields[3].starts_with("ma") ? std::optional(kForever)
                                                  : number_of(fields[3]);
    const auto day = day_of(fields[5], fields[6]);
    const auto time = time_of(fields[7]);
    const auto save = offset_of(fields[8]);
    const auto clock = time ? clock_of(time->suffix) : std::nullopt;
    if (!from || !to || !day || !clock || !save) {
        return std::nullopt;
    }
    return Rule{*from, *to, *day, time->seconds, *clock, *save};
}

bool add_rules(std::string_view text, std::string_view name, ZoneSource& zone) {
    std::vector<Rule> rules;
    while (!text.empty()) {
        const std::string_view line = next_line(text);
        if (!line.starts_with("R ") || !line.substr(2).starts_with(name) ||
            line.substr(2 + name.size(), 1) != " ") {
            continue;
        }
        const auto rule = rule_of(split(line));
        if (!rule || rules.size() == kRulesMax) {
            return false;
        }
        rules.push_back(*rule);
    }
    zone.rules.push_back(std::move(rules));
    return !zone.rules.back().empty();
}

// [year [month [day [time]]]]
bool read_until(const Fields& fields, Era& era) {
    const auto year = number_of(fields[3]);
    const auto day =
        day_of(fields.count > 4 ? fields[4] : "Jan", fields.count > 5 ? fields[5] : "1");
    const auto time = time_of(fields.count > 6 ? fields[6] : "0");
    const auto clock = time ? clock_of(time->suffix) : std::nullopt;
    if (!year || !day || !clock) {
        return false;
    }
    era.until_year = *year;
    era.until_s = moment_of(*day, *year, time->seconds);
    era.until_clock = *clock;
    return true;
}

// The lines of a zone after its name: standard time, rules, abbreviation, until.
std::optional<ZoneSource> read_zone(std::string_view text, std::string_view name,
                                    std::string_view first, std::string_view rest) {
    ZoneSource zone;
    zone.name = name;
    std::vector<std::string_view> sets;
    for (std::string_view line = first;; line = next_line(rest)) {
        const Fields fields = split(line);
        Era era;
        const auto standard = offset_of(fields[0]);
        if (!standard || fields.count < 3 || zone.eras.size() == kErasMax) {
            return std::nullopt;
        }
        era.standard_s = *standard;
        if (const auto save = offset_of(fields[1])) {
            era.save_s = *save;
        } else {
            const auto known = std::find(sets.begin(), sets.end(), fields[1]);
            era.rules = static_cast<int>(known - sets.begin());
            if (known == sets.end()) {
                sets.push_back(fields[1]);
                if (!add_rules(text, fields[1], zone)) {
                    return std::nullopt;
                }
            }
        }
        const bool is_last = fields.count == 3;
        if (!is_last && !read_until(fields, era)) {
            return std::nullopt;
        }
        zone.eras.push_back(era);
        if (is_last) {
            return zone;
        }
    }
}

}  // namespace

std::int64_t moment_of(const DayRule& day, int year, std::int64_t time_s) {
    const auto month = chrono::year(year) / chrono::month(day.month);
    const auto date = chrono::sys_days(month / chrono::day(day.day));
    const chrono::weekday weekday(day.weekday);
    chrono::sys_days at = date;
    switch (day.kind) {
        case DayRule::Kind::date:
            break;
        case DayRule::Kind::weekday_from:
            at += weekday - chrono::weekday(date);
            break;
        case DayRule::Kind::weekday_until:
            at -= chrono::weekday(date) - weekday;
            break;
        case DayRule::Kind::last_weekday:
            at = chrono::sys_days(month / weekday[chrono::last]);
            break;
    }
    return std::int64_t{at.time_since_epoch().count()} * 86'400 + time_s;
}

std::string_view written_name(std::string_view text, std::string_view name) {
    while (!text.empty()) {
        const std::string_view line = next_line(text);
        if (line.starts_with("Z ") || line.starts_with("L ")) {
            const std::string_view written = split(line)[line.front() == 'Z' ? 1 : 2];
            if (ascii_iequals(written, name)) {
                return written;
            }
        }
    }
    return {};
}

std::optional<ZoneSource> find_zone(std::string_view text, std::string_view name) {
    for (int links = 0; links <= kLinksMax; ++links) {
        std::string_view rest = text;
        std::string_view target;
        while (!rest.empty() && target.empty()) {
            const std::string_view line = next_line(rest);
            const bool is_zone = line.starts_with("Z ");
            if (!is_zone && !line.starts_with("L ")) {
                continue;
            }
            const Fields fields = split(line);
            if (is_zone && ascii_iequals(fields[1], name)) {
                return read_zone(text, fields[1],
                                 line.substr(std::min(line.size(), 3 + fields[1].size())), rest);
            }
            if (!is_zone && ascii_iequals(fields[2], name)) {
                target = fields[1];
            }
        }
        if (target.empty()) {
            return std::nullopt;
        }
        name = target;
    }
    return std::nullopt;
}

std::vector<ListedName> zone_names(std::string_view text) {
    std::vector<ListedName> out;
    while (!text.empty()) {
        const std::string_view line = next_line(text);
        if (line.starts_with("Z ") || line.starts_with("L ")) {
            const bool is_link = line.front() == 'L';
            out.push_back({split(line)[is_link ? 2 : 1], is_link});
        }
    }
    return out;
}

}  // namespace sallyport::engine::jsbox::zones
