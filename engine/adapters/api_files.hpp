// Files: what steps and webhooks keep, in the store, and the signed addresses that lead to them.
#pragma once

#include "engine/adapters/api.hpp"
#include "engine/adapters/file_keeper.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// An address that anybody may read the file at, as long as runs are kept.
std::string step_file_url(const Api& api, const std::string& file_id);

// Keeps them all, or none, then goes on; answers the call when one is too large or they cannot be
// kept. REQUIRES: fresh ids.
void store_files(Api& api, const CallPtr& call, const std::string& project_id,
                 const std::vector<NewFile>& files, std::function<void()> then);

}  // namespace sallyport::engine
