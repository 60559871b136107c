#include "engine/core/expressions/expression.hpp"

#include "engine/core/expressions/cache.hpp"
#include "engine/core/expressions/js_text.hpp"

#include <cmath>
#include <utility>

namespace sallyport::engine {
namespace {

using Value = ExpressionValue;
using Type = Value::Type;

// A long chain of operators makes a deep tree without deep syntax.
constexpr std::size_t kEvaluationDepthMax = 256;

double apply(Op op, double a, double b) {
    switch (op) {
        case Op::subtract:
            return a - b;
        case Op::multiply:
            return a * b;
        case Op::divide:
            return a / b;
        case Op::remainder:
            return std::fmod(a, b);
        case Op::power:  // JavaScript differs from C: 1 ** NaN and 1 ** Infinity are NaN
            return std::isnan(b) || (std::fabs(a) == 1 && std::isinf(b)) ? std::nan("")
                                                                         : std::pow(a, b);
        case Op::none:
        case Op::add:
        case Op::equal:
        case Op::not_equal:
        case Op::strict_equal:
        case Op::strict_not_equal:
        case Op::less:
        case Op::less_equal:
        case Op::greater:
        case Op::greater_equal:
        case Op::logical_and:
        case Op::logical_or:
        case Op::coalesce:
        case Op::logical_not:
        case Op::minus:
        case Op::plus:
        case Op::type_of:
            break;
    }
    return a + b;
}

template <typename T>
bool ordered(Op op, const T& a, const T& b) {
    return op == Op::less         ? a < b
           : op == Op::less_equal ? a <= b
           : op == Op::greater    ? a > b
                                  : a >= b;
}

std::string_view type_name(const Value& value) {
    switch (value.type()) {
        case Type::undefined:
            return "undefined";
        case Type::boolean:
            return "boolean";
        case Type::number:
            return "number";
        case Type::string:
            return "string";
        case Type::null:
        case Type::array:
        case Type::object:
            break;
    }
    return "object";
}

// eval_ functions return false when there is no value; `verdict_` then says why.
class Evaluator {
  public:
    Evaluator(const Ast& ast, const Json& scope) : ast_(ast), scope_(scope) {}

    Evaluation run() {
        Value value;
        if (!eval(ast_.root, value)) {
            return {verdict_, {}};
        }
        return Evaluation::of(std::move(value));
    }

  private:
    bool fail(Verdict verdict) {
        verdict_ = verdict;
        return false;
    }
    bool sandbox() { return fail(Verdict::needs_sandbox); }
    bool settle(Evaluation evaluation, Value& out) {
        if (evaluation.verdict != Verdict::value) {
            return fail(evaluation.verdict);
        }
        out = std::move(evaluation.value);
        return true;
    }
    bool eval(NodeIndex index, Value& out) {
        if (depth_ >= kEvaluationDepthMax || !budget_.spend(1)) {
            return sandbox();
        }
        ++depth_;
        const bool known = eval_node(ast_.at(index), out);
        --depth_;
        return known;
    }

    bool eval_node(const Node& node, Value& out) {
        switch (node.kind) {
            case NodeKind::number:
                out = Value(node.number);
                return true;
            case NodeKind::string:
                out = Value(node.text);
                return true;
            case NodeKind::boolean:
                out = Value(node.number != 0);
                return true;
            case NodeKind::null_value:
                out = Value::null();
                return true;
            case NodeKind::identifier:
                return eval_identifier(node.text, out);
            case NodeKind::member:
            case NodeKind::index:
                return eval_member(node, out);
            case NodeKind::call:
                return eval_call(node, out);
            case NodeKind::chain:
                if (!eval(node.children[0], out)) {
                    return false;
                }
                ended_ = false;
                return true;
            case NodeKind::unary:
                return eval_unary(node, out);
            case NodeKind::binary:
                return eval_binary(node, out);
            case NodeKind::logical:
                return eval_logical(node, out);
            case NodeKind::conditional:
                return eval(node.children[0], out) &&
                       eval(node.children[out.truthy() ? 1 : 2], out);
            case NodeKind::array:
                return eval_array(node, out);
            case NodeKind::object:
                return eval_object(node, out);
            case NodeKind::template_text:
                return eval_template(node, out);
        }
        return sandbox();
    }

    // ToPrimitive in place, and the price of what follows: operators copy and scan their operands.
    bool make_operand(Value& value) {
        if (!value.is_primitive()) {
            auto primitive = to_primitive(value);
            if (!primitive) {
                return sandbox();
            }
            value = std::move(*primitive);
        }
        return pay(value) || sandbox();
    }
    bool pay(const Value& value) {
        return budget_.spend(value.is_string() ? 4 * value.text().size() + 1 : 1);
    }

