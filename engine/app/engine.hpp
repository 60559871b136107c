// The engine put together: loop, store, sandbox, egress, driver, API, server. Starts, serves,
// drains, stops.
#pragma once

#include "common/result.hpp"
#include "engine/app/config.hpp"

namespace sallyport::engine {

// Serves until SIGTERM or SIGINT. An error is a start that failed; its message is for the operator.
Status run_engine(Config config);

}  // namespace sallyport::engine
