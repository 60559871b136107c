// Text as JavaScript sees it, kept in UTF-8: lengths and positions in UTF-16 units, JavaScript's
// white space and comparison order, Number to text and back, JSON.stringify. No evaluation here.
//
// A position inside a surrogate pair has no UTF-8 form; such results are `nullopt` and left to the
// sandbox.
#pragma once

#include "common/json.hpp"
#include "common/number_text.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::engine {

// In UTF-16 units. REQUIRES: valid UTF-8, here and below.
std::size_t js_length(std::string_view text);
// The units from `begin` to `end` (0 <= begin <= end <= js_length).
std::optional<std::string> js_substring(std::string_view text, std::size_t begin, std::size_t end);
// Position in units of the byte at `byte_offset`, a character's first.
std::size_t js_position(std::string_view text, std::size_t byte_offset);

std::string_view js_trim_start(std::string_view text);
std::string_view js_trim_end(std::string_view text);
bool is_ascii(std::string_view text);

// Whether `if (value)` holds; false for what is absent.
bool js_truth(const Json& value);

// Negative, zero or positive: order by UTF-16 units, as `<` has it.
int js_compare(std::string_view a, std::string_view b);

// Number.prototype.toFixed; `digits` 0 to 100.
std::string js_number_fixed(double value, int digits);
// Number(text): empty is 0, what is no number is NaN.
double js_text_to_number(std::string_view text);
// The longest decimal number (or Infinity) that `text` begins with; NaN when there is none.
double js_parse_float(std::string_view text);

// The members in JavaScript's order: array indexes ascending, then the others as inserted.
std::vector<std::pair<std::string, Json>> js_members(const Json& object);
// The index that `key` is, when it is one in canonical form ("0", "17", not "01").
std::optional<std::size_t> js_array_index(std::string_view key);

// JSON.stringify of a JSON value. `indent` blanks a level; 0: compact. Integers keep all their
// digits, even beyond 2^53, so that identifiers pass unchanged. Stops after `bytes_max` (nullopt).
std::optional<std::string> js_stringify(const Json& value, std::size_t bytes_max,
                                        std::size_t indent = 0);

}  // namespace sallyport::engine
