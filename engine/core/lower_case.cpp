#include "engine/core/lower_case.hpp"

#include "engine/core/utf8_text.hpp"

#include <clocale>
#include <cwctype>

namespace sallyport::engine {
std::string lower_case(std::string_view text) {
    static const locale_t unicode = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        char32_t c = size == 1 ? lead : lead & (0xFFU >> (size + 1));
        for (std::size_t k = 1; k < size && i + k < text.size(); ++k) {
            c = c << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3FU);
        }
        append_utf8(out, unicode == nullptr ? c
                                            : static_cast<char32_t>(::towlower_l(
                                                  static_cast<std::wint_t>(c), unicode)));
        i += size;
    }
    return out;
}

}  // namespace sallyport::engine
