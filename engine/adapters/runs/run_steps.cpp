// How the driver performs a step: its input is resolved, its effect is made, and what came of both
// is told to the machine.
#include "engine/adapters/runs/run_driver_impl.hpp"
#include "engine/core/pieces/wait.hpp"
#include "engine/core/runs/record.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

// A step that the sandbox or the HTTP client had no room for is offered again after this.
constexpr std::int64_t kOverloadPauseMs = 100;
// What performs a step, or evaluates its input, may end under it: it is begun again as after a
// crash of the engine, but not for ever, since the step may be the reason.
constexpr int kCrashesMax = 2;

// What a run with a smaller journal resolves is not looked at: many small runs are many by other
// limits.
constexpr std::size_t kSmallRunBytes = 64U << 10U;

// Texts, and something for each value.
std::size_t bytes_of(const Json& value) {
    constexpr std::size_t kValueBytes = 8;
    std::size_t bytes = kValueBytes + (value.is_string() ? value.text().size() : 0);
    value.each_element([&bytes](const Json& item) { bytes += bytes_of(item); });
    value.each_member([&bytes](std::string_view name, const Json& member) {
        bytes += name.size() + bytes_of(member);
    });
    return bytes;
}

template <typename StepAction>
bool is_at(const RunState& state, const StepAction& action, Phase phase) {
    return state.phase == phase && state.attempt == action.attempt && state.cursor == action.step &&
           state.path == action.path;
}

}  // namespace

bool RunDriver::Impl::is_begun_again(LiveRun& run, StepResult::Kind kind) {
    return kind == StepResult::Kind::overloaded ||
           (kind == StepResult::Kind::crashed && run.crashes++ < kCrashesMax);
}

template <typename StepAction>
void RunDriver::Impl::again_soon(const RunPtr& run, const StepAction& action) {
    ports_.loop.after(kOverloadPauseMs,
                      [self = shared_from_this(), run, action] { self->perform(run, action); });
}

void RunDriver::Impl::perform(const RunPtr& run, const PrepareStep& action) {
    if (run->lost || !is_at(run->state, action, Phase::preparing)) {
        return;  // ended, or went elsewhere, while it waited for room
    }
    const Step& at = run->program->steps[action.step];
    const std::string problem = performer_.unsupported(at);
    if (!problem.empty()) {
        feed(run,
             StepFailed{at.name, action.attempt, problem, FailureKind::error, {}, action.path});
        return;
    }
    if (run->log_bytes > kSmallRunBytes && input_bytes_ >= options_.input_bytes_max) {
        again_soon(run, action);
        return;
    }
    resolver_.resolve(run->row.project_id, at.input, run->state.scope, run->program->schema,
                      [self = shared_from_this(), run, action](ResolvedInput input) {
                          self->on_input(run, action, std::move(input));
                      });
}

// A copy of it is with whatever performs the step, until that has ended.
void RunDriver::Impl::hold_input(LiveRun& run, Json input) {
    const std::size_t bytes =
        input.exists() && run.log_bytes > kSmallRunBytes ? bytes_of(input) : 0;
    input_bytes_ = input_bytes_ - run.input_bytes + bytes;
    run.input_bytes = bytes;
    run.input = std::move(input);
}

void RunDriver::Impl::on_input(const RunPtr& run, const PrepareStep& action, ResolvedInput input) {
    if (run->lost || !is_at(run->state, action, Phase::preparing)) {
        return;  // over meanwhile: nobody would let go of the input
    }
    const std::string& name = run->program->steps[action.step].name;
    if (input.ok()) {
        hold_input(*run, std::move(input.value));
        run->crashes = 0;
        feed(run, StepStarted{name, action.attempt,
                              shown_input(input.logged, options_.shown_input_bytes), action.path});
        return;
    }
    StepResult result = step_result_from({input.status, {}, {}, {}, {}});
    if (is_begun_again(*run, result.kind)) {
        again_soon(run, action);
        return;
    }
    feed(run,
         StepFailed{name, action.attempt, std::move(input.error), result.failure, {}, action.path});
}

void RunDriver::Impl::perform(const RunPtr& run, const PerformStep& action) {
    const Step& at = run->program->steps[action.step];
    if (run->lost || !is_at(run->state, action, Phase::running)) {
        return;  // ended, or went elsewhere, while its start was being committed or it waited
    }
    if (at.piece == kSubflowsPiece) {
        perform_link(run, action);
        return;
    }
    code_ahead_ += waits_long(*run, at) ? 1 : 0;
    run->waitpoint =
        performer_.is_hosted(at) ? std::make_shared<std::optional<WaitpointWish>>() : nullptr;
    auto cancel = performer_.perform(call_of(run, action),
                                     [self = shared_from_this(), run, action](StepResult result) {
                                         self->on_result(run, action, std::move(result));
                                     });
    if (run->state.phase == Phase::running && run->state.cursor == action.step) {
        run->cancel_effect = std::move(cancel);
    }
}

void RunDriver::Impl::on_result(const RunPtr& run, const PerformStep& action, StepResult result) {
    const Step& at = run->program->steps[action.step];
    const std::string& name = at.name;
    run->cancel_effect = nullptr;
    if (waits_long(*run, at)) {
        code_ahead_ -= 1;
        draw_soon();
    }
    if (is_begun_again(*run, result.kind)) {
        again_soon(run, action);
        return;
    }
    count_step(*run, action.step);
    hold_input(*run, {});
    run->place = std::move(result.place);
    if (!result.note.empty()) {
        run->notes.push_back(std::move(result.note));
    }
    switch (result.kind) {
        case StepResult::Kind::succeeded:
            feed(run, StepSucceeded{name, action.attempt, std::move(result.output),
                                    std::move(result.response), result.stop, action.path,
                                    std::move(result.tags)});
            return;
        case StepResult::Kind::crashed:  // once too often
        case StepResult::Kind::failed:
            // A step has what is left of the run's time: it was not the step that took too long.
            if (run->deadline_ms <= ports_.clock.steady_ms()) {
                result.failure = FailureKind::timeout;
            }
            feed(run, StepFailed{name,
                                 action.attempt,
                                 std::move(result.message),
                                 result.failure,
                                 {},
                                 action.path});
            return;
        case StepResult::Kind::paused:
            feed(run,
                 StepPaused{name, action.attempt, result.resume_at_ms, std::move(result.output),
                            action.path, std::move(result.request_id), std::move(result.response),
                            result.perform_again, std::move(result.tags)});
            return;
        case StepResult::Kind::overloaded:  // begun again
            return;
    }
}

}  // namespace sallyport::engine
