// A pattern for SQL's LIKE that finds `text` anywhere. To be used with ESCAPE '\'.
#pragma once

#include <string>
#include <string_view>

namespace sallyport::engine {

inline std::string like_text(std::string_view text) {
    std::string out = "%";
    for (const char c : text) {
        if (c == '%' || c == '_' || c == '\\') {
            out += '\\';
        }
        out += c;
    }
    return out + "%";
}

}  // namespace sallyport::engine
