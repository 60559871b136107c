// The JavaScript that Node runs first: reads the run, does it, and answers. Embedded from
// host/*.js.
#pragma once

#include <string_view>

namespace sallyport::engine::nodebox {

std::string_view host_text();

}  // namespace sallyport::engine::nodebox
