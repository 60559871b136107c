#include "engine/adapters/input_resolver.hpp"

#include "engine/core/template.hpp"

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

Result<ResolvedInput> outcome(TemplateResult result) {
    switch (result.status) {
        case TemplateResult::Status::resolved:
            return ResolvedInput{std::move(result.value), std::move(result.logged)};
        case TemplateResult::Status::failed:
            return Error{std::move(result.error)};
        case TemplateResult::Status::needs_sandbox:
            break;
    }
    return Error{"The expressions of this step's input could not be evaluated"};
}

void finish(const Resolution& resolution, EvaluateResult evaluated) {
    if (evaluated.status != SandboxStatus::ok) {
        resolution.done(Error{"The expressions of this step's input could not be evaluated: " +
                              (evaluated.error.empty() ? std::string(to_string(evaluated.status))
                                                       : evaluated.error)});
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
