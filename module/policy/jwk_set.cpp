#include "module/policy/jwk_set.hpp"

#include "common/bytes.hpp"
#include "common/json.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::policy::jwt {
namespace {

constexpr std::array<std::string_view, kAlgorithmCount> kWords = {"HS256", "RS256", "ES256",
                                                                  "EdDSA"};

// Nothing: not for verifying, or of a kind that is not known here.
using MaybeKey = Result<std::optional<Key>>;

std::optional<Bytes> member(const Json& jwk, std::string_view name) {
    const Json value = jwk[name];
    if (!value.is_string() || value.text().find('=') != std::string_view::npos) {
        return std::nullopt;
    }
    return base64url_decode(value.text());
}

// The one algorithm a key of this kind is for.
std::optional<Algorithm> algorithm_of(const Json& jwk) {
    const std::string_view kind = jwk["kty"].text_or("");
    const std::string_view curve = jwk["crv"].text_or("");
    if (kind == "oct") {
        return Algorithm::hs256;
    }
    if (kind == "RSA") {
        return Algorithm::rs256;
    }
    if (kind == "EC" && curve == "P-256") {
        return Algorithm::es256;
    }
    if (kind == "OKP" && curve == "Ed25519") {
        return Algorithm::eddsa;
    }
    return std::nullopt;
}

bool says_another_algorithm(const Json& jwk, Algorithm algorithm) {
    const std::string_view said = jwk["alg"].text_or("");
    // RFC 9864 calls EdDSA with this curve Ed25519.
    return !said.empty() && said != word(algorithm) &&
           !(algorithm == Algorithm::eddsa && said == "Ed25519");
}

bool is_for_verifying(const Json& jwk, Algorithm algorithm) {
    if (jwk["use"].text_or("sig") != "sig" || says_another_algorithm(jwk, algorithm)) {
        return false;
    }
    const Json operations = jwk["key_ops"];
    if (!operations) {
        return true;
    }
    bool found = false;
    operations.each_element(
        [&](const Json& operation) { found = found || operation.text_or("") == "verify"; });
    return found;
}

Result<PublicKey> public_key_of(const Json& jwk, Algorithm algorithm) {
    if (algorithm == Algorithm::rs256) {
        const auto modulus = member(jwk, "n");
        const auto exponent = member(jwk, "e");
        if (!modulus || !exponent) {
            return Error{"\"n\" or \"e\" is missing or not base64url"};
        }
        const bool usable =
            !exponent->empty() && (exponent->back() & 1) != 0 &&
            (exponent->back() > 1 || std::any_of(exponent->begin(), exponent->end() - 1,
                                                 [](std::uint8_t byte) { return byte != 0; }));
        if (!usable) {
            return Error{"\"e\" is not an odd number above 1"};
        }
        return PublicKey::from_rsa(*modulus, *exponent);
    }
    const auto x = member(jwk, "x");
    if (!x) {
        return Error{"\"x\" is missing or not base64url"};
    }
    if (algorithm == Algorithm::eddsa) {
        return PublicKey::from_ed25519(*x);
    }
    const auto y = member(jwk, "y");
    if (!y) {
        return Error{"\"y\" is missing or not base64url"};
    }
    return PublicKey::from_ec(KeyKind::ec_p256, *x, *y);
}

MaybeKey read_key(const Json& jwk) {
    if (!jwk.is_object()) {
        return Error{"it is not an object"};
    }
    const auto algorithm = algorithm_of(jwk);
    if (!algorithm || !is_for_verifying(jwk, *algorithm)) {
        return std::optional<Key>();
    }
    const Json id = jwk["kid"];
    if (id && !id.is_string()) {
        return Error{"\"kid\" is not a text"};
    }
    Key key;
    key.id = id.text_or("");
    key.algorithm = *algorithm;
    if (*algorithm == Algorithm::hs256) {
        auto bytes = member(jwk, "k");
        if (!bytes || bytes->size() < kHmacKeyBytesMin) {
            return Error{"\"k\" is not base64url of at least " + std::to_string(kHmacKeyBytesMin) +
                         " bytes; make a longer secret"};
        }
        const Secret secret(std::move(*bytes));
        key.secret.emplace(DigestAlgorithm::sha256, secret.reveal());
        return std::optional<Key>(std::move(key));
    }
    if (jwk.has("d")) {
        return Error{
            "it is a private key (\"d\"); publish the public part only, and take this one out of "
            "use if others could read it"};
    }
    auto made = public_key_of(jwk, *algorithm);
    if (!made) {
        return made.error();
    }
    key.public_key = std::move(*made);
    return std::optional<Key>(std::move(key));
}

bool same_name(const Key& a, const Key& b) {
    return !a.id.empty() && a.id == b.id && a.algorithm == b.algorithm;
}

}  // namespace

std::string_view word(Algorithm algorithm) {
    return kWords[static_cast<std::size_t>(algorithm)];
}

std::optional<Algorithm> algorithm_from(std::string_view text) {
    const auto* found = std::find(kWords.begin(), kWords.end(), text);
    if (found == kWords.end()) {
        return std::nullopt;
    }
    return static_cast<Algorithm>(found - kWords.begin());
}

Result<KeySet> KeySet::parse(std::string_view text) {
    const auto json = Json::parse(text, Json::Duplicates::refuse);
    if (!json) {
        return json.error();
    }
    Json list = (*json)["keys"];
    if (!list.is_array()) {
        if (!json->is_object() || !json->has("kty")) {
            return Error{R"(this is no JSON Web Key Set; write {"keys":[…]})"};
        }
        list = Json::array();
        list.append(*json);
    }
    if (list.size() > kKeysMax) {
        return Error{"it holds " + std::to_string(list.size()) + " keys; " +
                     std::to_string(kKeysMax) + " are the limit"};
    }
    KeySet out;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const std::string name = "key " + std::to_string(i + 1);
        auto key = read_key(list.at(i));
        if (!key) {
            return Error{name + ": " + key.message()};
        }
        if (!*key) {
            continue;
        }
        const bool twice = std::any_of(out.keys_.begin(), out.keys_.end(),
                                       [&](const Key& other) { return same_name(other, **key); });
        if (twice) {
            return Error{name + ": its \"kid\" is given twice for the same algorithm; keep one"};
        }
        out.keys_.push_back(std::move(**key));
    }
    if (out.keys_.empty()) {
        return Error{"no key in it can verify HS256, RS256, ES256 or EdDSA"};
    }
    return out;
}

bool KeySet::holds_secrets() const {
    return std::any_of(keys_.begin(), keys_.end(),
                       [](const Key& key) { return key.algorithm == Algorithm::hs256; });
}

}  // namespace sallyport::policy::jwt
