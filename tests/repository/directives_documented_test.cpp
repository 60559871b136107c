// Every directive in the module's tables has its entry in docs/directives, and every entry its
// directive. An entry is a heading that names the directive: `## sallyport_rate_limit`. Variables
// are mentioned with their dollar sign.
#include "tests/repository/source_tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

namespace sallyport::repository {
namespace {

constexpr std::string_view kPrefix = "sallyport_";
constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789_";

std::string name_at(std::string_view text, std::size_t at) {
    return std::string(text.substr(at, text.find_first_not_of(kNameCharacters, at) - at));
}

struct Tables {
    std::map<std::string, std::string> directives;  // name -> file
    std::map<std::string, std::string> variables;
};

// Rows of the form {"sallyport_name", ...}; a directive's row says how many arguments it takes.
Tables read_tables() {
    Tables tables;
    const std::string row = "{\"" + std::string(kPrefix);
    for (const SourceFile& file : source_tree()) {
        if (!file.is_under("module/nginx/") || !file.is_cpp()) {
            continue;
        }
        for (std::size_t at = file.text.find(row); at != std::string::npos;
             at = file.text.find(row, at + 1)) {
            if (file.code[at] != '{') {
                continue;  // a comment
            }
            const std::string_view rest =
                std::string_view(file.code).substr(at, file.code.find('}', at) - at);
            const bool directive = rest.find("NGX_CONF_") != std::string_view::npos;
            auto& table = directive ? tables.directives : tables.variables;
            table[name_at(file.text, at + 2)] = file.path;
        }
    }
    return tables;
}

struct Entry {
    const SourceFile* file;
    std::size_t line;
    std::string text;  // up to the next heading of an entry
};

std::map<std::string, Entry> entries_in_docs() {
    std::map<std::string, Entry> entries;
    for (const SourceFile& file : source_tree()) {
        if (!file.is_under("docs/directives/") || !file.ends_with(".md")) {
            continue;
        }
        Entry* current = nullptr;
        std::size_t line = 0;
        for (std::size_t start = 0; start < file.text.size();) {
            const std::size_t end = std::min(file.text.find('\n', start), file.text.size());
            std::string_view text = std::string_view(file.text).substr(start, end - start);
            start = end + 1;
            ++line;
            std::string_view title = text;
            title.remove_prefix(std::min(title.find_first_not_of("#` "), title.size()));
            if (text.starts_with("#") && title.starts_with(kPrefix)) {
                const std::string name = name_at(title, 0);
                EXPECT_FALSE(entries.contains(name))
                    << at(file, line, name) << " is described twice";
                current = &entries.emplace(name, Entry{&file, line, {}}).first->second;
            } else if (current != nullptr) {
                current->text.append(text).append("\n");
            }
        }
    }
    return entries;
}

TEST(DirectivesDocumented, EachDirectiveHasAnEntry) {
    const auto entries = entries_in_docs();
    const auto directives = read_tables().directives;
    EXPECT_FALSE(directives.empty()) << "no table row was found under module/nginx";
    for (const auto& [name, path] : directives) {
        EXPECT_TRUE(entries.contains(name))
            << path << " has " << name << ", and docs/directives has no heading for it";
    }
}

TEST(DirectivesDocumented, EachVariableIsMentioned) {
    std::string docs;
    for (const SourceFile& file : source_tree()) {
        if (file.is_under("docs/directives/")) {
            docs += file.text;
        }
    }
    for (const auto& [name, path] : read_tables().variables) {
        EXPECT_FALSE(find_words(docs, "$" + name).empty())
            << path << " has $" << name << ", and docs/directives does not mention it";
    }
}

TEST(DirectivesDocumented, EachEntryHasADirective) {
    const auto directives = read_tables().directives;
    for (const auto& [name, entry] : entries_in_docs()) {
        EXPECT_TRUE(directives.contains(name))
            << at(*entry.file, entry.line, name) << " is in no directive table";
    }
}

TEST(DirectivesDocumented, EachEntrySaysSyntaxDefaultAndContext) {
    for (const auto& [name, entry] : entries_in_docs()) {
        for (const std::string_view block : {"Syntax", "Default", "Context"}) {
            EXPECT_NE(entry.text.find(block), std::string::npos)
                << at(*entry.file, entry.line, name) << " has no " << block;
        }
    }
}

}  // namespace
}  // namespace sallyport::repository
