// The schedule piece: when its triggers fire, and what they give. Pure.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "engine/core/flows/program.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::engine {

inline constexpr std::string_view kSchedulePiece = "@activepieces/piece-schedule";

// What becomes of times that passed while no engine ran.
enum class MissedRuns {
    once,  // one run makes up for all of them
    skip,  // nothing does
    all,   // each has its run, up to kMissedRunsMax
};
std::string_view to_string(MissedRuns missed);  // as in the trigger's input: ONCE, SKIP, ALL

// A schedule of every minute that was missed for longer goes on with the present.
inline constexpr std::int64_t kMissedRunsMax = 100;
// A time is missed when it is so late; engines look more often than that.
inline constexpr std::int64_t kMissedAfterMs = 60'000;

struct Schedule {
    std::string cron;
    std::string timezone;
    Json payload;  // the trigger's output
    MissedRuns missed = MissedRuns::once;
};

// Of a trigger of the schedule piece. Errors name the setting; whether the expression and the zone
// make sense is for Cron and the zones to say.
Result<Schedule> schedule_of(std::string_view trigger_name, const Json& input);

}  // namespace sallyport::engine
