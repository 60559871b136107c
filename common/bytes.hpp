// Byte and text helpers: strict hex and base64, ASCII case, trimming, splitting.
//
// Decoders are strict: one canonical text for each byte string, so that two texts can never name
// the same signature or key. No locale is ever consulted.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

using Bytes = std::vector<std::uint8_t>;

enum class HexCase { lower, upper, any };

std::string hex_encode(const std::uint8_t* data, std::size_t size);
std::string hex_encode(const Bytes& data);
std::optional<Bytes> hex_decode(std::string_view text, HexCase accepted = HexCase::lower);

// The value of one hexadecimal digit, of either case; -1: `c` is none.
int hex_digit(char c);

// RFC 4648 section 4 (padding required) and section 5 (url: padding optional on input, absent on
// output). Non-zero trailing bits are refused.
std::string base64_encode(const std::uint8_t* data, std::size_t size);
std::string base64url_encode(const std::uint8_t* data, std::size_t size);
std::optional<Bytes> base64_decode(std::string_view text);
std::optional<Bytes> base64url_decode(std::string_view text);

// The same decoders without an allocation: how many bytes of `out` were written; nothing when the
// text is not strict or `out` is too small.
std::optional<std::size_t> hex_decode_to(std::string_view text, std::span<std::uint8_t> out,
                                         HexCase accepted = HexCase::lower);
std::optional<std::size_t> base64_decode_to(std::string_view text, std::span<std::uint8_t> out);
std::optional<std::size_t> base64url_decode_to(std::string_view text, std::span<std::uint8_t> out);

inline const std::uint8_t* as_bytes(std::string_view text) {
    return reinterpret_cast<const std::uint8_t*>(text.data());
}
inline std::string_view as_text(const Bytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
char ascii_lower(char c);
std::string ascii_lower(std::string_view text);
// REQUIRES: both have that many.
bool ascii_iequals(const char* a, const char* b, std::size_t size);
inline bool ascii_iequals(std::string_view a, std::string_view b) {
    return a.size() == b.size() && ascii_iequals(a.data(), b.data(), a.size());
}

// `text` between double quotes, for messages.
std::string in_quotes(std::string_view text);

// Removes spaces and horizontal tabs from both ends (RFC 9110 OWS).
std::string_view cut_ows(std::string_view text);
inline std::string_view trim_ows(std::string_view text) {
    // Nearly always there is nothing to cut.
    return !text.empty() && text.front() > ' ' && text.back() > ' ' ? text : cut_ows(text);
}

// Calls `each` for every part of `text` between `separator`s, empty parts included.
template <typename F>
void for_each_split(std::string_view text, char separator, F&& each) {
    while (true) {
        const std::size_t at = text.find(separator);
        each(text.substr(0, at));
        if (at == std::string_view::npos) {
            return;
        }
        text.remove_prefix(at + 1);
    }
}

// Decimal digits only: no sign, no blanks, no overflow.
std::optional<std::uint64_t> parse_u64(std::string_view text);

// True for bytes that may stand in an HTTP field value (RFC 9110 section 5.5): no control
// characters but the tab.
bool is_field_value(std::string_view text);
// True for an RFC 9110 token (section 5.6.2), at least one character.
bool is_token(std::string_view text);

}  // namespace sallyport
