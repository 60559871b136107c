#include "module/policy/client_address.hpp"

#include "common/bytes.hpp"
#include "module/policy/forwarded_header.hpp"

#include <algorithm>

namespace sallyport::policy {
namespace {

constexpr unsigned kV4Bits = 96;  // where IPv4 starts in the mapped form

// Shorter prefixes hold so much of the internet that naming them is believing everybody.
constexpr unsigned kShortestV4 = 8;
constexpr unsigned kShortestV6 = 16;

struct NamedBlocks {
    std::string_view name;
    std::vector<std::string_view> blocks;
};

const std::vector<NamedBlocks>& named_blocks() {
    static const std::vector<NamedBlocks> kNames = {
        {"loopback", {"127.0.0.0/8", "::1/128"}},
        {"linklocal", {"169.254.0.0/16", "fe80::/10"}},
        {"uniquelocal", {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}},
    };
    return kNames;
}

bool is_mapped_v4(const Cidr& block) {
    return block.base.is_v4() && block.bits >= kV4Bits;
}

std::uint32_t v4_mask(unsigned length) {
    return length == 0 ? 0 : ~std::uint32_t{0} << (32 - length);
}

std::string in_quotes(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

// `255.255.0.0` as 16; nothing when the ones are not all in front.
std::optional<unsigned> mask_length(std::string_view text) {
    const auto mask = IpAddress::parse(text);
    if (!mask || !mask->is_v4() || text.find(':') != std::string_view::npos) {
        return std::nullopt;
    }
    for (unsigned length = 0; length <= 32; ++length) {
        if (v4_mask(length) == mask->v4()) {
            return length;
        }
    }
    return std::nullopt;
}

std::optional<unsigned> prefix_length(std::string_view text, unsigned width) {
    if (text.find('.') != std::string_view::npos) {
        return width == 32 ? mask_length(text) : std::nullopt;
    }
    const auto length = parse_u64(text);
    if (!length || *length > width || (text.size() > 1 && text.front() == '0')) {
        return std::nullopt;
    }
    return static_cast<unsigned>(*length);
}

Error not_a_proxy(std::string_view text) {
    return Error{in_quotes(text) +
                 " is not a proxy's address; write addresses, CIDR blocks, loopback, linklocal, "
                 "uniquelocal or unix: (names of hosts are not resolved)"};
}

// Reads one block of the list. Bits behind the prefix are dropped: proxies are often written as
// their own address with the network's length.
Result<Cidr> parse_block(std::string_view text) {
    const std::size_t slash = text.find('/');
    std::string_view base = text.substr(0, slash);
    const bool written_as_v6 = base.find(':') != std::string_view::npos;
    // A zone names an interface of this machine; the kernel has checked it, the bits do not hold
    // it.
    if (const std::size_t zone = base.find('%');
        zone != std::string_view::npos && written_as_v6 && zone + 1 < base.size()) {
        base = base.substr(0, zone);
    }
    const auto address = IpAddress::parse(base);
    if (!address) {
        return not_a_proxy(text);
    }
    const unsigned width = written_as_v6 ? 128 : 32;
    unsigned length = width;
    if (slash != std::string_view::npos) {
        const auto parsed = prefix_length(text.substr(slash + 1), width);
        if (!parsed) {
            return Error{in_quotes(text) + " has no valid prefix length; write 1 to " +
                         std::to_string(width)};
        }
        length = *parsed;
    }
    Cidr block;
    block.bits = static_cast<std::uint8_t>(128 - width + length);
    block.base = address->masked(block.bits);
    return block;
}

class Builder {
  public:
    explicit Builder(bool unsafe) : unsafe_(unsafe) {}

    Status add(std::string_view text) {
        if (text == "unix:") {
            out.rule.list.unix_peers = true;
            return Done{};
        }
        for (const NamedBlocks& named : named_blocks()) {
            if (named.name == text) {
                for (const std::string_view block : named.blocks) {
                    out.rule.list.add(*Cidr::parse(block));
                }
                return Done{};
            }
        }
        if (!text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos) {
            return Error{in_quotes(text) +
                         " is ambiguous in a list: a number of hops stands alone, an address has "
                         "dots"};
        }
        const auto block = parse_block(text);
        return block ? add_block(*block, text) : Status(block.error());
    }

    ParsedTrust out;

  private:
    Status add_block(const Cidr& block, std::string_view text) {
        const bool as_v6 = text.find(':') != std::string_view::npos;
        const unsigned length = as_v6 ? block.bits : block.bits - kV4Bits;
        if (length < (as_v6 ? kShortestV6 : kShortestV4)) {
            if (!unsafe_) {
                return Error{in_quotes(text) +
                             " would believe half the internet about who the client is; name the "
                             "proxies, at least /" +
                             std::to_string(as_v6 ? kShortestV6 : kShortestV4)};
            }
            out.warnings.push_back(in_quotes(text) + " lets far too many choose their address");
        }
        // In IPv4's terms this would be /0 to /7, written so that the rule above does not see it.
        if (as_v6 && is_mapped_v4(block) && block.bits < kV4Bits + kShortestV4) {
            out.warnings.push_back(in_quotes(text) +
                                   " is not taken to mean IPv4 addresses; write them as such");
            return Done{};
        }
        out.rule.list.add(block);
        return Done{};
    }

    bool unsafe_;
};

Result<ParsedTrust> parse_list(std::span<const std::string_view> words, bool unsafe) {
    Builder builder(unsafe);
    for (const std::string_view word : words) {
        Status status = Done{};
        for_each_split(word, ',', [&](std::string_view part) {
            part = trim_ows(part);
            if (status.ok()) {
                status = part.empty() ? Status(Error{in_quotes(word) +
                                                     " has an empty entry; write blanks between "
                                                     "entries and no comma at the end"})
                                      : builder.add(part);
            }
        });
        if (!status.ok()) {
            return status.error();
        }
    }
    builder.out.rule.kind = TrustRule::Kind::list;
    return builder.out;
}

bool looks_like_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("+-.0123456789") == std::string_view::npos &&
           std::count(text.begin(), text.end(), '.') < 2;
}

Result<ParsedTrust> parse_hops(std::string_view text, bool quoted) {
    if (quoted) {
        return Error{in_quotes(text) +
                     " in quotes is a text, not a number of hops; write it without quotes"};
    }
    const auto hops = parse_u64(text);
    if (!hops || *hops > kForwardedHopsMax || (text.size() > 1 && text.front() == '0')) {
        return Error{in_quotes(text) + " is not a number of hops; write a whole number from 0 to " +
                     std::to_string(kForwardedHopsMax)};
    }
    ParsedTrust out;
    out.rule.kind = *hops == 0 ? TrustRule::Kind::off : TrustRule::Kind::hops;
    out.rule.hops = static_cast<std::uint32_t>(*hops);
    return out;
}

// `true`, `all` and their like.
bool means_everybody(std::string_view text) {
    for (const std::string_view name : {"true", "on", "yes", "all", "*", "any"}) {
        if (ascii_iequals(text, name)) {
            return true;
        }
    }
    return false;
}

Result<ParsedTrust> parse_everybody(std::string_view text, bool unsafe) {
    if (!unsafe) {
        return Error{in_quotes(text) +
                     " would believe whatever a client writes about its address; write the number "
                     "of proxies or their addresses"};
    }
    ParsedTrust out;
    out.rule.kind = TrustRule::Kind::everybody;
    out.warnings.push_back("every client chooses its own address");
    return out;
}

}  // namespace

void TrustList::add(const Cidr& block) {
    if (is_mapped_v4(block)) {
        v4_.push_back({block.base.v4(), v4_mask(block.bits - kV4Bits)});
    } else {
        v6_.push_back(block);
    }
}

[[gnu::hot]] bool TrustList::contains(const IpAddress& address) const {
    if (address.is_v4()) {
        const std::uint32_t v4 = address.v4();
        for (const V4Block& block : v4_) {
            if ((v4 & block.mask) == block.base) {
                return true;
            }
        }
        return false;
    }
    for (const Cidr& block : v6_) {
        if (block.contains(address)) {
            return true;
        }
    }
    return false;
}

bool TrustList::overlaps(const Cidr& block) const {
    if (is_mapped_v4(block)) {
        const std::uint32_t mask = v4_mask(block.bits - kV4Bits);
        for (const V4Block& own : v4_) {
            if (((own.base ^ block.base.v4()) & own.mask & mask) == 0) {
                return true;
            }
        }
        return false;
    }
    for (const Cidr& own : v6_) {
        if (own.contains(block.base) || block.contains(own.base)) {
            return true;
        }
    }
    return false;
}

[[gnu::hot]] bool TrustRule::trusts(const std::optional<IpAddress>& address,
                                    std::size_t index) const {
    switch (kind) {
        case Kind::off:
            return false;
        case Kind::hops:
            return index < hops;
        case Kind::everybody:
            return true;
        case Kind::list:
        case Kind::proxy_protocol:
            return address ? list.contains(*address) : list.unix_peers;
    }
    return false;
}

Result<ParsedTrust> parse_trust(std::span<const std::string_view> words, bool quoted) {
    constexpr std::string_view kUnsafe = "unsafe_trust_all=on";
    const bool unsafe = words.size() > 1 && words.back() == kUnsafe;
    if (unsafe) {
        words = words.first(words.size() - 1);
    }
    const std::string_view first = words.front();
    if (first == "proxy_protocol") {
        if (words.size() == 1) {
            return Error{
                "\"proxy_protocol\" names no sources: whoever reaches the port could write any "
                "address; add the load balancers' addresses or blocks"};
        }
        auto list = parse_list(words.subspan(1), unsafe);
        if (list) {
            list->rule.kind = TrustRule::Kind::proxy_protocol;
        }
        return list;
    }
    if (words.size() > 1) {
        return parse_list(words, unsafe);
    }
    if (first == "off") {
        return ParsedTrust{};
    }
    if (means_everybody(first)) {
        return parse_everybody(first, unsafe);
    }
    if (looks_like_number(first)) {
        return parse_hops(first, quoted);
    }
    return parse_list(words, unsafe);
}

namespace {

// Walks the entries of X-Forwarded-For from the right.
class EntryWalk {
  public:
    explicit EntryWalk(std::span<const std::string_view> lines) : lines_(lines) {
        line_ = lines_.empty() ? std::string_view() : lines_.back();
    }

