// Eight bytes of a text at once, for the strings of JSON: most are ASCII and stand for themselves.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace sallyport {

inline std::uint64_t eight_bytes(const char* from) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, from, sizeof bytes);
    return bytes;
}

inline constexpr std::uint64_t kEachByte = 0x0101010101010101;
inline constexpr std::uint64_t kHighBits = 0x80 * kEachByte;

// None is a control character, a quotation mark or a backslash. The bit of a byte is set by a
// borrow of it or of a lower one that is set itself, so that none is overlooked.
constexpr bool are_plain(std::uint64_t bytes) {
    const std::uint64_t quote = bytes ^ ('"' * kEachByte);
    const std::uint64_t backslash = bytes ^ ('\\' * kEachByte);
    const std::uint64_t control = (bytes - 0x20 * kEachByte) & ~bytes;
    return ((control | ((quote - kEachByte) & ~quote) | ((backslash - kEachByte) & ~backslash)) &
            kHighBits) == 0;
}

constexpr bool are_ascii(std::uint64_t bytes) {
    return (bytes & kHighBits) == 0;
}

// Most texts are, and need no closer look to be UTF-8.
inline bool is_ascii(std::string_view text) {
    unsigned char any = 0;
    for (; text.size() >= sizeof(std::uint64_t); text.remove_prefix(sizeof(std::uint64_t))) {
        if (!are_ascii(eight_bytes(text.data()))) {
            return false;
        }
    }
    for (const char c : text) {
        any |= static_cast<unsigned char>(c);
    }
    return any < 0x80;
}

}  // namespace sallyport
