#include "engine/core/flows/connection_references.hpp"

#include "engine/core/expressions/template_tokens.hpp"

#include <optional>

namespace sallyport::engine {
namespace {

constexpr std::string_view kConnectionsWord = "connections";

// Whether a name that begins at `at` is one of the expression's own, not a part or a member of
// something else. `...connections` spreads it.
bool begins_reference(std::string_view text, std::size_t at) {
    const std::size_t last = at == 0 ? at : text.find_last_not_of(" \t\r\n", at - 1);
    if (at == 0 || last == std::string_view::npos) {
        return true;
    }
    const char before = text[at - 1];
    const bool in_name = (before >= 'a' && before <= 'z') || (before >= 'A' && before <= 'Z') ||
                         (before >= '0' && before <= '9') || before == '_' || before == '$' ||
                         static_cast<unsigned char>(before) >= 0x80;
    const bool member = text[last] == '.' && !(last >= 2 && text.substr(last - 2, 3) == "...");
    return !in_name && !member;
}

// The length of the reference to `name` that begins at the start of `text`.
std::optional<std::size_t> reference_length(std::string_view text, std::string_view name) {
    const auto reference = secret_reference(text);
    if (!reference || reference->kind != SecretKind::connection || reference->name != name) {
        return std::nullopt;
    }
    return text.size() - reference->path.size();
}

std::string expression_with(std::string_view text, std::string_view from, const std::string& now) {
    std::string out;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t found = text.find(kConnectionsWord, at);
        if (found == std::string_view::npos) {
            break;
        }
        out += text.substr(at, found - at);
        const auto length = begins_reference(text, found)
                                ? reference_length(text.substr(found), from)
                                : std::nullopt;
        out += length ? now : std::string(kConnectionsWord);
        at = found + length.value_or(kConnectionsWord.size());
    }
    return at < text.size() ? out + std::string(text.substr(at)) : out;
}

}  // namespace

std::string with_connection(std::string_view text, std::string_view from, std::string_view to) {
    const std::string quote = to.find('\'') == std::string_view::npos ? "'" : "\"";
    const std::string now =
        std::string(kConnectionsWord) + "[" + quote + std::string(to) + quote + "]";
    std::string out;
    std::size_t at = 0;
    for (const TemplateToken& token : find_template_tokens(text)) {
        out += text.substr(at, token.begin - at);
        out += expression_with(text.substr(token.begin, token.end - token.begin), from, now);
        at = token.end;
    }
    return out + std::string(text.substr(at));
}

Json settings_with_connection(const Json& settings, std::string_view from, std::string_view to) {
    if (settings.is_string()) {
        return Json::string(with_connection(settings.text(), from, to));
    }
    if (settings.is_array()) {
        Json out = Json::array();
        settings.each_element(
            [&](const Json& item) { out.append(settings_with_connection(item, from, to)); });
        return out;
    }
    if (settings.is_object()) {
        Json out = Json::object();
        settings.each_member([&](std::string_view key, const Json& member) {
            out.set(key, key == "sourceCode" ? member : settings_with_connection(member, from, to));
        });
        return out;
    }
    return settings;
}

}  // namespace sallyport::engine
