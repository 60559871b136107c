// Structured Field Values for HTTP (RFC 9651), as far as message signatures and digests use them:
// dictionaries of inner lists and of byte sequences, strings, integers, tokens, parameters.
//
// Strict: what is not exactly the grammar is nothing at all. Views point into the text given.
#pragma once

#include "common/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sallyport::policy::sf {

// Members, items and parameters read from one field; more is an attack on our time.
inline constexpr std::size_t kMembersMax = 64;

using Bare = std::variant<std::int64_t, std::string, bool, Bytes>;  // a token is a string

struct Parameter {
    std::string_view name;
    Bare value;
};
using Parameters = std::vector<Parameter>;

struct Item {
    std::string_view raw;  // with its parameters, as written
    Bare value;
    Parameters parameters;
};

struct Member {
    std::string_view key;
    std::string_view raw;     // the value with its parameters, as written
    bool is_list = false;     // an inner list; `items` then, else one item
    std::vector<Item> items;  // of an inner list without its own parameters
    Parameters parameters;
};

// Nothing when the text is not a dictionary; of equal keys none may occur twice.
std::optional<std::vector<Member>> parse_dictionary(std::string_view text);

// Null when there is none of that name.
const Parameter* find(const Parameters& parameters, std::string_view name);
std::optional<std::int64_t> integer_of(const Parameters& parameters, std::string_view name);
// Null when absent or no string.
const std::string* text_of(const Parameters& parameters, std::string_view name);

}  // namespace sallyport::policy::sf
