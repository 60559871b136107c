#include "common/bytes.hpp"

#include <array>
#include <limits>

namespace sallyport {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kBase64Url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kNone = 0xff;

constexpr std::array<std::uint8_t, 256> reverse_of(const char* alphabet) {
    std::array<std::uint8_t, 256> table{};
    table.fill(kNone);
    for (std::uint8_t i = 0; i < 64; ++i) {
        table[static_cast<std::uint8_t>(alphabet[i])] = i;
    }
    return table;
}
constexpr auto kFromBase64 = reverse_of(kBase64);
constexpr auto kFromBase64Url = reverse_of(kBase64Url);

// A digit's value, and bits that say in which case it is written; kNotHex for what is no digit.
constexpr std::uint8_t kLowerHex = 0x10;
constexpr std::uint8_t kUpperHex = 0x20;
constexpr std::uint8_t kNotHex = 0x40;
constexpr auto kFromHex = [] {
    std::array<std::uint8_t, 256> table{};
    table.fill(kNotHex);
    for (std::uint8_t i = 0; i < 10; ++i) {
        table[static_cast<std::size_t>('0') + i] = i;
    }
    for (std::uint8_t i = 10; i < 16; ++i) {
        table[static_cast<std::size_t>('a') + i - 10] = i | kLowerHex;
        table[static_cast<std::size_t>('A') + i - 10] = i | kUpperHex;
    }
    return table;
}();

constexpr char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string encode64(const std::uint8_t* data, std::size_t size, const char* alphabet, bool pad) {
    std::string out;
    out.reserve((size + 2) / 3 * 4);
    std::size_t i = 0;
    for (; i + 3 <= size; i += 3) {
        const unsigned v = (unsigned{data[i]} << 16) | (unsigned{data[i + 1]} << 8) | data[i + 2];
        out += {alphabet[v >> 18], alphabet[(v >> 12) & 63], alphabet[(v >> 6) & 63],
                alphabet[v & 63]};
    }
    if (size - i == 1) {
        const unsigned v = unsigned{data[i]} << 16;
        out += {alphabet[v >> 18], alphabet[(v >> 12) & 63]};
        out += pad ? "==" : "";
    } else if (size - i == 2) {
        const unsigned v = (unsigned{data[i]} << 16) | (unsigned{data[i + 1]} << 8);
        out += {alphabet[v >> 18], alphabet[(v >> 12) & 63], alphabet[(v >> 6) & 63]};
        out += pad ? "=" : "";
    }
    return out;
}

// `text` without padding; the caller has checked that padding was right.
std::optional<std::size_t> decode64(std::string_view text, std::span<std::uint8_t> out,
                                    const std::array<std::uint8_t, 256>& table) {
    if (text.size() % 4 == 1 || text.size() * 3 / 4 > out.size()) {
        return std::nullopt;
    }
    std::size_t size = 0;
    unsigned buffer = 0;
    unsigned bits = 0;
    for (const char c : text) {
        const std::uint8_t value = table[static_cast<std::uint8_t>(c)];
        if (value == kNone) {
            return std::nullopt;
        }
        buffer = (buffer << 6) | value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[size++] = static_cast<std::uint8_t>(buffer >> bits);
            buffer &= (1u << bits) - 1;
        }
    }
    if (buffer != 0) {
        return std::nullopt;  // trailing bits: a second spelling of the same bytes
    }
    return size;
}

// Runs a decoder into a vector of exactly the right size.
template <typename Decoder>
std::optional<Bytes> into_bytes(std::size_t size_max, Decoder&& decoder) {
    Bytes out(size_max);
    const std::optional<std::size_t> size = decoder(std::span(out));
    if (!size) {
        return std::nullopt;
    }
    out.resize(*size);
    return out;
}

}  // namespace

std::string hex_encode(const std::uint8_t* data, std::size_t size) {
    std::string out(size * 2, '\0');
    for (std::size_t i = 0; i < size; ++i) {
        out[2 * i] = kHexDigits[data[i] >> 4];
        out[2 * i + 1] = kHexDigits[data[i] & 15];
    }
    return out;
}

