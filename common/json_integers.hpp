// Integers as jansson nodes. Small ones, which most are, exist once and are shared by everybody for
// ever: a list of numbers takes no allocation for each.
#pragma once

#include <jansson.h>

namespace sallyport {

// A node with a reference for the caller, null when there is no memory. It must not be changed.
json_t* integer_node(json_int_t value);

}  // namespace sallyport
