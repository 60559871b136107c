#include "engine/core/runs/turns.hpp"

#include "engine/core/runs/record.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

bool is_loop(const Program& program, const Frame& frame) {
    return program.steps[frame.step].kind == StepKind::loop;
}

void set_path(const Program& program, RunState& state) {
    state.path.clear();
    for (const Frame& frame : state.frames) {
        if (is_loop(program, frame)) {
            state.path += state.path.empty() ? "" : ".";
            state.path += std::to_string(frame.turn);
        }
    }
}

// The records of the loop's inside become an iteration of it. Those of a loop within it hold their
// own iterations already.
void collect(const Program& program, RunState& state, std::size_t loop) {
    Iteration iteration;
    for (std::size_t i = loop + 1; i < program.steps[loop].end; ++i) {
        if (state.records[i].status != StepStatus::not_reached) {
            iteration.steps.push_back({i, std::exchange(state.records[i], StepRecord{})});
        }
    }
    state.records[loop].iterations.push_back(std::move(iteration));
}

// What one turn left is not seen by the next.
void clear_scope(const Program& program, RunState& state, std::size_t loop) {
    for (std::size_t i = loop + 1; i < program.steps[loop].end; ++i) {
        state.scope.erase(program.steps[i].name);
    }
}

void publish(const Program& program, RunState& state, std::size_t step, const Json& output) {
    state.scope.set(program.steps[step].name, Json::object({{"output", output}}));
}

std::size_t close_frame(const Program& program, RunState& state, std::int64_t now_ms) {
    const std::size_t step = state.frames.back().step;
    const bool loop = is_loop(program, state.frames.back());
    state.frames.pop_back();
    set_path(program, state);
    if (loop) {
        state.records[step].finished_ms = now_ms;
        publish(program, state, step, loop_output(program, state, step));
    }
    return program.steps[step].next;
}

}  // namespace

std::size_t begin_turn(const Program& program, RunState& state, std::int64_t now_ms) {
    Frame& frame = state.frames.back();
    const Step& step = program.steps[frame.step];
    if (step.kind != StepKind::loop) {
        return frame.turn < frame.branches.size() &&
                       frame.branches[frame.turn] < step.branches.size()
                   ? step.branches[frame.branches[frame.turn]]
                   : close_frame(program, state, now_ms);
    }
    if (frame.turn >= frame.items.size()) {
        return close_frame(program, state, now_ms);
    }
    clear_scope(program, state, frame.step);
    const Json output =
        Json::object({{"item", frame.items.at(frame.turn)},
                      {"index", Json::integer(static_cast<std::int64_t>(frame.turn) + 1)}});
    state.records[frame.step].output = output;
    publish(program, state, frame.step, output);
    set_path(program, state);
    return step.branches.front();
}

std::size_t end_turn(const Program& program, RunState& state, std::int64_t now_ms) {
    Frame& frame = state.frames.back();
    if (is_loop(program, frame)) {
        collect(program, state, frame.step);
    }
    frame.turn += 1;
    return begin_turn(program, state, now_ms);
}

}  // namespace sallyport::engine
