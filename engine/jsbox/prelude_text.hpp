// The prelude: the JavaScript that runs once in each worker before the snapshot is taken. The text
// is embedded by embed_prelude.cmake from prelude/*.js.
#pragma once

#include <string_view>

namespace sallyport::engine::jsbox {

// NUL-terminated behind the view's end.
std::string_view prelude_text();
// What `prelude_text` says of the text is true of this one: a script whose value is erase_types()
// of types/erase_types.js. It is parsed for code that is no JavaScript, and only then.
std::string_view type_eraser_text();

}  // namespace sallyport::engine::jsbox
