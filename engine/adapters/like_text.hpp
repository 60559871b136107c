// A pattern for SQL's LIKE that finds `text` anywhere. To be used with ESCAPE '\'. Of a text that
// is longer than any that is looked through only the beginning is asked for, and not found either:
// SQLite refuses patterns above 50 000 bytes.
#pragma once

#include "common/json.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

inline std::string like_text(std::string_view text) {
    constexpr std::size_t kSearchedBytesMax = 16u << 10;
    if (text.size() > kSearchedBytesMax) {
        std::size_t end = kSearchedBytesMax;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) {
            --end;  // not within a character
        }
        text = text.substr(0, end);
    }
    std::string out = "%";
    for (const char c : text) {
        if (c == '%' || c == '_' || c == '\\') {
            out += '\\';
        }
        out += c;
    }
    return out + "%";
}

// What stands in compact JSON where one of `values` is a value behind `before`.
inline std::vector<std::string> json_needles(std::string_view before,
                                             const std::vector<std::string>& values) {
    std::vector<std::string> needles;
    for (const std::string& value : values) {
        needles.push_back(std::string(before) + Json::string(value).dump());
    }
    return needles;
}

}  // namespace sallyport::engine
