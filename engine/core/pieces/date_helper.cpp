// The date helper piece: dates in the formats and zones the published piece offers, and any other
// format of the same letters.
#include "engine/core/date_text.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/table.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::string_view kDefaultFormat = "ddd MMM DD YYYY HH:mm:ss";
// More than any calendar needs, and far from overflow.
constexpr std::int64_t kAmountMax = 1'000'000'000;

using Zone = std::unique_ptr<ZoneRules>;

Result<Zone> zone_of(const Json& input, std::string_view name, const PieceWorld& world) {
    return world.zone(*input_text_or(input, name, "UTC"));
}

Result<std::int64_t> date_of(const Json& input, std::string_view name, std::string_view format) {
    const auto text = input_text(input, name);
    if (!text.ok()) {
        return text.error();
    }
    const std::string shape = *input_text_or(input, format, kDefaultFormat);
    const auto read = read_date(*text, shape);
    if (!read) {
        return Error{"Failed to parse the date: " + *text + " with format: " + shape};
    }
    return *read;
}

Json result(std::string text) {
    return Json::object({{"result", Json::string(text)}});
}

std::int64_t now_s(const PieceWorld& world) {
    return world.now_ms / 1000;
}

Result<Json> current_date(const Json& input, const PieceWorld& world) {
    const auto zone = zone_of(input, "timeZone", world);
    if (!zone.ok()) {
        return zone.error();
    }
    return result(write_date(to_local(now_s(world), **zone), now_s(world),
                             *input_text_or(input, "timeFormat", kDefaultFormat)));
}

Result<Json> format_date(const Json& input, const PieceWorld& world) {
    const auto local = date_of(input, "inputDate", "inputFormat");
    const auto from = zone_of(input, "inputTimeZone", world);
    const auto to = zone_of(input, "outputTimeZone", world);
    if (!local.ok() || !from.ok() || !to.ok()) {
        return !local.ok() ? local.error() : !from.ok() ? from.error() : to.error();
    }
    const std::int64_t utc = to_utc(*local, **from);
    return result(write_date(to_local(utc, **to), utc,
                             *input_text_or(input, "outputFormat", kDefaultFormat)));
}

Result<Json> date_parts(const Json& input, const PieceWorld&) {
    const auto local = date_of(input, "inputDate", "inputFormat");
    const auto units = input_list(input, "unitExtract");
    if (!local.ok() || !units.ok()) {
        return local.ok() ? units.error() : local.error();
    }
    const CivilTime civil = civil_of(*local);
    const Json all = Json::object({{"year", Json::integer(civil.year)},
                                   {"month", Json::integer(civil.month)},
                                   {"day", Json::integer(civil.day)},
                                   {"hour", Json::integer(civil.hour)},
                                   {"minute", Json::integer(civil.minute)},
                                   {"second", Json::integer(civil.second)},
                                   {"dayOfWeek", Json::string(weekday_name(weekday_of(*local)))},
                                   {"monthName", Json::string(month_name(civil.month))}});
    Json parts = Json::object();
    std::optional<Error> wrong;
    units->each_element([&](const Json& unit) {
        if (!all.has(unit.text())) {
            wrong = Error{"Invalid unit to extract :\n" + unit.dump()};
        } else {
            parts.set(unit.text(), all[unit.text()]);
        }
    });
    return wrong ? Result<Json>(*wrong) : parts;
}

