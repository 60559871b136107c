#include "module/nginx/redis_socket.hpp"

#include "module/nginx/guard.hpp"
#include "module/nginx/str.hpp"

#include <openssl/x509v3.h>

namespace sallyport::ngx {
namespace {

// Memory that stays with an idle connection.
constexpr std::size_t kOutBytesKept = 64 * 1024;
constexpr std::size_t kReadBytes = 16 * 1024;
// nginx's TLS keeps a few structures of a connection in its pool.
constexpr std::size_t kPoolBytes = 256;

bool is_numeric(const std::string& host) {
    return numeric_address(host, 1).has_value();
}

}  // namespace

template <void (RedisSocket::*Method)()>
void RedisSocket::event_handler(ngx_event_t* event) noexcept {
    auto* self = static_cast<RedisSocket*>(static_cast<ngx_connection_t*>(event->data)->data);
    guarded(self->log_, "Redis connection", [&] { (self->*Method)(); });
}

RedisSocket::RedisSocket(Listener& listener, ngx_log_t* log)
    : listener_(listener), log_(log), quiet_log_(*log) {
    quiet_log_.log_level = NGX_LOG_ALERT;
    flush_event_.data = this;
    flush_event_.log = &quiet_log_;
    flush_event_.handler = [](ngx_event_t* event) noexcept {
        auto* self = static_cast<RedisSocket*>(event->data);
        guarded(self->log_, "Redis connection", [&] { self->flush(); });
    };
}

RedisSocket::~RedisSocket() {
    close();
}

bool RedisSocket::open(const RedisAddress& address, const RedisTarget& target) {
    ngx_peer_connection_t peer{};
    peer.sockaddr = const_cast<sockaddr*>(address.get());
    peer.socklen = address.size;
    ngx_str_t text = borrow(address.text);
    peer.name = &text;
    peer.get = ngx_event_get_peer;
    peer.log = &quiet_log_;
    peer.log_error = NGX_ERROR_ERR;

    const ngx_int_t rc = ngx_event_connect_peer(&peer);
    if (rc != NGX_OK && rc != NGX_AGAIN) {
        if (peer.connection != nullptr) {
            ngx_close_connection(peer.connection);
        }
        return false;
    }
    connection_ = peer.connection;
    connection_->data = this;
    connection_->log = &quiet_log_;
    ssl_ = target.ssl;
    verify_ = target.spec.tls_verify;
    server_name_ = target.spec.tls_name.empty() ? address.host : target.spec.tls_name;
    listen_to_events();
    if (address.get()->sa_family != AF_UNIX) {
        ngx_tcp_nodelay(connection_);
    }
    state_ = State::connecting;
    ++generation_;
    if (rc == NGX_OK) {
        // A unix socket is there at once; the listener is told from an event all the same.
        ngx_post_event(connection_->write, &ngx_posted_events);
    }
    return true;
}

void RedisSocket::listen_to_events() {
    connection_->read->handler = event_handler<&RedisSocket::on_read>;
    connection_->write->handler = event_handler<&RedisSocket::on_write>;
}

void RedisSocket::close() {
    if (flush_event_.posted) {
        ngx_delete_posted_event(&flush_event_);
    }
    state_ = State::closed;
    if (connection_ != nullptr) {
        ngx_connection_t* connection = connection_;
        connection_ = nullptr;
        if (connection->ssl != nullptr) {
            connection->ssl->no_wait_shutdown = 1;
            connection->ssl->no_send_shutdown = 1;
            ngx_ssl_shutdown(connection);
        }
        ngx_pool_t* pool = connection->pool;
        ngx_close_connection(connection);
        if (pool != nullptr) {
            ngx_destroy_pool(pool);
        }
    }
    if (out_secret_) {
        wipe(out_.data(), out_.size());
        out_secret_ = false;
    }
    out_.clear();
    out_sent_ = 0;
}

void RedisSocket::lost(const std::string& why) {
    close();
    listener_.socket_lost(why);
}

bool RedisSocket::connected() {
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(connection_->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

void RedisSocket::on_write() {
    if (state_ == State::connecting) {
        if (!connected()) {
            lost("cannot connect");
            return;
        }
        if (ssl_ != nullptr) {
            start_tls();
            return;
        }
        state_ = State::open;
        listener_.socket_opened();
        return;
    }
    flush();
}

void RedisSocket::start_tls() {
    state_ = State::securing;
    connection_->pool = ngx_create_pool(kPoolBytes, &quiet_log_);
    if (connection_->pool == nullptr ||
        ngx_ssl_create_connection(ssl_, connection_, NGX_SSL_CLIENT) != NGX_OK) {
        lost("TLS cannot be set up");
        return;
    }
    SSL* ssl = connection_->ssl->connection;
    const bool numeric = is_numeric(server_name_);
    bool ready =
        numeric || server_name_.empty() || SSL_set_tlsext_host_name(ssl, server_name_.c_str()) == 1;
    if (verify_) {
        // OpenSSL compares the name within the handshake, so that a wrong one fails like a forged
        // certificate, before anything of ours is sent.
        SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
        ready = ready && (numeric ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl),
                                                                  server_name_.c_str()) == 1
                                  : SSL_set1_host(ssl, server_name_.c_str()) == 1);
    } else {
        SSL_set_verify(ssl, SSL_VERIFY_NONE, nullptr);
    }
    if (!ready) {
        lost("TLS cannot be set up");
        return;
    }
    const ngx_int_t rc = ngx_ssl_handshake(connection_);
    if (rc == NGX_AGAIN) {
        connection_->ssl->handler = [](ngx_connection_t* connection) noexcept {
            auto* self = static_cast<RedisSocket*>(connection->data);
            guarded(self->log_, "Redis TLS handshake", [&] { self->tls_done(); });
        };
        return;
    }
    tls_done();
}

std::string RedisSocket::tls_failure(ngx_connection_t* connection) {
    const long code = SSL_get_verify_result(connection->ssl->connection);
    return code == X509_V_OK ? std::string("TLS handshake failed")
                             : std::string("TLS: the server's certificate is refused: ") +
                                   X509_verify_cert_error_string(code);
}

void RedisSocket::tls_done() {
    if (!connection_->ssl->handshaked) {
        lost(tls_failure(connection_));
        return;
    }
    if (verify_ && SSL_get_verify_result(connection_->ssl->connection) != X509_V_OK) {
        lost(tls_failure(connection_));
        return;
    }
    listen_to_events();
    state_ = State::open;
    listener_.socket_opened();
}

[[gnu::hot]] void RedisSocket::flush_soon() {
    if (state_ == State::open && !flush_event_.posted) {
        ngx_post_event(&flush_event_, &ngx_posted_events);
    }
}

[[gnu::hot]] void RedisSocket::flush() {
    if (state_ != State::open) {
        return;
    }
    while (out_sent_ < out_.size()) {
        const ssize_t sent =
            connection_->send(connection_, reinterpret_cast<u_char*>(out_.data()) + out_sent_,
                              out_.size() - out_sent_);
        if (sent == NGX_AGAIN) {
            break;
        }
        if (sent <= 0) {
            lost("connection lost");
            return;
        }
        out_sent_ += static_cast<std::size_t>(sent);
    }
    if (out_sent_ == out_.size()) {
        if (out_secret_) {
            wipe(out_.data(), out_.size());
            out_secret_ = false;
        }
        out_.clear();
        out_sent_ = 0;
        if (out_.capacity() > kOutBytesKept) {
            out_.shrink_to_fit();
        }
    }
    if (out_sent_ > kOutBytesKept) {
        out_.erase(0, out_sent_);
        out_sent_ = 0;
    }
    if (ngx_handle_write_event(connection_->write, 0) != NGX_OK) {
        lost("connection lost");
    }
}

[[gnu::hot]] void RedisSocket::on_read() {
    if (state_ == State::connecting) {
        on_write();  // an error or the end of connecting: the write side tells which
    }
    u_char buffer[kReadBytes];
    const std::uint64_t generation = generation_;
    while (state_ == State::open && generation == generation_) {
        const ssize_t size = connection_->recv(connection_, buffer, sizeof buffer);
        if (size == NGX_AGAIN) {
            break;
        }
        if (size <= 0) {
            lost("connection lost");
            return;
        }
        listener_.socket_received(
            {reinterpret_cast<char*>(buffer), static_cast<std::size_t>(size)});
    }
    if (state_ == State::open && generation == generation_ &&
        ngx_handle_read_event(connection_->read, 0) != NGX_OK) {
        lost("connection lost");
    }
}

}  // namespace sallyport::ngx
