// One pipelined connection to one Redis server, a worker's own.
//
// Commands of one turn of the event loop leave in one write. Every call has a budget; when it is
// over the caller is told so and a late answer is thrown away. After failures in a row the breaker
// opens: then submit() refuses at once, and a probe (a tiny write on a new connection) has to be
// answered within the budget before calls are taken again. Outages are logged twice, when they
// begin and when they end, however many calls they touch.
//
// Where to connect to, and what to do with answers that point elsewhere, the owner knows.
#pragma once

#include "module/nginx/ngx.hpp"
#include "module/nginx/redis_call.hpp"
#include "module/nginx/redis_socket.hpp"
#include "module/nginx/redis_target.hpp"
#include "module/store/breaker.hpp"
#include "module/store/resp_reader.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::ngx {

class RedisConnection final : private RedisSocket::Listener {
  public:
    enum class Redirected : std::uint8_t { no, taken, failed };

    class Owner {
      public:
        // The connection is to be made: answer with connect_to() or failed(), now or later.
        virtual void find_address(RedisConnection&) = 0;
        // An error that may mean "not here". taken: the owner has submitted the call elsewhere.
        virtual Redirected redirect(RedisConnection&, RedisCall&, const store::Reply& error) = 0;
        // The breaker has opened, or closed.
        virtual void availability_changed(RedisConnection&) = 0;

      protected:
        ~Owner() = default;
    };

    // What is on the other side, which decides the greeting.
    enum class Peer : std::uint8_t { server, master, sentinel, node };

    RedisConnection(Owner& owner, RedisTarget& target, Peer peer, std::string label,
                    ngx_cycle_t* cycle);
    ~RedisConnection();
    RedisConnection(const RedisConnection&) = delete;
    RedisConnection& operator=(const RedisConnection&) = delete;

    // Starts connecting; calls may be submitted at once.
    void open();
    void connect_to(const RedisAddress& address);
    // The owner has found no address.
    void failed(const std::string& why);
    // Closes and asks for an address anew, after the back-off.
    void drop(const std::string& why);

    // False when nobody should wait for this server now; then nothing happens.
    [[nodiscard]] bool submit(RedisCall& call);
    void cancel(RedisCall& call);
    // The server has asked for patience: the call is sent again soon, while its budget lasts.
    void again(RedisCall& call);

    bool available() const { return !breaker_.open(); }
    bool ready() const { return state_ == State::ready; }
    bool idle() const { return waiting_.empty() && pending_.empty(); }
    const std::string& label() const { return label_; }

  private:
    enum class State : std::uint8_t {
        down,        // waits for the reconnect timer
        finding,     // the owner looks for the address
        connecting,  // the socket is not open yet
        greeting,    // AUTH, SELECT and so on are on their way
        probing,     // the breaker is open and the probe is on its way
        ready,
    };
    enum class Kind : std::uint8_t { greeting, last_greeting, probe, loading, ignored, call };
    struct Entry {
        Kind kind;
        RedisCall* call = nullptr;                   // null: nobody waits any more
        const store::RedisScript* script = nullptr;  // of `loading`
    };

    void socket_opened() override;
    void socket_received(std::string_view bytes) override;
    void socket_lost(const std::string& why) override;

    void find();
    void disconnect();
    void greet();
    void say(Kind kind, std::initializer_list<std::string_view> words);
    void greeted(Kind kind, const store::Reply& reply);
    void send_probe();
    void become_ready();
    void send(RedisCall& call);
    void pop();
    Entry& entry(std::uint64_t ticket) { return pending_[ticket - first_ticket_]; }

    void expect(std::size_t next) const;
    void fetch_call(std::size_t next) const;
    void on_reply(const store::Reply& reply);
    void on_call_reply(RedisCall& call, const store::Reply& reply);
    bool retry_with_script(RedisCall& call);
    void fail(RedisCall& call);
    void on_budget();
    void on_deadline();
    void on_again();
    void send_waiting();
    void fail_decision(const std::string& why);
    void trip(const std::string& why);
    void release_all();
    void deliver_failures();
    void note_error(const store::Reply& reply);
    void arm(ngx_event_t& timer, std::int64_t after_ms);
    void arm_budget(std::int64_t deadline_ms);

    template <void (RedisConnection::*Method)()>
    static void timer_handler(ngx_event_t* event) noexcept;

    Owner& owner_;
    RedisTarget& target_;
    Peer peer_;
    std::string label_;
    ngx_log_t* log_;
    RedisSocket socket_;
    State state_ = State::down;
    store::Breaker breaker_;
    std::unique_ptr<store::RespReader> reader_;
    std::uint64_t session_ = 0;  // counts disconnects: a reply may lead to one

    std::deque<RedisCall*> waiting_;  // until the connection is ready; null when cancelled
    std::deque<Entry> pending_;       // in the order of their commands
    std::uint64_t first_ticket_ = 1;
    std::vector<RedisCall*> failed_;  // to be told, in order; null when cancelled meanwhile
    ngx_msec_t quiet_until_ = 0;      // of note_error()

    ngx_event_t budget_timer_{};    // calls wait: keeps a worker that shuts down alive
    ngx_event_t deadline_timer_{};  // connecting, greeting, probing
    ngx_event_t retry_timer_{};     // the next attempt
    ngx_event_t again_timer_{};     // calls that the server has put off
};

}  // namespace sallyport::ngx
