// Large outputs of a run's steps, shown by reference (engine contract 2.4): the step has
// `outputType: "slice"` and its output says where the value is to be had. Pure.
#pragma once

#include "common/json.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace sallyport::engine {

// Where a step stands among those of `steps_json`: its name, or loop/turn/name inside loops, turns
// counted from 0.
using SliceRef = std::function<Json(const std::string& place, std::size_t bytes)>;

// The steps, with `ref` in the place of each output that has more than `bytes_max` as JSON. A loop
// stays, with the steps of its turns treated so; its item does not. `steps` itself is unchanged.
Json with_slices(const Json& steps, std::size_t bytes_max, const SliceRef& ref);

// The output of the step at that place; nothing when there is none.
Json output_at(const Json& steps, std::string_view place);

}  // namespace sallyport::engine
