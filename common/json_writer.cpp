#include "common/json_text.hpp"
#include "common/number_text.hpp"
#include "common/plain_bytes.hpp"
#include "common/secret.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::json_text {
namespace {

// A thread keeps the buffer of its last text up to this size.
constexpr std::size_t kKeptBytesMax = 64 * 1024;
// Room for escapes is made for so much of a string at once.
constexpr std::size_t kPieceBytes = 4096;
constexpr std::size_t kIntegerBytesMax = 20;  // -9223372036854775808

// What stands after the backslash for a byte within a string, 'u' for a code, 0 for the byte
// itself.
constexpr std::array<char, 256> kEscapes = [] {
    std::array<char, 256> table{};
    for (std::size_t byte = 0; byte < 0x20; ++byte) {
        table[byte] = 'u';
    }
    table['\b'] = 'b';
    table['\f'] = 'f';
    table['\n'] = 'n';
    table['\r'] = 'r';
    table['\t'] = 't';
    table['"'] = '"';
    table['\\'] = '\\';
    return table;
}();

// Text that grows at its end. Room is made once for several bytes: most of a text is short pieces.
class Text {
  public:
    Text() : bytes_(std::move(kept())) { bytes_.resize(std::max<std::size_t>(bytes_.size(), 512)); }
    Text(const Text&) = delete;
    Text& operator=(const Text&) = delete;
    ~Text() {
        wipe(bytes_.data(), size_);  // it may have been somebody's secret, and would stay for long
        if (bytes_.size() <= kKeptBytesMax) {
            kept() = std::move(bytes_);
        }
    }

    // The place for at most `size` more bytes; `end_at` says how many it became.
    char* room(std::size_t size) {
        if (bytes_.size() - size_ < size) {
            bytes_.resize(2 * bytes_.size() + size);
        }
        return bytes_.data() + size_;
    }
    void end_at(const char* end) { size_ = static_cast<std::size_t>(end - bytes_.data()); }
    void put(char byte) {
        *room(1) = byte;
        ++size_;
    }
    void put(std::string_view text) {
        std::memcpy(room(text.size()), text.data(), text.size());
        size_ += text.size();
    }
    std::string take() const { return {bytes_.data(), size_}; }

  private:
    static std::vector<char>& kept() {
        thread_local std::vector<char> buffer;
        return buffer;
    }

    std::vector<char> bytes_;
    std::size_t size_ = 0;
};

void write_value(Text& out, const json_t* node);

char* write_bytes(char* to, std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const char escape = kEscapes[byte];
        if (escape == 0) {
            *to++ = c;
            continue;
        }
        *to++ = '\\';
        *to++ = escape;
        if (escape == 'u') {
            *to++ = '0';
            *to++ = '0';
            *to++ = kHex[byte >> 4];
            *to++ = kHex[byte & 15];
        }
    }
    return to;
}

void write_piece(Text& out, std::string_view text) {
    constexpr std::size_t kAtOnce = 8;
    char* to = out.room(6 * text.size());  // every byte as \u00XX
    for (; text.size() >= kAtOnce; text.remove_prefix(kAtOnce)) {
        if (are_plain(eight_bytes(text.data()))) {
            std::memcpy(to, text.data(), kAtOnce);
            to += kAtOnce;
        } else {
            to = write_bytes(to, text.substr(0, kAtOnce));
        }
    }
    out.end_at(write_bytes(to, text));
}

void write_string(Text& out, std::string_view text) {
    out.put('"');
    for (; text.size() > kPieceBytes; text.remove_prefix(kPieceBytes)) {
        write_piece(out, text.substr(0, kPieceBytes));
    }
    write_piece(out, text);
    out.put('"');
}

// Counts, codes and indices: most integers are small.
constexpr json_int_t kWrittenMax = 999;
struct Written {
    std::array<char, 3> digits;
    std::uint8_t size;
};
constexpr auto kWritten = [] {
    std::array<Written, kWrittenMax + 1> table{};
    for (std::size_t i = 0; i < table.size(); ++i) {
        std::size_t rest = i;
        table[i].size = i < 10 ? 1 : i < 100 ? 2 : 3;
        for (std::size_t at = table[i].size; at > 0; --at, rest /= 10) {
            table[i].digits[at - 1] = static_cast<char>('0' + rest % 10);
        }
    }
    return table;
}();

void write_integer(Text& out, json_int_t value) {
    char* to = out.room(kIntegerBytesMax);
    if (value >= 0 && value <= kWrittenMax) {
        const Written& written = kWritten[static_cast<std::size_t>(value)];
        std::memcpy(to, written.digits.data(), written.digits.size());
        return out.end_at(to + written.size);
    }
    out.end_at(std::to_chars(to, to + kIntegerBytesMax, value).ptr);
}

// As JavaScript writes it, but so that it still looks like no integer.
void write_real(Text& out, double value) {
    std::string text = (std::signbit(value) && value == 0 ? "-" : "") + js_number_text(value);
    if (text.find_first_not_of("-0123456789") == std::string::npos) {
        text += ".0";
    }
    out.put(text);
}

void write_object(Text& out, json_t* node) {
    out.put('{');
    bool first = true;
    for (void* it = json_object_iter(node); it != nullptr; it = json_object_iter_next(node, it)) {
        if (!first) {
            out.put(',');
        }
        first = false;
        write_string(out, {json_object_iter_key(it), json_object_iter_key_len(it)});
        out.put(':');
        write_value(out, json_object_iter_value(it));
    }
    out.put('}');
}

void write_array(Text& out, const json_t* node) {
    out.put('[');
    const std::size_t size = json_array_size(node);
    for (std::size_t i = 0; i < size; ++i) {
        if (i > 0) {
            out.put(',');
        }
        write_value(out, json_array_get(node, i));
    }
    out.put(']');
}

void write_value(Text& out, const json_t* node) {
    switch (json_typeof(node)) {
        case JSON_OBJECT:
            write_object(out, const_cast<json_t*>(node));
            break;
        case JSON_ARRAY:
            write_array(out, node);
            break;
        case JSON_STRING:
            write_string(out, {json_string_value(node), json_string_length(node)});
            break;
        case JSON_INTEGER:
            write_integer(out, json_integer_value(node));
            break;
        case JSON_REAL:
            write_real(out, json_real_value(node));
            break;
        case JSON_TRUE:
            out.put("true");
            break;
        case JSON_FALSE:
            out.put("false");
            break;
        case JSON_NULL:
            out.put("null");
            break;
    }
}

}  // namespace

std::string write(const json_t* node) {
    Text out;
    write_value(out, node);
    return out.take();
}

}  // namespace sallyport::json_text
