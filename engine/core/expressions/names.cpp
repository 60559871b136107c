// Property access and the names an expression finds without the scope's help.
#include "engine/core/expressions/expression.hpp"
#include "engine/core/expressions/js_text.hpp"

#include <algorithm>
#include <array>

namespace sallyport::engine {
namespace {

using Value = ExpressionValue;
using Type = Value::Type;

// Object.prototype (ECMA-262 section 20.1.3 and annex B.2.2).
constexpr std::array<std::string_view, 12> kInherited = {
    "__defineGetter__", "__defineSetter__",     "__lookupGetter__", "__lookupSetter__",
    "__proto__",        "constructor",          "hasOwnProperty",   "isPrototypeOf",
    "toLocaleString",   "propertyIsEnumerable", "toString",         "valueOf"};

// Lower-case globals of ECMAScript, of the sandbox's prelude, and of common hosts. Upper-case names
// are taken for globals anyway.
constexpr std::array<std::string_view, 36> kGlobals = {"atob",
                                                       "btoa",
                                                       "clearInterval",
                                                       "clearTimeout",
                                                       "console",
                                                       "crypto",
                                                       "decodeURI",
                                                       "decodeURIComponent",
                                                       "encodeURI",
                                                       "escape",
                                                       "encodeURIComponent",
                                                       "exports",
                                                       "fetch",
                                                       "global",
                                                       "flattenNestedKeys",
                                                       "globalThis",
                                                       "isFinite",
                                                       "isNaN",
                                                       "module",
                                                       "navigator",
                                                       "parseFloat",
                                                       "parseInt",
                                                       "performance",
                                                       "process",
                                                       "print",
                                                       "require",
                                                       "queueMicrotask",
                                                       "self",
                                                       "setImmediate",
                                                       "setInterval",
                                                       "clearImmediate",
                                                       "setTimeout",
                                                       "structuredClone",
                                                       "undefined",
                                                       "unescape",
                                                       "window"};

template <typename List>
bool lists(const List& list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

bool looks_numeric(std::string_view key) {
    return !key.empty() && (key[0] == '-' || (key[0] >= '0' && key[0] <= '9'));
}

Evaluation character_at(std::string_view text, std::size_t index) {
    if (index >= js_length(text)) {
        return Evaluation::of(Value());
    }
    auto character = js_substring(text, index, index + 1);
    return character ? Evaluation::text(std::move(*character)) : Evaluation::sandbox();
}

}  // namespace

bool is_inherited_name(std::string_view name) {
    return lists(kInherited, name);
}

bool is_global_name(std::string_view name) {
    const bool upper = !name.empty() && name[0] >= 'A' && name[0] <= 'Z';
    return upper || lists(kGlobals, name) || is_inherited_name(name);
}

Evaluation read_property(const ExpressionValue& base, std::string_view key) {
    if (base.is_nullish()) {
        return Evaluation::threw();
    }
    if (base.is_object()) {
        if (key.find('\0') != std::string_view::npos) {
            return Evaluation::of(Value());  // our JSON holds no such key
        }
        Json member = base.json()[key];
        return member.exists() || !is_inherited_name(key) ? Evaluation::of(Value(std::move(member)))
                                                          : Evaluation::sandbox();
    }
    const bool sequence = base.is_array() || base.is_string();
    if (sequence && key == "length") {
        const std::size_t length = base.is_array() ? base.json().size() : js_length(base.text());
        return Evaluation::number(static_cast<double>(length));
    }
    if (sequence && looks_numeric(key)) {
        const auto index = js_array_index(key);
        if (!index) {
            return Evaluation::of(Value());
        }
        return base.is_array() ? Evaluation::of(Value(base.json().at(*index)))
                               : character_at(base.text(), *index);
    }
    return Evaluation::sandbox();  // methods as values, and names that prototypes may have
}

}  // namespace sallyport::engine
