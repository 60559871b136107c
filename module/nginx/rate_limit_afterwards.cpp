// What is settled when the response comes or the request ends: charges, concurrency slots that
// become free, requests whose outcome takes them back, and what was seen of the upstream.
#include "common/bytes.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/rate_limit_request.hpp"
#include "module/nginx/str.hpp"

namespace sallyport::ngx {
namespace {

using policy::LimitKind;
using policy::SkipOutcome;

bool is_to_be_skipped(SkipOutcome skip, ngx_uint_t status) {
    switch (skip) {
        case SkipOutcome::none:
            return false;
        case SkipOutcome::failed:
            return status >= 400 || status == 0;
        case SkipOutcome::successful:
            return status > 0 && status < 400;
        case SkipOutcome::server_errors:
            return status >= 500;
    }
    return false;
}

ngx_uint_t status_of(const ngx_http_request_t* r) {
    return r->err_status != 0 ? r->err_status : r->headers_out.status;
}

void take_back(const Afterwards::One& one, std::uint32_t units, std::int64_t now_ns) {
    const policy::LimitSpec& spec = one.key.limit->spec;
    RateLimitWorker* worker = RateLimitWorker::current;
    if (one.server_us == 0) {
        const LocalCheck check{one.key.limit->zone_of(), one.key.hash, units, one.key.terms};
        give_back(std::span(&check, 1), now_ns);
    } else if (worker != nullptr && spec.kind == LimitKind::concurrent) {
        worker->release(one.key);
    } else if (worker != nullptr) {
        worker->refund(one.key, units, one.server_us);
    }
}

// The last server that was asked; nothing when none was (the answer was nginx's own).
void observe(const Limit& limit, const ngx_http_request_t* r) {
    if (r->upstream_states == nullptr || r->upstream_states->nelts == 0) {
        return;
    }
    const auto* states = static_cast<const ngx_http_upstream_state_t*>(r->upstream_states->elts);
    const ngx_http_upstream_state_t& last = states[r->upstream_states->nelts - 1];
    if (last.peer == nullptr || status_of(r) == NGX_HTTP_CLIENT_CLOSED_REQUEST) {
        return;
    }
    // Until the first byte: how long a body takes is the client's doing as well.
    constexpr auto kUnknown = static_cast<ngx_msec_t>(-1);
    const ngx_msec_t ms = last.header_time == kUnknown ? last.response_time : last.header_time;
    const bool failed = last.status == 0 || last.status >= 500 || last.header_time == kUnknown;
    limit.zone_of()->observe(ms == kUnknown ? 0 : static_cast<std::int64_t>(ms) * 1'000, failed);
}

void settle(const Afterwards& afterwards) {
    const std::int64_t now_ns = monotonic_ns();
    for (const Afterwards::One& one : afterwards.all.all()) {
        const policy::LimitSpec& spec = one.key.limit->spec;
        if (spec.adapts()) {
            observe(*one.key.limit, afterwards.r);
        }
        if (spec.kind == LimitKind::concurrent ||
            is_to_be_skipped(spec.skip, status_of(afterwards.r))) {
            take_back(one, one.units, now_ns);
        }
    }
}

void on_end(void* data) {
    const auto& afterwards = *static_cast<Afterwards*>(data);
    guarded(afterwards.r->connection->log, "rate limit", [&] { settle(afterwards); });
}

// What the response says that it has cost. Nothing when the field is missing or no number.
std::optional<std::uint64_t> told_cost(ngx_http_request_t* r, std::string_view name) {
    for (ngx_list_part_t* part = &r->headers_out.headers.part; part != nullptr; part = part->next) {
        const auto* headers = static_cast<const ngx_table_elt_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            if (headers[i].hash != 0 && ascii_iequals(view(headers[i].key), name)) {
                return policy::parse_units(trim_ows(view(headers[i].value)));
            }
        }
    }
    return std::nullopt;
}

void charge_one(RateLimitState& state, const Afterwards::One& one, std::uint32_t cost) {
    const std::int64_t now_ns = monotonic_ns();
    const Limit& limit = *one.key.limit;
    if (cost < one.units) {
        // A lease's units are spent from memory: what is given back to it would count twice.
        if (!limit.spec.leases()) {
            take_back(one, one.units - cost, now_ns);
        }
        return;
    }
    const std::uint32_t more = cost - one.units;
    if (more == 0) {
        return;
    }
    if (limit.spec.needs_zone()) {
        LocalCheck check{limit.zone_of(), one.key.hash, more, one.key.terms};
        charge(check, more, now_ns);
        RateLimitState::Outcome* outcome = state.find(&limit);
        if (outcome != nullptr && one.server_us == 0) {
            outcome->measure = check.measure;
        }
    }
    if (limit.store != nullptr && RateLimitWorker::current != nullptr) {
        RateLimitWorker::current->charge(one.key, more);
    }
}

}  // namespace

[[gnu::hot]] bool settles_later(const Limit& limit) {
    const policy::LimitSpec& spec = limit.spec;
    return spec.kind == LimitKind::concurrent || spec.skip != SkipOutcome::none ||
           !spec.charge.empty() || spec.adapts();
}

void settle_later(Request& request, RateLimitState& state, const LimitKey& key, std::uint32_t units,
                  std::int64_t server_us) {
    auto* afterwards = static_cast<Afterwards*>(state.held);
    if (afterwards == nullptr) {
        ngx_http_request_t* main = request.r()->main;
        ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(main->pool, sizeof(Afterwards));
        if (cleanup == nullptr) {
            throw std::bad_alloc();
        }
        afterwards = new (cleanup->data) Afterwards();
        static_assert(std::is_trivially_destructible_v<Afterwards>);
        afterwards->r = main;
        cleanup->handler = on_end;
        state.held = afterwards;
    }
    if (!afterwards->all.full()) {
        afterwards->all.push({key, units, server_us});
    }
}

void charge_response(Request& request, const RateLimitLocation& location) {
    ngx_http_request_t* r = request.r();
    auto* state = request.find_feature_state<RateLimitState>(FeatureId::rate_limit);
    auto* afterwards = state == nullptr ? nullptr : static_cast<Afterwards*>(state->held);
    if (afterwards != nullptr) {
        for (Afterwards::One& one : afterwards->all.all()) {
            const policy::LimitSpec& spec = one.key.limit->spec;
            if (spec.charge.empty() || one.charged) {
                continue;
            }
            if (const auto cost = told_cost(r, spec.charge)) {
                one.charged = true;
                charge_one(
                    *state, one,
                    static_cast<std::uint32_t>(std::min(*cost, std::uint64_t{spec.charge_max})));
            }
        }
    }
    const auto hide = [&](const Limit& limit) {
        if (limit.spec.charge_hidden) {
            remove_header(r, limit.spec.charge);
        }
    };
    for (const Limit* limit : location.limits) {
        hide(*limit);
    }
    if (state != nullptr) {
        for (const RateLimitState::Outcome& one : state->all()) {
            hide(*one.limit);
        }
    }
}

}  // namespace sallyport::ngx
