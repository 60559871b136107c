// The number half of js_text.hpp.
#include "common/bytes.hpp"
#include "engine/core/expressions/js_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace sallyport::engine {
namespace {

constexpr double kJsNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kJsInfinity = std::numeric_limits<double>::infinity();

std::size_t digits_at(std::string_view text, std::size_t at) {
    std::size_t end = at;
    while (end < text.size() && is_digit(text[end])) {
        ++end;
    }
    return end - at;
}

// The length of the StrUnsignedDecimalLiteral that `text` begins with, without Infinity; 0: none.
std::size_t decimal_length(std::string_view text) {
    const std::size_t whole = digits_at(text, 0);
    std::size_t length = whole;
    std::size_t fraction = 0;
    if (length < text.size() && text[length] == '.') {
        fraction = digits_at(text, length + 1);
        length += 1 + fraction;
    }
    if (whole + fraction == 0) {
        return 0;
    }
    if (length < text.size() && (text[length] == 'e' || text[length] == 'E')) {
        std::size_t at = length + 1;
        at += at < text.size() && (text[at] == '+' || text[at] == '-') ? 1 : 0;
        const std::size_t exponent = digits_at(text, at);
        length = exponent > 0 ? at + exponent : length;
    }
    return length;
}

// REQUIRES: `text` is exactly a decimal literal as above.
double decimal_value(std::string_view text) {
    const std::string padded =
        "0" + std::string(text);  // from_chars wants a digit before the point
    double value = 0;
    const auto read = std::from_chars(padded.data(), padded.data() + padded.size(), value);
    if (read.ec == std::errc::result_out_of_range) {
        return std::strtod(padded.c_str(), nullptr);  // infinity or (almost) zero
    }
    return value;
}

// 16, 8 or 2 for a text that begins with 0x, 0o or 0b; otherwise 0.
int literal_base(std::string_view text) {
    if (text.size() < 2 || text[0] != '0') {
        return 0;
    }
    const char kind = text[1];
    return kind == 'x' || kind == 'X'   ? 16
           : kind == 'o' || kind == 'O' ? 8
           : kind == 'b' || kind == 'B' ? 2
                                        : 0;
}

double based_value(std::string_view digits, int base) {
    double value = digits.empty() ? kJsNaN : 0;
    for (const char c : digits) {
        const int digit = hex_digit(c);
        value = digit >= 0 && digit < base ? value * base + digit : kJsNaN;
    }
    return value;
}

}  // namespace

// The exact decimal expansion, rounded half up (ECMA-262: "if there are two such n, pick the
// larger"), which printf's half-to-even is not.
std::string js_number_fixed(double value, int digits) {
    if (!std::isfinite(value) || std::fabs(value) >= 1e21) {
        return js_number_text(value);
    }
    if (value < 0) {
        return "-" + js_number_fixed(-value, digits);
    }
    char buffer[1200];  // a double has at most 1074 digits after the point, 309 before
    const auto written =
        std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::fixed, 1080);
    std::string text(buffer, written.ptr);
    const std::size_t point = text.find('.');
    const std::size_t cut = point + 1 + static_cast<std::size_t>(digits);
    const bool up = text[cut] >= '5';
    text.resize(digits == 0 ? point : cut);
    for (std::size_t i = text.size(); up && i-- > 0;) {
        if (text[i] == '.') {
            continue;
        }
        if (text[i] != '9') {
            ++text[i];
            return text;
        }
        text[i] = '0';
        if (i == 0) {
            text.insert(0, "1");
        }
    }
    return text;
}

double js_text_to_number(std::string_view text) {
    text = js_trim_start(js_trim_end(text));
    if (text.empty()) {
        return 0;
    }
    if (const int base = literal_base(text); base != 0) {
        return based_value(text.substr(2), base);
    }
    const bool sign = text[0] == '-' || text[0] == '+';
    const std::string_view rest = text.substr(sign ? 1 : 0);
    const double factor = text[0] == '-' ? -1 : 1;
    if (rest == "Infinity") {
        return factor * kJsInfinity;
    }
    const std::size_t length = decimal_length(rest);
    return length > 0 && length == rest.size() ? factor * decimal_value(rest) : kJsNaN;
}

double js_parse_float(std::string_view text) {
    text = js_trim_start(text);
    const bool sign = !text.empty() && (text[0] == '-' || text[0] == '+');
    const std::string_view rest = text.substr(sign ? 1 : 0);
    const double factor = sign && text[0] == '-' ? -1 : 1;
    if (rest.starts_with("Infinity")) {
        return factor * kJsInfinity;
    }
    const std::size_t length = decimal_length(rest);
    return length > 0 ? factor * decimal_value(rest.substr(0, length)) : kJsNaN;
}

}  // namespace sallyport::engine
