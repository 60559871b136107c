// The run machine: step(program, state, event, now) -> {state, actions}. Pure. A driver journals
// each accepted event, then performs the actions and reports back with further events.
//
//   run_started --> [prepare] --step_started--> [perform] --step_succeeded--> next step … -->
//   [finish]
//                                                   \--step_failed--> [timer] --timer_fired-->
//                                                   [prepare]
//
// Rules the driver keeps:
//   - `step_paused` parks the run: nothing is to be done until `run_resumed`; a step that said
//     `again` is then performed anew, as its next attempt, with what arrived;
//   - an action with `after_commit` waits until every event so far is on disk;
//   - events may come twice, late or for a step that is over: the machine says `accepted = false`
//     and they are dropped, not journalled;
//   - after a crash the journal is folded with `replay`, and `resume` says what to do next. A step
//     without a recorded result is performed again under the same idempotency key; a step with one
//     never.
#pragma once

#include "common/json.hpp"
#include "engine/core/flows/program.hpp"
#include "engine/core/runs/state.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sallyport::engine {

// Attempts of a step with retryOnFailure, the first included, and the waits between them.
inline constexpr std::uint32_t kAttemptsMax = 4;
inline constexpr std::int64_t kRetryBaseMs = 2000;  // 2000 * 2^n: 4 s, 8 s, 16 s
// What failedStep.message shows at most; the step's own record keeps all of it.
inline constexpr std::size_t kFailureMessageBytesMax = 700;

enum class FailureKind {
    error,         // the step said so: may be retried
    timeout,       // the run's time is over, or that of the sandbox
    memory_limit,  // the sandbox's memory is
    internal,      // ours
    log_size,      // the run has written more than it may
};

// Tags of a run; more are passed over.
inline constexpr std::size_t kRunTagsMax = 50;
inline constexpr std::size_t kRunTagBytesMax = 255;

// Requests that come before their step waits: kept at most so many.
inline constexpr std::size_t kEarlyRequestsMax = 100;

enum class TimerKind { retry, deadline };

struct RunStarted {
    Json payload;  // the trigger's output
    std::int64_t deadline_ms = 0;
};
// `path` says which turn of the loops around the step it is about (RunState::path).
struct StepStarted {
    std::string step;
    std::uint32_t attempt = 0;
    Json input;  // as it may be shown
    std::string path = {};
};
// For a loop the output is its list of items, for a router what evaluate_router() made.
struct StepSucceeded {
    std::string step;
    std::uint32_t attempt = 0;
    Json output;
    Json response;      // exists when the step answers the caller
    bool stop = false;  // the run ends here
    std::string path = {};
    Json tags = {};  // names for the run to be found by; exists when there are any
};
struct StepFailed {
    std::string step;
    std::uint32_t attempt = 0;
    std::string message;
    FailureKind kind = FailureKind::error;
    Json input;  // when the step failed before it started
    std::string path = {};
};
// The step has begun to wait.
struct StepPaused {
    std::string step;
    std::uint32_t attempt = 0;
    std::int64_t resume_at_ms = 0;
    Json output;  // what the step gives when the time has come
    std::string path = {};
    // Not empty: it waits for a request of this id, until `resume_at_ms` at most.
    std::string request_id = {};
    Json response = {};  // exists when the step answers the caller before it waits
    bool again = false;  // the step itself is performed again when the run goes on
    Json tags = {};      // as of StepSucceeded
};
struct RunResumed {
    std::int64_t deadline_ms = 0;  // the time it rested does not count
    Json output;                   // of the step that waited
    std::string error = {};        // not empty: the step has failed
};
// A request for a step that waits, or will: one that comes too early is kept.
struct RequestArrived {
    std::string request_id;
    Json payload;  // {body, headers, queryParams}
    std::int64_t deadline_ms = 0;
};
// The run has written more than it may.
struct LogFull {};
// A run that has failed tries its failed step again.
struct RunRetried {
    std::int64_t deadline_ms = 0;
};
struct TimerFired {
    TimerKind timer = TimerKind::retry;
    std::uint32_t attempt = 0;  // of a retry timer: the attempt it is for
    std::string path = {};      // likewise
};
struct RunCanceled {};

using Event =
    std::variant<RunStarted, StepStarted, StepSucceeded, StepFailed, TimerFired, RunCanceled,
                 StepPaused, RunResumed, RunRetried, RequestArrived, LogFull>;

// Resolve the step's input, then report step_started (or step_failed).
struct PrepareStep {
    std::size_t step = 0;
    std::uint32_t attempt = 0;
    std::string path = {};
};
// Do what the step does, with the input just resolved; report step_succeeded or step_failed.
struct PerformStep {
    std::size_t step = 0;
    std::uint32_t attempt = 0;
    std::string path = {};
};
struct SetTimer {
    TimerKind timer = TimerKind::retry;
    std::uint32_t attempt = 0;
    std::int64_t due_ms = 0;
    std::string path = {};
};
struct ReplyToCaller {
    Json response;
};
// Nothing is to be done until the run is resumed; it needs no place in memory until then.
struct ParkRun {
    std::int64_t resume_at_ms = 0;
};
struct FinishRun {
    RunStatus status = RunStatus::succeeded;
};

struct Action {
    std::variant<PrepareStep, PerformStep, SetTimer, ReplyToCaller, FinishRun, ParkRun> what;
    bool after_commit = false;
};

struct Transition {
    RunState state;
    std::vector<Action> actions;
    bool accepted = false;
};

Transition step(const Program& program, RunState state, const Event& event, std::int64_t now_ms);

// What a state rebuilt from the journal still has to do. A step that was under way is prepared
// again.
Transition resume(const Program& program, RunState state);

// The key of one effect: the same for every repetition of one attempt, unique otherwise.
std::string idempotency_key(std::string_view run_id, std::string_view step, std::uint32_t attempt,
                            std::string_view path = {});

// Whether performing the step touches anything outside the engine and its sandbox.
bool has_external_effect(const Step& step);

}  // namespace sallyport::engine
