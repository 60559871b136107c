// The sender's side of a profile: which header fields a genuine delivery would carry. For operators
// who try a configuration, and for tests. What a profile takes from the body it reads there; a
// profile whose signature stands in the body is refused with a reason.
#pragma once

#include "common/crypto_public_key.hpp"
#include "common/result.hpp"
#include "module/policy/webhook_profile.hpp"
#include "module/policy/webhook_secret.hpp"
#include "module/policy/webhook_verify.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::policy::webhook {

// The shared secret, or the private key of an asymmetric type.
struct SigningKey {
    // `text` as an operator has it: what SecretKey reads, or a private key in PEM.
    static Result<SigningKey> make(const Profile& profile, const Secret& text);

    std::optional<SecretKey> secret;
    std::optional<PrivateKey> private_key;
};

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

struct Delivery {
    RequestHead head{};  // method, target, scheme, host: for schemes that sign the URL
    std::string_view body{};
    std::string_view id{};   // goes where the profile looks for an id, when that is a header
    HeaderFields headers{};  // further fields that the profile signs
    std::int64_t time_ms = 0;
};

struct SignedDelivery {
    HeaderFields fields;
    std::string target;  // with what the profile requires in the query
};

Result<SignedDelivery> sign(const Profile& profile, const SigningKey& key,
                            const Delivery& delivery);

// `time_ms` as senders of that format write it.
std::string timestamp_text(std::int64_t time_ms, TimeFormat format);

}  // namespace sallyport::policy::webhook
