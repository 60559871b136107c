#include "common/units.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(Units, ParsesDurations) {
    EXPECT_EQ(*parse_duration_ms("250ms"), 250);
    EXPECT_EQ(*parse_duration_ms("5"), 5000);
    EXPECT_EQ(*parse_duration_ms("15m"), 900'000);
    EXPECT_EQ(*parse_duration_ms("2w"), 1'209'600'000);
    for (const char* wrong : {"", "ms", "-1s", "1.5s", "1y", "5 s", "99999999999999999999s", "600w1"}) {
        EXPECT_FALSE(parse_duration_ms(wrong).ok()) << wrong;
    }
    EXPECT_FALSE(parse_duration_ms("600w").ok());
}

TEST(Units, ParsesSizes) {
    EXPECT_EQ(*parse_size_bytes("64k"), 65536u);
    EXPECT_EQ(*parse_size_bytes("1M"), 1048576u);
    EXPECT_EQ(*parse_size_bytes("7"), 7u);
    for (const char* wrong : {"", "k", "1kb", "-1", "1t", "18446744073709551615k"}) {
        EXPECT_FALSE(parse_size_bytes(wrong).ok()) << wrong;
    }
}

TEST(Units, ParsesRates) {
    EXPECT_EQ(parse_rate("100r/m")->count, 100u);
    EXPECT_EQ(parse_rate("100r/m")->period_ms, 60'000);
    EXPECT_EQ(parse_rate("1r/d")->period_ms, 86'400'000);
    for (const char* wrong : {"", "100", "0r/s", "r/s", "10r/", "10r/w", "10/s", "-1r/s", "1000000001r/s"}) {
        EXPECT_FALSE(parse_rate(wrong).ok()) << wrong;
    }
}

}  // namespace
}  // namespace sallyport
