// Tags of pieces, for lists that show them.
#pragma once

#include "engine/adapters/api/api.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace sallyport::engine {

// Names of tags by the piece's name.
using PieceTags = std::map<std::string, std::vector<std::string>>;

// Goes on with those of the caller's platform. Answers the call when the store fails.
void with_piece_tags(Api& api, const CallPtr& call, std::function<void(const PieceTags&)> then);

}  // namespace sallyport::engine
