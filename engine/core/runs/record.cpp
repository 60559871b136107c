#include "engine/core/runs/record.hpp"

#include "common/json_depth.hpp"
#include "engine/core/runs/machine.hpp"

#include <algorithm>
#include <string>

namespace sallyport::engine {
namespace {

std::string_view status_text(StepStatus status) {
    switch (status) {
        case StepStatus::not_reached:
        case StepStatus::running:
            return "RUNNING";
        case StepStatus::succeeded:
            return "SUCCEEDED";
        case StepStatus::failed:
            return "FAILED";
        case StepStatus::paused:
            return "PAUSED";
    }
    return "RUNNING";
}

Json step_json(const Program& program, std::size_t at, const StepRecord& record,
               const RunState* live);

Json iteration_json(const Program& program, const Iteration& iteration) {
    Json steps = Json::object();
    for (const auto& [at, record] : iteration.steps) {
        if (record.status != StepStatus::not_reached) {
            steps.set(program.steps[at].name, step_json(program, at, record, nullptr));
        }
    }
    return steps;
}

bool is_open(const RunState& state, std::size_t loop) {
    return std::any_of(state.frames.begin(), state.frames.end(),
                       [loop](const Frame& frame) { return frame.step == loop; });
}

// The turn under way: its steps are among the state's records still.
Json turn_json(const Program& program, const RunState& state, std::size_t loop) {
    Json steps = Json::object();
    for (std::size_t i = loop + 1; i < program.steps[loop].end; ++i) {
        const StepRecord& record = state.records[i];
        if (record.status != StepStatus::not_reached && program.loop_around(i) == loop) {
            steps.set(program.steps[i].name, step_json(program, i, record, &state));
        }
    }
    return steps;
}

// `live` is the state that the loop's turn under way stands in, if there may be one.
Json loop_json(const Program& program, std::size_t loop, const StepRecord& record,
               const RunState* live) {
    Json iterations = Json::array();
    for (const Iteration& iteration : record.iterations) {
        iterations.append(iteration_json(program, iteration));
    }
    if (live != nullptr && is_open(*live, loop)) {
        iterations.append(turn_json(program, *live, loop));
    }
    Json output = Json::object();
    if (record.output.has("item")) {
        output.set("item", record.output["item"]);
    }
    output.set("index", Json::integer(record.output["index"].integer_or(0)));
    output.set("iterations", iterations);
    return output;
}

Json step_json(const Program& program, std::size_t at, const StepRecord& record,
               const RunState* live) {
    const Step& step = program.steps[at];
    Json json = Json::object({{"type", Json::string(to_string(step.kind))},
                              {"status", Json::string(status_text(record.status))},
                              {"input", record.input.exists() ? record.input : Json::object()}});
    if (record.status == StepStatus::failed) {
        json.set("errorMessage", Json::string(record.error));
    } else if (step.kind == StepKind::loop && record.status == StepStatus::succeeded) {
        json.set("output", loop_json(program, at, record, live));
    } else if (record.output.exists()) {
        json.set("output", record.output);
    }
    if (step.kind != StepKind::trigger && record.finished_ms > 0) {
        json.set("duration", Json::integer(record.finished_ms - record.started_ms));
    }
    return json;
}

// As the contract's own screens read it: `68 KB`, `3.4 MB`.
std::string size_text(std::size_t bytes) {
    constexpr std::size_t kKb = 1024;
    if (bytes < kKb * kKb) {
        return std::to_string((bytes + kKb - 1) / kKb) + " KB";
    }
    const std::size_t tenths = bytes * 10 / (kKb * kKb);
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MB";
}

}  // namespace

bool is_too_deep(const Json& value) {
    return is_deeper_than(value, kValueDepthMax);
}

Json loop_output(const Program& program, const RunState& state, std::size_t loop) {
    return loop_json(program, loop, state.records[loop], nullptr);
}

Json steps_json(const Program& program, const RunState& state) {
    Json steps = Json::object();
    for (std::size_t i = 0; i < state.records.size() && i < program.steps.size(); ++i) {
        if (state.records[i].status != StepStatus::not_reached &&
            program.loop_around(i) == Step::kNone) {
            steps.set(program.steps[i].name, step_json(program, i, state.records[i], &state));
        }
    }
    return steps;
}

Json failed_step_json(const Program& program, const RunState& state) {
    const std::size_t at =
        state.failed_step.empty() ? Step::kNone : program.find(state.failed_step);
    if (at == Step::kNone || at >= state.records.size()) {
        return {};
    }
    return Json::object({{"name", Json::string(program.steps[at].name)},
                         {"displayName", Json::string(program.steps[at].display_name)},
                         {"message", Json::string(std::string_view(state.records[at].error)
                                                      .substr(0, kFailureMessageBytesMax))}});
}

std::size_t recorded_steps(const RunState& state) {
    return state.executed;
}

Json shown_input(const Json& logged, std::size_t bytes_max) {
    if (!logged.is_object()) {
        return logged;
    }
    if (is_too_deep(logged)) {
        return Json::string("(nested too deeply to be shown)");
    }
    Json out = Json::object();
    logged.each_member([&out, bytes_max](std::string_view key, const Json& value) {
        const bool is_long = value.size() > 0 && !is_surely_within(value, bytes_max);
        const std::size_t size = value.is_string() ? value.text().size()
                                 : is_long         ? value.dump().size()
                                                   : 0;
        out.set(key, size > bytes_max
                         ? Json::string("(truncated, original size " + size_text(size) + ")")
                         : value);
    });
    return out;
}

}  // namespace sallyport::engine
