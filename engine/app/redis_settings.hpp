// AP_REDIS_*: how the engine reaches Redis.
#pragma once

#include "common/result.hpp"
#include "common/secret.hpp"
#include "engine/adapters/redis/link.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sallyport::engine {

// As the settings have it.
struct RedisConfig {
    enum class Type { standalone, sentinel, memory };
    Type type = Type::standalone;
    Secret url;        // over the fields below
    std::string host;  // empty, without a URL: no Redis
    std::uint16_t port = 6379;
    std::string user;
    Secret password;
    unsigned database = 0;
    bool tls = false;
    std::string ca_file;

    std::vector<RedisPeer> sentinels;  // of Type::sentinel, as are those below
    std::string master;
    Secret sentinel_password;

    bool is_set() const {
        return type == Type::sentinel ||
               (type == Type::standalone && (!url.empty() || !host.empty()));
    }
};

// AP_REDIS_TYPE, AP_REDIS_SENTINEL_HOSTS (`host:port,host`, 26379 without a port) and
// AP_REDIS_SENTINEL_ROLE. Errors do not name the setting.
Status take_redis_type(RedisConfig& config, const std::string& value);
Status take_redis_sentinels(RedisConfig& config, const std::string& value);
Status take_redis_role(const std::string& value);

// REQUIRES: config.is_set(). `ca_file` holds the authorities when the settings name none. Errors
// name the setting and never the URL.
Result<RedisOptions> redis_options(const RedisConfig& config, const std::string& ca_file);

}  // namespace sallyport::engine
