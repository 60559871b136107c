// Pieces from npm as the families of pieces need them: those that are installed, installing one,
// and asking one about its properties.
#pragma once

#include "engine/adapters/api/api.hpp"

#include <functional>
#include <string>
#include <vector>

namespace sallyport::engine {

// Whole descriptions, as POST pieces kept them. Answers the call when the store fails.
void with_installed_pieces(Api& api, const CallPtr& call,
                           std::function<void(std::vector<Json>)> then);
// An empty Json when there is none of that name.
void with_installed_piece(Api& api, const CallPtr& call, const std::string& name,
                          std::function<void(Json)> then);
// Asks the piece whether a connection's value is any good, where it is installed and asks somebody
// itself; goes on when it is, or when there is nobody to say. Answers the call otherwise.
void with_valid_auth(Api& api, const CallPtr& call, const Json& value, std::function<void()> then);
// POST pieces
void install_piece(Api& api, const CallPtr& call);
// POST pieces/sync
void sync_pieces(Api& api, const CallPtr& call);
// DELETE pieces/:id
void delete_piece(Api& api, const CallPtr& call);
// POST pieces/options, of a piece that is not the engine's own. REQUIRES: a checked body, a project
// that the caller may use.
void ask_for_options(Api& api, const CallPtr& call, const std::string& project_id);

}  // namespace sallyport::engine
