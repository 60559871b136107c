// Rate limits in PREACCESS: all limits of a request are checked together and consumed together, or
// none is. What shared memory can decide is taken first (it costs nothing to ask) and given back
// when the shared store refuses. A limit counts a request once, however often it is redirected.
#include "module/nginx/feature.hpp"
#include "module/nginx/rate_limit_control.hpp"
#include "module/nginx/rate_limit_explain.hpp"
#include "module/nginx/rate_limit_request.hpp"
#include "module/nginx/str.hpp"

#include <algorithm>

namespace sallyport::ngx {

using policy::LimitKind;
using policy::Mode;
using policy::Standing;
using Answer = LocalCheck::Answer;

HookResult refuse_limited(Request& request, RateLimitState& state, Mode mode) {
    FixedList<Standing, store::kLimitsPerRequestMax> refusing;
    std::uint32_t longest_s = 0;
    const Limit* longest = nullptr;
    std::string violated;  // names are letters, digits, "_" and "-": nothing to escape
    for (const RateLimitState::Outcome& one : state.all()) {
        if (!one.refused || refusing.full()) {
            continue;
        }
        const Standing standing = one.standing();
        if (longest == nullptr || standing.retry_after_s > longest_s) {
            longest = one.limit;
            longest_s = standing.retry_after_s;
        }
        refusing.push(standing);
        violated.append(violated.empty() ? "\"" : ",\"").append(one.limit->spec.name).append("\"");
    }
    if (mode == Mode::enforce) {
        request.state().violated = keep(request.r(), violated);
    }
    state.status = RateLimitStatus::limited;
    return HookResult::decided(policy::refusal(refusing.all()), mode,
                               longest == nullptr ? std::string_view() : longest->spec.name);
}

namespace {

void mark_counted(RateLimitState& state, const Limit& limit) {
    state.counted |= std::uint64_t{1} << limit.index;
}

bool is_counted(const RateLimitState& state, const Limit& limit) {
    return (state.counted >> limit.index & 1) != 0;
}

void warn_evictions(const Request& request, const LocalSet& set) {
    // Once a minute and worker: a full table is an operator's business, not each request's.
    static ngx_msec_t quiet_until = 0;
    static std::uint64_t seen = 0;
    std::uint64_t evictions = 0;
    for (const LocalCheck& check : set.checks.all()) {
        evictions += check.zone->evictions();
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

// The request's limits, sorted by who can decide.
struct Sorted {
    LocalSet local;
    SharedSet* shared = nullptr;
    std::size_t room = 0;  // how many limits there can be
};

[[gnu::hot]] void ask_about(Request& request, Sorted& sorted, const Limit& limit,
                            const Limit::KeyNames& key, const Asking& asking, std::uint32_t extra,
                            std::uint32_t hold) {
    if (sorted.shared == nullptr) {
        sorted.shared = make_shared_set(request, sorted.room);
    }
    SharedSet& shared = *sorted.shared;
    const std::size_t i = shared.count++;
    auto* asked = new (&shared.asked[i]) SharedSet::Asked{
        {&limit, key.hash, key.text, asking.terms}, asking.ask, limit.spec.needs_zone()};
    new (&shared.checks[i])
        store::Check{.wire = &limit.wire,
                     .terms = asking.terms == &limit.spec ? nullptr : asking.terms,
                     .key = asked->key.text,
                     .units = std::int64_t{asking.ask.units},
                     .extra = extra,
                     .hold = hold,
                     .reserve = asking.ask.reserve};
}

[[gnu::hot]] void sort_limits(Request& request, const RateLimitLocation& location,
                              RateLimitState& state, Sorted& out) {
    out.room = location.limits.size();
    KeyScratch scratch;
    for (const Limit* limit : location.limits) {
        policy::KeyParts key;
        if (is_counted(state, *limit) || !limit->key.collect(request, scratch, key)) {
            continue;
        }
        mark_counted(state, *limit);
        const bool shared = limit->store != nullptr && !limit->spec.leases();
        const Limit::KeyNames names = limit->names_of(key, shared);
        const Asking asking = asking_of(request, *limit, names.hash);
        if (asking.ask.units == 0) {
            continue;
        }
        if (shared) {
            ask_about(request, out, *limit, names, asking, 0, 0);
        } else {
            out.local.add(*limit, names.hash, asking);
        }
    }
}

// Leases that are used up must be asked for; those that run low are renewed beside the request.
void ask_for_leases(Request& request, Sorted& sorted) {
    for (std::size_t i = 0; i < sorted.local.checks.size(); ++i) {
        const LocalCheck& check = sorted.local.checks[i];
        const Limit& limit = *sorted.local.limits[i];
        const bool asks = check.answer == Answer::asks;
        if (!asks && check.want == 0) {
            continue;
        }
        KeyScratch scratch;
        policy::KeyParts key;
        limit.key.collect(request, scratch, key);
        const Limit::KeyNames names = limit.names_of(key, true);
        if (asks) {
            ask_about(request, sorted, limit, names, {check.terms, {check.units, check.reserve}},
                      check.want, check.hold);
        } else if (RateLimitWorker::current != nullptr) {
            RateLimitWorker::current->renew({&limit, names.hash, names.text, check.terms},
                                            check.want);
        }
    }
}

// Only a charge of a leased limit goes to the store.
LimitKey key_to_settle(Request& request, const Limit& limit, const LocalCheck& check) {
    LimitKey out{&limit, check.key, {}, check.terms};
    if (limit.store != nullptr && !limit.spec.charge.empty()) {
        KeyScratch scratch;
        policy::KeyParts key;
        limit.key.collect(request, scratch, key);
        out.text = limit.names_of(key, true).text;
    }
    return out;
}

// While the store is asked, what was taken from shared memory must outlive this call.
void keep_taken(const Request& request, Sorted& sorted) {
    const std::span<LocalCheck> checks = sorted.local.checks.all();
    if (checks.empty()) {
        return;
    }
    auto* kept = static_cast<LocalCheck*>(ngx_palloc(request.r()->main->pool, checks.size_bytes()));
    if (kept == nullptr) {
        throw std::bad_alloc();
    }
    std::copy(checks.begin(), checks.end(), kept);
    sorted.shared->taken = {kept, checks.size()};
}

[[gnu::hot]] HookResult begin(Request& request, const RateLimitLocation& location,
                              RateLimitState& state, Mode mode) {
    if (state.location == nullptr) {
        state.location = &location;
        state.mode = mode;
        request.state().header_mask |= FeatureMask{1}
                                       << static_cast<unsigned>(FeatureId::rate_limit);
    }
    Sorted sorted;
    sort_limits(request, location, state, sorted);
    if (sorted.local.checks.empty() && sorted.shared == nullptr) {
        return HookResult::pass();
    }
    state.make_room(request, location.limits.size());
    state.status = RateLimitStatus::passed;
    state.store = RateLimitAnswer::local;
    if (!take_local(request, state, sorted.local)) {
        return refuse_limited(request, state, mode);
    }
    ask_for_leases(request, sorted);
    for (std::size_t i = 0; i < sorted.local.checks.size(); ++i) {
        const LocalCheck& check = sorted.local.checks[i];
        if (check.answer == Answer::admits && settles_later(*sorted.local.limits[i])) {
            settle_later(request, state, key_to_settle(request, *sorted.local.limits[i], check),
                         check.units, 0);
        }
    }
    if (sorted.shared == nullptr) {
        return hold_back(request, state, mode, {sorted.local.checks.all(), {}, nullptr});
    }
    keep_taken(request, sorted);
    return ask_store(request, state, *sorted.shared, mode);
}

[[gnu::hot]] HookResult preaccess(Request& request, const void* location_conf) {
    const auto& location = *static_cast<const RateLimitLocation*>(location_conf);
    const Mode mode = request.mode(location.mode);
    if (mode == Mode::off) {
        return HookResult::pass();
    }
    auto& state = request.feature_state<RateLimitState>(FeatureId::rate_limit);
    if (is_held_back(state)) {
        return HookResult::suspend();
    }
    if (state.waiting == nullptr) {
        return begin(request, location, state, mode);
    }
    return after_store(request, state, *static_cast<SharedSet*>(state.waiting), mode);
}

Status init_cycle(ngx_cycle_t*, void*) {
    forget_inherited_zones();
    return Done{};
}

Status init_process(ngx_cycle_t* cycle, void* main_conf) {
    auto& main = *static_cast<RateLimitMain*>(main_conf);
    if (ngx_process != NGX_PROCESS_HELPER && !main.limits.empty()) {
        main.worker = std::make_unique<RateLimitWorker>(main, cycle);
        const auto* core = reinterpret_cast<const ngx_core_conf_t*>(
            ngx_get_conf(cycle->conf_ctx, ngx_core_module));
        for (const std::unique_ptr<Limit>& limit : main.limits) {
            if (limit->spec.needs_zone()) {
                limit->zone.make_pocket(
                    static_cast<std::uint32_t>(std::max(core->worker_processes, ngx_int_t{1})));
            }
        }
        for (const auto& table : main.tables) {
            table->watch(cycle);
        }
    }
    return Done{};
}

void exit_process(ngx_cycle_t*, void* main_conf) {
    static_cast<RateLimitMain*>(main_conf)->worker.reset();
}

constexpr Directive kDirectives[] = {
    {"sallyport_limit", kHttp | NGX_CONF_1MORE, set_limit},
    {"sallyport_limit_table", kHttp | NGX_CONF_2MORE, set_limit_table},
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
        if (limit->spec.adapts()) {
            out.gauge("sallyport_limit_share",
                      "The share of its rate that an adaptive limit gives.",
                      {{"limit", limit->spec.name}},
                      static_cast<double>(limit->zone.share()) / policy::kWhole);
        }
    }
}

}  // namespace

[[gnu::hot]] bool take_local(const Request& request, RateLimitState& state, LocalSet& set) {
    if (set.checks.empty()) {
        return true;
    }
    const bool all = take_all(set.checks.all(), monotonic_ns());
    for (std::size_t i = 0; i < set.checks.size(); ++i) {
        const LocalCheck& check = set.checks[i];
        if (check.answer != Answer::asks) {
            state.record(set.limits[i], check.terms, check.measure, {check.units, check.reserve},
                         check.answer == Answer::refuses);
        }
    }
    warn_evictions(request, set);
    return all;
}

constinit const Feature kRateLimit = {
    .id = FeatureId::rate_limit,
    .name = "rate_limit",
    .directives = kDirectives,
    .variables = kVariables,
    .create_main = [](ngx_pool_t* pool) -> void* { return pool_new<RateLimitMain>(pool); },
    .create_location = [](ngx_pool_t* pool) -> void* { return pool_new<RateLimitLocation>(pool); },
    .merge_location = merge_rate_limit,
    .postconfiguration = finish_rate_limits,
    .init_cycle = init_cycle,
    .init_process = init_process,
    .exit_process = exit_process,
    .active = active,
    .preaccess = preaccess,
    .header_filter = write_rate_limit_fields,
    .explain = explain_rate_limit,
    .routes = kRateLimitRoutes,
    .inspect = inspect,
};

}  // namespace sallyport::ngx
