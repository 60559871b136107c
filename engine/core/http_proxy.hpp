// A proxy that a request names for itself: an HTTP server that is asked to CONNECT.
// Source: RFC 9110 section 9.3.6.
#pragma once

#include <cstdint>
#include <string>

namespace sallyport::engine {

struct HttpProxy {
    std::string host;  // a name or an address
    std::uint16_t port = 0;
    // Both, or no credentials are sent.
    std::string username;
    std::string password;
};

}  // namespace sallyport::engine
