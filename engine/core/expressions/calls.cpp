// Functions of the global scope that expressions may call natively.
#include "engine/core/expressions/expression.hpp"
#include "engine/core/expressions/js_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace sallyport::engine {
namespace {

using Value = ExpressionValue;
using Arguments = ExpressionArguments;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Value argument(const Arguments& arguments, std::size_t index) {
    return index < arguments.size() ? arguments[index] : Value();
}

// Math.round rounds halves up, also negative ones.
double round_half_up(double value) {
    const double below = std::floor(value);
    return value - below >= 0.5 ? std::copysign(below + 1, value) : below;
}

double sign(double value) {
    return value > 0 ? 1 : value < 0 ? -1 : value;
}

struct UnaryMath {
    std::string_view name;
    double (*apply)(double);
};
constexpr std::array<UnaryMath, 7> kUnaryMath = {{
    {"abs", [](double x) { return std::fabs(x); }},
    {"ceil", [](double x) { return std::ceil(x); }},
    {"floor", [](double x) { return std::floor(x); }},
    {"round", &round_half_up},
    {"sign", &sign},
    {"sqrt", [](double x) { return std::sqrt(x); }},
    {"trunc", [](double x) { return std::trunc(x); }},
}};

// Math.min and Math.max: NaN wins over everything, -0 is less than 0.
double extreme(const std::vector<double>& values, bool largest) {
    double result = largest ? -kInfinity : kInfinity;
    for (const double value : values) {
        if (std::isnan(value) || std::isnan(result)) {
            result = kNaN;
        } else if (value == result) {
            result = std::signbit(value) == largest ? result : value;
        } else {
            result = largest ? std::max(result, value) : std::min(result, value);
        }
    }
    return result;
}

Evaluation call_math(std::string_view name, const Arguments& arguments) {
    std::vector<double> values;
    for (const auto& value : arguments) {
        const auto converted = to_number(value);
        if (!converted) {
            return Evaluation::sandbox();
        }
        values.push_back(*converted);
    }
    if (name == "min" || name == "max") {
        return Evaluation::number(extreme(values, name == "max"));
    }
    const auto* found = std::find_if(kUnaryMath.begin(), kUnaryMath.end(),
                                     [&](const auto& entry) { return entry.name == name; });
    if (found == kUnaryMath.end()) {
        return Evaluation::sandbox();
    }
    return Evaluation::number(found->apply(values.empty() ? kNaN : values[0]));
}

Evaluation json_stringify(const Arguments& arguments, Budget& budget) {
    const Value value = argument(arguments, 0);
    const Value indent = argument(arguments, 2);
    const bool plain =
        argument(arguments, 1).is_nullish() && (indent.is_undefined() || indent.is_number());
    if (!plain || (value.is_object() && value.json().has("toJSON"))) {
        return Evaluation::sandbox();
    }
    if (value.is_undefined()) {
        return Evaluation::of(Value());
    }
    constexpr double kIndentMax = 10;  // ECMA-262 section 25.5.2
    const double blanks = indent.is_number() ? std::clamp(indent.number(), 0.0, kIndentMax) : 0;
    auto written = js_stringify(value.to_json().value_or(Json::null()), kExpressionTextBytesMax,
                                std::isnan(blanks) ? 0 : static_cast<std::size_t>(blanks));
    if (!written || !budget.spend(2 * written->size())) {
        return Evaluation::sandbox();
    }
    return Evaluation::text(std::move(*written));
}

Evaluation json_parse(const Arguments& arguments, Budget& budget) {
    const Value source = argument(arguments, 0);
    if (arguments.size() != 1 || !source.is_string() || !budget.spend(4 * source.text().size())) {
        return Evaluation::sandbox();
    }
    auto parsed = Json::parse(source.text());
    // Ours refuses more than JavaScript does (huge numbers, lone surrogates), so a refusal proves
    // nothing.
    return parsed.ok() ? Evaluation::of(Value(std::move(*parsed))) : Evaluation::sandbox();
}

Evaluation call_object(std::string_view name, const Arguments& arguments, Budget& budget) {
    const Value object = argument(arguments, 0);
    if (!object.is_object() || (name != "keys" && name != "values" && name != "entries")) {
        return Evaluation::sandbox();
    }
    Json list = Json::array();
    for (const auto& [key, value] : js_members(object.json())) {
        if (!budget.spend(key.size() + 64)) {
            return Evaluation::sandbox();
        }
        if (name == "entries") {
            Json entry = Json::array();
            entry.append(Json::string(key));
            entry.append(value);
            list.append(entry);
        } else {
            list.append(name == "keys" ? Json::string(key) : value);
        }
    }
    return Evaluation::of(Value(std::move(list)));
}

// Radix 10 only; a text that begins with 0x is the sandbox's.
Evaluation parse_integer(const Arguments& arguments) {
    const auto source = to_text(argument(arguments, 0));
    const Value radix = argument(arguments, 1);
    const bool decimal = radix.is_undefined() || (radix.is_number() && radix.number() == 10);
    if (!source || !decimal) {
        return Evaluation::sandbox();
    }
    const std::string_view trimmed = js_trim_start(*source);
    const bool signed_text = !trimmed.empty() && (trimmed[0] == '-' || trimmed[0] == '+');
    const std::string_view rest = trimmed.substr(signed_text ? 1 : 0);
    if (rest.starts_with("0x") || rest.starts_with("0X")) {
        return Evaluation::sandbox();
    }
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    const double value = digits == 0 ? kNaN : js_text_to_number(rest.substr(0, digits));
    return Evaluation::number(signed_text && trimmed[0] == '-' ? -value : value);
}

Evaluation encode_component(const Arguments& arguments, Budget& budget) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    const auto source = to_text(argument(arguments, 0));
    if (!source || 3 * source->size() > kExpressionTextBytesMax || !budget.spend(source->size())) {
        return Evaluation::sandbox();
    }
    std::string out;
    for (const char c : *source) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            (c != '\0' && std::string_view("-_.!~*'()").find(c) != std::string_view::npos);
        if (plain) {
            out.push_back(c);
        } else {
            out.push_back('%');
            out.push_back(kHex[byte >> 4]);
            out.push_back(kHex[byte & 15]);
        }
    }
    return Evaluation::text(std::move(out));
}

