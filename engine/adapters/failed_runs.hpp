// Runs that ended otherwise than they should: few among many. Both stores have an index over them
// alone, which a query uses when it says what the index says of itself.
#pragma once

#include "engine/core/runs/state.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace sallyport::engine {

inline constexpr const char* kFailedRuns = " AND finished_ms > 0 AND status <> 'SUCCEEDED'";

// Some are named, and all of them are of this kind.
inline bool are_failures(const std::vector<std::string>& statuses) {
    return !statuses.empty() && std::ranges::all_of(statuses, [](const std::string& name) {
        const RunStatus status = run_status_from(name);
        return is_terminal(status) && status != RunStatus::succeeded;
    });
}

}  // namespace sallyport::engine
