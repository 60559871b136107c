// ExpressionValue: what an expression evaluates to. JSON and the two things JSON lacks: undefined,
// and numbers that are not finite. Conversions as ECMA-262 section 7.1 has them.
#pragma once

#include "common/json.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine {

class ExpressionValue {
  public:
    enum class Type { undefined, null, boolean, number, string, array, object };

    ExpressionValue() = default;  // undefined
    explicit ExpressionValue(bool value) : form_(Form::boolean), number_(value ? 1 : 0) {}
    explicit ExpressionValue(double value) : form_(Form::number), number_(value) {}
    explicit ExpressionValue(std::string value) : form_(Form::text), text_(std::move(value)) {}
    explicit ExpressionValue(const char*) = delete;  // would become a boolean
    // Shares the node; an empty Json is undefined.
    explicit ExpressionValue(Json value)
        : form_(value.exists() ? Form::json : Form::undefined), json_(std::move(value)) {}
    static ExpressionValue null() { return ExpressionValue(Json::null()); }

    Type type() const;
    bool is_undefined() const { return type() == Type::undefined; }
    bool is_nullish() const { return type() <= Type::null; }
    bool is_string() const { return type() == Type::string; }
    bool is_number() const { return type() == Type::number; }
    bool is_array() const { return type() == Type::array; }
    bool is_object() const { return type() == Type::object; }
    bool is_primitive() const { return type() < Type::array; }

    // REQUIRES: the type in question. The view lives as long as the value.
    std::string_view text() const;
    double number() const;
    bool boolean() const;
    const Json& json() const;  // of an array or object

    bool truthy() const;
    // The value as JSON; nothing for what JSON cannot hold (undefined, NaN, infinities).
    std::optional<Json> to_json() const;

  private:
    // A value read from the scope stays the node it was: no copy, and large integers keep their
    // digits.
    enum class Form { undefined, boolean, number, text, json };

    Form form_ = Form::undefined;
    double number_ = 0;
    std::string text_;
    Json json_;
};

// Strings an expression may build; more is the sandbox's business.
inline constexpr std::size_t kExpressionTextBytesMax = 4 * 1024 * 1024;

// ToString. Nothing when it depends on what we do not model (an object with a toString of its own)
// or the text would be too long.
std::optional<std::string> to_text(const ExpressionValue& value);
// ToNumber; nothing as above.
std::optional<double> to_number(const ExpressionValue& value);
// ToPrimitive without a hint: arrays and objects become text.
std::optional<ExpressionValue> to_primitive(const ExpressionValue& value);

bool strict_equals(const ExpressionValue& a, const ExpressionValue& b);
// `==`. REQUIRES: both primitive, or both not, or one of them null or undefined; the others are
// made primitive first.
bool loose_equals(const ExpressionValue& a, const ExpressionValue& b);

}  // namespace sallyport::engine
