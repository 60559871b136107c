// What proxies write about the client: entries of X-Forwarded-For and elements of RFC 7239's
// Forwarded. Everything is parsed strictly and nothing is copied: results are views of the header.
//
// Two readers of one header who disagree about it are a hole. So whatever has more than one reading
// (ports without brackets, octal numbers, blanks inside, escapes, zones) is invalid here.
#pragma once

#include "common/ip.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace sallyport::policy {

// A longer chain of proxies than anybody runs; bounds the work on a request.
inline constexpr std::size_t kForwardedHopsMax = 64;
// All lines of the header together. nginx's own header buffers hold 8k a line.
inline constexpr std::size_t kForwardedBytesMax = 8 * 1024;

// An address with an optional port: `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]`,
// `[2001:db8::1]:80` and, unless `brackets_required` (RFC 7239), `2001:db8::1`.
struct NodeAddress {
    IpAddress address;
    std::string_view text;  // the address without brackets and port
};
// Whatever is not IPv4 alone.
std::optional<NodeAddress> parse_other_node(std::string_view entry, bool brackets_required);
inline std::optional<NodeAddress> parse_node(std::string_view entry,
                                             bool brackets_required = false) {
    // What most proxies write.
    if (const auto v4 = IpAddress::parse_v4(entry)) {
        return NodeAddress{*v4, entry};
    }
    return parse_other_node(entry, brackets_required);
}

// One element of Forwarded: what one proxy says about the connection it received.
struct ForwardedElement {
    std::string_view node;  // for=
    std::string_view proto;
    std::string_view host;
};

// The elements of all lines, in the order written; the rightmost was written by the nearest proxy.
class ForwardedElements {
  public:
    // False when a line is not of RFC 7239's grammar, a parameter stands twice in an element, or
    // there is more than the bounds above allow. Then there are no elements.
    bool parse(std::span<const std::string_view> lines);

    std::size_t size() const { return size_; }
    // REQUIRES: index < size().
    const ForwardedElement& operator[](std::size_t index) const { return elements_[index]; }

  private:
    bool parse_line(std::string_view line);

    std::array<ForwardedElement, kForwardedHopsMax> elements_;
    std::size_t size_ = 0;
};

// A host as it may stand in a Host field, with an optional port: letters, digits, `-`, `.`, `_`, or
// a bracketed IPv6 address.
bool is_host_and_port(std::string_view text);

// The last member of a comma-separated list, without blanks around it: what the nearest proxy
// wrote.
std::string_view last_member(std::string_view list);

}  // namespace sallyport::policy
