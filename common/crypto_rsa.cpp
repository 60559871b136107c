#include "common/crypto_rsa.hpp"

#include "common/crypto_openssl.hpp"

#include <openssl/asn1t.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>

namespace sallyport {
namespace {

using SealedKeyPtr = std::unique_ptr<X509_SIG, OpensslFree<X509_SIG_free>>;
using PlainKeyPtr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, OpensslFree<PKCS8_PRIV_KEY_INFO_free>>;
using PbeTwoPtr = std::unique_ptr<PBE2PARAM, OpensslFree<PBE2PARAM_free>>;
using StretchPtr = std::unique_ptr<PBKDF2PARAM, OpensslFree<PBKDF2PARAM_free>>;
using PbeOnePtr = std::unique_ptr<PBEPARAM, OpensslFree<PBEPARAM_free>>;

// A BEGIN and an END line with what is between. OpenSSL's memory, wiped when it is given back.
struct PemBlock {
    PemBlock() = default;
    PemBlock(const PemBlock&) = delete;
    PemBlock& operator=(const PemBlock&) = delete;
    ~PemBlock() {
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, static_cast<std::size_t>(allocated));
    }

    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    long allocated = 0;
};

Error no_rsa_key() {
    return Error{"the private key is none of RSA in PEM (PKCS #1 or PKCS #8)"};
}

// Which rounds a pass phrase goes through; nullopt when that cannot be told, as with scrypt.
std::optional<std::int64_t> rounds_of(const X509_ALGOR* algorithm) {
    const ASN1_OBJECT* object = nullptr;
    int type = 0;
    const void* value = nullptr;
    X509_ALGOR_get0(&object, &type, &value, algorithm);
    if (type != V_ASN1_SEQUENCE) {
        return std::nullopt;
    }
    const auto* packed = static_cast<const ASN1_STRING*>(value);
    const ASN1_INTEGER* rounds = nullptr;
    StretchPtr stretch;
    PbeOnePtr one;
    if (OBJ_obj2nid(object) == NID_pbes2) {
        const PbeTwoPtr two(
            static_cast<PBE2PARAM*>(ASN1_item_unpack(packed, ASN1_ITEM_rptr(PBE2PARAM))));
        if (two == nullptr || OBJ_obj2nid(two->keyfunc->algorithm) != NID_id_pbkdf2 ||
            two->keyfunc->parameter == nullptr ||
            two->keyfunc->parameter->type != V_ASN1_SEQUENCE) {
            return std::nullopt;
        }
        stretch.reset(static_cast<PBKDF2PARAM*>(ASN1_item_unpack(
            two->keyfunc->parameter->value.sequence, ASN1_ITEM_rptr(PBKDF2PARAM))));
        rounds = stretch == nullptr ? nullptr : stretch->iter;
    } else {
        one.reset(static_cast<PBEPARAM*>(ASN1_item_unpack(packed, ASN1_ITEM_rptr(PBEPARAM))));
        rounds = one == nullptr ? nullptr : one->iter;
    }
    std::int64_t out = 0;
    return rounds != nullptr && ASN1_INTEGER_get_int64(&out, rounds) == 1
               ? std::optional<std::int64_t>(out)
               : std::nullopt;
}

Result<KeyPtr> open_sealed(const PemBlock& block, const Secret& pass_phrase) {
    const unsigned char* at = block.data;
    const SealedKeyPtr sealed(d2i_X509_SIG(nullptr, &at, block.size));
    if (sealed == nullptr) {
        return no_rsa_key();
    }
    if (pass_phrase.empty()) {
        return Error{"the private key is encrypted; it needs its passphrase"};
    }
    const X509_ALGOR* algorithm = nullptr;
    X509_SIG_get0(sealed.get(), &algorithm, nullptr);
    const auto rounds = rounds_of(algorithm);
    if (!rounds || *rounds < 1 || *rounds > kPassPhraseRoundsMax) {
        return Error{"the private key's passphrase takes too long: scrypt, or more than " +
                     std::to_string(kPassPhraseRoundsMax) + " rounds"};
    }
    const std::string_view phrase = pass_phrase.reveal();
    const PlainKeyPtr plain(
        PKCS8_decrypt(sealed.get(), phrase.data(), static_cast<int>(phrase.size())));
    if (plain == nullptr) {
        return Error{"the private key cannot be decrypted with this passphrase"};
    }
    return KeyPtr(EVP_PKCS82PKEY(plain.get()));
}

int give_pass_phrase(char* out, int room, int /*writing*/, void* of) {
    const std::string_view phrase = static_cast<const Secret*>(of)->reveal();
    if (phrase.size() > static_cast<std::size_t>(room)) {
        return -1;
    }
    std::memcpy(out, phrase.data(), phrase.size());
    return static_cast<int>(phrase.size());
}

// PKCS #1; when it is encrypted, its lines say how.
Result<KeyPtr> open_traditional(PemBlock& block, const Secret& pass_phrase) {
    EVP_CIPHER_INFO cipher{};
    if (PEM_get_EVP_CIPHER_INFO(block.header, &cipher) != 1) {
        return no_rsa_key();
    }
    if (cipher.cipher != nullptr && pass_phrase.empty()) {
        return Error{"the private key is encrypted; it needs its passphrase"};
    }
    auto* const phrase = const_cast<Secret*>(&pass_phrase);  // only read
    if (PEM_do_header(&cipher, block.data, &block.size, give_pass_phrase, phrase) != 1) {
        return Error{"the private key cannot be decrypted with this passphrase"};
    }
    const unsigned char* at = block.data;
    return KeyPtr(d2i_PrivateKey(EVP_PKEY_RSA, nullptr, &at, block.size));
}

Result<KeyPtr> open_block(PemBlock& block, const Secret& pass_phrase) {
    const std::string_view name(block.name);
    if (name == PEM_STRING_PKCS8) {
        return open_sealed(block, pass_phrase);
    }
    if (name == PEM_STRING_RSA) {
        return open_traditional(block, pass_phrase);
    }
    const unsigned char* at = block.data;
    const PlainKeyPtr plain(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, block.size));
    return KeyPtr(plain == nullptr ? nullptr : EVP_PKCS82PKEY(plain.get()));
}

