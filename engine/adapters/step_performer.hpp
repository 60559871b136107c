// Does what one step does: runs its code, sends its request, builds its answer. Knows nothing of
// journals and runs; the driver does.
#pragma once

#include "common/json.hpp"
#include "engine/core/program.hpp"
#include "engine/core/run_machine.hpp"
#include "engine/ports/http_client.hpp"
#include "engine/ports/sandbox.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

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
};

bool waits_for_request(const Step& step);

struct StepResult {
    // overloaded: not even begun, try again; paused: `output` is for when it goes on
    enum class Kind { succeeded, failed, overloaded, paused };
    Kind kind = Kind::succeeded;
    Json output;
    Json response;      // exists when the step answers the caller
    bool stop = false;  // and the run ends
    FailureKind failure = FailureKind::error;
    std::string message;
    std::int64_t resume_at_ms = 0;
    std::string request_id;  // paused: what it waits for; empty: for the time alone
};

class StepPerformer {
  public:
    struct Limits {
        std::uint32_t code_timeout_ms;
        std::size_t code_memory_bytes;
        std::uint32_t http_timeout_ms;
        std::size_t http_response_bytes_max;
        std::int64_t pause_ms_max;
    };
    using Done = std::function<void(StepResult)>;
    using Cancel = std::function<void()>;

    // `store` performs the steps of the store piece.
    using StoreStep = std::function<void(const StepCall&, Done)>;
    StepPerformer(Sandbox& sandbox, HttpClient& http, StoreStep store, Limits limits)
        : sandbox_(sandbox), http_(http), store_(std::move(store)), limits_(limits) {}

    // Empty when this engine can perform the step, else why not.
    static std::string unsupported(const Step& step);

    // `done` is called once, on the loop, possibly from inside the call. The returned function
    // stops what is under way; it may be empty and does nothing once the step is done.
    Cancel perform(const StepCall& call, Done done);

  private:
    Cancel run_code(const StepCall& call, Done done);
    StepResult delay(const StepCall& call) const;
    Cancel send_request(const StepCall& call, Done done);

    Sandbox& sandbox_;
    HttpClient& http_;
    StoreStep store_;
    Limits limits_;
};

}  // namespace sallyport::engine
