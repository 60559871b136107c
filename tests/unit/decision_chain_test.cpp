#include "module/policy/decision_chain.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace sallyport::policy {
namespace {

using Finding = ChainReader::Finding;

HmacKey key(std::string_view text = "a secret of sixteen bytes") {
    return chain_key(Secret(text));
}

// What a client wrote may look like a line's end.
std::vector<std::string> chain(std::size_t count, std::uint64_t id = 7) {
    const HmacKey with = key();
    ChainPlace place{.id = id};
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < count; ++i) {
        std::string line =
            R"({"n":)" + std::to_string(i) +
            R"(,"path":"/,\"chain\":\"0000000000000001\",\"seq\":9,\"mac\":\"00\"}")";
        place = append_chain(line, with, place);
        lines.push_back(line);
    }
    return lines;
}

std::vector<Finding> read(const std::vector<std::string>& lines, std::string_view secret = "") {
    ChainReader reader(secret.empty() ? key() : key(secret));
    std::vector<Finding> out;
    for (const std::string& line : lines) {
        out.push_back(reader.read(line));
    }
    return out;
}

using Findings = std::vector<Finding>;

TEST(DecisionChain, IsWholeAsWritten) {
    const auto lines = chain(5);
    EXPECT_EQ(read(lines), Findings(5, Finding::whole));
    EXPECT_TRUE(lines[0].ends_with("\"}")) << lines[0];
    EXPECT_NE(lines[3].find(R"(,"chain":"0000000000000007","seq":3,"mac":")"), std::string::npos);
    ChainReader reader(key());
    for (const std::string& line : lines) {
        reader.read(line);
    }
    EXPECT_EQ(reader.chains().at(7).seq, 5u);
}

TEST(DecisionChain, ShowsEveryChange) {
    const auto lines = chain(4);
    for (std::size_t n = 0; n < lines.size(); ++n) {
        for (std::size_t at = 0; at < lines[n].size(); ++at) {
            auto changed = lines;
            changed[n][at] = static_cast<char>(changed[n][at] ^ 1);
            const Findings found = read(changed);
            EXPECT_NE(found, Findings(4, Finding::whole)) << n << " " << changed[n];
        }
    }
    auto changed = lines;
    changed[1][5] = '8';  // "n":8
    EXPECT_EQ(read(changed),
              (Findings{Finding::whole, Finding::forged, Finding::whole, Finding::whole}));
}

TEST(DecisionChain, ShowsRemovedAddedAndMovedLines) {
    const auto lines = chain(4);
    EXPECT_EQ(read({lines[0], lines[2], lines[3]}),
              (Findings{Finding::whole, Finding::missing, Finding::whole}));
    EXPECT_EQ(read({lines[0], lines[0], lines[1]}),
              (Findings{Finding::whole, Finding::repeated, Finding::whole}));
    EXPECT_EQ(read({lines[0], lines[2], lines[1], lines[3]}),
              (Findings{Finding::whole, Finding::missing, Finding::repeated, Finding::whole}));
    EXPECT_EQ(read({lines[0], R"({"n":1})", "", lines[1]}),
              (Findings{Finding::whole, Finding::no_mac, Finding::no_mac, Finding::whole}));
    EXPECT_EQ(read({lines[2], lines[3]}), (Findings{Finding::begins, Finding::whole}));
    EXPECT_EQ(read(lines, "another secret of its own")[0], Finding::forged);
}

TEST(DecisionChain, ChainsStandBesideEachOther) {
    const auto first = chain(2, 1);
    const auto second = chain(2, 0xfedcba9876543210);
    EXPECT_EQ(read({first[0], second[0], second[1], first[1]}), Findings(4, Finding::whole));
    auto renamed = first[1];
    renamed.replace(renamed.rfind("0000000000000001"), 16, "fedcba9876543210");
    EXPECT_EQ(read({first[0], second[0], renamed}),
              (Findings{Finding::whole, Finding::whole, Finding::forged}));
}

TEST(DecisionChain, RefusesWhatIsNoLine) {
    for (
        const char* line :
        {"", "{}", "\"}", R"({"n":1,"chain":"7","seq":0,"mac":"00"})",
         R"({"chain":"0000000000000007","seq":-1,"mac":"0000000000000000000000000000000000000000000000000000000000000000"})",
         R"(","seq":0,"mac":"0000000000000000000000000000000000000000000000000000000000000000"})"}) {
        EXPECT_EQ(read({line}), Findings{Finding::no_mac}) << line;
    }
}

}  // namespace
}  // namespace sallyport::policy
