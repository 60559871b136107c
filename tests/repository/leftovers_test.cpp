// Nothing is left lying about: no notes to oneself, no path of one machine, no untidy ends.
#include "tests/repository/source_tree.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <string>
#include <vector>

namespace sallyport::repository {
namespace {

// Spelt in halves, so that this file passes its own test.
const std::vector<std::string>& notes() {
    static const std::vector<std::string> words = {
        "TO"
        "DO",
        "FIX"
        "ME",
        "XX"
        "X",
        "HA"
        "CK"};
    return words;
}

const std::vector<std::string>& machine_paths() {
    static const std::vector<std::string> paths = {
        "/wo"
        "rk/",
        "/ho"
        "me/",
        "/Us"
        "ers/"};
    return paths;
}

TEST(Leftovers, NoNotesToOneself) {
    for (const SourceFile& file : source_tree()) {
        for (const std::string& word : notes()) {
            for (const std::size_t offset : find_words(file.text, word)) {
                ADD_FAILURE() << at(file, line_of(file.text, offset), word);
            }
        }
    }
}

TEST(Leftovers, NoPathOfOneMachine) {
    for (const SourceFile& file : source_tree()) {
        for (const std::string& path : machine_paths()) {
            const std::size_t offset = file.text.find(path);
            if (offset != std::string::npos) {
                ADD_FAILURE() << at(file, line_of(file.text, offset), path);
            }
        }
    }
}

TEST(Leftovers, LinesEndCleanly) {
    for (const SourceFile& file : source_tree()) {
        if (file.path == "LICENSE" || file.text.empty()) {
            continue;
        }
        EXPECT_EQ(file.text.back(), '\n') << file.path << " does not end with a newline";
        const std::size_t carriage = file.text.find('\r');
        EXPECT_EQ(carriage, std::string::npos) << file.path << " has a carriage return";
        if (!file.is_cpp()) {
            continue;
        }
        for (const std::string_view untidy : {" \n", "\t"}) {
            const std::size_t offset = file.text.find(untidy);
            if (offset != std::string::npos) {
                ADD_FAILURE() << at(file, line_of(file.text, offset), "a tab or a trailing blank");
            }
        }
    }
}

TEST(Leftovers, HeadersSayWhatTheyAreFor) {
    for (const SourceFile& file : source_tree()) {
        if (!file.ends_with(".hpp")) {
            continue;
        }
        EXPECT_TRUE(file.text.starts_with("//"))
            << file.path << ": a header starts with what it is for and what it must not do";
        EXPECT_NE(file.text.find("\n#pragma once\n"), std::string::npos) << file.path;
    }
}

TEST(Leftovers, NamesAreSnakeCase) {
    for (const SourceFile& file : source_tree()) {
        if (!file.is_cpp()) {
            continue;
        }
        const std::string name = file.path.substr(file.path.rfind('/') + 1);
        for (const char c : name) {
            const auto u = static_cast<unsigned char>(c);
            EXPECT_TRUE(std::islower(u) != 0 || std::isdigit(u) != 0 || c == '_' || c == '.')
                << file.path;
        }
        EXPECT_FALSE(file.ends_with(".h") && !file.is_under("tests/cmocka/include/"))
            << file.path << ": our headers end in .hpp";
    }
}

}  // namespace
}  // namespace sallyport::repository
