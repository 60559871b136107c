// Rate limits in PREACCESS: all limits of a request are checked together and consumed together, or
// none is. Local limits are taken first (they cost nothing to ask) and given back when the shared
// store refuses. A limit counts a request once, however often it is redirected.
#include "module/nginx/counters.hpp"
#include "module/nginx/feature.hpp"
#include "module/nginx/rate_limit_conf.hpp"
#include "module/nginx/rate_limit_explain.hpp"
#include "module/nginx/rate_limit_response.hpp"
#include "module/nginx/str.hpp"

#include <array>
#include <optional>

namespace sallyport::ngx {
namespace {

using policy::Decision;
using policy::Mode;
using policy::Reason;
using policy::Standing;

constexpr std::uint16_t kServiceUnavailable = 503;
// The breaker probes again within seconds; asking sooner than this helps nobody.
constexpr std::uint32_t kUnavailableRetryS = 1;

// A set of limits to be taken from shared memory together.
struct LocalSet {
    std::array<LocalCheck, store::kLimitsPerRequestMax> checks;
    std::array<const Limit*, store::kLimitsPerRequestMax> limits;
    std::size_t count = 0;

    void add(const Limit& limit, const policy::KeyParts& key) {
        limits[count] = &limit;
        checks[count++] = {const_cast<RateLimitZone*>(&limit.zone), &limit.spec.gcra,
                           limit.zone.hash(key)};
    }
    std::span<LocalCheck> all() { return {checks.data(), count}; }
};

// What a request keeps while, and after, it asks a shared store.
struct SharedSet {
    ngx_http_request_t* r = nullptr;
    RedisCall call;
    std::array<store::Check, store::kLimitsPerRequestMax> checks;
    std::size_t count = 0;
    std::array<const Limit*, store::kLimitsPerRequestMax> limits;
    LocalSet taken;     // the request's local limits, already consumed
    LocalSet fallback;  // the shared limits' own tables
    std::int64_t asked_ns = 0;  // when the store was asked
    bool answered = false;
    std::optional<store::CheckReply> reply;  // none: the store gave no answer

    void add(const Limit& limit, const policy::KeyParts& key) {
        limits[count] = &limit;
        checks[count++] = {&limit.wire, policy::key_text(limit.store->hash_secret, key)};
        if (limit.spec.needs_zone()) {
            fallback.add(limit, key);
        }
    }
    std::span<const store::Check> asked() const { return {checks.data(), count}; }
};

void mark_counted(RateLimitState& state, const Limit& limit) {
    state.counted |= std::uint64_t{1} << limit.index;
}

bool is_counted(const RateLimitState& state, const Limit& limit) {
    return (state.counted >> limit.index & 1) != 0;
}

// Collects what refuses, so that the decision names it.
struct Refusals {
    std::array<Standing, store::kLimitsPerRequestMax> standings;
    std::size_t count = 0;
    const Limit* longest = nullptr;

    void add(const Limit& limit, std::int64_t ahead_ns) {
        const Standing standing = policy::standing(limit.spec.gcra, ahead_ns);
        if (longest == nullptr || standing.retry_after_s > longest_s_) {
            longest = &limit;
            longest_s_ = standing.retry_after_s;
        }
        standings[count++] = standing;
    }

