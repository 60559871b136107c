// Bytes as a Redis might send them, in pieces cut by the input itself: the reader must stay within
// its bounds, and what is taken for an answer must be one.
#include "module/store/rate_limit_commands.hpp"
#include "module/store/redis_slot.hpp"
#include "module/store/redis_topology.hpp"
#include "module/store/resp_reader.hpp"
#include "module/store/webhook_replay_commands.hpp"
#include "module/store/webhook_spool_commands.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using sallyport::policy::Gcra;
using sallyport::store::Check;
using sallyport::store::kReplyIntegersMax;
using sallyport::store::kReplyTextMax;
using sallyport::store::LimitWire;
using sallyport::store::make_wire;
using sallyport::store::ReadResult;
using sallyport::store::RespReader;

// What is read out of trees stays within what they may hold.
void check_trees(const sallyport::store::Reply& reply) {
    namespace store = sallyport::store;
    if (reply.nodes().size() > store::kReplyNodesMax) {
        std::abort();
    }
    if (const auto map = store::parse_cluster_slots(reply)) {
        for (const auto& range : *map) {
            if (range.first > range.last || range.last >= store::kSlots || range.master.port == 0) {
                std::abort();
            }
        }
    }
    const auto master = store::parse_sentinel_master(reply);
    const auto redirect = store::parse_redirect(reply.text());
    const auto reserved = store::parse_reserve(reply);
    if ((master && master->port == 0) || (redirect && redirect->slot >= store::kSlots) ||
        (reserved && reserved->lease_left_ms < 0)) {
        std::abort();
    }
    (void)store::parse_role(reply).size();
    (void)store::parse_entries(reply).ok();
    (void)store::parse_read(reply).ok();
    (void)store::parse_claimed(reply).ok();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Gcra limit = Gcra::make(10, 1'000'000'000, 5);
    const LimitWire wire = make_wire("a", limit);
    const Check checks[] = {{&wire, {}}, {&wire, {}}};
    RespReader reader;
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    while (!rest.empty()) {
        const std::size_t piece =
            std::min<std::size_t>(rest.size(), 1 + static_cast<std::uint8_t>(rest.front()) % 61);
        if (!reader.feed(rest.substr(0, piece))) {
            return 0;
        }
        rest.remove_prefix(piece);
        ReadResult result = reader.next();
        while (result == ReadResult::reply) {
            const auto& reply = reader.reply();
            if (reply.count > kReplyIntegersMax || reply.text().size() > kReplyTextMax) {
                std::abort();
            }
            check_trees(reply);
            if (const auto answer = parse_check(reply, checks)) {
                for (std::size_t i = 0; i < answer->count; ++i) {
                    if (answer->measures[i].used < 0 || answer->measures[i].used > limit.capacity_ns) {
                        std::abort();
                    }
                }
            }
            result = reader.next();
        }
        if (result == ReadResult::broken) {
            return 0;
        }
    }
    return 0;
}
