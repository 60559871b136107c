// The table behind EgressPolicy: blocks that are not public unicast, cloud metadata services, and
// the IPv4 address inside a NAT64 address. Data only; the policy decides what it means.
//
// Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries; RFC 6052 (NAT64), RFC 8215 (local
// NAT64), RFC 3056 (6to4), RFC 4380 (Teredo), RFC 9637 (3fff::/20).
#pragma once

#include "common/ip.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::engine {

struct SpecialBlock {
    std::uint8_t bytes[16];
    std::uint8_t bits;  // counted in IPv6: an IPv4 /8 has 104
    std::string_view reason;

    IpAddress base() const { return IpAddress::from_v6(bytes); }
};

constexpr SpecialBlock v4_block(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d,
                                std::uint8_t bits, std::string_view reason) {
    return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d},
            static_cast<std::uint8_t>(96 + bits),
            reason};
}

// The first 64 bits as four groups; no special block needs more.
constexpr SpecialBlock v6_block(std::uint16_t a, std::uint16_t b, std::uint16_t c, std::uint16_t d,
                                std::uint8_t bits, std::string_view reason) {
    const auto high = [](std::uint16_t group) { return static_cast<std::uint8_t>(group >> 8); };
    const auto low = [](std::uint16_t group) { return static_cast<std::uint8_t>(group & 0xff); };
    return {{high(a), low(a), high(b), low(b), high(c), low(c), high(d), low(d), 0, 0, 0, 0, 0, 0,
             0, 0},
            bits,
            reason};
}

inline constexpr std::array kSpecialBlocks = {
    v4_block(0, 0, 0, 0, 8, "this network"),
    v4_block(10, 0, 0, 0, 8, "private"),
    v4_block(100, 64, 0, 0, 10, "shared address space"),
    v4_block(127, 0, 0, 0, 8, "loopback"),
    v4_block(168, 63, 129, 16, 32, "cloud metadata"),
    v4_block(169, 254, 0, 0, 16, "link-local"),
    v4_block(172, 16, 0, 0, 12, "private"),
    v4_block(192, 0, 0, 0, 24, "protocol assignments"),
    v4_block(192, 0, 2, 0, 24, "documentation"),
    v4_block(192, 88, 99, 0, 24, "6to4 relay"),
    v4_block(192, 168, 0, 0, 16, "private"),
    v4_block(198, 18, 0, 0, 15, "benchmarking"),
    v4_block(198, 51, 100, 0, 24, "documentation"),
    v4_block(203, 0, 113, 0, 24, "documentation"),
    v4_block(224, 0, 0, 0, 4, "multicast"),
    v4_block(240, 0, 0, 0, 4, "reserved"),
    v6_block(0x0064, 0xff9b, 0, 0, 96, "NAT64"),
    v6_block(0x0064, 0xff9b, 1, 0, 48, "local NAT64"),
    v6_block(0x2001, 0, 0, 0, 32, "Teredo"),
    v6_block(0x2001, 0, 0, 0, 23, "protocol assignments"),
    v6_block(0x2001, 0x0db8, 0, 0, 32, "documentation"),
    v6_block(0x2002, 0, 0, 0, 16, "6to4"),
    v6_block(0x3fff, 0, 0, 0, 20, "documentation"),
    v6_block(0xfc00, 0, 0, 0, 7, "unique local"),
    v6_block(0xfe80, 0, 0, 0, 10, "link-local"),
    v6_block(0xfec0, 0, 0, 0, 10, "site-local"),
    v6_block(0xff00, 0, 0, 0, 8, "multicast"),
};

// Addresses that hand out a machine's credentials: AWS, GCP, Azure and others share
// 169.254.169.254; ECS tasks, EKS pods, Azure's wire server, Alibaba, Oracle, and the IPv6 forms of
// AWS and GCP.
inline bool is_metadata_address(const IpAddress& address) {
    static const std::array<IpAddress, 8> kAddresses = {
        *IpAddress::parse("169.254.169.254"), *IpAddress::parse("169.254.170.2"),
        *IpAddress::parse("169.254.170.23"),  *IpAddress::parse("168.63.129.16"),
        *IpAddress::parse("100.100.100.200"), *IpAddress::parse("192.0.0.192"),
        *IpAddress::parse("fd00:ec2::254"),   *IpAddress::parse("fd20:ce::254")};
    return std::find(kAddresses.begin(), kAddresses.end(), address) != kAddresses.end();
}

// The IPv4 address that a packet to 64:ff9b::/96 reaches (RFC 6052 section 2.1).
inline std::optional<IpAddress> nat64_embedded(const IpAddress& address) {
    if (address.masked(96) != v6_block(0x0064, 0xff9b, 0, 0, 96, {}).base()) {
        return std::nullopt;
    }
    const auto& b = address.bytes();
    const std::uint8_t v4[4] = {b[12], b[13], b[14], b[15]};
    return IpAddress::from_v4(v4);
}

}  // namespace sallyport::engine
