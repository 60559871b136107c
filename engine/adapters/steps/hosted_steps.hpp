// Steps that run in Node: code steps, when the execution mode says so, and actions of pieces that
// are not the engine's own.
#pragma once

#include "engine/adapters/sandbox/package_folders.hpp"
#include "engine/adapters/steps/piece_tasks.hpp"
#include "engine/adapters/steps/step_call.hpp"
#include "engine/ports/node_host.hpp"

#include <cstddef>
#include <cstdint>

namespace sallyport::engine {

struct HostedStepsOptions {
    bool code = false;  // code steps too
    std::size_t memory_bytes = 256u << 20;
    std::uint32_t code_timeout_ms = 10'000;
    std::int64_t pause_ms_max = 30LL * 24 * 60 * 60 * 1000;
};

class HostedSteps {
  public:
    HostedSteps(NodeHost& host, PackageFolders& folders, PieceTasks& pieces,
                HostedStepsOptions options)
        : host_(host), folders_(folders), pieces_(pieces), options_(options) {}

    // What the run driver is given.
    PiecePerformers performers();

  private:
    StepCancel run_code(const StepCall& call, StepDone done);
    StepCancel run_piece(const StepCall& call, StepDone done);

    NodeHost& host_;
    PackageFolders& folders_;
    PieceTasks& pieces_;
    HostedStepsOptions options_;
};

}  // namespace sallyport::engine
