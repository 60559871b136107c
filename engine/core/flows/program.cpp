#include "engine/core/flows/program.hpp"

#include "engine/core/expressions/js_text.hpp"

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
    step.input = *kind == StepKind::loop     ? Json::object({{"items", settings["items"]}})
                 : *kind == StepKind::router ? Json::object({{"branches", settings["branches"]}})
                                             : settings["input"];
    step.skip = *kind != StepKind::trigger && js_truth(json["skip"]);
    step.retry_on_failure = js_truth(on_error["retryOnFailure"]["value"]);
    step.continue_on_failure = js_truth(on_error["continueOnFailure"]["value"]);
    return step;
}

// Deeper trees than this are refused: compiling them recurses.
constexpr std::size_t kNestingMax = 64;

class Compiler {
  public:
    explicit Compiler(std::vector<Step>& steps) : steps_(steps) {}

    // Appends `first` and what follows it; `head` becomes its index, kNone for an empty chain.
    Status chain(const Json& first, std::size_t parent, std::size_t depth, std::size_t& head) {
        if (depth > kNestingMax) {
            return Error{"loops and routers are nested more than " + std::to_string(kNestingMax) +
                         " deep"};
        }
        head = Step::kNone;
        std::size_t before = Step::kNone;
        for (Json at = first; at.is_object(); at = at["nextAction"]) {
            const std::size_t index = steps_.size();
            const Status added = add(at, parent, depth);
            if (!added.ok()) {
                return added;
            }
            (before == Step::kNone ? head : steps_[before].next) = index;
            before = index;
        }
        return Done{};
    }

  private:
    Status add(const Json& json, std::size_t parent, std::size_t depth) {
        Result<Step> step = compile_step(json);
        if (!step.ok()) {
            return step.error();
        }
        step->parent = parent;
        const std::size_t index = steps_.size();
        steps_.push_back(*std::move(step));
        const StepKind kind = steps_[index].kind;
        if (kind == StepKind::loop) {
            const Status body = branch(json["firstLoopAction"], index, depth);
            if (!body.ok()) {
                return body;
            }
        } else if (kind == StepKind::router) {
            const Json children = json["children"];
            for (std::size_t i = 0; i < children.size(); ++i) {
                const Status child = branch(children.at(i), index, depth);
                if (!child.ok()) {
                    return child;
                }
            }
        } else if (const Json sides = json["continueOnFailureBranches"]; sides.is_object()) {
            for (const std::string_view side : {"onSuccess", "onFailure"}) {
                const Status child = branch(sides[side], index, depth);
                if (!child.ok()) {
                    return child;
                }
            }
        }
        steps_[index].end = steps_.size();
        return Done{};
    }

    Status branch(const Json& first, std::size_t owner, std::size_t depth) {
        std::size_t head = Step::kNone;
        const Status compiled = chain(first, owner, depth + 1, head);
        steps_[owner].branches.push_back(head);
        return compiled;
    }

    std::vector<Step>& steps_;
};

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

std::size_t Program::loop_around(std::size_t at) const {
    for (at = steps[at].parent; at != Step::kNone; at = steps[at].parent) {
        if (steps[at].kind == StepKind::loop) {
            return at;
        }
    }
    return Step::kNone;
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
    std::size_t head = Step::kNone;
    const Status compiled = Compiler(program->steps).chain(trigger, Step::kNone, 0, head);
    if (!compiled.ok()) {
        return compiled.error();
    }
    if (program->steps.empty() || program->steps.front().kind != StepKind::trigger) {
        return Error{"the flow has no trigger"};
    }
    return std::shared_ptr<const Program>(std::move(program));
}

}  // namespace sallyport::engine
