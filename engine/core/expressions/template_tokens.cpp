#include "engine/core/expressions/template_tokens.hpp"

#include "engine/core/expressions/js_text.hpp"

#include <algorithm>

namespace sallyport::engine {
namespace {

std::string_view js_trim(std::string_view text) {
    return js_trim_start(js_trim_end(text));
}

// The offset after the `}}` that closes the `{{` at `begin`, or npos.
std::size_t closing(std::string_view text, std::size_t begin) {
    std::size_t depth = 1;
    std::size_t at = begin + 2;
    while (at + 1 < text.size()) {
        const std::string_view pair = text.substr(at, 2);
        if (pair == "{{") {
            ++depth;
            at += 2;
        } else if (pair == "}}") {
            at += 2;
            if (--depth == 0) {
                return at;
            }
        } else {
            ++at;
        }
    }
    return std::string_view::npos;
}

}  // namespace

std::vector<TemplateToken> find_template_tokens(std::string_view text) {
    std::vector<TemplateToken> tokens;
    std::size_t begin = text.find("{{");
    while (begin != std::string_view::npos) {
        const std::size_t end = closing(text, begin);
        if (end == std::string_view::npos) {
            break;  // nothing that begins later can be closed outside of this one
        }
        tokens.push_back({begin, end, js_trim(text.substr(begin + 2, end - begin - 4))});
        begin = text.find("{{", end);
    }
    return tokens;
}

std::vector<FormulaPiece> formula_pieces(std::string_view text) {
    constexpr std::string_view kOpen = "ap-formula-v1::{";
    constexpr std::string_view kClose = "}::ap-formula-v1";
    std::vector<FormulaPiece> pieces;
    bool any = false;
    std::size_t at = 0;
    for (std::size_t open = text.find(kOpen); open != std::string_view::npos;
         open = text.find(kOpen, at)) {
        const std::size_t begin = open + kOpen.size();
        const std::size_t close = text.find(kClose, begin);
        if (close == std::string_view::npos) {
            break;
        }
        if (open > at) {
            pieces.push_back({false, text.substr(at, open - at)});
        }
        pieces.push_back({true, text.substr(begin, close - begin)});
        any = true;
        at = close + kClose.size();
    }
    if (!any) {
        return {};
    }
    if (at < text.size()) {
        pieces.push_back({false, text.substr(at)});
    }
    // One formula and blanks: the formula alone.
    const auto blank = [](const FormulaPiece& piece) {
        return !piece.is_formula && js_trim(piece.text).empty();
    };
    if (std::count_if(pieces.begin(), pieces.end(), blank) + 1 ==
        static_cast<std::ptrdiff_t>(pieces.size())) {
        std::erase_if(pieces, blank);
    }
    return pieces;
}

std::optional<SecretReference> secret_reference(std::string_view body) {
    SecretReference reference;
    std::string_view rest;
    if (body.starts_with("connections")) {
        rest = body.substr(std::string_view("connections").size());
    } else if (body.starts_with("variables")) {
        reference.kind = SecretKind::variable;
        rest = body.substr(std::string_view("variables").size());
    } else {
        return std::nullopt;
    }
    rest = js_trim_start(rest);
    const std::size_t sign = rest.starts_with("?.") ? 2 : rest.starts_with('.') ? 1 : 0;
    const bool dot = sign != 0;
    if (dot) {
        rest = js_trim_start(rest.substr(sign));
    }
    if (rest.starts_with("['") || rest.starts_with("[\"")) {
        const std::string close = std::string(1, rest[1]) + "]";
        const std::size_t end = rest.find(close, 2);
        if (end != std::string_view::npos) {
            reference.name = std::string(rest.substr(2, end - 2));
            reference.path = rest.substr(end + 2);
        }
    } else if (dot) {
        const std::size_t end =
            std::min(rest.find_first_of(".[?(){}|&=!+*/%<>:,; \t\r\n"), rest.size());
        reference.name = std::string(rest.substr(0, end));
        reference.path = rest.substr(end);
    } else {
        return std::nullopt;  // a name that only begins like that
    }
    return reference;
}

}  // namespace sallyport::engine
