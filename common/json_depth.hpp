// How deep a JSON value is nested, looked at without taking a reference to each of its parts.
#pragma once

#include <cstddef>

#include "common/json.hpp"

namespace sallyport {

// Whether containers stand in containers more than `levels` deep; a number is on level 0.
bool is_deeper_than(const Json& value, std::size_t levels);

}  // namespace sallyport
