// Versions of pieces as flows and editors write them: `1.2.3`, `~1.2.3`, `^1.2.3`. Pure.
#pragma once

#include <string_view>

namespace sallyport::engine {

// Whether a piece of version `have` will do where `wanted` is asked for: any version up to ours,
// since actions keep their meaning; `~` and `^` bind the first two or the first number.
// `have` has no sign in front; what is no version serves nothing.
bool piece_version_serves(std::string_view have, std::string_view wanted);

}  // namespace sallyport::engine
