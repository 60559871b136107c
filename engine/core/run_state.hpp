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

enum class StepStatus { not_reached, running, succeeded, failed };

struct StepRecord {
    StepStatus status = StepStatus::not_reached;
    std::uint32_t attempt = 0;  // of the last attempt recorded, from 1
    Json input;                 // as it may be shown: connection values masked
    Json output;
    std::string error;
    std::int64_t started_ms = 0;
    std::int64_t finished_ms = 0;
};

// Where the current step stands.
enum class Phase {
    idle,       // before the first step and after the last
    preparing,  // its input is being resolved
    running,    // started, no result recorded
    waiting,    // between two attempts
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
    std::int64_t retry_at_ms = 0;

    std::vector<StepRecord> records;  // one a step of the program
    Json scope = Json::object();      // what templates see: {"<step>": {"output": …}}
    Json response;                    // what a step answered the caller with, if one did
    std::string failed_step;          // name
};

}  // namespace sallyport::engine
