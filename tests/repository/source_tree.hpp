// Reads the source tree for the checks beside this file: files, include lines, and C++ text without
// comments and literals. It knows nothing of the rules themselves.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::repository {

struct SourceFile {
    std::string path;  // from the root, with slashes
    std::string text;
    // `text` with comments blanked and the insides of string and character literals replaced by
    // spaces; same length, same lines. Only for C and C++ files, else equal to `text`.
    std::string code;

    bool is_under(std::string_view folder) const;
    bool ends_with(std::string_view suffix) const;
    bool is_cpp() const;
};

struct Include {
    std::string target;
    bool quoted;  // "..." rather than <...>
    std::size_t line;
};

// Every text file of ours, sorted by path. Read once.
const std::vector<SourceFile>& source_tree();
// The file at `path`, or null.
const SourceFile* find_file(std::string_view path);

std::vector<Include> includes_of(const SourceFile& file);
std::string strip_literals(std::string_view text);
std::size_t line_of(std::string_view text, std::size_t offset);
// Offsets of `word` in `text` where neither neighbour continues an identifier; a word may end in
// `(` to mean a call.
std::vector<std::size_t> find_words(std::string_view text, std::string_view word);

// "path:line: message"
std::string at(const SourceFile& file, std::size_t line, std::string_view message);

}  // namespace sallyport::repository
