// Public keys: each scheme signs and verifies, and nothing else verifies. Keys are made here.
#include "common/crypto_public_key.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <string>

namespace sallyport {
namespace {

// A new private key in PEM.
std::string new_key(const char* type, const char* curve = nullptr, std::size_t bits = 0) {
    EVP_PKEY* key = curve != nullptr ? EVP_PKEY_Q_keygen(nullptr, nullptr, type, curve)
                    : bits != 0      ? EVP_PKEY_Q_keygen(nullptr, nullptr, type, bits)
                                     : EVP_PKEY_Q_keygen(nullptr, nullptr, type);
    BIO* writer = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(writer, key, nullptr, nullptr, 0, nullptr, nullptr);
    char* text = nullptr;
    const long size = BIO_get_mem_data(writer, &text);
    std::string out(text, static_cast<std::size_t>(size));
    BIO_free(writer);
    EVP_PKEY_free(key);
    return out;
}

PrivateKey private_key(const std::string& pem) {
    auto key = PrivateKey::from_pem(Secret(pem));
    EXPECT_TRUE(key) << key.message();
    return *key;
}

struct Case {
    const char* type;
    const char* curve;
    std::size_t bits;
    SignatureScheme scheme;
    DigestAlgorithm algorithm;
};
const Case kCases[] = {
    {"ED25519", nullptr, 0, SignatureScheme::ed25519, DigestAlgorithm::sha256},
    {"EC", "P-256", 0, SignatureScheme::ecdsa_der, DigestAlgorithm::sha256},
    {"EC", "P-256", 0, SignatureScheme::ecdsa_raw, DigestAlgorithm::sha256},
    {"EC", "P-384", 0, SignatureScheme::ecdsa_raw, DigestAlgorithm::sha384},
    {"RSA", nullptr, 2048, SignatureScheme::rsa_pkcs1, DigestAlgorithm::sha256},
    {"RSA", nullptr, 2048, SignatureScheme::rsa_pkcs1, DigestAlgorithm::sha1},
    {"RSA", nullptr, 2048, SignatureScheme::rsa_pss, DigestAlgorithm::sha512},
};

bool verifies(const PublicKey& key, const Case& c, std::string_view message,
              const Bytes& signature) {
    return c.scheme == SignatureScheme::ed25519
               ? key.verify_message(message, signature)
               : key.verify_digest(c.scheme, c.algorithm, digest(c.algorithm, message), signature);
}

TEST(PublicKeys, VerifyWhatTheirPrivateHalfSigned) {
    for (const Case& c : kCases) {
        const PrivateKey secret = private_key(new_key(c.type, c.curve, c.bits));
        const auto key = PublicKey::from_pem(secret.public_pem());
        ASSERT_TRUE(key) << key.message();
        const auto signature = secret.sign(c.scheme, c.algorithm, "a message");
        ASSERT_TRUE(signature) << c.type << ": " << signature.message();
        EXPECT_TRUE(verifies(*key, c, "a message", *signature)) << c.type;
        EXPECT_FALSE(verifies(*key, c, "another", *signature)) << c.type;
        EXPECT_FALSE(verifies(*key, c, "a message", {})) << c.type;
        for (std::size_t i = 0; i < signature->size(); ++i) {
            Bytes changed = *signature;
            changed[i] ^= 1;
            EXPECT_FALSE(verifies(*key, c, "a message", changed)) << c.type << " byte " << i;
        }
        const PrivateKey other = private_key(new_key(c.type, c.curve, c.bits));
        EXPECT_FALSE(
            verifies(*PublicKey::from_pem(other.public_pem()), c, "a message", *signature));
        // Under another scheme the same bytes prove nothing.
        for (const Case& wrong : kCases) {
            if (wrong.scheme != c.scheme || wrong.algorithm != c.algorithm) {
                EXPECT_FALSE(verifies(*key, wrong, "a message", *signature)) << c.type;
            }
        }
    }
}

TEST(PublicKeys, AreReadStrictly) {
    EXPECT_FALSE(PublicKey::from_pem(""));
    EXPECT_FALSE(
        PublicKey::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"));
    EXPECT_FALSE(PublicKey::from_spki({}));
    EXPECT_FALSE(PublicKey::from_ed25519(Bytes(31)));
    EXPECT_TRUE(PublicKey::from_ed25519(Bytes(32, 1)));
    const auto spki = base64_decode(
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGGTZJsEJoHNbzLNQUgy6DLN0RZF/"
        "5bxN9n9yVet7TgYlzRhmsOhl38mt5YIdDyNof/otmpRWqy9892O+z/LG9w==");
    const auto key = PublicKey::from_spki(*spki);
    ASSERT_TRUE(key);
    EXPECT_EQ(key->kind(), KeyKind::ec_p256);
    Bytes longer = *spki;
    longer.push_back(0);
    EXPECT_FALSE(PublicKey::from_spki(longer));
    // The same point as coordinates; a point off the curve is none.
    const std::span<const std::uint8_t> point = std::span(*spki).last(64);
    EXPECT_TRUE(PublicKey::from_ec(KeyKind::ec_p256, point.first(32), point.last(32)));
    EXPECT_FALSE(PublicKey::from_ec(KeyKind::ec_p256, point.last(32), point.first(32)));
    EXPECT_FALSE(PublicKey::from_ec(KeyKind::ec_p384, point.first(32), point.last(32)));
    EXPECT_FALSE(PublicKey::from_rsa(Bytes(128, 0xff), Bytes{1, 0, 1}));
    EXPECT_TRUE(PublicKey::from_rsa(Bytes(256, 0xff), Bytes{1, 0, 1}));
}

TEST(PublicKeys, WeakAndForeignKindsAreRefused) {
    const auto weak = PrivateKey::from_pem(Secret(new_key("RSA", nullptr, 1024)));
    ASSERT_FALSE(weak);
    EXPECT_NE(weak.message().find("2048"), std::string::npos);
    EXPECT_FALSE(PrivateKey::from_pem(Secret(new_key("X25519"))));
    EXPECT_FALSE(PrivateKey::from_pem(Secret(new_key("EC", "P-521"))));
    EXPECT_FALSE(PrivateKey::from_pem(Secret(std::string_view("no key"))));
}

}  // namespace
}  // namespace sallyport
