#include "module/policy/rate_limit_key.hpp"

#include "module/policy/rate_limit_key_cache.hpp"

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

TEST(KeyCache, KeepsWhatItIsGivenForThatKeyOnly) {
    KeyCache cache;
    const std::string longest(KeyCache::kBytesMax - 1, 'x');
    for (const std::string& key : {std::string("a"), std::string("192.0.2.1"), longest,
                                   std::string("a\0", 2), std::string("\0", 1)}) {
        KeyCache::Entry* entry = cache.place_of(parts({key}));
        ASSERT_NE(entry, nullptr);
        EXPECT_FALSE(entry->has_hash || entry->has_text);
        entry->hash = {key.size(), 7};
        entry->has_hash = true;
        EXPECT_EQ(cache.place_of(parts({key})), entry);
        EXPECT_TRUE(entry->has_hash);
        EXPECT_EQ(entry->hash, (KeyHash{key.size(), 7}));
    }
    EXPECT_EQ(cache.place_of(parts({longest + "y"})), nullptr);
    EXPECT_EQ(cache.place_of(parts({})), nullptr);
    // Where one part ends and the next begins matters.
    cache.place_of(parts({"a", "bc"}))->has_hash = true;
    EXPECT_TRUE(cache.place_of(parts({"a", "bc"}))->has_hash);
    EXPECT_FALSE(cache.place_of(parts({"ab", "c"}))->has_hash);
    EXPECT_FALSE(cache.place_of(parts({"abc"}))->has_hash);
    EXPECT_FALSE(cache.place_of(parts({"a", "bc", ""}))->has_hash);
    // Far more keys than places: whoever comes back is either known or asked for anew, never
    // another.
    for (int round = 0; round < 2; ++round) {
        for (std::uint64_t i = 0; i < 1'000; ++i) {
            const std::string key = "key " + std::to_string(i);
            KeyCache::Entry* entry = cache.place_of(parts({key}));
            if (entry->has_hash) {
                EXPECT_EQ(entry->hash, (KeyHash{i, i}));
            }
            entry->hash = {i, i};
            entry->has_hash = true;
        }
    }
}

}  // namespace
}  // namespace sallyport::policy
