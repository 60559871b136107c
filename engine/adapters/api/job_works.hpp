// The work of jobs that are about one project: trying failed runs again, importing flows.
#pragma once

#include "engine/adapters/api/api.hpp"

#include <optional>

namespace sallyport::engine {

// Of the call's body; nothing, with the call answered, when it does not say what to do.
// REQUIRES: the caller may write the body's project.
std::optional<Jobs::Work> retry_work(Api& api, const CallPtr& call);
std::optional<Jobs::Work> import_work(Api& api, const CallPtr& call);

}  // namespace sallyport::engine
