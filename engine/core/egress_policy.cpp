#include "engine/core/egress_policy.hpp"

#include "common/bytes.hpp"
#include "engine/core/special_addresses.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace sallyport::engine {
namespace {

// WHATWG Fetch "bad ports" above 1023: services that answer to a request line they take for a
// command. Below 1024 everything but the web's own two ports is refused.
constexpr std::array<std::uint16_t, 18> kBadHighPorts = {1719, 1720, 1723, 2049, 3659, 4045,
                                                         4190, 5060, 5061, 6000, 6566, 6665,
                                                         6666, 6667, 6668, 6669, 6697, 10080};
constexpr std::uint16_t kFirstUnprivilegedPort = 1024;

constexpr std::array<std::string_view, 7> kMethods = {"GET",   "HEAD",   "POST",   "PUT",
                                                      "PATCH", "DELETE", "OPTIONS"};

// Fields that belong to the client's own framing and connection handling (RFC 9110 section 7.6.1).
constexpr std::array<std::string_view, 12> kOwnFields = {
    "connection", "content-length",   "expect",  "host",    "http2-settings",    "keep-alive",
    "te",         "proxy-connection", "trailer", "upgrade", "transfer-encoding", "via"};

constexpr std::array<std::string_view, 5> kOriginFreeFields = {
    "accept", "accept-encoding", "accept-language", "content-type", "user-agent"};

template <typename List, typename T>
bool contains(const List& list, const T& value) {
    return std::find(std::begin(list), std::end(list), value) != std::end(list);
}

}  // namespace

std::string_view special_purpose(const IpAddress& address) {
    for (const auto& block : kSpecialBlocks) {
        if (address.masked(block.bits) == block.base()) {
            return block.reason;
        }
    }
    if (!address.is_v4() && (address.bytes()[0] & 0xe0) != 0x20) {
        return "outside of global unicast";  // 2000::/3 is all there is (RFC 4291 section 2.4)
    }
    return {};
}

Result<EgressPolicy> EgressPolicy::parse(std::string_view list) {
    EgressPolicy policy;
    while (!list.empty()) {
        const std::size_t end = std::min(list.find_first_of(", \t\r\n"), list.size());
        if (end > 0) {
            const Status added = policy.add(list.substr(0, end));
            if (!added.ok()) {
                return added.error();
            }
        }
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return policy;
}

Status EgressPolicy::add(std::string_view entry) {
    const auto block = Cidr::parse(entry);
    if (block.ok()) {
        blocks_.push_back(*block);
        return Done{};
    }
    const std::size_t colon = entry.rfind(':');
    const bool has_port = colon != std::string_view::npos && colon + 1 < entry.size() &&
                          entry.back() != ']' && entry.find('/') == std::string_view::npos;
    const auto url = parse_egress_url("http://" + std::string(entry) + "/");
    if (!has_port || !url.ok()) {
        return Error{"\"" + std::string(entry) +
                     "\" is neither an address, a CIDR block nor host:port: " +
                     (entry.find('/') == std::string_view::npos ? "write 10.0.0.0/8 or name:8080"
                                                                : block.message())};
    }
    hosts_.push_back({url->host, url->port});
    return Done{};
}

bool EgressPolicy::excepted(const EgressUrl& url) const {
    return std::any_of(hosts_.begin(), hosts_.end(), [&](const HostPort& entry) {
        return entry.port == url.port && entry.host == url.host;
    });
}

// A cloud's metadata service gives away the machine's own credentials, so a broad block does not
// open it: the entry must be that very address. A NAT64 address reaches its embedded IPv4 address,
// so both must be listed.
bool EgressPolicy::listed(const IpAddress& address) const {
    const bool metadata = is_metadata_address(address);
    const bool found = std::any_of(blocks_.begin(), blocks_.end(), [&](const Cidr& block) {
        return block.contains(address) && (!metadata || block.bits == 128);
    });
    if (!found) {
        return false;
    }
    const auto embedded = nat64_embedded(address);
    return !embedded || special_purpose(*embedded).empty() || listed(*embedded);
}

Status EgressPolicy::check_url(const EgressUrl& url) const {
    if (excepted(url)) {
        return Done{};
    }
    const bool web = url.port == 80 || url.port == 443;
    if (!web && (url.port < kFirstUnprivilegedPort || contains(kBadHighPorts, url.port))) {
        return Error{"port " + std::to_string(url.port) + " is not for HTTP; list " + url.host +
                     ":" + std::to_string(url.port) + " as an egress exception if it is"};
    }
    return Done{};
}

Status EgressPolicy::check_address(const EgressUrl& url, const IpAddress& address) const {
    const std::string_view reason = special_purpose(address);
    if (reason.empty() || excepted(url) || listed(address)) {
        return Done{};
    }
    return Error{"the address of " + url.host + " is not allowed (" + std::string(reason) + ")"};
}

Status check_method(std::string_view method) {
    if (contains(kMethods, method)) {
        return Done{};
    }
    return Error{"method not allowed; use GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS"};
}

Status check_header(std::string_view name, std::string_view value) {
    if (!is_token(name)) {
        return Error{"a header name holds a character that names may not hold"};
    }
    const std::string lower = ascii_lower(name);
    if (contains(kOwnFields, lower) || lower.starts_with("proxy-")) {
        return Error{"header " + lower + " is set by the client itself; remove it"};
    }
    if (!is_field_value(value)) {
        return Error{"header " + lower + " holds a control character"};
    }
    return Done{};
}

bool survives_origin_change(std::string_view header_name) {
    return contains(kOriginFreeFields, ascii_lower(header_name));
}

}  // namespace sallyport::engine
