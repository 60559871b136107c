// A connection to Redis that is kept up, on the engine's loop: commands go out in order, replies
// come back in order. hiredis writes and reads the protocol, Boost.Asio moves the bytes. With TLS
// the server's certificate and name are verified. With Sentinels, each attempt asks them first
// which server is the master, and that server has to call itself so: a failover is followed as soon
// as the old connection ends.
#pragma once

#include "common/secret.hpp"
#include "engine/adapters/asio_loop.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct redisReply;

namespace sallyport::engine {

struct RedisPeer {
    std::string host;  // name or address, no brackets
    std::uint16_t port = 6379;
};

struct RedisOptions {
    RedisPeer peer;                    // when there are no Sentinels
    std::vector<RedisPeer> sentinels;  // empty: none; at most kSentinelsMax
    std::string master;                // the name that they know
    Secret sentinel_password;          // empty: nobody signs in there
    std::string user;                  // of the ACL; empty: the default user
    Secret password;                   // empty: nobody signs in
    bool tls = false;
    std::string ca_file;    // PEM; empty: the system's authorities
    unsigned database = 0;  // names channels: Redis itself has them all in one

    RedisOptions clone() const {
        return {peer, sentinels, master,  sentinel_password.clone(), user, password.clone(),
                tls,  ca_file,   database};
    }
};

// The text of a reply that has one; empty otherwise. Valid as long as the reply.
std::string_view text_of(const redisReply& reply);

class RedisLink {
  public:
    static constexpr std::int64_t kConnectMs = 5000;
    static constexpr std::int64_t kRetryMs = 500;
    // One Sentinel has this long before the next is asked.
    static constexpr std::int64_t kSentinelMs = 1000;
    static constexpr std::size_t kSentinelsMax = 16;
    // It is asked for a sign of life so often, and given up after so long without one.
    static constexpr std::int64_t kPingMs = 1000;
    static constexpr std::int64_t kSilentMs = 4000;
    // Bytes that wait to be sent, and of one reply: more is a connection that is of no use.
    static constexpr std::size_t kBytesMax = 8u << 20;

    // On the loop, never from inside a call. Replies to signs of life are not among them.
    struct Events {
        std::function<void()> up;
        std::function<void(const std::string& problem)> down;  // also of a vain attempt
        std::function<void(const redisReply& reply)> reply;    // valid until it returns
    };

    // `loop` outlives the link. After its end no event comes.
    RedisLink(AsioLoop& loop, RedisOptions options, Events events);
    ~RedisLink();
    RedisLink(const RedisLink&) = delete;
    RedisLink& operator=(const RedisLink&) = delete;

    bool is_up() const;
    // REQUIRES: is_up().
    void send(const std::vector<std::string>& words);

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace sallyport::engine
