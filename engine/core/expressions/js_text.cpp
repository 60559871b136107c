#include "engine/core/expressions/js_text.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace sallyport::engine {
namespace {

// A character's length in bytes by its first byte; the text is valid UTF-8.
std::size_t sequence_length(char lead) {
    const auto byte = static_cast<unsigned char>(lead);
    return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

char32_t decode(std::string_view text, std::size_t at) {
    const std::size_t length = sequence_length(text[at]);
    static constexpr std::array<unsigned char, 5> kMasks = {0, 0x7f, 0x1f, 0x0f, 0x07};
    char32_t point = static_cast<unsigned char>(text[at]) & kMasks[length];
    for (std::size_t i = 1; i < length && at + i < text.size(); ++i) {
        point = (point << 6) | (static_cast<unsigned char>(text[at + i]) & 0x3f);
    }
    return point;
}

// ECMA-262 WhiteSpace and LineTerminator: the Zs category, tab, VT, FF, BOM, LF, CR, LS, PS.
bool is_js_space(char32_t point) {
    return (point >= 0x09 && point <= 0x0d) || point == 0x20 || point == 0xa0 || point == 0x1680 ||
           (point >= 0x2000 && point <= 0x200a) || point == 0x2028 || point == 0x2029 ||
           point == 0x202f || point == 0x205f || point == 0x3000 || point == 0xfeff;
}

// The byte offset of a position in units; nullopt inside a surrogate pair.
std::optional<std::size_t> byte_offset(std::string_view text, std::size_t position) {
    std::size_t offset = 0;
    std::size_t units = 0;
    while (units < position && offset < text.size()) {
        const std::size_t length = sequence_length(text[offset]);
        units += length == 4 ? 2 : 1;
        offset += length;
    }
    if (units != position) {
        return std::nullopt;
    }
    return std::min(offset, text.size());
}

// The UTF-16 units of a character as one number whose order is theirs.
std::uint32_t unit_order(char32_t point) {
    if (point < 0x10000) {
        return static_cast<std::uint32_t>(point) << 16;
    }
    const auto rest = static_cast<std::uint32_t>(point) - 0x10000;
    return ((0xd800 + (rest >> 10)) << 16) | (0xdc00 + (rest & 0x3ff));
}

}  // namespace

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool js_truth(const Json& value) {
    if (value.is_string()) {
        return !value.text().empty();
    }
    if (value.is_number()) {
        return value.number_or(0) != 0;
    }
    return value.exists() && !value.is_null() && (!value.is_boolean() || value.is_true());
}

std::size_t js_length(std::string_view text) {
    return js_position(text, text.size());
}

std::size_t js_position(std::string_view text, std::size_t byte_offset) {
    std::size_t units = 0;
    for (const char c : text.substr(0, byte_offset)) {
        const auto byte = static_cast<unsigned char>(c);
        units += (byte & 0xc0) == 0x80 ? 0 : byte >= 0xf0 ? 2 : 1;
    }
    return units;
}

std::optional<std::string> js_substring(std::string_view text, std::size_t begin, std::size_t end) {
    const auto from = byte_offset(text, begin);
    const auto to = byte_offset(text, end);
    if (!from || !to) {
        return std::nullopt;
    }
    return std::string(text.substr(*from, *to - *from));
}

std::string_view js_trim_start(std::string_view text) {
    while (!text.empty() && is_js_space(decode(text, 0))) {
        text.remove_prefix(std::min(sequence_length(text[0]), text.size()));
    }
    return text;
}

std::string_view js_trim_end(std::string_view text) {
    while (!text.empty()) {
        std::size_t last = text.size() - 1;
        while (last > 0 && (static_cast<unsigned char>(text[last]) & 0xc0) == 0x80) {
            --last;
        }
        if (!is_js_space(decode(text, last))) {
            break;
        }
        text = text.substr(0, last);
    }
    return text;
}

int js_compare(std::string_view a, std::string_view b) {
    const auto differ = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    if (differ.first == a.end() || differ.second == b.end()) {
        return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
    }
    auto at = static_cast<std::size_t>(differ.first - a.begin());
    while (at > 0 && (static_cast<unsigned char>(a[at]) & 0xc0) == 0x80) {
        --at;  // both share every byte before the difference, so also the character's start
    }
    const std::uint32_t left = unit_order(decode(a, at));
    const std::uint32_t right = unit_order(decode(b, at));
    return left < right ? -1 : left > right ? 1 : 0;
}

std::optional<std::size_t> js_array_index(std::string_view key) {
    constexpr std::uint64_t kIndexMax = 4294967294;  // 2^32 - 2, ECMA-262 "array index"
    if (key.empty() || key.size() > 10 || (key.size() > 1 && key.front() == '0')) {
        return std::nullopt;
    }
    std::uint64_t index = 0;
    for (const char c : key) {
        if (c < '0' || c > '9') {
            return std::nullopt;
        }
        index = index * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return index <= kIndexMax ? std::optional<std::size_t>(index) : std::nullopt;
}

std::vector<std::pair<std::string, Json>> js_members(const Json& object) {
    std::vector<std::pair<std::size_t, std::pair<std::string, Json>>> indexed;
    std::vector<std::pair<std::string, Json>> named;
    object.each_member([&](std::string_view key, const Json& value) {
        const auto index = js_array_index(key);
        if (index) {
            indexed.push_back({*index, {std::string(key), value}});
        } else {
            named.emplace_back(std::string(key), value);
        }
    });
    if (indexed.empty()) {
        return named;
    }
    std::sort(indexed.begin(), indexed.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::pair<std::string, Json>> members;
    members.reserve(indexed.size() + named.size());
    for (auto& [index, member] : indexed) {
        members.push_back(std::move(member));
    }
    std::move(named.begin(), named.end(), std::back_inserter(members));
    return members;
}

}  // namespace sallyport::engine
