// Numbers as JavaScript writes them.
#pragma once

#include <string>

namespace sallyport {

// ECMA-262 Number::toString, radix 10: the shortest digits that read back as `value`, and of those
// the closest: "0.1", "1e+21", "NaN". Minus zero is "0".
std::string js_number_text(double value);

}  // namespace sallyport