int hex_digit(char c) {
    const unsigned found = kFromHex[static_cast<std::uint8_t>(c)];
    return found == kNotHex ? -1 : static_cast<int>(found & 15);
}

std::string hex_encode(const Bytes& data) {
    return hex_encode(data.data(), data.size());
}

std::optional<std::size_t> hex_decode_to(std::string_view text, std::span<std::uint8_t> out,
                                         HexCase accepted) {
    const std::size_t size = text.size() / 2;
    if (text.size() % 2 != 0 || size > out.size()) {
        return std::nullopt;
    }
    unsigned seen = 0;
    for (std::size_t i = 0; i < size; ++i) {
        const unsigned high = kFromHex[static_cast<std::uint8_t>(text[2 * i])];
        const unsigned low = kFromHex[static_cast<std::uint8_t>(text[2 * i + 1])];
        seen |= high | low;
        out[i] = static_cast<std::uint8_t>((high & 15) << 4 | (low & 15));
    }
    const unsigned refused = kNotHex | (accepted == HexCase::lower   ? kUpperHex
                                        : accepted == HexCase::upper ? kLowerHex
                                                                     : 0U);
    return (seen & refused) == 0 ? std::optional(size) : std::nullopt;
}

std::optional<Bytes> hex_decode(std::string_view text, HexCase accepted) {
    return into_bytes(text.size() / 2, [&](std::span<std::uint8_t> out) {
        return hex_decode_to(text, out, accepted);
    });
}

std::string base64_encode(const std::uint8_t* data, std::size_t size) {
    return encode64(data, size, kBase64, true);
}

std::string base64url_encode(const std::uint8_t* data, std::size_t size) {
    return encode64(data, size, kBase64Url, false);
}

std::optional<std::size_t> base64_decode_to(std::string_view text, std::span<std::uint8_t> out) {
    if (text.size() % 4 != 0) {
        return std::nullopt;
    }
    for (int pads = 0; pads < 2 && text.ends_with('='); ++pads) {
        text.remove_suffix(1);
    }
    return decode64(text, out, kFromBase64);
}

std::optional<std::size_t> base64url_decode_to(std::string_view text, std::span<std::uint8_t> out) {
    if (text.ends_with('=')) {
        if (text.size() % 4 != 0) {
            return std::nullopt;
        }
        for (int pads = 0; pads < 2 && text.ends_with('='); ++pads) {
            text.remove_suffix(1);
        }
    }
    return decode64(text, out, kFromBase64Url);
}

std::optional<Bytes> base64_decode(std::string_view text) {
    return into_bytes(text.size() / 4 * 3,
                      [&](std::span<std::uint8_t> out) { return base64_decode_to(text, out); });
}

std::optional<Bytes> base64url_decode(std::string_view text) {
    return into_bytes(text.size() * 3 / 4,
                      [&](std::span<std::uint8_t> out) { return base64url_decode_to(text, out); });
}

std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    out += text;
    out += '"';
    return out;
}

char ascii_lower(char c) {
    return lower(c);
}

std::string ascii_lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        c = ascii_lower(c);
    }
    return out;
}

bool ascii_iequals(const char* a, const char* b, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
        if (a[i] != b[i] && lower(a[i]) != lower(b[i])) {
            return false;
        }
    }
    return true;
}

std::string_view cut_ows(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
        text.remove_suffix(1);
    }
    return text;
}

std::optional<std::uint64_t> parse_u64(std::string_view text) {
    if (text.empty()) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    constexpr std::uint64_t max = std::numeric_limits<std::uint64_t>::max();
    for (const char c : text) {
        const auto digit = static_cast<unsigned>(c) - '0';
        if (digit > 9 || value > max / 10 || value * 10 > max - digit) {
            return std::nullopt;
        }
        value = value * 10 + digit;
    }
    return value;
}

bool is_field_value(std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<std::uint8_t>(c);
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
            return false;
        }
    }
    return true;
}

bool is_token(std::string_view text) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    for (const char c : text) {
        const bool alnum =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && kMarks.find(c) == std::string_view::npos) {
            return false;
        }
    }
    return !text.empty();
}

}  // namespace sallyport
