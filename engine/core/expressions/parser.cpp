#include "engine/core/expressions/parser.hpp"

#include "engine/core/expressions/js_text.hpp"
#include "engine/core/expressions/lexer.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::engine {
namespace {

struct BinaryOperator {
    std::string_view text;
    Op op;
    int precedence;  // higher binds tighter
};

constexpr std::array<BinaryOperator, 17> kBinary = {{
    {"??", Op::coalesce, 1},
    {"||", Op::logical_or, 2},
    {"&&", Op::logical_and, 3},
    {"==", Op::equal, 4},
    {"!=", Op::not_equal, 4},
    {"===", Op::strict_equal, 4},
    {"!==", Op::strict_not_equal, 4},
    {"<", Op::less, 5},
    {"<=", Op::less_equal, 5},
    {">", Op::greater, 5},
    {">=", Op::greater_equal, 5},
    {"+", Op::add, 6},
    {"-", Op::subtract, 6},
    {"*", Op::multiply, 7},
    {"/", Op::divide, 7},
    {"%", Op::remainder, 7},
    {"**", Op::power, 8},
}};

// Words that are no plain names (ECMA-262 section 12.7.2 and contextual ones we do not model).
constexpr std::array<std::string_view, 45> kReserved = {
    "arguments", "async",      "await",    "break",     "case",       "catch",     "class",
    "const",     "continue",   "debugger", "default",   "delete",     "do",        "else",
    "enum",      "eval",       "export",   "extends",   "finally",    "for",       "function",
    "if",        "implements", "import",   "in",        "instanceof", "interface", "let",
    "new",       "package",    "private",  "protected", "public",     "return",    "static",
    "super",     "switch",     "this",     "throw",     "try",        "var",       "void",
    "while",     "with",       "yield"};

const BinaryOperator* binary_operator(const Token& token) {
    if (token.kind != TokenKind::punctuator) {
        return nullptr;
    }
    const auto* found = std::find_if(kBinary.begin(), kBinary.end(),
                                     [&](const auto& entry) { return entry.text == token.raw; });
    return found == kBinary.end() ? nullptr : found;
}

bool is_logical(Op op) {
    return op == Op::logical_and || op == Op::logical_or;
}

// Recursive descent; every parse_ function leaves `failed_` set when it met the unknown, and its
// result is then meaningless.
class Parser {
  public:
    explicit Parser(std::string_view source) : source_(source) { advance(); }

    std::optional<Ast> parse() {
        ast_.root = parse_conditional();
        if (failed_ || token_.kind != TokenKind::end) {
            return std::nullopt;
        }
        return std::move(ast_);
    }

  private:
    class Deeper {
      public:
        explicit Deeper(Parser& parser) : parser_(parser) {
            if (++parser.depth_ > kExpressionDepthMax) {
                parser.failed_ = true;
            }
        }
        ~Deeper() { --parser_.depth_; }
        Deeper(const Deeper&) = delete;
        Deeper& operator=(const Deeper&) = delete;

      private:
        Parser& parser_;
    };

    void advance() {
        token_ = next_token(source_, token_.end);
        failed_ = failed_ || token_.kind == TokenKind::unsupported;
    }
    bool at(std::string_view punctuator) const {
        return token_.kind == TokenKind::punctuator && token_.raw == punctuator;
    }
    bool take(std::string_view punctuator) {
        const bool here = at(punctuator);
        if (here) {
            advance();
        }
        return here;
    }
    void expect(std::string_view punctuator) { failed_ = !take(punctuator) || failed_; }

    NodeIndex add(Node node) {
        if (ast_.nodes.size() >= kExpressionNodesMax) {
            failed_ = true;
            return 0;
        }
        ast_.nodes.push_back(std::move(node));
        return static_cast<NodeIndex>(ast_.nodes.size() - 1);
    }
    NodeIndex add(NodeKind kind, std::vector<NodeIndex> children, Op op = Op::none) {
        Node node;
        node.kind = kind;
        node.op = op;
        node.children = std::move(children);
        return add(std::move(node));
    }
    NodeIndex add_text(NodeKind kind, std::string text) {
        Node node;
        node.kind = kind;
        node.text = std::move(text);
        return add(std::move(node));
    }

