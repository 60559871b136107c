// A configured secret, made ready for one profile: decoded as the profile's key_fmt says, and its
// keyed MAC states computed once. Never shown, never logged.
#pragma once

#include "common/crypto.hpp"
#include "common/crypto_public_key.hpp"
#include "common/secret.hpp"
#include "module/policy/jwk_set.hpp"
#include "module/policy/webhook_profile.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace sallyport::policy::webhook {

// How `type`'s signatures are verified. REQUIRES: an asymmetric type.
SignatureScheme signature_scheme(SchemeType type);

class SecretKey {
  public:
    // `text` is what the operator configured. Errors say what is wrong with it and show nothing of
    // it.
    static Result<SecretKey> make(const Profile& profile, const Secret& text);

    // REQUIRES: type=hmac.
    const HmacKey& hmac() const { return *hmac_; }
    // REQUIRES: an asymmetric type.
    const PublicKey& public_key() const { return *public_key_; }
    // What tokens are verified with: builtins jwt and jws, and graph when the text is a key set.
    const jwt::KeySet* key_set() const { return key_set_ ? &*key_set_ : nullptr; }
    const Secret& bytes() const { return bytes_; }
    // SHA-256 of the secret: compared instead of the secret, so that time does not tell its length.
    const std::array<std::uint8_t, 32>& fingerprint() const { return fingerprint_; }

  private:
    SecretKey() = default;
    Secret bytes_;
    std::optional<HmacKey> hmac_;
    std::optional<PublicKey> public_key_;
    std::optional<jwt::KeySet> key_set_;
    std::array<std::uint8_t, 32> fingerprint_{};
};

}  // namespace sallyport::policy::webhook
