#include "module/policy/control_token.hpp"

#include <gtest/gtest.h>

namespace sallyport::policy {
namespace {

TEST(ControlToken, FindsEachOfSeveral) {
    const std::string file = "# people\n" + control_token_line("alpha-0123456789", "ops on call") +
                             "\r\n\n  " + control_token_line("beta-0123456789", "") + " # ci\n";
    const auto tokens = parse_control_tokens(file, "f");
    ASSERT_TRUE(tokens.ok()) << tokens.message();
    ASSERT_EQ(tokens->size(), 2u);
    const ControlToken* found = find_control_token(*tokens, "alpha-0123456789");
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->name, "ops on call");
    found = find_control_token(*tokens, "beta-0123456789");
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->name, "unnamed");
    for (const std::string wrong : {"", "alpha", "alpha-0123456789 ", "ALPHA-0123456789"}) {
        EXPECT_EQ(find_control_token(*tokens, wrong), nullptr) << wrong;
    }
    EXPECT_EQ(find_control_token(*tokens, std::string(kControlTokenBytesMax + 1, 'a')), nullptr);
}

TEST(ControlToken, TheFileNeverHoldsTheToken) {
    EXPECT_EQ(control_token_line("abc", "x"),
              "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad x");
}

TEST(ControlToken, MistakesNameTheLine) {
    std::string many;
    for (std::size_t i = 0; i <= kControlTokensMax; ++i) {
        many += control_token_line(std::to_string(i), "") + "\n";
    }
    const struct {
        std::string text;
        const char* piece;
    } rows[] = {
        {"", "f holds no token"},
        {"# only a comment\n", "sallyport token"},
        {"\nplain-token\n", "f:2: a line is not"},
        {"sha256:abcd\n", "f:1: \"sha256:\" must be followed by 64"},
        {"sha256:" + std::string(63, 'a') + "g\n", "64 hex digits"},
        {"sha256:" + std::string(64, 'a') + " n\x01\n", "printable"},
        {"sha256:" + std::string(64, 'a') + " " + std::string(65, 'n'), "at most 64"},
        {many, "more than 64 tokens"},
    };
    for (const auto& row : rows) {
        const auto tokens = parse_control_tokens(row.text, "f");
        ASSERT_FALSE(tokens.ok()) << row.piece;
        EXPECT_NE(tokens.message().find(row.piece), std::string::npos) << tokens.message();
    }
}

TEST(ControlToken, ReadsTheBearerScheme) {
    EXPECT_EQ(bearer_token("Bearer abc"), "abc");
    EXPECT_EQ(bearer_token("bearer  abc "), "abc");
    EXPECT_EQ(bearer_token("Basic abc"), "");
    EXPECT_EQ(bearer_token("Bearer"), "");
    EXPECT_EQ(bearer_token("Bearer "), "");
    EXPECT_EQ(bearer_token(""), "");
}

}  // namespace
}  // namespace sallyport::policy
