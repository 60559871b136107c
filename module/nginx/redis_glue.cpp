// The stores as a feature of their own: it enforces nothing, it opens and closes connections for
// the features that ask a Redis.
#include "module/nginx/feature.hpp"
#include "module/nginx/redis_conf.hpp"

namespace sallyport::ngx {
namespace {

constexpr Directive kDirectives[] = {
    {"sallyport_redis", kHttp | NGX_CONF_2MORE, set_redis},
};

Status init_process(ngx_cycle_t* cycle, void* main_conf) {
    if (ngx_process == NGX_PROCESS_HELPER) {
        return Done{};  // cache manager and loader serve no requests
    }
    for (const auto& store : static_cast<RedisMain*>(main_conf)->stores) {
        if (store->used) {
            store->client = RedisClient::make(store->target, cycle);
            store->client->open();
        }
    }
    return Done{};
}

void exit_process(ngx_cycle_t*, void* main_conf) {
    for (const auto& store : static_cast<RedisMain*>(main_conf)->stores) {
        store->client.reset();
    }
}

Status ready(void* main_conf) {
    for (const auto& store : static_cast<const RedisMain*>(main_conf)->stores) {
        if (store->client != nullptr && !store->client->available()) {
            return Error{"store \"" + store->target.spec.name + "\" is not available"};
        }
    }
    return Done{};
}

}  // namespace

constinit const Feature kRedis = {
    .id = FeatureId::redis,
    .name = "redis",
    .directives = kDirectives,
    .create_main = [](ngx_pool_t* pool) -> void* { return pool_new<RedisMain>(pool); },
    .init_process = init_process,
    .exit_process = exit_process,
    .ready = ready,
};

}  // namespace sallyport::ngx
