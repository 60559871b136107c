#include "cli/lint/nginx_conf.hpp"

namespace sallyport::lint {
namespace {

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

enum class Mark { word, semicolon, open, close, end };

struct Token {
    Mark mark = Mark::end;
    std::string text;
    unsigned line = 0;
};

// ngx_conf_read_token, one word at a time.
class Scanner {
  public:
    explicit Scanner(std::string_view text) : text_(text) {}

    Result<Token> next() {
        skip_blanks();
        Token token;
        token.line = line_;
        if (at_ == text_.size()) {
            return token;
        }
        const char c = text_[at_];
        if (c == ';' || c == '{' || c == '}') {
            ++at_;
            token.mark = c == ';' ? Mark::semicolon : c == '{' ? Mark::open : Mark::close;
            return token;
        }
        token.mark = Mark::word;
        return c == '"' || c == '\'' ? quoted(std::move(token), c) : plain(std::move(token));
    }

    // The text of a block in another language (…_by_lua_block), up to its closing brace.
    Status skip_block() {
        std::size_t depth = 1;
        for (; at_ < text_.size(); ++at_) {
            line_ += text_[at_] == '\n' ? 1 : 0;
            depth += text_[at_] == '{' ? 1 : 0;
            depth -= text_[at_] == '}' ? 1 : 0;
            if (depth == 0) {
                ++at_;
                return Done{};
            }
        }
        return Error{"a block is not closed"};
    }

    unsigned line() const { return line_; }

  private:
    void skip_blanks() {
        for (; at_ < text_.size(); ++at_) {
            if (text_[at_] == '#') {
                at_ = std::min(text_.find('\n', at_), text_.size());
                if (at_ == text_.size()) {
                    return;
                }
            }
            if (!is_blank(text_[at_])) {
                return;
            }
            line_ += text_[at_] == '\n' ? 1 : 0;
        }
    }

    void escape(std::string& out) {
        const char c = text_[at_ + 1];
        switch (c) {
            case '"':
            case '\'':
            case '\\':
                out += c;
                break;
            case 't':
                out += '\t';
                break;
            case 'r':
                out += '\r';
                break;
            case 'n':
                out += '\n';
                break;
            default:
                (out += '\\') += c;
        }
        line_ += c == '\n' ? 1 : 0;
        at_ += 2;
    }

    Result<Token> quoted(Token token, char quote) {
        ++at_;
        while (at_ < text_.size() && text_[at_] != quote) {
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
                escape(token.text);
                continue;
            }
            line_ += text_[at_] == '\n' ? 1 : 0;
            token.text += text_[at_++];
        }
        if (at_ == text_.size()) {
            return Error{"a quote that starts here is not closed"};
        }
        ++at_;
        const char after = at_ < text_.size() ? text_[at_] : ' ';
        if (!is_blank(after) && after != ';' && after != '{' && after != ')') {
            return Error{"after a closing quote must stand a blank, \";\" or \"{\""};
        }
        at_ += after == ')' ? 1 : 0;
        token.text += after == ')' ? ")" : "";
        return token;
    }

    Result<Token> plain(Token token) {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '\\' && at_ + 1 < text_.size()) {
                escape(token.text);
                continue;
            }
            if (c == '$' && at_ + 1 < text_.size() && text_[at_ + 1] == '{') {
                token.text += "${";
                at_ += 2;
                continue;
            }
            if (is_blank(c) || c == ';' || c == '{') {
                break;
            }
            token.text += c;
            ++at_;
        }
        return token;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    unsigned line_ = 1;
};

class Parser {
  public:
    explicit Parser(const ConfSource& source) : source_(source) {}

    // `from` stands in front of the message when the file cannot be read: where it is included.
    Status file(const std::string& path, std::size_t depth, const std::string& from,
                std::vector<Directive>& out) {
        if (++files_ > kConfFilesMax) {
            return Error{path + ": too many files are included"};
        }
        if (folder_.empty()) {
            const std::size_t slash = path.rfind('/');
            folder_ = slash == std::string::npos ? "." : path.substr(0, slash);
        }
        const auto text = source_.read(path);
        if (!text) {
            return Error{from + text.message()};
        }
        Scanner scanner(*text);
        return block(scanner, path, depth, false, out);
    }

  private:
    static Error at(const std::string& path, unsigned line, const std::string& message) {
        return Error{path + ":" + std::to_string(line) + ": " + message};
    }

    Status block(Scanner& scanner, const std::string& path, std::size_t depth, bool inside,
                 std::vector<Directive>& out) {
        if (depth > kConfDepthMax) {
            return at(path, scanner.line(), "blocks or includes are nested too deeply");
        }
        std::vector<Token> words;
        while (true) {
            auto token = scanner.next();
            if (!token) {
                return at(path, scanner.line(), token.message());
            }
            if (token->mark == Mark::word) {
                words.push_back(std::move(*token));
                continue;
            }
            if (token->mark == Mark::close || token->mark == Mark::end) {
                const bool right = words.empty() && (token->mark == Mark::close) == inside;
                return right ? Status(Done{})
                             : Status(at(path, token->line,
                                         token->mark == Mark::close ? "unexpected \"}\""
                                                                    : "unexpected end of file"));
            }
            if (words.empty()) {
                return at(path, token->line, "a directive's name is missing");
            }
            Status status = statement(scanner, path, depth, token->mark == Mark::open, words, out);
            if (!status) {
                return status;
            }
            words.clear();
        }
    }

    Status statement(Scanner& scanner, const std::string& path, std::size_t depth, bool opens,
                     std::vector<Token>& words, std::vector<Directive>& out) {
        if (++directives_ > kConfDirectivesMax) {
            return at(path, words[0].line, "too many directives");
        }
        if (words[0].text == "include" && !opens && words.size() == 2) {
            return include(path, words[0].line, words[1].text, depth, out);
        }
        Directive made;
        made.name = std::move(words[0].text);
        made.file = path;
        made.line = words[0].line;
        made.has_block = opens;
        for (std::size_t i = 1; i < words.size(); ++i) {
            made.args.push_back(std::move(words[i].text));
        }
        Status status = Done{};
        if (opens && made.name.ends_with("_by_lua_block")) {
            status = scanner.skip_block();
        } else if (opens) {
            status = block(scanner, path, depth + 1, true, made.block);
        }
        out.push_back(std::move(made));
        return status;
    }

    Status include(const std::string& path, unsigned line, const std::string& pattern,
                   std::size_t depth, std::vector<Directive>& out) {
        const std::string full = pattern.starts_with('/') ? pattern : folder_ + "/" + pattern;
        for (const std::string& name : source_.expand(full)) {
            Status status = file(name, depth + 1, path + ":" + std::to_string(line) + ": ", out);
            if (!status) {
                return status;
            }
        }
        return Done{};
    }

    const ConfSource& source_;
    std::string folder_;
    std::size_t files_ = 0;
    std::size_t directives_ = 0;
};

}  // namespace

Result<std::vector<Directive>> parse_nginx_conf(const std::string& path, const ConfSource& source) {
    std::vector<Directive> out;
    const Status status = Parser(source).file(path, 0, "", out);
    if (!status) {
        return status.error();
    }
    return out;
}

}  // namespace sallyport::lint
