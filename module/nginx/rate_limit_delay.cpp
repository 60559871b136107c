// Requests that are held back: what exceeds delay= waits for its turn instead of being refused.
//
// Their units are taken when they come, so that nobody overtakes; each waits until the rate would
// have had room for it beyond what passes at once. A client that goes away while it waits is
// noticed, and its timer goes with the request; its unit stays taken, for those behind it have been
// told when to go.
#include "common/units.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/rate_limit_request.hpp"
#include "module/policy/http_status.hpp"

#include <algorithm>

namespace sallyport::ngx {
namespace {

using policy::Decision;
using policy::LimitKind;
using policy::Mode;
using policy::Reason;

// Of a worker. A waiting request costs what an idle connection does; who fills this many has more
// patience than the upstream is worth.
constexpr std::size_t kHeldBackMax = 8'192;

std::size_t held_back_count = 0;  // this worker's

struct HeldBack {
    ngx_http_request_t* r;
    ngx_event_t timer;
    bool waits;
};

void end_waiting(HeldBack& held) {
    if (held.waits) {
        held.waits = false;
        --held_back_count;
        if (held.timer.timer_set) {
            ngx_del_timer(&held.timer);
        }
    }
}

void on_turn(ngx_event_t* event) noexcept {
    auto& held = *static_cast<HeldBack*>(event->data);
    guarded(held.r->connection->log, "rate limit delay", [&] {
        ngx_http_request_t* r = held.r;
        end_waiting(held);
        r->read_event_handler = ngx_http_block_reading;
        resume(r);
    });
}

// How long the strictest of the limits wants the request to wait, and its name.
struct Wait {
    std::int64_t ns = 0;
    const Limit* limit = nullptr;
};
[[gnu::hot]] Wait longest_wait(const RateLimitState& state) {
    Wait out;
    for (const RateLimitState::Outcome& one : state.all()) {
        const std::uint64_t behind = one.limit->spec.delay_behind;
        if (behind == 0) {
            continue;
        }
        const std::int64_t ns = one.measure.used - one.terms->measure_of(behind);
        if (ns > out.ns) {
            out = {ns, one.limit};
        }
    }
    out.ns = std::min(out.ns, policy::kDelayNsMax);
    return out;
}

// Slots are released when the request ends.
void give_all_back(const Taken& taken) {
    for (const std::span<const LocalCheck> checks : {taken.local, taken.alone}) {
        for (const LocalCheck& check : checks) {
            if (check.zone->spec().kind != LimitKind::concurrent) {
                give_back(std::span(&check, 1), monotonic_ns());
            }
        }
    }
    RateLimitWorker* worker = RateLimitWorker::current;
    for (std::size_t i = 0; taken.shared != nullptr && i < taken.shared->count; ++i) {
        const SharedSet::Asked& one = taken.shared->asked[i];
        if (worker != nullptr && one.key.limit->spec.kind != LimitKind::concurrent) {
            worker->refund(one.key, one.ask.units, taken.shared->reply->server_us);
        }
    }
}

HeldBack& make_held_back(const Request& request, RateLimitState& state) {
    if (state.delayed != nullptr) {
        return *static_cast<HeldBack*>(state.delayed);
    }
    ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(request.r()->main->pool, sizeof(HeldBack));
    if (cleanup == nullptr) {
        throw std::bad_alloc();
    }
    auto* held = new (cleanup->data) HeldBack{};
    held->timer.data = held;
    held->timer.handler = on_turn;
    held->timer.log = request.log();
    cleanup->handler = [](void* data) { end_waiting(*static_cast<HeldBack*>(data)); };
    state.delayed = held;
    return *held;
}

}  // namespace

[[gnu::hot]] bool is_held_back(const RateLimitState& state) {
    return state.delayed != nullptr && static_cast<const HeldBack*>(state.delayed)->waits;
}

[[gnu::hot]] HookResult hold_back(Request& request, RateLimitState& state, Mode mode,
                                  const Taken& taken) {
    const Wait wait = longest_wait(state);
    const std::int64_t ms = (wait.ns + kNsPerMs - 1) / kNsPerMs;
    if (ms == 0 || mode != Mode::enforce) {
        return HookResult::pass();
    }
    if (held_back_count >= kHeldBackMax) {
        give_all_back(taken);
        state.status = RateLimitStatus::limited;
        const auto after_s = static_cast<std::uint32_t>((wait.ns + kNsPerS - 1) / kNsPerS);
        return HookResult::decided(
            Decision::deny(Reason::rate_limited, policy::kTooManyRequests, after_s), mode,
            wait.limit->spec.name);
    }
    HeldBack& held = make_held_back(request, state);
    ngx_http_request_t* r = request.r();
    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        throw std::bad_alloc();
    }
    held.r = r;
    held.waits = true;
    ++held_back_count;
    state.status = RateLimitStatus::delayed;
    r->read_event_handler = ngx_http_test_reading;
    ngx_add_timer(&held.timer, static_cast<ngx_msec_t>(ms));
    return HookResult::suspend();
}

}  // namespace sallyport::ngx
