// The limits of one request while they are decided, and what is settled when it ends.
#pragma once

#include "module/nginx/feature.hpp"
#include "module/nginx/fixed_list.hpp"
#include "module/nginx/rate_limit_ask.hpp"
#include "module/nginx/rate_limit_conf.hpp"
#include "module/nginx/rate_limit_response.hpp"
#include "module/nginx/rate_limit_worker.hpp"

#include <optional>
#include <span>

namespace sallyport::ngx {

// Limits to be taken from shared memory together.
struct LocalSet {
    FixedList<LocalCheck, store::kLimitsPerRequestMax> checks;
    FixedList<const Limit*, store::kLimitsPerRequestMax> limits;

    LocalCheck& add(const Limit& limit, const policy::KeyHash& key, const Asking& asking) {
        limit.zone.prefetch(key);
        limits.push(&limit);
        return checks.push(
            {limit.zone_of(), key, asking.ask.units, asking.terms, asking.ask.reserve});
    }
};

// What a request keeps while, and after, it asks a shared store. In the pool, as large as it must
// be.
struct SharedSet {
    struct Asked {
        LimitKey key;
        policy::Ask ask;
        bool has_zone = false;

        Asking asking() const { return {key.terms, ask}; }
    };
    RedisCall call;
    ngx_http_request_t* r = nullptr;
    const RequestState* state = nullptr;
    const RateLimitState* limits = nullptr;
    store::Check* checks = nullptr;
    Asked* asked = nullptr;
    std::size_t count = 0;
    std::span<LocalCheck> taken{};  // what the request has already taken from shared memory
    std::int64_t sent_ns = 0;       // on the clock of the tables
    std::int64_t asked_ns = 0;      // precisely, for the metrics
    bool answered = false;
    bool settled = false;
    std::optional<store::CheckReply> reply;  // none: the store gave no answer

    std::span<const store::Check> all() const { return {checks, count}; }
};

// To be settled when the response comes, or the request ends: charges, slots to release, requests
// not to be counted, what is learnt about the upstream.
struct Afterwards {
    struct One {
        LimitKey key;
        std::uint32_t units = 1;
        std::int64_t server_us = 0;  // when a store has counted it; 0: shared memory has
        bool charged = false;
    };
    ngx_http_request_t* r = nullptr;
    FixedList<One, store::kLimitsPerRequestMax> all;
};

// Asks the store for the limits of `shared`; decided at once when nobody should wait.
HookResult ask_store(Request& request, RateLimitState& state, SharedSet& shared, policy::Mode mode);
// The question has been answered, or not.
HookResult after_store(Request& request, RateLimitState& state, SharedSet& shared,
                       policy::Mode mode);
// With room for `room` limits.
SharedSet* make_shared_set(const Request& request, std::size_t room);

// Notes what must be settled at the request's end. `server_us`: see Afterwards.
void settle_later(Request& request, RateLimitState& state, const LimitKey& key, std::uint32_t units,
                  std::int64_t server_us);
bool settles_later(const Limit& limit);

// The response's header is there: what it says that the request has cost is charged, and the field
// removed where clients are not to see it.
void charge_response(Request& request, const RateLimitLocation& location);

// What a request has taken, by who counted it.
struct Taken {
    std::span<const LocalCheck> local{};
    std::span<const LocalCheck> alone{};  // in place of a store that gave no answer
    const SharedSet* shared = nullptr;    // answered
};
// Every limit has let the request pass: holds it back where they say so, and gives all back when
// too many wait already.
HookResult hold_back(Request& request, RateLimitState& state, policy::Mode mode,
                     const Taken& taken);
// Asked again while, and after, a request is held back.
bool is_held_back(const RateLimitState& state);

HookResult refuse_limited(Request& request, RateLimitState& state, policy::Mode mode);
// Takes `set` from shared memory; what it found goes to `state`. False when a limit refuses.
bool take_local(const Request& request, RateLimitState& state, LocalSet& set);

}  // namespace sallyport::ngx
