// The engine's metrics as Prometheus reads them (text format 0.0.4). No label holds anything that
// grows with use: no flow, project, address or path.
#pragma once

#include "engine/adapters/jsbox_pool.hpp"
#include "engine/core/run_counters.hpp"
#include "engine/ports/store.hpp"

#include <string>

namespace sallyport::engine {

struct MetricsInput {
    RunCounters runs;
    RunGauges now;
    CommitCounters commits;
    JsboxPool::Counters sandbox;
    std::string version;
};

std::string metrics_text(const MetricsInput& input);

}  // namespace sallyport::engine
