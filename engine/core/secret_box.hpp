// What is kept secret in the store: sealed with AES-256-GCM under a key of a ring, each envelope
// naming its key. New secrets are sealed with the first key; the others only open what they sealed,
// so that a key can be replaced.
#pragma once

#include "common/bytes.hpp"
#include "common/json.hpp"
#include "common/result.hpp"
#include "common/secret.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

class SecretBox {
  public:
    // `secret` is AP_ENCRYPTION_KEY as the operator wrote it.
    explicit SecretBox(const Secret& secret);
    // A key that was in use before.
    void add_earlier(const Secret& secret);

    // {"v":1,"kid","iv","data"} in Base64. `associated` ties the envelope to its place: opened
    // elsewhere, it does not open. REQUIRES: `nonce` is 12 random bytes, never used before.
    Json seal(std::string_view plain, std::string_view associated, const Bytes& nonce) const;
    // Also opens what Activepieces has stored, {"iv","data"} in hex (AES-256-CBC), which is tied to
    // no place. Errors never hold what was sealed.
    Result<Secret> open(const Json& envelope, std::string_view associated) const;
    // Whether the envelope was sealed with the first key, in today's form.
    bool is_current(const Json& envelope) const;

  private:
    struct Key {
        std::string id;
        Secret key;
        Secret written;  // as the operator wrote it
    };
    static Key derive(const Secret& secret);
    Result<Secret> open_foreign(const Json& envelope) const;
    std::vector<Key> keys_;
};

}  // namespace sallyport::engine
