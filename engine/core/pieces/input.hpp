// Reading the resolved input of a native action, by the property's type as the contract converts it
// (engine contract 2.2): numeric text is a number, a number is a text where one is wanted. Pure.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// {"<name>": ["<message>"]}, indented, as a step's message shows it.
Error input_error(std::string_view name, const std::string& message);

// SHORT_TEXT, LONG_TEXT. Fails when it is missing, null or no text; `input_text_or` has a fallback
// for missing, null and empty ones.
Result<std::string> input_text(const Json& input, std::string_view name);
Result<std::string> input_text_or(const Json& input, std::string_view name,
                                  std::string_view fallback);
// NUMBER: finite.
Result<double> input_number(const Json& input, std::string_view name);
Result<double> input_number_or(const Json& input, std::string_view name, double fallback);
// A whole number between the two.
Result<std::int64_t> input_whole(const Json& input, std::string_view name, std::int64_t low,
                                 std::int64_t high);
// ARRAY: a list, or the text of one. A missing one is empty.
Result<Json> input_list(const Json& input, std::string_view name);
// JSON: any value; a text that is JSON counts as what it says.
Json input_json(const Json& input, std::string_view name);
// CHECKBOX: true, also as a text.
bool input_flag(const Json& input, std::string_view name, bool fallback = false);
// One of `allowed`.
Result<std::string> input_choice(const Json& input, std::string_view name,
                                 std::string_view fallback,
                                 const std::vector<std::string_view>& allowed);

// A value as text: texts as they are, the rest as JSON.stringify has it.
std::string value_text(const Json& value);
// A number as JSON; whole ones without a fraction. Fails on what JSON cannot hold.
Result<Json> number_json(double value);

}  // namespace sallyport::engine
