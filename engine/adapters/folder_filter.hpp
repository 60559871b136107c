// How the contract says "in no folder" where it has the id of one: no id is written so.
#pragma once

#include <string_view>

namespace sallyport::engine {

inline constexpr std::string_view kNoFolder = "NULL";

}  // namespace sallyport::engine
