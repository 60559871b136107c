#include "engine/core/program.hpp"

#include <optional>

namespace sallyport::engine {
namespace {

std::optional<StepKind> kind_from(std::string_view type) {
    for (const StepKind kind :
         {StepKind::trigger, StepKind::code, StepKind::piece, StepKind::loop, StepKind::router}) {
        if (type == to_string(kind)) {
            return kind;
        }
    }
    return type == "EMPTY" ? std::optional(StepKind::trigger) : std::nullopt;
}

Result<Step> compile_step(const Json& json) {
    const auto kind = kind_from(json["type"].text());
    if (!kind) {
        return Error{"step type " + std::string(json["type"].text()) + " is unknown"};
    }
    const Json settings = json["settings"];
    const Json on_error = settings["errorHandlingOptions"];
    Step step;
    step.name = json["name"].text();
    step.display_name = json["displayName"].text();
    step.kind = *kind;
    step.settings = settings;
    step.piece = settings["pieceName"].text();
    step.action =
        *kind == StepKind::trigger ? settings["triggerName"].text() : settings["actionName"].text();
    step.skip = *kind != StepKind::trigger && json["skip"].is_true();
    step.retry_on_failure = on_error["retryOnFailure"]["value"].is_true();
    step.continue_on_failure = on_error["continueOnFailure"]["value"].is_true();
    return step;
}

}  // namespace

std::string_view to_string(StepKind kind) {
    switch (kind) {
        case StepKind::trigger:
            return "PIECE_TRIGGER";
        case StepKind::code:
            return "CODE";
        case StepKind::piece:
            return "PIECE";
        case StepKind::loop:
            return "LOOP_ON_ITEMS";
        case StepKind::router:
            return "ROUTER";
    }
    return "CODE";
}

std::size_t Program::skip_from(std::size_t at) const {
    while (at != Step::kNone && steps[at].skip) {
        at = steps[at].next;
    }
    return at;
}

std::size_t Program::find(std::string_view name) const {
    for (std::size_t i = 0; i < steps.size(); ++i) {
        if (steps[i].name == name) {
            return i;
        }
    }
    return Step::kNone;
}

Result<std::shared_ptr<const Program>> compile_program(std::string_view flow_id,
                                                       std::string_view version_id,
                                                       std::string_view display_name, int schema,
                                                       const Json& trigger) {
    auto program = std::make_shared<Program>();
    program->flow_id = flow_id;
    program->version_id = version_id;
    program->display_name = display_name;
    program->schema = schema;
    for (Json at = trigger; at.is_object(); at = at["nextAction"]) {
        Result<Step> step = compile_step(at);
        if (!step.ok()) {
            return step.error();
        }
        const std::size_t index = program->steps.size();
        if (index > 0) {
            program->steps[index - 1].next = index;
        }
        program->steps.push_back(*std::move(step));
    }
    if (program->steps.empty() || program->steps.front().kind != StepKind::trigger) {
        return Error{"the flow has no trigger"};
    }
    return std::shared_ptr<const Program>(std::move(program));
}

}  // namespace sallyport::engine
