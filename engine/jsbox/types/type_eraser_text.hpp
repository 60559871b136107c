// What makes JavaScript of TypeScript, in both tiers: a script whose value is erase_types() of
// erase_types.js, with the modules of sucrase in front. It is parsed for code that is no
// JavaScript, and only then, where that code would run. Embedded by embed_prelude.cmake.
#pragma once

#include <string_view>

namespace sallyport::engine::jsbox {

// NUL-terminated behind the view's end.
std::string_view type_eraser_text();

}  // namespace sallyport::engine::jsbox
