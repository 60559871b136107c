// Templates: resolves the `{{ … }}` tokens in every string of a step's input. Pure.
//
// A token's body is a JavaScript expression over the steps' results. A string that is one token
// keeps the expression's type; in any other string results become text (JSON for what is not a
// string). What is undefined, null or throws becomes the empty text. Tokens that begin with
// `connections` or `variables` name a secret; where one is used, the logged form of the string says
// so instead.
//
// Expressions outside the native subset are handed out: resolve_template() then says
// `needs_sandbox` and lists them, and is called again, with the same input and scope and the
// sandbox's answers.
#pragma once

#include "common/json.hpp"

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// What is shown in place of a text that holds a secret.
inline constexpr std::string_view kRedactedText = "**REDACTED**";
// The texts one input may become, together: the webhook payload limit.
inline constexpr std::size_t kTemplateTextBytesMax = 25 * 1024 * 1024;
// Up to this flow schema a step's name means its output; from the next one on {output, error}.
inline constexpr int kBareOutputSchemaMax = 21;

struct TemplateScope {
    Json steps;  // step name -> {"output": …, "error"?: {"message": …}}; loops: the current one
    int schema = 22;   // the flow version's schemaVersion
    Json connections;  // externalId -> decrypted value; those of template_references() suffice
    Json variables;    // name -> value; likewise
};

struct SandboxAnswer {
    bool ok = false;  // false: it threw
    Json value;       // empty: undefined or null; JSON's null: NaN and its like
};

struct TemplateResult {
    enum class Status { resolved, needs_sandbox, failed };

    Status status = Status::resolved;
    Json value;   // resolved
    Json logged;  // resolved; secrets redacted
    // needs_sandbox: evaluate all of them, in this order, over `expression_scope`.
    std::vector<std::string> expressions;
    Json expression_scope;  // name -> value; only names that the expressions mention. Not to be
                            // logged
    std::string error;      // failed: the step fails with this message
};

TemplateResult resolve_template(const Json& input, const TemplateScope& scope,
                                std::span<const SandboxAnswer> answers = {});

struct TemplateReferences {
    std::set<std::string> names;  // every name in a token: a superset of the steps it refers to
    std::set<std::string> connections;
    std::set<std::string> variables;
};

// What must be loaded before resolve_template().
TemplateReferences template_references(const Json& input);

}  // namespace sallyport::engine
