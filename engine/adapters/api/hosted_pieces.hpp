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
// 409 VALIDATION with what npm or the piece said.
void fail_with(const CallPtr& call, const std::string& problem);

// Where a piece came from: the registry, as its newest or as the version that was named, or a form.
enum class PieceSource { newest, version, archive };
// Keeps what the piece of the call says of itself, and answers with it.
void keep_description(Api& api, const CallPtr& call, const Json& metadata, PieceSource source);
// POST pieces with packageType ARCHIVE. REQUIRES: a checked body, and that pieces from npm run
// here.
void install_archive(Api& api, const CallPtr& call);
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
