// The keys that JSON Web Tokens are verified with: a JSON Web Key Set (RFC 7517) as data.
//
// Every key has exactly one algorithm, fixed when the set is read. A token's `alg` can therefore
// choose among keys but never decide how a key is used: a public key is no HMAC secret here.
#pragma once

#include "common/crypto.hpp"
#include "common/crypto_public_key.hpp"
#include "common/result.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy::jwt {

// JSON Web Algorithms (RFC 7518, RFC 8037).
enum class Algorithm : std::uint8_t {
    hs256,
    hs384,
    hs512,
    rs256,
    rs384,
    rs512,
    ps256,
    ps384,
    ps512,
    es256,
    es384,
    eddsa,
};
inline constexpr std::size_t kAlgorithmCount = 12;

std::string_view word(Algorithm algorithm);  // "RS256", as in a token's header
std::optional<Algorithm> algorithm_from(std::string_view text);
std::string algorithm_words();  // all of them, for error messages
DigestAlgorithm digest_of(Algorithm algorithm);
// Nothing for those that work with a shared secret.
std::optional<SignatureScheme> scheme_of(Algorithm algorithm);

// A provider publishes two or three keys while it rotates; a larger set is a mistake.
inline constexpr std::size_t kKeysMax = 64;

struct Key {
    std::string id;  // `kid`; empty: the key has none
    Algorithm algorithm = Algorithm::rs256;
    std::optional<HmacKey> secret;        // HS256, HS384, HS512
    std::optional<PublicKey> public_key;  // the rest
};

class KeySet {
  public:
    // A set (`{"keys": […]}`) or one key. Keys for encryption and of kinds that are not known here
    // are left out, as RFC 7517 section 5 asks; a set with nothing usable is an error, and so are
    // weak keys and published private keys.
    // `otherwise`: what a key is for that names no algorithm, where its kind allows it.
    static Result<KeySet> parse(std::string_view text,
                                std::optional<Algorithm> otherwise = std::nullopt);
    // One key that came in another form.
    static KeySet of(Key key);

    std::span<const Key> keys() const { return keys_; }
    // Such keys sign as well as verify: whoever reads the file can make tokens.
    bool holds_secrets() const;

  private:
    std::vector<Key> keys_;
};

}  // namespace sallyport::policy::jwt
