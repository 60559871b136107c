#include "module/nginx/tls_tickets_redis.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/tls_tickets.hpp"
#include "module/store/redis_slot.hpp"

#include <utility>

namespace sallyport::ngx {
namespace {

// No request waits for the answer.
constexpr std::int64_t kBudgetMs = 2'000;
constexpr std::size_t kNameBytes = 8;

}  // namespace

SharedTickets::SharedTickets(RedisStore& store, const TicketTimes& times, policy::TicketKeys& keys,
                             ngx_cycle_t* cycle)
    : store_(store),
      times_(times),
      keys_(keys),
      seal_(derive_key(store.key_secret, "sallyport ticket keys in redis", kAeadKeyBytes)) {
    const Secret name = derive_key(store.key_secret, "sallyport ticket keys name", kNameBytes);
    redis_key_ = store::tls_tickets_key(hex_encode(name.data(), name.size()));
    write = on_write;
    done = on_done;
    script = &store::tls_tickets_script();
    slot = store::key_slot(redis_key_);
    budget_ms = kBudgetMs;
    timer_.data = this;
    timer_.log = cycle->log;
    timer_.cancelable = 1;
    timer_.handler = [](ngx_event_t* event) noexcept {
        auto* self = static_cast<SharedTickets*>(event->data);
        guarded(event->log, "ticket keys", [self] { self->tick(); });
        if (ngx_exiting == 0) {
            ngx_add_timer(event, static_cast<ngx_msec_t>(self->times_.refresh_ms));
        }
    };
    ngx_add_timer(&timer_, static_cast<ngx_msec_t>(times_.refresh_ms));
    ask();
}

SharedTickets::~SharedTickets() {
    RedisClient::cancel(*this);
    if (timer_.timer_set) {
        ngx_del_timer(&timer_);
    }
}

Status SharedTickets::state() const {
    return trouble_.empty() ? Status(Done{}) : Status(Error{"ticket keys: " + trouble_});
}

void SharedTickets::tick() {
    if (ngx_current_msec - heard_at_ >= static_cast<ngx_msec_t>(times_.rotate_ms)) {
        keys_ = rotated();
        heard_at_ = ngx_current_msec;
    }
    ask();
}

void SharedTickets::ask() {
    if (!pending() && !store_.client->submit(*this)) {
        trouble_ = "the store is not available";
        put_.clear();
    }
}

void SharedTickets::on_write(const RedisCall& call, std::string& out) {
    const auto& self = static_cast<const SharedTickets&>(call);
    store::append_tls_tickets(
        out,
        {.key = self.redis_key_,
         .rotate_ms = self.times_.rotate_ms,
         .remember_ms = self.times_.rotate_ms * static_cast<std::int64_t>(policy::kTicketKeysMax),
         .seen = self.seen_,
         .put = self.put_});
}

void SharedTickets::on_done(RedisCall& call, const store::Reply* reply) {
    auto& self = static_cast<SharedTickets&>(call);
    const auto answer = reply == nullptr ? std::nullopt : store::parse_tls_tickets(*reply);
    if (answer) {
        self.heard(*answer);
    } else {
        self.trouble_ = reply == nullptr ? "the store does not answer"
                                         : "the store refuses: " + std::string(reply->text());
        self.put_.clear();
    }
}

void SharedTickets::heard(const store::TlsTicketsAnswer& answer) {
    const bool had_put = !std::exchange(put_, {}).empty();
    if (!answer.sealed.empty() && answer.sealed != seen_ && !take(answer.sealed)) {
        return;
    }
    seen_ = answer.sealed;
    heard_at_ = ngx_current_msec;
    trouble_.clear();
    if (answer.due && !had_put) {
        put_ = answer.sealed.empty() ? sealed(keys_) : sealed(rotated());
        ask();
    }
}

bool SharedTickets::take(const std::string& text) {
    if (text.size() > kAeadNonceBytes) {
        const Bytes nonce(as_bytes(text), as_bytes(text) + kAeadNonceBytes);
        auto plain =
            aead_open(seal_, nonce, std::string_view(text).substr(kAeadNonceBytes), redis_key_);
        if (plain) {
            const Secret bytes(std::move(*plain));
            if (auto keys = policy::TicketKeys::from_bytes(bytes.reveal())) {
                keys_ = std::move(*keys);
                return true;
            }
        }
    }
    const std::string trouble = "what \"" + redis_key_ + "\" holds is not ours; delete it";
    if (trouble_ != trouble) {
        ngx_log_error(NGX_LOG_ERR, timer_.log, 0, "sallyport: ticket keys: %s", trouble.c_str());
    }
    trouble_ = trouble;
    return false;
}

std::string SharedTickets::sealed(const policy::TicketKeys& keys) const {
    const Bytes nonce = random_bytes(kAeadNonceBytes);
    auto sealed = aead_seal(seal_, nonce, keys.bytes(), redis_key_);
    if (!sealed) {
        return {};
    }
    return std::string(as_text(nonce)).append(as_text(*sealed));
}

policy::TicketKeys SharedTickets::rotated() const {
    return keys_.rotated(fresh_ticket_key(), policy::kTicketKeysKept);
}

}  // namespace sallyport::ngx
