#include "common/crypto_public_key.hpp"

#include "common/crypto_openssl.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace sallyport {
namespace {

using DigestPtr = std::unique_ptr<EVP_MD_CTX, OpensslFree<EVP_MD_CTX_free>>;
using CertificatePtr = std::unique_ptr<X509, OpensslFree<X509_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, OpensslFree<BN_free>>;
using EcdsaPtr = std::unique_ptr<ECDSA_SIG, OpensslFree<ECDSA_SIG_free>>;
using BuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, OpensslFree<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, OpensslFree<OSSL_PARAM_free>>;

std::optional<KeyKind> kind_of(const EVP_PKEY* key) {
    switch (EVP_PKEY_get_base_id(key)) {
        case EVP_PKEY_ED25519:
            return KeyKind::ed25519;
        case EVP_PKEY_RSA:
            return KeyKind::rsa;
        case EVP_PKEY_EC: {
            std::array<char, 64> name{};
            std::size_t size = 0;
            EVP_PKEY_get_group_name(key, name.data(), name.size(), &size);
            const std::string_view group(name.data(), size);
            if (group == "prime256v1" || group == "P-256") {
                return KeyKind::ec_p256;
            }
            if (group == "secp384r1" || group == "P-384") {
                return KeyKind::ec_p384;
            }
            return std::nullopt;
        }
        default:
            return std::nullopt;
    }
}

Result<KeyKind> usable_kind(const EVP_PKEY* key) {
    const auto kind = kind_of(key);
    if (!kind) {
        return Error{
            "the key is of a kind that is not supported; use ed25519, EC on P-256 or P-384, "
            "or RSA"};
    }
    if (*kind == KeyKind::rsa && EVP_PKEY_get_bits(key) < static_cast<int>(kRsaBitsMin)) {
        return Error{"the RSA key is shorter than 2048 bits; use a longer one"};
    }
    return *kind;
}

bool scheme_fits(KeyKind kind, SignatureScheme scheme) {
    switch (scheme) {
        case SignatureScheme::ed25519:
            return kind == KeyKind::ed25519;
        case SignatureScheme::ecdsa_der:
        case SignatureScheme::ecdsa_raw:
            return kind == KeyKind::ec_p256 || kind == KeyKind::ec_p384;
        case SignatureScheme::rsa_pkcs1:
        case SignatureScheme::rsa_pss:
            return kind == KeyKind::rsa;
    }
    return false;
}

bool set_padding(EVP_PKEY_CTX* context, SignatureScheme scheme, DigestAlgorithm algorithm) {
    if (EVP_PKEY_CTX_set_signature_md(context, md_of(algorithm)) <= 0) {
        return false;
    }
    if (scheme == SignatureScheme::rsa_pkcs1) {
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) > 0;
    }
    return scheme != SignatureScheme::rsa_pss ||
           (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) > 0);
}

std::size_t coordinate_bytes(KeyKind curve) {
    return curve == KeyKind::ec_p256 ? 32 : 48;
}

NumberPtr number_from(std::span<const std::uint8_t> bytes) {
    return NumberPtr(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

// r and s of exactly the curve's size, as the ASN.1 sequence that OpenSSL verifies.
std::optional<Bytes> der_from_raw(KeyKind curve, std::span<const std::uint8_t> raw) {
    const std::size_t half = coordinate_bytes(curve);
    if (raw.size() != 2 * half) {
        return std::nullopt;
    }
    const EcdsaPtr pair(ECDSA_SIG_new());
    NumberPtr r = number_from(raw.first(half));
    NumberPtr s = number_from(raw.subspan(half));
    if (pair == nullptr || r == nullptr || s == nullptr ||
        ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) {
        return std::nullopt;
    }
    (void)r.release();  // owned by the pair now
    (void)s.release();
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(pair.get(), &der);
    if (size <= 0) {
        return std::nullopt;
    }
    Bytes out(der, der + size);
    OPENSSL_free(der);
    return out;
}

std::optional<Bytes> raw_from_der(KeyKind curve, const Bytes& der) {
    const unsigned char* at = der.data();
    const EcdsaPtr pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
    const int half = static_cast<int>(coordinate_bytes(curve));
    Bytes out(static_cast<std::size_t>(2 * half));
    if (pair == nullptr || BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out.data(), half) != half ||
        BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out.data() + half, half) != half) {
        return std::nullopt;
    }
    return out;
}

