// The mark that some editors put before UTF-8 text (RFC 3629 section 6). It is no part of what the
// text says.
#pragma once

#include <string_view>

namespace sallyport {

inline std::string_view without_byte_order_mark(std::string_view text) {
    constexpr std::string_view kMark = "\xef\xbb\xbf";
    text.remove_prefix(text.starts_with(kMark) ? kMark.size() : 0);
    return text;
}

}  // namespace sallyport
