#include "engine/core/expressions/value.hpp"

#include "engine/core/expressions/js_text.hpp"

#include <cmath>
#include <limits>

namespace sallyport::engine {
namespace {

using Value = ExpressionValue;
using Type = Value::Type;

// Doubles that are whole and within this are written as JSON integers, as JavaScript prints them.
constexpr double kSafeInteger = 9007199254740991.0;  // 2^53 - 1

// Array.prototype.toString; arrays in arrays are joined as well.
bool join_array(const Json& array, std::string& out) {
    for (std::size_t i = 0; i < array.size(); ++i) {
        if (i > 0) {
            out.push_back(',');
        }
        const Json element = array.at(i);
        if (element.is_null()) {
            continue;
        }
        const auto text = to_text(Value(element));
        if (!text || out.size() + text->size() > kExpressionTextBytesMax) {
            return false;
        }
        out += *text;
    }
    return true;
}

}  // namespace

ExpressionValue::Type ExpressionValue::type() const {
    switch (form_) {
        case Form::undefined:
            return Type::undefined;
        case Form::boolean:
            return Type::boolean;
        case Form::number:
            return Type::number;
        case Form::text:
            return Type::string;
        case Form::json:
            break;
    }
    return json_.is_string()    ? Type::string
           : json_.is_number()  ? Type::number
           : json_.is_boolean() ? Type::boolean
           : json_.is_array()   ? Type::array
           : json_.is_object()  ? Type::object
                                : Type::null;
}

std::string_view ExpressionValue::text() const {
    return form_ == Form::text ? std::string_view(text_) : json_.text();
}

double ExpressionValue::number() const {
    return form_ == Form::number ? number_ : json_.number_or(0);
}

bool ExpressionValue::boolean() const {
    return form_ == Form::boolean ? number_ != 0 : json_.is_true();
}

const Json& ExpressionValue::json() const {
    return json_;
}

bool ExpressionValue::truthy() const {
    switch (type()) {
        case Type::undefined:
        case Type::null:
            return false;
        case Type::boolean:
            return boolean();
        case Type::number:
            return number() != 0 && !std::isnan(number());
        case Type::string:
            return !text().empty();
        case Type::array:
        case Type::object:
            break;
    }
    return true;
}

std::optional<Json> ExpressionValue::to_json() const {
    if (form_ == Form::json) {
        return json_;
    }
    switch (type()) {
        case Type::boolean:
            return Json::boolean(boolean());
        case Type::string:
            return Json::string(text());
        case Type::number:
            break;
        case Type::undefined:
        case Type::null:
        case Type::array:
        case Type::object:
            return std::nullopt;
    }
    const double value = number();
    if (!std::isfinite(value)) {
        return std::nullopt;
    }
    const bool whole = std::trunc(value) == value && std::fabs(value) <= kSafeInteger;
    return whole ? Json::integer(static_cast<std::int64_t>(value)) : Json::real(value);
}

std::optional<std::string> to_text(const ExpressionValue& value) {
    switch (value.type()) {
        case Type::undefined:
            return "undefined";
        case Type::null:
            return "null";
        case Type::boolean:
            return value.boolean() ? "true" : "false";
        case Type::number:
            return js_number_text(value.number());
        case Type::string:
            return std::string(value.text());
        case Type::array: {
            std::string joined;
            return join_array(value.json(), joined) ? std::optional(joined) : std::nullopt;
        }
        case Type::object:
            break;
    }
    if (value.json().has("toString") || value.json().has("valueOf")) {
        return std::nullopt;
    }
    return "[object Object]";
}

std::optional<ExpressionValue> to_primitive(const ExpressionValue& value) {
    if (value.is_primitive()) {
        return value;
    }
    auto text = to_text(value);
    return text ? std::optional(Value(std::move(*text))) : std::nullopt;
}

std::optional<double> to_number(const ExpressionValue& value) {
    switch (value.type()) {
        case Type::undefined:
            return std::numeric_limits<double>::quiet_NaN();
        case Type::null:
            return 0;
        case Type::boolean:
            return value.boolean() ? 1 : 0;
        case Type::number:
            return value.number();
        case Type::string:
            return js_text_to_number(value.text());
        case Type::array:
        case Type::object:
            break;
    }
    const auto text = to_text(value);
    return text ? std::optional(js_text_to_number(*text)) : std::nullopt;
}

bool strict_equals(const ExpressionValue& a, const ExpressionValue& b) {
    if (a.type() != b.type()) {
        return false;
    }
    switch (a.type()) {
        case Type::undefined:
        case Type::null:
            return true;
        case Type::boolean:
            return a.boolean() == b.boolean();
        case Type::number:
            return a.number() == b.number();
        case Type::string:
            return a.text() == b.text();
        case Type::array:
        case Type::object:
            break;
    }
    return a.json().get() == b.json().get();  // the same object, not an equal one
}

bool loose_equals(const ExpressionValue& a, const ExpressionValue& b) {
    if (a.type() == b.type()) {
        return strict_equals(a, b);
    }
    if (a.is_nullish() || b.is_nullish()) {
        return a.is_nullish() && b.is_nullish();
    }
    if (!a.is_primitive() || !b.is_primitive()) {
        return false;  // an array and an object
    }
    return *to_number(a) == *to_number(b);
}

}  // namespace sallyport::engine
