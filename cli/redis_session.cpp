#include "cli/redis_session.hpp"

#include "common/file_text.hpp"
#include "module/store/redis_slot.hpp"
#include "module/store/resp_writer.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace sallyport::cli {
namespace {

// How long a server may be silent before the connection is given up.
constexpr timeval kSilence{.tv_sec = 10, .tv_usec = 0};
constexpr int kRedirectsMax = 5;
// A page of deliveries, each of which may hold megabytes.
constexpr store::ReplyLimits kLimits{
    .element_bytes = 64 * 1024 * 1024, .nodes = 1024 * 1024, .tree_bytes = 256 * 1024 * 1024};

struct HostPort {
    std::string host;
    std::string port;
};

HostPort split(const std::string& address, const char* default_port) {
    const std::size_t colon = address.rfind(':');
    const std::size_t bracket = address.rfind(']');
    const bool has_port =
        colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
    std::string host = address.substr(0, has_port ? colon : std::string::npos);
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    }
    return {host, has_port ? address.substr(colon + 1) : std::string(default_port)};
}

bool is_numeric(const std::string& host) {
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST;
    addrinfo* found = nullptr;
    const bool numeric = getaddrinfo(host.c_str(), nullptr, &hints, &found) == 0;
    if (numeric) {
        freeaddrinfo(found);
    }
    return numeric;
}

}  // namespace

RedisSession::~RedisSession() {
    close();
    SSL_CTX_free(context_);
}

void RedisSession::close() {
    SSL_free(ssl_);
    ssl_ = nullptr;
    if (fd_ >= 0) {
        ::close(fd_);
        fd_ = -1;
    }
    reader_.reset();
}

bool RedisSession::send_all(std::string_view bytes) {
    while (!bytes.empty()) {
        const long sent =
            ssl_ != nullptr
                ? SSL_write(ssl_, bytes.data(),
                            static_cast<int>(std::min<std::size_t>(bytes.size(), 1 << 20)))
                : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

long RedisSession::receive(char* buffer, std::size_t size) {
    return ssl_ != nullptr ? SSL_read(ssl_, buffer, static_cast<int>(size))
                           : ::recv(fd_, buffer, size, 0);
}

Status RedisSession::connect_unix(const std::string& path) {
    close();
    fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof(address.sun_path) - 1));
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kSilence, sizeof(kSilence));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &kSilence, sizeof(kSilence));
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
        close();
        return Error{"cannot connect to " + path};
    }
    reader_ = std::make_unique<store::RespReader>(kLimits);
    return Done{};
}

Status RedisSession::connect_to(const std::string& host, const std::string& port,
                                const std::string& name) {
    close();
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) {
        return Error{"cannot resolve " + host};
    }
    for (const addrinfo* one = found; one != nullptr && fd_ < 0; one = one->ai_next) {
        fd_ = socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kSilence, sizeof(kSilence));
        setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &kSilence, sizeof(kSilence));
        if (connect(fd_, one->ai_addr, one->ai_addrlen) != 0) {
            ::close(fd_);
            fd_ = -1;
        }
    }
    freeaddrinfo(found);
    if (fd_ < 0) {
        return Error{"cannot connect to " + host + ":" + port};
    }
    reader_ = std::make_unique<store::RespReader>(kLimits);
    return spec_.tls ? start_tls(spec_.tls_name.empty() ? name : spec_.tls_name) : Done{};
}

Status RedisSession::start_tls(const std::string& name) {
    if (context_ == nullptr) {
        context_ = SSL_CTX_new(TLS_client_method());
        bool good =
            context_ != nullptr && SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION) == 1;
        if (good && spec_.tls_verify) {
            good = spec_.tls_ca.empty() ? SSL_CTX_set_default_verify_paths(context_) == 1
                                        : SSL_CTX_load_verify_locations(
                                              context_, spec_.tls_ca.c_str(), nullptr) == 1;
        }
        if (good && !spec_.tls_certificate.empty()) {
            good =
                SSL_CTX_use_certificate_chain_file(context_, spec_.tls_certificate.c_str()) == 1 &&
                SSL_CTX_use_PrivateKey_file(context_, spec_.tls_key.c_str(), SSL_FILETYPE_PEM) == 1;
        }
        if (!good) {
            close();
            return Error{"TLS cannot be set up; look at tls_ca=, tls_certificate= and tls_key="};
        }
    }
    ssl_ = SSL_new(context_);
    const bool numeric = is_numeric(name);
    SSL_set_fd(ssl_, fd_);
    SSL_set_verify(ssl_, spec_.tls_verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    bool named = numeric || SSL_set_tlsext_host_name(ssl_, name.c_str()) == 1;
    if (spec_.tls_verify) {
        named = named &&
                (numeric ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), name.c_str()) == 1
                         : SSL_set1_host(ssl_, name.c_str()) == 1);
    }
    if (!named || SSL_connect(ssl_) != 1) {
        const long code = SSL_get_verify_result(ssl_);
        close();
        return Error{code == X509_V_OK ? std::string("the TLS handshake failed")
                                       : std::string("the server's certificate is refused: ") +
                                             X509_verify_cert_error_string(code)};
    }
    return Done{};
}

