#include "engine/core/text_charset.hpp"

#include "common/bytes.hpp"
#include "engine/core/utf8_text.hpp"

#include <algorithm>
#include <array>

namespace sallyport::engine {
namespace {

// Of windows-1252, where it is not ISO 8859-1: 0x80 to 0x9f.
constexpr std::array<char32_t, 32> kUpper = {
    0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8d,   0x017d, 0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178};

template <std::size_t N>
bool is_charset_of(std::string_view name, const std::array<std::string_view, N>& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string charset_in(std::string_view media_type) {
    const std::string type = ascii_lower(media_type);
    constexpr std::string_view kName = "charset=";
    const std::size_t at = type.find(kName);
    if (at == std::string::npos) {
        return "utf-8";
    }
    std::string_view rest = std::string_view(type).substr(at + kName.size());
    rest.remove_prefix(rest.starts_with('"') || rest.starts_with('\'') ? 1 : 0);
    rest = rest.substr(0, rest.find_first_of(";\"' \t"));
    return rest.empty() ? "utf-8" : std::string(rest);
}

std::optional<std::string> text_of_charset(std::string_view bytes, std::string_view charset) {
    constexpr std::array<std::string_view, 3> kUtf8 = {"utf-8", "utf8", "unicode-1-1-utf-8"};
    constexpr std::array<std::string_view, 9> kWestern = {"windows-1252", "iso-8859-1", "iso8859-1",
                                                          "iso_8859-1",   "latin1",     "l1",
                                                          "us-ascii",     "ascii",      "cp1252"};
    if (is_charset_of(charset, kUtf8)) {
        bytes.remove_prefix(bytes.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
        return std::string(bytes);
    }
    if (!is_charset_of(charset, kWestern)) {
        return std::nullopt;
    }
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        append_utf8(text, byte >= 0x80 && byte < 0xa0 ? kUpper[byte - 0x80] : byte);
    }
    return text;
}

}  // namespace sallyport::engine
