// The schedule piece: when its triggers fire, and what they give. Pure.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "engine/core/program.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine {

inline constexpr std::string_view kSchedulePiece = "@activepieces/piece-schedule";

struct Schedule {
    std::string cron;
    std::string timezone;
    Json payload;  // the trigger's output
};

// Of a trigger of the schedule piece. Errors name the setting; whether the expression and the zone
// make sense is for Cron and the zones to say.
Result<Schedule> schedule_of(std::string_view trigger_name, const Json& input);

}  // namespace sallyport::engine