    bool in_scope(std::string_view name) const { return scope_.has(name); }

    bool eval_identifier(std::string_view name, Value& out) {
        if (in_scope(name)) {
            out = Value(scope_[name]);
            return true;
        }
        if (name == "undefined") {
            out = Value();
            return true;
        }
        if (name == "NaN" || name == "Infinity") {
            out = Value(name == "NaN" ? std::nan("") : HUGE_VAL);
            return true;
        }
        return fail(is_global_name(name) ? Verdict::needs_sandbox : Verdict::threw);
    }

    // The name of a namespace like Math, when `index` is that and nothing hides it.
    std::string_view space_of(NodeIndex index) const {
        const Node& node = ast_.at(index);
        const bool known = node.kind == NodeKind::identifier && !in_scope(node.text) &&
                           !node.text.empty() && node.text[0] >= 'A' && node.text[0] <= 'Z' &&
                           node.text != "Infinity" && node.text != "NaN";
        return known ? std::string_view(node.text) : std::string_view();
    }

    // The base of a member or index node; `ended_` is set when an optional chain ends here.
    bool eval_base(const Node& node, Value& base) {
        if (!eval(node.children[0], base)) {
            return false;
        }
        ended_ = ended_ || (node.flag && base.is_nullish());
        return ended_ || !base.is_nullish() || fail(Verdict::threw);
    }

    bool eval_key(const Node& node, std::string& key) {
        if (node.kind == NodeKind::member) {
            key = node.text;
            return true;
        }
        Value value;
        if (!eval(node.children[1], value)) {
            return false;
        }
        if (!make_operand(value)) {
            return false;
        }
        key = *to_text(value);
        return true;
    }

    bool eval_member(const Node& node, Value& out) {
        const std::string_view space = space_of(node.children[0]);
        if (!space.empty()) {
            return node.kind == NodeKind::member ? settle(global_member(space, node.text), out)
                                                 : sandbox();
        }
        Value base;
        std::string key;
        if (!eval_base(node, base)) {
            return false;
        }
        if (ended_) {
            out = Value();
            return true;
        }
        return (pay(base) || sandbox()) && eval_key(node, key) &&
               settle(read_property(base, key), out);
    }

    bool eval_call(const Node& node, Value& out) {
        const Node& callee = ast_.at(node.children[0]);
        const bool method = callee.kind == NodeKind::member || callee.kind == NodeKind::index;
        if (node.flag || (!method && callee.kind != NodeKind::identifier)) {
            return sandbox();
        }
        if (!method) {
            if (in_scope(callee.text)) {
                return fail(Verdict::threw);  // data is not a function
            }
            ExpressionArguments arguments;
            return eval_arguments(node, arguments) &&
                   (is_global_name(callee.text) || fail(Verdict::threw)) &&
                   settle(call_global({}, callee.text, arguments, budget_), out);
        }
        const std::string_view space = space_of(callee.children[0]);
        Value base;
        if (space.empty() && !eval_base(callee, base)) {
            return false;
        }
        if (ended_) {
            out = Value();
            return true;
        }
        std::string name;
        ExpressionArguments arguments;
        if (!eval_key(callee, name) || !eval_arguments(node, arguments)) {
            return false;
        }
        return settle(space.empty() ? call_method(base, name, arguments, budget_)
                                    : call_global(space, name, arguments, budget_),
                      out);
    }

    bool eval_arguments(const Node& node, ExpressionArguments& arguments) {
        for (std::size_t i = 1; i < node.children.size(); ++i) {
            Value& value = arguments.emplace_back();
            if (!eval(node.children[i], value)) {
                return false;
            }
            if (!pay(value)) {
                return sandbox();
            }
        }
        return true;
    }

    bool eval_unary(const Node& node, Value& out) {
        const Node& operand = ast_.at(node.children[0]);
        if (node.op == Op::type_of && operand.kind == NodeKind::identifier &&
            !in_scope(operand.text) && !is_global_name(operand.text) && operand.text != "NaN" &&
            operand.text != "Infinity") {
            out = Value(std::string("undefined"));
            return true;
        }
        Value value;
        if (!eval(node.children[0], value)) {
            return false;
        }
        if (node.op == Op::type_of) {
            out = Value(std::string(type_name(value)));
            return true;
        }
        if (node.op == Op::logical_not) {
            out = Value(!value.truthy());
            return true;
        }
        if (!make_operand(value)) {
            return false;
        }
        const double number = *to_number(value);
        out = Value(node.op == Op::minus ? -number : number);
        return true;
    }

    bool eval_logical(const Node& node, Value& out) {
        if (!eval(node.children[0], out)) {
            return false;
        }
        const bool keep = node.op == Op::logical_and  ? !out.truthy()
                          : node.op == Op::logical_or ? out.truthy()
                                                      : !out.is_nullish();
        return keep || eval(node.children[1], out);
    }

