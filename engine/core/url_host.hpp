// A host as it stands in a URL: an IPv6 address has brackets (RFC 3986 section 3.2.2), which one
// that has them already keeps.
#pragma once

#include <string>
#include <string_view>

namespace sallyport::engine {

inline std::string url_host(std::string_view host) {
    const bool bare_v6 = host.find(':') != std::string_view::npos && !host.starts_with('[');
    return bare_v6 ? "[" + std::string(host) + "]" : std::string(host);
}

}  // namespace sallyport::engine
