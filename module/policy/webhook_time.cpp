#include "module/policy/webhook_time.hpp"

#include "common/bytes.hpp"

#include <array>
#include <chrono>

namespace sallyport::policy::webhook {
namespace {

// Enough for milliseconds until the year 33658; more digits could overflow when made milliseconds.
constexpr std::size_t kDigitsMax = 15;

// Takes fixed-width pieces off the front; any mismatch makes the whole text invalid.
class Cursor {
  public:
    explicit Cursor(std::string_view text) : rest_(text) {}

    int number(std::size_t digits) {
        const auto value = parse_u64(rest_.substr(0, digits));
        if (rest_.size() < digits || !value) {
            ok_ = false;
            return 0;
        }
        rest_.remove_prefix(digits);
        return static_cast<int>(*value);
    }
    void expect(std::string_view literal) {
        if (!rest_.starts_with(literal)) {
            ok_ = false;
            return;
        }
        rest_.remove_prefix(literal.size());
    }
    std::string_view take(std::size_t size) {
        const std::string_view taken = rest_.substr(0, size);
        rest_.remove_prefix(taken.size());
        return taken;
    }
    std::string_view take_digits() {
        std::size_t n = 0;
        while (n < rest_.size() && rest_[n] >= '0' && rest_[n] <= '9') {
            ++n;
        }
        return take(n);
    }
    bool starts_with(char c) const { return rest_.starts_with(c); }
    bool ok() const { return ok_; }
    bool ended() const { return ok_ && rest_.empty(); }

  private:
    std::string_view rest_;
    bool ok_ = true;
};

std::optional<std::int64_t> civil_ms(int year, int month, int day, int hour, int minute,
                                     int second) {
    const std::chrono::year_month_day date{std::chrono::year{year},
                                           std::chrono::month{static_cast<unsigned>(month)},
                                           std::chrono::day{static_cast<unsigned>(day)}};
    if (!date.ok() || hour > 23 || minute > 59 || second > 59) {
        return std::nullopt;
    }
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000;
}

std::optional<std::int64_t> parse_iso8601(std::string_view text) {
    Cursor in(text);
    const int year = in.number(4);
    in.expect("-");
    const int month = in.number(2);
    in.expect("-");
    const int day = in.number(2);
    in.expect("T");
    const int hour = in.number(2);
    in.expect(":");
    const int minute = in.number(2);
    in.expect(":");
    const int second = in.number(2);
    if (!in.ok()) {
        return std::nullopt;
    }
    std::int64_t fraction_ms = 0;
    if (in.starts_with('.')) {
        in.expect(".");
        const std::string_view digits = in.take_digits();
        if (digits.empty() || digits.size() > 9) {
            return std::nullopt;
        }
        for (std::size_t i = 0; i < 3; ++i) {
            fraction_ms = fraction_ms * 10 + (i < digits.size() ? digits[i] - '0' : 0);
        }
    }
    std::int64_t offset_minutes = 0;
    const std::string_view zone = in.take(1);
    if (zone == "+" || zone == "-") {
        const int zone_hour = in.number(2);
        in.expect(":");
        const int zone_minute = in.number(2);
        if (zone_hour > 23 || zone_minute > 59) {
            return std::nullopt;
        }
        offset_minutes = (zone == "-" ? -1 : 1) * (zone_hour * 60 + zone_minute);
    } else if (zone != "Z") {
        return std::nullopt;
    }
    const auto local = civil_ms(year, month, day, hour, minute, second);
    if (!in.ended() || !local) {
        return std::nullopt;
    }
    return *local + fraction_ms - offset_minutes * 60'000;
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
    constexpr std::array<std::string_view, 7> kDays = {"Mon", "Tue", "Wed", "Thu",
                                                       "Fri", "Sat", "Sun"};
    constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    Cursor in(text);
    const std::string_view day_name = in.take(3);
    in.expect(", ");
    const int day = in.number(2);
    in.expect(" ");
    const std::string_view month_name = in.take(3);
    in.expect(" ");
    const int year = in.number(4);
    in.expect(" ");
    const int hour = in.number(2);
    in.expect(":");
    const int minute = in.number(2);
    in.expect(":");
    const int second = in.number(2);
    in.expect(" GMT");
    int month = 0;
    for (std::size_t i = 0; i < kMonths.size(); ++i) {
        month = kMonths[i] == month_name ? static_cast<int>(i) + 1 : month;
    }
    bool known_day = false;
    for (const std::string_view name : kDays) {
        known_day = known_day || name == day_name;
    }
    if (!in.ended() || month == 0 || !known_day) {
        return std::nullopt;
    }
    return civil_ms(year, month, day, hour, minute, second);
}

}  // namespace

std::optional<std::int64_t> parse_timestamp(std::string_view text, TimeFormat format) {
    switch (format) {
        case TimeFormat::unix_s:
        case TimeFormat::unix_ms: {
            const auto value = parse_u64(text);
            const bool leading_zero = text.size() > 1 && text.front() == '0';
            if (!value || text.size() > kDigitsMax || leading_zero) {
                return std::nullopt;
            }
            return static_cast<std::int64_t>(*value) * (format == TimeFormat::unix_s ? 1000 : 1);
        }
        case TimeFormat::iso8601:
            return parse_iso8601(text);
        case TimeFormat::http_date:
            return parse_http_date(text);
    }
    return std::nullopt;
}

}  // namespace sallyport::policy::webhook