Result<const store::Reply*> RedisSession::exchange(std::span<const std::string_view> words) {
    std::string command;
    store::append_command(command, words);
    bool good = is_open() && send_all(command);
    while (good) {
        const store::ReadResult result = reader_->next();
        if (result == store::ReadResult::reply) {
            return &reader_->reply();
        }
        char buffer[64 * 1024];
        const long got = result == store::ReadResult::more ? receive(buffer, sizeof(buffer)) : 0;
        good = got > 0 && reader_->feed({buffer, static_cast<std::size_t>(got)});
    }
    close();
    return Error{"the connection to Redis is lost"};
}

Status RedisSession::greet(const std::string& user, const std::string& password_file, bool data) {
    if (!password_file.empty()) {
        const auto password = read_secret_file(password_file);
        if (!password) {
            close();
            return password.error();
        }
        const std::string_view with_user[] = {"AUTH", user, password->reveal()};
        const std::string_view alone[] = {"AUTH", password->reveal()};
        const auto reply = user.empty() ? exchange(alone) : exchange(with_user);
        if (!reply || (*reply)->kind == store::ReplyKind::error) {
            const std::string why(reply ? (*reply)->text() : std::string_view(reply.message()));
            close();
            return Error{why};
        }
    }
    if (data && spec_.database != 0) {
        const std::string number = std::to_string(spec_.database);
        const std::string_view select[] = {"SELECT", number};
        const auto reply = exchange(select);
        if (!reply || (*reply)->kind == store::ReplyKind::error) {
            close();
            return Error{"the database cannot be selected"};
        }
    }
    return Done{};
}

Result<store::RedisEndpoint> RedisSession::ask_sentinels() {
    std::string why = "no Sentinel answers";
    for (const store::RedisServer& server : spec_.servers) {
        const HostPort at = split(server.address, "26379");
        if (!connect_to(at.host, at.port, server.host) ||
            !greet(spec_.sentinel_user, spec_.sentinel_password_file, false)) {
            continue;
        }
        const std::string_view words[] = {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", spec_.master};
        const auto reply = exchange(words);
        const auto endpoint = reply ? store::parse_sentinel_master(**reply) : std::nullopt;
        close();
        if (endpoint) {
            return *endpoint;
        }
        why = "the Sentinels do not know the master " + spec_.master;
    }
    return Error{why};
}

Status RedisSession::open() {
    if (spec_.kind == store::RedisKind::sentinel) {
        const auto master = ask_sentinels();
        if (!master) {
            return master.error();
        }
        const Status connected =
            connect_to(master->host, std::to_string(master->port), master->host);
        return connected ? greet(spec_.user, spec_.password_file, true) : connected;
    }
    Status last = Error{"no server is named"};
    for (const store::RedisServer& server : spec_.servers) {
        const HostPort at = split(server.address, "6379");
        last = server.host.empty() ? connect_unix(server.address.substr(5))
                                   : connect_to(at.host, at.port, server.host);
        if (last) {
            last = greet(spec_.user, spec_.password_file, true);
        }
        if (last) {
            break;
        }
    }
    return last;
}

Result<const store::Reply*> RedisSession::run(std::span<const std::string_view> words) {
    for (int i = 0;; ++i) {
        const auto reply = exchange(words);
        if (!reply || (*reply)->kind != store::ReplyKind::error) {
            return reply;
        }
        if ((*reply)->is_error("READONLY") || (*reply)->is_error("LOADING")) {
            const std::string why((*reply)->text());
            close();  // another server is to be found
            return Error{why};
        }
        const auto moved = store::parse_redirect((*reply)->text());
        if (!moved || i == kRedirectsMax || spec_.kind != store::RedisKind::cluster) {
            return reply;
        }
        const std::string host(moved->host);
        const Status there = connect_to(host, std::to_string(moved->port), host);
        const Status greeted = there ? greet(spec_.user, spec_.password_file, true) : there;
        if (!greeted) {
            return greeted.error();
        }
    }
}

}  // namespace sallyport::cli
