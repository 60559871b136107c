#include "module/policy/jwk_set.hpp"

#include "common/bytes.hpp"
#include "common/json.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::policy::jwt {
namespace {

struct Fact {
    std::string_view word;
    std::string_view kind;   // `kty`
    std::string_view curve;  // `crv`
    DigestAlgorithm digest;
    std::optional<SignatureScheme> scheme;
};
// In the order of Algorithm. The first that fits a key is what it is for when it does not say.
constexpr std::array<Fact, kAlgorithmCount> kFacts = {{
    {"HS256", "oct", "", DigestAlgorithm::sha256, std::nullopt},
    {"HS384", "oct", "", DigestAlgorithm::sha384, std::nullopt},
    {"HS512", "oct", "", DigestAlgorithm::sha512, std::nullopt},
    {"RS256", "RSA", "", DigestAlgorithm::sha256, SignatureScheme::rsa_pkcs1},
    {"RS384", "RSA", "", DigestAlgorithm::sha384, SignatureScheme::rsa_pkcs1},
    {"RS512", "RSA", "", DigestAlgorithm::sha512, SignatureScheme::rsa_pkcs1},
    {"PS256", "RSA", "", DigestAlgorithm::sha256, SignatureScheme::rsa_pss},
    {"PS384", "RSA", "", DigestAlgorithm::sha384, SignatureScheme::rsa_pss},
    {"PS512", "RSA", "", DigestAlgorithm::sha512, SignatureScheme::rsa_pss},
    {"ES256", "EC", "P-256", DigestAlgorithm::sha256, SignatureScheme::ecdsa_raw},
    {"ES384", "EC", "P-384", DigestAlgorithm::sha384, SignatureScheme::ecdsa_raw},
    {"EdDSA", "OKP", "Ed25519", DigestAlgorithm::sha512, SignatureScheme::ed25519},
}};

const Fact& fact(Algorithm algorithm) {
    return kFacts[static_cast<std::size_t>(algorithm)];
}

// Nothing: not for verifying, or of a kind that is not known here.
using MaybeKey = Result<std::optional<Key>>;

std::optional<Bytes> member(const Json& jwk, std::string_view name) {
    const Json value = jwk[name];
    if (!value.is_string() || value.text().find('=') != std::string_view::npos) {
        return std::nullopt;
    }
    return base64url_decode(value.text());
}

// The one algorithm that a key is for: the one it names, if that fits its kind; a key that names
// none is for the one of whoever uses the set (`otherwise`), if that fits, else for the first of
// its kind. Nothing when none fits.
std::optional<Algorithm> algorithm_of(const Json& jwk, std::optional<Algorithm> otherwise) {
    const std::string_view kind = jwk["kty"].text_or("");
    const std::string_view curve = jwk["crv"].text_or("");
    std::string_view said = jwk["alg"].text_or("");
    if (said == "Ed25519") {
        said = "EdDSA";  // RFC 9864's name of it with this curve
    }
    const auto fits = [&](const Fact& fact) {
        return fact.kind == kind && (fact.curve.empty() || fact.curve == curve) &&
               (said.empty() || fact.word == said);
    };
    if (said.empty() && otherwise && fits(fact(*otherwise))) {
        return otherwise;
    }
    for (std::size_t i = 0; i < kFacts.size(); ++i) {
        if (fits(kFacts[i])) {
            return static_cast<Algorithm>(i);
        }
    }
    return std::nullopt;
}

bool is_for_verifying(const Json& jwk) {
    if (jwk["use"].text_or("sig") != "sig") {
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
    if (fact(algorithm).kind == "RSA") {
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
    return PublicKey::from_ec(algorithm == Algorithm::es256 ? KeyKind::ec_p256 : KeyKind::ec_p384,
                              *x, *y);
}

MaybeKey read_key(const Json& jwk, std::optional<Algorithm> otherwise) {
    if (!jwk.is_object()) {
        return Error{"it is not an object"};
    }
    const auto algorithm = algorithm_of(jwk, otherwise);
    if (!algorithm || !is_for_verifying(jwk)) {
        return std::optional<Key>();
    }
    const Json id = jwk["kid"];
    if (id && !id.is_string()) {
        return Error{"\"kid\" is not a text"};
    }
    Key key;
    key.id = id.text_or("");
    key.algorithm = *algorithm;
    if (!scheme_of(*algorithm)) {
        // RFC 7518 section 3.2: such a key has at least the hash's size.
        const std::size_t bytes_min = digest_size(digest_of(*algorithm));
        auto bytes = member(jwk, "k");
        if (!bytes || bytes->size() < bytes_min) {
            return Error{"\"k\" is not base64url of at least " + std::to_string(bytes_min) +
                         " bytes; make a longer secret"};
        }
        const Secret secret(std::move(*bytes));
        key.secret.emplace(digest_of(*algorithm), secret.reveal());
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
    return fact(algorithm).word;
}

std::optional<Algorithm> algorithm_from(std::string_view text) {
    for (std::size_t i = 0; i < kFacts.size(); ++i) {
        if (kFacts[i].word == text) {
            return static_cast<Algorithm>(i);
        }
    }
    return std::nullopt;
}

std::string algorithm_words() {
    std::string out;
    for (const Fact& each : kFacts) {
        out.append(out.empty() ? "" : ", ").append(each.word);
    }
    return out;
}

DigestAlgorithm digest_of(Algorithm algorithm) {
    return fact(algorithm).digest;
}

std::optional<SignatureScheme> scheme_of(Algorithm algorithm) {
    return fact(algorithm).scheme;
}

KeySet KeySet::of(Key key) {
    KeySet out;
    out.keys_.push_back(std::move(key));
    return out;
}

Result<KeySet> KeySet::parse(std::string_view text, std::optional<Algorithm> otherwise) {
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
        auto key = read_key(list.at(i), otherwise);
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
        return Error{"no key in it can verify " + algorithm_words()};
    }
    return out;
}

bool KeySet::holds_secrets() const {
    return std::any_of(keys_.begin(), keys_.end(),
                       [](const Key& key) { return key.secret.has_value(); });
}

}  // namespace sallyport::policy::jwt
