// A store as features see it: submit a call, get its reply, or be told that nobody should wait.
//
// Behind it stands one connection for a single server or a Sentinel's master, and one a node for a
// cluster. A worker's own.
#pragma once

#include "module/nginx/redis_call.hpp"
#include "module/nginx/redis_connection.hpp"
#include "module/nginx/redis_target.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::ngx {

class RedisClient {
  public:
    // The kind that `target` names.
    static std::unique_ptr<RedisClient> make(RedisTarget& target, ngx_cycle_t* cycle);
    virtual ~RedisClient() = default;
    RedisClient(const RedisClient&) = delete;
    RedisClient& operator=(const RedisClient&) = delete;

    // Starts connecting; calls may be submitted at once.
    virtual void open() = 0;
    // False when nobody should wait for the store now; then nothing happens and done() is not
    // called. REQUIRES: write and done are set, the call is not pending.
    [[nodiscard]] bool submit(RedisCall& call);
    // The caller has gone: done() is not called, the answer is thrown away. Calls that are not
    // pending are none's business.
    static void cancel(RedisCall& call);

    // False while the breaker is open.
    virtual bool available() const = 0;

  protected:
    RedisClient(RedisTarget& target, ngx_cycle_t* cycle) : target_(target), cycle_(cycle) {}
    virtual bool route(RedisCall& call) = 0;
    std::string label() const { return "\"" + target_.spec.name + "\""; }

    RedisTarget& target_;
    ngx_cycle_t* cycle_;
};

std::unique_ptr<RedisClient> make_single_client(RedisTarget& target, ngx_cycle_t* cycle);
std::unique_ptr<RedisClient> make_sentinel_client(RedisTarget& target, ngx_cycle_t* cycle);
std::unique_ptr<RedisClient> make_cluster_client(RedisTarget& target, ngx_cycle_t* cycle);

}  // namespace sallyport::ngx
