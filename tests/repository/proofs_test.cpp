// docs/proofs.md and docs/threat-model.md name tests, scripts and benchmarks that exist, and no row
// is without one.
#include "tests/repository/source_tree.hpp"

#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::repository {
namespace {

// A program of tests may be several files of one name in different rings.
std::string text_of_test(const std::string& name) {
    std::string out;
    for (const SourceFile& file : source_tree()) {
        if (file.path.starts_with("tests/") &&
            (file.path.ends_with("/" + name + ".cpp") || file.path.ends_with("/" + name + ".sh"))) {
            out += file.text + "\n";
        }
    }
    return out;
}

bool exists(std::string_view path) {
    for (const SourceFile& file : source_tree()) {
        if (file.path == path) {
            return true;
        }
    }
    return false;
}

// The last column of a table's rows, its head and rule left out.
std::vector<std::string> proofs_of(const std::string& text) {
    static const std::regex row(R"(\n\|[^\n]*\| ([^|\n]+) \|(?=\n))");
    std::vector<std::string> out;
    for (std::sregex_iterator at(text.begin(), text.end(), row), end; at != end; ++at) {
        const std::string proof = (*at)[1];
        if (proof != "proof" && proof != "shown by") {
            out.push_back(proof);
        }
    }
    return out;
}

void check_proof(const std::string& proof) {
    static const std::regex reference(R"(`([^`]+)`( [A-Z]\w+)?)");
    std::size_t found = 0;
    for (std::sregex_iterator at(proof.begin(), proof.end(), reference), end; at != end; ++at) {
        const std::string what = (*at)[1];
        if (what.ends_with("_test")) {
            const std::string text = text_of_test(what);
            EXPECT_FALSE(text.empty()) << "no test is called " << what;
            const std::string one = (*at)[2].matched ? (*at)[2].str().substr(1) : "";
            EXPECT_NE(text.find(one), std::string::npos) << what << " has no " << one;
            ++found;
        } else if (what.starts_with("scripts/") || what.starts_with("bench/")) {
            EXPECT_TRUE(exists(what.substr(0, what.find(' ')))) << what;
            ++found;
        }
    }
    EXPECT_GT(found, 0u) << "without a proof: " << proof;
}

TEST(Proofs, EachPromiseHasOneThatExists) {
    std::size_t rows = 0;
    for (const SourceFile& file : source_tree()) {
        if (file.path != "docs/proofs.md" && file.path != "docs/threat-model.md") {
            continue;
        }
        std::string text = file.text;
        // Who attacks has no proof.
        if (const auto doors = text.find("\n## At the outer door"); doors != std::string::npos) {
            text.erase(0, doors);
        }
        for (const std::string& proof : proofs_of(text)) {
            check_proof(proof);
            ++rows;
        }
    }
    EXPECT_GT(rows, 70u);
}

}  // namespace
}  // namespace sallyport::repository
