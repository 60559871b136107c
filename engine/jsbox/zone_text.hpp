// The zones of tzdata as its one text file has them (/usr/share/zoneinfo/tzdata.zi; zic(8)
// describes the language): read where it lies, line by line, when a zone is asked for. Pure.
//
// The text is the system's, but whatever it holds: nothing outside it is read, and what cannot be
// understood is no zone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine::jsbox::zones {

// The longest name there is has 32 characters.
inline constexpr std::size_t kNameBytesMax = 64;

// Which clock shows a time of day: the one on the wall, that without summer time, or UTC's.
enum class ClockKind : std::uint8_t { wall, standard, universal };

// A day of a month: a date, or a weekday on or after it, on or before it, or the month's last.
struct DayRule {
    enum class Kind : std::uint8_t { date, weekday_from, weekday_until, last_weekday };
    unsigned month = 1;  // 1 to 12
    Kind kind = Kind::date;
    unsigned day = 1;
    unsigned weekday = 0;  // 0: Sunday
};

// Seconds from the epoch to `time_s` after the begin of that day, by the clock the rule is written
// in.
std::int64_t moment_of(const DayRule& day, int year, std::int64_t time_s);

// "In these years the clocks are put `save_s` ahead of standard time from then on."
struct Rule {
    int from_year = 0;
    int to_year = 0;  // kForever: no end
    DayRule day;
    std::int64_t time_s = 0;
    ClockKind clock = ClockKind::wall;
    std::int32_t save_s = 0;
};
inline constexpr int kForever = 1 << 20;

// A stretch of a zone's history with one standard time.
struct Era {
    std::int32_t standard_s = 0;  // east of UTC
    int rules = -1;               // which of the zone's sets; -1: `save_s` all the time
    std::int32_t save_s = 0;
    // The end of all but the last era, by its own clocks.
    int until_year = 0;
    std::int64_t until_s = 0;
    ClockKind until_clock = ClockKind::wall;
};

struct ZoneSource {
    std::string name;  // as the text writes it, links followed
    std::vector<Era> eras;
    std::vector<std::vector<Rule>> rules;
};

// By any name, however capitalised.
std::optional<ZoneSource> find_zone(std::string_view text, std::string_view name);
// As the text writes a zone's or link's name; empty when it has none such.
std::string_view written_name(std::string_view text, std::string_view name);
struct ListedName {
    std::string_view name;
    bool is_link = false;
};
std::vector<ListedName> zone_names(std::string_view text);

}  // namespace sallyport::engine::jsbox::zones
