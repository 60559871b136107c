// The syntax tree of an expression: nodes in one vector, children by index, so that a tree costs
// few allocations and cannot be cyclic.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

enum class NodeKind {
    number,        // number
    string,        // text
    boolean,       // number: 0 or 1
    null_value,    //
    identifier,    // text
    member,        // children[0] . text; flag: `?.`
    index,         // children[0] [ children[1] ]; flag: `?.`
    call,          // children[0] ( the others ); flag: `?.`
    chain,         // children[0]: an optional chain ends here
    unary,         // op children[0]
    binary,        // children[0] op children[1]
    logical,       // the same, && || ??
    conditional,   // children[0] ? children[1] : children[2]
    array,         // children
    object,        // children: key, value, key, value …
    template_text  // children, joined
};

enum class Op {
    none,
    add,
    subtract,
    multiply,
    divide,
    remainder,
    power,
    equal,
    not_equal,
    strict_equal,
    strict_not_equal,
    less,
    less_equal,
    greater,
    greater_equal,
    logical_and,
    logical_or,
    coalesce,
    logical_not,
    minus,
    plus,
    type_of
};

using NodeIndex = std::uint32_t;

struct Node {
    NodeKind kind = NodeKind::null_value;
    Op op = Op::none;
    bool flag = false;
    bool grouped = false;  // stood in parentheses
    double number = 0;
    std::string text;
    std::vector<NodeIndex> children;
};

struct Ast {
    std::vector<Node> nodes;
    NodeIndex root = 0;

    const Node& at(NodeIndex index) const { return nodes[index]; }
};

}  // namespace sallyport::engine
