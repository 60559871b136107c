// Who the client is when proxies stand in front: whom to believe, and the walk from the
// connection's peer leftwards through what they wrote, as far as it is believed and no further.
//
// Three ways to believe: so many hops; a list of addresses; a list of addresses that may speak the
// PROXY protocol. Nobody is believed without being named. What cannot be read ends the walk: the
// client is then the last address that was read, and it is flagged as unverified.
#pragma once

#include "common/ip.hpp"
#include "common/result.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

// Addresses that are believed. IPv4 and IPv6 blocks never stand for one another: `::/16` does not
// hold the IPv4 addresses that are mapped into it.
class TrustList {
  public:
    void add(const Cidr& block);
    bool contains(const IpAddress& address) const;
    bool empty() const { return v4_.empty() && v6_.empty() && !unix_peers; }
    bool overlaps(const Cidr& block) const;

    bool unix_peers = false;  // the word `unix:`: peers on a unix socket, who have no address

  private:
    struct V4Block {
        std::uint32_t base;
        std::uint32_t mask;
    };
    std::vector<V4Block> v4_;
    std::vector<Cidr> v6_;
};

struct TrustRule {
    enum class Kind : std::uint8_t { off, hops, list, proxy_protocol, everybody };
    Kind kind = Kind::off;
    std::uint32_t hops = 0;
    TrustList list;

    // Is the address at `index` of the chain (0: the connection's peer) believed? No address: a
    // peer on a unix socket.
    bool trusts(const std::optional<IpAddress>& address, std::size_t index) const;
};

struct ParsedTrust {
    TrustRule rule;
    std::vector<std::string> warnings;  // risks the operator took in words
};

// The arguments of sallyport_trust_proxy. `quoted`: the only argument was written in quotes, so
// that digits are a text and not a number.
Result<ParsedTrust> parse_trust(std::span<const std::string_view> words, bool quoted = false);

enum class ForwardedField : std::uint8_t { x_forwarded_for, forwarded };

// Why a client's address is not verified.
enum class ClientFlag : std::uint8_t {
    none,
    invalid_entry,   // the walk ended at something that is no address
    invalid_header,  // the header as a whole cannot be read: the client is the peer
    proxy_local,     // PROXY protocol without an address: a health check of the proxy itself
};
constexpr std::string_view word(ClientFlag flag) {
    constexpr std::string_view words[] = {"", "invalid-entry", "invalid-header", "proxy-local"};
    return words[static_cast<std::size_t>(flag)];
}

struct ClientClaim {
    std::optional<IpAddress> address;  // nothing: a peer on a unix socket
    std::string_view text;             // as written, without port; empty: the peer itself
    ClientFlag flag = ClientFlag::none;
    bool peer_trusted = false;
    // Of the Forwarded element that named the client; empty without one.
    std::string_view proto;
    std::string_view host;
};

// `lines`: the header's lines in the order received. REQUIRES: rule.kind is not proxy_protocol.
ClientClaim find_client(const TrustRule& rule, const std::optional<IpAddress>& peer,
                        ForwardedField field, std::span<const std::string_view> lines);

// The same for a connection that began with a PROXY header. `source` is the address it names; empty
// for LOCAL, UNKNOWN and families without addresses. REQUIRES: rule.kind is proxy_protocol.
ClientClaim find_proxy_client(const TrustRule& rule, const std::optional<IpAddress>& peer,
                              std::string_view source);

}  // namespace sallyport::policy
