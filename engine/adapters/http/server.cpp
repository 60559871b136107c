#include "engine/adapters/http/server.hpp"

#include "common/bytes.hpp"
#include "common/ip.hpp"
#include "engine/adapters/http/connections.hpp"
#include "engine/adapters/http/wire.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <ctime>
#include <optional>

namespace sallyport::engine {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Socket = HttpConnection::Socket;
using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;
using Code = boost::system::error_code;
using Clock = HttpConnection::Clock;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// Timeouts are looked at this often, so each lasts up to this much longer.
constexpr std::chrono::milliseconds kSweep{500};
// After a refusal the rest of the request is read and dropped for at most this long, so that the
// answer is not lost to a reset (RFC 9112 section 9.6). The bound is time alone: a bound in bytes
// would reset whoever sends a large body quickly, who is just the one that is to see the 413.
constexpr std::chrono::milliseconds kLinger{5000};
// What is read of a body at a time. The parser asks for as much as there is room for, and by itself
// makes room for 512 bytes.
constexpr std::size_t kBodyBufferBytes = 64 * 1024;
// The pause after an accept that failed: descriptors are short, asking at once would spin.
constexpr std::chrono::milliseconds kAcceptPause{50};

using Connection = HttpConnection;

std::string peer_of(const Socket& socket) {
    Code error;
    const auto endpoint = socket.remote_endpoint(error);
    if (error) {
        return {};
    }
    const auto* raw = endpoint.data();
    if (raw->sa_family == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(raw);
        std::uint8_t bytes[4];
        std::memcpy(bytes, &v4->sin_addr, sizeof(bytes));
        return IpAddress::from_v4(bytes).to_string();
    }
    if (raw->sa_family == AF_INET6) {
        const auto* v6 = reinterpret_cast<const sockaddr_in6*>(raw);
        std::uint8_t bytes[16];
        std::memcpy(bytes, &v6->sin6_addr, sizeof(bytes));
        return IpAddress::from_v6(bytes).to_string();
    }
    return {};
}

// The request without its body. Trailers are not in it: they come after what checked, signed or
// removed headers on the way here (RFC 9110 section 6.5.1), so the body is read later.
template <typename Header>
WebRequest request_head(const Header& header, const std::string& peer) {
    WebRequest request;
    request.method = std::string(header.method_string());
    request.target = std::string(header.target());
    for (const auto& field : header) {
        request.headers.push_back({std::string(field.name_string()), std::string(field.value())});
    }
    request.peer = peer;
    return request;
}

// Whether two readers could disagree about where the request goes or where it ends: not exactly one
// Host (RFC 9112 section 3.2), a transfer coding that is not `chunked` alone (section 6.1).
template <typename Header>
bool is_ambiguous(const Header& header) {
    const auto codings = header.count(http::field::transfer_encoding);
    const bool chunked =
        codings == 1 && header.version() >= 11 &&
        ascii_iequals(std::string_view(header[http::field::transfer_encoding]), "chunked");
    const auto hosts = header.count(http::field::host);
    return (codings > 0 && !chunked) || hosts > 1 || (hosts == 0 && header.version() >= 11);
}

// What to answer to a request that could not be read; nothing: just close.
std::optional<WebResponse> refusal_for(const Code& error) {
    if (error == http::error::header_limit) {
        return wire_error(431);
    }
    if (error == http::error::body_limit) {
        return wire_error(413);
    }
    if (error == http::error::end_of_stream || error == http::error::partial_message) {
        return std::nullopt;
    }
    const boost::beast::error_code some_parse_error =
        http::make_error_code(http::error::bad_method);
    return error.category() == some_parse_error.category() ? std::optional(wire_error(400))
                                                           : std::nullopt;
}

}  // namespace

struct HttpServer::Impl : std::enable_shared_from_this<HttpServer::Impl> {
    Impl(AsioLoop& loop, HttpServerOptions limits, Handler handle)
        : context(loop.context()),
          acceptor(context),
          sweep_timer(context),
          options(limits),
          handler(std::move(handle)),
          connections(limits.connections_max, limits.held_bytes_max) {}

