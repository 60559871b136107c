// Characters as UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace sallyport::engine {

// What a text may begin with, for no reader's benefit.
inline constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// REQUIRES: a code point, not above U+10FFFF.
inline void append_utf8(std::string& out, char32_t point) {
    const auto byte = [](char32_t value) { return static_cast<char>(value); };
    if (point < 0x80) {
        out.push_back(byte(point));
    } else if (point < 0x800) {
        out.push_back(byte(0xc0 | (point >> 6)));
        out.push_back(byte(0x80 | (point & 0x3f)));
    } else if (point < 0x10000) {
        out.push_back(byte(0xe0 | (point >> 12)));
        out.push_back(byte(0x80 | ((point >> 6) & 0x3f)));
        out.push_back(byte(0x80 | (point & 0x3f)));
    } else {
        out.push_back(byte(0xf0 | (point >> 18)));
        out.push_back(byte(0x80 | ((point >> 12) & 0x3f)));
        out.push_back(byte(0x80 | ((point >> 6) & 0x3f)));
        out.push_back(byte(0x80 | (point & 0x3f)));
    }
}

}  // namespace sallyport::engine
