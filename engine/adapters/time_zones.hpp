// The system's time zones (tzdata) as rules for the cron core.
#pragma once

#include "common/result.hpp"
#include "engine/core/cron.hpp"

#include <memory>
#include <string>

namespace sallyport::engine {

// By its IANA name, `Europe/Berlin`. From any thread.
Result<std::unique_ptr<ZoneRules>> find_zone(const std::string& name);

// When a schedule fires next after `after_ms`. Errors say what is wrong with it.
Result<std::int64_t> next_fire_ms(const std::string& cron, const std::string& zone,
                                  std::int64_t after_ms);

}  // namespace sallyport::engine
