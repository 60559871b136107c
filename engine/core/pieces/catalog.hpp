// The pieces this engine performs itself, described as the contract describes pieces: what an
// editor needs to offer their steps.
#pragma once

#include "common/json.hpp"

#include <string_view>

namespace sallyport::engine {

// An array of whole descriptions: name, version, displayName, actions and triggers with their
// props.
const Json& piece_catalog();
// An empty Json when there is none of that name.
Json find_piece(std::string_view name);
// The properties that a DYNAMIC one stands for, given the others: the case that the input's value
// of its refresher names. An empty object when there are none.
Json dynamic_props(std::string_view piece, std::string_view step, std::string_view prop,
                   const Json& input);
// As lists give it: numbers in place of actions and triggers.
Json piece_summary(const Json& piece);

}  // namespace sallyport::engine
