// The strict rate limit check as Redis sees it: one EVALSHA for all limits of a request.
//
// Keys are `sallyport:{<limit>}:<hash>`: the braces put a limit's keys into one cluster slot, the
// hash keeps the raw key out of the store.
#pragma once

#include "module/policy/rate_limit.hpp"
#include "module/policy/rate_limit_key.hpp"
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
static_assert(kLimitsPerRequestMax < kReplyIntegersMax);

std::string_view rate_limit_script();
// Lower-case hex SHA-1 of the script: its name in Redis.
const std::string& rate_limit_script_sha();
const RedisScript& rate_limit_redis_script();

// `sallyport:{<limit>}:`
std::string key_prefix(std::string_view limit);

// A limit as the wire has it, written once at configuration time.
struct LimitWire {
    policy::Gcra limit;
    std::string key_head;    // RESP length of a key and key_prefix()
    std::string numbers;     // the limit's two arguments as RESP words
    std::uint16_t slot = 0;  // of all the limit's keys in a cluster
};
LimitWire make_wire(std::string_view limit, const policy::Gcra& gcra);

struct Check {
    const LimitWire* wire = nullptr;
    policy::KeyText key{};
};

struct CheckReply {
    bool allowed = false;
    std::size_t count = 0;
    std::array<std::int64_t, kLimitsPerRequestMax> ahead_ns{};
};

// REQUIRES: at most kLimitsPerRequestMax.
void append_check(std::string& out, std::span<const Check> checks);
// Nothing when the reply is not what the script returns for `checks`: the store cannot be trusted.
std::optional<CheckReply> parse_check(const Reply& reply, std::span<const Check> checks);

}  // namespace sallyport::store
