// Finds the tokens of a template string and the secret a token names. Syntax only.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

struct TemplateToken {
    std::size_t begin = 0;  // of `{{`
    std::size_t end = 0;    // after `}}`
    std::string_view body;  // trimmed
};

// Pairs of braces are counted, so `{{ f({{a}}) }}` is one token; what is not closed is text.
std::vector<TemplateToken> find_template_tokens(std::string_view text);

// Formulas stand between `ap-formula-v1::{` and `}::ap-formula-v1`, beside other text or alone
// (then blanks around it do not count). Views into `text`.
struct FormulaPiece {
    bool is_formula = false;
    std::string_view text;  // of a formula: without its marks
};
// Empty: `text` holds no formula.
std::vector<FormulaPiece> formula_pieces(std::string_view text);

enum class SecretKind { connection, variable };

struct SecretReference {
    SecretKind kind = SecretKind::connection;
    std::string name;       // empty: the token names none
    std::string_view path;  // what follows the name: `.token`, `['a'].b`, or nothing
};

// For a body that begins with `connections` or `variables`: `connections['my id'].token`,
// `connections.my-id.token`, `variables['NAME']`; `?.` may stand where a dot may.
std::optional<SecretReference> secret_reference(std::string_view body);

}  // namespace sallyport::engine
