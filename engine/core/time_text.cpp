#include "engine/core/time_text.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kYear0Ms = -62167219200000;     // 0000-01-01T00:00:00.000Z
constexpr std::int64_t kYear9999Ms = 253402300799999;  // 9999-12-31T23:59:59.999Z

// Reads exactly `digits` digits from the front of `text`.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
    if (text.size() < digits) {
        return std::nullopt;
    }
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        if (text[i] < '0' || text[i] > '9') {
            return std::nullopt;
        }
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(digits);
    return value;
}

bool take_char(std::string_view& text, char c) {
    if (text.empty() || text.front() != c) {
        return false;
    }
    text.remove_prefix(1);
    return true;
}

std::int64_t take_fraction_ms(std::string_view& text) {
    std::int64_t ms = 0;
    std::int64_t unit = 100;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
        ms += (text.front() - '0') * unit;
        unit /= 10;
        text.remove_prefix(1);
    }
    return ms;
}

// `hh:mm[:ss[.fraction]]` in milliseconds.
std::optional<std::int64_t> take_clock_ms(std::string_view& text) {
    const auto hour = take_number(text, 2);
    if (!hour || *hour > 23 || !take_char(text, ':')) {
        return std::nullopt;
    }
    const auto minute = take_number(text, 2);
    if (!minute || *minute > 59) {
        return std::nullopt;
    }
    std::int64_t ms = (std::int64_t{*hour} * 60 + *minute) * 60'000;
    if (take_char(text, ':')) {
        const auto second = take_number(text, 2);
        if (!second || *second > 59) {
            return std::nullopt;
        }
        ms += std::int64_t{*second} * 1000;
        if (take_char(text, '.')) {
            ms += take_fraction_ms(text);
        }
    }
    return ms;
}

std::optional<std::int64_t> take_zone_ms(std::string_view& text) {
    if (text.empty() || take_char(text, 'Z')) {
        return 0;
    }
    const bool behind = text.front() == '-';
    if (!behind && text.front() != '+') {
        return std::nullopt;
    }
    text.remove_prefix(1);
    const auto hour = take_number(text, 2);
    take_char(text, ':');
    const auto minute = take_number(text, 2);
    if (!hour || !minute || *hour > 14 || *minute > 59) {
        return std::nullopt;
    }
    const std::int64_t ms = (std::int64_t{*hour} * 60 + *minute) * 60'000;
    return behind ? -ms : ms;
}

}  // namespace

std::string iso_time(std::int64_t unix_ms) {
    using namespace std::chrono;  // NOLINT: calendar arithmetic reads better unqualified
    const milliseconds at(std::clamp(unix_ms, kYear0Ms, kYear9999Ms));
    const auto day = floor<days>(at);
    const year_month_day date{sys_days{day}};
    const hh_mm_ss clock{at - day};
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                  static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                  static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()),
                  static_cast<int>(clock.subseconds().count()));
    return text.data();
}

std::optional<std::int64_t> parse_iso_time(std::string_view text) {
    using namespace std::chrono;  // NOLINT: calendar arithmetic reads better unqualified
    const auto y = take_number(text, 4);
    if (!y || !take_char(text, '-')) {
        return std::nullopt;
    }
    const auto m = take_number(text, 2);
    if (!m || !take_char(text, '-')) {
        return std::nullopt;
    }
    const auto d = take_number(text, 2);
    if (!d) {
        return std::nullopt;
    }
    const year_month_day date{year{*y}, month{static_cast<unsigned>(*m)},
                              day{static_cast<unsigned>(*d)}};
    if (!date.ok()) {
        return std::nullopt;
    }
    std::int64_t ms = milliseconds(sys_days{date}.time_since_epoch()).count();
    if (!text.empty()) {
        if (!take_char(text, 'T')) {
            return std::nullopt;
        }
        const auto clock_ms = take_clock_ms(text);
        const auto zone_ms = clock_ms ? take_zone_ms(text) : std::nullopt;
        if (!zone_ms || !text.empty()) {
            return std::nullopt;
        }
        ms += *clock_ms - *zone_ms;
    }
    return ms;
}

std::optional<std::int64_t> parse_http_time(std::string_view text) {
    constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
    constexpr std::size_t kBytes = 29;
    if (text.size() != kBytes || text.substr(3, 2) != ", " || !text.ends_with(" GMT")) {
        return std::nullopt;
    }
    const std::size_t month = kMonths.find(text.substr(8, 3));
    if (month == std::string_view::npos || month % 3 != 0) {
        return std::nullopt;
    }
    std::array<char, 3> number{};
    std::snprintf(number.data(), number.size(), "%02zu", month / 3 % 12 + 1);
    return parse_iso_time(std::string(text.substr(12, 4)) + "-" + number.data() + "-" +
                          std::string(text.substr(5, 2)) + "T" + std::string(text.substr(17, 8)) +
                          "Z");
}

}  // namespace sallyport::engine
