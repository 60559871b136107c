// Names of header fields, compared on the path of every request.
#pragma once

#include <cstddef>
#include <string_view>

namespace sallyport::ngx {

// Equal but for the case of ASCII letters.
inline bool same_field_name(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) {
        return false;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
        // Bit 5 is what differs between the cases of a letter.
        const unsigned differs =
            static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
        const unsigned letter = static_cast<unsigned char>(a[i]) | 0x20u;
        if (differs != 0 && (differs != 0x20u || letter < 'a' || letter > 'z')) {
            return false;
        }
    }
    return true;
}

}  // namespace sallyport::ngx