Result<KeyPtr> read_key(const Secret& pem, const Secret& pass_phrase) {
    const std::string_view text = pem.reveal();
    if (text.size() > static_cast<std::size_t>(1) << 20U || pass_phrase.size() > 1024) {
        return no_rsa_key();
    }
    const BioPtr reader(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    while (reader != nullptr) {
        PemBlock block;
        if (PEM_read_bio(reader.get(), &block.name, &block.header, &block.data, &block.size) != 1) {
            break;
        }
        block.allocated = block.size;
        const std::string_view name(block.name);
        if (name != PEM_STRING_PKCS8 && name != PEM_STRING_RSA && name != PEM_STRING_PKCS8INF) {
            continue;  // a certificate, say
        }
        return block.size > kRsaKeyBytesMax ? Result<KeyPtr>(no_rsa_key())
                                            : open_block(block, pass_phrase);
    }
    return no_rsa_key();
}

}  // namespace

Result<Bytes> rsa_sign(const Secret& pem, const Secret& pass_phrase, DigestAlgorithm algorithm,
                       std::string_view message) {
    const ErrorsCleared cleared;
    const Result<KeyPtr> key = read_key(pem, pass_phrase);
    if (!key.ok()) {
        return key.error();
    }
    if (*key == nullptr || EVP_PKEY_get_base_id(key->get()) != EVP_PKEY_RSA) {
        return no_rsa_key();
    }
    const int bits = EVP_PKEY_get_bits(key->get());
    if (bits < kRsaSignBitsMin || bits > kRsaSignBitsMax) {
        return Error{"the private key must have 1024 to 8192 bits, and has " +
                     std::to_string(bits)};
    }
    const Bytes hash = digest(algorithm, message);
    const KeyContextPtr context(EVP_PKEY_CTX_new(key->get(), nullptr));
    Bytes out(static_cast<std::size_t>(kRsaSignBitsMax / 8));
    std::size_t size = out.size();
    if (context == nullptr || EVP_PKEY_sign_init(context.get()) <= 0 ||
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) <= 0 ||
        EVP_PKEY_CTX_set_signature_md(context.get(), md_of(algorithm)) <= 0 ||
        EVP_PKEY_sign(context.get(), out.data(), &size, hash.data(), hash.size()) <= 0) {
        return Error{"signing failed; the private key is damaged"};
    }
    out.resize(size);
    return out;
}

}  // namespace sallyport
