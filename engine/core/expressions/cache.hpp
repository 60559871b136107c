// Expressions that were parsed before, of one thread.
#pragma once

#include "engine/core/expressions/ast.hpp"
#include "engine/core/expressions/parser.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine {

// Trees of expressions seen before: a flow's are the same in every run. Emptied when full, which
// bounds its memory (a node is about a hundred bytes) and needs no order of use.
class AstCache {
  public:
    // Valid until the next call.
    const std::optional<Ast>& parsed(std::string_view source) {
        if (source.size() > kExpressionBytesMax) {
            return unknown_;
        }
        if (const auto known = trees_.find(source); known != trees_.end()) {
            return known->second;
        }
        if (nodes_ > kNodesMax || bytes_ > kBytesMax) {
            trees_.clear();
            nodes_ = bytes_ = 0;
        }
        const auto added = trees_.emplace(source, parse_expression(source)).first;
        bytes_ += source.size() + sizeof(*added);
        nodes_ += added->second ? added->second->nodes.size() : 0;
        return added->second;
    }

  private:
    static constexpr std::size_t kNodesMax = 20'000;
    static constexpr std::size_t kBytesMax = 1024 * 1024;
    const std::optional<Ast> unknown_;  // what has no tree
    std::map<std::string, std::optional<Ast>, std::less<>> trees_;
    std::size_t nodes_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace sallyport::engine
