// Where the engine listens: a unix socket, or an address and a port.
#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::engine {

struct ListenAddress {
    std::string unix_path;      // not empty: a unix socket
    unsigned unix_mode = 0660;  // of its file
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;  // 0: any free one

    // `unix:PATH` or `ADDRESS:PORT` with an IP address.
    static Result<ListenAddress> parse(std::string_view text);
    bool is_private() const;  // a unix socket or loopback
    std::string to_string() const;
};

}  // namespace sallyport::engine