    NodeIndex parse_conditional() {
        const Deeper deeper(*this);
        if (failed_) {
            return 0;
        }
        const NodeIndex condition = parse_binary(1);
        if (!take("?")) {
            return condition;
        }
        const NodeIndex yes = parse_conditional();
        expect(":");
        const NodeIndex no = parse_conditional();
        return add(NodeKind::conditional, {condition, yes, no});
    }

    NodeIndex parse_binary(int precedence_min) {
        NodeIndex left = parse_unary();
        while (!failed_) {
            const BinaryOperator* found = binary_operator(token_);
            if (found == nullptr || found->precedence < precedence_min) {
                break;
            }
            advance();
            // `**` alone binds to the right.
            const int next = found->op == Op::power ? found->precedence : found->precedence + 1;
            const Deeper deeper(*this);
            const NodeIndex right = parse_binary(next);
            left = combine(*found, left, right);
        }
        return left;
    }

    NodeIndex combine(const BinaryOperator& entry, NodeIndex left, NodeIndex right) {
        if (failed_) {
            return 0;
        }
        const auto bare = [&](NodeIndex index, auto&& is) {
            const Node& node = ast_.at(index);
            return !node.grouped && is(node);
        };
        const auto logical = [](const Node& node) { return is_logical(node.op); };
        const auto coalesce = [](const Node& node) { return node.op == Op::coalesce; };
        const auto unary = [](const Node& node) { return node.kind == NodeKind::unary; };
        // Syntax errors in JavaScript: a ?? b || c without parentheses, and -a ** b.
        failed_ = (entry.op == Op::coalesce && (bare(left, logical) || bare(right, logical))) ||
                  (is_logical(entry.op) && (bare(left, coalesce) || bare(right, coalesce))) ||
                  (entry.op == Op::power && bare(left, unary));
        const bool is_logic = is_logical(entry.op) || entry.op == Op::coalesce;
        return add(is_logic ? NodeKind::logical : NodeKind::binary, {left, right}, entry.op);
    }

    NodeIndex parse_unary() {
        const Deeper deeper(*this);
        if (failed_) {
            return 0;
        }
        const bool type_of = token_.kind == TokenKind::identifier && token_.raw == "typeof";
        const Op op = type_of   ? Op::type_of
                      : at("!") ? Op::logical_not
                      : at("-") ? Op::minus
                      : at("+") ? Op::plus
                                : Op::none;
        if (op == Op::none) {
            return parse_postfix();
        }
        advance();
        const NodeIndex operand = parse_unary();
        return add(NodeKind::unary, {operand}, op);
    }

    NodeIndex parse_postfix() {
        NodeIndex left = parse_primary();
        bool optional = false;
        while (!failed_) {
            const bool question = take("?.");
            optional = optional || question;
            Node node;
            node.flag = question;
            node.children = {left};
            if (take("[")) {
                node.kind = NodeKind::index;
                node.children.push_back(parse_conditional());
                expect("]");
            } else if (take("(")) {
                node.kind = NodeKind::call;
                parse_list(")", node.children);
            } else if (question || take(".")) {
                node.kind = NodeKind::member;
                failed_ = failed_ || token_.kind != TokenKind::identifier;
                node.text = std::string(token_.raw);
                advance();
            } else {
                break;
            }
            left = add(std::move(node));
        }
        // A tagged template, or a template right after an optional chain.
        failed_ = failed_ || token_.kind == TokenKind::template_start;
        return optional ? add(NodeKind::chain, {left}) : left;
    }

