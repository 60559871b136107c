// Keys and certificates that somebody else wrote: what `sallyport certs` fetches, what an operator
// gives as a public key. Whatever is read must have a kind and dates, and verify no signature of
// nothing.
#include "common/crypto_public_key.hpp"
#include "module/policy/webhook_builtin.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

using sallyport::DigestAlgorithm;
using sallyport::PublicKey;
using sallyport::SignatureScheme;

namespace {

void use(const PublicKey& key) {
    const std::array<std::uint8_t, 32> digest{};
    const std::array<std::uint8_t, 64> signature{};
    (void)key.valid_at(1'767'225'600'000);
    bool verified = false;
    for (const auto scheme : {SignatureScheme::ecdsa_der, SignatureScheme::ecdsa_raw,
                              SignatureScheme::rsa_pkcs1, SignatureScheme::rsa_pss}) {
        verified =
            verified || (key.fits(scheme) &&
                         key.verify_digest(scheme, DigestAlgorithm::sha256, digest, signature));
    }
    verified =
        verified || (!key.fits(SignatureScheme::ed25519) && key.verify_message("text", signature));
    if (verified) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::span<const std::uint8_t> bytes(data + 1, size - 1);
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    using sallyport::policy::webhook::CertificateHosts;
    switch (data[0] % 4) {
        case 0: {
            const auto key = PublicKey::from_pem(text);
            if (key) {
                use(*key);
            }
            break;
        }
        case 1: {
            const auto key = PublicKey::from_spki(bytes);
            if (key) {
                use(*key);
            }
            break;
        }
        case 2: {
            const auto half = static_cast<std::ptrdiff_t>(bytes.size() / 2);
            const auto key = PublicKey::from_ec(sallyport::KeyKind::ec_p256,
                                                bytes.first(static_cast<std::size_t>(half)),
                                                bytes.subspan(static_cast<std::size_t>(half)));
            if (key) {
                use(*key);
            }
            break;
        }
        default:
            for (const auto hosts : {CertificateHosts::sns, CertificateHosts::paypal}) {
                if (sallyport::policy::webhook::certificate_url_allowed(hosts, text) &&
                    !text.starts_with("https://")) {
                    std::abort();
                }
            }
    }
    return 0;
}