  private:
    std::uint32_t longest_s_ = 0;
};

HookResult refuse_limited(RateLimitState& state, const Refusals& refusals, Mode mode) {
    state.status = RateLimitStatus::limited;
    return HookResult::decided(policy::refusal({refusals.standings.data(), refusals.count}), mode,
                               refusals.longest->spec.name);
}

void warn_evictions(const Request& request, const LocalSet& set) {
    // Once a minute and worker: a full table is an operator's business, not each request's.
    static ngx_msec_t quiet_until = 0;
    static std::uint64_t seen = 0;
    std::uint64_t evictions = 0;
    for (std::size_t i = 0; i < set.count; ++i) {
        evictions += set.checks[i].zone->evictions();
    }
    if (evictions > seen && ngx_current_msec >= quiet_until) {
        quiet_until = ngx_current_msec + 60'000;
        seen = evictions;
        ngx_log_error(
            NGX_LOG_WARN, request.log(), 0,
            "sallyport: a rate limit's table is full and forgets its emptiest keys; raise "
            "zone_size (limit \"%s\")",
            set.limits[0]->spec.name.c_str());
    }
}

// Takes `set` from shared memory; what it found goes to `state`, who refused to `refusals`.
bool take_local(const Request& request, RateLimitState& state, LocalSet& set, Refusals& refusals) {
    if (set.count == 0) {
        return true;
    }
    const bool all = take_all(set.all(), monotonic_ns());
    for (std::size_t i = 0; i < set.count; ++i) {
        state.record(set.limits[i], set.checks[i].ahead_ns);
        if (!set.checks[i].admits) {
            refusals.add(*set.limits[i], set.checks[i].ahead_ns);
        }
    }
    warn_evictions(request, set);
    return all;
}

// The shared store has given no answer: each limit as its on_store_error says.
HookResult without_store(const Request& request, RateLimitState& state, SharedSet& shared,
                         Mode mode) {
    state.status = RateLimitStatus::passed;
    state.store = RateLimitAnswer::fallback;
    for (std::size_t i = 0; i < shared.count; ++i) {
        if (shared.limits[i]->spec.on_store_error == policy::OnStoreError::deny) {
            give_back(shared.taken.all(), monotonic_ns());
            state.status = RateLimitStatus::unavailable;
            return HookResult::decided(Decision::deny(Reason::rate_limit_store_unavailable,
                                                      kServiceUnavailable, kUnavailableRetryS),
                                       mode, shared.limits[i]->spec.name);
        }
    }
    Refusals refusals;
    if (!take_local(request, state, shared.fallback, refusals)) {
        give_back(shared.taken.all(), monotonic_ns());
        return refuse_limited(state, refusals, mode);
    }
    return HookResult::pass();
}

// The answer is there: record it, remember it for an outage, decide.
HookResult with_store(RateLimitState& state, SharedSet& shared, Mode mode) {
    state.status = RateLimitStatus::passed;
    state.store = RateLimitAnswer::shared;
    state.store_name = shared.limits[0]->spec.store;
    const std::int64_t now_ns = monotonic_ns();
    Refusals refusals;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < shared.count; ++i) {
        const Limit& limit = *shared.limits[i];
        const std::int64_t ahead_ns = shared.reply->ahead_ns[i];
        state.record(&limit, ahead_ns);
        if (!shared.reply->allowed && !limit.spec.gcra.admits(ahead_ns)) {
            refusals.add(limit, ahead_ns);
        }
        if (limit.spec.needs_zone()) {
            LocalCheck& check = shared.fallback.checks[kept++];
            check.ahead_ns = ahead_ns;
            remember(check, now_ns);
        }
    }
    if (refusals.count == 0) {
        return HookResult::pass();
    }
    give_back(shared.taken.all(), now_ns);
    return refuse_limited(state, refusals, mode);
}

void write_check(const RedisCall& call, std::string& out) {
    store::append_check(out, static_cast<const SharedSet*>(call.owner)->asked());
}

void on_answer(RedisCall& call, const store::Reply* reply) {
    auto& shared = *static_cast<SharedSet*>(call.owner);
    shared.answered = true;
    if (const Counters* counters = Counters::active()) {
        counters->count_store(FeatureId::rate_limit, precise_ns() - shared.asked_ns,
                              reply != nullptr);
    }
    if (reply != nullptr) {
        shared.reply = store::parse_check(*reply, shared.asked());
    }
    resume(shared.r);
}

// The request ends while its question is under way: nobody waits for the answer any more.
void forget(void* data) {
    RedisClient::cancel(static_cast<SharedSet*>(data)->call);
}

SharedSet* make_shared_set(const Request& request) {
    ngx_http_request_t* main = request.r()->main;
    ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(main->pool, sizeof(SharedSet));
    if (cleanup == nullptr) {
        throw std::bad_alloc();
    }
    auto* shared = new (cleanup->data) SharedSet();
    static_assert(std::is_trivially_destructible_v<SharedSet>);
    static_assert(alignof(SharedSet) <= NGX_ALIGNMENT);
    shared->r = request.r();
    cleanup->handler = forget;
    return shared;
}

HookResult begin(Request& request, const RateLimitLocation& location, RateLimitState& state,
                 Mode mode) {
    LocalSet local;
    SharedSet* shared = nullptr;
    KeyScratch scratch;
    for (const Limit* limit : location.limits) {
        policy::KeyParts key;
        if (is_counted(state, *limit) || !limit->key.collect(request, scratch, key)) {
            continue;
        }
        mark_counted(state, *limit);
        if (limit->store == nullptr) {
            local.add(*limit, key);
            continue;
        }
        if (shared == nullptr) {
            shared = make_shared_set(request);
        }
        shared->add(*limit, key);
    }
    if (local.count == 0 && shared == nullptr) {
        return HookResult::pass();
    }
    Refusals refusals;
    state.status = RateLimitStatus::passed;
    state.store = RateLimitAnswer::local;
    if (!take_local(request, state, local, refusals)) {
        return refuse_limited(state, refusals, mode);
    }
    if (shared == nullptr) {
        return HookResult::pass();
    }
    shared->taken = local;
    shared->call.write = write_check;
    shared->call.done = on_answer;
    shared->call.owner = shared;
    shared->call.script = &store::rate_limit_redis_script();
    shared->call.slot = shared->checks[0].wire->slot;
    shared->asked_ns = precise_ns();
    RedisClient* client = shared->limits[0]->store->client.get();
    if (client == nullptr || !client->submit(shared->call)) {
        return without_store(request, state, *shared, mode);
    }
    state.waiting = shared;
    return HookResult::suspend();
}

HookResult preaccess(Request& request, const void* location_conf) {
    const auto& location = *static_cast<const RateLimitLocation*>(location_conf);
    const Mode mode = request.mode(location.mode);
    if (mode == Mode::off) {
        return HookResult::pass();
    }
    auto& state = request.feature_state<RateLimitState>(FeatureId::rate_limit);
    if (state.waiting == nullptr) {
        return begin(request, location, state, mode);
    }
    auto& shared = *static_cast<SharedSet*>(state.waiting);
    if (!shared.answered) {
        return HookResult::suspend();
    }
    state.waiting = nullptr;
    return shared.reply ? with_store(state, shared, mode)
                        : without_store(request, state, shared, mode);
}

constexpr Directive kDirectives[] = {
    {"sallyport_limit", kHttp | NGX_CONF_1MORE, set_limit},
    {"sallyport_rate_limit", kEverywhere | NGX_CONF_1MORE, set_rate_limit},
    {"sallyport_rate_limit_headers", kEverywhere | NGX_CONF_1MORE, set_rate_limit_headers},
};

constexpr Variable kVariables[] = {
    {"sallyport_rate_limit_status", rate_limit_status},
    {"sallyport_rate_limit_remaining", rate_limit_remaining},
    {"sallyport_rate_limit_store", rate_limit_store},
};

bool active(const void* location) {
    return !static_cast<const RateLimitLocation*>(location)->limits.empty();
}

void inspect(policy::Metrics& out, void* main_conf) {
    for (const auto& limit : static_cast<const RateLimitMain*>(main_conf)->limits) {
        if (!limit->spec.needs_zone()) {
            continue;
        }
        const policy::Metrics::Labels labels = {{"feature", "rate_limit"},
                                                {"zone", limit->spec.name}};
        out.gauge("sallyport_zone_fill_ratio", "How full a table in shared memory is, 0 to 1.",
                  labels, limit->zone.fill());
        out.counter("sallyport_zone_evictions_total", "Live keys that had to give way.", labels,
                    limit->zone.evictions());
    }
}

}  // namespace

constinit const Feature kRateLimit = {
    .id = FeatureId::rate_limit,
    .name = "rate_limit",
    .directives = kDirectives,
    .variables = kVariables,
    .create_main = [](ngx_pool_t* pool) -> void* { return pool_new<RateLimitMain>(pool); },
    .create_location = [](ngx_pool_t* pool) -> void* { return pool_new<RateLimitLocation>(pool); },
    .merge_location = merge_rate_limit,
    .postconfiguration = finish_rate_limits,
    .active = active,
    .preaccess = preaccess,
    .header_filter = write_rate_limit_fields,
    .explain = explain_rate_limit,
    .inspect = inspect,
};

}  // namespace sallyport::ngx