// What is left of the difference in each unit when the larger ones are taken out; a year has 365
// days and a month a twelfth of them.
Result<Json> date_difference(const Json& input, const PieceWorld&) {
    const auto start = date_of(input, "startDate", "startDateFormat");
    const auto end = date_of(input, "endDate", "endDateFormat");
    const auto units = input_list(input, "unitDifference");
    if (!start.ok() || !end.ok() || !units.ok()) {
        return !start.ok() ? start.error() : !end.ok() ? end.error() : units.error();
    }
    constexpr std::array<std::pair<std::string_view, std::int64_t>, 6> kUnits = {
        {{"year", 31'536'000},
         {"month", 2'628'000},
         {"day", 86'400},
         {"hour", 3600},
         {"minute", 60},
         {"second", 1}}};
    Json all = Json::object();
    std::int64_t left = *end - *start;
    for (const auto& [name, seconds] : kUnits) {
        all.set(name, Json::integer(left / seconds));
        left %= seconds;
    }
    Json parts = Json::object();
    std::optional<Error> wrong;
    units->each_element([&](const Json& unit) {
        if (!all.has(unit.text())) {
            wrong = Error{"Invalid unit :\n" + unit.dump()};
        } else {
            parts.set(unit.text(), all[unit.text()]);
        }
    });
    return wrong ? Result<Json>(*wrong) : parts;
}

// ---- adding

struct Amount {
    std::int64_t number = 0;
    std::string unit;
};

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// `+ 1 day - 2 hours 5 minutes`
Result<std::vector<Amount>> amounts_of(std::string_view text) {
    std::vector<Amount> amounts;
    std::int64_t sign = 1;
    std::size_t at = 0;
    while (at < text.size()) {
        const char c = text[at];
        if (c == '+' || c == '-') {
            sign = c == '+' ? 1 : -1;
            ++at;
        } else if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
            ++at;
        } else {
            const std::size_t digits = text.find_first_not_of("0123456789", at);
            const auto number = parse_u64(text.substr(at, digits - at));
            std::size_t begin = digits == std::string_view::npos ? text.size() : digits;
            begin = std::min(text.find_first_not_of(" \n\r\t", begin), text.size());
            std::size_t end = begin;
            while (end < text.size() && is_letter(text[end])) {
                ++end;
            }
            std::string unit = ascii_lower(text.substr(begin, end - begin));
            if (unit.ends_with('s')) {
                unit.pop_back();
            }
            constexpr std::array<std::string_view, 6> kKnown = {"year", "month",  "day",
                                                                "hour", "minute", "second"};
            const bool known = std::find(kKnown.begin(), kKnown.end(), unit) != kKnown.end();
            if (!number || *number > static_cast<std::uint64_t>(kAmountMax) || !known) {
                return input_error("expression",
                                   "Expected amounts of year, month, day, hour, minute or second "
                                   "such as '+ 1 day - 2 hour', received: " +
                                       std::string(text));
            }
            amounts.push_back({sign * static_cast<std::int64_t>(*number), std::move(unit)});
            at = end;
        }
    }
    return amounts;
}

// Months and years keep the day, or the month's last when it has none of that number.
std::optional<std::int64_t> add_months(std::int64_t local, std::int64_t months) {
    CivilTime civil = civil_of(local);
    const std::int64_t all = civil.year * 12 + civil.month - 1 + months;
    if (all < kYearMin * 12 || all > kYearMax * 12 + 11) {
        return std::nullopt;
    }
    civil.year = all / 12;
    civil.month = static_cast<int>(all % 12) + 1;
    civil.day = std::min(civil.day, days_in_month(civil.year, civil.month));
    return local_of(civil);
}

// Years, months and days go by the clock on the wall, the rest by real time.
std::optional<std::int64_t> add_amount(std::int64_t utc, const Amount& amount,
                                       const ZoneRules& zone) {
    const std::int64_t local = to_local(utc, zone);
    std::optional<std::int64_t> moved;
    if (amount.unit == "year" || amount.unit == "month") {
        moved = add_months(local, amount.number * (amount.unit == "year" ? 12 : 1));
    } else if (amount.unit == "day") {
        moved = local + amount.number * 86'400;
    } else {
        const std::int64_t seconds = amount.unit == "hour"     ? 3600
                                     : amount.unit == "minute" ? 60
                                                               : 1;
        return utc + amount.number * seconds;
    }
    return moved ? std::optional(to_utc(*moved, zone)) : std::nullopt;
}

// `HH:mm` as seconds of the day.
Result<std::int64_t> clock_of(const std::string& text) {
    const auto hour = text.size() == 5 ? parse_u64(text.substr(0, 2)) : std::nullopt;
    const auto minute = text.size() == 5 ? parse_u64(text.substr(3)) : std::nullopt;
    if (!hour || !minute || text[2] != ':' || *hour > 23 || *minute > 59) {
        return Error{"The time must be HH:mm, received: " + text};
    }
    return static_cast<std::int64_t>(*hour * 3600 + *minute * 60);
}

bool is_far(std::int64_t utc) {
    return utc < -62'135'596'800 || utc > 253'402'214'400;  // years 1 to 9999
}

