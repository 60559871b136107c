// Files: what steps and webhooks keep, in the store, and the signed addresses that lead to them.
#pragma once

#include "engine/adapters/api/api.hpp"
#include "engine/adapters/steps/file_keeper.hpp"
#include "engine/core/pieces/webhook.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// An address that anybody may read the file at, as long as runs are kept.
std::string step_file_url(const Api& api, const std::string& file_id);

// The id of the file that a step_file_url leads to; nothing for other addresses and old ones.
std::optional<std::string> read_file_id(const Api& api, std::string_view address);

// Files of a request under fresh ids, with the addresses that they will have once they are kept.
// Views of what was given.
struct CarriedFiles {
    std::vector<NewFile> files;
    std::vector<std::string> urls;
};
CarriedFiles carried_files(Api& api, const std::vector<WebhookFile>& files);

// Whether one is larger than files may be; answers the call then.
bool refused_as_too_large(const Api& api, const CallPtr& call, const std::vector<NewFile>& files);

// Keeps them all, or none. REQUIRES: none is too large.
void keep_files(Api& api, const std::string& project_id, std::vector<NewFile> files,
                FileKeeper::Done done);

// Keeps them all, or none, then goes on; answers the call when one is too large or they cannot be
// kept. REQUIRES: fresh ids.
void store_files(Api& api, const CallPtr& call, const std::string& project_id,
                 const std::vector<NewFile>& files, std::function<void()> then);

}  // namespace sallyport::engine