    asio::io_context& context;
    Acceptor acceptor;
    asio::steady_timer sweep_timer;
    HttpServerOptions options;
    Handler handler;
    HttpConnections connections;
    bool draining = false;
    std::function<void()> drained;
    std::string unix_path;
    std::uint16_t port = 0;

    static Clock::time_point in(std::int64_t ms) {
        return Clock::now() + std::chrono::milliseconds(ms);
    }

    asio::awaitable<void> accept_loop() {
        while (acceptor.is_open()) {
            auto [error, socket] = co_await acceptor.async_accept(kAwait);
            if (error == asio::error::operation_aborted) {
                co_return;
            }
            if (error == asio::error::no_descriptors) {
                // They went to other things than connections: whoever is outside would wait until
                // those inside have said nothing for long enough.
                connections.close_longest_waiting();
            }
            if (error || !connections.make_place()) {
                asio::steady_timer pause(context, kAcceptPause);
                co_await pause.async_wait(kAwait);
                continue;  // a connection above the bound is closed here
            }
            auto connection = std::make_shared<Connection>(std::move(socket));
            asio::co_spawn(context, serve(shared_from_this(), std::move(connection)),
                           asio::detached);
        }
    }

    asio::awaitable<void> sweep_loop() {
        while (!draining || !connections.empty()) {
            sweep_timer.expires_after(kSweep);
            co_await sweep_timer.async_wait(kAwait);
            const auto now = Clock::now();
            connections.each([&](Connection& connection) {
                if (connection.deadline < now || (draining && connection.idle)) {
                    Code ignored;
                    connection.socket.close(ignored);
                }
            });
        }
    }

    static asio::awaitable<void> serve(std::shared_ptr<Impl> self,
                                       std::shared_ptr<Connection> connection) {
        self->connections.add(connection);
        connection->peer = peer_of(connection->socket);
        boost::beast::flat_buffer buffer(self->options.header_bytes_max + 64 * 1024);
        connection->deadline = in(self->options.header_timeout_ms);
        bool open = true;
        while (open && !self->draining) {
            open = co_await self->serve_one(*connection, buffer);
            connection->idle = true;
            connection->deadline = in(self->options.idle_timeout_ms);
            self->connections.wait_for_request(*connection);
        }
        Code ignored;
        connection->socket.close(ignored);
        self->connections.remove(*connection);
        self->report_drained();
    }

    void report_drained() {
        if (draining && connections.empty() && drained) {
            asio::post(context, std::exchange(drained, nullptr));
        }
    }

    // False when the connection is to be closed.
    asio::awaitable<bool> serve_one(Connection& connection, boost::beast::flat_buffer& buffer) {
        http::request_parser<http::string_body> parser;
        parser.header_limit(static_cast<std::uint32_t>(options.header_bytes_max));
        parser.body_limit(options.body_bytes_max);
        auto [error, size] =
            co_await http::async_read_header(connection.socket, buffer, parser, kAwait);
        std::optional<WebResponse> refusal = refusal_for(error);
        if (!error && is_ambiguous(parser.get())) {
            refusal = wire_error(400);
        }
        if (error || refusal) {
            co_await refuse(connection, refusal);
            co_return false;
        }
        connection.idle = false;
        connections.request_came(connection);
        WebRequest request = request_head(parser.get(), connection.peer);
        const bool wants_more = parser.get().keep_alive();
        const bool head_only = parser.get().method() == http::verb::head;
        if (!parser.is_done()) {
            connection.deadline = in(options.body_timeout_ms);
            if (ascii_iequals(std::string_view(parser.get()[http::field::expect]),
                              "100-continue")) {
                co_await write(connection, "HTTP/1.1 100 Continue\r\n\r\n", {});
            }
            if (!co_await read_body(&connection, &buffer, &parser)) {
                co_return false;
            }
        }
        connection.deadline = Clock::time_point::max();
        request.body = std::move(parser.get().body());
        const bool keep_alive = wants_more && !draining;
        // No co_await within a larger expression: GCC 12 destroys temporaries of those twice.
        WebResponse response = co_await answer(&request);
        if (response.stream != nullptr) {
            co_await send_stream(&connection, &response);
            co_return false;
        }
        const std::string head = wire_head(response, keep_alive, head_only, std::time(nullptr));
        std::string_view body;
        if (sends_body(response, head_only)) {
            body = response.body;
        }
        connections.hold_answer(connection, body.size());
        const bool sent = co_await write(connection, head, body);
        connections.hold_answer(connection, 0);
        co_return sent&& keep_alive;
    }

