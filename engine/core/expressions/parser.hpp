// Parser of the common subset of JavaScript expressions. What it does not know it refuses whole:
// the sandbox then evaluates the expression, so a refusal is never an error and a wrong tree would
// be.
#pragma once

#include "engine/core/expressions/ast.hpp"

#include <optional>
#include <string_view>

namespace sallyport::engine {

// Longer or deeper expressions, or ones with more nodes, go to the sandbox.
inline constexpr std::size_t kExpressionBytesMax = 16 * 1024;
inline constexpr std::size_t kExpressionDepthMax = 64;  // of recursion; ~20 frames each
inline constexpr std::size_t kExpressionNodesMax = 2000;

std::optional<Ast> parse_expression(std::string_view source);

}  // namespace sallyport::engine
