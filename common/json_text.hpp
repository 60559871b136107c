// JSON text to jansson nodes and back, by RapidJSON's reader and writer: jansson's own take most of
// a webhook run's time. Used by common/json.cpp only.
#pragma once

#include "common/result.hpp"

#include <jansson.h>

#include <string>
#include <string_view>

namespace sallyport::json_text {

enum class Duplicates { last_wins, refuse };

// The whole text as one value, RFC 8259; UTF-8 is checked, nesting is bounded by
// limits::kJsonDepthMax, integers beyond 64 bits become doubles. The caller owns the node.
Result<json_t*> read(std::string_view text, Duplicates duplicates);

// Compact text, member order kept; doubles in the fewest digits that read back the same.
// REQUIRES: `node` is not null.
std::string write(const json_t* node);

}  // namespace sallyport::json_text
