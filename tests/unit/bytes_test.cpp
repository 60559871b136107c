#include "common/bytes.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

Bytes bytes_of(std::string_view text) { return Bytes(as_bytes(text), as_bytes(text) + text.size()); }

TEST(Hex, DecodesOnlyTheAcceptedCase) {
    EXPECT_EQ(hex_decode("00ff7e"), (Bytes{0, 255, 126}));
    EXPECT_EQ(hex_decode("00FF", HexCase::upper), (Bytes{0, 255}));
    EXPECT_EQ(hex_decode("0aBc", HexCase::any), (Bytes{0x0a, 0xbc}));
    EXPECT_FALSE(hex_decode("00FF"));
    EXPECT_FALSE(hex_decode("00ff", HexCase::upper));
    EXPECT_FALSE(hex_decode("0"));
    EXPECT_FALSE(hex_decode("0g"));
    EXPECT_EQ(hex_encode(Bytes{0, 255, 126}), "00ff7e");
}

TEST(Base64, RoundTripsEveryLength) {
    std::string text;
    for (int i = 0; i < 70; ++i) {
        EXPECT_EQ(base64_decode(base64_encode(as_bytes(text), text.size())), bytes_of(text));
        EXPECT_EQ(base64url_decode(base64url_encode(as_bytes(text), text.size())), bytes_of(text));
        text.push_back(static_cast<char>(i * 37));
    }
}

TEST(Base64, HasOneSpellingForEachValue) {
    EXPECT_EQ(base64_decode("Zg=="), bytes_of("f"));
    for (const char* wrong : {"Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==\n", " Zg==", "Zg=a",
                              "Zm-_", "Zm9vY"}) {
        EXPECT_FALSE(base64_decode(wrong)) << wrong;
    }
    EXPECT_EQ(base64url_decode("Zg"), bytes_of("f"));
    EXPECT_EQ(base64url_decode("Zg=="), bytes_of("f"));
    EXPECT_FALSE(base64url_decode("Zg="));
    EXPECT_FALSE(base64url_decode("Zh"));
    EXPECT_FALSE(base64url_decode("Zm+/"));
}

TEST(Text, ParsesDecimalWithoutOverflow) {
    EXPECT_EQ(parse_u64("18446744073709551615"), 18446744073709551615u);
    for (const char* wrong : {"", "18446744073709551616", "+1", "-1", " 1", "1 ", "0x1", "1e3"}) {
        EXPECT_FALSE(parse_u64(wrong)) << wrong;
    }
}

TEST(Text, KnowsFieldValuesAndTokens) {
    EXPECT_TRUE(is_field_value("a\tb \xc3\xa4"));
    EXPECT_FALSE(is_field_value("a\r\nb"));
    EXPECT_FALSE(is_field_value(std::string_view("a\0b", 3)));
    EXPECT_FALSE(is_field_value("\x7f"));
    EXPECT_TRUE(is_token("X-Frame-Options"));
    EXPECT_FALSE(is_token(""));
    EXPECT_FALSE(is_token("a b"));
    EXPECT_FALSE(is_token("a:b"));
}

TEST(Text, SplitsIncludingEmptyParts) {
    std::vector<std::string> parts;
    for_each_split("a,,b,", ',', [&](std::string_view part) { parts.emplace_back(part); });
    EXPECT_EQ(parts, (std::vector<std::string>{"a", "", "b", ""}));
    EXPECT_EQ(trim_ows(" \t a b \t"), "a b");
    EXPECT_TRUE(ascii_iequals("Content-Type", "content-TYPE"));
    EXPECT_FALSE(ascii_iequals("a", "ab"));
}

}  // namespace
}  // namespace sallyport
