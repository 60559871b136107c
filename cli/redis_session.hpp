// One connection to a Redis for a program that may wait: sends a command, returns its reply. Knows
// TLS, Sentinels and a cluster's redirections from the same description as the gateway's
// sallyport_redis.
#pragma once

#include "common/result.hpp"
#include "common/secret.hpp"
#include "module/store/redis_spec.hpp"
#include "module/store/redis_topology.hpp"
#include "module/store/resp_reader.hpp"

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct ssl_st;
struct ssl_ctx_st;

namespace sallyport::cli {

class RedisSession {
  public:
    explicit RedisSession(store::RedisSpec spec) : spec_(std::move(spec)) {}
    ~RedisSession();
    RedisSession(const RedisSession&) = delete;
    RedisSession& operator=(const RedisSession&) = delete;

    bool is_open() const { return fd_ >= 0; }
    // Connects to the server, the Sentinels' master, or some node of the cluster.
    Status open();
    void close();
    // The reply lives until the next command; errors of the command are replies. Follows MOVED.
    // An Error means that the connection is gone.
    Result<const store::Reply*> run(std::span<const std::string_view> words);
    Result<const store::Reply*> run(std::initializer_list<std::string_view> words) {
        return run(std::span(words.begin(), words.size()));
    }

  private:
    Status connect_to(const std::string& host, const std::string& port, const std::string& name);
    Status connect_unix(const std::string& path);
    Status start_tls(const std::string& name);
    Status greet(const std::string& user, const std::string& password_file, bool data);
    Result<store::RedisEndpoint> ask_sentinels();
    Result<const store::Reply*> exchange(std::span<const std::string_view> words);
    bool send_all(std::string_view bytes);
    long receive(char* buffer, std::size_t size);

    store::RedisSpec spec_;
    int fd_ = -1;
    ssl_ctx_st* context_ = nullptr;
    ssl_st* ssl_ = nullptr;
    std::unique_ptr<store::RespReader> reader_;
};

}  // namespace sallyport::cli
