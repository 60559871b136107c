#include "common/number_text.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string_view>

namespace sallyport {
namespace {

// Number.prototype.toString's digits: value = 0.d1d2d3… * 10^exponent, no trailing zeros.
struct Decimal {
    std::string digits;
    int exponent = 0;
};

Decimal shortest_decimal(double value) {
    char buffer[64];
    const auto written =
        std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
    const std::string_view text(buffer, static_cast<std::size_t>(written.ptr - buffer));
    const std::size_t mark = text.find('e');
    Decimal decimal;
    for (const char c : text.substr(0, mark)) {
        if (c != '.') {
            decimal.digits.push_back(c);
        }
    }
    const bool negative = text[mark + 1] == '-';
    int exponent = 0;  // "e+05": from_chars knows no plus sign
    std::from_chars(text.data() + mark + 2, text.data() + text.size(), exponent);
    decimal.exponent = (negative ? -exponent : exponent) + 1;
    return decimal;
}

}  // namespace

std::string js_number_text(double value) {
    if (std::isnan(value)) {
        return "NaN";
    }
    if (value == 0) {
        return "0";
    }
    if (value < 0) {
        return "-" + js_number_text(-value);
    }
    if (std::isinf(value)) {
        return "Infinity";
    }
    auto [digits, n] = shortest_decimal(value);
    const int k = static_cast<int>(digits.size());
    const auto zeros = [](int count) { return std::string(static_cast<std::size_t>(count), '0'); };
    if (k <= n && n <= 21) {
        return digits + zeros(n - k);
    }
    if (0 < n && n <= 21) {
        return digits.insert(static_cast<std::size_t>(n), ".");
    }
    if (-6 < n && n <= 0) {
        return "0." + zeros(-n) + digits;
    }
    const std::string exponent = (n > 0 ? "e+" : "e-") + std::to_string(std::abs(n - 1));
    return (k == 1 ? digits : digits.insert(1, ".")) + exponent;
}

}  // namespace sallyport
