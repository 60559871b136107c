// The prelude: the JavaScript that runs once in each worker before the snapshot is taken. The text
// is embedded by embed_prelude.cmake from prelude/*.js.
#pragma once

#include <string_view>

namespace sallyport::engine::jsbox {

// NUL-terminated behind the view's end.
std::string_view prelude_text();

}  // namespace sallyport::engine::jsbox
