// References to steps, from schema version 21 to 22.
#include "engine/core/flows/migration.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || static_cast<unsigned char>(c) >= 0x80;
}

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Walks an expression once. Text is copied; names are looked at.
class Rewriter {
  public:
    Rewriter(std::string_view source, const std::vector<std::string>& steps)
        : source_(source), steps_(steps) {}

    std::string run() {
        until('\0');
        return std::move(out_);
    }

  private:
    // Copies up to the closing bracket of this level, or to the end for '\0'.
    void until(char close) {
        while (at_ < source_.size()) {
            const char c = source_[at_];
            if (c == close && close != '\0') {
                return;
            }
            if (c == '\'' || c == '"') {
                string(c);
            } else if (c == '`') {
                template_literal();
            } else if (source_.substr(at_, 2) == "//" || source_.substr(at_, 2) == "/*") {
                comment();
            } else if (c == '(' || c == '[' || c == '{') {
                bracket(c);
            } else if (is_name_char(c)) {
                name();
            } else {
                copy(1);
                before_ = is_space(c) ? before_ : c;
            }
        }
    }

    void copy(std::size_t count) {
        out_ += source_.substr(at_, count);
        at_ = std::min(source_.size(), at_ + count);
    }

    void string(char quote) {
        copy(1);
        while (at_ < source_.size() && source_[at_] != quote) {
            copy(source_[at_] == '\\' ? 2 : 1);
        }
        copy(1);
        before_ = quote;
    }

    void template_literal() {
        copy(1);
        while (at_ < source_.size() && source_[at_] != '`') {
            if (source_.substr(at_, 2) == "${") {
                copy(2);
                nested('}', false);
            } else {
                copy(source_[at_] == '\\' ? 2 : 1);
            }
        }
        copy(1);
        before_ = '`';
    }

    void comment() {
        const bool line = source_[at_ + 1] == '/';
        const std::size_t end = source_.find(line ? "\n" : "*/", at_ + 2);
        copy(end == std::string_view::npos ? source_.size() - at_ : end - at_ + (line ? 1 : 2));
    }

    void bracket(char open) {
        // After an arrow a brace opens a function's body, elsewhere an object.
        const bool object = open == '{' && before_ != '>';
        copy(1);
        nested(open == '(' ? ')' : open == '[' ? ']' : '}', object);
    }

    void nested(char close, bool object) {
        const bool outer = std::exchange(in_object_, object);
        before_ = object ? '{' : '(';
        until(close);
        copy(1);
        in_object_ = outer;
        before_ = close;
    }

    char next_char(std::size_t from) const {
        while (from < source_.size() && is_space(source_[from])) {
            ++from;
        }
        return from < source_.size() ? source_[from] : '\0';
    }

    void name() {
        std::size_t end = at_;
        while (end < source_.size() && is_name_char(source_[end])) {
            ++end;
        }
        const std::string word(source_.substr(at_, end - at_));
        const bool member = before_ == '.' && !spread();
        const bool begins_entry = in_object_ && (before_ == '{' || before_ == ',');
        const char next = next_char(end);
        const bool key = begins_entry && next == ':';
        const bool shorthand = begins_entry && (next == ',' || next == '}');
        copy(end - at_);
        before_ = 'a';
        if (member || key || !is_step(word) || is_bound(word)) {
            return;
        }
        out_ += shorthand ? ": " + word + "['output']" : "['output']";
    }

    bool spread() const {
        const std::size_t last = out_.find_last_not_of(" \t\r\n");
        return last != std::string::npos && last >= 2 && out_.compare(last - 2, 3, "...") == 0;
    }

    bool is_step(const std::string& word) const {
        return std::find(steps_.begin(), steps_.end(), word) != steps_.end();
    }

    // Whether the expression makes a parameter of that name: `word =>`, `(a, word) =>`.
    bool is_bound(std::string_view word) const {
        for (std::size_t arrow = source_.find("=>"); arrow != std::string_view::npos;
             arrow = source_.find("=>", arrow + 2)) {
            if (has_word(parameters_before(arrow), word)) {
                return true;
            }
        }
        return false;
    }

    std::string_view parameters_before(std::size_t arrow) const {
        std::size_t end = arrow;
        while (end > 0 && is_space(source_[end - 1])) {
            --end;
        }
        std::size_t begin = end;
        if (begin > 0 && source_[begin - 1] == ')') {
            int depth = 0;
            do {
                --begin;
                depth += source_[begin] == ')' ? 1 : source_[begin] == '(' ? -1 : 0;
            } while (begin > 0 && depth > 0);
        } else {
            while (begin > 0 && is_name_char(source_[begin - 1])) {
                --begin;
            }
        }
        return source_.substr(begin, end - begin);
    }

    static bool has_word(std::string_view text, std::string_view word) {
        for (std::size_t at = text.find(word); at != std::string_view::npos;
             at = text.find(word, at + 1)) {
            const std::size_t end = at + word.size();
            if ((at == 0 || !is_name_char(text[at - 1])) &&
                (end == text.size() || !is_name_char(text[end]))) {
                return true;
            }
        }
        return false;
    }

    std::string_view source_;
    const std::vector<std::string>& steps_;
    std::string out_;
    std::size_t at_ = 0;
    char before_ = '\0';  // the last character that counts
    bool in_object_ = false;
};

}  // namespace

std::string with_output_references(std::string_view expression,
                                   const std::vector<std::string>& steps) {
    return Rewriter(expression, steps).run();
}

}  // namespace sallyport::engine
