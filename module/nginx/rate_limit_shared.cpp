// Limits that count in a store: one question a request, its answer, and what happens without one.
#include "common/prefetch.hpp"
#include "module/nginx/counters.hpp"
#include "module/nginx/rate_limit_request.hpp"
#include "module/policy/http_status.hpp"

#include <algorithm>

namespace sallyport::ngx {
namespace {

using policy::Decision;
using policy::LeaseEntry;
using policy::LimitKind;
using policy::Mode;
using policy::Reason;

// The breaker probes again within seconds; asking sooner than this helps nobody.
constexpr std::uint32_t kUnavailableRetryS = 1;

void forget_concurrency(SharedSet& shared, bool release) {
    RateLimitWorker* worker = RateLimitWorker::current;
    for (std::size_t i = 0; i < shared.count; ++i) {
        const LimitKey& key = shared.asked[i].key;
        if (key.limit->spec.kind == LimitKind::concurrent && worker != nullptr) {
            // Without an answer the store may have counted it: its word is corrected.
            release ? worker->release(key) : worker->not_held(key);
        }
    }
}

void lease_unanswered(SharedSet& shared, std::int64_t now_ns) {
    for (std::size_t i = 0; i < shared.count; ++i) {
        const LimitKey& key = shared.asked[i].key;
        if (key.limit->spec.leases()) {
            key.limit->zone_of()->if_entry<LeaseEntry>(key.hash, now_ns, policy::unanswered);
        }
    }
}

// The store has given no answer: each limit as its on_store_error says.
HookResult without_store(Request& request, RateLimitState& state, SharedSet& shared, Mode mode) {
    const std::int64_t now_ns = monotonic_ns();
    RateLimitWorker* worker = RateLimitWorker::current;
    const RedisStore* store = shared.asked[0].key.limit->store;
    if (worker != nullptr) {
        worker->note_failure(store);
    }
    shared.settled = true;
    lease_unanswered(shared, now_ns);
    forget_concurrency(shared, true);
    state.status = RateLimitStatus::passed;
    state.store = RateLimitAnswer::fallback;
    LocalSet alone;
    for (std::size_t i = 0; i < shared.count; ++i) {
        const SharedSet::Asked& one = shared.asked[i];
        const policy::LimitSpec& spec = one.key.limit->spec;
        if (spec.on_store_error == policy::OnStoreError::deny) {
            give_back(shared.taken, now_ns);
            state.status = RateLimitStatus::unavailable;
            return HookResult::decided(
                Decision::deny(Reason::rate_limit_store_unavailable, policy::kServiceUnavailable,
                               kUnavailableRetryS),
                mode, spec.name);
        }
        if (spec.on_store_error == policy::OnStoreError::local) {
            LocalCheck& check = alone.add(*one.key.limit, one.key.hash, one.asking());
            check.alone = true;
            check.share = worker == nullptr ? 1 : worker->nodes(store);
        }
    }
    if (!take_local(request, state, alone)) {
        give_back(shared.taken, now_ns);
        return refuse_limited(request, state, mode);
    }
    for (std::size_t i = 0, next = 0; i < shared.count; ++i) {
        const LimitKey& key = shared.asked[i].key;
        if (key.limit->spec.on_store_error != policy::OnStoreError::local) {
            continue;
        }
        const LocalCheck& check = alone.checks[next++];
        if (settles_later(*key.limit)) {
            settle_later(request, state, key, check.units * check.share, 0);
        }
    }
    return hold_back(request, state, mode, {shared.taken, alone.checks.all(), nullptr});
}

// What the answer means for what this node knows. False when a lease's unit came too late.
[[gnu::hot]] bool learn(const SharedSet& shared, std::size_t i, bool admitted,
                        std::int64_t now_ns) {
    const LimitKey& key = shared.asked[i].key;
    const policy::LimitSpec& spec = key.limit->spec;
    const policy::Measure& measure = shared.reply->measures[i];
    if (!spec.leases()) {
        if (shared.asked[i].has_zone) {
            LocalCheck check{key.limit->zone_of(), key.hash, shared.asked[i].ask.units, key.terms};
            check.measure = measure;
            remember(check, now_ns);
        }
        return true;
    }
    const policy::LeaseTerms terms = spec.lease_terms(*key.terms);
    const auto units =
        static_cast<std::uint32_t>(shared.reply->extra_ns[i] / terms.gcra.interval_ns);
    const bool held = shared.checks[i].hold > 0;
    bool in_time = true;
    RateLimitZone& zone = *key.limit->zone_of();
    policy::HeldPart part;
    zone.with_entry<LeaseEntry>(key.hash, now_ns, [&](LeaseEntry& entry) {
        if (admitted) {
            in_time =
                policy::granted(entry, terms, measure.used, units, held, shared.sent_ns, now_ns);
        } else {
            policy::refused(entry, terms, measure.used, shared.sent_ns, now_ns);
        }
        if (in_time && held && zone.pocket() != nullptr) {
            part = policy::take_held(entry, zone.workers(), now_ns);
        }
    });
    if (part.units > 0) {
        zone.pocket()->put(key.hash, {part.units, part.ends_ns, now_ns + measure.used}, now_ns);
    }
    if (in_time && units > 0 && !held && RateLimitWorker::current != nullptr) {
        RateLimitWorker::current->watch(key, shared.reply->server_us);
    }
    return in_time;
}

[[gnu::hot]] HookResult with_store(Request& request, RateLimitState& state, SharedSet& shared,
                                   Mode mode) {
    const std::int64_t now_ns = monotonic_ns();
    const bool allowed = shared.reply->allowed;
    bool in_time = true;
    for (std::size_t i = 0; i < shared.count; ++i) {
        in_time = learn(shared, i, allowed, now_ns) && in_time;
    }
    if (!in_time) {
        return without_store(request, state, shared, mode);
    }
    shared.settled = true;
    state.status = RateLimitStatus::passed;
    state.store = RateLimitAnswer::shared;
    state.store_name = shared.asked[0].key.limit->spec.store;
    for (std::size_t i = 0; i < shared.count; ++i) {
        const SharedSet::Asked& one = shared.asked[i];
        const policy::Measure& measure = shared.reply->measures[i];
        state.record(one.key.limit, one.key.terms, measure, one.ask,
                     !allowed && !policy::admits(*one.key.terms, measure, one.ask));
        if (allowed && settles_later(*one.key.limit)) {
            settle_later(request, state, one.key, one.ask.units, shared.reply->server_us);
        }
    }
    if (allowed) {
        return hold_back(request, state, mode, {shared.taken, {}, &shared});
    }
    forget_concurrency(shared, false);
    give_back(shared.taken, now_ns);
    return refuse_limited(request, state, mode);
}

[[gnu::hot]] void write_check(const RedisCall& call, std::string& out) {
    store::append_check(out, static_cast<const SharedSet*>(call.owner)->all());
}

[[gnu::hot]] void on_answer(RedisCall& call, const store::Reply* reply) {
    auto& shared = *static_cast<SharedSet*>(call.owner);
    shared.answered = true;
    if (const Counters* counters = Counters::active()) {
        counters->count_store(FeatureId::rate_limit, precise_ns() - shared.asked_ns,
                              reply != nullptr);
    }
    if (reply != nullptr) {
        shared.reply = store::parse_check(*reply, shared.all());
    }
    resume(shared.r);
}

void expect_answer(const RedisCall& call) {
    const auto& shared = *static_cast<const SharedSet*>(call.owner);
    prefetch(&shared, sizeof shared);
    prefetch(shared.asked, shared.count * sizeof(SharedSet::Asked));
    prefetch(shared.checks, shared.count * sizeof(store::Check));
    prefetch(shared.limits, sizeof *shared.limits);
    const RequestState& state = *shared.state;
    prefetch(&state, kCacheLine);
    prefetch(&state.slots, sizeof state.slots);
    prefetch(shared.r, sizeof *shared.r);
}

// The request ends while its question is under way: nobody waits for the answer any more, and what
// it has already taken is free again.
void forget(void* data) {
    auto& shared = *static_cast<SharedSet*>(data);
    RedisClient::cancel(shared.call);
    if (shared.count > 0 && !shared.settled) {
        const std::int64_t now_ns = monotonic_ns();
        give_back(shared.taken, now_ns);
        lease_unanswered(shared, now_ns);
        forget_concurrency(shared, true);
    }
}

}  // namespace

[[gnu::hot]] SharedSet* make_shared_set(const Request& request, std::size_t room) {
    ngx_http_request_t* main = request.r()->main;
    void* arrays = ngx_palloc(main->pool, room * (sizeof(store::Check) + sizeof(SharedSet::Asked)));
    ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(main->pool, sizeof(SharedSet));
    if (cleanup == nullptr || arrays == nullptr) {
        throw std::bad_alloc();
    }
    auto* shared = new (cleanup->data) SharedSet();
    static_assert(std::is_trivially_destructible_v<SharedSet>);
    static_assert(alignof(SharedSet) <= NGX_ALIGNMENT);
    static_assert(alignof(SharedSet::Asked) <= NGX_ALIGNMENT &&
                  alignof(store::Check) <= NGX_ALIGNMENT);
    shared->asked = static_cast<SharedSet::Asked*>(arrays);
    shared->checks = reinterpret_cast<store::Check*>(shared->asked + room);
    shared->r = request.r();
    shared->state = &request.state();
    cleanup->handler = forget;
    return shared;
}

[[gnu::hot]] HookResult ask_store(Request& request, RateLimitState& state, SharedSet& shared,
                                  Mode mode) {
    RateLimitWorker* worker = RateLimitWorker::current;
    const Limit& first = *shared.asked[0].key.limit;
    shared.sent_ns = monotonic_ns();
    const bool resyncs = worker != nullptr && worker->resyncs(first.store);
    for (std::size_t i = 0; i < shared.count; ++i) {
        const SharedSet::Asked& one = shared.asked[i];
        const Limit& limit = *one.key.limit;
        if (limit.spec.kind == LimitKind::concurrent && worker != nullptr) {
            shared.checks[i].holder = worker->holder();
            worker->asking(one.key);
        }
        if (resyncs && one.has_zone) {
            shared.checks[i].known_ns =
                known_ahead({limit.zone_of(), one.key.hash, 1, one.key.terms}, shared.sent_ns);
        }
        if (shared.checks[i].extra > 0 || shared.checks[i].hold > 0) {
            limit.zone_of()->if_entry<LeaseEntry>(
                one.key.hash, shared.sent_ns, [&](LeaseEntry& entry) {
                    policy::asked(entry, limit.spec.lease_terms(*one.key.terms), shared.sent_ns);
                });
        }
    }
    shared.call.write = write_check;
    shared.call.done = on_answer;
    shared.call.expect = expect_answer;
    shared.call.owner = &shared;
    shared.call.script = &store::rate_limit_redis_script();
    shared.call.slot = store::slot_of(first.wire, shared.asked[0].key.text);
    if (Counters::active() != nullptr) {
        shared.asked_ns = precise_ns();
    }
    RedisClient* client = first.store->client.get();
    if (client == nullptr || !client->submit(shared.call)) {
        return without_store(request, state, shared, mode);
    }
    shared.limits = &state;
    state.waiting = &shared;
    return HookResult::suspend();
}

[[gnu::hot]] HookResult after_store(Request& request, RateLimitState& state, SharedSet& shared,
                                    Mode mode) {
    if (!shared.answered) {
        return HookResult::suspend();
    }
    state.waiting = nullptr;
    return shared.reply ? with_store(request, state, shared, mode)
                        : without_store(request, state, shared, mode);
}

}  // namespace sallyport::ngx
