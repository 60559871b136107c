// What a run knows about itself: the fold of its journal, nothing else. Two states made from the
// same events are equal, which is what makes crash, retry and replay one mechanism.
#pragma once

#include "common/json.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

enum class RunStatus {
    queued,
    running,
    succeeded,
    failed,
    paused,
    canceled,
    timeout,
    memory_limit_exceeded,
    log_size_exceeded,
    quota_exceeded,
    internal_error,
};

std::string_view to_string(RunStatus status);  // as in the API: SUCCEEDED, TIMEOUT …
RunStatus run_status_from(std::string_view text);
bool is_terminal(RunStatus status);
// Ended, and not as it was meant to.
bool is_retriable(RunStatus status);

enum class StepStatus { not_reached, running, succeeded, failed, paused };

struct Iteration;

struct StepRecord {
    StepStatus status = StepStatus::not_reached;
    std::uint32_t attempt = 0;  // of the last attempt recorded, from 1
    Json input;                 // as it may be shown: connection values masked
    Json output;
    std::string error;
    std::int64_t started_ms = 0;
    std::int64_t finished_ms = 0;
    std::vector<Iteration> iterations;  // of a loop: those that are over
};

// What the steps inside a loop did in one turn. (Not a pair: its traits would want StepRecord whole
// while it is being defined.)
struct TurnStep {
    std::size_t step = 0;  // index in the program
    StepRecord record;
};
struct Iteration {
    std::vector<TurnStep> steps;
};

// A loop or router whose inside is being run.
struct Frame {
    std::size_t step = 0;
    Json items;                         // of a loop
    std::vector<std::size_t> branches;  // of a router: those to run, as indexes into Step::branches
    std::size_t turn = 0;               // of the loop's items or the router's branches: the current
};

// Where the current step stands.
enum class Phase {
    idle,       // before the first step and after the last
    preparing,  // its input is being resolved
    running,    // started, no result recorded
    waiting,    // between two attempts
    paused,     // the run rests until it is resumed
};

struct RunState {
    RunState() = default;
    // Copies would share JSON nodes, and the machine changes them in place.
    RunState(const RunState&) = delete;
    RunState& operator=(const RunState&) = delete;
    RunState(RunState&&) = default;
    RunState& operator=(RunState&&) = default;
    ~RunState() = default;

    RunStatus status = RunStatus::queued;
    std::int64_t started_ms = 0;
    std::int64_t finished_ms = 0;
    std::int64_t deadline_ms = 0;

    std::size_t cursor = 0;  // index of the current step
    std::uint32_t attempt = 0;
    Phase phase = Phase::idle;
    std::vector<Frame> frames;  // what is open around the current step, outermost first
    // Which turn of each loop around the current step it is, as "3" or "3.0"; empty outside loops.
    // Together with the step's name and the attempt it names one effect.
    std::string path;
    std::int64_t retry_at_ms = 0;
    std::uint32_t first_attempt = 1;  // of the current step since it was entered or retried by hand
    std::int64_t resume_at_ms = 0;    // paused: when it goes on; 0: not paused

    std::string request_id;      // paused: what it waits for; empty: for the time alone
    bool perform_again = false;  // paused: the step goes on itself
    Json resume_payload;  // of a step that goes on after it paused; exists until the step is over
    Json early;           // payloads of requests that came before their step waited
    Json answered;        // ids of requests that were taken: none counts twice

    // One a step of the program. For a step inside a loop: of the current turn; when the turn is
    // over they move to the loop's record.
    std::vector<StepRecord> records;
    std::size_t executed = 0;     // steps recorded, each turn of a loop counted
    Json scope = Json::object();  // what templates see: {"<step>": {"output": …}}
    Json response;                // what a step answered the caller with, if one did
    std::string failed_step;      // name
    Json tags;                    // array of texts, each once; exists when there are any
};

}  // namespace sallyport::engine
