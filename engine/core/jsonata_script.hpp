// The module that answers JSONata queries, for the sandbox. Made at build time
// (cmake/Jsonata.cmake).
#pragma once

#include <string_view>

namespace sallyport::engine {

// Set at compile time: the tables of pieces are made before main() and hold it.
extern const std::string_view kJsonataScript;

}  // namespace sallyport::engine