BioPtr reader_of(std::string_view text) {
    const std::size_t size = std::min(text.size(), std::size_t{1} << 20);
    return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(size)));
}

KeyPtr key_from_parameters(const char* type, OSSL_PARAM_BLD* builder) {
    const ParamsPtr params(OSSL_PARAM_BLD_to_param(builder));
    const KeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) <= 0) {
        return nullptr;
    }
    return KeyPtr(key);
}

// Since 1970. What cannot be read makes the certificate invalid.
std::int64_t ms_of(const ASN1_TIME* time, bool end) {
    const std::unique_ptr<ASN1_TIME, OpensslFree<ASN1_TIME_free>> zero(ASN1_TIME_set(nullptr, 0));
    int days = 0;
    int seconds = 0;
    if (zero == nullptr || ASN1_TIME_diff(&days, &seconds, zero.get(), time) != 1) {
        return end ? std::numeric_limits<std::int64_t>::min()
                   : std::numeric_limits<std::int64_t>::max();
    }
    return (std::int64_t{days} * 86'400 + seconds) * 1000;
}

// No pass phrase is ever asked for.
int no_pass_phrase(char*, int, int, void*) {
    return 0;
}

}  // namespace

struct PublicKey::Inner {
    KeyPtr key;
};

struct PrivateKey::Inner {
    KeyPtr key;
};

Result<PublicKey> PublicKey::adopt(void* key) {
    const ErrorsCleared cleared;
    auto inner = std::make_shared<Inner>();
    inner->key.reset(static_cast<EVP_PKEY*>(key));
    if (inner->key == nullptr) {
        return Error{"this is not a public key"};
    }
    const auto kind = usable_kind(inner->key.get());
    if (!kind) {
        return kind.error();
    }
    return PublicKey(std::move(inner), *kind);
}

Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
    const ErrorsCleared cleared;
    const BioPtr reader = reader_of(pem);
    if (pem.find("-----BEGIN CERTIFICATE-----") != std::string_view::npos) {
        const CertificatePtr certificate(
            PEM_read_bio_X509(reader.get(), nullptr, no_pass_phrase, nullptr));
        if (certificate == nullptr) {
            return Error{"the certificate cannot be read"};
        }
        auto out = adopt(X509_get_pubkey(certificate.get()));
        if (out) {
            out->not_before_ms_ = ms_of(X509_get0_notBefore(certificate.get()), false);
            out->not_after_ms_ = ms_of(X509_get0_notAfter(certificate.get()), true);
        }
        return out;
    }
    EVP_PKEY* key = PEM_read_bio_PUBKEY(reader.get(), nullptr, no_pass_phrase, nullptr);
    if (key == nullptr) {
        return Error{
            "this is not a public key in PEM (\"BEGIN PUBLIC KEY\" or \"BEGIN "
            "CERTIFICATE\")"};
    }
    return adopt(key);
}

Result<PublicKey> PublicKey::from_spki(std::span<const std::uint8_t> der) {
    const unsigned char* at = der.data();
    KeyPtr key(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
    if (at != der.data() + der.size()) {
        key.reset();  // something follows the key
    }
    return adopt(key.release());
}

Result<PublicKey> PublicKey::from_ed25519(std::span<const std::uint8_t> raw) {
    if (raw.size() != 32) {
        return Error{"an ed25519 public key has 32 bytes"};
    }
    return adopt(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw.data(), raw.size()));
}

Result<PublicKey> PublicKey::from_rsa(std::span<const std::uint8_t> modulus,
                                      std::span<const std::uint8_t> exponent) {
    const NumberPtr n = number_from(modulus.first(std::min<std::size_t>(modulus.size(), 1024)));
    const NumberPtr e = number_from(exponent.first(std::min<std::size_t>(exponent.size(), 16)));
    const BuilderPtr builder(OSSL_PARAM_BLD_new());
    if (n == nullptr || e == nullptr || builder == nullptr ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
        return adopt(nullptr);
    }
    return adopt(key_from_parameters("RSA", builder.get()).release());
}

