// Files: what steps and webhooks keep, in the store, and the signed addresses that lead to them.
#pragma once

#include "engine/adapters/api.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

inline constexpr const char* kFileKind = "file";

struct NewFile {
    std::string id;
    std::string name;
    std::string encoding;  // Content-Encoding of the bytes; empty: none
    std::string_view data;
};

// An address that anybody may read the file at, as long as runs are kept.
std::string step_file_url(const Api& api, const std::string& file_id);

// Stores them all in one transaction, then goes on; answers the call when one is too large or the
// store fails. REQUIRES: fresh ids.
void store_files(Api& api, const CallPtr& call, const std::string& project_id,
                 const std::vector<NewFile>& files, std::function<void()> then);

}  // namespace sallyport::engine