std::int64_t day_begin(std::int64_t local) {
    return local - ((local % 86'400) + 86'400) % 86'400;
}

// The time of day the input asks for: its own, the current one, or `fallback`.
Result<std::int64_t> wanted_clock(const Json& input, std::string_view time_name,
                                  std::string_view current_name, std::int64_t local_now,
                                  std::int64_t fallback) {
    if (input_flag(input, current_name)) {
        return (local_now - day_begin(local_now)) / 60 * 60;
    }
    const std::string time = *input_text_or(input, time_name, "");
    return time.empty() ? fallback : clock_of(time);
}

Result<Json> add_subtract(const Json& input, const PieceWorld& world) {
    const auto date = date_of(input, "inputDate", "inputDateFormat");
    const auto expression = input_text(input, "expression");
    const auto zone = zone_of(input, "timeZone", world);
    if (!date.ok() || !expression.ok() || !zone.ok()) {
        return !date.ok() ? date.error() : !expression.ok() ? expression.error() : zone.error();
    }
    const auto amounts = amounts_of(*expression);
    if (!amounts.ok()) {
        return amounts.error();
    }
    std::int64_t utc = *date;
    for (const Amount& amount : *amounts) {
        const auto moved = add_amount(utc, amount, **zone);
        if (!moved || is_far(*moved)) {
            return Error{"The date would be outside the years 1 to 9999"};
        }
        utc = *moved;
    }
    if (!input_text_or(input, "timeZone", "")->empty()) {
        const std::int64_t local = to_local(utc, **zone);
        const auto clock = wanted_clock(input, "setTime", "useCurrentTime",
                                        to_local(now_s(world), **zone), local - day_begin(local));
        if (!clock.ok()) {
            return clock.error();
        }
        utc = to_utc(day_begin(local) + *clock, **zone);
    }
    return result(write_date(to_local(utc, **zone), utc,
                             *input_text_or(input, "outputFormat", kDefaultFormat)));
}

// ---- the next of a kind

Result<Json> next_weekday(const Json& input, const PieceWorld& world) {
    const auto zone = zone_of(input, "timeZone", world);
    const auto weekday = input_whole(input, "weekday", 0, 6);
    if (!zone.ok() || !weekday.ok()) {
        return zone.ok() ? weekday.error() : zone.error();
    }
    const std::int64_t now = to_local(now_s(world), **zone);
    const auto clock = wanted_clock(input, "time", "currentTime", now, 0);
    if (!clock.ok()) {
        return clock.error();
    }
    std::int64_t days = *weekday - weekday_of(now);
    if (days < 0 || (days == 0 && day_begin(now) + *clock < now)) {
        days += 7;
    }
    const std::int64_t utc = to_utc(day_begin(now) + days * 86'400 + *clock, **zone);
    return result(write_date(to_local(utc, **zone), utc,
                             *input_text_or(input, "timeFormat", kDefaultFormat)));
}

Result<Json> next_day_of_year(const Json& input, const PieceWorld& world) {
    const auto zone = zone_of(input, "timeZone", world);
    const auto month = input_whole(input, "month", 1, 12);
    const auto day = input_whole(input, "day", 1, 31);
    if (!zone.ok() || !month.ok() || !day.ok()) {
        return !zone.ok() ? zone.error() : !month.ok() ? month.error() : day.error();
    }
    const std::int64_t now = to_local(now_s(world), **zone);
    const auto clock = wanted_clock(input, "time", "currentTime", now, 0);
    if (!clock.ok()) {
        return clock.error();
    }
    CivilTime civil{civil_of(now).year, static_cast<int>(*month), static_cast<int>(*day)};
    // February 29 comes within eight years.
    for (int tries = 0; tries <= 8; ++tries, ++civil.year) {
        const bool exists = civil.day <= days_in_month(civil.year, civil.month);
        if (exists && local_of(civil) + *clock >= now) {
            const std::int64_t utc = to_utc(local_of(civil) + *clock, **zone);
            return result(write_date(to_local(utc, **zone), utc,
                                     *input_text_or(input, "timeFormat", kDefaultFormat)));
        }
    }
    return input_error("day", "Expected a day of the month, received: " + std::to_string(*day));
}

// The first or last day of the month before this one.
Result<Json> day_of_last_month(const Json& input, const PieceWorld& world, bool last) {
    const auto zone = zone_of(input, "timeZone", world);
    if (!zone.ok()) {
        return zone.error();
    }
    const std::int64_t now = to_local(now_s(world), **zone);
    const auto clock = wanted_clock(input, "time", "currentTime", now, 0);
    if (!clock.ok()) {
        return clock.error();
    }
    const CivilTime today = civil_of(now);
    CivilTime day{today.year, today.month - 1, 1};
    if (day.month == 0) {
        day.year -= 1;
        day.month = 12;
    }
    day.day = last ? days_in_month(day.year, day.month) : 1;
    const std::int64_t utc = to_utc(local_of(day) + *clock, **zone);
    return result(write_date(to_local(utc, **zone), utc,
                             *input_text_or(input, "timeFormat", kDefaultFormat)));
}

Result<Json> first_of_last_month(const Json& input, const PieceWorld& world) {
    return day_of_last_month(input, world, false);
}

Result<Json> last_of_last_month(const Json& input, const PieceWorld& world) {
    return day_of_last_month(input, world, true);
}

}  // namespace

const NativePiece kDateHelperNative = {R"json({
 "name":"@activepieces/piece-date-helper","version":"0.2.0","displayName":"Date Helper",
 "description":"Calculate with dates and write them in other ways","categories":["CORE"],
 "actions":{
  "get_current_date":{"displayName":"Get Current Date","description":"The time it is","props":{"timeFormat":["STATIC_DROPDOWN","To Time Format",true,{"defaultValue":"DDD MMM DD YYYY HH:mm:ss","options":"DATE_FORMATS"}],"timeZone":["STATIC_DROPDOWN","Time Zone",true,{"defaultValue":"UTC","options":"TIME_ZONES"}]}},
  "format_date":{"displayName":"Format Date","description":"The same time in another format and zone","props":{"inputDate":["SHORT_TEXT","Input Date",true],"inputFormat":["STATIC_DROPDOWN","From Time Format",true,{"defaultValue":"DDD MMM DD YYYY HH:mm:ss","options":"DATE_FORMATS"}],"inputTimeZone":["STATIC_DROPDOWN","From Time Zone",true,{"defaultValue":"UTC","options":"TIME_ZONES"}],"outputFormat":["STATIC_DROPDOWN","To Time Format",true,{"defaultValue":"DDD MMM DD YYYY HH:mm:ss","options":"DATE_FORMATS"}],"outputTimeZone":["STATIC_DROPDOWN","To Time Zone",true,{"defaultValue":"UTC","options":"TIME_ZONES"}]}},
  "extract_date_parts":{"displayName":"Extract Date Units","description":"Year, month, day and so on","props":{"inputDate":["SHORT_TEXT","Input Date",true],"inputFormat":["STATIC_DROPDOWN","From Time Format",true,{"defaultValue":"DDD MMM DD YYYY HH:mm:ss","options":"DATE_FORMATS"}],"unitExtract":["STATIC_MULTI_SELECT_DROPDOWN","Unit to Extract",true,{"defaultValue":["year"],"options":[["Year","year"],["Month","month"],["Day","day"],["Hour","hour"],["Minute","minute"],["Second","second"],["Day of Week","dayOfWeek"],["Month name","monthName"]]}]}},
  "date_difference":{"displayName":"Date Difference","description":"How far two dates are apart","props":{"startDate":["SHORT_TEXT","Starting Date",true],"startDateFormat":["STATIC_DROPDOWN","Starting date format",true,{"defaultValue":"DDD MMM DD YYYY HH:mm:ss","options":"DATE_FORMATS"}],"endDate":["SHORT_TEXT","Ending Date",true],"endDateFormat":["STATIC_DROPDOWN","Ending date format",true,{"defaultValue":"DDD MMM DD YYYY HH:mm:ss","options":"DATE_FORMATS"}],"unitDifference":["STATIC_MULTI_SELECT_DROPDOWN","Unit",true,{"defaultValue":["day"],"options":[["Year","year"],["Month","month"],["Day","day"],["Hour","hour"],["Minute","minute"],["Second","second"]]}]}},
  "add_subtract_date":{"displayName":"Add/Subtract Time","description":"A date so much later or earlier","props":{"inputDate":["SHORT_TEXT","Input Date",true],"inputDateFormat":["STATIC_DROPDOWN","From Time Format",true,{"defaultValue":"DDD MMM DD YYYY HH:mm:ss","options":"DATE_FORMATS"}],"expression":["LONG_TEXT","Expression",true],"outputFormat":["STATIC_DROPDOWN","To Time Format",true,{"defaultValue":"DDD MMM DD YYYY HH:mm:ss","options":"DATE_FORMATS"}],"timeZone":["STATIC_DROPDOWN","Time Zone",false,{"options":"TIME_ZONES"}],"setTime":["SHORT_TEXT","Set Time To (HH:mm)",false],"useCurrentTime":["CHECKBOX","Use Current Time",false,{"defaultValue":false}]}},
  "next_day_of_week":{"displayName":"Next Day of Week","description":"The next such weekday","props":{"weekday":["STATIC_DROPDOWN","Weekday",true,{"defaultValue":1,"options":[["Sunday",0],["Monday",1],["Tuesday",2],["Wednesday",3],["Thursday",4],["Friday",5],["Saturday",6]]}],"time":["SHORT_TEXT","24h Time",false,{"defaultValue":"00:00"}],"currentTime":["CHECKBOX","Use Current Time",false,{"defaultValue":false}],"timeFormat":["STATIC_DROPDOWN","To Time Format",true,{"defaultValue":"DDD MMM DD YYYY HH:mm:ss","options":"DATE_FORMATS"}],"timeZone":["STATIC_DROPDOWN","Time Zone",true,{"defaultValue":"UTC","options":"TIME_ZONES"}]}},
  "next_day_of_year":{"displayName":"Next Day of Year","description":"The next such date","props":{"month":["STATIC_DROPDOWN","Month",true,{"options":[["January",1],["February",2],["March",3],["April",4],["May",5],["June",6],["July",7],["August",8],["September",9],["October",10],["November",11],["December",12]]}],"day":["NUMBER","Day of Month",true,{"defaultValue":1}],"time":["SHORT_TEXT","24h Time",false,{"defaultValue":"00:00"}],"currentTime":["CHECKBOX","Use Current Time",false,{"defaultValue":false}],"timeFormat":["STATIC_DROPDOWN","To Time Format",true,{"defaultValue":"DDD MMM DD YYYY HH:mm:ss","options":"DATE_FORMATS"}],"timeZone":["STATIC_DROPDOWN","Time Zone",true,{"defaultValue":"UTC","options":"TIME_ZONES"}]}},
  "first_day_of_previous_month":{"displayName":"First Day of Previous Month","description":"At a time of that day","props":{"time":["SHORT_TEXT","24h Time",false,{"defaultValue":"00:00"}],"currentTime":["CHECKBOX","Use Current Time",false,{"defaultValue":false}],"timeFormat":["STATIC_DROPDOWN","To Time Format",true,{"defaultValue":"DDD MMM DD YYYY HH:mm:ss","options":"DATE_FORMATS"}],"timeZone":["STATIC_DROPDOWN","Time Zone",true,{"defaultValue":"UTC","options":"TIME_ZONES"}]}},
  "last_day_of_previous_month":{"displayName":"Last Day of Previous Month","description":"At a time of that day","props":{"time":["SHORT_TEXT","24h Time",false,{"defaultValue":"00:00"}],"currentTime":["CHECKBOX","Use Current Time",false,{"defaultValue":false}],"timeFormat":["STATIC_DROPDOWN","To Time Format",true,{"defaultValue":"DDD MMM DD YYYY HH:mm:ss","options":"DATE_FORMATS"}],"timeZone":["STATIC_DROPDOWN","Time Zone",true,{"defaultValue":"UTC","options":"TIME_ZONES"}]}}},
 "triggers":{}
})json",
                                       {{"get_current_date", current_date},
                                        {"format_date", format_date},
                                        {"extract_date_parts", date_parts},
                                        {"date_difference", date_difference},
                                        {"add_subtract_date", add_subtract},
                                        {"next_day_of_week", next_weekday},
                                        {"next_day_of_year", next_day_of_year},
                                        {"first_day_of_previous_month", first_of_last_month},
                                        {"last_day_of_previous_month", last_of_last_month}}};

}  // namespace sallyport::engine
