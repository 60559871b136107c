#include "module/nginx/webhook_replay_redis.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "module/nginx/guard.hpp"

#include <algorithm>
#include <array>

namespace sallyport::ngx {

using policy::webhook::ReplayIdentity;
using policy::webhook::ReplayKeys;
using policy::webhook::Reservation;

namespace {

// Outcomes that Redis has not heard yet, about 200 bytes each: an outage of a minute at some
// hundred deliveries a second. Beyond it the oldest are given up; their leases end by themselves.
constexpr std::size_t kSettlingMax = 32'768;
// One outcome has this long to be heard before it is told again.
constexpr std::int64_t kSettleBudgetMs = 1'000;
constexpr ngx_msec_t kRetryMs = 250;
constexpr std::size_t kTokenBytes = 16;

std::int64_t now_msec() {
    return static_cast<std::int64_t>(ngx_current_msec);
}

Secret table_key(const Secret& secret) {
    return derive_key(secret, "sallyport webhook replay keys", 32);
}

}  // namespace

RedisReservation::~RedisReservation() {
    RedisClient::cancel(*this);
}

WebhookReplayRedis::WebhookReplayRedis(RedisStore& store)
    : store_(store), key_(DigestAlgorithm::sha256, table_key(store.key_secret).reveal()) {
    retry_timer_.handler = [](ngx_event_t* event) noexcept {
        auto* self = static_cast<WebhookReplayRedis*>(event->data);
        guarded(event->log, "webhook replay", [&] { self->retry(); });
    };
    retry_timer_.data = this;
    retry_timer_.cancelable = 1;
}

WebhookReplayRedis::~WebhookReplayRedis() {
    if (retry_timer_.timer_set) {
        ngx_del_timer(&retry_timer_);
    }
}

ReplayKeys WebhookReplayRedis::keys(const ReplayIdentity& identity, std::string_view scope) const {
    return policy::webhook::make_replay_keys(identity, scope, key_);
}

std::unique_ptr<RedisReservation> WebhookReplayRedis::make(const ReplayKeys& keys,
                                                           ReplayIdentity::Kind kind,
                                                           std::string_view scope) {
    std::unique_ptr<RedisReservation> out(new RedisReservation());
    out->table_ = this;
    out->wire_ = store::make_replay_wire(keys, kind, scope);
    std::array<std::uint8_t, kTokenBytes> token;
    random_bytes(token.data(), token.size());
    out->token_ = hex_encode(token.data(), token.size());
    RedisCall& call = *out;
    call.write = write;
    call.done = done;
    call.slot = out->wire_.slot;
    return out;
}

void WebhookReplayRedis::write(const RedisCall& call, std::string& out) {
    const auto& self = static_cast<const RedisReservation&>(call);
    if (self.asking_ == RedisReservation::Asking::reserve) {
        store::append_reserve(out, self.wire_, self.token_, self.number_ms_);
    } else {
        store::append_settle(out, self.wire_, self.token_, self.number_ms_);
    }
}

void WebhookReplayRedis::done(RedisCall& call, const store::Reply* reply) {
    auto& self = static_cast<RedisReservation&>(call);
    if (self.asking_ == RedisReservation::Asking::settle) {
        self.table_->settled(self, reply != nullptr && reply->kind != store::ReplyKind::error);
        return;
    }
    std::optional<Reservation> answer;
    if (reply != nullptr) {
        answer = store::parse_reserve(*reply);
    }
    self.answered_(self.waiter_, answer);
}

std::unique_ptr<RedisReservation> WebhookReplayRedis::reserve(
    const ReplayKeys& keys, ReplayIdentity::Kind kind, std::string_view scope,
    std::int64_t lease_ms, std::int64_t wait_ms, RedisReservation::Answered answered, void* owner) {
    if (store_.client == nullptr || !store_.client->available()) {
        return nullptr;
    }
    if (retry_timer_.timer_set) {
        retry();  // what Redis has missed stands in front of what it is asked
    }
    auto out = make(keys, kind, scope);
    out->number_ms_ = lease_ms;
    out->answered_ = answered;
    out->waiter_ = owner;
    out->script = &store::webhook_reserve_script();
    out->budget_ms = wait_ms;
    if (!store_.client->submit(*out)) {
        return nullptr;
    }
    return out;
}

void WebhookReplayRedis::settle(std::unique_ptr<RedisReservation> reservation,
                                std::int64_t ttl_ms) {
    RedisReservation& self = *reservation;
    RedisClient::cancel(self);
    // A failure matters until the lease ends by itself, a success as long as it is remembered.
    const std::int64_t life_ms = ttl_ms > 0 ? ttl_ms : self.number_ms_;
    self.give_up_ms_ = now_msec() + life_ms;
    self.asking_ = RedisReservation::Asking::settle;
    self.number_ms_ = ttl_ms;
    self.script = &store::webhook_settle_script();
    self.budget_ms = kSettleBudgetMs;
    if (store_.client == nullptr) {
        return;
    }
    if (settling_.size() == kSettlingMax) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "sallyport: the outcome of a webhook delivery is given up, store \"%s\" "
                      "has heard none for too long",
                      name().c_str());
        settling_.pop_front();
    }
    settling_.push_back(std::move(reservation));
    if (!store_.client->submit(self) && !retry_timer_.timer_set) {
        retry_timer_.log = ngx_cycle->log;
        ngx_add_timer(&retry_timer_, kRetryMs);
    }
}

void WebhookReplayRedis::commit_unasked(const ReplayKeys& keys, ReplayIdentity::Kind kind,
                                        std::string_view scope, std::int64_t ttl_ms) {
    settle(make(keys, kind, scope), ttl_ms);
}

void WebhookReplayRedis::settled(RedisReservation& reservation, bool heard) {
    if (!heard && reservation.give_up_ms_ > now_msec()) {
        if (!retry_timer_.timer_set) {
            retry_timer_.log = ngx_cycle->log;
            ngx_add_timer(&retry_timer_, kRetryMs);
        }
        return;
    }
    // The oldest are answered first, so this is short.
    const auto found = std::find_if(settling_.begin(), settling_.end(),
                                    [&](const auto& one) { return one.get() == &reservation; });
    settling_.erase(found);
}

void WebhookReplayRedis::retry() {
    if (retry_timer_.timer_set) {
        ngx_del_timer(&retry_timer_);
    }
    for (auto at = settling_.begin(); at != settling_.end();) {
        RedisReservation& one = **at;
        if (one.pending()) {
            ++at;
        } else if (one.give_up_ms_ <= now_msec()) {
            at = settling_.erase(at);
        } else if (store_.client->submit(one)) {
            ++at;
        } else {
            ngx_add_timer(&retry_timer_, kRetryMs);
            return;  // not yet
        }
    }
}

}  // namespace sallyport::ngx
