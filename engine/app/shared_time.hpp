// Engines on one database go by its clock: what one of them lets rest until a time, or a schedule,
// is due for all of them at once, however their machines are set.
#pragma once

#include "engine/adapters/system_clock.hpp"
#include "engine/ports/log.hpp"

#include <cstdint>
#include <functional>

namespace sallyport::engine {

// What is to be told the database's time, unix milliseconds, as it is now. Both outlive it.
std::function<void(std::int64_t)> follow_time(SystemClock& clock, Log& log);

}  // namespace sallyport::engine
