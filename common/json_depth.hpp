// How deep and how long a JSON value is, looked at without taking a reference to each of its parts.
#pragma once

#include <cstddef>

#include "common/json.hpp"

namespace sallyport {

// Whether containers stand in containers more than `levels` deep; a number is on level 0.
bool is_deeper_than(const Json& value, std::size_t levels);

// Whether the value's compact text has at most `bytes` bytes. False when it may have more: then
// only writing it tells.
bool is_surely_within(const Json& value, std::size_t bytes);

}  // namespace sallyport
