#include "common/crypto.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

std::string hex_hmac(DigestAlgorithm algorithm, std::string_view key, std::string_view data) {
    return hex_encode(hmac(algorithm, key, data));
}

// RFC 4231 (SHA-2) and RFC 2202 (SHA-1, MD5), cases 2 and 6: a short key and one longer than a block.
TEST(Hmac, AgreesWithTheRfcs) {
    const std::string long_key(131, '\xaa');
    const std::string_view jefe = "what do ya want for nothing?";
    const std::string_view long_text = "Test Using Larger Than Block-Size Key - Hash Key First";
    EXPECT_EQ(hex_hmac(DigestAlgorithm::sha256, "Jefe", jefe),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hex_hmac(DigestAlgorithm::sha256, long_key, long_text),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    EXPECT_EQ(hex_hmac(DigestAlgorithm::sha512, "Jefe", jefe),
              "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d03"
              "4f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
    EXPECT_EQ(hex_hmac(DigestAlgorithm::sha384, "Jefe", jefe),
              "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b32"
              "39ecfab21649");
    EXPECT_EQ(hex_hmac(DigestAlgorithm::sha1, "Jefe", jefe),
              "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    EXPECT_EQ(hex_hmac(DigestAlgorithm::md5, "Jefe", jefe), "750c783e6ab0b503eaa86e310a5db738");
}

TEST(Hmac, GivesTheSameResultInPieces) {
    const HmacKey key(DigestAlgorithm::sha256, "a key");
    std::string text;
    for (int i = 0; i < 300; ++i) {
        text.push_back(static_cast<char>(i));
    }
    for (std::size_t cut = 0; cut <= text.size(); cut += 7) {
        HmacStream stream(key);
        stream.update(std::string_view(text).substr(0, cut));
        stream.update(std::string_view(text).substr(cut));
        Bytes out(64);
        out.resize(stream.finish(out.data()));
        EXPECT_EQ(out, hmac(DigestAlgorithm::sha256, "a key", text));
    }
}

TEST(Digest, KnowsItsNames) {
    EXPECT_EQ(hex_encode(digest(DigestAlgorithm::sha256, "")),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(digest_from_name("sha384"), DigestAlgorithm::sha384);
    EXPECT_FALSE(digest_from_name("SHA256"));
}

TEST(ConstantTimeEqual, ComparesLengthAndBytes) {
    EXPECT_TRUE(constant_time_equal("", ""));
    EXPECT_TRUE(constant_time_equal("abc", "abc"));
    EXPECT_FALSE(constant_time_equal("abc", "abd"));
    EXPECT_FALSE(constant_time_equal("abc", "abcd"));
}

TEST(Aead, OpensOnlyWhatItSealed) {
    const Secret key(Bytes(32, 7));
    const Bytes nonce(12, 1);
    const auto sealed = aead_seal(key, nonce, "plain", "context");
    ASSERT_TRUE(sealed.ok());
    const auto opened = aead_open(key, nonce, as_text(*sealed), "context");
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(as_text(*opened), "plain");
    EXPECT_FALSE(aead_open(key, nonce, as_text(*sealed), "other").ok());
    EXPECT_FALSE(aead_open(Secret(Bytes(32, 8)), nonce, as_text(*sealed), "context").ok());
    for (std::size_t i = 0; i < sealed->size(); ++i) {
        Bytes changed = *sealed;
        changed[i] ^= 1;
        EXPECT_FALSE(aead_open(key, nonce, as_text(changed), "context").ok()) << i;
    }
    EXPECT_FALSE(aead_open(key, nonce, "short", "context").ok());
    EXPECT_FALSE(aead_seal(Secret("short key"), nonce, "plain", "").ok());
    const auto empty = aead_seal(key, nonce, "", "");
    ASSERT_TRUE(empty.ok());
    EXPECT_TRUE(aead_open(key, nonce, as_text(*empty), "").ok());
}

TEST(DeriveKey, SeparatesPurposes) {
    const Secret secret("0123456789abcdef");
    EXPECT_EQ(derive_key(secret, "a", 32).reveal(), derive_key(secret, "a", 32).reveal());
    EXPECT_NE(derive_key(secret, "a", 32).reveal(), derive_key(secret, "b", 32).reveal());
    EXPECT_EQ(derive_key(secret, "a", 100).size(), 100u);
}

TEST(Secret, LeavesNothingBehindWhenMoved) {
    Secret first("text");
    const Secret second = std::move(first);
    EXPECT_EQ(second.reveal(), "text");
    EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): the contract under test
}

}  // namespace
}  // namespace sallyport
