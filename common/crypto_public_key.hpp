// Public-key signatures: ed25519, ECDSA, RSA (PKCS #1 v1.5 and PSS). A key is read once, at
// configuration time or when a certificate arrives; verifying allocates inside OpenSSL only.
//
// Which algorithm is used is the caller's decision, never the message's: a key that does not fit it
// verifies nothing.
#pragma once

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/result.hpp"
#include "common/secret.hpp"

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string_view>

namespace sallyport {

enum class KeyKind : std::uint8_t { ed25519, ec_p256, ec_p384, rsa };
enum class SignatureScheme : std::uint8_t {
    ed25519,    // over the whole message
    ecdsa_der,  // over a digest; the signature is an ASN.1 sequence
    ecdsa_raw,  // over a digest; r and s one after the other (RFC 9421, JWT)
    rsa_pkcs1,  // over a digest
    rsa_pss,    // over a digest; salt as long as the digest
};

// The longest signature verified: RSA with 8192 bits.
inline constexpr std::size_t kKeySignatureBytesMax = 1024;
// Shorter RSA keys can be factored.
inline constexpr unsigned kRsaBitsMin = 2048;

class PublicKey {
  public:
    // "PUBLIC KEY" or "CERTIFICATE" in PEM; of several certificates the first.
    static Result<PublicKey> from_pem(std::string_view pem);
    // SubjectPublicKeyInfo in DER.
    static Result<PublicKey> from_spki(std::span<const std::uint8_t> der);
    // The 32 bytes of RFC 8032.
    static Result<PublicKey> from_ed25519(std::span<const std::uint8_t> raw);
    // Big-endian modulus and exponent, as in a JSON Web Key.
    static Result<PublicKey> from_rsa(std::span<const std::uint8_t> modulus,
                                      std::span<const std::uint8_t> exponent);
    // Affine coordinates of a point on P-256 or P-384, as in a JSON Web Key.
    static Result<PublicKey> from_ec(KeyKind curve, std::span<const std::uint8_t> x,
                                     std::span<const std::uint8_t> y);

    KeyKind kind() const { return kind_; }
    // Within the certificate's dates; a key that came without a certificate is always valid.
    bool valid_at(std::int64_t now_ms) const {
        return now_ms >= not_before_ms_ && now_ms <= not_after_ms_;
    }
    bool fits(SignatureScheme scheme) const;

    // scheme=ed25519 only.
    bool verify_message(std::string_view message, std::span<const std::uint8_t> signature) const;
    // Every other scheme. `digest` is what `algorithm` made of the message.
    bool verify_digest(SignatureScheme scheme, DigestAlgorithm algorithm,
                       std::span<const std::uint8_t> digest,
                       std::span<const std::uint8_t> signature) const;

  private:
    struct Inner;
    PublicKey(std::shared_ptr<const Inner> inner, KeyKind kind)
        : inner_(std::move(inner)), kind_(kind) {}
    static Result<PublicKey> adopt(void* key);

    // Shared, because keys of a set are copied into the requests that use them.
    std::shared_ptr<const Inner> inner_;
    KeyKind kind_;
    std::int64_t not_before_ms_ = std::numeric_limits<std::int64_t>::min();
    std::int64_t not_after_ms_ = std::numeric_limits<std::int64_t>::max();
};

// Signs, for operators who try a configuration and for tests. `pem` is a PKCS #8 private key.
class PrivateKey {
  public:
    static Result<PrivateKey> from_pem(const Secret& pem);

    KeyKind kind() const { return kind_; }
    // The message itself for ed25519, else it is digested with `algorithm` first.
    Result<Bytes> sign(SignatureScheme scheme, DigestAlgorithm algorithm,
                       std::string_view message) const;
    // The public half, in PEM.
    std::string public_pem() const;

  private:
    struct Inner;
    PrivateKey(std::shared_ptr<const Inner> inner, KeyKind kind)
        : inner_(std::move(inner)), kind_(kind) {}
    std::shared_ptr<const Inner> inner_;  // shared, because keys are copied as values
    KeyKind kind_;
};

}  // namespace sallyport
