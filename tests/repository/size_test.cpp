// Files stay within 500 lines and functions within 70, so that each can be read at one sitting.
// Functions are found by their braces, which is near enough.
#include "tests/repository/source_tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <vector>

namespace sallyport::repository {
namespace {

constexpr std::size_t kFileLinesMax = 500;
constexpr std::size_t kFunctionLinesMax = 70;

struct Function {
    std::size_t line;
    std::size_t lines;
};

bool is_space(char c) {
    return std::isspace(static_cast<unsigned char>(c)) != 0;
}

// Finds functions at namespace and class level; what is nested in a function belongs to it.
class FunctionFinder {
  public:
    explicit FunctionFinder(std::string_view code) : code_(code) {}

    std::vector<Function> run() {
        scope();
        return std::move(found_);
    }

  private:
    // Reads declarations up to the closing brace of this scope.
    void scope() {
        head_ = at_;
        while (at_ < code_.size()) {
            const char c = code_[at_];
            if (c == '#' && starts_line()) {
                skip_directive();
                head_ = at_;
            } else if (c == ';') {
                head_ = ++at_;
            } else if (c == '}') {
                head_ = ++at_;
                return;
            } else if (c == '{') {
                open();
            } else {
                ++at_;
            }
        }
    }

    void open() {
        const std::string head = clean_head();
        if (is_container(head)) {
            ++at_;
            scope();
            return;
        }
        const bool is_function = head.find('(') != std::string::npos;
        const std::size_t start = head_text_start();
        const std::size_t end = matching_brace();
        std::size_t next = end;
        while (next < code_.size() && is_space(code_[next])) {
            ++next;
        }
        if (is_function && next < code_.size() && (code_[next] == ',' || code_[next] == '{')) {
            at_ = end;  // a brace of the constructor's initialiser list: the head goes on
            return;
        }
        if (is_function) {
            const std::size_t first = line_of(code_, start);
            found_.push_back({first, line_of(code_, end - 1) - first + 1});
        }
        at_ = end;
        head_ = end;
    }

    static bool is_container(const std::string& head) {
        static constexpr std::array<std::string_view, 7> kWords = {
            "namespace", "class", "struct", "union", "enum", "extern", "inline namespace"};
        return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
            return head.starts_with(word) &&
                   (head.size() == word.size() ||
                    !std::isalnum(static_cast<unsigned char>(head[word.size()])));
        });
    }

    std::size_t head_text_start() const {
        std::size_t start = head_;
        while (start < at_ && is_space(code_[start])) {
            ++start;
        }
        return start;
    }

    // The text before the brace, without labels and template parameters.
    std::string clean_head() const {
        std::string_view head = code_.substr(head_text_start(), at_ - head_text_start());
        for (const std::string_view label : {"public:", "private:", "protected:"}) {
            if (head.starts_with(label)) {
                head.remove_prefix(label.size());
                head.remove_prefix(std::min(head.find_first_not_of(" \n"), head.size()));
            }
        }
        if (head.starts_with("template")) {
            std::size_t depth = 0;
            std::size_t i = 8;
            for (; i < head.size(); ++i) {
                depth += head[i] == '<' ? 1 : 0;
                if (head[i] == '>' && --depth == 0) {
                    break;
                }
            }
            head.remove_prefix(std::min(i + 1, head.size()));
            head.remove_prefix(std::min(head.find_first_not_of(" \n"), head.size()));
        }
        return std::string(head);
    }

    std::size_t matching_brace() const {
        std::size_t depth = 0;
        for (std::size_t i = at_; i < code_.size(); ++i) {
            depth += code_[i] == '{' ? 1 : 0;
            if (code_[i] == '}' && --depth == 0) {
                return i + 1;
            }
        }
        return code_.size();
    }

    bool starts_line() const {
        std::size_t i = at_;
        while (i > 0 && (code_[i - 1] == ' ' || code_[i - 1] == '\t')) {
            --i;
        }
        return i == 0 || code_[i - 1] == '\n';
    }

    void skip_directive() {
        while (at_ < code_.size() && code_[at_] != '\n') {
            at_ += code_[at_] == '\\' ? 2 : 1;
        }
    }

    std::string_view code_;
    std::size_t at_ = 0;
    std::size_t head_ = 0;
    std::vector<Function> found_;
};

TEST(Size, FilesFitFiveHundredLines) {
    for (const SourceFile& file : source_tree()) {
        const bool code = file.is_cpp() || file.is_under("scripts/") || file.is_under("cmake/") ||
                          file.ends_with("CMakeLists.txt") || file.ends_with(".lua");
        if (!code) {
            continue;
        }
        const auto lines = std::count(file.text.begin(), file.text.end(), '\n');
        EXPECT_LE(static_cast<std::size_t>(lines), kFileLinesMax) << file.path;
    }
}

TEST(Size, FunctionsFitSeventyLines) {
    std::size_t functions = 0;
    for (const SourceFile& file : source_tree()) {
        if (!file.is_cpp()) {
            continue;
        }
        for (const Function& function : FunctionFinder(file.code).run()) {
            EXPECT_LE(function.lines, kFunctionLinesMax)
                << at(file, function.line, "this function is too long");
            ++functions;
        }
    }
    EXPECT_GT(functions, 50u) << "the finder finds nothing";
}

TEST(Size, TheFinderFindsFunctions) {
    const std::vector<Function> found = FunctionFinder(R"(
#define BODY { \
}
namespace a {
struct S : Base {
    S() : x_{1}, y_{2} {
        y_ = 3;
    }
    int x_{0};
};
const int table[] = {1,
    2};
template <class T, int N = 2>
T twice(T value) {
    return [&] { return value; }();
}
enum class E { one };
}
)")
                                            .run();
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].line, 6u);
    EXPECT_EQ(found[0].lines, 3u);
    EXPECT_EQ(found[1].line, 13u);
    EXPECT_EQ(found[1].lines, 4u);
}

}  // namespace
}  // namespace sallyport::repository
