#include "engine/core/expressions/template.hpp"

#include "common/limits.hpp"
#include "engine/core/expressions/expression.hpp"
#include "engine/core/expressions/js_text.hpp"
#include "engine/core/expressions/template_tokens.hpp"

#include <algorithm>
#include <optional>

namespace sallyport::engine {
namespace {

// What evaluates a formula, in the sandbox (engine/jsbox/prelude/formula.js).
constexpr std::string_view kFormulaFunction = "$formula";

Json empty_text() {
    return Json::string("");
}

// The names in an expression, its strings and properties included: a superset is enough.
void collect_names(std::string_view expression, std::set<std::string>& names) {
    const auto is_part = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '$';
    };
    std::size_t at = 0;
    while (at < expression.size()) {
        std::size_t end = at;
        while (end < expression.size() && is_part(expression[end])) {
            ++end;
        }
        if (end > at) {
            names.emplace(expression.substr(at, end - at));
        }
        at = std::max(end, at + 1);
    }
}

struct Resolved {
    Json value;
    Json logged;
};

class Resolver {
  public:
    Resolver(const TemplateScope& scope, std::span<const SandboxAnswer> answers)
        : names_(visible_names(scope)), scope_(scope), answers_(answers) {}

    TemplateResult run(const Json& input) {
        Resolved resolved = resolve(input, 0);
        if (!result_.error.empty()) {
            result_.status = TemplateResult::Status::failed;
        } else if (!result_.expressions.empty()) {
            result_.status = TemplateResult::Status::needs_sandbox;
            gather_scope();
        } else {
            result_.value = std::move(resolved.value);
            result_.logged = std::move(resolved.logged);
        }
        return std::move(result_);
    }

  private:
    struct TokenValue {
        Json value;
        bool secret = false;
    };

    static Json visible_names(const TemplateScope& scope) {
        if (scope.schema > kBareOutputSchemaMax) {
            return scope.steps.is_object() ? scope.steps : Json::object();
        }
        Json names = Json::object();
        scope.steps.each_member([&](std::string_view name, const Json& step) {
            const Json output = step["output"];
            if (output.exists()) {
                names.set(name, output);
            }
        });
        return names;
    }

    bool stopped() const { return !result_.error.empty(); }
    void fail(std::string message) {
        if (!stopped()) {
            result_.error = std::move(message);
        }
    }

    Resolved resolve(const Json& node, std::size_t depth) {
        if (depth > limits::kJsonDepthMax) {
            fail("the step's input is nested too deeply");
        }
        if (stopped()) {
            return {};
        }
        if (node.is_string()) {
            return resolve_text(node);
        }
        if (node.is_array()) {
            Resolved list{Json::array(), Json::array()};
            node.each_element([&](const Json& element) {
                const Resolved part = resolve(element, depth + 1);
                list.value.append(part.value);
                list.logged.append(part.logged);
            });
            return list;
        }
        if (node.is_object()) {
            Resolved object{Json::object(), Json::object()};
            node.each_member([&](std::string_view key, const Json& member) {
                const Resolved part = resolve(member, depth + 1);
                object.value.set(key, part.value);
                object.logged.set(key, part.logged);
            });
            return object;
        }
        return {node, node};
    }

    Resolved resolve_text(const Json& node) {
        const std::string_view text = node.text();
        if (const auto pieces = formula_pieces(text); !pieces.empty()) {
            return resolve_pieces(pieces);
        }
        const auto tokens = find_template_tokens(text);
        if (tokens.empty()) {
            return {node, node};
        }
        std::vector<TokenValue> values;
        bool secret = false;
        for (const auto& token : tokens) {
            values.push_back(evaluate(token.body));
            secret = secret || values.back().secret;
        }
        if (stopped()) {
            return {};
        }
        Json value = compose(text, tokens, values);
        if (!secret) {
            return {value, value};
        }
        for (auto& token : values) {
            token.value = token.secret ? Json::string(kRedactedText) : token.value;
        }
        return {value, compose(text, tokens, values)};
    }

