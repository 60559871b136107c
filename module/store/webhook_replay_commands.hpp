// The replay state machine as Redis sees it: one script reserves a delivery, one settles it.
//
// Keys are `sallyport:{w:<tag>}:<key>`. What is known by one identifier is spread over a cluster by
// it; what is known by several signatures (one for each live secret) stays together by its scope,
// so that a rotation of secrets loses no duplicate.
#pragma once

#include "module/policy/webhook_replay.hpp"
#include "module/policy/webhook_replay_key.hpp"
#include "module/store/redis_script.hpp"
#include "module/store/resp_reader.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::store {

const RedisScript& webhook_reserve_script();
const RedisScript& webhook_settle_script();

// A delivery on the wire: made once, used for the reservation and for what becomes of it.
struct ReplayWire {
    std::string keys;  // the keys as RESP words
    std::size_t count = 0;
    std::uint16_t slot = 0;
};
ReplayWire make_replay_wire(const policy::webhook::ReplayKeys& keys,
                            policy::webhook::ReplayIdentity::Kind kind, std::string_view scope);

void append_reserve(std::string& out, const ReplayWire& wire, std::string_view token,
                    std::int64_t lease_ms);
// Nothing when the reply is none of the script's.
std::optional<policy::webhook::Reservation> parse_reserve(const Reply& reply);

// `ttl_ms` 0 releases.
void append_settle(std::string& out, const ReplayWire& wire, std::string_view token,
                   std::int64_t ttl_ms);

}  // namespace sallyport::store
