// EgressPolicy: where the engine may connect to, and what an outgoing request may say. Pure: it
// looks at addresses, URLs and header fields; it resolves nothing and connects to nothing.
//
// Everything that is not a public unicast address is refused unless the operator listed it, in
// every spelling: private, loopback, link-local, shared (CGNAT), multicast, documentation,
// v4-mapped, NAT64, 6to4, Teredo, unique local. Sources: IANA special-purpose address registries
// (RFC 6890), RFC 6052, RFC 8215, WHATWG Fetch section 2.9 (bad ports).
#pragma once

#include "common/ip.hpp"
#include "common/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// A URL that passed `parse_egress_url`: canonical, without user information and fragment.
struct EgressUrl {
    std::string scheme;  // "http" or "https"
    std::string host;    // lower case, no trailing dot; an IPv6 literal without its brackets
    std::uint16_t port = 0;
    std::string target;    // path and query, begins with '/'
    bool literal = false;  // `host` is an IP address

    // scheme://host:port, the unit to which credentials belong.
    std::string origin() const;
    std::string text() const;
};

// Longer URLs are cut by proxies and servers anyway (RFC 9110 section 4.1 asks for 8000).
inline constexpr std::size_t kUrlBytesMax = 8192;

// Strict where parsers differ: no user information, no backslash, no control character, no
// shorthand or non-decimal IPv4, no non-ASCII host. Other bytes that a target may not hold are
// percent-encoded. The scheme and the syntax are judged here, the port and address by the policy.
Result<EgressUrl> parse_egress_url(std::string_view text);

class EgressPolicy {
  public:
    EgressPolicy() = default;

    // A list separated by commas or blanks: addresses, CIDR blocks, `host:port` exceptions
    // (a name or an address with one port, which may then be private).
    static Result<EgressPolicy> parse(std::string_view list);

    // Ports below 1024 other than 80 and 443, and ports of well-known non-HTTP services, are
    // refused unless a `host:port` exception names them.
    Status check_url(const EgressUrl& url) const;
    // One address that `url.host` resolved to; the message names the reason, not the address.
    Status check_address(const EgressUrl& url, const IpAddress& address) const;

  private:
    struct HostPort {
        std::string host;
        std::uint16_t port = 0;
    };
    Status add(std::string_view entry);
    bool listed(const IpAddress& address) const;
    bool excepted(const EgressUrl& url) const;

    std::vector<Cidr> blocks_;
    std::vector<HostPort> hosts_;
};

// Why this address is not public unicast; empty when it is.
std::string_view special_purpose(const IpAddress& address);

// Methods and header fields a caller may send. Refused: what frames the message or steers the
// connection (Host, Content-Length, Transfer-Encoding, Connection and its like), names that are not
// tokens, and values with control characters.
Status check_method(std::string_view method);
Status check_header(std::string_view name, std::string_view value);

// True for the few fields that may follow a redirect to another origin. All others may carry
// credentials, whatever their name.
bool survives_origin_change(std::string_view header_name);

}  // namespace sallyport::engine
