#include "module/policy/auth_file.hpp"

#include <chrono>

namespace sallyport::policy {
namespace {

constexpr std::size_t kNameBytesMax = 64;

std::optional<unsigned> number(std::string_view text, std::size_t at, std::size_t size) {
    const auto value = parse_u64(text.substr(at, size));
    return value ? std::optional<unsigned>(static_cast<unsigned>(*value)) : std::nullopt;
}

}  // namespace

std::string_view next_word(std::string_view& rest) {
    const std::size_t end = std::min(rest.find_first_of(" \t"), rest.size());
    const std::string_view word = rest.substr(0, end);
    rest = trim_ows(rest.substr(end));
    return word;
}

bool is_auth_name(std::string_view text) {
    return !text.empty() && text.size() <= kNameBytesMax &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      std::string_view("._@+-").find(c) != std::string_view::npos;
           });
}

std::optional<std::int64_t> parse_auth_date(std::string_view text) {
    const bool has_time = text.size() == 20;
    if ((text.size() != 10 && !has_time) || text[4] != '-' || text[7] != '-') {
        return std::nullopt;
    }
    const auto year = number(text, 0, 4);
    const auto month = number(text, 5, 2);
    const auto day = number(text, 8, 2);
    if (!year || !month || !day) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)),
                                           std::chrono::month(*month), std::chrono::day(*day));
    if (!date.ok()) {
        return std::nullopt;
    }
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    std::int64_t seconds = 0;
    if (has_time) {
        const auto hour = number(text, 11, 2);
        const auto minute = number(text, 14, 2);
        const auto second = number(text, 17, 2);
        if (text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[19] != 'Z' || !hour ||
            !minute || !second || *hour > 23 || *minute > 59 || *second > 59) {
            return std::nullopt;
        }
        seconds = *hour * 3600 + *minute * 60 + *second;
    }
    return days * 86'400 + seconds;
}

}  // namespace sallyport::policy
