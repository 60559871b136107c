// OAuth 2.0 in the API: what connections need of it.
#pragma once

#include "engine/adapters/api/api.hpp"

#include <functional>

namespace sallyport::engine {

// Exchanges the code of the body's value for tokens and goes on with the value to be stored; one
// whose provider is not known goes on as it came. Answers the call when the provider refuses.
void claim_oauth2(Api& api, const CallPtr& call, std::function<void(const Json& value)> then);

}  // namespace sallyport::engine
