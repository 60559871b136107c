// AP_REDIS_*: how the engine reaches Redis.
#pragma once

#include "common/result.hpp"
#include "common/secret.hpp"
#include "engine/adapters/redis_link.hpp"

#include <cstdint>
#include <string>

namespace sallyport::engine {

// As the settings have it.
struct RedisConfig {
    bool wanted = true;  // AP_REDIS_TYPE is not MEMORY
    Secret url;          // over the fields below
    std::string host;    // empty, without a URL: no Redis
    std::uint16_t port = 6379;
    std::string user;
    Secret password;
    unsigned database = 0;
    bool tls = false;
    std::string ca_file;

    bool is_set() const { return wanted && (!url.empty() || !host.empty()); }
};

// REQUIRES: config.is_set(). `ca_file` holds the authorities when the settings name none. Errors
// name the setting and never the URL.
Result<RedisOptions> redis_options(const RedisConfig& config, const std::string& ca_file);

}  // namespace sallyport::engine
