// One signature with a key that somebody hands in: RSA, PKCS #1 v1.5. The key may be anything, so
// what reading it and signing may cost is bounded here. A key of the operator's own is
// crypto_public_key.hpp's.
#pragma once

#include "common/crypto.hpp"
#include "common/result.hpp"
#include "common/secret.hpp"

#include <string_view>

namespace sallyport {

// What others still use, and twice what is recommended today: a signature takes some 0.1 s at most.
inline constexpr int kRsaSignBitsMin = 1024;
inline constexpr int kRsaSignBitsMax = 8192;
// A key of 8192 bits takes 4.7 KB.
inline constexpr long kRsaKeyBytesMax = 5000;
// Of PBKDF2 and its forerunners, 0.1 s. OpenSSL writes 2048.
inline constexpr long kPassPhraseRoundsMax = 100'000;

// `pem` is a private key in PKCS #1 or PKCS #8, encrypted or not; text around it, and a pass phrase
// that it does not need, do not matter. Errors tell nothing of either.
Result<Bytes> rsa_sign(const Secret& pem, const Secret& pass_phrase, DigestAlgorithm algorithm,
                       std::string_view message);

}  // namespace sallyport
