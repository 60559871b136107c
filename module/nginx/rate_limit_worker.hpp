// What a worker does for rate limits beside requests: leases ahead of need, refunds, heartbeats of
// concurrency holders, and who else shares the limits. Nothing here delays a request.
#pragma once

#include "module/nginx/rate_limit_conf.hpp"

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace sallyport::ngx {

// A key of a limit, as the table and the store know it.
struct LimitKey {
    const Limit* limit = nullptr;
    policy::KeyHash hash{};
    policy::KeyText text{};
    const policy::LimitTerms* terms = nullptr;  // the limit's own, or as long-lived as the request
};

class RateLimitWorker {
  public:
    RateLimitWorker(RateLimitMain& main, ngx_cycle_t* cycle);
    ~RateLimitWorker();
    RateLimitWorker(const RateLimitWorker&) = delete;
    RateLimitWorker& operator=(const RateLimitWorker&) = delete;

    // Asks for `want` units in the background.
    void renew(const LimitKey& key, std::uint32_t want);
    // A grant has come: its units are watched, and returned when nobody wants them.
    void watch(const LimitKey& key, std::int64_t server_us);
    // Takes units of a request back that the store has counted.
    void refund(const LimitKey& key, std::uint32_t units, std::int64_t server_us);
    // What a response has cost beyond that.
    void charge(const LimitKey& key, std::int64_t units);

    // A concurrency slot in a store: asked for (counts until answered), kept or not, released.
    void asking(const LimitKey& key);
    void not_held(const LimitKey& key);
    void release(const LimitKey& key);

    // Nodes that share the limits of a store; 1 while unknown.
    std::uint32_t nodes(const RedisStore* store) const;
    // Whether the store may have lost what it knew.
    void note_failure(const RedisStore* store);
    bool resyncs(const RedisStore* store) const;

    std::string_view holder() const { return holder_; }

    // This process', null where no limits are.
    static RateLimitWorker* current;

  private:
    struct Background;
    struct StoreState {
        RedisStore* store = nullptr;
        std::uint32_t nodes = 1;
        ngx_msec_t resync_until = 0;
        std::unique_ptr<RedisCall> ping;
    };
    struct Watched {
        LimitKey key;
        policy::LimitTerms terms;  // what key.terms points to: requests end earlier
        std::int64_t server_us = 0;
    };
    struct Held {
        LimitKey key;
        std::int64_t count = 0;
    };
    struct HashOf {
        std::size_t operator()(const policy::KeyHash& key) const {
            return static_cast<std::size_t>(key.low);
        }
    };

    static void on_slice(ngx_event_t* event) noexcept;
    static void on_second(ngx_event_t* event) noexcept;
    void return_unused();
    void heartbeat();
    void ping(StoreState& state);
    Background* make(const LimitKey& key);
    static store::Check check_of(const Background& one);
    static void write_check(const RedisCall& call, std::string& out);
    void submit(Background* call);
    StoreState* state_of(const RedisStore* store);
    static void finished(RedisCall& call, const store::Reply* reply);

    RateLimitMain& main_;
    std::string node_;
    std::string holder_;
    std::uint64_t serial_ = 0;
    std::vector<StoreState> stores_;
    std::list<std::unique_ptr<Background>> calls_;
    std::unordered_map<policy::KeyHash, Watched, HashOf> watched_;
    std::unordered_map<policy::KeyHash, Held, HashOf> held_;
    bool looks_each_second_ = false;  // at slots of the dead, and at the upstream
    ngx_event_t slice_timer_{};
    ngx_event_t second_timer_{};
};

}  // namespace sallyport::ngx