    // The next entry to the left that is not empty; nothing when there are no more.
    std::optional<std::string_view> next() {
        while (!lines_.empty()) {
            const std::size_t comma = line_.rfind(',');
            const bool last = comma == std::string_view::npos;
            const std::string_view entry = trim_ows(last ? line_ : line_.substr(comma + 1));
            if (last) {
                lines_ = lines_.first(lines_.size() - 1);
                line_ = lines_.empty() ? std::string_view() : lines_.back();
            } else {
                line_ = line_.substr(0, comma);
            }
            if (!entry.empty()) {
                return entry;
            }
        }
        return std::nullopt;
    }

  private:
    std::span<const std::string_view> lines_;
    std::string_view line_;
};

// REQUIRES of both walks: the peer, which `claim` holds, is believed.
void walk_entries(const TrustRule& rule, std::span<const std::string_view> lines,
                  ClientClaim& claim) {
    std::size_t bytes = 0;
    for (const std::string_view line : lines) {
        bytes += line.size();
    }
    if (bytes > kForwardedBytesMax) {
        claim.flag = ClientFlag::invalid_header;
        return;
    }
    EntryWalk entries(lines);
    std::size_t believed = 0;  // who is, from the peer on
    do {
        const auto entry = entries.next();
        if (!entry) {
            return;
        }
        const auto node = believed < kForwardedHopsMax ? parse_node(*entry) : std::nullopt;
        if (!node) {
            claim.flag = ClientFlag::invalid_entry;
            return;
        }
        claim.address = node->address;
        claim.text = node->text;
    } while (rule.trusts(claim.address, ++believed));
}

[[gnu::cold]] void walk_elements(const TrustRule& rule, std::span<const std::string_view> lines,
                                 ClientClaim& claim) {
    if (lines.empty()) {
        return;
    }
    ForwardedElements elements;
    if (!elements.parse(lines)) {
        claim.flag = ClientFlag::invalid_header;
        return;
    }
    for (std::size_t i = 0; i < elements.size() && rule.trusts(claim.address, i); ++i) {
        const ForwardedElement& element = elements[elements.size() - 1 - i];
        const auto node = parse_node(element.node, true);
        if (!node) {
            claim.flag = ClientFlag::invalid_entry;
            return;
        }
        claim.address = node->address;
        claim.text = node->text;
        claim.proto = element.proto;
        claim.host = element.host;
    }
}

}  // namespace

[[gnu::hot]] ClientClaim find_client(const TrustRule& rule, const std::optional<IpAddress>& peer,
                                     ForwardedField field,
                                     std::span<const std::string_view> lines) {
    ClientClaim claim;
    claim.address = peer;
    claim.peer_trusted = rule.trusts(peer, 0);
    if (!claim.peer_trusted) {
        return claim;
    }
    switch (field) {
        case ForwardedField::x_forwarded_for:
            walk_entries(rule, lines, claim);
            break;
        case ForwardedField::forwarded:
            walk_elements(rule, lines, claim);
            break;
    }
    return claim;
}

ClientClaim find_proxy_client(const TrustRule& rule, const std::optional<IpAddress>& peer,
                              std::string_view source) {
    ClientClaim claim;
    claim.address = peer;
    claim.peer_trusted = rule.trusts(peer, 0);
    if (!claim.peer_trusted) {
        return claim;
    }
    const auto address = IpAddress::parse(source);
    if (!address) {
        claim.flag = ClientFlag::proxy_local;
        return claim;
    }
    claim.address = address;
    claim.text = source;
    return claim;
}

}  // namespace sallyport::policy
