// What a sallyport_ip_list directive says, and when a new version of a list is believed.
#pragma once

#include "module/policy/ip_feed.hpp"
#include "module/policy/ip_list.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

// Guards against accidents: an emptied, truncated or swapped file, and one that covers the world.
struct IpListGuard {
    double factor = 2;        // how much a refreshed list may grow or shrink at once; 0: any
    unsigned share_max = 50;  // percent of the address space of either family
};

struct IpListSpec {
    struct Source {
        FeedSource feed;
        std::string path;
    };
    // A list in a sallyport_redis store; then there are no other sources.
    struct Stored {
        std::string store;
        std::string key;
        bool given() const { return !store.empty(); }
        friend bool operator==(const Stored&, const Stored&) = default;
    };
    std::string name;
    std::vector<Source> sources;
    Stored stored;
    bool refuse_unloaded = true;       // a stored list: until it was loaded its gates refuse
    std::vector<Cidr> blocks;          // written in the directive itself
    std::int64_t refresh_ms = 10'000;  // how often the sources are looked at; 0: never
    IpListGuard guard;
    std::size_t blocks_max = 0;  // how many the list may grow to without a reload; 0: not said

    bool is_looked_at() const { return (!sources.empty() || stored.given()) && refresh_ms != 0; }
};

// NAME [file=PATH] [feed=FORMAT[.SECTION]:PATH] [redis=STORE:KEY] [CIDR]… [refresh=TIME|off]
// [guard=FACTOR|off] [share=PERCENT] [max=BLOCKS] [unloaded=refuse|empty]
Result<IpListSpec> parse_ip_list_spec(std::span<const std::string_view> arguments);

// How many blocks a list must have room for, when it has `blocks` now.
std::size_t ip_list_room(const IpListSpec& spec, std::size_t blocks);

// Does a list cover more than it may? Holds for the first version as well.
Status check_share(const IpListGuard& guard, const IpCoverage& coverage);
// Does a refreshed list differ from the good one by more than it may?
Status check_size(const IpListGuard& guard, std::size_t blocks_now, std::size_t blocks_new);

}  // namespace sallyport::policy
