// Methods of strings, arrays and numbers that expressions may call natively. Arguments of a kind or
// number that is not handled exactly are left to the sandbox; so is everything that takes a
// function.
#include "engine/core/expressions/expression.hpp"
#include "engine/core/expressions/js_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace sallyport::engine {
namespace {

using Value = ExpressionValue;
using Arguments = ExpressionArguments;

// What one list element, and one match in a text, costs besides its bytes.
constexpr std::size_t kElementUnits = 512;
constexpr std::size_t kMatchUnits = 128;

Evaluation text_or_sandbox(std::optional<std::string> value) {
    return value ? Evaluation::text(std::move(*value)) : Evaluation::sandbox();
}

// ToIntegerOrInfinity of a number argument, `missing` for an absent or undefined one.
std::optional<double> integer(const Arguments& arguments, std::size_t index, double missing) {
    if (index >= arguments.size() || arguments[index].is_undefined()) {
        return missing;
    }
    if (!arguments[index].is_number()) {
        return std::nullopt;
    }
    const double value = arguments[index].number();
    return std::isnan(value) ? 0 : std::trunc(value);
}

std::size_t clamp_to(double position, std::size_t length) {
    return position <= 0                             ? 0
           : position >= static_cast<double>(length) ? length
                                                     : static_cast<std::size_t>(position);
}

// A position as slice() and at() take it: negative ones count from the end.
std::size_t relative(double position, std::size_t length) {
    return clamp_to(position < 0 ? position + static_cast<double>(length) : position, length);
}

// The two ends of slice() or substring().
struct Range {
    std::size_t begin = 0;
    std::size_t end = 0;
};
std::optional<Range> slice_range(const Arguments& arguments, std::size_t length) {
    const auto begin = integer(arguments, 0, 0);
    const auto end = integer(arguments, 1, static_cast<double>(length));
    if (!begin || !end) {
        return std::nullopt;
    }
    const Range range{relative(*begin, length), relative(*end, length)};
    return Range{range.begin, std::max(range.begin, range.end)};
}

// The one string argument most methods take.
const Value* only_text(const Arguments& arguments) {
    return arguments.size() == 1 && arguments[0].is_string() ? &arguments[0] : nullptr;
}

// Linear in both lengths, unlike std::string_view::find.
std::size_t find(std::string_view where, std::string_view what, std::size_t from = 0) {
    if (what.empty()) {
        return from;
    }
    const void* found = memmem(where.data() + from, where.size() - from, what.data(), what.size());
    return found == nullptr
               ? std::string_view::npos
               : static_cast<std::size_t>(static_cast<const char*>(found) - where.data());
}

Evaluation change_case(std::string_view self, char first, char last) {
    if (!is_ascii(self)) {
        return Evaluation::sandbox();  // needs Unicode's tables
    }
    std::string out(self);
    for (char& c : out) {
        c = c >= first && c <= last ? static_cast<char>(c ^ 0x20) : c;
    }
    return Evaluation::text(std::move(out));
}

Evaluation split(std::string_view self, const Arguments& arguments, Budget& budget) {
    Json parts = Json::array();
    if (arguments.empty()) {
        parts.append(Json::string(self));
        return Evaluation::of(Value(std::move(parts)));
    }
    const Value* separator = only_text(arguments);
    if (separator == nullptr) {
        return Evaluation::sandbox();
    }
    const std::string_view mark = separator->text();
    if (mark.empty() && !is_ascii(self)) {
        return Evaluation::sandbox();  // may cut surrogate pairs
    }
    std::size_t at = 0;
    while (budget.spend(kElementUnits)) {
        const std::size_t next = mark.empty() ? at + 1 : find(self, mark, at);
        if (mark.empty() ? next >= self.size() : next == std::string_view::npos) {
            if (!mark.empty() || at < self.size()) {
                parts.append(Json::string(self.substr(at)));
            }
            return Evaluation::of(Value(std::move(parts)));
        }
        parts.append(Json::string(self.substr(at, next - at)));
        at = next + mark.size();
    }
    return Evaluation::sandbox();
}

Evaluation replace(std::string_view self, const Arguments& arguments, bool all, Budget& budget) {
    if (arguments.size() != 2 || !arguments[0].is_string() || !arguments[1].is_string()) {
        return Evaluation::sandbox();
    }
    const std::string_view what = arguments[0].text();
    const std::string_view with = arguments[1].text();
    if (with.find('$') != std::string_view::npos || (all && what.empty())) {
        return Evaluation::sandbox();
    }
    std::string out;
    std::size_t at = 0;
    std::size_t next = find(self, what);
    while (next != std::string_view::npos) {
        out.append(self.substr(at, next - at)).append(with);
        at = next + what.size();
        if (out.size() > kExpressionTextBytesMax || !budget.spend(with.size() + kMatchUnits)) {
            return Evaluation::sandbox();
        }
        next = all ? find(self, what, at) : std::string_view::npos;
    }
    return Evaluation::text(out.append(self.substr(at)));
}

Evaluation repeat(std::string_view self, const Arguments& arguments, Budget& budget) {
    const auto count = integer(arguments, 0, 0);
    if (!count) {
        return Evaluation::sandbox();
    }
    if (*count < 0 || std::isinf(*count)) {
        return Evaluation::threw();  // RangeError
    }
    const double bytes = *count * static_cast<double>(self.size());
    if (bytes > static_cast<double>(kExpressionTextBytesMax) ||
        !budget.spend(static_cast<std::size_t>(bytes) + 1)) {
        return Evaluation::sandbox();
    }
    std::string out;
    const auto times = self.empty() ? 0 : static_cast<std::size_t>(*count);
    for (std::size_t i = 0; i < times; ++i) {
        out += self;
    }
    return Evaluation::text(std::move(out));
}

Evaluation pad(std::string_view self, const Arguments& arguments, bool start) {
    const auto wanted = integer(arguments, 0, 0);
    const bool default_filler = arguments.size() < 2 || arguments[1].is_undefined();
    if (!wanted || (!default_filler && !arguments[1].is_string())) {
        return Evaluation::sandbox();
    }
    const std::string_view filler = default_filler ? std::string_view(" ") : arguments[1].text();
    const double missing = *wanted - static_cast<double>(js_length(self));
    if (missing <= 0 || filler.empty()) {
        return Evaluation::text(self);
    }
    if (missing > static_cast<double>(kExpressionTextBytesMax) || !is_ascii(filler)) {
        return Evaluation::sandbox();
    }
    std::string fill;
    const auto count = static_cast<std::size_t>(missing);
    while (fill.size() < count) {
        fill += filler;
    }
    fill.resize(count);
    return Evaluation::text(start ? fill + std::string(self) : std::string(self) + fill);
}

Evaluation concat_text(std::string_view self, const Arguments& arguments) {
    std::string out(self);
    for (const auto& value : arguments) {
        const auto more = to_text(value);
        if (!more || out.size() + more->size() > kExpressionTextBytesMax) {
            return Evaluation::sandbox();
        }
        out += *more;
    }
    return Evaluation::text(std::move(out));
}

Evaluation character(std::string_view self, const Arguments& arguments, bool at) {
    const auto index = integer(arguments, 0, 0);
    if (!index) {
        return Evaluation::sandbox();
    }
    const auto length = static_cast<double>(js_length(self));
    const double position = at && *index < 0 ? *index + length : *index;
    if (position < 0 || position >= length) {
        return at ? Evaluation::of(Value()) : Evaluation::text(std::string());
    }
    const auto begin = static_cast<std::size_t>(position);
    return text_or_sandbox(js_substring(self, begin, begin + 1));
}

Evaluation slice_text(std::string_view self, const Arguments& arguments) {
    const auto range = slice_range(arguments, js_length(self));
    return range ? text_or_sandbox(js_substring(self, range->begin, range->end))
                 : Evaluation::sandbox();
}

// substring() swaps its ends and knows no negative positions.
Evaluation substring(std::string_view self, const Arguments& arguments) {
    const std::size_t length = js_length(self);
    const auto first = integer(arguments, 0, 0);
    const auto second = integer(arguments, 1, static_cast<double>(length));
    if (!first || !second) {
        return Evaluation::sandbox();
    }
    const std::size_t a = clamp_to(*first, length);
    const std::size_t b = clamp_to(*second, length);
    return text_or_sandbox(js_substring(self, std::min(a, b), std::max(a, b)));
}

// Methods that look for their one string argument.
Evaluation search_text(std::string_view self, std::string_view name, std::string_view what) {
    if (name == "startsWith") {
        return Evaluation::truth(self.starts_with(what));
    }
    if (name == "endsWith") {
        return Evaluation::truth(self.ends_with(what));
    }
    if (name == "lastIndexOf" && what.size() > 64) {
        return Evaluation::sandbox();  // rfind is not linear
    }
    const std::size_t found = name == "lastIndexOf" ? self.rfind(what) : find(self, what);
    if (name == "includes") {
        return Evaluation::truth(found != std::string_view::npos);
    }
    return Evaluation::number(
        found == std::string_view::npos ? -1 : static_cast<double>(js_position(self, found)));
}

Evaluation call_text(std::string_view self, std::string_view name, const Arguments& arguments,
                     Budget& budget) {
    if (name == "includes" || name == "startsWith" || name == "endsWith" || name == "indexOf" ||
        name == "lastIndexOf") {
        const Value* what = only_text(arguments);
        return what != nullptr ? search_text(self, name, what->text()) : Evaluation::sandbox();
    }
    if (name == "trim") {
        return Evaluation::text(js_trim_start(js_trim_end(self)));
    }
    if (name == "trimStart" || name == "trimEnd") {
        return Evaluation::text(name == "trimStart" ? js_trim_start(self) : js_trim_end(self));
    }
    if (name == "toUpperCase" || name == "toLowerCase") {
        return name == "toUpperCase" ? change_case(self, 'a', 'z') : change_case(self, 'A', 'Z');
    }
    if (name == "split") {
        return split(self, arguments, budget);
    }
    if (name == "slice") {
        return slice_text(self, arguments);
    }
    if (name == "substring") {
        return substring(self, arguments);
    }
    if (name == "charAt" || name == "at") {
        return character(self, arguments, name == "at");
    }
    if (name == "replace" || name == "replaceAll") {
        return replace(self, arguments, name == "replaceAll", budget);
    }
    if (name == "padStart" || name == "padEnd") {
        return pad(self, arguments, name == "padStart");
    }
    if (name == "repeat") {
        return repeat(self, arguments, budget);
    }
    if (name == "concat") {
        return concat_text(self, arguments);
    }
    return name == "toString" ? Evaluation::text(self) : Evaluation::sandbox();
}

Evaluation join(const Json& self, const Arguments& arguments, Budget& budget) {
    const bool comma = arguments.empty() || arguments[0].is_undefined();
    if (!comma && only_text(arguments) == nullptr) {
        return Evaluation::sandbox();
    }
    const std::string_view mark = comma ? std::string_view(",") : arguments[0].text();
    std::string out;
    for (std::size_t i = 0; i < self.size(); ++i) {
        const Json element = self.at(i);
        const auto part = element.is_null() ? std::string() : to_text(Value(element));
        if (!part || out.size() + part->size() + mark.size() > kExpressionTextBytesMax ||
            !budget.spend(part->size() + mark.size() + 1)) {
            return Evaluation::sandbox();
        }
        out.append(i > 0 ? mark : std::string_view()).append(*part);
    }
    return Evaluation::text(std::move(out));
}

Evaluation search_list(const Json& self, const Arguments& arguments, bool includes,
                       Budget& budget) {
    if (arguments.size() != 1) {
        return Evaluation::sandbox();
    }
    for (std::size_t i = 0; i < self.size(); ++i) {
        const Value element(self.at(i));
        if (!budget.spend(element.is_string() ? element.text().size() + 1 : 1)) {
            return Evaluation::sandbox();
        }
        if (strict_equals(element, arguments[0])) {
            return includes ? Evaluation::truth(true) : Evaluation::number(static_cast<double>(i));
        }
    }
    return includes ? Evaluation::truth(false) : Evaluation::number(-1);
}

Evaluation concat_list(const Json& self, const Arguments& arguments, Budget& budget) {
    Json out = Json::array();
    const auto append_all = [&](const Json& list) {
        list.each_element([&](const Json& element) { out.append(element); });
    };
    std::size_t elements = self.size();
    for (const auto& value : arguments) {
        elements += value.is_array() ? value.json().size() : 1;
    }
    if (!budget.spend(elements * kElementUnits)) {
        return Evaluation::sandbox();
    }
    append_all(self);
    for (const auto& value : arguments) {
        const auto json = value.to_json();
        if (!json) {
            return Evaluation::sandbox();
        }
        if (value.is_array()) {
            append_all(*json);
        } else {
            out.append(*json);
        }
    }
    return Evaluation::of(Value(std::move(out)));
}

Evaluation slice_list(const Json& self, const Arguments& arguments, Budget& budget) {
    const auto range = slice_range(arguments, self.size());
    if (!range || !budget.spend((range->end - range->begin) * kElementUnits)) {
        return Evaluation::sandbox();
    }
    Json out = Json::array();
    for (std::size_t i = range->begin; i < range->end; ++i) {
        out.append(self.at(i));
    }
    return Evaluation::of(Value(std::move(out)));
}

Evaluation call_list(const Json& self, std::string_view name, const Arguments& arguments,
                     Budget& budget) {
    if (name == "join" || name == "toString") {
        return join(self, name == "join" ? arguments : Arguments(), budget);
    }
    if (name == "includes" || name == "indexOf") {
        return search_list(self, arguments, name == "includes", budget);
    }
    if (name == "slice") {
        return slice_list(self, arguments, budget);
    }
    if (name == "concat") {
        return concat_list(self, arguments, budget);
    }
    const auto index = integer(arguments, 0, 0);
    if (name != "at" || !index) {
        return Evaluation::sandbox();
    }
    const double position = *index < 0 ? *index + static_cast<double>(self.size()) : *index;
    const bool inside = position >= 0 && position < static_cast<double>(self.size());
    return Evaluation::of(inside ? Value(self.at(static_cast<std::size_t>(position))) : Value());
}

Evaluation call_number(double self, std::string_view name, const Arguments& arguments) {
    constexpr double kFractionDigitsMax = 100;  // ECMA-262 section 21.1.3.3
    if (name == "toString" && arguments.empty()) {
        return Evaluation::text(js_number_text(self));
    }
    const auto digits = integer(arguments, 0, 0);
    if (name != "toFixed" || !digits) {
        return Evaluation::sandbox();
    }
    if (*digits < 0 || *digits > kFractionDigitsMax) {
        return Evaluation::threw();
    }
    return Evaluation::text(js_number_fixed(self, static_cast<int>(*digits)));
}

}  // namespace

Evaluation call_method(const ExpressionValue& base, std::string_view name,
                       const ExpressionArguments& arguments, Budget& budget) {
    switch (base.type()) {
        case Value::Type::undefined:
        case Value::Type::null:
            return Evaluation::threw();
        case Value::Type::string:
            return budget.spend(base.text().size() + 1)
                       ? call_text(base.text(), name, arguments, budget)
                       : Evaluation::sandbox();
        case Value::Type::array:
            return call_list(base.json(), name, arguments, budget);
        case Value::Type::number:
            return call_number(base.number(), name, arguments);
        case Value::Type::boolean:
            return name == "toString"
                       ? Evaluation::text(std::string(base.boolean() ? "true" : "false"))
                       : Evaluation::sandbox();
        case Value::Type::object:
            break;
    }
    // Data holds no functions: what is not inherited cannot be called.
    const bool own = name.find('\0') == std::string_view::npos && base.json().has(name);
    return own || !is_inherited_name(name) ? Evaluation::threw() : Evaluation::sandbox();
}

}  // namespace sallyport::engine
