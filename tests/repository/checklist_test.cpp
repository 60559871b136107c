// docs/security-checklist.md and the tests that ask its rows name the same rows.
#include "tests/repository/source_tree.hpp"

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>

namespace sallyport::repository {
namespace {

std::set<int> numbers(const std::string& text, const std::regex& row) {
    std::set<int> out;
    for (std::sregex_iterator at(text.begin(), text.end(), row), end; at != end; ++at) {
        out.insert(std::stoi((*at)[1]));
    }
    return out;
}

TEST(Checklist, EachRowIsAskedAndDocumented) {
    std::set<int> asked;
    std::set<int> documented;
    for (const SourceFile& file : source_tree()) {
        if (file.path.starts_with("tests/integration/asvs_")) {
            asked.merge(numbers(file.text, std::regex(R"re(\{(\d+), "(?:V\d|API\d))re")));
        } else if (file.path == "tests/integration/inventory_test.cpp") {
            asked.merge(numbers(file.text, std::regex(R"re(Row (\d+) of the checklist)re")));
        } else if (file.path == "docs/security-checklist.md") {
            documented = numbers(file.text, std::regex(R"re(\n\| (\d+) \|)re"));
        }
    }
    EXPECT_GT(asked.size(), 25u);
    EXPECT_EQ(asked, documented);
}

}  // namespace
}  // namespace sallyport::repository
