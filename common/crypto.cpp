// The low-level digest calls are deprecated in OpenSSL 3 but not slower twins of EVP: they are the
// only ones whose state can be copied without an allocation and a provider look-up (about 1 us
// each).
#define OPENSSL_SUPPRESS_DEPRECATED
#include "common/crypto.hpp"

#include "common/sha3.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <type_traits>

namespace sallyport {
namespace {

constexpr std::size_t kStateBytes = 224;
constexpr std::size_t kDigestBytesMax = 64;
constexpr std::size_t kBlockBytesMax = 128;
static_assert(sizeof(SHA512_CTX) <= kStateBytes && sizeof(SHA256_CTX) <= kStateBytes);
static_assert(sizeof(SHA_CTX) <= kStateBytes && sizeof(MD5_CTX) <= kStateBytes);
static_assert(std::is_trivially_copyable_v<SHA512_CTX> && std::is_trivially_copyable_v<SHA256_CTX>);

std::size_t block_size(DigestAlgorithm algorithm) {
    switch (algorithm) {
        case DigestAlgorithm::md5:
        case DigestAlgorithm::sha1:
        case DigestAlgorithm::sha256:
            return 64;
        case DigestAlgorithm::sha384:
        case DigestAlgorithm::sha512:
            return 128;
    }
    std::abort();
}

// How much of a state's memory the algorithm uses: no more of it is copied or wiped for a message.
std::size_t state_size(DigestAlgorithm algorithm) {
    switch (algorithm) {
        case DigestAlgorithm::md5:
            return sizeof(MD5_CTX);
        case DigestAlgorithm::sha1:
            return sizeof(SHA_CTX);
        case DigestAlgorithm::sha256:
            return sizeof(SHA256_CTX);
        case DigestAlgorithm::sha384:
        case DigestAlgorithm::sha512:
            return sizeof(SHA512_CTX);
    }
    std::abort();
}

template <typename T>
T* as(std::uint8_t* state) {
    return reinterpret_cast<T*>(state);
}

void state_init(DigestAlgorithm algorithm, std::uint8_t* state) {
    switch (algorithm) {
        case DigestAlgorithm::md5:
            MD5_Init(as<MD5_CTX>(state));
            return;
        case DigestAlgorithm::sha1:
            SHA1_Init(as<SHA_CTX>(state));
            return;
        case DigestAlgorithm::sha256:
            SHA256_Init(as<SHA256_CTX>(state));
            return;
        case DigestAlgorithm::sha384:
            SHA384_Init(as<SHA512_CTX>(state));
            return;
        case DigestAlgorithm::sha512:
            SHA512_Init(as<SHA512_CTX>(state));
            return;
    }
}

void state_update(DigestAlgorithm algorithm, std::uint8_t* state, const void* data,
                  std::size_t size) {
    switch (algorithm) {
        case DigestAlgorithm::md5:
            MD5_Update(as<MD5_CTX>(state), data, size);
            return;
        case DigestAlgorithm::sha1:
            SHA1_Update(as<SHA_CTX>(state), data, size);
            return;
        case DigestAlgorithm::sha256:
            SHA256_Update(as<SHA256_CTX>(state), data, size);
            return;
        case DigestAlgorithm::sha384:
            SHA384_Update(as<SHA512_CTX>(state), data, size);
            return;
        case DigestAlgorithm::sha512:
            SHA512_Update(as<SHA512_CTX>(state), data, size);
            return;
    }
}

void state_final(DigestAlgorithm algorithm, std::uint8_t* state, std::uint8_t* out) {
    switch (algorithm) {
        case DigestAlgorithm::md5:
            MD5_Final(out, as<MD5_CTX>(state));
            return;
        case DigestAlgorithm::sha1:
            SHA1_Final(out, as<SHA_CTX>(state));
            return;
        case DigestAlgorithm::sha256:
            SHA256_Final(out, as<SHA256_CTX>(state));
            return;
        case DigestAlgorithm::sha384:
            SHA384_Final(out, as<SHA512_CTX>(state));
            return;
        case DigestAlgorithm::sha512:
            SHA512_Final(out, as<SHA512_CTX>(state));
            return;
    }
}

struct CipherFree {
    void operator()(EVP_CIPHER_CTX* ctx) const { EVP_CIPHER_CTX_free(ctx); }
};
using CipherPtr = std::unique_ptr<EVP_CIPHER_CTX, CipherFree>;

Error aead_error() {
    return Error{"authenticated encryption failed: wrong key or altered data"};
}

bool aead_sizes_ok(const Secret& key, const Bytes& nonce) {
    return key.size() == kAeadKeyBytes && nonce.size() == kAeadNonceBytes;
}

bool fits_int(std::string_view text) {
    return text.size() <= (std::size_t{1} << 30);
}

}  // namespace

void wipe(void* data, std::size_t size) {
    if (data != nullptr) {
        OPENSSL_cleanse(data, size);
    }
}

std::size_t digest_size(DigestAlgorithm algorithm) {
    switch (algorithm) {
        case DigestAlgorithm::md5:
            return 16;
        case DigestAlgorithm::sha1:
            return 20;
        case DigestAlgorithm::sha256:
            return 32;
        case DigestAlgorithm::sha384:
            return 48;
        case DigestAlgorithm::sha512:
            return 64;
    }
    std::abort();
}

std::optional<DigestAlgorithm> digest_from_name(std::string_view name) {
    if (name == "md5")
        return DigestAlgorithm::md5;
    if (name == "sha1")
        return DigestAlgorithm::sha1;
    if (name == "sha256")
        return DigestAlgorithm::sha256;
    if (name == "sha384")
        return DigestAlgorithm::sha384;
    if (name == "sha512")
        return DigestAlgorithm::sha512;
    return std::nullopt;
}

DigestStream::DigestStream(DigestAlgorithm algorithm) : algorithm_(algorithm) {
    state_init(algorithm_, state_.data());
}

void DigestStream::update(std::string_view data) {
    state_update(algorithm_, state_.data(), data.data(), data.size());
}

std::size_t DigestStream::finish(std::uint8_t* out) {
    state_final(algorithm_, state_.data(), out);
    return digest_size(algorithm_);
}

Bytes digest(DigestAlgorithm algorithm, std::string_view data) {
    DigestStream stream(algorithm);
    stream.update(data);
    Bytes out(digest_size(algorithm));
    stream.finish(out.data());
    return out;
}

HmacKey::HmacKey(DigestAlgorithm algorithm, std::string_view key) : algorithm_(algorithm) {
    const std::size_t block = block_size(algorithm);
    std::array<std::uint8_t, kBlockBytesMax> pad{};
    if (key.size() > block) {
        DigestStream shortened(algorithm);  // RFC 2104: longer keys are hashed first
        shortened.update(key);
        shortened.finish(pad.data());
    } else {
        std::memcpy(pad.data(), key.data(), key.size());
    }
    for (std::size_t i = 0; i < block; ++i) {
        pad[i] ^= 0x36;
    }
    state_init(algorithm, inner_.data());
    state_update(algorithm, inner_.data(), pad.data(), block);
    for (std::size_t i = 0; i < block; ++i) {
        pad[i] ^= 0x36 ^ 0x5c;
    }
    state_init(algorithm, outer_.data());
    state_update(algorithm, outer_.data(), pad.data(), block);
    wipe(pad.data(), pad.size());
}

HmacKey::~HmacKey() {
    wipe(inner_.data(), inner_.size());
    wipe(outer_.data(), outer_.size());
}

HmacKey::HmacKey(HmacKey&& other) noexcept
    : algorithm_(other.algorithm_), inner_(other.inner_), outer_(other.outer_) {
    wipe(other.inner_.data(), other.inner_.size());
    wipe(other.outer_.data(), other.outer_.size());
}

HmacStream::HmacStream(const HmacKey& key) : algorithm_(key.algorithm_) {
    const std::size_t size = state_size(algorithm_);
    std::memcpy(inner_.data(), key.inner_.data(), size);
    std::memcpy(outer_.data(), key.outer_.data(), size);
}

HmacStream::~HmacStream() {
    wipe(inner_.data(), state_size(algorithm_));
    wipe(outer_.data(), state_size(algorithm_));
}

void HmacStream::update(std::string_view data) {
    state_update(algorithm_, inner_.data(), data.data(), data.size());
}

std::size_t HmacStream::finish(std::uint8_t* out) {
    std::array<std::uint8_t, kDigestBytesMax> inner_digest;
    const std::size_t size = digest_size(algorithm_);
    state_final(algorithm_, inner_.data(), inner_digest.data());
    state_update(algorithm_, outer_.data(), inner_digest.data(), size);
    state_final(algorithm_, outer_.data(), out);
    return size;
}

Bytes sha3_512(std::string_view data) {
    Bytes out(EVP_MAX_MD_SIZE);
    unsigned size = 0;
    if (EVP_Digest(data.data(), data.size(), out.data(), &size, EVP_sha3_512(), nullptr) != 1) {
        std::abort();
    }
    out.resize(size);
    return out;
}

Bytes hmac(DigestAlgorithm algorithm, std::string_view key, std::string_view data) {
    const HmacKey hmac_key(algorithm, key);
    HmacStream stream(hmac_key);
    stream.update(data);
    Bytes out(digest_size(algorithm));
    stream.finish(out.data());
    return out;
}

bool constant_time_equal(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) {
        return false;
    }
    return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void random_bytes(std::uint8_t* out, std::size_t size) {
    // Without randomness nothing here is safe: ending the process is the only honest answer.
    if (size > (std::size_t{1} << 30) || RAND_bytes(out, static_cast<int>(size)) != 1) {
        std::abort();
    }
}

Bytes random_bytes(std::size_t size) {
    Bytes out(size);
    random_bytes(out.data(), out.size());
    return out;
}

Result<Bytes> aead_seal(const Secret& key, const Bytes& nonce, std::string_view plain,
                        std::string_view associated) {
    if (!aead_sizes_ok(key, nonce) || !fits_int(plain) || !fits_int(associated)) {
        return Error{"authenticated encryption: wrong key or nonce size, or too much data"};
    }
    const CipherPtr ctx(EVP_CIPHER_CTX_new());
    Bytes out(plain.size() + kAeadTagBytes);
    int length = 0;
    int tail = 0;
    const bool ok =
        ctx != nullptr &&
        EVP_EncryptInit_ex(ctx.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce.data()) == 1 &&
        EVP_EncryptUpdate(ctx.get(), nullptr, &length, as_bytes(associated),
                          static_cast<int>(associated.size())) == 1 &&
        EVP_EncryptUpdate(ctx.get(), out.data(), &length, as_bytes(plain),
                          static_cast<int>(plain.size())) == 1 &&
        EVP_EncryptFinal_ex(ctx.get(), out.data() + length, &tail) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_GET_TAG, kAeadTagBytes,
                            out.data() + plain.size()) == 1;
    if (!ok) {
        return aead_error();
    }
    return out;
}

