#include "module/policy/webhook_secret.hpp"

#include "common/bytes.hpp"

#include <utility>

namespace sallyport::policy::webhook {
namespace {

constexpr std::string_view kWhsecPrefix = "whsec_";
constexpr std::string_view kWhpkPrefix = "whpk_";

// eBay shows its key in PEM without the line breaks that PEM has.
std::optional<Bytes> pem_in_one_line(std::string_view text) {
    constexpr std::string_view kBegin = "-----BEGIN PUBLIC KEY-----";
    constexpr std::string_view kEnd = "-----END PUBLIC KEY-----";
    const bool framed = text.size() > kBegin.size() + kEnd.size() && text.starts_with(kBegin) &&
                        text.ends_with(kEnd);
    return framed ? base64_decode(
                        text.substr(kBegin.size(), text.size() - kBegin.size() - kEnd.size()))
                  : std::nullopt;
}

Result<PublicKey> decode_public_key(KeyFormat format, std::string_view text) {
    std::optional<Bytes> bytes;
    switch (format) {
        case KeyFormat::utf8:
        case KeyFormat::hex:
        case KeyFormat::base64:
        case KeyFormat::whsec:
        case KeyFormat::jwks:
        case KeyFormat::pem:
            bytes = pem_in_one_line(text);
            return bytes ? PublicKey::from_spki(*bytes) : PublicKey::from_pem(text);
        case KeyFormat::spki_base64:
            bytes = base64_decode(text);
            return bytes ? PublicKey::from_spki(*bytes)
                         : Error{
                               "the public key is not padded base64, but the profile says "
                               "key_fmt=spki-base64"};
        case KeyFormat::raw_hex:
            bytes = hex_decode(text, HexCase::any);
            break;
        case KeyFormat::raw_base64:
            bytes = base64_decode(text);
            break;
        case KeyFormat::whpk:
            bytes = text.starts_with(kWhpkPrefix) ? base64_decode(text.substr(kWhpkPrefix.size()))
                                                  : std::nullopt;
            break;
    }
    if (!bytes) {
        return Error{"the public key is not written as the profile's key_fmt says"};
    }
    return PublicKey::from_ed25519(*bytes);
}

Result<Secret> decode(const Profile& profile, const Secret& text) {
    const std::string_view shown = text.reveal();
    std::optional<Bytes> bytes;
    switch (profile.key_format) {
        case KeyFormat::utf8:
            return text.clone();
        case KeyFormat::hex:
            bytes = hex_decode(shown, HexCase::any);
            if (!bytes) {
                return Error{"the secret is not hexadecimal, but the profile says key_fmt=hex"};
            }
            break;
        case KeyFormat::base64:
            bytes = base64_decode(shown);
            if (!bytes) {
                return Error{
                    "the secret is not padded base64, but the profile says key_fmt=base64"};
            }
            break;
        case KeyFormat::whsec:
            bytes = base64_decode(
                shown.starts_with(kWhsecPrefix) ? shown.substr(kWhsecPrefix.size()) : shown);
            if (!bytes) {
                return Error{
                    "the secret is not \"whsec_\" with padded base64 behind it, but the "
                    "profile says key_fmt=whsec"};
            }
            break;
        case KeyFormat::pem:
        case KeyFormat::spki_base64:
        case KeyFormat::raw_hex:
        case KeyFormat::raw_base64:
        case KeyFormat::whpk:
        case KeyFormat::jwks:
            return text.clone();  // read as a public key
    }
    return Secret(std::move(*bytes));
}

// The keys of tokens: a set as it is, or the one key in the form that tokens need.
Result<std::optional<jwt::KeySet>> token_keys(const Profile& profile, const Secret& bytes,
                                              const std::optional<PublicKey>& public_key) {
    const Builtin kind = profile.builtin.kind;
    const bool set = profile.key_format == KeyFormat::jwks ||
                     (kind == Builtin::graph && bytes.reveal().starts_with('{'));
    if (set) {
        auto parsed = jwt::KeySet::parse(bytes.reveal(), jwt::algorithm_from(profile.builtin.alg));
        if (!parsed) {
            return parsed.error();
        }
        return std::optional<jwt::KeySet>(std::move(*parsed));
    }
    const auto algorithm = kind == Builtin::jwt || kind == Builtin::jws
                               ? jwt::algorithm_from(profile.builtin.alg)
                               : std::nullopt;
    if (!algorithm) {
        return std::optional<jwt::KeySet>();
    }
    jwt::Key key;
    key.algorithm = *algorithm;
    key.public_key = public_key;
    if (!public_key) {
        key.secret.emplace(profile.algorithm, bytes.reveal());
    }
    return std::optional<jwt::KeySet>(jwt::KeySet::of(std::move(key)));
}

}  // namespace

SignatureScheme signature_scheme(SchemeType type) {
    switch (type) {
        case SchemeType::ed25519:
            return SignatureScheme::ed25519;
        case SchemeType::rsa_pss:
            return SignatureScheme::rsa_pss;
        case SchemeType::rsa:
            return SignatureScheme::rsa_pkcs1;
        case SchemeType::ecdsa:
        case SchemeType::hmac:
        case SchemeType::hash:
        case SchemeType::token:
        case SchemeType::basic:
            break;
    }
    return SignatureScheme::ecdsa_der;
}

Result<SecretKey> SecretKey::make(const Profile& profile, const Secret& text) {
    auto bytes = decode(profile, text);
    if (!bytes) {
        return bytes.error();
    }
    if (bytes->empty()) {
        return Error{
            "the secret is empty, so anybody could sign with it; give the provider's secret"};
    }
    std::optional<PublicKey> public_key;
    if (profile.asymmetric() && profile.key_format != KeyFormat::jwks) {
        auto read = decode_public_key(profile.key_format, bytes->reveal());
        if (!read) {
            return read.error();
        }
        if (!read->fits(signature_scheme(profile.type))) {
            return Error{"the public key is of another kind than the profile's type"};
        }
        public_key = std::move(*read);
    }
    if (profile.type == SchemeType::basic && bytes->reveal().find(':') == std::string_view::npos) {
        return Error{"the secret of type=basic must be user:password"};
    }
    auto key_set = token_keys(profile, *bytes, public_key);
    if (!key_set) {
        return key_set.error();
    }
    SecretKey key;
    key.key_set_ = std::move(*key_set);
    key.bytes_ = std::move(*bytes);
    key.public_key_ = std::move(public_key);
    if (profile.type == SchemeType::hmac) {
        key.hmac_.emplace(profile.algorithm, key.bytes_.reveal());
    }
    DigestStream digest(DigestAlgorithm::sha256);
    digest.update(key.bytes_.reveal());
    digest.finish(key.fingerprint_.data());
    return key;
}

}  // namespace sallyport::policy::webhook
