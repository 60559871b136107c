// Rate limits as Redis sees them: one EVALSHA for all limits of a request, and what goes beside it.
//
// The hash keeps the raw key out of the store. The braces say which keys stay together in a
// cluster:
//   sallyport:{<limit>}:<hash>          one server, or a Sentinel's master
//   sallyport:<limit>:{<hash>}          a cluster: keys spread over the nodes, and limits with the
//                                       same key= meet in one slot
//   sallyport:{@<group>}:<limit>:<hash> group=: all limits of the group in one slot
#pragma once

#include "module/policy/rate_limit.hpp"
#include "module/policy/rate_limit_key.hpp"
#include "module/policy/rate_limit_spec.hpp"
#include "module/store/redis_script.hpp"
#include "module/store/redis_slot.hpp"
#include "module/store/resp_reader.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::store {

// A request names no more limits than this: bounds its state, the command and the reply.
inline constexpr std::size_t kLimitsPerRequestMax = 8;
static_assert(2 + 2 * kLimitsPerRequestMax <= kReplyIntegersMax);

std::string_view rate_limit_script();
// Lower-case hex SHA-1 of the script: its name in Redis.
const std::string& rate_limit_script_sha();
const RedisScript& rate_limit_redis_script();

// `sallyport:{<limit>}:`
std::string key_prefix(std::string_view limit);

// Where a limit's keys lie in a cluster.
struct KeyPlace {
    std::string_view group{};  // group=; empty: none
    bool spread = false;       // the store is a cluster
};

// A limit as the wire has it, written once at configuration time.
struct LimitWire {
    policy::LimitKind kind = policy::LimitKind::rate;
    policy::Gcra limit;
    std::int64_t max = 0;      // ns or units: what one key may have in use
    std::int64_t life_ms = 0;  // window, or of a holder's word
    std::string hold_word;     // what a check begins with that holds units; empty: none may
    std::string key_head;      // RESP length of a key, and the key up to its hash
    std::string key_tail;      // what follows the hash
    std::string one;      // the arguments for one unit and nothing beyond it; empty for concurrent
    bool spread = false;  // a slot a key
    std::uint16_t slot = 0;  // of all the limit's keys, unless spread
};
LimitWire make_wire(std::string_view limit, const policy::Gcra& gcra, const KeyPlace& place = {});
LimitWire make_wire(const policy::LimitSpec& spec, bool cluster = false);

std::uint16_t slot_of(const LimitWire& wire, const policy::KeyText& key);
// Whether all keys that two limits have for one request lie in one slot of a cluster.
bool share_slot(const policy::LimitSpec& a, const policy::LimitSpec& b);

// A concurrency holder's word lives so long without a heartbeat, which comes three times as often.
inline constexpr std::int64_t kHolderLifeMs = 3'000;

struct Check {
    const LimitWire* wire = nullptr;
    const policy::LimitTerms* terms = nullptr;  // null: the wire's; outlives the check
    policy::KeyText key{};
    std::int64_t units = 1;     // 0: a lease ahead of need; negative: a window gets units back
    std::uint32_t extra = 0;    // units to lease beyond; rates only, and not with a reserve
    std::uint32_t hold = 0;     // units to hold beyond instead (policy/rate_lease.hpp)
    std::int64_t reserve = 0;   // see policy::Ask
    bool charge = false;        // takes what there is and never refuses; not for concurrent
    std::int64_t known_ns = 0;  // how far ahead the bucket was when last heard of
    std::string_view holder{};  // concurrent only; outlives the check
};

struct CheckReply {
    bool allowed = false;
    std::int64_t server_us = 0;  // when; names a grant in its refund
    std::size_t count = 0;
    std::array<policy::Measure, kLimitsPerRequestMax> measures{};
    std::array<std::int64_t, kLimitsPerRequestMax> extra_ns{};  // granted beyond the need
};

// REQUIRES: at most kLimitsPerRequestMax.
void append_check(std::string& out, std::span<const Check> checks);
// Nothing when the reply is not what the script returns for `checks`: the store cannot be trusted.
std::optional<CheckReply> parse_check(const Reply& reply, std::span<const Check> checks);

// Gives `refund_ns` of a grant of `server_us` back, within `life_ms` of it. `id` names the refund.
const RedisScript& rate_limit_refund_script();
void append_refund(std::string& out, const LimitWire& wire, const policy::KeyText& key,
                   std::int64_t refund_ns, std::int64_t server_us, std::int64_t life_ms,
                   std::string_view id);

// A holder's heartbeat (how many it holds), or the change of one request.
const RedisScript& rate_limit_hold_script();
void append_hold(std::string& out, const LimitWire& wire, const policy::KeyText& key,
                 std::string_view holder, bool add, std::int64_t count);

// Tells the store that node `name` is there; the reply is how many are.
const RedisScript& rate_limit_nodes_script();
std::string_view nodes_key();
void append_nodes(std::string& out, std::string_view name);

}  // namespace sallyport::store