Result<Bytes> aead_open(const Secret& key, const Bytes& nonce, std::string_view sealed,
                        std::string_view associated) {
    if (!aead_sizes_ok(key, nonce) || sealed.size() < kAeadTagBytes || !fits_int(sealed) ||
        !fits_int(associated)) {
        return aead_error();
    }
    const std::string_view text = sealed.substr(0, sealed.size() - kAeadTagBytes);
    Bytes tag(as_bytes(sealed) + text.size(), as_bytes(sealed) + sealed.size());
    const CipherPtr ctx(EVP_CIPHER_CTX_new());
    Bytes out(text.size() + 1);  // never empty, so that data() is never null
    int length = 0;
    int tail = 0;
    const bool ok =
        ctx != nullptr &&
        EVP_DecryptInit_ex(ctx.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce.data()) == 1 &&
        EVP_DecryptUpdate(ctx.get(), nullptr, &length, as_bytes(associated),
                          static_cast<int>(associated.size())) == 1 &&
        EVP_DecryptUpdate(ctx.get(), out.data(), &length, as_bytes(text),
                          static_cast<int>(text.size())) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_SET_TAG, kAeadTagBytes, tag.data()) == 1 &&
        EVP_DecryptFinal_ex(ctx.get(), out.data() + length, &tail) == 1;
    if (!ok) {
        wipe(out.data(), out.size());
        return aead_error();
    }
    out.resize(text.size());
    return out;
}

