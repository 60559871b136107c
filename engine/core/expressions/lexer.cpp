#include "engine/core/expressions/lexer.hpp"

#include "common/bytes.hpp"
#include "engine/core/expressions/js_text.hpp"
#include "engine/core/utf8_text.hpp"

#include <array>

namespace sallyport::engine {
namespace {

bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}
bool is_name_part(char c) {
    return is_name_start(c) || is_digit(c);
}

// Longest first. Those after `?.` that we know but do not evaluate are here so that they are not
// read as two shorter ones; the parser refuses them.
constexpr std::array<std::string_view, 41> kPunctuators = {
    "===", "!==", "**=", "...", "<<=", ">>=", "&&=", "||=", "?\?=", "==", "!=", "<=", ">=", "&&",
    "||",  "??",  "?.",  "**",  "=>",  "++",  "--",  "<<",  ">>",   "+=", "-=", "*=", "/=", "%=",
    "+",   "-",   "*",   "/",   "%",   "<",   ">",   "!",   "?",    ":",  ".",  ",",  "("};
constexpr std::string_view kBrackets = ")[]{}";

Token unsupported(std::size_t at) {
    Token token;
    token.kind = TokenKind::unsupported;
    token.begin = token.end = at;
    return token;
}

// `digits` hexadecimal digits from `at`; moves `at`.
std::optional<char32_t> read_hex(std::string_view source, std::size_t& at, std::size_t digits) {
    char32_t value = 0;
    for (std::size_t i = 0; i < digits; ++i, ++at) {
        const int digit = at < source.size() ? hex_digit(source[at]) : -1;
        if (digit < 0) {
            return std::nullopt;
        }
        value = (value << 4) | static_cast<char32_t>(digit);
    }
    return value;
}

// After the backslash. Octal escapes, line continuations, \u{…} and surrogates are left out.
bool read_escape(std::string_view source, std::size_t& at, std::string& out) {
    if (at >= source.size()) {
        return false;
    }
    const char c = source[at++];
    static constexpr std::string_view kNames = "bfnrtv";
    static constexpr std::string_view kValues = "\b\f\n\r\t\v";
    const std::size_t known = kNames.find(c);
    if (known != std::string_view::npos) {
        out.push_back(kValues[known]);
        return true;
    }
    if (c == 'x' || c == 'u') {
        const auto point = read_hex(source, at, c == 'x' ? 2 : 4);
        if (!point || (*point >= 0xd800 && *point <= 0xdfff) || *point == 0) {
            return false;
        }
        append_utf8(out, *point);
        return true;
    }
    const bool plain =
        static_cast<unsigned char>(c) < 0x80 && !is_digit(c) && c != '\n' && c != '\r';
    if (plain) {
        out.push_back(c);
    }
    return plain;
}

Token read_string(std::string_view source, std::size_t at) {
    Token token;
    token.kind = TokenKind::string;
    token.begin = at;
    const char quote = source[at++];
    while (at < source.size()) {
        const char c = source[at++];
        if (c == quote) {
            token.end = at;
            return token;
        }
        if (c == '\n' || c == '\r') {
            break;
        }
        if (c != '\\') {
            token.text.push_back(c);
        } else if (!read_escape(source, at, token.text)) {
            break;
        }
    }
    return unsupported(token.begin);
}

Token read_number(std::string_view source, std::size_t at) {
    std::size_t end = at;
    const bool hexadecimal = source.substr(at, 2) == "0x" || source.substr(at, 2) == "0X";
    if (hexadecimal) {
        end += 2;
        while (end < source.size() && is_name_part(source[end])) {
            ++end;
        }
    } else {
        const auto skip_digits = [&] {
            while (end < source.size() && is_digit(source[end])) {
                ++end;
            }
        };
        skip_digits();
        if (end - at > 1 && source[at] == '0') {
            return unsupported(at);  // 010
        }
        if (end < source.size() && source[end] == '.') {
            ++end;
            skip_digits();
        }
        if (end < source.size() && (source[end] == 'e' || source[end] == 'E')) {
            ++end;
            end += end < source.size() && (source[end] == '+' || source[end] == '-') ? 1 : 0;
            skip_digits();
        }
    }
    Token token;
    token.kind = TokenKind::number;
    token.begin = at;
    token.end = end;
    token.number = js_text_to_number(source.substr(at, end - at));
    const bool glued = end < source.size() && is_name_part(source[end]);  // 1n, 1_000, 3px
    return glued || token.number != token.number ? unsupported(at) : token;
}

}  // namespace

Token next_token(std::string_view source, std::size_t at) {
    at = source.size() - js_trim_start(source.substr(at)).size();
    Token token;
    token.begin = token.end = at;
    if (at >= source.size()) {
        return token;
    }
    const char c = source[at];
    const bool point_number = c == '.' && at + 1 < source.size() && is_digit(source[at + 1]);
    if (is_digit(c) || point_number) {
        return read_number(source, at);
    }
    if (c == '\'' || c == '"') {
        return read_string(source, at);
    }
    if (c == '`') {
        token.kind = TokenKind::template_start;
        token.end = at + 1;
        return token;
    }
    if (is_name_start(c)) {
        token.kind = TokenKind::identifier;
        while (token.end < source.size() && is_name_part(source[token.end])) {
            ++token.end;
        }
        const bool longer = token.end < source.size() &&
                            (static_cast<unsigned char>(source[token.end]) >= 0x80 ||
                             source[token.end] == '\\');  // a name beyond ASCII, or white space
        token.raw = source.substr(at, token.end - at);
        return longer ? unsupported(at) : token;
    }
    token.kind = TokenKind::punctuator;
    const std::string_view rest = source.substr(at);
    if (rest.starts_with("//") || rest.starts_with("/*")) {
        return unsupported(at);
    }
    for (std::string_view known : kPunctuators) {
        if (!rest.starts_with(known)) {
            continue;
        }
        if (known == "?." && rest.size() > 2 && is_digit(rest[2])) {
            known = "?";  // a ? .5 : b
        }
        token.raw = rest.substr(0, known.size());
        token.end = at + known.size();
        return token;
    }
    if (kBrackets.find(c) != std::string_view::npos) {
        token.raw = rest.substr(0, 1);
        token.end = at + 1;
        return token;
    }
    return unsupported(at);
}

std::optional<TemplatePiece> next_template_piece(std::string_view source, std::size_t at) {
    TemplatePiece piece;
    while (at < source.size()) {
        const char c = source[at++];
        if (c == '`') {
            piece.end = at;
            return piece;
        }
        if (c == '$' && at < source.size() && source[at] == '{') {
            piece.end = at + 1;
            piece.substitution = true;
            return piece;
        }
        if (c == '\r') {
            return std::nullopt;  // JavaScript would make it a line feed
        }
        if (c != '\\') {
            piece.text.push_back(c);
        } else if (!read_escape(source, at, piece.text)) {
            return std::nullopt;
        }
    }
    return std::nullopt;
}

}  // namespace sallyport::engine
