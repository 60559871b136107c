// IP addresses and CIDR blocks as 128-bit values, IPv4 mapped to ::ffff:0:0/96 so that one table
// serves both families. Parsing is strict: no octal, no shorthand, no zone identifiers.
#pragma once

#include "common/result.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sallyport {

// The longest text of an address.
inline constexpr std::size_t kIpTextBytesMax = 45;

// IPv4 stands in ::ffff:0:0/96.
inline constexpr unsigned kMappedBits = 96;

class IpAddress {
  public:
    IpAddress() = default;

    // Network byte order. v4-mapped IPv6 input is an IPv4 address here.
    static IpAddress from_v4(const std::uint8_t (&bytes)[4]) {
        return from_v4(std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
                       std::uint32_t{bytes[2]} << 8 | bytes[3]);
    }
    // Host byte order. Written as a whole word: it is read as one right afterwards, which waits for
    // bytes that were written one by one.
    static IpAddress from_v4(std::uint32_t host) {
        IpAddress address;
        const std::uint64_t low = big_endian(kMappedPrefix << 32 | host);
        std::memcpy(address.bytes_.data() + 8, &low, sizeof low);
        return address;
    }
    static IpAddress from_v6(const std::uint8_t (&bytes)[16]) {
        IpAddress address;
        std::memcpy(address.bytes_.data(), bytes, 16);
        return address;
    }
    // `text` as in RFC 6943 strict form: dotted decimal without leading zeros, or RFC 4291 IPv6.
    static std::optional<IpAddress> parse(std::string_view text);
    // The dotted form alone.
    static std::optional<IpAddress> parse_v4(std::string_view text);

    bool is_v4() const { return high() == 0 && low() >> 32 == kMappedPrefix; }
    const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
    // REQUIRES: is_v4(). Host byte order.
    std::uint32_t v4() const { return static_cast<std::uint32_t>(low() & 0xffffffff); }
    // Big-endian halves: the unit of comparison in lookups.
    std::uint64_t high() const { return load(0); }
    std::uint64_t low() const { return load(8); }
    // The address with all bits after the first `bits` (0 to 128, counted in IPv6) cleared.
    IpAddress masked(unsigned bits) const;
    // RFC 5952 text; IPv4 in dotted form, and nothing but IPv4: `::10.0.0.1` is `::a00:1`.
    std::string to_string() const;
    // The same without an allocation: how many characters of `out` were written.
    std::size_t write_to(std::span<char, kIpTextBytesMax> out) const;

    friend bool operator==(const IpAddress&, const IpAddress&) = default;
    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

  private:
    static constexpr std::uint64_t kMappedPrefix = 0xffff;

    std::uint64_t load(std::size_t at) const {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes_.data() + at, sizeof word);
        return big_endian(word);
    }
    static std::uint64_t big_endian(std::uint64_t word) {
        return std::endian::native == std::endian::little ? __builtin_bswap64(word) : word;
    }

    std::array<std::uint8_t, 16> bytes_{};
};

// A block of addresses. `bits` counts from the IPv6 start: an IPv4 /24 has 120.
struct Cidr {
    IpAddress base;
    std::uint8_t bits = 128;

    // Accepts `address` and `address/length`. Host bits set after the prefix are an error: the
    // writer meant something else.
    static Result<Cidr> parse(std::string_view text);

    IpAddress last() const;
    bool contains(const IpAddress& address) const { return address.masked(bits) == base; }
    std::string to_string() const;

    friend bool operator==(const Cidr&, const Cidr&) = default;
};

}  // namespace sallyport
