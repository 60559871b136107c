// One pipelined connection to a Redis, a worker's own: nginx sockets, timers and events only.
//
// Commands of one turn of the event loop leave in one write. Every decision has a budget; when it
// is over the caller is told so and a late answer is thrown away. After failures in a row the
// breaker opens: then submit() refuses at once, and a probe (a real, tiny decision on a new
// connection) has to be answered within the budget before requests ask again. Outages are logged
// twice, when they begin and when they end, however many requests they touch.
#pragma once

#include "common/secret.hpp"
#include "module/nginx/ngx.hpp"
#include "module/store/breaker.hpp"
#include "module/store/rate_limit_commands.hpp"
#include "module/store/redis_spec.hpp"
#include "module/store/resp_reader.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sallyport::ngx {

class RedisConnection;

// A decision under way. Lives with the request; on the request's end call cancel() when it is
// pending.
struct StoreCall {
    std::array<store::Check, store::kLimitsPerRequestMax> checks;
    std::size_t count = 0;
    // Called once unless cancelled, never from submit(). Null: no answer within the budget.
    void (*done)(StoreCall&, const store::CheckReply*) = nullptr;
    void* owner = nullptr;

    bool pending() const { return connection != nullptr; }

    // The connection's, while pending.
    RedisConnection* connection = nullptr;
    std::uint64_t ticket = 0;
};

// What a connection needs to know; lives as long as the configuration.
struct RedisTarget {
    store::RedisSpec spec;
    Secret password;
    std::vector<ngx_addr_t> addresses;  // resolved at configuration time, at least one
};

class RedisConnection {
  public:
    RedisConnection(const RedisTarget& target, ngx_cycle_t* cycle);
    ~RedisConnection();
    RedisConnection(const RedisConnection&) = delete;
    RedisConnection& operator=(const RedisConnection&) = delete;

    // Starts connecting; decisions may be submitted at once.
    void open();

    // False when nobody should wait for the store now; then nothing happens.
    // REQUIRES: call.count, checks, done and owner are set.
    [[nodiscard]] bool submit(StoreCall& call);
    // The caller has gone. The answer, when it comes, is thrown away.
    void cancel(StoreCall& call);

  private:
    enum class State : std::uint8_t {
        down,        // waits for the reconnect timer
        connecting,  // the socket is not writable yet
        greeting,    // AUTH, SELECT and SCRIPT LOAD are on their way
        probing,     // the breaker is open and the probe is on its way
        ready,
    };
    enum class Kind : std::uint8_t { greeting, script, probe, check };
    struct Entry {
        Kind kind;
        bool retried;
        std::int64_t deadline_ms;  // on ngx_current_msec; checks only
        StoreCall* call;           // null: nobody waits any more
    };

    void connect();
    void disconnect();
    void greet();
    void send_probe();
    void become_ready();
    void push(const Entry& entry);
    void pop();
    Entry& entry(std::uint64_t ticket) { return pending_[ticket - first_ticket_]; }

    void on_read();
    void on_write();
    void flush();
    void on_reply(const store::Reply& reply);
    void on_check_reply(const Entry& entry, const store::Reply& reply);
    bool retry_with_script(const Entry& entry);
    void on_budget();
    void on_deadline();
    void lost(const char* why);
    void fail_decision(const char* why);
    void trip(const char* why);
    void release_all();
    void deliver_failures();
    void arm(ngx_event_t& timer, std::int64_t after_ms);

    const char* name() const { return target_.spec.name.c_str(); }
    template <void (RedisConnection::*Method)()>
    static void timer_handler(ngx_event_t* event) noexcept;
    template <void (RedisConnection::*Method)()>
    static void socket_handler(ngx_event_t* event) noexcept;

    const RedisTarget& target_;
    ngx_log_t* log_;
    ngx_log_t
        quiet_log_;  // for nginx's own words about sockets, of which an outage would have many
    ngx_connection_t* connection_ = nullptr;
    State state_ = State::down;
    store::Breaker breaker_;
    std::unique_ptr<store::RespReader> reader_;
    std::size_t next_address_ = 0;

    std::string out_;           // bytes to be written
    std::size_t out_sent_ = 0;  // of which these are gone
    bool out_secret_ = false;   // a password is among them

    std::deque<Entry> pending_;  // in the order of their commands
    std::uint64_t first_ticket_ = 1;
    bool script_loading_ = false;
    std::vector<StoreCall*> failed_;  // to be told, in order; null when cancelled meanwhile

    ngx_event_t budget_timer_{};    // requests wait: keeps a worker that shuts down alive
    ngx_event_t deadline_timer_{};  // connecting, greeting, probing
    ngx_event_t retry_timer_{};     // the next attempt
    ngx_event_t flush_event_{};
};

}  // namespace sallyport::ngx
