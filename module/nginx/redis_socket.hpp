// One socket to a Redis, plain or TLS: bytes out in one write an event-loop turn, bytes in as they
// come. Knows nothing of commands. nginx's own descriptors, events and TLS.
#pragma once

#include "module/nginx/ngx.hpp"
#include "module/nginx/redis_target.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::ngx {

class RedisSocket {
  public:
    class Listener {
      public:
        // Connected, and the certificate is good: from here on secrets may be sent.
        virtual void socket_opened() = 0;
        virtual void socket_received(std::string_view bytes) = 0;
        // The socket is closed when this is called.
        virtual void socket_lost(const std::string& why) = 0;

      protected:
        ~Listener() = default;
    };

    RedisSocket(Listener& listener, ngx_log_t* log);
    ~RedisSocket();
    RedisSocket(const RedisSocket&) = delete;
    RedisSocket& operator=(const RedisSocket&) = delete;

    // False when it failed at once; the listener is not told. REQUIRES: closed.
    [[nodiscard]] bool open(const RedisAddress& address, const RedisTarget& target);
    void close();
    bool is_open() const { return state_ == State::open; }

    // Commands are appended here and leave with flush_soon(), at the end of the turn.
    std::string& out() { return out_; }
    std::size_t backlog() const { return out_.size() - out_sent_; }
    void flush_soon();
    // What was appended holds a password: wiped once it is gone.
    void mark_secret() { out_secret_ = true; }

  private:
    enum class State : std::uint8_t { closed, connecting, securing, open };

    void on_read();
    void on_write();
    void flush();
    void start_tls();
    void tls_done();
    void listen_to_events();
    void lost(const std::string& why);
    bool connected();
    static std::string tls_failure(ngx_connection_t* connection);

    template <void (RedisSocket::*Method)()>
    static void event_handler(ngx_event_t* event) noexcept;

    Listener& listener_;
    ngx_log_t* log_;
    ngx_log_t quiet_log_;  // for nginx's own words about sockets, of which an outage has many
    ngx_connection_t* connection_ = nullptr;
    State state_ = State::closed;
    std::uint64_t generation_ = 0;  // counts connections: a callback may close or replace one
    ngx_ssl_t* ssl_ = nullptr;
    bool verify_ = true;
    std::string server_name_;

    std::string out_;           // bytes to be written
    std::size_t out_sent_ = 0;  // of which these are gone
    bool out_secret_ = false;
    ngx_event_t flush_event_{};
};

}  // namespace sallyport::ngx
