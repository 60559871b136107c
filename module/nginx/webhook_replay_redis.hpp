// The replay table in a Redis that several nodes share.
//
// A reservation is asked for while the request waits. What becomes of it is told in the background,
// and told again until Redis has heard it: neither the client nor the upstream waits for that, and
// meanwhile the delivery stays in flight, so a copy is asked to come again and never runs twice.
#pragma once

#include "common/crypto.hpp"
#include "module/nginx/redis_conf.hpp"
#include "module/policy/webhook_replay.hpp"
#include "module/store/webhook_replay_commands.hpp"

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::ngx {

class WebhookReplayRedis;

// One delivery's hold on its keys. Ending it (destruction) gives back what was reserved.
class RedisReservation : private RedisCall {
  public:
    using Answered = void (*)(void* owner, std::optional<policy::webhook::Reservation>);

    ~RedisReservation();
    RedisReservation(const RedisReservation&) = delete;
    RedisReservation& operator=(const RedisReservation&) = delete;

  private:
    friend class WebhookReplayRedis;
    enum class Asking : std::uint8_t { reserve, settle };
    RedisReservation() = default;

    WebhookReplayRedis* table_ = nullptr;
    store::ReplayWire wire_;
    std::string token_;
    Asking asking_ = Asking::reserve;
    std::int64_t number_ms_ = 0;  // the lease, or the time it is remembered
    std::int64_t give_up_ms_ = 0;
    Answered answered_ = nullptr;
    void* waiter_ = nullptr;
};

class WebhookReplayRedis {
  public:
    // REQUIRES: `store` lives as long as this.
    explicit WebhookReplayRedis(RedisStore& store);
    ~WebhookReplayRedis();

    const std::string& name() const { return store_.target.spec.name; }
    policy::webhook::ReplayKeys keys(const policy::webhook::ReplayIdentity& identity,
                                     std::string_view scope) const;

    // Asks for `lease_ms`; `answered` is called once, never from here, unless the reservation is
    // destroyed before: with nothing when Redis did not answer within `wait_ms`. Null: nobody
    // should wait for it now.
    std::unique_ptr<RedisReservation> reserve(const policy::webhook::ReplayKeys& keys,
                                              policy::webhook::ReplayIdentity::Kind kind,
                                              std::string_view scope, std::int64_t lease_ms,
                                              std::int64_t wait_ms,
                                              RedisReservation::Answered answered, void* owner);
    // The delivery is done (`ttl_ms` of memory), or may come again (0).
    void settle(std::unique_ptr<RedisReservation> reservation, std::int64_t ttl_ms);
    // The same for a delivery that was let pass without asking.
    void commit_unasked(const policy::webhook::ReplayKeys& keys,
                        policy::webhook::ReplayIdentity::Kind kind, std::string_view scope,
                        std::int64_t ttl_ms);

  private:
    static void write(const RedisCall& call, std::string& out);
    static void done(RedisCall& call, const store::Reply* reply);
    void settled(RedisReservation& reservation, bool heard);
    void retry();
    std::unique_ptr<RedisReservation> make(const policy::webhook::ReplayKeys& keys,
                                           policy::webhook::ReplayIdentity::Kind kind,
                                           std::string_view scope);

    RedisStore& store_;
    HmacKey key_;
    std::list<std::unique_ptr<RedisReservation>> settling_;
    ngx_event_t retry_timer_{};
};

}  // namespace sallyport::ngx
