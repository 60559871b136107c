#include "module/policy/webhook_secret.hpp"

#include "common/bytes.hpp"

#include <utility>

namespace sallyport::policy::webhook {
namespace {

constexpr std::string_view kWhsecPrefix = "whsec_";

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
    }
    return Secret(std::move(*bytes));
}

}  // namespace

Result<SecretKey> SecretKey::make(const Profile& profile, const Secret& text) {
    auto bytes = decode(profile, text);
    if (!bytes) {
        return bytes.error();
    }
    if (bytes->empty()) {
        return Error{
            "the secret is empty, so anybody could sign with it; give the provider's secret"};
    }
    if (profile.type == SchemeType::basic && bytes->reveal().find(':') == std::string_view::npos) {
        return Error{"the secret of type=basic must be user:password"};
    }
    SecretKey key;
    key.bytes_ = std::move(*bytes);
    if (profile.type == SchemeType::hmac) {
        key.hmac_.emplace(profile.algorithm, key.bytes_.reveal());
    }
    DigestStream digest(DigestAlgorithm::sha256);
    digest.update(key.bytes_.reveal());
    digest.finish(key.fingerprint_.data());
    return key;
}

}  // namespace sallyport::policy::webhook
