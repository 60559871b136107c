#include "module/policy/ip_list.hpp"

#include "common/byte_order_mark.hpp"
#include "common/bytes.hpp"
#include "common/ip.hpp"
#include "common/limits.hpp"
#include "module/policy/http_status.hpp"

#include <algorithm>

namespace sallyport::policy {
namespace {

constexpr std::uint32_t kRetryAfterS = 1;

std::string_view without_comment(std::string_view line) {
    line = line.substr(0, line.find_first_of("#;"));
    if (!line.empty() && line.back() == '\r') {
        line.remove_suffix(1);
    }
    return trim_ows(line);
}

bool covers_everything(const Cidr& block, std::string_view text) {
    const bool written_as_v4 = text.find(':') == std::string_view::npos;
    return block.bits == (written_as_v4 ? kMappedBits : 0);
}

Decision not_loaded() {
    return Decision::deny(Reason::ip_list_not_loaded, kServiceUnavailable, kRetryAfterS);
}

}  // namespace

Result<Cidr> parse_ip_block(std::string_view text) {
    auto block = Cidr::parse(text);
    if (block.ok() && covers_everything(*block, text)) {
        return Error{"\"" + std::string(text) + "\" covers every address; write all instead"};
    }
    return block;
}

Result<std::vector<Cidr>> parse_ip_list(std::string_view text, std::string_view source) {
    text = without_byte_order_mark(text);
    std::vector<Cidr> blocks;
    // Most blocks take 15 to 20 bytes of text.
    blocks.reserve(std::min(kIpListBlocksMax, text.size() / 16));
    std::size_t line_number = 0;
    std::string error;
    for_each_split(text, '\n', [&](std::string_view line) {
        ++line_number;
        const std::string_view entry = without_comment(line);
        if (entry.empty() || !error.empty()) {
            return;
        }
        auto block = parse_ip_block(entry);
        if (!block) {
            error = block.message();
        } else if (blocks.size() == kIpListBlocksMax) {
            error = "more than " + std::to_string(kIpListBlocksMax) + " blocks";
        } else {
            blocks.push_back(*block);
            return;
        }
        error = std::string(source) + ":" + std::to_string(line_number) + ": " + error;
    });
    if (!error.empty()) {
        return Error{error};
    }
    return blocks;
}

bool is_ip_list_name(std::string_view text) {
    const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
    const bool shaped = !text.empty() && text.size() <= limits::kNameBytesMax &&
                        letter(text.front()) && std::all_of(text.begin(), text.end(), [&](char c) {
                            return letter(c) || (c >= '0' && c <= '9') || c == '_';
                        });
    return shaped && text != "all" && text != "off" && text != "unix";
}

IpRules nest(const IpRules& outer, const IpRules& inner) {
    IpRules out = inner;
    const bool inner_decides = !inner.allow.empty() || inner.deny.all;
    if (!inner_decides) {
        out.allow = outer.allow;
        out.deny.all = outer.deny.all;
    }
    out.deny.lists.insert(out.deny.lists.end(), outer.deny.lists.begin(), outer.deny.lists.end());
    out.deny.blocks.insert(out.deny.blocks.end(), outer.deny.blocks.begin(),
                           outer.deny.blocks.end());
    out.deny.unix_clients = inner.deny.unix_clients || outer.deny.unix_clients;
    return out;
}

IpGate::IpGate(const IpRules& rules)
    : allow_(compile(rules.allow)),
      deny_(compile(rules.deny)),
      only_denies_lists_(!allow_.has_entries && deny_.blocks.empty() && !deny_.all) {}

IpGate::Side IpGate::compile(const IpRules::Side& side) {
    return {side.lists, IpSet(side.blocks), side.unix_clients, side.all, side.has_entries()};
}

[[gnu::hot]] IpGate::Match IpGate::match(const Side& side, const IpAddress* client,
                                         std::string_view* rule) {
    if (client == nullptr) {
        return side.unix_clients ? Match::yes : Match::no;
    }
    if (!side.blocks.empty() && side.blocks.contains(*client)) {
        return Match::yes;
    }
    Match out = Match::no;
    for (const IpList* list : side.lists) {
        if (list->contains(*client)) {
            *rule = list->name;
            return Match::yes;
        }
        if (list->must_be_awaited()) {
            *rule = list->name;
            out = Match::unloaded;
        }
    }
    return out;
}

bool IpGate::may_await() const {
    const auto waits = [](const IpList* list) { return list->refuse_unloaded; };
    return std::any_of(allow_.lists.begin(), allow_.lists.end(), waits) ||
           std::any_of(deny_.lists.begin(), deny_.lists.end(), waits);
}

[[gnu::hot]] IpGate::Outcome IpGate::decide(const IpAddress* client, bool verified) const {
    std::string_view rule = "sallyport_deny";
    const Match denied = match(deny_, client, &rule);
    if (denied != Match::no) {
        return {denied == Match::yes ? Decision::deny(Reason::ip_denied, kForbidden) : not_loaded(),
                rule};
    }
    if (!allow_.has_entries) {
        return {deny_.all && !allow_.all ? Decision::deny(Reason::ip_denied, kForbidden)
                                         : Decision::allow(),
                "sallyport_deny"};
    }
    rule = "sallyport_allow";
    if (!verified && !allow_.all) {
        return {Decision::deny(Reason::client_address_unverified, kForbidden), rule};
    }
    const Match allowed = match(allow_, client, &rule);
    if (allowed == Match::yes || allow_.all) {
        return {Decision::allow(), rule};
    }
    if (allowed == Match::unloaded) {
        return {not_loaded(), rule};
    }
    return {Decision::deny(Reason::ip_not_allowed, kForbidden), "sallyport_allow"};
}

}  // namespace sallyport::policy
