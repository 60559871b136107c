#include "module/policy/rate_limit_key.hpp"

#include "module/policy/key_text_cache.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::policy {
namespace {

HashSecret counting_secret() {
    HashSecret secret;
    for (std::size_t i = 0; i < secret.size(); ++i) {
        secret[i] = static_cast<std::uint8_t>(i);
    }
    return secret;
}

std::string bytes_of(const KeyHash& hash) {
    std::uint8_t bytes[16];
    for (unsigned i = 0; i < 8; ++i) {
        bytes[i] = static_cast<std::uint8_t>(hash.low >> (8 * i));
        bytes[8 + i] = static_cast<std::uint8_t>(hash.high >> (8 * i));
    }
    return hex_encode(bytes, sizeof bytes);
}

// From the reference implementation's list of 128-bit vectors: key 00..0f, message 00, 01, ….
TEST(KeyHash, IsSipHash128) {
    std::string message;
    for (char c = 0; c < 15; ++c) {
        message.push_back(c);
    }
    EXPECT_EQ(bytes_of(siphash(counting_secret(), "")), "a3817f04ba25a8e66df67214c7550293");
    EXPECT_EQ(bytes_of(siphash(counting_secret(), message.substr(0, 1))),
              "da87c1d86b99af44347659119b22fc45");
    EXPECT_EQ(bytes_of(siphash(counting_secret(), message)), "5493e99933b0a8117e08ec0f97cfc3d9");
}

KeyParts parts(std::initializer_list<std::string_view> list) {
    KeyParts key;
    for (const auto part : list) {
        key.add(part);
    }
    return key;
}

TEST(KeyHash, PartsDoNotRunTogether) {
    const HashSecret secret = counting_secret();
    EXPECT_NE(key_hash(secret, parts({"ab", "c"})), key_hash(secret, parts({"a", "bc"})));
    EXPECT_NE(key_hash(secret, parts({"a", ""})), key_hash(secret, parts({"a"})));
    EXPECT_EQ(key_hash(secret, parts({"a", "b"})), key_hash(secret, parts({"a", "b"})));
    EXPECT_NE(key_text(secret, parts({"ab", "c"})), key_text(secret, parts({"a", "bc"})));
    EXPECT_EQ(key_text(secret, parts({"ab", "c"})), key_text(secret, parts({"ab", "c"})));
}

TEST(KeyHash, IsSipHashOfLengthsAndPaddedParts) {
    const std::string padded(
        "\x03\0\0\0\0\0\0\0abc\0\0\0\0\0"
        "\x08\0\0\0\0\0\0\0"
        "12345678"
        "\x09\0\0\0\0\0\0\0"
        "123456789\0\0\0\0\0\0\0",
        56);
    EXPECT_EQ(key_hash(counting_secret(), parts({"abc", "12345678", "123456789"})),
              siphash(counting_secret(), padded));
}

TEST(KeyHash, DependsOnTheSecret) {
    HashSecret other = counting_secret();
    other[3] ^= 1;
    EXPECT_NE(key_hash(counting_secret(), parts({"a"})), key_hash(other, parts({"a"})));
    EXPECT_NE(key_text(counting_secret(), parts({"a"})), key_text(other, parts({"a"})));
}

TEST(KeyText, IsSha256OfSecretLengthsAndPartsCutToHalf) {
    const HashSecret secret = counting_secret();
    const std::string text(reinterpret_cast<const char*>(secret.data()), secret.size());
    const Bytes whole = digest(DigestAlgorithm::sha256,
                               text + std::string("\x02\0\0\0\0\0\0\0ab\x01\0\0\0\0\0\0\0c", 19));
    const KeyText got = key_text(secret, parts({"ab", "c"}));
    EXPECT_EQ(std::string(got.begin(), got.end()), hex_encode(whole).substr(0, 32));
}

TEST(AddressPart, GroupsIpv6ByPrefixAndFoldsMappedIpv4) {
    const auto part = [](const char* text, unsigned prefix) {
        std::array<std::uint8_t, 16> room;
        return std::string(address_part(*IpAddress::parse(text), prefix, room));
    };
    EXPECT_EQ(part("2001:db8:1:2::1", 64), part("2001:db8:1:2:ffff::9", 64));
    EXPECT_NE(part("2001:db8:1:2::1", 64), part("2001:db8:1:3::1", 64));
    EXPECT_EQ(part("2001:db8:1:2::1", 56), part("2001:db8:1:3::1", 56));
    EXPECT_EQ(part("::ffff:192.0.2.1", 64), part("192.0.2.1", 64));
    EXPECT_NE(part("::ffff:192.0.2.2", 64), part("192.0.2.1", 64));
}

TEST(KeyTextCache, KeepsWhatItIsGivenForThatKeyOnly) {
    KeyTextCache cache;
    int made = 0;
    const auto text_of = [&](std::uint64_t i) {
        return cache.of({i, i * 3}, [&] {
            ++made;
            KeyText text{};
            text[0] = static_cast<char>(i % 251);
            text[1] = static_cast<char>(i / 251);
            return text;
        });
    };
    // The hash of nothing is a key like any other, and a place that two keys share has the last.
    for (const std::uint64_t i : {0U, 0U, 128U, 128U, 0U}) {
        EXPECT_EQ(text_of(i)[0], static_cast<char>(i % 251));
    }
    EXPECT_EQ(made, 3);
    // Far more keys than places: whoever comes back is either known or asked for anew, never
    // another.
    for (int round = 0; round < 2; ++round) {
        for (std::uint64_t i = 0; i < 1'000; ++i) {
            const KeyText text = text_of(i);
            EXPECT_EQ(text[0], static_cast<char>(i % 251));
            EXPECT_EQ(text[1], static_cast<char>(i / 251));
        }
    }
    EXPECT_EQ(cache.of({5, 1}, [] { return KeyText{'y'}; })[0], 'y') << "half of a hash is no hash";
}

}  // namespace
}  // namespace sallyport::policy
