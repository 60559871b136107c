// JSON text to jansson nodes and back: jansson's own reader and writer take most of a webhook run's
// time. Used by common/json.cpp only.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <string>
#include <string_view>

namespace sallyport::json_text {

// The whole text as one value, RFC 8259; UTF-8 is checked, nesting is bounded by `depth_max`,
// integers beyond 64 bits become doubles. Takes no stack for nesting.
Result<Json> read(std::string_view text, Json::Duplicates duplicates, std::size_t depth_max);

// Compact text, member order kept; doubles in the fewest digits that read back the same.
// REQUIRES: `node` is not null.
std::string write(const json_t* node);

}  // namespace sallyport::json_text