    // False when the connection is to be closed: it has been told why. REQUIRES: all live in the
    // caller's frame.
    asio::awaitable<bool> read_body(Connection* connection, boost::beast::flat_buffer* buffer,
                                    http::request_parser<http::string_body>* parser) {
        Code error;
        parser->eager(true);
        buffer->reserve(kBodyBufferBytes);
        while (!error && !parser->is_done() && !connection->out_of_room) {
            const auto [code, size] =
                co_await http::async_read_some(connection->socket, *buffer, *parser, kAwait);
            error = code;
            connections.hold(*connection, parser->get().body().size());
        }
        if (!error && !connection->out_of_room) {
            connections.hold(*connection, 0);  // whom it is handed to has bounds of its own
            buffer->shrink_to_fit();
            co_return true;
        }
        connections.hold(*connection, 0);
        buffer->clear();
        std::string().swap(parser->get().body());
        const std::optional<WebResponse> refusal =
            connection->out_of_room ? std::optional(wire_error(503)) : refusal_for(error);
        co_await refuse(*connection, refusal);
        co_return false;
    }

    // REQUIRES: `request` lives in the caller's frame.
    asio::awaitable<WebResponse> answer(WebRequest* request) {
        auto initiate = [this, request](auto completion) {
            auto shared =
                std::make_shared<std::optional<decltype(completion)>>(std::move(completion));
            handler(std::move(*request), [this, shared](WebResponse response) {
                if (!shared->has_value()) {
                    return;  // answered already
                }
                asio::post(context,
                           [done = std::move(**shared), response = std::move(response)]() mutable {
                               std::move(done)(std::move(response));
                           });
                shared->reset();
            });
        };
        WebResponse response =
            co_await asio::async_initiate<decltype(asio::use_awaitable), void(WebResponse)>(
                initiate, asio::use_awaitable);
        co_return response;
    }

    // Until either side ends it. In between the connection counts as idle: it may be closed.
    // REQUIRES: both live in the caller's frame, or longer.
    asio::awaitable<void> send_stream(Connection* connection, const WebResponse* response) {
        const std::shared_ptr<BodyStream> stream = response->stream;
        asio::steady_timer wake(context);
        stream->on_change([&wake] { wake.cancel(); });
        asio::co_spawn(context, notice_end(connection->shared_from_this(), stream), asio::detached);
        const std::string head = wire_head(*response, false, false, std::time(nullptr));
        bool open = co_await write(*connection, head, {});
        while (open) {
            std::string bytes = stream->take();
            if (bytes.empty() && stream->closed()) {
                break;
            }
            if (bytes.empty()) {
                connection->deadline = Clock::time_point::max();
                connection->idle = true;
                wake.expires_after(std::chrono::milliseconds(stream->idle_ms()));
                const auto [changed] = co_await wake.async_wait(kAwait);
                connection->idle = false;
                bytes = changed ? std::string() : stream->idle_text();
            }
            if (!bytes.empty()) {
                open = co_await write(*connection, bytes, {});
            }
        }
        stream->on_change(nullptr);
        stream->close();
    }

    // Nothing is expected of the client any more but that it leaves.
    static asio::awaitable<void> notice_end(std::shared_ptr<Connection> connection,
                                            std::shared_ptr<BodyStream> stream) {
        std::array<char, 1024> dropped{};
        Code error;
        while (!error) {
            const auto [code, size] =
                co_await connection->socket.async_read_some(asio::buffer(dropped), kAwait);
            error = code;
        }
        stream->close();
    }

