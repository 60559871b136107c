// What is settled when a request ends: concurrency slots become free, and requests whose outcome
// says so are taken back.
#include "module/nginx/guard.hpp"
#include "module/nginx/rate_limit_request.hpp"

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

void settle(const Afterwards& afterwards) {
    const std::int64_t now_ns = monotonic_ns();
    RateLimitWorker* worker = RateLimitWorker::current;
    for (const Afterwards::One& one : afterwards.all.all()) {
        const policy::LimitSpec& spec = one.key.limit->spec;
        if (spec.kind != LimitKind::concurrent &&
            !is_to_be_skipped(spec.skip, status_of(afterwards.r))) {
            continue;
        }
        if (one.server_us == 0) {
            LocalCheck check{one.key.limit->zone_of(), one.key.hash, one.units};
            give_back(std::span(&check, 1), now_ns);
        } else if (worker != nullptr && spec.kind == LimitKind::concurrent) {
            worker->release(one.key);
        } else if (worker != nullptr) {
            worker->refund(one.key, one.units, one.server_us);
        }
    }
}

void on_end(void* data) {
    const auto& afterwards = *static_cast<Afterwards*>(data);
    guarded(afterwards.r->connection->log, "rate limit", [&] { settle(afterwards); });
}

}  // namespace

bool settles_later(const Limit& limit) {
    return limit.spec.kind == LimitKind::concurrent || limit.spec.skip != SkipOutcome::none;
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

}  // namespace sallyport::ngx
