// The IP address in a socket's address.
#pragma once

#include "common/ip.hpp"

#include <netinet/in.h>

#include <cstdint>
#include <cstring>
#include <optional>

namespace sallyport {

// Nothing for other families than IPv4 and IPv6.
inline std::optional<IpAddress> ip_of(const sockaddr* address) {
    if (address->sa_family == AF_INET) {
        std::uint8_t bytes[4];
        std::memcpy(bytes, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, 4);
        return IpAddress::from_v4(bytes);
    }
    if (address->sa_family == AF_INET6) {
        std::uint8_t bytes[16];
        std::memcpy(bytes, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, 16);
        return IpAddress::from_v6(bytes);
    }
    return std::nullopt;
}

}  // namespace sallyport
