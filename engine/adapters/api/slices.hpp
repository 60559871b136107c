// Large outputs of steps: what the API shows in their place, and the addresses they are read at.
#pragma once

#include "engine/adapters/api/api.hpp"

#include <string>

namespace sallyport::engine {

// The steps of a run with its large outputs by reference.
Json sliced_steps(const Api& api, const std::string& run_id, const Json& steps);

// Whether these are the claims of such an address.
bool is_slice_token(const Json& claims);
// Answers with the value. It is taken from the run's journal: there is no second copy of it.
void reply_with_slice(Api& api, const CallPtr& call, const Json& claims);

}  // namespace sallyport::engine
