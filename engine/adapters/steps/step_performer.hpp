// Does what one step does: runs its code, sends its request, builds its answer. Knows nothing of
// journals and runs; the driver does.
#pragma once

#include "common/json.hpp"
#include "engine/adapters/steps/step_call.hpp"
#include "engine/core/pieces/table.hpp"
#include "engine/ports/http_client.hpp"
#include "engine/ports/sandbox.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace sallyport::engine {

bool waits_for_request(const Step& step);

class StepPerformer {
  public:
    struct Limits {
        std::uint32_t code_timeout_ms;
        std::size_t code_memory_bytes;
        std::uint32_t http_timeout_ms;
        std::size_t http_response_bytes_max;
        std::int64_t pause_ms_max;
    };
    using Done = StepDone;
    using Cancel = StepCancel;

    // `pieces` performs what the table of pieces leaves to adapters; those of the HTTP, delay,
    // approval and webhook pieces are performed here.
    StepPerformer(Sandbox& sandbox, HttpClient& http, PiecePerformers pieces, Limits limits)
        : sandbox_(sandbox), http_(http), pieces_(std::move(pieces)), limits_(limits) {}

    // Empty when this engine can perform the step, else why not.
    std::string unsupported(const Step& step) const;
    // Whether somebody else than the engine performs it.
    bool is_hosted(const Step& step) const;

    // `done` is called once, on the loop, possibly from inside the call. The returned function
    // stops what is under way; it may be empty and does nothing once the step is done.
    Cancel perform(const StepCall& call, Done done);

  private:
    Cancel run_code(const StepCall& call, std::string_view code, Done done);
    Cancel perform_piece(const StepCall& call, const NativeAction& action, Done done);
    StepResult delay(const StepCall& call) const;
    Cancel send_request(const StepCall& call, Done done);

    Sandbox& sandbox_;
    HttpClient& http_;
    PiecePerformers pieces_;
    Limits limits_;
};

}  // namespace sallyport::engine