Result<PublicKey> PublicKey::from_ec(KeyKind curve, std::span<const std::uint8_t> x,
                                     std::span<const std::uint8_t> y) {
    const bool known = curve == KeyKind::ec_p256 || curve == KeyKind::ec_p384;
    if (!known || x.size() != coordinate_bytes(curve) || y.size() != coordinate_bytes(curve)) {
        return Error{"a point on P-256 or P-384 has two coordinates of 32 or 48 bytes"};
    }
    Bytes point = {4};  // uncompressed
    point.insert(point.end(), x.begin(), x.end());
    point.insert(point.end(), y.begin(), y.end());
    const BuilderPtr builder(OSSL_PARAM_BLD_new());
    if (builder == nullptr ||
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                        curve == KeyKind::ec_p256 ? "P-256" : "P-384", 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) != 1) {
        return adopt(nullptr);
    }
    return adopt(key_from_parameters("EC", builder.get()).release());
}

bool PublicKey::fits(SignatureScheme scheme) const {
    return scheme_fits(kind_, scheme);
}

bool PublicKey::verify_message(std::string_view message,
                               std::span<const std::uint8_t> signature) const {
    const ErrorsCleared cleared;
    const DigestPtr context(EVP_MD_CTX_new());
    return kind_ == KeyKind::ed25519 && context != nullptr &&
           EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, inner_->key.get()) == 1 &&
           EVP_DigestVerify(context.get(), signature.data(), signature.size(), as_bytes(message),
                            message.size()) == 1;
}

bool PublicKey::verify_digest(SignatureScheme scheme, DigestAlgorithm algorithm,
                              std::span<const std::uint8_t> digest,
                              std::span<const std::uint8_t> signature) const {
    const ErrorsCleared cleared;
    if (scheme == SignatureScheme::ed25519 || !fits(scheme) ||
        digest.size() != digest_size(algorithm)) {
        return false;
    }
    std::optional<Bytes> der;
    if (scheme == SignatureScheme::ecdsa_raw) {
        der = der_from_raw(kind_, signature);
        if (!der) {
            return false;
        }
        signature = *der;
    }
    const KeyContextPtr context(EVP_PKEY_CTX_new(inner_->key.get(), nullptr));
    return context != nullptr && EVP_PKEY_verify_init(context.get()) > 0 &&
           set_padding(context.get(), scheme, algorithm) &&
           EVP_PKEY_verify(context.get(), signature.data(), signature.size(), digest.data(),
                           digest.size()) == 1;
}

Result<PrivateKey> PrivateKey::from_pem(const Secret& pem) {
    const ErrorsCleared cleared;
    auto inner = std::make_shared<Inner>();
    const BioPtr reader = reader_of(pem.reveal());
    inner->key.reset(PEM_read_bio_PrivateKey(reader.get(), nullptr, no_pass_phrase, nullptr));
    if (inner->key == nullptr) {
        return Error{"this is not a private key in PEM without a pass phrase"};
    }
    const auto kind = usable_kind(inner->key.get());
    if (!kind) {
        return kind.error();
    }
    return PrivateKey(std::move(inner), *kind);
}

Result<Bytes> PrivateKey::sign(SignatureScheme scheme, DigestAlgorithm algorithm,
                               std::string_view message) const {
    const ErrorsCleared cleared;
    if (!scheme_fits(kind_, scheme)) {
        return Error{"the private key is of another kind than the signature"};
    }
    const bool whole = scheme == SignatureScheme::ed25519;
    const DigestPtr context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* details = nullptr;
    Bytes out(kKeySignatureBytesMax);
    std::size_t size = out.size();
    const bool ok =
        context != nullptr &&
        EVP_DigestSignInit(context.get(), &details, whole ? nullptr : md_of(algorithm), nullptr,
                           inner_->key.get()) == 1 &&
        (whole || set_padding(details, scheme, algorithm)) &&
        EVP_DigestSign(context.get(), out.data(), &size, as_bytes(message), message.size()) == 1;
    if (!ok) {
        return Error{"signing failed"};
    }
    out.resize(size);
    if (scheme == SignatureScheme::ecdsa_raw) {
        auto raw = raw_from_der(kind_, out);
        if (!raw) {
            return Error{"signing failed"};
        }
        return std::move(*raw);
    }
    return out;
}

std::string PrivateKey::public_pem() const {
    const BioPtr writer(BIO_new(BIO_s_mem()));
    if (writer == nullptr || PEM_write_bio_PUBKEY(writer.get(), inner_->key.get()) != 1) {
        return {};
    }
    char* text = nullptr;
    const long size = BIO_get_mem_data(writer.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

}  // namespace sallyport
