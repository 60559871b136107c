#include "common/bytes.hpp"
#include "common/json_integers.hpp"
#include "common/json_text.hpp"
#include "common/plain_bytes.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace sallyport::json_text {
namespace {

// So many digits always fit into 64 bits.
constexpr std::ptrdiff_t kSureDigits = 18;

bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

bool continues_number(char c) {
    return c == '.' || c == 'e' || c == 'E';
}

// The length of the UTF-8 sequence of two bytes or more at `at`, 0 when it is none (RFC 3629
// section 4).
std::size_t sequence_length(const char* at, const char* end) {
    const auto lead = static_cast<unsigned char>(*at);
    const std::size_t length = lead < 0xc2   ? 0
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf5 ? 4
                                             : 0;
    if (length == 0 || static_cast<std::size_t>(end - at) < length ||
        !std::all_of(at + 1, at + length, is_continuation)) {
        return 0;
    }
    const auto second = static_cast<unsigned char>(at[1]);
    const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
    const bool beyond = (lead == 0xed && second > 0x9f) || (lead == 0xf4 && second > 0x8f);
    return overlong || beyond ? 0 : length;
}

void append_utf8(std::string& out, std::uint32_t point) {
    const auto more = [&out, point](unsigned shift) {
        out.push_back(static_cast<char>(0x80 | ((point >> shift) & 0x3f)));
    };
    if (point < 0x80) {
        out.push_back(static_cast<char>(point));
    } else if (point < 0x800) {
        out.push_back(static_cast<char>(0xc0 | (point >> 6)));
        more(0);
    } else if (point < 0x10000) {
        out.push_back(static_cast<char>(0xe0 | (point >> 12)));
        more(6);
        more(0);
    } else {
        out.push_back(static_cast<char>(0xf0 | (point >> 18)));
        more(12);
        more(6);
        more(0);
    }
}

// Of a number that no double holds: nearer to nothing than to infinity. Where its first digit
// stands and the exponent decide together (1000…e-1 may be huge). It has a digit that is not 0.
bool is_tiny(std::string_view text) {
    constexpr std::int64_t kExponentMax = std::int64_t{1} << 40;
    const std::size_t end = std::min(text.find_first_of("eE"), text.size());
    const std::size_t point = std::min(text.find('.'), end);
    const std::size_t first = text.find_first_of("123456789");
    std::int64_t exponent = 0;
    if (end < text.size()) {
        const char* from = text.data() + end + (text[end + 1] == '+' ? 2 : 1);
        if (std::from_chars(from, text.data() + text.size(), exponent).ec != std::errc()) {
            exponent = *from == '-' ? -kExponentMax : kExponentMax;
        }
    }
    exponent = std::clamp(exponent, -kExponentMax, kExponentMax);
    return exponent + static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first) < 0;
}