    // A text with formulas: one formula keeps its type, others become text beside text.
    Resolved resolve_pieces(const std::vector<FormulaPiece>& pieces) {
        std::vector<Resolved> parts;
        for (const FormulaPiece& piece : pieces) {
            if (!piece.is_formula) {
                parts.push_back(resolve_text(Json::string(piece.text)));
                continue;
            }
            const TokenValue value = evaluate_formula(piece.text);
            parts.push_back(
                {value.value, value.secret ? Json::string(kRedactedText) : value.value});
        }
        if (stopped() || parts.size() == 1) {
            return stopped() ? Resolved{} : parts.front();
        }
        std::string value;
        std::string logged;
        for (const Resolved& part : parts) {
            append_text(part.value, value);
            append_text(part.logged, logged);
        }
        bytes_ += value.size();
        return {Json::string(value), Json::string(logged)};
    }

    // The formula's text with a name in place of each token, and the tokens as functions.
    TokenValue evaluate_formula(std::string_view body) {
        std::string text;
        std::string values;
        bool secret = false;
        std::size_t at = 0;
        std::size_t count = 0;
        for (const TemplateToken& token : find_template_tokens(body)) {
            text.append(body.substr(at, token.begin - at));
            text.append("__ap_v" + std::to_string(count) + "__");
            values.append(count++ == 0 ? "() => (" : ", () => (");
            values.append(expression_of(token.body, secret)).append("\n)");
            at = token.end;
        }
        text.append(body.substr(at));
        const SandboxAnswer* answer =
            ask_sandbox(std::string(kFormulaFunction) + "(" + Json::string(text).dump() + ", [" +
                        values + "])");
        if (answer == nullptr) {
            return {empty_text(), secret};
        }
        if (!answer->ok || answer->value.has("error")) {
            fail("the formula \"" + std::string(body) + "\" cannot be evaluated: " +
                 (answer->ok ? std::string(answer->value["error"].text())
                             : "one of its values is not an expression"));
            return {empty_text(), secret};
        }
        const Json value = answer->value["value"];
        return {value.exists() && !value.is_null() ? value : empty_text(), secret};
    }

    std::string expression_of(std::string_view body, bool& secret) {
        const auto reference = secret_reference(body);
        if (!reference) {
            return body.empty() ? "null" : std::string(body);
        }
        const Json value = secret_value(*reference);
        if (!value.exists()) {
            return "null";
        }
        secret = true;
        return name_of_secret(value) + std::string(reference->path);
    }

    Json compose(std::string_view text, const std::vector<TemplateToken>& tokens,
                 const std::vector<TokenValue>& values) {
        const std::string_view trimmed = js_trim_start(js_trim_end(text));
        if (tokens.size() == 1 && tokens[0].end - tokens[0].begin == trimmed.size()) {
            return values[0].value;
        }
        const bool merge = std::any_of(tokens.begin(), tokens.end(), [](const auto& token) {
            return token.body.starts_with("flattenNestedKeys");
        });
        if (!merge) {
            return join(text, tokens, values, std::nullopt);
        }
        // Columns become rows: one text for each element of the longest list.
        std::size_t rows = 0;
        for (const auto& token : values) {
            rows = std::max(rows, token.value.is_array() ? token.value.size() : 0);
        }
        Json list = Json::array();
        for (std::size_t row = 0; row < rows && !stopped(); ++row) {
            list.append(join(text, tokens, values, row));
        }
        return list;
    }

    Json join(std::string_view text, const std::vector<TemplateToken>& tokens,
              const std::vector<TokenValue>& values, std::optional<std::size_t> row) {
        std::string out;
        std::size_t at = 0;
        for (std::size_t i = 0; i < tokens.size() && !stopped(); ++i) {
            out.append(text.substr(at, tokens[i].begin - at));
            const Json& value = values[i].value;
            const Json cell = row && value.is_array() ? value.at(*row) : value;
            if (!row || (cell.exists() && !cell.is_null())) {
                append_text(cell, out);
            }
            at = tokens[i].end;
        }
        out.append(text.substr(at));
        bytes_ += out.size();
        if (bytes_ > kTemplateTextBytesMax) {
            fail_size();
        }
        return Json::string(out);
    }

    void append_text(const Json& value, std::string& out) {
        if (value.is_string()) {
            out.append(value.text());
            return;
        }
        const auto written = js_stringify(value, kTemplateTextBytesMax);
        if (!written || bytes_ + out.size() + written->size() > kTemplateTextBytesMax) {
            fail_size();
            return;
        }
        out.append(*written);
    }

    void fail_size() {
        fail("the step's input is larger than " + std::to_string(kTemplateTextBytesMax) +
             " bytes when resolved");
    }

