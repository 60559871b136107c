// Who made what a project has.
#pragma once

#include "engine/adapters/api/api.hpp"

namespace sallyport::engine {

// GET …/owners: those who made the project's entities of that kind, each once, first made first.
void reply_with_owners(Api& api, const CallPtr& call, const char* kind);

}  // namespace sallyport::engine