    asio::awaitable<bool> write(Connection& connection, std::string_view head,
                                std::string_view body) {
        connection.deadline = in(options.write_timeout_ms);
        const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head.data(), head.size()),
                                                           asio::buffer(body.data(), body.size())};
        const auto [error, size] = co_await asio::async_write(connection.socket, buffers, kAwait);
        co_return !error;
    }

    // Nothing to say: closed without a word. REQUIRES: `response` lives in the caller's frame.
    asio::awaitable<void> refuse(Connection& connection,
                                 const std::optional<WebResponse>& response) {
        if (!response) {
            co_return;
        }
        const std::string head = wire_head(*response, false, false, std::time(nullptr));
        if (!co_await write(connection, head, response->body)) {
            co_return;
        }
        Code error;
        connection.socket.shutdown(Socket::shutdown_send, error);
        connection.deadline = Clock::now() + kLinger;
        std::array<char, 16 * 1024> dropped{};
        while (!error) {
            const auto [code, size] =
                co_await connection.socket.async_read_some(asio::buffer(dropped), kAwait);
            error = code;
        }
    }
};

namespace {

// A socket file that nobody listens on is left over from a crash.
Status remove_stale(const std::string& path, asio::io_context& context) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) {
        return Done{};
    }
    if (!S_ISSOCK(info.st_mode)) {
        return Error{path + " exists and is not a socket"};
    }
    asio::local::stream_protocol::socket probe(context);
    Code error;
    probe.connect(asio::local::stream_protocol::endpoint(path), error);
    if (!error) {
        return Error{"another engine listens on " + path};
    }
    ::unlink(path.c_str());
    return Done{};
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::listen(AsioLoop& loop, const ListenAddress& address,
                                                       HttpServerOptions options, Handler handler) {
    auto impl = std::make_shared<Impl>(loop, options, std::move(handler));
    asio::generic::stream_protocol::endpoint endpoint;
    Code error;
    if (!address.unix_path.empty()) {
        const Status free = remove_stale(address.unix_path, impl->context);
        if (!free.ok()) {
            return free.error();
        }
        endpoint = asio::local::stream_protocol::endpoint(address.unix_path);
    } else {
        endpoint =
            asio::ip::tcp::endpoint(asio::ip::make_address(address.host, error), address.port);
    }
    if (!error) {
        impl->acceptor.open(endpoint.protocol(), error);
    }
    if (!error && address.unix_path.empty()) {
        impl->acceptor.set_option(asio::socket_base::reuse_address(true), error);
    }
    if (!error) {
        impl->acceptor.bind(endpoint, error);
    }
    if (!error && !address.unix_path.empty()) {
        impl->unix_path = address.unix_path;
        ::chmod(address.unix_path.c_str(), static_cast<mode_t>(address.unix_mode));
    }
    if (!error) {
        impl->acceptor.listen(asio::socket_base::max_listen_connections, error);
    }
    if (error) {
        return Error{"cannot listen on " + address.to_string() + ": " + error.message()};
    }
    if (address.unix_path.empty()) {
        const auto bound = impl->acceptor.local_endpoint(error);
        const auto* raw = reinterpret_cast<const sockaddr_in*>(bound.data());  // port: same in v6
        impl->port = ntohs(raw->sin_port);
    }
    asio::co_spawn(
        impl->context, [impl] { return impl->accept_loop(); }, asio::detached);
    asio::co_spawn(
        impl->context, [impl] { return impl->sweep_loop(); }, asio::detached);
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::~HttpServer() {
    if (!impl_->unix_path.empty()) {
        ::unlink(impl_->unix_path.c_str());
    }
}

std::uint16_t HttpServer::port() const {
    return impl_->port;
}

void HttpServer::drain(std::function<void()> done) {
    impl_->draining = true;
    impl_->drained = std::move(done);
    Code ignored;
    impl_->acceptor.close(ignored);
    impl_->connections.each([&ignored](Connection& connection) {
        if (connection.idle) {
            connection.socket.close(ignored);
        }
    });
    impl_->report_drained();
}

}  // namespace sallyport::engine
