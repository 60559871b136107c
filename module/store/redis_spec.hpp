// `sallyport_redis <name> <url>… [option=…]…` as data. Names are resolved and secrets read by the
// gateway, at configuration time.
#pragma once

#include "common/result.hpp"
#include "module/store/breaker.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::store {

// More servers than this need not be named: the others are learnt from them.
inline constexpr std::size_t kRedisUrlsMax = 16;

enum class RedisKind : std::uint8_t {
    single,    // one server
    sentinel,  // the URLs are Sentinels, which name the master
    cluster,   // the URLs are some of the nodes
};

struct RedisServer {
    std::string address;  // host:port as in the URL, or unix:/path: what the gateway resolves
    std::string host;     // what a certificate must name; empty for unix:
};

struct RedisSpec {
    std::string name;
    RedisKind kind = RedisKind::single;
    std::vector<RedisServer> servers;
    std::uint32_t database = 0;
    std::string user;           // ACL user; empty: the default user
    std::string password_file;  // empty: no AUTH
    std::string key_file;       // secret of the key hash, the same on every node; empty: none

    std::string master;  // the name that the Sentinels know
    std::string sentinel_user;
    std::string sentinel_password_file;

    bool tls = false;
    bool tls_verify = true;
    std::string tls_ca;    // empty: the system's authorities
    std::string tls_name;  // what certificates must name; empty: the URL's host
    std::string tls_certificate;
    std::string tls_key;

    std::int64_t budget_ms = 5;               // what one decision may wait
    std::int64_t connect_timeout_ms = 1'000;  // connecting and handshake, while nobody waits
    BreakerLimits breaker;
};

// `arguments` are the name, the URLs and options. Errors name the option, its value and the remedy.
Result<RedisSpec> parse_redis(std::span<const std::string_view> arguments);

}  // namespace sallyport::store
