#include "engine/adapters/runs/input_resolver.hpp"

#include "engine/core/expressions/template.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace sallyport::engine {
namespace {

// Expressions are small; one that runs longer is a loop without an end.
constexpr std::uint32_t kExpressionTimeMs = 5000;

// One resolution in the making.
struct Resolution {
    Json input;
    TemplateScope scope;
    InputResolver::Done done;
};

bool may_name_secrets(const Json& value) {
    bool may = false;
    if (value.is_string()) {
        const std::string_view text = value.text();
        return text.find("connections") != std::string_view::npos ||
               text.find("variables") != std::string_view::npos;
    }
    value.each_element([&may](const Json& item) { may = may || may_name_secrets(item); });
    value.each_member(
        [&may](std::string_view, const Json& member) { may = may || may_name_secrets(member); });
    return may;
}

ResolvedInput no_input(SandboxStatus status, std::string error) {
    return {status, {}, {}, std::move(error)};
}

ResolvedInput outcome(TemplateResult result) {
    switch (result.status) {
        case TemplateResult::Status::resolved:
            return {SandboxStatus::ok, std::move(result.value), std::move(result.logged), {}};
        case TemplateResult::Status::failed:
            return no_input(SandboxStatus::error, std::move(result.error));
        case TemplateResult::Status::needs_sandbox:
            break;
    }
    return no_input(SandboxStatus::error,
                    "The expressions of this step's input could not be evaluated");
}

std::string problem_of(EvaluateResult evaluated) {
    switch (evaluated.status) {
        case SandboxStatus::timeout:
            return "The expressions of this step's input took longer than they may";
        case SandboxStatus::memory_limit:
            return "The expressions of this step's input used more memory than they may";
        default:
            return "The expressions of this step's input could not be evaluated: " +
                   (evaluated.error.empty() ? std::string(to_string(evaluated.status))
                                            : std::move(evaluated.error));
    }
}

void finish(const Resolution& resolution, EvaluateResult evaluated) {
    const SandboxStatus status = evaluated.status;
    if (status != SandboxStatus::ok) {
        resolution.done(no_input(status, problem_of(std::move(evaluated))));
        return;
    }
    std::vector<SandboxAnswer> answers;
    for (ExpressionResult& result : evaluated.results) {
        answers.push_back({result.ok, std::move(result.value)});
    }
    resolution.done(outcome(resolve_template(resolution.input, resolution.scope, answers)));
}

}  // namespace

void InputResolver::resolve(const std::string& project_id, const Json& input, const Json& steps,
                            int schema, Done done) {
    TemplateScope scope{steps, schema, Json::object(), Json::object()};
    // Nearly no step names a secret: looked for by the words before anything is parsed.
    TemplateReferences wanted =
        may_name_secrets(input) ? template_references(input) : TemplateReferences{};
    if (wanted.connections.empty() && wanted.variables.empty()) {
        return resolve_in(project_id, input, std::move(scope), std::move(done));
    }
    secrets_.secrets(
        project_id, std::move(wanted.connections), std::move(wanted.variables),
        [this, project_id, input, scope = std::move(scope),
         done = std::move(done)](Result<std::optional<NamedSecrets>> found) mutable {
            if (!found.ok()) {
                return done(no_input(SandboxStatus::error, found.message()));
            }
            if (!found->has_value()) {
                return done(no_input(SandboxStatus::overloaded, "The store did not answer"));
            }
            scope.connections = std::move((*found)->connections);
            scope.variables = std::move((*found)->variables);
            resolve_in(project_id, input, std::move(scope), std::move(done));
        });
}

void InputResolver::resolve_in(const std::string& project_id, const Json& input,
                               TemplateScope scope, Done done) {
    TemplateResult result = resolve_template(input, scope);
    if (result.status != TemplateResult::Status::needs_sandbox) {
        done(outcome(std::move(result)));
        return;
    }
    EvaluateRequest request;
    request.tenant = project_id;
    request.expressions = std::move(result.expressions);
    request.scope = std::move(result.expression_scope);
    request.limits.time_ms = kExpressionTimeMs;
    const auto resolution =
        std::make_shared<Resolution>(Resolution{input, std::move(scope), std::move(done)});
    sandbox_.evaluate(std::move(request), [resolution](EvaluateResult evaluated) {
        finish(*resolution, std::move(evaluated));
    });
}

}  // namespace sallyport::engine
