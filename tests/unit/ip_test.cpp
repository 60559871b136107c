#include "common/ip.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace sallyport {
namespace {

TEST(IpAddress, ParsesStrictly) {
    for (const char* good : {"0.0.0.0", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1"}) {
        const auto address = IpAddress::parse(good);
        ASSERT_TRUE(address) << good;
        EXPECT_EQ(address->to_string(), good);
    }
    for (const char* wrong :
         {"", "1.2.3", "01.2.3.4", "1.2.3.256", "1.2.3.4.5", "0x7f.1", "2130706433", "::1%eth0",
          "[::1]", ":::", "1:2:3:4:5:6:7:8:9", "localhost", " 1.2.3.4", "1.2.3.4 "}) {
        EXPECT_FALSE(IpAddress::parse(wrong)) << wrong;
    }
    EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
}

// The C library reads the same dotted addresses, and no others.
TEST(IpAddress, ReadsDottedAddressesAsTheLibrary) {
    std::mt19937 random(1);
    const auto below = [&](std::size_t n) { return static_cast<unsigned>(random() % n); };
    constexpr std::string_view kAlphabet = "0123456789...  x-:";
    int good = 0;
    for (int i = 0; i < 200'000; ++i) {
        std::string text;
        for (unsigned part = 0; part < 4; ++part) {
            text += (part == 0 ? "" : ".") + std::to_string(below(below(2) == 0 ? 10 : 270));
        }
        for (unsigned change = below(3); change > 0; --change) {
            const std::size_t at = below(text.size());
            const char c = kAlphabet[below(kAlphabet.size())];
            below(2) == 0 ? text.insert(at, 1, c) : text.replace(at, 1, 1, c);
        }
        std::uint8_t bytes[4];
        const bool expected = inet_pton(AF_INET, text.c_str(), bytes) == 1;
        const auto address = IpAddress::parse_v4(text);
        ASSERT_EQ(address.has_value(), expected) << text;
        if (expected) {
            ASSERT_EQ(*address, IpAddress::from_v4(bytes)) << text;
            ++good;
        }
    }
    EXPECT_GT(good, 50'000);
}

TEST(IpAddress, FoldsMappedIpv4) {
    EXPECT_EQ(IpAddress::parse("::ffff:10.0.0.1"), IpAddress::parse("10.0.0.1"));
    EXPECT_EQ(IpAddress::parse("::ffff:10.0.0.1")->to_string(), "10.0.0.1");
    EXPECT_EQ(IpAddress::parse("10.0.0.1")->v4(), 0x0a000001u);
    EXPECT_LT(*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.2"));
}

TEST(IpAddress, WritesRfc5952) {
    const std::pair<const char*, const char*> cases[] = {
        {"2001:0DB8:0:0:0:0:0:0001", "2001:db8::1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
        {"0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"},
        {"::10.0.0.1", "::a00:1"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"255.255.255.255", "255.255.255.255"},
    };
    for (const auto& [written, canonical] : cases) {
        EXPECT_EQ(IpAddress::parse(written)->to_string(), canonical);
    }
}

struct CidrCase {
    const char* text;
    const char* last;  // empty: an error is expected
};

TEST(Cidr, ParsesAndRefuses) {
    const CidrCase cases[] = {
        {"10.0.0.0/8", "10.255.255.255"},
        {"10.1.2.3", "10.1.2.3"},
        {"0.0.0.0/0", "255.255.255.255"},
        {"192.168.1.128/25", "192.168.1.255"},
        {"2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"10.0.0.1/8", ""},
        {"10.0.0.0/33", ""},
        {"10.0.0.0/", ""},
        {"10.0.0.0/08", ""},
        {"10.0.0.0/-1", ""},
        {"2001:db8::1/32", ""},
        {"2001:db8::/129", ""},
        {"all", ""},
    };
    for (const auto& c : cases) {
        const auto cidr = Cidr::parse(c.text);
        ASSERT_EQ(cidr.ok(), c.last[0] != '\0') << c.text;
        if (cidr.ok()) {
            EXPECT_EQ(cidr->last().to_string(), c.last) << c.text;
            EXPECT_TRUE(cidr->contains(cidr->last()));
        }
    }
    EXPECT_NE(Cidr::parse("10.0.0.1/8").message().find("10.0.0.0/8"), std::string::npos);
}

TEST(Cidr, ContainsByPrefix) {
    const Cidr block = *Cidr::parse("10.0.0.0/9");
    EXPECT_TRUE(block.contains(*IpAddress::parse("10.127.255.255")));
    EXPECT_FALSE(block.contains(*IpAddress::parse("10.128.0.0")));
    EXPECT_FALSE(block.contains(*IpAddress::parse("2001:db8::1")));
}

}  // namespace
}  // namespace sallyport
