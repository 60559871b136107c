// What Sentinels and cluster nodes tell about who is where, out of their replies.
#pragma once

#include "module/store/resp_reader.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::store {

struct RedisEndpoint {
    std::string host;  // empty: the host that was asked
    std::uint16_t port = 0;
    bool operator==(const RedisEndpoint&) const = default;
};

// SENTINEL GET-MASTER-ADDR-BY-NAME. Nothing when the Sentinel does not know the name.
std::optional<RedisEndpoint> parse_sentinel_master(const Reply& reply);

// CLUSTER SLOTS: the masters' ranges.
struct SlotRange {
    std::uint16_t first = 0;
    std::uint16_t last = 0;
    RedisEndpoint master;
};
// Nothing when the reply is no slot map. Ranges that no node serves are left out by the server.
std::optional<std::vector<SlotRange>> parse_cluster_slots(const Reply& reply);

// The first word of ROLE's reply: "master", "slave" or "sentinel". Empty when it is none.
std::string_view parse_role(const Reply& reply);

}  // namespace sallyport::store
