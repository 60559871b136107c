#include "module/policy/webhook_template.hpp"

#include "common/bytes.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::policy::webhook {
namespace {

struct Name {
    std::string_view word;
    Part::Kind kind;
    bool takes_name;
};
constexpr std::array kNames = {
    Name{"body", Part::Kind::body, false},
    Name{"timestamp", Part::Kind::timestamp, false},
    Name{"method", Part::Kind::method, false},
    Name{"url", Part::Kind::url, false},
    Name{"url_hubspot", Part::Kind::url_hubspot, false},
    Name{"path", Part::Kind::path, false},
    Name{"header", Part::Kind::header, true},
    Name{"query", Part::Kind::query, true},
    Name{"json", Part::Kind::json, true},
    Name{"json?", Part::Kind::json_or_nothing, true},
    Name{"json_raw", Part::Kind::json_raw, true},
    Name{"json_php", Part::Kind::json_php, true},
    Name{"sig", Part::Kind::sig_field, true},
    Name{"form", Part::Kind::form, true},
    Name{"form_sorted", Part::Kind::form_sorted, false},
    Name{"body_sha256_hex", Part::Kind::body_sha256_hex, false},
    Name{"body_crc32", Part::Kind::body_crc32, false},
    Name{"secret", Part::Kind::secret, false},
};

constexpr std::string_view kRemedy =
    "; known are {body} {timestamp} {method} {url} {url_hubspot} {path} {header:NAME} {query:NAME} "
    "{json:a.b} {json?:a.b} {json_raw:a.b} {json_php:a.b} {sig:NAME} {form:NAME} {form_sorted} "
    "{param:NAME} {body_sha256_hex} {body_crc32} {secret}";

void append_literal(Template& out, std::string_view text) {
    if (text.empty()) {
        return;
    }
    if (out.parts.empty() || out.parts.back().kind != Part::Kind::literal) {
        out.parts.emplace_back();
    }
    out.parts.back().text.append(text);
}

Status append_variable(Template& out, std::string_view inside,
                       const std::map<std::string, std::string>& params, bool open) {
    const std::size_t colon = inside.find(':');
    const std::string_view word = inside.substr(0, colon);
    const bool named = colon != std::string_view::npos;
    const std::string_view name = named ? inside.substr(colon + 1) : std::string_view();
    if (word == "param" && !name.empty()) {
        const auto found = params.find(std::string(name));
        if (found == params.end() && open) {
            append_literal(out, name);
            return Done{};
        }
        if (found == params.end()) {
            return Error{"{param:" + std::string(name) +
                         "} has no value; add param:" + std::string(name) + "=<value>"};
        }
        append_literal(out, found->second);
        return Done{};
    }
    for (const Name& known : kNames) {
        if (known.word == word && known.takes_name == named && (!named || !name.empty())) {
            out.parts.push_back({known.kind, std::string(name), 0});
            return Done{};
        }
    }
    return Error{"\"{" + std::string(inside) + "}\" is not a template variable" +
                 std::string(kRemedy)};
}

}  // namespace

bool is_json(Part::Kind kind) {
    return kind == Part::Kind::json || kind == Part::Kind::json_or_nothing ||
           kind == Part::Kind::json_raw || kind == Part::Kind::json_php;
}

bool after_body(Part::Kind kind) {
    return kind >= Part::Kind::body_sha256_hex;
}

bool Template::has(Part::Kind kind) const {
    return std::any_of(parts.begin(), parts.end(), [&](const Part& p) { return p.kind == kind; });
}

bool Template::has(Part::Kind kind, std::string_view name) const {
    return std::any_of(parts.begin(), parts.end(), [&](const Part& p) {
        return p.kind == kind &&
               (kind == Part::Kind::header ? ascii_iequals(p.text, name) : p.text == name);
    });
}

bool Template::has_around(std::string_view path) const {
    return std::any_of(parts.begin(), parts.end(), [&](const Part& p) {
        return (p.kind == Part::Kind::json_raw || p.kind == Part::Kind::json_php) &&
               path.starts_with(p.text) &&
               (path.size() == p.text.size() || path[p.text.size()] == '.');
    });
}

bool Template::covers_body() const {
    return has(Part::Kind::body) || has(Part::Kind::body_sha256_hex) ||
           has(Part::Kind::form_sorted);
}

Result<Template> parse_template(std::string_view text,
                                const std::map<std::string, std::string>& params, bool open) {
    Template out;
    while (!text.empty()) {
        const std::size_t begin = text.find('{');
        append_literal(out, text.substr(0, begin));
        if (begin == std::string_view::npos) {
            break;
        }
        const std::size_t close = text.find('}', begin);
        if (close == std::string_view::npos) {
            return Error{"the template's \"{\" is never closed; write {body} or another variable"};
        }
        const Status added =
            append_variable(out, text.substr(begin + 1, close - begin - 1), params, open);
        if (!added) {
            return added.error();
        }
        text.remove_prefix(close + 1);
    }
    return out;
}

}  // namespace sallyport::policy::webhook
