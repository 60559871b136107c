// The closed list of reasons and docs/reasons.md hold the same words.
#include "module/policy/decision.hpp"
#include "tests/repository/source_tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace sallyport::repository {
namespace {

std::set<std::string> documented_reasons() {
    std::set<std::string> words;
    const SourceFile* page = find_file("docs/reasons.md");
    if (page == nullptr) {
        return words;
    }
    const std::string row = "\n| `";
    for (std::size_t at = page->text.find(row); at != std::string::npos;
         at = page->text.find(row, at + 1)) {
        const std::size_t start = at + row.size();
        words.insert(page->text.substr(start, page->text.find('`', start) - start));
    }
    return words;
}

TEST(Reasons, AreTheWordsOfTheirPage) {
    const std::set<std::string> words(policy::kReasonWords.begin(), policy::kReasonWords.end());
    EXPECT_EQ(words.size(), policy::kReasonWords.size()) << "a word stands twice";
    EXPECT_EQ(documented_reasons(), words);
}

// A reason that nothing can produce is dead, and one that no test shows is a claim.
TEST(Reasons, AreEachShownByATest) {
    for (const std::string_view word : policy::kReasonWords) {
        if (word == "none") {
            continue;
        }
        const bool shown = std::any_of(
            source_tree().begin(), source_tree().end(), [&](const SourceFile& file) {
                return file.is_under("tests/") && !file.is_under("tests/repository/") &&
                       (file.text.find("\"" + std::string(word) + "\"") != std::string::npos ||
                        file.text.find("Reason::" + std::string(word)) != std::string::npos);
            });
        EXPECT_TRUE(shown) << word;
    }
}

}  // namespace
}  // namespace sallyport::repository
