// The IP address in a socket's address.
#pragma once

#include "common/ip.hpp"

#include <netinet/in.h>

#include <cstdint>
#include <cstring>
#include <optional>

namespace sallyport {

inline IpAddress v4_of(const sockaddr_in& address) {
    std::uint8_t bytes[4];
    std::memcpy(bytes, &address.sin_addr, sizeof bytes);
    return IpAddress::from_v4(bytes);
}

// Nothing for other families than IPv4 and IPv6.
inline std::optional<IpAddress> ip_of(const sockaddr* address) {
    if (address->sa_family == AF_INET) {
        return v4_of(*reinterpret_cast<const sockaddr_in*>(address));
    }
    if (address->sa_family == AF_INET6) {
        std::uint8_t bytes[16];
        std::memcpy(bytes, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, 16);
        return IpAddress::from_v6(bytes);
    }
    return std::nullopt;
}

}  // namespace sallyport
