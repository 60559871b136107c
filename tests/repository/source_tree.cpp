#include "tests/repository/source_tree.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace sallyport::repository {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 12> kFolders = {".ci",    "bench",  "cli",     "cmake",
                                                       "common", "conf.d", "config",  "docs",
                                                       "engine", "module", "scripts", "tests"};
// Data that only happens to be text: other people's words, recorded input.
constexpr std::array<std::string_view, 2> kData = {"tests/vectors/", "tests/fuzz/corpus/"};

bool is_identifier(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::string read_whole(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

void add_file(const fs::path& root, const fs::path& path, std::vector<SourceFile>& files) {
    SourceFile file;
    file.path = fs::relative(path, root).generic_string();
    const bool data = std::any_of(kData.begin(), kData.end(),
                                  [&](std::string_view prefix) { return file.is_under(prefix); });
    if (data) {
        return;
    }
    file.text = read_whole(path);
    if (file.text.find('\0') != std::string::npos) {
        return;
    }
    file.code = file.is_cpp() ? strip_literals(file.text) : file.text;
    files.push_back(std::move(file));
}

std::vector<SourceFile> read_tree() {
    const fs::path root = SALLYPORT_SOURCE_DIR;
    std::vector<SourceFile> files;
    for (const auto& entry : fs::directory_iterator(root)) {
        // In a linked worktree .git is a file that says where the repository is.
        if (entry.is_regular_file() && entry.path().filename() != ".git") {
            add_file(root, entry.path(), files);
        }
    }
    for (const std::string_view folder : kFolders) {
        if (!fs::exists(root / folder)) {
            continue;
        }
        for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
            if (entry.is_regular_file()) {
                add_file(root, entry.path(), files);
            }
        }
    }
    std::sort(files.begin(), files.end(),
              [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
    return files;
}

// Walks C++ text and blanks what is not code.
class Stripper {
  public:
    explicit Stripper(std::string_view text) : text_(text), out_(text) {}

    std::string run() {
        while (at_ < text_.size()) {
            step();
        }
        return std::move(out_);
    }

  private:
    void step() {
        if (text_.substr(at_, 2) == "//") {
            blank_until(text_.find('\n', at_));
        } else if (text_.substr(at_, 2) == "/*") {
            const std::size_t end = text_.find("*/", at_ + 2);
            blank_until(end == std::string_view::npos ? end : end + 2);
        } else if (text_.substr(at_, 2) == "R\"" && (at_ == 0 || !is_identifier(text_[at_ - 1]))) {
            blank_raw_string();
        } else if (text_[at_] == '"') {
            blank_literal('"');
        } else if (text_[at_] == '\'' && (at_ == 0 || !is_identifier(text_[at_ - 1]))) {
            blank_literal('\'');  // a quote behind a digit separates digits
        } else {
            ++at_;
        }
    }

    void blank_until(std::size_t end) {
        for (end = std::min(end, text_.size()); at_ < end; ++at_) {
            if (text_[at_] != '\n') {
                out_[at_] = ' ';
            }
        }
    }

    void blank_raw_string() {
        const std::size_t open = text_.find('(', at_);
        const std::string end = ")" + std::string(text_.substr(at_ + 2, open - at_ - 2)) + "\"";
        const std::size_t close = text_.find(end, open);
        ++at_;
        blank_until(close == std::string_view::npos ? close : close + end.size());
    }

    void blank_literal(char quote) {
        std::size_t end = at_ + 1;
        while (end < text_.size() && text_[end] != quote && text_[end] != '\n') {
            end += text_[end] == '\\' ? 2 : 1;
        }
        ++at_;
        blank_until(end);
        ++at_;
    }

    std::string_view text_;
    std::string out_;
    std::size_t at_ = 0;
};

}  // namespace

bool SourceFile::is_under(std::string_view folder) const {
    return path.starts_with(folder);
}
bool SourceFile::ends_with(std::string_view suffix) const {
    return path.ends_with(suffix);
}
bool SourceFile::is_cpp() const {
    return ends_with(".cpp") || ends_with(".hpp") || ends_with(".c") || ends_with(".h");
}

const std::vector<SourceFile>& source_tree() {
    static const std::vector<SourceFile> files = read_tree();
    return files;
}

const SourceFile* find_file(std::string_view path) {
    const auto& files = source_tree();
    const auto found = std::find_if(files.begin(), files.end(),
                                    [&](const SourceFile& file) { return file.path == path; });
    return found == files.end() ? nullptr : &*found;
}

std::string strip_literals(std::string_view text) {
    return Stripper(text).run();
}

std::size_t line_of(std::string_view text, std::size_t offset) {
    return 1 + static_cast<std::size_t>(std::count(
                   text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n'));
}

std::vector<Include> includes_of(const SourceFile& file) {
    std::vector<Include> includes;
    std::size_t line = 0;
    std::size_t at = 0;
    while (at < file.text.size()) {
        const std::size_t end = std::min(file.text.find('\n', at), file.text.size());
        std::string_view rest = std::string_view(file.text).substr(at, end - at);
        // The stripped text tells an include from one that stands in a comment.
        const bool is_code = file.code[at] == '#';
        at = end + 1;
        ++line;
        if (!is_code || !rest.starts_with("#include ")) {
            continue;
        }
        rest.remove_prefix(std::string_view("#include ").size());
        const char close = rest.starts_with('<') ? '>' : '"';
        const std::size_t stop = rest.find(close, 1);
        if (stop != std::string_view::npos) {
            includes.push_back({std::string(rest.substr(1, stop - 1)), close == '"', line});
        }
    }
    return includes;
}

std::vector<std::size_t> find_words(std::string_view text, std::string_view word) {
    std::vector<std::size_t> found;
    for (std::size_t at = text.find(word); at != std::string_view::npos;
         at = text.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        const bool starts = at == 0 || !is_identifier(word.front()) || !is_identifier(text[at - 1]);
        const bool ends =
            end >= text.size() || !is_identifier(word.back()) || !is_identifier(text[end]);
        if (starts && ends) {
            found.push_back(at);
        }
    }
    return found;
}

std::string at(const SourceFile& file, std::size_t line, std::string_view message) {
    return file.path + ":" + std::to_string(line) + ": " + std::string(message);
}

}  // namespace sallyport::repository
