#include "module/nginx/rate_limit_worker.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/str.hpp"

#include <algorithm>
#include <array>

namespace sallyport::ngx {
namespace {

// Background questions under way: beyond that keys are asked about by their requests alone.
constexpr std::size_t kBackgroundMax = 4'096;
// Leases watched for units to return: the rest lapse.
constexpr std::size_t kWatchedMax = 1'024;
constexpr ngx_msec_t kSliceMs = 50;
constexpr ngx_msec_t kSecondMs = 1'000;
// After trouble, nodes tell the store what they know for so long.
constexpr ngx_msec_t kResyncMs = 60'000;

std::string random_name() {
    std::array<std::uint8_t, 8> bytes;
    random_bytes(bytes.data(), bytes.size());
    return hex_encode(bytes.data(), bytes.size());
}

}  // namespace

RateLimitWorker* RateLimitWorker::current = nullptr;

// One call of the worker's own; lives until it is answered.
struct RateLimitWorker::Background {
    enum class Kind : std::uint8_t { renew, refund, charge, hold };

    RedisCall call;
    RateLimitWorker* worker = nullptr;
    std::list<std::unique_ptr<Background>>::iterator place;
    LimitKey key;
    policy::LimitTerms terms;  // what key.terms points to: requests end earlier
    Kind kind = Kind::renew;
    store::Check check;  // renew, refunds of windows, charges
    std::int64_t sent_ns = 0;
    std::int64_t amount = 0;     // refund: ns; hold: how many
    std::int64_t server_us = 0;  // refund
    std::int64_t life_ms = 0;    // refund
    bool add = false;            // hold
    std::string id;              // refund
};

RateLimitWorker::RateLimitWorker(RateLimitMain& main, ngx_cycle_t* cycle)
    : main_(main), holder_(random_name()) {
    node_ = std::string(view(cycle->hostname)) + ":" + std::to_string(ngx_parent);
    for (const auto& limit : main.limits) {
        looks_each_second_ = looks_each_second_ || limit->spec.adapts() ||
                             limit->spec.kind == policy::LimitKind::concurrent;
        if (limit->store != nullptr && state_of(limit->store) == nullptr) {
            stores_.push_back({.store = limit->store});
        }
    }
    const auto prepare = [&](ngx_event_t& event, ngx_event_handler_pt handler) {
        event.handler = handler;
        event.data = this;
        event.log = cycle->log;
        event.cancelable = 1;
    };
    prepare(slice_timer_, on_slice);
    prepare(second_timer_, on_second);
    if (looks_each_second_ || !stores_.empty()) {
        ngx_add_timer(&second_timer_, 1);
    }
    current = this;
}

RateLimitWorker::~RateLimitWorker() {
    if (current == this) {
        current = nullptr;
    }
    // A client that has ended has forgotten its calls.
    for (const auto& one : calls_) {
        if (one->key.limit->store->client != nullptr) {
            RedisClient::cancel(one->call);
        }
    }
    for (const StoreState& state : stores_) {
        if (state.ping != nullptr && state.store->client != nullptr) {
            RedisClient::cancel(*state.ping);
        }
    }
    for (ngx_event_t* timer : {&slice_timer_, &second_timer_}) {
        if (timer->timer_set) {
            ngx_del_timer(timer);
        }
    }
}

void RateLimitWorker::on_slice(ngx_event_t* event) noexcept {
    auto& self = *static_cast<RateLimitWorker*>(event->data);
    guarded(event->log, "rate limit leases", [&] { self.return_unused(); });
    if (!self.watched_.empty()) {
        ngx_add_timer(event, kSliceMs);
    }
}

void RateLimitWorker::on_second(ngx_event_t* event) noexcept {
    auto& self = *static_cast<RateLimitWorker*>(event->data);
    guarded(event->log, "rate limit heartbeat", [&] { self.heartbeat(); });
    ngx_add_timer(event, kSecondMs);
}

RateLimitWorker::StoreState* RateLimitWorker::state_of(const RedisStore* store) {
    const auto found = std::find_if(stores_.begin(), stores_.end(),
                                    [&](const StoreState& one) { return one.store == store; });
    return found == stores_.end() ? nullptr : &*found;
}

RateLimitWorker::Background* RateLimitWorker::make(const LimitKey& key) {
    if (calls_.size() >= kBackgroundMax || key.limit->store->client == nullptr) {
        return nullptr;
    }
    calls_.push_back(std::make_unique<Background>());
    Background* out = calls_.back().get();
    out->place = std::prev(calls_.end());
    out->worker = this;
    out->terms = *key.terms;
    out->key = key;
    out->key.terms = &out->terms;
    out->call.owner = out;
    out->call.done = finished;
    out->call.slot = store::slot_of(key.limit->wire, key.text);
    out->sent_ns = monotonic_ns();
    return out;
}

void RateLimitWorker::submit(Background* one) {
    if (!one->key.limit->store->client->submit(one->call)) {
        finished(one->call, nullptr);
    }
}

store::Check RateLimitWorker::check_of(const Background& one) {
    return {.wire = &one.key.limit->wire, .terms = &one.terms, .key = one.key.text};
}

void RateLimitWorker::write_check(const RedisCall& call, std::string& out) {
    store::append_check(out, std::span(&static_cast<Background*>(call.owner)->check, 1));
}

void RateLimitWorker::charge(const LimitKey& key, std::int64_t units) {
    Background* one = make(key);
    if (one == nullptr) {
        return;  // a charge is not worth waiting for
    }
    one->kind = Background::Kind::charge;
    one->check = check_of(*one);
    one->check.units = units;
    one->check.charge = true;
    one->call.script = &store::rate_limit_redis_script();
    one->call.write = write_check;
    submit(one);
}

void RateLimitWorker::renew(const LimitKey& key, std::uint32_t want) {
    Background* one = make(key);
    if (one == nullptr) {
        return;
    }
    one->kind = Background::Kind::renew;
    one->check = check_of(*one);
    one->check.units = 0;
    one->check.extra = want;
    one->call.script = &store::rate_limit_redis_script();
    one->call.write = write_check;
    const policy::LeaseTerms terms = key.limit->spec.lease_terms(one->terms);
    key.limit->zone_of()->if_entry<policy::LeaseEntry>(
        key.hash, one->sent_ns,
        [&](policy::LeaseEntry& entry) { policy::asked(entry, terms, one->sent_ns); });
    submit(one);
}

void RateLimitWorker::refund(const LimitKey& key, std::uint32_t units, std::int64_t server_us) {
    Background* one = make(key);
    if (one == nullptr) {
        return;
    }
    one->kind = Background::Kind::refund;
    if (key.limit->spec.kind == policy::LimitKind::window) {
        one->check = check_of(*one);
        one->check.units = -std::int64_t{units};
        one->call.script = &store::rate_limit_redis_script();
        one->call.write = write_check;
        submit(one);
        return;
    }
    one->amount = one->terms.gcra.interval_ns * std::int64_t{units};
    one->server_us = server_us;
    // What is older than it is worth comes to nothing anyway.
    const policy::LimitSpec& spec = key.limit->spec;
    one->life_ms = (spec.leases() ? spec.lease_ttl_ns : one->amount) / 1'000'000 + 1;
    one->id = holder_ + std::to_string(++serial_);
    one->call.script = &store::rate_limit_refund_script();
    one->call.write = [](const RedisCall& call, std::string& out) {
        const auto& self = *static_cast<Background*>(call.owner);
        store::append_refund(out, self.key.limit->wire, self.key.text, self.amount, self.server_us,
                             self.life_ms, self.id);
    };
    submit(one);
}

void RateLimitWorker::finished(RedisCall& call, const store::Reply* reply) {
    auto& one = *static_cast<Background*>(call.owner);
    RateLimitWorker& worker = *one.worker;
    if (reply == nullptr) {
        worker.note_failure(one.key.limit->store);
    }
    if (one.kind == Background::Kind::renew) {
        const auto answer =
            reply == nullptr ? std::nullopt : store::parse_check(*reply, std::span(&one.check, 1));
        const policy::LeaseTerms terms = one.key.limit->spec.lease_terms(one.terms);
        const std::int64_t now_ns = monotonic_ns();
        bool fresh = false;
        one.key.limit->zone_of()->if_entry<policy::LeaseEntry>(
            one.key.hash, now_ns, [&](policy::LeaseEntry& entry) {
                if (!answer) {
                    policy::unanswered(entry);
                    return;
                }
                const auto units =
                    static_cast<std::uint32_t>(answer->extra_ns[0] / terms.gcra.interval_ns);
                fresh = policy::granted(entry, terms, answer->measures[0].used, units, false,
                                        one.sent_ns, now_ns) &&
                        units > 0;
            });
        if (fresh) {
            worker.watch(one.key, answer->server_us);
        }
    }
    worker.calls_.erase(one.place);
}

void RateLimitWorker::watch(const LimitKey& key, std::int64_t server_us) {
    if (watched_.size() < kWatchedMax || watched_.contains(key.hash)) {
        Watched& one = watched_[key.hash];
        one = {key, *key.terms, server_us};
        one.key.terms = &one.terms;
        if (!slice_timer_.timer_set) {
            ngx_add_timer(&slice_timer_, kSliceMs);
        }
    }
}

void RateLimitWorker::return_unused() {
    const std::int64_t now_ns = monotonic_ns();
    std::vector<std::pair<Watched, std::uint32_t>> unused;
    for (auto it = watched_.begin(); it != watched_.end();) {
        const Limit& limit = *it->second.key.limit;
        std::uint32_t units = 0;
        bool over = true;
        limit.zone_of()->if_entry<policy::LeaseEntry>(
            it->first, now_ns, [&](policy::LeaseEntry& entry) {
                units =
                    policy::take_unused(entry, limit.spec.lease_terms(it->second.terms), now_ns);
                over = entry.usable(now_ns) == 0;
            });
        if (units > 0) {
            unused.emplace_back(it->second, units);
        }
        it = over ? watched_.erase(it) : std::next(it);
    }
    for (auto& [one, units] : unused) {
        one.key.terms = &one.terms;
        refund(one.key, units, one.server_us);
    }
}

void RateLimitWorker::asking(const LimitKey& key) {
    Held& held = held_[key.hash];
    held.key = key;
    held.key.terms = &key.limit->spec;
    ++held.count;
}

void RateLimitWorker::not_held(const LimitKey& key) {
    const auto found = held_.find(key.hash);
    if (found != held_.end() && --found->second.count <= 0) {
        held_.erase(found);
    }
}

void RateLimitWorker::release(const LimitKey& key) {
    not_held(key);
    Background* one = make(key);
    if (one == nullptr) {
        return;  // the next heartbeat, or its absence, says the same
    }
    one->kind = Background::Kind::hold;
    one->add = true;
    one->amount = -1;
    one->call.script = &store::rate_limit_hold_script();
    one->call.write = [](const RedisCall& call, std::string& out) {
        const auto& self = *static_cast<Background*>(call.owner);
        store::append_hold(out, self.key.limit->wire, self.key.text, self.worker->holder_, self.add,
                           self.amount);
    };
    submit(one);
}

void RateLimitWorker::heartbeat() {
    for (const auto& limit : main_.limits) {
        if (limit->spec.kind == policy::LimitKind::concurrent && limit->spec.needs_zone()) {
            limit->zone.release_dead();
        }
        if (limit->spec.adapts()) {
            limit->zone.adapt_when_due(static_cast<std::int64_t>(ngx_current_msec));
        }
    }
    for (StoreState& state : stores_) {
        ping(state);
    }
    std::vector<Held> all;
    for (const auto& entry : held_) {
        all.push_back(entry.second);
    }
    for (const Held& held : all) {
        Background* one = make(held.key);
        if (one == nullptr) {
            return;
        }
        one->kind = Background::Kind::hold;
        one->amount = held.count;
        one->call.script = &store::rate_limit_hold_script();
        one->call.write = [](const RedisCall& call, std::string& out) {
            const auto& self = *static_cast<Background*>(call.owner);
            store::append_hold(out, self.key.limit->wire, self.key.text, self.worker->holder_,
                               self.add, self.amount);
        };
        submit(one);
    }
}

void RateLimitWorker::ping(StoreState& state) {
    if (state.store->client == nullptr) {
        return;
    }
    if (state.ping == nullptr) {
        state.ping = std::make_unique<RedisCall>();
        state.ping->owner = this;
        state.ping->script = &store::rate_limit_nodes_script();
        state.ping->slot = store::key_slot(store::nodes_key());
        state.ping->write = [](const RedisCall& call, std::string& out) {
            store::append_nodes(out, static_cast<RateLimitWorker*>(call.owner)->node_);
        };
        state.ping->done = [](RedisCall& call, const store::Reply* reply) {
            auto& self = *static_cast<RateLimitWorker*>(call.owner);
            for (StoreState& one : self.stores_) {
                if (one.ping.get() != &call) {
                    continue;
                }
                if (reply == nullptr) {
                    self.note_failure(one.store);
                } else if (reply->kind == store::ReplyKind::integers && reply->count == 1 &&
                           reply->integers[0] > 0) {
                    one.nodes = static_cast<std::uint32_t>(
                        std::min(reply->integers[0], std::int64_t{10'000}));
                }
            }
        };
    }
    if (!state.ping->pending() && !state.store->client->submit(*state.ping)) {
        note_failure(state.store);
    }
}

std::uint32_t RateLimitWorker::nodes(const RedisStore* store) const {
    for (const StoreState& one : stores_) {
        if (one.store == store) {
            return one.nodes;
        }
    }
    return 1;
}

void RateLimitWorker::note_failure(const RedisStore* store) {
    if (StoreState* state = state_of(store)) {
        state->resync_until = ngx_current_msec + kResyncMs;
    }
}

[[gnu::hot]] bool RateLimitWorker::resyncs(const RedisStore* store) const {
    for (const StoreState& one : stores_) {
        if (one.store == store) {
            return one.resync_until > ngx_current_msec;
        }
    }
    return false;
}

}  // namespace sallyport::ngx
