// What changed between two versions of a flow, for people to read.
#pragma once

#include "common/json.hpp"

namespace sallyport::engine {

// {"added":[name], "removed":[name], "moved":[{name, before, after}], "changed":[{name, changes:
// [{path, before, after}]}]}. A place is `after trigger`, `in step_2, branch 1`. Values under names
// that sound like a secret are masked.
Json flow_diff(const Json& before, const Json& after);

}  // namespace sallyport::engine
