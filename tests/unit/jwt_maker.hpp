// JSON Web Tokens and key sets for tests: new keys, and tokens signed or forged with them.
#pragma once

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/crypto_public_key.hpp"
#include "common/json.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::test {

inline std::string base64url(std::string_view text) {
    return base64url_encode(as_bytes(text), text.size());
}

class JwtMaker {
  public:
    // "HS256", "RS256", "ES256" or "EdDSA".
    JwtMaker(std::string algorithm, std::string id)
        : algorithm_(std::move(algorithm)), id_(std::move(id)) {
        if (algorithm_ == "HS256") {
            secret_ = random_bytes(32);
            return;
        }
        key_.reset(algorithm_ == "RS256" ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{2048})
                   : algorithm_ == "ES256" ? EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")
                                           : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    }

    const std::string& id() const { return id_; }

    // The public half, or for HS256 the secret itself.
    Json jwk() const {
        Json out = Json::object();
        if (!id_.empty()) {
            out.set("kid", Json::string(id_));
        }
        if (algorithm_ == "HS256") {
            out.set("kty", Json::string("oct"));
            out.set("k", Json::string(base64url(as_text(secret_))));
        } else if (algorithm_ == "RS256") {
            out.set("kty", Json::string("RSA"));
            out.set("n", Json::string(number(OSSL_PKEY_PARAM_RSA_N, 256)));
            out.set("e", Json::string(number(OSSL_PKEY_PARAM_RSA_E, 3)));
        } else if (algorithm_ == "ES256") {
            out.set("kty", Json::string("EC"));
            out.set("crv", Json::string("P-256"));
            out.set("x", Json::string(number(OSSL_PKEY_PARAM_EC_PUB_X, 32)));
            out.set("y", Json::string(number(OSSL_PKEY_PARAM_EC_PUB_Y, 32)));
        } else {
            out.set("kty", Json::string("OKP"));
            out.set("crv", Json::string("Ed25519"));
            Bytes raw(32);
            std::size_t size = raw.size();
            EVP_PKEY_get_raw_public_key(key_.get(), raw.data(), &size);
            out.set("x", Json::string(base64url(as_text(raw))));
        }
        return out;
    }

    // The public half in PEM: what a forger would use as an HMAC key.
    std::string public_pem() const { return private_key().public_pem(); }

    // A token with the usual header.
    std::string token(std::string_view claims) const {
        const std::string id = id_.empty() ? "" : R"(,"kid":")" + id_ + "\"";
        return token_with(R"({"alg":")" + algorithm_ + R"(","typ":"JWT")" + id + "}", claims);
    }
    // A token whose header is given, signed with this key whatever the header says.
    std::string token_with(std::string_view header, std::string_view claims) const {
        const std::string text = base64url(header) + "." + base64url(claims);
        return text + "." + base64url(as_text(sign(text)));
    }

  private:
    struct KeyFree {
        void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    };

    std::string number(const char* name, int size) const {
        BIGNUM* value = nullptr;
        EVP_PKEY_get_bn_param(key_.get(), name, &value);
        Bytes out(static_cast<std::size_t>(size));
        BN_bn2binpad(value, out.data(), size);
        BN_free(value);
        return base64url(as_text(out));
    }

    PrivateKey private_key() const {
        BIO* writer = BIO_new(BIO_s_mem());
        PEM_write_bio_PKCS8PrivateKey(writer, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
        char* text = nullptr;
        const long size = BIO_get_mem_data(writer, &text);
        auto key =
            PrivateKey::from_pem(Secret(std::string_view(text, static_cast<std::size_t>(size))));
        BIO_free(writer);
        if (!key) {
            throw std::runtime_error(key.message());
        }
        return *key;
    }

    Bytes sign(const std::string& text) const {
        if (algorithm_ == "HS256") {
            return hmac(DigestAlgorithm::sha256, as_text(secret_), text);
        }
        const auto scheme = algorithm_ == "RS256"   ? SignatureScheme::rsa_pkcs1
                            : algorithm_ == "ES256" ? SignatureScheme::ecdsa_raw
                                                    : SignatureScheme::ed25519;
        auto made = private_key().sign(scheme, DigestAlgorithm::sha256, text);
        if (!made) {
            throw std::runtime_error(made.message());
        }
        return *made;
    }

    std::string algorithm_;
    std::string id_;
    Bytes secret_;
    std::unique_ptr<EVP_PKEY, KeyFree> key_;
};

inline std::string key_set(const std::vector<const JwtMaker*>& makers) {
    Json keys = Json::array();
    for (const JwtMaker* maker : makers) {
        keys.append(maker->jwk());
    }
    return Json::object({{"keys", keys}}).dump();
}

}  // namespace sallyport::test
