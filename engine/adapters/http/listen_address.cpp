#include "engine/adapters/http/listen_address.hpp"

#include "common/bytes.hpp"
#include "common/ip.hpp"
#include "engine/core/url_host.hpp"

namespace sallyport::engine {

Result<ListenAddress> ListenAddress::parse(std::string_view text) {
    ListenAddress address;
    if (text.starts_with("unix:")) {
        address.unix_path = text.substr(5);
        // sockaddr_un holds 108 bytes with the final zero.
        if (address.unix_path.empty() || address.unix_path.size() > 107) {
            return Error{"'" + std::string(text) + "': the path must have 1 to 107 bytes"};
        }
        return address;
    }
    const std::size_t colon = text.rfind(':');
    const auto port =
        colon == std::string_view::npos ? std::nullopt : parse_u64(text.substr(colon + 1));
    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    }
    if (!port || *port > 65535 || !IpAddress::parse(host)) {
        return Error{"'" + std::string(text) +
                     "' is no address to listen on: use unix:PATH or 127.0.0.1:PORT"};
    }
    address.host = host;
    address.port = static_cast<std::uint16_t>(*port);
    return address;
}

bool ListenAddress::is_private() const {
    const auto ip = IpAddress::parse(host);
    return !unix_path.empty() || host == "::1" || (ip && ip->is_v4() && ip->v4() >> 24 == 127);
}

std::string ListenAddress::to_string() const {
    if (!unix_path.empty()) {
        return "unix:" + unix_path;
    }
    return url_host(host) + ":" + std::to_string(port);
}

}  // namespace sallyport::engine