// Values under a path of keys, arrays on the way opened. Objects at the path's end are not values.
bool flatten(const Json& data, const std::vector<std::string>& path, std::size_t at, Json& out,
             Budget& budget) {
    if (!budget.spend(16)) {
        return false;
    }
    if (data.is_array()) {
        for (std::size_t i = 0; i < data.size(); ++i) {
            if (!flatten(data.at(i), path, at, out, budget)) {
                return false;
            }
        }
    } else if (data.is_object()) {
        const Json member = at < path.size() ? data[path[at]] : Json();
        return !member.exists() || flatten(member, path, at + 1, out, budget);
    } else if (at >= path.size()) {
        out.append(data);
    }
    return true;
}

Evaluation flatten_nested_keys(const Arguments& arguments, Budget& budget) {
    const Value path_value = argument(arguments, 1);
    const auto data = argument(arguments, 0).to_json();
    if (arguments.size() != 2 || !path_value.is_array() || !data) {
        return Evaluation::sandbox();
    }
    std::vector<std::string> path;
    for (std::size_t i = 0; i < path_value.json().size(); ++i) {
        const Json key = path_value.json().at(i);
        if (!key.is_string() || key.text().find('\0') != std::string_view::npos) {
            return Evaluation::sandbox();
        }
        path.emplace_back(key.text());
    }
    Json found = Json::array();
    return flatten(*data, path, 0, found, budget) ? Evaluation::of(Value(std::move(found)))
                                                  : Evaluation::sandbox();
}

Evaluation call_function(std::string_view name, const Arguments& arguments, Budget& budget) {
    const Value first = argument(arguments, 0);
    if (name == "flattenNestedKeys") {
        return flatten_nested_keys(arguments, budget);
    }
    if (name == "Boolean") {
        return Evaluation::truth(first.truthy());
    }
    if (name == "parseInt") {
        return parse_integer(arguments);
    }
    if (name == "encodeURIComponent") {
        return encode_component(arguments, budget);
    }
    if (name == "String" || name == "parseFloat") {
        auto converted = arguments.empty() && name == "String" ? std::string() : to_text(first);
        if (!converted) {
            return Evaluation::sandbox();
        }
        return name == "String" ? Evaluation::text(std::move(*converted))
                                : Evaluation::number(js_parse_float(*converted));
    }
    if (name == "Number" || name == "isNaN" || name == "isFinite") {
        const auto converted = arguments.empty() && name == "Number" ? 0 : to_number(first);
        if (!converted) {
            return Evaluation::sandbox();
        }
        return name == "Number"  ? Evaluation::number(*converted)
               : name == "isNaN" ? Evaluation::truth(std::isnan(*converted))
                                 : Evaluation::truth(std::isfinite(*converted));
    }
    return Evaluation::sandbox();
}

Evaluation call_number(std::string_view name, const Arguments& arguments, Budget& budget) {
    if (name == "parseInt" || name == "parseFloat") {
        return call_function(name, arguments, budget);
    }
    const Value value = argument(arguments, 0);
    const double x = value.is_number() ? value.number() : kNaN;
    if (name == "isInteger") {
        return Evaluation::truth(std::isfinite(x) && std::trunc(x) == x);
    }
    if (name == "isFinite") {
        return Evaluation::truth(std::isfinite(x));
    }
    return name == "isNaN" ? Evaluation::truth(value.is_number() && std::isnan(x))
                           : Evaluation::sandbox();
}

}  // namespace

Evaluation call_global(std::string_view space, std::string_view name,
                       const ExpressionArguments& arguments, Budget& budget) {
    if (space.empty()) {
        return call_function(name, arguments, budget);
    }
    if (space == "Math") {
        return call_math(name, arguments);
    }
    if (space == "JSON") {
        return name == "stringify" ? json_stringify(arguments, budget)
               : name == "parse"   ? json_parse(arguments, budget)
                                   : Evaluation::sandbox();
    }
    if (space == "Object") {
        return call_object(name, arguments, budget);
    }
    if (space == "Array" && name == "isArray") {
        return Evaluation::truth(argument(arguments, 0).is_array());
    }
    return space == "Number" ? call_number(name, arguments, budget) : Evaluation::sandbox();
}

Evaluation global_member(std::string_view space, std::string_view name) {
    if (space == "Math" && name == "PI") {
        return Evaluation::number(3.141592653589793);
    }
    if (space == "Number" && (name == "MAX_SAFE_INTEGER" || name == "MIN_SAFE_INTEGER")) {
        return Evaluation::number(name == "MAX_SAFE_INTEGER" ? 9007199254740991.0
                                                             : -9007199254740991.0);
    }
    return Evaluation::sandbox();
}

}  // namespace sallyport::engine
