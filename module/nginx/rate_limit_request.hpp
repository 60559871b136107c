// The limits of one request while they are decided, and what is settled when it ends.
#pragma once

#include "module/nginx/feature.hpp"
#include "module/nginx/rate_limit_conf.hpp"
#include "module/nginx/rate_limit_response.hpp"
#include "module/nginx/rate_limit_worker.hpp"

#include <array>
#include <optional>

namespace sallyport::ngx {

// Limits to be taken from shared memory together.
struct LocalSet {
    std::array<LocalCheck, store::kLimitsPerRequestMax> checks;
    std::array<const Limit*, store::kLimitsPerRequestMax> limits;
    std::size_t count = 0;

    LocalCheck& add(const Limit& limit, const policy::KeyHash& key, std::uint32_t units) {
        limits[count] = &limit;
        checks[count] = {limit.zone_of(), key, units};
        return checks[count++];
    }
    std::span<LocalCheck> all() { return {checks.data(), count}; }
};

// What a request keeps while, and after, it asks a shared store.
struct SharedSet {
    struct Asked {
        LimitKey key;
        std::uint32_t units = 1;
        bool has_zone = false;
    };
    ngx_http_request_t* r = nullptr;
    RedisCall call;
    std::array<store::Check, store::kLimitsPerRequestMax> checks;
    std::array<Asked, store::kLimitsPerRequestMax> asked;
    std::size_t count = 0;
    std::int64_t sent_ns = 0;   // on the clock of the tables
    std::int64_t asked_ns = 0;  // precisely, for the metrics
    LocalSet taken;  // what the request has already taken from shared memory
    bool answered = false;
    bool settled = false;
    std::optional<store::CheckReply> reply;  // none: the store gave no answer

    std::span<const store::Check> all() const { return {checks.data(), count}; }
};

// To be settled when the request ends: slots to release, requests not to be counted.
struct Afterwards {
    struct One {
        LimitKey key;
        std::uint32_t units = 1;
        std::int64_t server_us = 0;  // when a store has counted it; 0: shared memory has
    };
    ngx_http_request_t* r = nullptr;
    std::array<One, store::kLimitsPerRequestMax> all;
    std::size_t count = 0;
};

// Asks the store for the limits of `shared`; decided at once when nobody should wait.
HookResult ask_store(Request& request, RateLimitState& state, SharedSet& shared, policy::Mode mode);
// The question has been answered, or not.
HookResult after_store(Request& request, RateLimitState& state, SharedSet& shared,
                       policy::Mode mode);
SharedSet* make_shared_set(const Request& request);

// Notes what must be settled at the request's end. `server_us`: see Afterwards.
void settle_later(Request& request, RateLimitState& state, const LimitKey& key, std::uint32_t units,
                  std::int64_t server_us);
bool settles_later(const Limit& limit);

HookResult refuse_limited(Request& request, RateLimitState& state, policy::Mode mode);
// Takes `set` from shared memory; what it found goes to `state`. False when a limit refuses.
bool take_local(const Request& request, RateLimitState& state, LocalSet& set);

}  // namespace sallyport::ngx
