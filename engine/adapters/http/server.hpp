// The engine's HTTP/1.1 server, on a unix socket or a TCP port. Bounded in every direction; hands
// each request to one function and sends what that function answers. Knows nothing of the API.
//
// Behind it stands Boost.Beast's parser, in http_server.cpp alone.
#pragma once

#include "common/result.hpp"
#include "engine/adapters/asio_loop.hpp"
#include "engine/adapters/http/listen_address.hpp"
#include "engine/core/web_message.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace sallyport::engine {

struct HttpServerOptions {
    // Gateways pass long cookies and a verdict on; nothing honest is longer.
    std::size_t header_bytes_max = 32 * 1024;
    std::size_t body_bytes_max = 29 * 1024 * 1024;
    // Each holds a descriptor, a buffer and a coroutine. Who comes when all places are taken has
    // that of the connection which has waited longest for its request.
    std::size_t connections_max = 4096;
    // Of bodies that come and go, all connections together. Beyond it the slowest is told to come
    // later, or closed when it reads its answer.
    std::size_t held_bytes_max = 256 * 1024 * 1024;
    // From the first byte waited for to the end of the header.
    std::int64_t header_timeout_ms = 15'000;
    std::int64_t idle_timeout_ms = 75'000;
    std::int64_t body_timeout_ms = 60'000;
    std::int64_t write_timeout_ms = 60'000;
};

class HttpServer {
  public:
    using Respond = std::function<void(WebResponse)>;
    // Called on the loop. `respond` is called once, now or later, on the loop.
    using Handler = std::function<void(WebRequest, Respond)>;

    static Result<std::unique_ptr<HttpServer>> listen(AsioLoop& loop, const ListenAddress& address,
                                                      HttpServerOptions options, Handler handler);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    std::uint16_t port() const;  // 0 on a unix socket
    // Takes no more connections, closes idle ones, lets requests under way end; then calls `done`.
    void drain(std::function<void()> done);

  private:
    struct Impl;
    explicit HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
    std::shared_ptr<Impl> impl_;
};

}  // namespace sallyport::engine