    TokenValue evaluate(std::string_view body) {
        if (stopped() || body.empty()) {
            return {empty_text(), false};
        }
        const auto reference = secret_reference(body);
        if (reference) {
            return {secret(*reference), !reference->name.empty()};
        }
        return {settle(std::string(body), names_), false};
    }

    Json secret(const SecretReference& reference) {
        const Json value = secret_value(reference);
        if (!value.exists()) {
            return empty_text();
        }
        if (js_trim_start(reference.path).empty()) {
            return value;
        }
        const std::string name = name_of_secret(value);
        return settle(name + std::string(reference.path), Json::object({{name, value}}));
    }

    // Absent when it names none.
    Json secret_value(const SecretReference& reference) {
        if (reference.name.empty()) {
            return {};
        }
        const bool connection = reference.kind == SecretKind::connection;
        const Json value = (connection ? scope_.connections : scope_.variables)[reference.name];
        if (!value.exists()) {
            fail((connection ? "connection (" : "variable (") + reference.name + ") not found");
        }
        return value;
    }

    // A name that no step has, for one expression.
    std::string name_of_secret(const Json& value) {
        const std::string name = "$secret" + std::to_string(secrets_.size());
        secrets_.set(name, value);
        return name;
    }

    // The value of an expression, as it takes the token's place.
    Json settle(std::string expression, const Json& names) {
        const Evaluation evaluation = evaluate_expression(expression, names);
        if (evaluation.verdict == Verdict::threw) {
            return empty_text();
        }
        if (evaluation.verdict == Verdict::value) {
            return evaluation.value.is_nullish()
                       ? empty_text()
                       : evaluation.value.to_json().value_or(Json::null());  // NaN: JSON's null
        }
        const SandboxAnswer* answer = ask_sandbox(std::move(expression));
        const bool nothing = answer == nullptr || !answer->ok || !answer->value.exists();
        return nothing ? empty_text() : answer->value;
    }

    // Null: it has to be asked first.
    const SandboxAnswer* ask_sandbox(std::string expression) {
        const std::size_t index = asked_++;
        if (index >= answers_.size()) {
            result_.expressions.push_back(std::move(expression));
            return nullptr;
        }
        return &answers_[index];
    }

    void gather_scope() {
        std::set<std::string> mentioned;
        for (const auto& expression : result_.expressions) {
            collect_names(expression, mentioned);
        }
        result_.expression_scope = Json::object();
        for (const auto& name : mentioned) {
            const Json step = names_[name];
            const Json value = step.exists() ? step : secrets_[name];
            if (value.exists()) {
                result_.expression_scope.set(name, value);
            }
        }
    }

    Json names_;
    const TemplateScope& scope_;
    std::span<const SandboxAnswer> answers_;
    std::size_t asked_ = 0;
    Json secrets_ = Json::object();
    std::size_t bytes_ = 0;
    TemplateResult result_;
};

void collect_from_text(std::string_view text, TemplateReferences& found) {
    for (const auto& token : find_template_tokens(text)) {
        const auto reference = secret_reference(token.body);
        if (!reference) {
            collect_names(token.body, found.names);
        } else if (!reference->name.empty()) {
            (reference->kind == SecretKind::connection ? found.connections : found.variables)
                .insert(reference->name);
        }
    }
}

void collect_references(const Json& node, std::size_t depth, TemplateReferences& found) {
    if (depth > limits::kJsonDepthMax) {
        return;  // resolve_template() refuses it
    }
    if (node.is_string()) {
        const auto pieces = formula_pieces(node.text());
        for (const FormulaPiece& piece : pieces) {
            collect_from_text(piece.text, found);
        }
        if (pieces.empty()) {
            collect_from_text(node.text(), found);
        }
    }
    node.each_element([&](const Json& element) { collect_references(element, depth + 1, found); });
    node.each_member([&](std::string_view, const Json& member) {
        collect_references(member, depth + 1, found);
    });
}

}  // namespace

TemplateResult resolve_template(const Json& input, const TemplateScope& scope,
                                std::span<const SandboxAnswer> answers) {
    return Resolver(scope, answers).run(input);
}

TemplateReferences template_references(const Json& input) {
    TemplateReferences found;
    collect_references(input, 0, found);
    return found;
}

}  // namespace sallyport::engine
