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
    std::string name;
    std::vector<Source> sources;
    std::vector<Cidr> blocks;          // written in the directive itself
    std::int64_t refresh_ms = 10'000;  // how often the sources are looked at; 0: never
    IpListGuard guard;
    std::size_t blocks_max = 0;  // how many the list may grow to without a reload; 0: not said
};

// NAME [file=PATH] [feed=FORMAT[.SECTION]:PATH] [CIDR]… [refresh=TIME|off] [guard=FACTOR|off]
// [share=PERCENT] [max=BLOCKS]
Result<IpListSpec> parse_ip_list_spec(std::span<const std::string_view> arguments);

// How many blocks a list must have room for, when it has `blocks` now.
std::size_t ip_list_room(const IpListSpec& spec, std::size_t blocks);

// Does a list cover more than it may? Holds for the first version as well.
Status check_share(const IpListGuard& guard, const IpCoverage& coverage);
// Does a refreshed list differ from the good one by more than it may?
Status check_size(const IpListGuard& guard, std::size_t blocks_now, std::size_t blocks_new);

}  // namespace sallyport::policy
