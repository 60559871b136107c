// The tags piece: a run is given names to be found by. What becomes of them is the performer's.
#pragma once

#include <string_view>

namespace sallyport::engine {

inline constexpr std::string_view kTagsPiece = "@activepieces/piece-tags";

}  // namespace sallyport::engine