    // Elements up to `close`; one comma may stand before it. Holes and spreads are refused.
    void parse_list(std::string_view close, std::vector<NodeIndex>& out) {
        while (!failed_ && !take(close)) {
            out.push_back(parse_conditional());
            if (!at(close)) {
                expect(",");
            }
        }
    }

    NodeIndex parse_primary() {
        Token token = token_;
        switch (token.kind) {
            case TokenKind::number: {
                advance();
                Node node;
                node.kind = NodeKind::number;
                node.number = token.number;
                return add(std::move(node));
            }
            case TokenKind::string:
                advance();
                return add_text(NodeKind::string, std::move(token.text));
            case TokenKind::template_start:
                return parse_template();
            case TokenKind::identifier:
                advance();
                return parse_name(token.raw);
            case TokenKind::punctuator:
                break;
            case TokenKind::end:
            case TokenKind::unsupported:
                failed_ = true;
                return 0;
        }
        if (take("(")) {
            const NodeIndex inner = parse_conditional();
            expect(")");
            if (!failed_) {
                ast_.nodes[inner].grouped = true;
            }
            return inner;
        }
        if (take("[")) {
            std::vector<NodeIndex> elements;
            parse_list("]", elements);
            return add(NodeKind::array, std::move(elements));
        }
        if (take("{")) {
            return parse_object();
        }
        failed_ = true;
        return 0;
    }

    NodeIndex parse_name(std::string_view name) {
        if (name == "null") {
            return add(NodeKind::null_value, {});
        }
        if (name == "true" || name == "false") {
            Node node;
            node.kind = NodeKind::boolean;
            node.number = name == "true" ? 1 : 0;
            return add(std::move(node));
        }
        failed_ = failed_ || std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end();
        return add_text(NodeKind::identifier, std::string(name));
    }

    NodeIndex parse_template() {
        std::vector<NodeIndex> parts;
        std::size_t from = token_.end;
        while (!failed_) {
            auto piece = next_template_piece(source_, from);
            if (!piece) {
                failed_ = true;
                break;
            }
            parts.push_back(add_text(NodeKind::string, std::move(piece->text)));
            token_.end = piece->end;
            advance();
            if (!piece->substitution) {
                break;
            }
            parts.push_back(parse_conditional());
            failed_ = failed_ || !at("}");
            from = token_.end;
        }
        return add(NodeKind::template_text, std::move(parts));
    }

    NodeIndex parse_object() {
        std::vector<NodeIndex> members;
        while (!failed_ && !take("}")) {
            parse_member(members);
            if (!at("}")) {
                expect(",");
            }
        }
        return add(NodeKind::object, std::move(members));
    }

    void parse_member(std::vector<NodeIndex>& members) {
        const Token key = token_;
        if (take("[")) {
            members.push_back(parse_conditional());
            expect("]");
        } else if (key.kind == TokenKind::identifier || key.kind == TokenKind::string ||
                   key.kind == TokenKind::number) {
            advance();
            std::string name = key.kind == TokenKind::identifier ? std::string(key.raw)
                               : key.kind == TokenKind::string   ? key.text
                                                                 : js_number_text(key.number);
            failed_ = failed_ || name == "__proto__";  // sets the prototype
            members.push_back(add_text(NodeKind::string, std::move(name)));
            if (key.kind == TokenKind::identifier && (at(",") || at("}"))) {
                members.push_back(parse_name(key.raw));  // { a }
                return;
            }
        } else {
            failed_ = true;
            return;
        }
        expect(":");
        members.push_back(parse_conditional());
    }

    std::string_view source_;
    Token token_;
    Ast ast_;
    std::size_t depth_ = 0;
    bool failed_ = false;
};

}  // namespace

std::optional<Ast> parse_expression(std::string_view source) {
    if (source.size() > kExpressionBytesMax) {
        return std::nullopt;
    }
    return Parser(source).parse();
}

}  // namespace sallyport::engine
