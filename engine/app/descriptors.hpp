// How many files and connections the process may have open at once.
#pragma once

#include <cstddef>

namespace sallyport::engine {

// Many systems give a thousand to who does not ask, and more to who does.
void ask_for_descriptors();
// Connections of clients have half of them, and fewer where there are few: the others are for
// databases, sandboxes and requests.
std::size_t connection_descriptors();

}  // namespace sallyport::engine
