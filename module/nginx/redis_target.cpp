#include "module/nginx/redis_target.hpp"

#include "common/file_text.hpp"

#include <arpa/inet.h>
#include <sys/stat.h>

#include <cstring>

namespace sallyport::ngx {

std::optional<RedisAddress> numeric_address(std::string_view host, std::uint16_t port) {
    const std::string text(host);
    RedisAddress out;
    out.host = text;
    auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
    if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        out.size = sizeof(sockaddr_in);
        out.text = text + ":" + std::to_string(port);
        return out;
    }
    if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        out.size = sizeof(sockaddr_in6);
        out.text = "[" + text + "]:" + std::to_string(port);
        return out;
    }
    return std::nullopt;
}

bool RedisPassword::file_changed() {
    struct stat now {};
    if (::stat(path_.c_str(), &now) != 0) {
        return false;
    }
    const bool changed = now.st_mtim.tv_sec != changed_s_ || now.st_mtim.tv_nsec != changed_ns_ ||
                         now.st_ino != inode_;
    changed_s_ = now.st_mtim.tv_sec;
    changed_ns_ = now.st_mtim.tv_nsec;
    inode_ = now.st_ino;
    return changed;
}

Status RedisPassword::read(const std::string& path) {
    path_ = path;
    file_changed();
    auto secret = read_secret_file(path);
    if (!secret) {
        return secret.error();
    }
    secret_ = std::move(*secret);
    return Done{};
}

// Only when a connection is made, which the back-off keeps rare: one stat, and a small file.
const Secret& RedisPassword::look(ngx_log_t* log) {
    if (path_.empty()) {
        return secret_;
    }
    const bool changed = file_changed();
    if (!changed && !stale_) {
        return secret_;
    }
    auto secret = read_secret_file(path_);
    if (secret) {
        secret_ = std::move(*secret);
    } else if (changed) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "sallyport: the changed password file cannot be read by this worker, the "
                      "old password stays until a reload: %s",
                      secret.message().c_str());
    }
    stale_ = false;
    return secret_;
}

}  // namespace sallyport::ngx
