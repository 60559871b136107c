// What sallyport_ban and its companions say, and what a request leaves behind. Included by the ban
// files only.
#pragma once

#include "module/nginx/ban_sync.hpp"
#include "module/nginx/ban_zone.hpp"
#include "module/nginx/feature.hpp"
#include "module/nginx/ip_list_conf.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::ngx {

inline constexpr std::uint64_t kBanZoneBytesDefault = 4 << 20;  // 26 000 bans and 65 000 counters
inline constexpr std::size_t kBanRulesMax = 64;                 // one bit of a mask each

using BanRuleMask = std::uint64_t;

struct BanMain {
    std::vector<policy::BanRule> rules;
    std::vector<std::string> credential_headers{"Authorization", "X-API-Key"};
    bool headers_given = false;
    std::uint64_t zone_bytes = kBanZoneBytesDefault;
    policy::BanPrefixes prefixes;
    bool zone_given = false;
    std::vector<Cidr> exempt_blocks;
    std::vector<const policy::IpList*> exempt_lists;
    policy::IpSet exempt;
    bool by_credential = false;  // of any rule
    BanRuleMask with_path = 0;
    BanZone zone;
    std::string store_name;
    RedisStore* store = nullptr;    // nodes share their bans there
    std::unique_ptr<BanSync> sync;  // a worker's, while it runs

    bool spares(const IpAddress& client) const {
        return exempt.contains(client) ||
               std::any_of(exempt_lists.begin(), exempt_lists.end(),
                           [&](const policy::IpList* list) { return list->contains(client); });
    }
};

struct BanLocation {
    const BanMain* main = nullptr;  // where there are rules at all
    BanRuleMask rules = 0;          // this level's; after merging, all that count here
    BanRuleMask server_rules = 0;  // after merging: the server's, judged before a location is known
    bool off = false;
    std::optional<policy::Mode> mode;

    BanRuleMask location_rules() const { return rules & ~server_rules; }
};

// Rules of levels that the request has been at and may have left when it is logged.
struct BanState {
    BanRuleMask rules = 0;
};

// Null for clients without an address, and where a believed proxy wrote one that cannot be read:
// what is left then is the proxy's own, which all its clients share.
const IpAddress* bannable(const Request& request);
// The first of the headers that the request has; empty when it has none.
std::string_view ban_credential_of(const BanMain& main, ngx_http_request_t* r);

// What the door does: at the server, at the location.
[[gnu::hot]] HookResult ban_post_read(Request& request, const void* location_conf);
HookResult ban_rewrite(Request& request, const void* location_conf);
HookResult explain_ban(Request& request, const void* location_conf, Stage stage, Json& facts);

inline constexpr std::size_t kBanDirectiveCount = 5;
extern const Directive kBanDirectives[kBanDirectiveCount];

}  // namespace sallyport::ngx
