// Members of the JSON that the databases hold as text, as their SQL compares them. U+0000, which
// JSON has and the databases' text has not, is compared as U+FFFD; what is stored keeps it.
#pragma once

#include <string>
#include <string_view>

namespace sallyport::engine {

// SQL: the column with `\ufffd` for each `\u0000`. Escaped backslashes are out of the way
// meanwhile, so that the text `\u0000` stays what it is; `\a` is no escape of JSON.
inline std::string json_without_nul(const std::string& column) {
    return R"(replace(replace(replace()" + column +
           R"(, '\\', '\a'), '\u0000', '\ufffd'), '\a', '\\'))";
}

// What such a member is compared with.
inline std::string text_without_nul(std::string_view text) {
    std::string out;
    for (const char c : text) {
        c == '\0' ? out += "\xEF\xBF\xBD" : out += c;
    }
    return out;
}

}  // namespace sallyport::engine