    bool eval_binary(const Node& node, Value& out) {
        Value left;
        Value right;
        if (!eval(node.children[0], left) || !eval(node.children[1], right)) {
            return false;
        }
        switch (node.op) {
            case Op::strict_equal:
            case Op::strict_not_equal:
                out = Value(strict_equals(left, right) == (node.op == Op::strict_equal));
                return pay(left) || sandbox();
            case Op::equal:
            case Op::not_equal:
                return equal(node.op, left, right, out);
            case Op::less:
            case Op::less_equal:
            case Op::greater:
            case Op::greater_equal:
                return compare(node.op, left, right, out);
            case Op::add:
                return add(left, right, out);
            case Op::subtract:
            case Op::multiply:
            case Op::divide:
            case Op::remainder:
            case Op::power:
                break;
            case Op::none:
            case Op::logical_and:
            case Op::logical_or:
            case Op::coalesce:
            case Op::logical_not:
            case Op::minus:
            case Op::plus:
            case Op::type_of:
                return sandbox();
        }
        if (!make_operand(left) || !make_operand(right)) {
            return false;
        }
        out = Value(apply(node.op, *to_number(left), *to_number(right)));
        return true;
    }

    bool equal(Op op, Value& left, Value& right, Value& out) {
        // Two objects are compared as such; null and undefined equal nothing but each other.
        const bool convert = left.is_primitive() != right.is_primitive() && !left.is_nullish() &&
                             !right.is_nullish();
        if (convert && (!make_operand(left) || !make_operand(right))) {
            return false;
        }
        out = Value(loose_equals(left, right) == (op == Op::equal));
        return pay(left) || sandbox();
    }

    bool compare(Op op, Value& left, Value& right, Value& out) {
        if (!make_operand(left) || !make_operand(right)) {
            return false;
        }
        out = Value(left.is_string() && right.is_string()
                        ? ordered(op, js_compare(left.text(), right.text()), 0)
                        : ordered(op, *to_number(left), *to_number(right)));
        return true;
    }

    bool add(Value& left, Value& right, Value& out) {
        if (!make_operand(left) || !make_operand(right)) {
            return false;
        }
        if (!left.is_string() && !right.is_string()) {
            out = Value(*to_number(left) + *to_number(right));
            return true;
        }
        std::string joined = *to_text(left);
        if (!append(right, joined)) {
            return false;
        }
        out = Value(std::move(joined));
        return true;
    }

    bool append(const Value& value, std::string& text) {
        const auto more = to_text(value);
        if (!more || text.size() + more->size() > kExpressionTextBytesMax ||
            !budget_.spend(text.size() + more->size())) {
            return sandbox();
        }
        text += *more;
        return true;
    }

    bool eval_template(const Node& node, Value& out) {
        std::string text;
        for (const NodeIndex part : node.children) {
            Value value;
            if (!eval(part, value) || !append(value, text)) {
                return false;
            }
        }
        out = Value(std::move(text));
        return true;
    }

    // JSON has no undefined: an array that would hold one is the sandbox's.
    bool eval_json(NodeIndex index, Json& out) {
        Value value;
        if (!eval(index, value)) {
            return false;
        }
        auto json = value.to_json();
        if (!json) {
            return sandbox();
        }
        out = std::move(*json);
        return true;
    }

    bool eval_array(const Node& node, Value& out) {
        Json array = Json::array();
        for (const NodeIndex child : node.children) {
            Json element;
            if (!eval_json(child, element)) {
                return false;
            }
            array.append(element);
        }
        out = Value(std::move(array));
        return true;
    }

    bool eval_object(const Node& node, Value& out) {
        Json object = Json::object();
        for (std::size_t i = 0; i + 1 < node.children.size(); i += 2) {
            Value key_value;
            Json member;
            if (!eval(node.children[i], key_value)) {
                return false;
            }
            const auto key = to_text(key_value);
            if (!key || key->find('\0') != std::string::npos) {
                return sandbox();
            }
            if (!eval_json(node.children[i + 1], member)) {
                return false;
            }
            object.set(*key, member);
        }
        out = Value(std::move(object));
        return true;
    }

    const Ast& ast_;
    const Json& scope_;
    Budget budget_;
    std::size_t depth_ = 0;
    bool ended_ = false;  // an optional chain met null or undefined
    Verdict verdict_ = Verdict::needs_sandbox;
};

}  // namespace

Evaluation evaluate_expression(std::string_view expression, const Json& scope) {
    thread_local AstCache cache;
    const auto& ast = cache.parsed(expression);
    return ast ? Evaluator(*ast, scope).run() : Evaluation::sandbox();
}

}  // namespace sallyport::engine
