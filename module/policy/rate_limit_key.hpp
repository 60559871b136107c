// Keys of rate limits: what a request is counted under, reduced to 128 bits.
//
// A key is a list of parts (the values of nginx variables and the text between them). Each part is
// hashed with its length, so that "ab"+"c" and "a"+"bc" differ. The raw key is never stored.
#pragma once

#include "common/crypto.hpp"
#include "common/ip.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sallyport::policy {

// More parts than any sensible key has; keeps a request's key on the stack.
inline constexpr std::size_t kKeyPartsMax = 16;

struct KeyParts {
    KeyParts() noexcept : count(0) {}

    // A request builds one for each limit: places that it does not use cost nothing.
    union {
        std::string_view parts[kKeyPartsMax];
    };
    std::size_t count;

    // REQUIRES: count < kKeyPartsMax.
    void add(std::string_view part) { parts[count++] = part; }
};

struct KeyHash {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    friend bool operator==(const KeyHash&, const KeyHash&) = default;
};

// Which of `count` places half of a hash names: multiplication instead of division.
constexpr std::size_t place_among(std::uint64_t half, std::size_t count) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::size_t>((Wide{half} * count) >> 64);
}

using HashSecret = std::array<std::uint8_t, 16>;

// SipHash-2-4 with 128-bit output (Aumasson and Bernstein 2012, and its 128-bit variant). For
// tables in memory whose secret nobody outside knows.
KeyHash siphash(const HashSecret& secret, std::string_view text);
// Of each part its length in eight bytes and itself, filled up with zeros to a multiple of eight.
KeyHash key_hash(const HashSecret& secret, const KeyParts& key);

// SHA-256 of the secret and the parts (each behind its length in eight bytes), cut to 128 bits, as
// 32 lower-case hex digits: for names in a shared store, where the secret may be known to many, so
// that the hash itself must withstand collisions. Cutting it keeps the inner state, and thus
// extensions, out of reach.
using KeyText = std::array<char, 32>;
KeyText key_text(const HashSecret& secret, const KeyParts& key);

// `address` as a key part: IPv4 whole, IPv6 cut to `ipv6_prefix` bits, so that a client cannot
// leave its bucket by moving through its own network. `out` must outlive the key.
std::string_view address_part(const IpAddress& address, unsigned ipv6_prefix,
                              std::array<std::uint8_t, 16>& out);

}  // namespace sallyport::policy
