// Text that came as bytes of a character encoding, as UTF-8. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine {

// The parameter of a media type, in lower case; `utf-8` when it has none.
std::string charset_in(std::string_view media_type);
// UTF-8 (without a mark at its beginning; what is none stays as it is) and windows-1252, which is
// what the names of ASCII and ISO 8859-1 mean on the web (WHATWG Encoding). Nothing: another one.
std::optional<std::string> text_of_charset(std::string_view bytes, std::string_view charset);

}  // namespace sallyport::engine