Result<Bytes> aes_cbc_open(const Secret& key, const Bytes& iv, const Bytes& sealed) {
    constexpr std::size_t kBlock = 16;
    const bool sizes_ok = key.size() == kAeadKeyBytes && iv.size() == kBlock && !sealed.empty() &&
                          sealed.size() % kBlock == 0 && fits_int(as_text(sealed));
    const CipherPtr ctx(EVP_CIPHER_CTX_new());
    Bytes out(sealed.size() + kBlock);
    int length = 0;
    int tail = 0;
    const bool ok =
        sizes_ok && ctx != nullptr &&
        EVP_DecryptInit_ex(ctx.get(), EVP_aes_256_cbc(), nullptr, key.data(), iv.data()) == 1 &&
        EVP_DecryptUpdate(ctx.get(), out.data(), &length, sealed.data(),
                          static_cast<int>(sealed.size())) == 1 &&
        EVP_DecryptFinal_ex(ctx.get(), out.data() + length, &tail) == 1;
    if (!ok) {
        wipe(out.data(), out.size());
        return Error{"decryption failed"};
    }
    out.resize(static_cast<std::size_t>(length) + static_cast<std::size_t>(tail));
    return out;
}

Secret derive_key(const Secret& secret, std::string_view info, std::size_t size) {
    // RFC 5869 by hand over our HMAC: extract with a zero salt, then expand.
    const Bytes zero_salt(32, 0);
    Bytes key = hmac(DigestAlgorithm::sha256, as_text(zero_salt), secret.reveal());
    Bytes out;
    Bytes block;
    for (std::uint8_t counter = 1; out.size() < size; ++counter) {
        std::string message(as_text(block));
        message.append(info);
        message.push_back(static_cast<char>(counter));
        block = hmac(DigestAlgorithm::sha256, as_text(key), message);
        wipe(message.data(), message.size());
        out.insert(out.end(), block.begin(), block.end());
    }
    out.resize(size);
    wipe(key.data(), key.size());
    wipe(block.data(), block.size());
    return Secret(std::move(out));
}

}  // namespace sallyport
