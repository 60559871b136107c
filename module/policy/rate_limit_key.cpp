#include "module/policy/rate_limit_key.hpp"

#include <bit>
#include <cstring>

namespace sallyport::policy {
namespace {

std::uint64_t to_le(std::uint64_t word) {
    return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
}

std::uint64_t load_le(const std::uint8_t* bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    return to_le(word);
}

class SipHash {
  public:
    explicit SipHash(const HashSecret& secret) {
        const std::uint64_t k0 = load_le(secret.data());
        const std::uint64_t k1 = load_le(secret.data() + 8);
        v0_ = k0 ^ 0x736f6d6570736575U;
        v1_ = k1 ^ 0x646f72616e646f6dU ^ 0xee;  // 0xee: the 128-bit variant
        v2_ = k0 ^ 0x6c7967656e657261U;
        v3_ = k1 ^ 0x7465646279746573U;
    }

    void update(const std::uint8_t* data, std::size_t size) {
        total_ += size;
        while (size > 0) {
            if (held_ == 0 && size >= 8) {
                absorb(load_le(data));
                data += 8;
                size -= 8;
                continue;
            }
            word_ |= std::uint64_t{*data++} << (8 * held_);
            --size;
            if (++held_ == 8) {
                absorb(word_);
                word_ = 0;
                held_ = 0;
            }
        }
    }

    // REQUIRES: whole words only so far, for these two.
    void update_word(std::uint64_t word) {
        total_ += 8;
        absorb(word);
    }
    // `text` and zeros up to the next whole word.
    void update_padded(std::string_view text) {
        const std::uint8_t* data = as_bytes(text);
        std::size_t left = text.size();
        for (; left >= 8; data += 8, left -= 8) {
            update_word(load_le(data));
        }
        if (left > 0) {
            std::uint64_t word = 0;
            for (std::size_t i = 0; i < left; ++i) {
                word |= std::uint64_t{data[i]} << (8 * i);
            }
            update_word(word);
        }
    }

    [[gnu::always_inline]] KeyHash finish() {
        absorb(word_ | (std::uint64_t{total_} << 56));
        v2_ ^= 0xee;
        rounds(4);
        KeyHash out;
        out.low = v0_ ^ v1_ ^ v2_ ^ v3_;
        v1_ ^= 0xdd;
        rounds(4);
        out.high = v0_ ^ v1_ ^ v2_ ^ v3_;
        return out;
    }

  private:
    [[gnu::always_inline]] void absorb(std::uint64_t word) {
        v3_ ^= word;
        rounds(2);
        v0_ ^= word;
    }

    [[gnu::always_inline]] void rounds(int count) {
        for (int i = 0; i < count; ++i) {
            v0_ += v1_;
            v1_ = std::rotl(v1_, 13) ^ v0_;
            v0_ = std::rotl(v0_, 32);
            v2_ += v3_;
            v3_ = std::rotl(v3_, 16) ^ v2_;
            v0_ += v3_;
            v3_ = std::rotl(v3_, 21) ^ v0_;
            v2_ += v1_;
            v1_ = std::rotl(v1_, 17) ^ v2_;
            v2_ = std::rotl(v2_, 32);
        }
    }

    std::uint64_t v0_, v1_, v2_, v3_;
    std::uint64_t word_ = 0;
    std::size_t total_ = 0;
    unsigned held_ = 0;
};

}  // namespace

KeyHash siphash(const HashSecret& secret, std::string_view text) {
    SipHash hash(secret);
    hash.update(as_bytes(text), text.size());
    return hash.finish();
}

[[gnu::hot]] KeyHash key_hash(const HashSecret& secret, const KeyParts& key) {
    SipHash hash(secret);
    for (std::size_t i = 0; i < key.count; ++i) {
        hash.update_word(key.parts[i].size());
        hash.update_padded(key.parts[i]);
    }
    return hash.finish();
}

KeyText key_text(const HashSecret& secret, const KeyParts& key) {
    DigestStream stream(DigestAlgorithm::sha256);
    stream.update({reinterpret_cast<const char*>(secret.data()), secret.size()});
    for (std::size_t i = 0; i < key.count; ++i) {
        const std::uint64_t size = to_le(key.parts[i].size());
        stream.update({reinterpret_cast<const char*>(&size), sizeof size});
        stream.update(key.parts[i]);
    }
    std::array<std::uint8_t, 32> mac;
    stream.finish(mac.data());
    constexpr std::string_view digits = "0123456789abcdef";
    KeyText out;
    for (std::size_t i = 0; i < out.size() / 2; ++i) {
        out[2 * i] = digits[mac[i] >> 4];
        out[2 * i + 1] = digits[mac[i] & 15];
    }
    return out;
}

[[gnu::hot]] std::string_view address_part(const IpAddress& address, unsigned ipv6_prefix,
                                           std::array<std::uint8_t, 16>& out) {
    out = address.is_v4() ? address.bytes() : address.masked(ipv6_prefix).bytes();
    return {reinterpret_cast<const char*>(out.data()), out.size()};
}

}  // namespace sallyport::policy
