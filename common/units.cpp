#include "common/units.hpp"

#include <string>

#include "common/bytes.hpp"

namespace sallyport {
namespace {

constexpr std::int64_t kDurationMsMax = std::int64_t{3653} * 24 * 3600 * 1000;

std::string_view digits_of(std::string_view text) {
    std::size_t end = 0;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') {
        ++end;
    }
    return text.substr(0, end);
}

std::int64_t unit_ms(std::string_view unit) {
    if (unit == "ms") return 1;
    if (unit.empty() || unit == "s") return 1000;
    if (unit == "m") return 60'000;
    if (unit == "h") return 3'600'000;
    if (unit == "d") return 86'400'000;
    if (unit == "w") return 604'800'000;
    return 0;
}

}  // namespace

Result<std::int64_t> parse_duration_ms(std::string_view text) {
    const std::string_view digits = digits_of(text);
    const auto count = parse_u64(digits);
    const std::int64_t unit = unit_ms(text.substr(digits.size()));
    if (!count || unit == 0) {
        return Error{"\"" + std::string(text) +
                     "\" is not a duration; write a whole number with ms, s, m, h, d or w"};
    }
    if (*count > static_cast<std::uint64_t>(kDurationMsMax / unit)) {
        return Error{"\"" + std::string(text) + "\" is longer than ten years"};
    }
    return static_cast<std::int64_t>(*count) * unit;
}

Result<std::uint64_t> parse_size_bytes(std::string_view text) {
    const std::string_view digits = digits_of(text);
    const std::string unit = ascii_lower(text.substr(digits.size()));
    const auto count = parse_u64(digits);
    const unsigned shift = unit.empty() ? 0 : unit == "k" ? 10 : unit == "m" ? 20 : 30;
    if (!count || (!unit.empty() && unit != "k" && unit != "m" && unit != "g")) {
        return Error{"\"" + std::string(text) +
                     "\" is not a size; write a whole number of bytes with an optional k, m or g"};
    }
    if (*count > (std::uint64_t{1} << 62) >> shift) {
        return Error{"\"" + std::string(text) + "\" is too large"};
    }
    return *count << shift;
}

Result<Rate> parse_rate(std::string_view text) {
    const std::string_view digits = digits_of(text);
    const auto count = parse_u64(digits);
    const std::string_view unit = text.substr(digits.size());
    Rate rate;
    if (count && *count > 0 && *count <= 1'000'000'000 && unit.size() == 3 &&
        unit.starts_with("r/")) {
        rate.count = *count;
        switch (unit[2]) {
            case 's':
                rate.period_ms = 1000;
                return rate;
            case 'm':
                rate.period_ms = 60'000;
                return rate;
            case 'h':
                rate.period_ms = 3'600'000;
                return rate;
            case 'd':
                rate.period_ms = 86'400'000;
                return rate;
            default:  // a character, not an enum of ours
                break;
        }
    }
    return Error{"\"" + std::string(text) +
                 "\" is not a rate; write a number from 1 to 1000000000 with r/s, r/m, r/h or r/d"};
}

}  // namespace sallyport
