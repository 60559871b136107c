// The stores that `sallyport_redis` declares, for every feature that needs one.
//
// At configuration time: `RedisStore* store = redis_store(cf, name)` once the http block was read
// (merge or postconfiguration), and `store->used = true`. In a worker, from the first request on:
// `store->client`, which is null in processes that serve nothing.
#pragma once

#include "common/secret.hpp"
#include "module/nginx/directive.hpp"
#include "module/nginx/redis_client.hpp"
#include "module/nginx/redis_target.hpp"
#include "module/policy/rate_limit_key.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace sallyport::ngx {

struct RedisStore {
    RedisTarget target;
    Secret key_secret;                    // key_file=, or a fixed value: derive what you need
    policy::HashSecret hash_secret{};     // of rate limit keys in the store
    bool used = false;                    // some feature asks here
    std::unique_ptr<RedisClient> client;  // a worker's, while it runs
};

struct RedisMain {
    std::vector<std::unique_ptr<RedisStore>> stores;

    RedisStore* find(std::string_view name) const;
};

// Null when no such store is declared.
RedisStore* redis_store(ngx_conf_t* cf, std::string_view name);

Status set_redis(DirectiveCall& call);

}  // namespace sallyport::ngx
