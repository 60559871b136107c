// What others show of a platform.
#pragma once

#include "engine/adapters/api/api.hpp"

#include <functional>
#include <string>

namespace sallyport::engine {

// Goes on with the platform's name, as its administrators set it. Answers the call when the store
// fails.
void with_platform_name(Api& api, const CallPtr& call, const std::string& platform_id,
                        std::function<void(const std::string& name)> then);

}  // namespace sallyport::engine
