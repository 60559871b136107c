// Tokens of an expression. Anything outside the common subset (regular expressions, BigInt,
// assignments, comments, rare escapes) is `unsupported`, never guessed at.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine {

enum class TokenKind { end, number, string, template_start, identifier, punctuator, unsupported };

struct Token {
    TokenKind kind = TokenKind::end;
    std::string_view raw;  // the punctuator or identifier
    double number = 0;
    std::string text;  // a string's value
    std::size_t begin = 0;
    std::size_t end = 0;
};

// The token at or after `at` (white space skipped). REQUIRES: `source` is valid UTF-8.
Token next_token(std::string_view source, std::size_t at);

// A piece of a template literal from `at` up to its `${` or closing backtick.
struct TemplatePiece {
    std::string text;
    std::size_t end = 0;        // after the `${` or backtick
    bool substitution = false;  // it ended with `${`
};
std::optional<TemplatePiece> next_template_piece(std::string_view source, std::size_t at);

}  // namespace sallyport::engine
