// What clients and proxies write about the client, from any bytes: no crash, and whatever the walk
// finds is either the peer or an address that stands in the input, read in one way only. The first
// byte chooses the rule, the rest is the header, lines separated by line feeds.
#include "module/policy/client_address.hpp"
#include "module/policy/forwarded_header.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

using sallyport::IpAddress;
namespace policy = sallyport::policy;

namespace {

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

void check(const policy::ClientClaim& claim, const IpAddress& peer, std::string_view input) {
    require(claim.address.has_value());
    if (claim.text.empty()) {
        require(*claim.address == peer);
        return;
    }
    require(input.find(claim.text) != std::string_view::npos);
    require(IpAddress::parse(claim.text) == claim.address);
    require(IpAddress::parse(claim.address->to_string()) == claim.address);
}

void check_setting(std::string_view text) {
    std::vector<std::string_view> words;
    while (!text.empty()) {
        const std::size_t blank = text.find(' ');
        words.push_back(text.substr(0, blank));
        text = blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1);
    }
    if (words.empty()) {
        return;
    }
    const auto trust = policy::parse_trust(words);
    // Nothing but the words for it makes everybody believed.
    if (trust && words.back() != "unsafe_trust_all=on") {
        require(trust->rule.kind != policy::TrustRule::Kind::everybody);
        const bool low = trust->rule.list.contains(*IpAddress::parse("1.1.1.1"));
        const bool high = trust->rule.list.contains(*IpAddress::parse("223.1.1.1"));
        const bool both_written = words.size() > 1 || words.front().find(',') != words.front().npos;
        require(!(low && high) || both_written);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    std::vector<std::string_view> lines;
    for (std::string_view rest = text;;) {
        const std::size_t end = rest.find('\n');
        lines.push_back(rest.substr(0, end));
        if (end == std::string_view::npos) {
            break;
        }
        rest.remove_prefix(end + 1);
    }
    policy::TrustRule rule;
    rule.kind = static_cast<policy::TrustRule::Kind>(data[0] % 3);
    rule.hops = data[0];
    rule.list.add(*sallyport::Cidr::parse("10.0.0.0/8"));
    rule.list.add(*sallyport::Cidr::parse("2001:db8::/32"));
    const IpAddress peer = *IpAddress::parse("10.0.0.1");
    check(find_client(rule, peer, policy::ForwardedField::x_forwarded_for, lines), peer, text);
    check(find_client(rule, peer, policy::ForwardedField::forwarded, lines), peer, text);
    rule.kind = policy::TrustRule::Kind::proxy_protocol;
    check(find_proxy_client(rule, peer, text), peer, text);
    (void)policy::is_host_and_port(text);
    check_setting(text);
    return 0;
}
