#include "engine/adapters/redis/bus.hpp"

#include "common/json.hpp"

#include <hiredis/hiredis.h>

#include <string_view>
#include <utility>

namespace sallyport::engine {

RedisBus::RedisBus(AsioLoop& loop, const RedisOptions& options, Log& log)
    : loop_(loop),
      log_(log),
      channel_("sallyport:" + std::to_string(options.database) + ":run_done"),
      teller_(std::make_unique<RedisLink>(
          loop, options.clone(),
          RedisLink::Events{[this] { note_up(); },
                            [this](const std::string& problem) { on_teller_down(problem); },
                            [this](const redisReply& reply) { on_taken(reply); }})),
      listener_(std::make_unique<RedisLink>(
          loop, options.clone(),
          RedisLink::Events{[this] {
                                listener_->send({"SUBSCRIBE", channel_});
                            },
                            [this](const std::string& problem) { on_listener_down(problem); },
                            [this](const redisReply& reply) { on_heard(reply); }})) {
    timer_ = loop_.after(kDeafMs, [this] { look(); });
}

RedisBus::~RedisBus() {
    loop_.cancel(timer_);
}

bool RedisBus::is_up() const {
    return teller_->is_up() && untaken_.size() < kUntakenMax;
}

void RedisBus::tell(const std::string& run_id) {
    untaken_.push_back(run_id);
    teller_->send({"PUBLISH", channel_, run_id});
}

void RedisBus::on_taken(const redisReply& reply) {
    if (untaken_.empty()) {
        return;
    }
    const std::string run_id = std::move(untaken_.front());
    untaken_.pop_front();
    if (reply.type == REDIS_REPLY_ERROR) {  // no right to the channel
        note_down(std::string(text_of(reply)));
        if (hooks_.lost) {
            hooks_.lost(run_id);
        }
    }
}

void RedisBus::on_teller_down(const std::string& problem) {
    note_down(problem);
    for (const std::string& run_id : std::exchange(untaken_, {})) {
        if (hooks_.lost) {
            hooks_.lost(run_id);
        }
    }
}

void RedisBus::on_listener_down(const std::string& problem) {
    hears_ = false;
    note_down(problem);
}

// ["subscribe", channel, 1] once, then ["message", channel, id].
void RedisBus::on_heard(const redisReply& reply) {
    if (reply.type == REDIS_REPLY_ERROR) {
        return note_down(std::string(text_of(reply)));  // no right to the channel
    }
    if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 3) {
        return;
    }
    const std::string_view kind = text_of(*reply.element[0]);
    if (kind == "subscribe") {
        hears_ = true;
        note_up();
        if (hooks_.missed) {
            hooks_.missed();
        }
    } else if (kind == "message" && hooks_.done) {
        hooks_.done(std::string(text_of(*reply.element[2])));
    }
}

void RedisBus::note_down(const std::string& problem) {
    if (!std::exchange(said_down_, true)) {
        log_.write(LogLevel::warn, "redis_lost",
                   {{"problem", Json::string(problem)},
                    {"instead", Json::string("the database wakes the engines")}});
    }
}

void RedisBus::note_up() {
    if (said_down_ && hears_ && teller_->is_up()) {
        said_down_ = false;
        log_.write(LogLevel::info, "redis_back", {});
    }
}

void RedisBus::look() {
    if (hooks_.missed) {
        hooks_.missed();
    }
    timer_ = loop_.after(hears_ ? kHearingMs : kDeafMs, [this] { look(); });
}

}  // namespace sallyport::engine
