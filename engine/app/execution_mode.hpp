// AP_EXECUTION_MODE, and what of the environment npm is given.
#pragma once

#include "engine/app/config.hpp"

#include <string>

namespace sallyport::engine {

Status put_execution_mode(Config& out, const std::string& value);
Status put_sync_mode(Config& out, const std::string& value);
void collect_npm_environment(const Environment& environment, Config& config);

}  // namespace sallyport::engine
