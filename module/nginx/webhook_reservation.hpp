// A request's hold on its delivery's replay keys, in shared memory or in Redis: at most one a
// request. What becomes of it is said once; a hold that nobody settled is given back.
#pragma once

#include "module/nginx/webhook_conf.hpp"
#include "module/nginx/webhook_replay_redis.hpp"
#include "module/policy/webhook_replay.hpp"

#include <memory>
#include <optional>
#include <string_view>

namespace sallyport::ngx {

class WebhookReservation {
  public:
    enum class Asked : std::uint8_t {
        answered,  // answer() has it
        waiting,   // `resume` is called when answer() has it
        down,      // the store gives no answer now
    };
    using Resume = void (*)(void* owner);

    WebhookReservation() = default;
    WebhookReservation(const WebhookReservation&) = delete;
    WebhookReservation& operator=(const WebhookReservation&) = delete;

    // Which keys, and for how long they are remembered. Views the arguments until ask().
    void identify(const WebhookReplay& replay, const policy::webhook::ReplayIdentity& identity,
                  std::string_view scope, const policy::webhook::ReplayLife& life);
    // 32 hexadecimal digits that name the delivery, the same for its copies.
    std::string_view name() const { return {name_.data(), name_.size()}; }

    Asked ask(Resume resume, void* owner);
    // Nothing: the store gave no answer in time. REQUIRES: asked, and no longer waiting.
    const std::optional<policy::webhook::Reservation>& answer() const { return answer_; }
    // The delivery goes on although the store gave no answer.
    void pass_unasked() { unasked_ = true; }

    bool held() const;
    // Says what became of the delivery. REQUIRES: held().
    void end(bool accepted);

  private:
    static void answered(void* owner, std::optional<policy::webhook::Reservation> answer);

    const WebhookReplay* replay_ = nullptr;
    policy::webhook::ReplayKeys keys_;
    policy::webhook::ReplayIdentity::Kind kind_{};
    std::string_view scope_;
    std::int64_t ttl_ms_ = 0;
    std::array<char, 32> name_{};

    std::optional<policy::webhook::Reservation> answer_;
    bool in_zone_ = false;
    bool unasked_ = false;
    std::unique_ptr<RedisReservation> redis_;
    Resume resume_ = nullptr;
    void* owner_ = nullptr;
};

}  // namespace sallyport::ngx
