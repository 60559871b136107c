// Names with brackets, read as the contract's server reads them (the package qs, with its
// defaults). What one pair says is merged into what the earlier ones said.
#include "engine/core/form_json.hpp"

#include "common/bytes.hpp"
#include "engine/core/expressions/expression.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kDepthMax = 5;         // further brackets belong to the last name
constexpr std::uint64_t kListIndexMax = 20;  // a higher index is a name

// A text, or members by name in the order in which they came, or a list that may have holes.
struct Node {
    enum class Kind { text, members, list };
    Kind kind = Kind::text;
    std::string text;
    bool is_flag = false;  // true instead of the text
    std::vector<std::string> order;
    std::map<std::string, std::unique_ptr<Node>, std::less<>> members;
    std::map<std::uint64_t, std::unique_ptr<Node>> list;
};
using NodePtr = std::unique_ptr<Node>;

NodePtr text_node(std::string text) {
    auto node = std::make_unique<Node>();
    node->text = std::move(text);
    return node;
}

NodePtr empty_node(Node::Kind kind) {
    auto node = std::make_unique<Node>();
    node->kind = kind;
    return node;
}

void append(Node& list, NodePtr value) {
    const std::uint64_t next = list.list.empty() ? 0 : list.list.rbegin()->first + 1;
    list.list.emplace(next, std::move(value));
}

void merge(NodePtr& into, NodePtr from);

void merge_member(Node& into, const std::string& name, NodePtr value) {
    const auto [at, is_new] = into.members.try_emplace(name, nullptr);
    if (is_new) {
        into.order.push_back(name);
        at->second = std::move(value);
    } else {
        merge(at->second, std::move(value));
    }
}

// A list that gets a name: its indexes become names.
void become_members(Node& list) {
    list.kind = Node::Kind::members;
    for (auto& [index, value] : std::exchange(list.list, {})) {
        merge_member(list, std::to_string(index), std::move(value));
    }
}

void merge_lists(Node& into, Node& from) {
    for (auto& [index, value] : from.list) {
        const auto there = into.list.find(index);
        if (there == into.list.end()) {
            into.list.emplace(index, std::move(value));
        } else if (there->second->kind != Node::Kind::text && value->kind != Node::Kind::text) {
            merge(there->second, std::move(value));
        } else {
            append(into, std::move(value));
        }
    }
}

// A text beside members is one itself, and says no more than that it was there.
void merge_text(Node& into, NodePtr from) {
    if (into.kind == Node::Kind::list) {
        append(into, std::move(from));
    } else if (!is_inherited_name(from->text)) {
        NodePtr flag = text_node({});
        flag->is_flag = true;
        const auto [at, is_new] = into.members.try_emplace(from->text, nullptr);
        at->second = std::move(flag);
        if (is_new) {
            into.order.push_back(from->text);
        }
    }
}

void merge(NodePtr& into, NodePtr from) {
    using Kind = Node::Kind;
    if (from->kind == Kind::text && from->text.empty() && !from->is_flag) {
        return;
    }
    if (into->kind == Kind::text) {
        NodePtr both = empty_node(Kind::list);
        append(*both, std::move(into));
        if (from->kind == Kind::list) {
            for (auto& [index, value] : from->list) {
                append(*both, std::move(value));
            }
        } else {
            append(*both, std::move(from));
        }
        into = std::move(both);
    } else if (from->kind == Kind::text) {
        merge_text(*into, std::move(from));
    } else if (into->kind == Kind::list && from->kind == Kind::list) {
        merge_lists(*into, *from);
    } else {
        if (into->kind == Kind::list) {
            become_members(*into);
        }
        if (from->kind == Kind::list) {
            become_members(*from);
        }
        for (const std::string& name : from->order) {
            merge_member(*into, name, std::move(from->members[name]));
        }
    }
}

struct Segment {
    std::string name;
    bool bracketed = false;
};

