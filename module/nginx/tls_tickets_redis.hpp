// Ticket keys that all nodes of a Redis share, and that rotate by themselves. A worker's own.
//
// Keys lie in Redis sealed with a key derived from the store's key_file: whoever reads Redis cannot
// open tickets. The first node brings the keys it started with; whoever first finds that they are
// old puts rotated ones in their place. Without Redis a worker goes on with what it has, and
// rotates that alone, so that no key seals for much longer than its time.
#pragma once

#include "common/secret.hpp"
#include "module/nginx/redis_conf.hpp"
#include "module/policy/ticket_keys.hpp"
#include "module/store/tls_tickets_commands.hpp"

#include <cstdint>
#include <string>

namespace sallyport::ngx {

struct TicketTimes {
    std::int64_t rotate_ms = 0;   // how long a key seals
    std::int64_t refresh_ms = 0;  // how often the store is asked
};

class SharedTickets : private RedisCall {
  public:
    // Asks at once. REQUIRES: `store.client` is open; `store` and `keys` outlive this.
    SharedTickets(RedisStore& store, const TicketTimes& times, policy::TicketKeys& keys,
                  ngx_cycle_t* cycle);
    ~SharedTickets();
    SharedTickets(const SharedTickets&) = delete;
    SharedTickets& operator=(const SharedTickets&) = delete;

    // Whether the keys are the ones that the store has, as far as is known.
    Status state() const;

  private:
    static void on_write(const RedisCall& call, std::string& out);
    static void on_done(RedisCall& call, const store::Reply* reply);
    void tick();
    void ask();
    void heard(const store::TlsTicketsAnswer& answer);
    bool take(const std::string& sealed);
    std::string sealed(const policy::TicketKeys& keys) const;
    policy::TicketKeys rotated() const;

    RedisStore& store_;
    TicketTimes times_;
    policy::TicketKeys& keys_;
    Secret seal_;            // derived from key_file
    std::string redis_key_;  // what they are called there
    std::string seen_;       // sealed, as the store has them
    std::string put_;        // sealed, to be put in their place
    std::string trouble_ = "the store has not answered yet";
    ngx_msec_t heard_at_ = ngx_current_msec;
    ngx_event_t timer_{};
};

}  // namespace sallyport::ngx
