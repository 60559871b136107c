// What a store is to its connections: addresses, TLS, passwords. Lives as long as the
// configuration.
#pragma once

#include "common/secret.hpp"
#include "module/nginx/ngx.hpp"
#include "module/store/redis_spec.hpp"

#include <sys/socket.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::ngx {

struct RedisAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
    std::string text;  // 10.0.0.5:6379, for logs and for telling nodes apart
    std::string host;  // what a certificate must name

    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// An address as Redis writes it (MOVED, CLUSTER SLOTS, Sentinels): numbers only, a running worker
// resolves nothing.
std::optional<RedisAddress> numeric_address(std::string_view host, std::uint16_t port);

// A password that is read again when the server refuses it, or its file is another.
class RedisPassword {
  public:
    Status read(const std::string& path);
    // The server did not take what we had: the next look() reads the file again.
    void refused() { stale_ = true; }
    // Empty: no AUTH. In a worker: keeps the old one when the file cannot be read.
    const Secret& look(ngx_log_t* log);

  private:
    bool file_changed();

    std::string path_;
    Secret secret_;
    bool stale_ = false;
    std::int64_t changed_s_ = 0;
    std::int64_t changed_ns_ = 0;
    ino_t inode_ = 0;
};

struct RedisTarget {
    store::RedisSpec spec;
    RedisPassword password;
    RedisPassword sentinel_password;
    std::vector<RedisAddress> addresses;  // of all URLs, resolved at configuration time
    ngx_ssl_t* ssl = nullptr;             // null: no TLS
};

}  // namespace sallyport::ngx
