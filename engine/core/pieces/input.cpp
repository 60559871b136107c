#include "engine/core/pieces/input.hpp"

#include "engine/core/expressions/js_text.hpp"
#include "engine/core/expressions/value.hpp"

#include <cmath>

namespace sallyport::engine {
namespace {

bool is_missing(const Json& value) {
    return !value.exists() || value.is_null();
}

Error expected(std::string_view name, std::string_view kind, const Json& value) {
    return input_error(name, "Expected " + std::string(kind) + ", received: " +
                                 (value.exists() ? value_text(value) : "undefined"));
}

}  // namespace

Error input_error(std::string_view name, const std::string& message) {
    Json messages = Json::array();
    messages.append(Json::string(message));
    const Json error = Json::object({{name, messages}});
    return Error{js_stringify(error, SIZE_MAX, 2).value_or(message)};
}

std::string value_text(const Json& value) {
    if (value.is_string()) {
        return std::string(value.text());
    }
    return js_stringify(value, SIZE_MAX).value_or(value.dump());
}

Result<std::string> input_text(const Json& input, std::string_view name) {
    const Json value = input[name];
    if (is_missing(value)) {
        return expected(name, "string", value);
    }
    return value_text(value);
}

Result<std::string> input_text_or(const Json& input, std::string_view name,
                                  std::string_view fallback) {
    const Json value = input[name];
    const bool given = !is_missing(value) && !(value.is_string() && value.text().empty());
    return given ? value_text(value) : std::string(fallback);
}

Result<double> input_number(const Json& input, std::string_view name) {
    const Json value = input[name];
    const bool empty = value.is_string() && js_trim_end(js_trim_start(value.text())).empty();
    const double number = value.is_number()             ? value.number_or(0)
                          : value.is_string() && !empty ? js_text_to_number(value.text())
                                                        : std::nan("");
    if (!std::isfinite(number)) {
        return expected(name, "number", value);
    }
    return number;
}

Result<double> input_number_or(const Json& input, std::string_view name, double fallback) {
    const Json value = input[name];
    const bool given = !is_missing(value) && !(value.is_string() && value.text().empty());
    return given ? input_number(input, name) : fallback;
}

Result<std::int64_t> input_whole(const Json& input, std::string_view name, std::int64_t low,
                                 std::int64_t high) {
    const Result<double> number = input_number(input, name);
    if (!number.ok()) {
        return number.error();
    }
    if (*number != std::floor(*number) || *number < static_cast<double>(low) ||
        *number > static_cast<double>(high)) {
        return input_error(name, "Expected a whole number from " + std::to_string(low) + " to " +
                                     std::to_string(high) +
                                     ", received: " + value_text(input[name]));
    }
    return static_cast<std::int64_t>(*number);
}

Result<Json> input_list(const Json& input, std::string_view name) {
    const Json value = input_json(input, name);
    if (is_missing(value) || (value.is_string() && value.text().empty())) {
        return Json::array();
    }
    if (!value.is_array()) {
        return expected(name, "array", value);
    }
    return value;
}

Json input_json(const Json& input, std::string_view name) {
    const Json value = input[name];
    if (!value.is_string()) {
        return value;
    }
    const Result<Json> parsed = Json::parse(value.text());
    return parsed.ok() ? *parsed : value;
}

bool input_flag(const Json& input, std::string_view name, bool fallback) {
    const Json value = input[name];
    if (value.is_string()) {
        return value.text() == "true" || (value.text() != "false" && fallback);
    }
    return value.boolean_or(fallback);
}

Result<std::string> input_choice(const Json& input, std::string_view name,
                                 std::string_view fallback,
                                 const std::vector<std::string_view>& allowed) {
    Result<std::string> chosen = input_text_or(input, name, fallback);
    std::string list;
    for (const std::string_view one : allowed) {
        if (*chosen == one) {
            return chosen;
        }
        list += (list.empty() ? "" : ", ") + std::string(one);
    }
    return input_error(name, "Expected one of " + list + ", received: " + *chosen);
}

Result<Json> number_json(double value) {
    const auto json = ExpressionValue(value).to_json();
    if (!json) {
        return Error{"The result is too large to be a number"};
    }
    return *json;
}

}  // namespace sallyport::engine
