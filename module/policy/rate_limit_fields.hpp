// RateLimit response fields in the generation the operator names.
//
// The drafts of draft-ietf-httpapi-ratelimit-headers differ in grammar, hence a generation a
// family: draft-11 (08 to 11: `RateLimit: "name";r=9;t=1`), draft-07, draft-06, and the
// X-RateLimit-* fields that were there before. All parameter names of a generation stand in
// rate_limit_fields.cpp, once. Times are delta seconds; only legacy's Reset is a Unix time.
#pragma once

#include "common/result.hpp"
#include "module/policy/rate_limit.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::policy {

enum class FieldGeneration : std::uint8_t { draft_11, draft_07, draft_06, legacy };

// A set of generations, one bit each.
using FieldGenerations = std::uint8_t;
constexpr FieldGenerations bit(FieldGeneration generation) {
    return static_cast<FieldGenerations>(1U << static_cast<unsigned>(generation));
}

// `off`, or one or more of draft-11, draft-07, draft-06, legacy. draft-11 and draft-07 give the
// same field different grammars and are refused together.
Result<FieldGenerations> parse_generations(std::span<const std::string_view> words);

// One limit as clients see it.
struct FieldLimit {
    std::string_view name;
    std::uint64_t quota = 0;
    std::uint32_t window_s = 0;  // 0: counts requests under way
    Standing standing{};
};

// The value of RateLimit-Policy: constant for a configuration. Empty when no generation has one.
// With draft-11 among them its grammar is used; draft-06's policy field is optional.
std::string policy_field(FieldGenerations generations, std::span<const FieldLimit> limits);

struct Field {
    std::string_view name;
    std::string_view value;
    bool is_list = false;  // a field that may stand beside the upstream's own of the same name
};

inline constexpr std::size_t kFieldsMax = 7;  // 1 + 3 + 3
// Room for the values of `count` limits: a name, two numbers and their parameters; and six numbers.
constexpr std::size_t field_bytes_max(std::size_t count) {
    return count * 128 + 6 * 24 + 96;
}

// Writes the fields that change with every response. `scratch` holds the values and must be at
// least field_bytes_max(limits.size()) long; `out` takes kFieldsMax. Returns how many were written.
// Generations that know one limit only tell the tightest: lowest remaining, then the longest wait.
std::size_t write_fields(FieldGenerations generations, std::span<const FieldLimit> limits,
                         std::int64_t now_unix_s, std::span<char> scratch, std::span<Field> out);

// draft-11's field by itself, for those who write no other: items one behind the other, with room
// for each of list_item_bytes_max(). `head` is list_head() of the limit's name. Returns the end.
std::string list_head(std::string_view name);
constexpr std::size_t list_item_bytes_max(std::size_t head_size) {
    return head_size + 2 + 20 + 3 + 10;
}
char* write_list_item(char* at, bool first, std::string_view head, std::uint64_t quota,
                      const Standing& standing);

// The limit that a one-limit generation tells. REQUIRES: not empty.
const FieldLimit& tightest(std::span<const FieldLimit> limits);

}  // namespace sallyport::policy
