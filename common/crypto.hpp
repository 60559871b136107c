// The only door to OpenSSL's primitives for gateway and engine (TLS itself belongs to nginx and
// libcurl). Everything is one-shot or a small streaming object; keys are `Secret`s.
#pragma once

#include "common/bytes.hpp"
#include "common/result.hpp"
#include "common/secret.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

enum class DigestAlgorithm { md5, sha1, sha256, sha384, sha512 };

std::size_t digest_size(DigestAlgorithm algorithm);
std::optional<DigestAlgorithm> digest_from_name(std::string_view name);

Bytes digest(DigestAlgorithm algorithm, std::string_view data);
Bytes hmac(DigestAlgorithm algorithm, std::string_view key, std::string_view data);

// HMAC whose keyed inner and outer states are computed once (at configuration time) and copied for
// each message: a short message then costs two compressions, no look-up and no allocation.
class HmacKey {
  public:
    HmacKey(DigestAlgorithm algorithm, std::string_view key);
    ~HmacKey();
    HmacKey(const HmacKey&) = delete;
    HmacKey& operator=(const HmacKey&) = delete;
    HmacKey(HmacKey&& other) noexcept;
    HmacKey& operator=(HmacKey&&) = delete;

    DigestAlgorithm algorithm() const { return algorithm_; }

  private:
    friend class HmacStream;
    DigestAlgorithm algorithm_;
    alignas(16) std::array<std::uint8_t, 224> inner_{};
    alignas(16) std::array<std::uint8_t, 224> outer_{};
};

// One message in the making. Holds copies of the key's states, so the key may be replaced
// meanwhile. Lives wherever its owner puts it (a request pool, the stack); wiped when finished or
// destroyed.
class HmacStream {
  public:
    explicit HmacStream(const HmacKey& key);
    ~HmacStream();
    HmacStream(const HmacStream&) = delete;
    HmacStream& operator=(const HmacStream&) = delete;

    void update(std::string_view data);
    // REQUIRES: called once; `out` has room for digest_size() bytes. Returns that size.
    std::size_t finish(std::uint8_t* out);

  private:
    DigestAlgorithm algorithm_;
    alignas(16) std::array<std::uint8_t, 224> inner_{};
    alignas(16) std::array<std::uint8_t, 224> outer_{};
};

// A plain digest in the making, for bodies that arrive in pieces.
class DigestStream {
  public:
    explicit DigestStream(DigestAlgorithm algorithm);
    void update(std::string_view data);
    // REQUIRES: called once; `out` has room for digest_size() bytes. Returns that size.
    std::size_t finish(std::uint8_t* out);

  private:
    DigestAlgorithm algorithm_;
    alignas(16) std::array<std::uint8_t, 224> state_{};
};

// True when both have the same length and bytes; the time depends on the length of `a` alone.
bool constant_time_equal(std::string_view a, std::string_view b);

// Cryptographic randomness. I/O in the sense of the invariants: callers in policy and core receive
// the bytes as arguments instead.
void random_bytes(std::uint8_t* out, std::size_t size);
Bytes random_bytes(std::size_t size);

// AES-256-GCM. `key` is 32 bytes, `nonce` 12; the sealed form is ciphertext followed by the 16-byte
// tag.
inline constexpr std::size_t kAeadKeyBytes = 32;
inline constexpr std::size_t kAeadNonceBytes = 12;
inline constexpr std::size_t kAeadTagBytes = 16;
Result<Bytes> aead_seal(const Secret& key, const Bytes& nonce, std::string_view plain,
                        std::string_view associated);
Result<Bytes> aead_open(const Secret& key, const Bytes& nonce, std::string_view sealed,
                        std::string_view associated);

// AES-256-CBC with PKCS#7 padding, to read what others have stored. `key` is 32 bytes, `iv` 16. It
// tells nothing about who wrote it: never for anything new.
Result<Bytes> aes_cbc_open(const Secret& key, const Bytes& iv, const Bytes& sealed);

// HKDF-SHA256 (RFC 5869): derives independent keys from one secret, told apart by `info`.
Secret derive_key(const Secret& secret, std::string_view info, std::size_t size);

}  // namespace sallyport
