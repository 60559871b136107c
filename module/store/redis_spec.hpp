// `sallyport_redis <name> <url> [option=…]…` as data. Names are resolved and secrets read by the
// gateway, at configuration time.
#pragma once

#include "common/result.hpp"
#include "module/store/breaker.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::store {

struct RedisSpec {
    std::string name;
    std::string address;  // host:port as in the URL, or unix:/path: what the gateway resolves
    std::uint32_t database = 0;
    std::string user;            // ACL user; empty: the default user
    std::string password_file;   // empty: no AUTH
    std::string key_file;        // secret of the key hash, the same on every node; empty: none
    std::int64_t budget_ms = 5;  // what one decision may wait
    std::int64_t connect_timeout_ms = 1'000;  // connecting and handshake, while nobody waits
    BreakerLimits breaker;
};

// `arguments` are the name, the URL and options. Errors name the option, its value and the remedy.
Result<RedisSpec> parse_redis(std::span<const std::string_view> arguments);

}  // namespace sallyport::store
