// One step as it is to be done, and what came of it: what the run driver and those who perform
// steps say to each other.
#pragma once

#include "common/json.hpp"
#include "engine/core/flows/program.hpp"
#include "engine/core/runs/machine.hpp"
#include "engine/ports/runs.hpp"
#include "engine/ports/sandbox.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace sallyport::engine {

struct StepCall {
    const Step& step;
    Json input;  // resolved
    std::string project_id;
    std::string flow_id;
    std::string run_id;
    std::string idempotency_key;
    std::int64_t time_left_ms = 0;  // of the run
    std::int64_t now_ms = 0;
    // Of a step that waits for a request (waits_for_request): its id, the address that answers it,
    // and how long it waits.
    std::string request_id = {};
    std::string resume_url = {};
    std::int64_t wait_until_ms = 0;
    // What the step has asked for meanwhile (Runs::make_waitpoint).
    std::shared_ptr<const std::optional<WaitpointWish>> waitpoint = {};
    std::string public_url = {};  // of this engine, for steps that say where it is
    std::string version_id = {};  // of the flow
    Json resume_payload = {};     // exists when the step goes on after it paused
};

struct StepResult {
    // overloaded: not even begun, try again; crashed: what performed it ended, the step had no say;
    // paused: `output` is for when it goes on
    enum class Kind { succeeded, failed, overloaded, crashed, paused };
    Kind kind = Kind::succeeded;
    Json output;
    Json response;      // exists when the step answers the caller
    bool stop = false;  // and the run ends
    FailureKind failure = FailureKind::error;
    std::string message;
    std::int64_t resume_at_ms = 0;
    std::string request_id;      // paused: what it waits for; empty: for the time alone
    bool perform_again = false;  // paused: the step itself goes on, and gives the output then
    Json tags;                   // names for the run to be found by; exists when there are any
    std::string note;  // to be removed when the result is on disk (store_steps.hpp); empty: none
    // Of a large answer that the output was made of, until that is on disk (HttpResponse::place).
    std::shared_ptr<const void> place = {};
};

// `done` is called once, on the loop, possibly from inside the call. The returned function stops
// what is under way; it may be empty and does nothing once the step is done.
using StepDone = std::function<void(StepResult)>;
using StepCancel = std::function<void()>;
using PerformPiece = std::function<StepCancel(const StepCall&, StepDone)>;

// Who performs the steps of pieces that reach out of the engine.
struct PiecePerformers {
    // By the piece's name; its actions are in the table of pieces (core/pieces/table.hpp).
    std::unordered_map<std::string, PerformPiece> native;
    // Every action that is not in the table. Empty: such steps fail.
    PerformPiece other;
    // Code steps. Empty: the sandbox runs them.
    PerformPiece code;
};

StepResult step_failed(std::string message, FailureKind kind = FailureKind::error);
StepResult step_succeeded(Json output);
StepResult step_overloaded();
// With the tags that the step gave its run. Fails the step when one of them can be none.
StepResult tagged(StepResult result, const Json& tags);
StepResult step_result_from(SandboxResult ran);

}  // namespace sallyport::engine
