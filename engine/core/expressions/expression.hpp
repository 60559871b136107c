// Native evaluation of template expressions: the common subset of JavaScript, exactly. Pure: no
// I/O, no clock, no randomness; time and memory are bounded by a budget.
//
// What the subset does not cover, or covers only at a cost we do not want on the engine's loop, is
// `needs_sandbox`: then nothing is known about the expression but its text. Covered: literals,
// template literals, member and index access, optional chaining, arithmetic, comparison, logic,
// `??`, conditional, typeof, array and object literals, and the functions of expression_calls.cpp.
#pragma once

#include "common/json.hpp"
#include "engine/core/expressions/value.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

namespace sallyport::engine {

enum class Verdict {
    value,
    threw,  // JavaScript throws (unknown name, member of undefined, …)
    needs_sandbox
};

struct Evaluation {
    Verdict verdict = Verdict::needs_sandbox;
    ExpressionValue value;

    static Evaluation of(ExpressionValue value) { return {Verdict::value, std::move(value)}; }
    static Evaluation number(double value) { return of(ExpressionValue(value)); }
    static Evaluation text(std::string value) { return of(ExpressionValue(std::move(value))); }
    static Evaluation text(std::string_view value) { return text(std::string(value)); }
    static Evaluation truth(bool value) { return of(ExpressionValue(value)); }
    static Evaluation threw() { return {Verdict::threw, {}}; }
    static Evaluation sandbox() { return {Verdict::needs_sandbox, {}}; }
};

// `scope`: an object; its members are the names the expression sees.
Evaluation evaluate_expression(std::string_view expression, const Json& scope);

// How much an evaluation may still do, in units of about one byte or node touched.
class Budget {
  public:
    // A few milliseconds; beyond that an expression belongs into a process of its own.
    static constexpr std::size_t kUnits = 8 * 1024 * 1024;

    [[nodiscard]] bool spend(std::size_t units) {
        left_ = units > left_ ? 0 : left_ - units;
        return left_ > 0;
    }

  private:
    std::size_t left_ = kUnits;
};

using ExpressionArguments = std::vector<ExpressionValue>;

// base.name(arguments) for a string, array, number, boolean or object.
Evaluation call_method(const ExpressionValue& base, std::string_view name,
                       const ExpressionArguments& arguments, Budget& budget);
// A function of the global scope: `space` is Math, JSON, Object, Array, Number, or empty.
Evaluation call_global(std::string_view space, std::string_view name,
                       const ExpressionArguments& arguments, Budget& budget);
// Math.PI and its like; `needs_sandbox` for what is not known.
Evaluation global_member(std::string_view space, std::string_view name);

// Whether `name` may mean something in the sandbox although the scope has no such member.
bool is_global_name(std::string_view name);
// Members every object has without owning them: constructor, toString, __proto__ …
bool is_inherited_name(std::string_view name);

// base[key] as property access; undefined when there is none.
Evaluation read_property(const ExpressionValue& base, std::string_view key);

}  // namespace sallyport::engine
