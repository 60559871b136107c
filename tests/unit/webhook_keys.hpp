// Private keys made on the spot, one of each kind for a whole test program.
#pragma once

#include "common/crypto_public_key.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <map>
#include <stdexcept>
#include <string>

namespace sallyport::policy::webhook::test {

// `kind`: ED25519, RSA, P-256 or P-384.
inline const std::string& new_private_pem(const std::string& kind) {
    static std::map<std::string, std::string> made;
    std::string& pem = made[kind];
    if (pem.empty()) {
        EVP_PKEY* key =
            kind == "RSA"       ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048})
            : kind == "ED25519" ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", kind.c_str());
        BIO* writer = BIO_new(BIO_s_mem());
        PEM_write_bio_PKCS8PrivateKey(writer, key, nullptr, nullptr, 0, nullptr, nullptr);
        char* text = nullptr;
        const long size = BIO_get_mem_data(writer, &text);
        pem.assign(text, static_cast<std::size_t>(size));
        BIO_free(writer);
        EVP_PKEY_free(key);
    }
    return pem;
}

inline PrivateKey new_private_key(const std::string& kind) {
    const std::string& pem = new_private_pem(kind);
    auto key = PrivateKey::from_pem(Secret(pem));
    if (!key) {
        throw std::runtime_error(key.message());
    }
    return std::move(*key);
}

}  // namespace sallyport::policy::webhook::test
