// The engine's metrics as Prometheus reads them (text format 0.0.4). No label holds anything that
// grows with use: no flow, project, address or path.
#pragma once

#include "engine/core/runs/counters.hpp"
#include "engine/ports/store.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace sallyport::engine {

// Of the sandbox's worker processes.
struct SandboxFigures {
    std::size_t workers_ready = 0;
    std::size_t running = 0;
    std::size_t queued = 0;
    std::uint64_t runs = 0;
    std::uint64_t workers_started = 0;
    std::uint64_t workers_killed = 0;
};

struct MetricsInput {
    RunCounters runs;
    RunGauges now;
    CommitCounters commits;
    SandboxFigures sandbox;
    std::size_t calls_live = 0;
    std::string version;
};

std::string metrics_text(const MetricsInput& input);

}  // namespace sallyport::engine