// One text. Nesting is a list of open containers, not of calls.
class Reader {
  public:
    Reader(std::string_view text, Json::Duplicates duplicates, std::size_t depth_max)
        : text_(text),
          at_(text.data()),
          end_(text.data() + text.size()),
          duplicates_(duplicates),
          depth_max_(depth_max) {
        open_.reserve(16);
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader() { json_decref(root_); }

    Result<Json> read() {
        if (!whole_text()) {
            return error();
        }
        return Json::steal(std::exchange(root_, nullptr));
    }

  private:
    bool refuse(const char* why) {
        why_ = why;
        return false;
    }
    Error error() const {
        const std::string_view before(text_.data(), static_cast<std::size_t>(at_ - text_.data()));
        const auto line = std::count(before.begin(), before.end(), '\n') + 1;
        const std::size_t newline = before.rfind('\n');
        const std::size_t column =
            before.size() - (newline == std::string_view::npos ? 0 : newline + 1) + 1;
        return Error{"invalid JSON at line " + std::to_string(line) + ", column " +
                     std::to_string(column) + ": " + why_};
    }

    void skip_space() {
        while (at_ != end_ && is_space(*at_)) {
            ++at_;
        }
    }
    bool take(char wanted) {
        if (at_ == end_ || *at_ != wanted) {
            return false;
        }
        ++at_;
        return true;
    }

    bool whole_text() {
        skip_space();
        if (at_ == end_) {
            return refuse("there is no value");
        }
        do {
            if (!value() || !after_value()) {
                return false;
            }
        } while (!open_.empty());
        return at_ == end_ || refuse("something follows the value");
    }

    // Reads a value; of a container that holds something, up to its first value.
    bool value() {
        while (true) {
            if (at_ == end_) {
                return refuse("a value is missing");
            }
            if (*at_ != '{' && *at_ != '[') {
                return scalar();
            }
            const bool object = *at_++ == '{';
            if (!open(object ? json_object() : json_array())) {
                return false;
            }
            skip_space();
            if (at_ != end_ && *at_ == (object ? '}' : ']')) {
                return true;  // after_value closes it
            }
            if (object && !key()) {
                return false;
            }
        }
    }

    // Closes what ends here, up to where the next value begins.
    bool after_value() {
        skip_space();
        while (!open_.empty()) {
            const bool object = json_is_object(open_.back());
            if (take(object ? '}' : ']')) {
                open_.pop_back();
                skip_space();
            } else if (take(',')) {
                skip_space();
                return !object || key();
            } else {
                return refuse(object ? "a comma or } is missing" : "a comma or ] is missing");
            }
        }
        return true;
    }

    bool key() {
        std::string_view name;
        if (at_ == end_ || *at_ != '"') {
            return refuse("a member's name is missing");
        }
        if (!string(name)) {
            return false;
        }
        // Whoever walks over members sees keys as C strings.
        if (name.find('\0') != std::string_view::npos) {
            return refuse("a member's name holds \\u0000");
        }
        if (duplicates_ == Json::Duplicates::refuse &&
            json_object_getn(open_.back(), name.data(), name.size()) != nullptr) {
            return refuse("a member's name stands there twice");
        }
        key_.assign(name);
        skip_space();
        if (!take(':')) {
            return refuse("a colon is missing");
        }
        skip_space();
        return true;
    }

    bool scalar() {
        switch (*at_) {
            case '"': {
                std::string_view text;
                return string(text) && add(json_stringn_nocheck(text.data(), text.size()));
            }
            case 't':
                return word("true") && add(json_true());
            case 'f':
                return word("false") && add(json_false());
            case 'n':
                return word("null") && add(json_null());
            default:
                return number();
        }
    }

    bool word(std::string_view wanted) {
        for (const char c : wanted) {
            if (!take(c)) {
                return refuse("Invalid value.");
            }
        }
        return true;
    }

    bool digits() {
        const char* const first = at_;
        while (at_ != end_ && is_digit(*at_)) {
            ++at_;
        }
        return at_ != first;
    }

    bool number() {
        const char* const first = at_;
        const bool negative = take('-');
        const char* const whole = at_;
        std::uint64_t value = 0;  // wraps when it is not used
        for (; at_ != end_ && is_digit(*at_); ++at_) {
            value = 10 * value + static_cast<std::uint64_t>(*at_ - '0');
        }
        const std::ptrdiff_t size = at_ - whole;
        if (size == 0) {
            return refuse("Invalid value.");
        }
        if (*whole == '0' && size > 1) {
            at_ = whole + 1;
            return refuse("a number begins with 0");
        }
        if (size <= kSureDigits && (at_ == end_ || !continues_number(*at_))) {
            const auto integer = static_cast<json_int_t>(value);
            return add(integer_node(negative ? -integer : integer));
        }
        const bool fraction = take('.');
        if (fraction && !digits()) {
            return refuse("digits are missing");
        }
        const bool exponent = take('e') || take('E');
        if (exponent) {
            if (!take('-')) {
                take('+');
            }
            if (!digits()) {
                return refuse("digits are missing");
            }
        }
        if (fraction || exponent) {
            return real(first);
        }
        return long_integer(first);
    }

    bool long_integer(const char* first) {
        json_int_t value = 0;
        if (std::from_chars(first, at_, value).ec != std::errc()) {
            return real(first);  // beyond 64 bits
        }
        return add(integer_node(value));
    }

    bool real(const char* first) {
        double value = 0;
        if (std::from_chars(first, at_, value).ec == std::errc::result_out_of_range) {
            value = 0;
            if (!is_tiny({first, static_cast<std::size_t>(at_ - first)})) {
                return refuse("a number is too large");
            }
        }
        return add(json_real(value));
    }

    // At a quote. `text` lies in the input, or in `unescaped_` until the next string.
    bool string(std::string_view& text) {
        const char* const first = ++at_;
        if (!plain_part()) {
            return false;
        }
        if (*at_ == '"') {
            text = {first, static_cast<std::size_t>(at_++ - first)};
            return true;
        }
        unescaped_.assign(first, at_);
        while (*at_ == '\\') {
            ++at_;
            if (!escape()) {
                return false;
            }
            const char* const part = at_;
            if (!plain_part()) {
                return false;
            }
            unescaped_.append(part, at_);
        }
        ++at_;
        text = unescaped_;
        return true;
    }

    // Up to the next quote or backslash.
    bool plain_part() {
        while (at_ != end_) {
            while (end_ - at_ >= 8 && are_plain(eight_bytes(at_)) && are_ascii(eight_bytes(at_))) {
                at_ += 8;
            }
            if (at_ == end_) {
                break;
            }
            const auto byte = static_cast<unsigned char>(*at_);
            if (byte == '"' || byte == '\\') {
                return true;
            }
            if (byte < 0x20) {
                return refuse("a control character within a string");
            }
            const std::size_t length = byte < 0x80 ? 1 : sequence_length(at_, end_);
            if (length == 0) {
                return refuse("Invalid encoding in string.");
            }
            at_ += length;
        }
        return refuse("a string without its end");
    }

    // After a backslash.
    bool escape() {
        constexpr std::string_view kNames = "\"\\/bfnrt";
        constexpr std::string_view kBytes = "\"\\/\b\f\n\r\t";
        if (take('u')) {
            return code_point();
        }
        const std::size_t which = at_ == end_ ? std::string_view::npos : kNames.find(*at_);
        if (which == std::string_view::npos) {
            return refuse("an escape that JSON does not have");
        }
        unescaped_.push_back(kBytes[which]);
        ++at_;
        return true;
    }

    bool hex(std::uint32_t& unit) {
        const char* const last = at_ + std::min<std::ptrdiff_t>(4, end_ - at_);
        const auto [stop, code] = std::from_chars(at_, last, unit, 16);
        if (code != std::errc() || stop != at_ + 4 || *at_ == '-') {
            return refuse("four hexadecimal digits are missing");
        }
        at_ = stop;
        return true;
    }

    bool code_point() {
        std::uint32_t point = 0;
        if (!hex(point)) {
            return false;
        }
        if (point >= 0xd800 && point <= 0xdfff) {
            std::uint32_t second = 0;
            if (point > 0xdbff || !take('\\') || !take('u') || !hex(second) || second < 0xdc00 ||
                second > 0xdfff) {
                return refuse("half a surrogate pair");
            }
            point = 0x10000 + ((point - 0xd800) << 10) + (second - 0xdc00);
        }
        append_utf8(unescaped_, point);
        return true;
    }

    // Takes over `node`.
    bool add(json_t* node) {
        if (open_.empty()) {
            root_ = node;
            return node != nullptr || refuse("out of memory");
        }
        json_t* parent = open_.back();
        const int failed = json_is_object(parent) ? json_object_setn_new_nocheck(
                                                        parent, key_.data(), key_.size(), node)
                                                  : json_array_append_new(parent, node);
        return failed == 0 || refuse("out of memory");
    }
    bool open(json_t* node) {
        if (open_.size() == depth_max_) {
            json_decref(node);
            return refuse("it is nested too deep");
        }
        if (!add(node)) {
            return false;
        }
        open_.push_back(node);
        return true;
    }

    std::string_view text_;
    const char* at_;
    const char* end_;
    Json::Duplicates duplicates_;
    std::size_t depth_max_;
    const char* why_ = "";
    json_t* root_ = nullptr;
    std::vector<json_t*> open_;  // the containers around the next value, owned by the root
    std::string key_;
    std::string unescaped_;
};

}  // namespace

Result<Json> read(std::string_view text, Json::Duplicates duplicates, std::size_t depth_max) {
    return Reader(text.data() == nullptr ? std::string_view("") : text, duplicates, depth_max)
        .read();
}

}  // namespace sallyport::json_text
