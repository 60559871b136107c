#include "common/bytes.hpp"
#include "common/units.hpp"
#include "module/nginx/ban_conf.hpp"
#include "module/nginx/levels.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace sallyport::ngx {
namespace {

using policy::BanRule;

constexpr std::uint64_t kZoneBytesMin = 128 * 1024;
constexpr std::uint64_t kZoneBytesMax = std::uint64_t{1} << 30;
constexpr std::size_t kCredentialHeadersMax = 8;

Status set_rule(DirectiveCall& call) {
    auto* main = static_cast<BanMain*>(call.main);
    auto* location = static_cast<BanLocation*>(call.location);
    if (call.arg(0) == "off") {
        if (call.size() > 1) {
            return Error{"\"off\" takes nothing behind it; remove \"" + std::string(call.arg(1)) +
                         "\""};
        }
        location->off = true;
        return Done{};
    }
    std::vector<std::string_view> arguments;
    for (std::size_t i = 0; i < call.size(); ++i) {
        arguments.push_back(call.arg(i));
    }
    auto rule = policy::parse_ban_rule(arguments);
    if (!rule) {
        return rule.error();
    }
    const bool taken = std::any_of(main->rules.begin(), main->rules.end(),
                                   [&](const BanRule& one) { return one.name == rule->name; });
    if (taken) {
        return Error{"the ban \"" + rule->name + "\" is defined twice; choose another name"};
    }
    if (main->rules.size() == kBanRulesMax) {
        return Error{"\"" + rule->name + "\" is one ban too many; " + std::to_string(kBanRulesMax) +
                     " are the limit, join some"};
    }
    const BanRuleMask bit = BanRuleMask{1} << main->rules.size();
    location->rules |= bit;
    main->with_path |= rule->path.empty() ? 0 : bit;
    main->by_credential = main->by_credential || rule->by_credential;
    main->rules.push_back(std::move(*rule));
    return Done{};
}

Status set_prefix(std::uint8_t& out, std::string_view name, std::string_view text, unsigned low,
                  unsigned high) {
    const auto bits = parse_u64(text);
    if (!bits || *bits < low || *bits > high) {
        return Error{std::string(name) + "=\"" + std::string(text) +
                     "\": write the number of bits that tell clients apart, " +
                     std::to_string(low) + " to " + std::to_string(high)};
    }
    out = static_cast<std::uint8_t>(*bits);
    return Done{};
}

Status set_zone(DirectiveCall& call) {
    auto* main = static_cast<BanMain*>(call.main);
    if (main->zone_given) {
        return Error{"is given twice; keep one"};
    }
    main->zone_given = true;
    for (std::size_t i = 0; i < call.size(); ++i) {
        const std::string_view arg = call.arg(i);
        Status status = Done{};
        if (const auto size = option(arg, "size")) {
            const auto bytes = parse_size_bytes(*size);
            if (!bytes || *bytes < kZoneBytesMin || *bytes > kZoneBytesMax) {
                return Error{"size=\"" + std::string(*size) +
                             "\" is out of range; write 128k to 1g"};
            }
            main->zone_bytes = *bytes;
        } else if (const auto ipv4 = option(arg, "ipv4")) {
            status = set_prefix(main->prefixes.ipv4, "ipv4", *ipv4, 16, 32);
        } else if (const auto ipv6 = option(arg, "ipv6")) {
            status = set_prefix(main->prefixes.ipv6, "ipv6", *ipv6, 32, 128);
        } else if (const auto store = option(arg, "redis"); store && !store->empty()) {
            main->store_name = *store;
        } else {
            return Error{"unknown option \"" + std::string(arg) +
                         "\"; write size=, ipv4=, ipv6= or redis=NAME"};
        }
        if (!status) {
            return status;
        }
    }
    return Done{};
}

Status set_exempt(DirectiveCall& call) {
    auto* main = static_cast<BanMain*>(call.main);
    for (std::size_t i = 0; i < call.size(); ++i) {
        if (const policy::IpList* list = find_ip_list(call.cf, call.arg(i))) {
            main->exempt_lists.push_back(list);
            continue;
        }
        const auto block = policy::parse_ip_block(call.arg(i));
        if (!block) {
            return Error{
                block.message() +
                "; write addresses, blocks or lists (defined above) that are never banned"};
        }
        main->exempt_blocks.push_back(*block);
    }
    return Done{};
}

Status set_credential(DirectiveCall& call) {
    auto* main = static_cast<BanMain*>(call.main);
    if (main->headers_given) {
        return Error{"is given twice; name all headers in one"};
    }
    main->headers_given = true;
    main->credential_headers.clear();
    for (std::size_t i = 0; i < call.size(); ++i) {
        if (!is_token(call.arg(i))) {
            return Error{"\"" + std::string(call.arg(i)) +
                         "\" is not a header's name; write for example Authorization X-API-Key"};
        }
        main->credential_headers.emplace_back(call.arg(i));
    }
    if (main->credential_headers.size() > kCredentialHeadersMax) {
        return Error{"\"" + main->credential_headers.back() + "\" is one header too many; " +
                     std::to_string(kCredentialHeadersMax) + " are the limit"};
    }
    return Done{};
}

}  // namespace

constinit const Directive kBanDirectives[kBanDirectiveCount] = {
    {"sallyport_ban", kEverywhere | NGX_CONF_1MORE, set_rule},
    {"sallyport_ban_zone", kHttp | NGX_CONF_1MORE, set_zone},
    {"sallyport_ban_exempt", kHttp | NGX_CONF_1MORE, set_exempt},
    {"sallyport_ban_credential", kHttp | NGX_CONF_1MORE, set_credential},
    {"sallyport_ban_mode", kEverywhere | NGX_CONF_TAKE1, set_mode<BanLocation>},
};

}  // namespace sallyport::ngx
