#include "module/nginx/webhook_reservation.hpp"

#include <utility>

namespace sallyport::ngx {

using policy::webhook::ReplayIdentity;
using policy::webhook::Reservation;
using policy::webhook::Reserved;

namespace {

std::array<char, 32> hex_of(const policy::webhook::ReplayKey& key) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::array<char, 32> out;
    for (std::size_t i = 0; i < 16; ++i) {
        out[15 - i] = kDigits[key.high >> (4 * i) & 15];
        out[31 - i] = kDigits[key.low >> (4 * i) & 15];
    }
    return out;
}

}  // namespace

void WebhookReservation::identify(const WebhookReplay& replay, const ReplayIdentity& identity,
                                  std::string_view scope, const policy::webhook::ReplayLife& life) {
    replay_ = &replay;
    keys_ = replay.redis != nullptr ? replay.redis->keys(identity, scope)
                                    : replay.zone->keys(identity, scope);
    kind_ = identity.kind;
    scope_ = scope;
    ttl_ms_ = identity.kind == ReplayIdentity::Kind::signature ? life.signature_ms : life.id_ms;
    name_ = hex_of(keys_.keys[0]);
}

WebhookReservation::Asked WebhookReservation::ask(Resume resume, void* owner) {
    if (replay_->redis == nullptr) {
        answer_ = replay_->zone->reserve(keys_, replay_->lease_ms);
        in_zone_ = answer_->answer == Reserved::forward;
        return Asked::answered;
    }
    resume_ = resume;
    owner_ = owner;
    redis_ = replay_->redis->reserve(keys_, kind_, scope_, replay_->lease_ms, replay_->wait_ms,
                                     answered, this);
    return redis_ != nullptr ? Asked::waiting : Asked::down;
}

void WebhookReservation::answered(void* owner, std::optional<Reservation> answer) {
    auto& self = *static_cast<WebhookReservation*>(owner);
    self.answer_ = answer;
    if (answer && answer->answer != Reserved::forward) {
        self.redis_.reset();  // somebody else's
    } else if (!answer) {
        // Redis may have done it all the same: given back as soon as it listens again.
        self.replay_->redis->settle(std::exchange(self.redis_, nullptr), 0);
    }
    self.resume_(self.owner_);
}

bool WebhookReservation::held() const {
    return in_zone_ || redis_ != nullptr || unasked_;
}

void WebhookReservation::end(bool accepted) {
    if (std::exchange(in_zone_, false)) {
        if (accepted) {
            replay_->zone->commit(keys_, answer_->token, ttl_ms_);
        } else {
            replay_->zone->release(keys_, answer_->token);
        }
    }
    if (redis_ != nullptr) {
        replay_->redis->settle(std::exchange(redis_, nullptr), accepted ? ttl_ms_ : 0);
    }
    if (std::exchange(unasked_, false) && accepted) {
        replay_->redis->commit_unasked(keys_, kind_, scope_, ttl_ms_);
    }
}

}  // namespace sallyport::ngx
