// Which triggers are looked at by the clock, and when. Pure.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "engine/core/pieces/schedule.hpp"

#include <optional>
#include <string_view>

namespace sallyport::engine {

// Whether the trigger fetches a list and starts a run for each new item (core/item_memory.hpp).
bool fetches_items(std::string_view piece, std::string_view trigger);

// The times of a trigger of the engine's own pieces; nothing for one that the clock does not start.
// `poll_minutes` is for triggers that name no times of their own. `settings` is the trigger's.
// Errors name the setting.
Result<std::optional<Schedule>> trigger_schedule(const Json& settings, int poll_minutes);

}  // namespace sallyport::engine