// The next `[name]` in `key` from `from` on, without brackets within.
struct Bracket {
    std::size_t begin;
    std::size_t end;  // after the bracket that closes it
};
std::optional<Bracket> next_bracket(std::string_view key, std::size_t from) {
    std::size_t open = std::string_view::npos;
    for (std::size_t at = from; at < key.size(); ++at) {
        if (key[at] == '[') {
            open = at;
        } else if (key[at] == ']' && open != std::string_view::npos) {
            return Bracket{open, at + 1};
        }
    }
    return std::nullopt;
}

// Empty: no name, or one that every object has in JavaScript.
std::vector<Segment> path_of(std::string_view key) {
    std::vector<Segment> path;
    std::optional<Bracket> bracket = next_bracket(key, 0);
    const std::string_view first = key.substr(0, bracket ? bracket->begin : key.size());
    if (!first.empty()) {
        path.push_back({std::string(first), false});
    }
    for (std::size_t depth = 0; bracket && depth < kDepthMax; ++depth) {
        path.push_back(
            {std::string(key.substr(bracket->begin + 1, bracket->end - bracket->begin - 2)), true});
        bracket = next_bracket(key, bracket->end);
    }
    const bool inherited = std::any_of(path.begin(), path.end(), [](const Segment& segment) {
        return is_inherited_name(segment.name);
    });
    if (inherited) {
        return {};
    }
    if (bracket) {
        path.push_back({std::string(key.substr(bracket->begin)), true});
    }
    return path;
}

std::optional<std::uint64_t> list_index(const Segment& segment) {
    const auto index = segment.bracketed ? parse_u64(segment.name) : std::nullopt;
    return index && *index <= kListIndexMax && std::to_string(*index) == segment.name
               ? index
               : std::nullopt;
}

NodePtr below(const Segment& segment, NodePtr value) {
    const std::optional<std::uint64_t> index = list_index(segment);
    if (segment.bracketed && segment.name.empty()) {
        if (value->kind == Node::Kind::list) {
            return value;
        }
        NodePtr list = empty_node(Node::Kind::list);
        append(*list, std::move(value));
        return list;
    }
    NodePtr node = empty_node(index ? Node::Kind::list : Node::Kind::members);
    if (index) {
        node->list.emplace(*index, std::move(value));
    } else {
        merge_member(*node, segment.name, std::move(value));
    }
    return node;
}

NodePtr leaf_of(std::vector<std::string>& values) {
    if (values.size() == 1) {
        return text_node(std::move(values.front()));
    }
    NodePtr list = empty_node(Node::Kind::list);
    for (std::string& value : values) {
        append(*list, text_node(std::move(value)));
    }
    return list;
}

Json to_json(const Node& node) {
    if (node.kind == Node::Kind::text) {
        return node.is_flag ? Json::boolean(true) : Json::string(node.text);
    }
    Json out = node.kind == Node::Kind::list ? Json::array() : Json::object();
    for (const auto& [index, value] : node.list) {
        out.append(to_json(*value));
    }
    for (const std::string& name : node.order) {
        out.set(name, to_json(*node.members.at(name)));
    }
    return out;
}

}  // namespace

Json form_to_json(const FormPairs& pairs) {
    // What is said of one name stands together, where it stood first.
    std::vector<std::pair<std::string, std::vector<std::string>>> said;
    std::map<std::string, std::size_t> places;
    for (const auto& [key, value] : pairs) {
        const auto [place, is_new] = places.try_emplace(member_name(key), said.size());
        if (is_new) {
            said.emplace_back(place->first, std::vector<std::string>());
        }
        said[place->second].second.push_back(value);
    }
    NodePtr root = empty_node(Node::Kind::members);
    for (auto& [key, values] : said) {
        std::vector<Segment> path = path_of(key);
        if (path.empty()) {
            continue;
        }
        NodePtr node = leaf_of(values);
        for (; !path.empty(); path.pop_back()) {
            node = below(path.back(), std::move(node));
        }
        merge(root, std::move(node));
    }
    return to_json(*root);
}

Result<Json> read_form(std::string_view text) {
    if (std::count(text.begin(), text.end(), '&') >= std::ptrdiff_t{kFormFieldsMax}) {
        return Error{"a form has at most " + std::to_string(kFormFieldsMax) + " fields"};
    }
    return form_to_json(parse_form(text));
}

}  // namespace sallyport::engine
