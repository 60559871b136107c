// The engine's HTTP server under clients that say nothing, send slowly or read slowly: places and
// memory are bounded, and whoever asks is served.
#include "engine/adapters/http/server.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::test {
namespace {

using engine::HttpServer;
using engine::HttpServerOptions;
using engine::WebRequest;
using engine::WebResponse;

constexpr std::size_t kMegabyte = 1 << 20;

// Says how large the body was; `/large` answers with 16 MB, `/late` when `let_go` is set.
class Server {
  public:
    explicit Server(const HttpServerOptions& options) {
        auto listening =
            HttpServer::listen(loop_, *engine::ListenAddress::parse("127.0.0.1:0"), options,
                               [this](WebRequest request, HttpServer::Respond respond) {
                                   answer(std::move(request), std::move(respond));
                               });
        EXPECT_TRUE(listening.ok());
        server_ = *std::move(listening);
        thread_ = std::thread([this] { loop_.run(); });
    }
    ~Server() {
        loop_.post([this] { loop_.stop(); });
        thread_.join();
    }
    std::uint16_t port() const { return server_->port(); }
    std::atomic<int> late{0};
    std::atomic<bool> let_go{false};

  private:
    void answer(WebRequest request, HttpServer::Respond respond) {
        WebResponse response;
        response.body = request.target == "/large" ? std::string(16 * kMegabyte, 'x')
                                                   : std::to_string(request.body.size());
        if (request.target != "/late") {
            return respond(std::move(response));
        }
        ++late;
        wait(std::move(response), std::move(respond));
    }
    void wait(WebResponse response, HttpServer::Respond respond) {
        if (let_go) {
            return respond(std::move(response));
        }
        loop_.after(5, [this, response = std::move(response), respond]() mutable {
            wait(std::move(response), std::move(respond));
        });
    }

    engine::AsioLoop loop_;
    std::unique_ptr<HttpServer> server_;
    std::thread thread_;
};

std::string head(std::string_view target, std::size_t body = 0) {
    return "POST " + std::string(target) +
           " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body) + "\r\n\r\n";
}

std::string ask(const Server& server) {
    RawSocket client(server.port());
    client.send(head("/"));
    return client.receive_until("\r\n\r\n0");
}

TEST(HttpServerPlaces, OfTheSilentAreThoseOfWhoAsks) {
    Server server({.connections_max = 8});
    std::vector<std::unique_ptr<RawSocket>> silent;
    for (int i = 0; i < 100; ++i) {
        silent.push_back(std::make_unique<RawSocket>(server.port()));
        silent.back()->send(i % 2 == 0 ? "" : "GET / HTTP/1.1\r\nHost: a\r\nX-Slow");
        if (i % 10 == 9) {
            EXPECT_TRUE(ask(server).starts_with("HTTP/1.1 200")) << i;
        }
    }
    EXPECT_EQ(silent.front()->receive_all(), "") << "closed for another's sake";
}

TEST(HttpServerPlaces, OfWhoIsBeingServedAreTheirOwn) {
    Server server({.connections_max = 4});
    std::vector<std::unique_ptr<RawSocket>> served;
    for (int i = 0; i < 4; ++i) {
        served.push_back(std::make_unique<RawSocket>(server.port()));
        served.back()->send(head("/late"));
    }
    served.front()->shutdown_write();  // has said all, and waits
    ASSERT_TRUE(wait_until([&] { return server.late == 4; }));
    RawSocket one_more(server.port());
    EXPECT_EQ(one_more.receive_all(), "");
    server.let_go = true;
    for (const auto& client : served) {
        EXPECT_TRUE(client->receive_until("\r\n\r\n0").starts_with("HTTP/1.1 200"));
    }
    EXPECT_TRUE(ask(server).starts_with("HTTP/1.1 200"));
}

TEST(HttpServerMemory, OfBodiesThatStallIsBoundedForAllTogether) {
    Server server({.held_bytes_max = 4 * kMegabyte});
    const std::string most(kMegabyte, 'x');
    std::vector<std::unique_ptr<RawSocket>> slow;
    for (int i = 0; i < 8; ++i) {
        slow.push_back(std::make_unique<RawSocket>(server.port()));
        slow.back()->send(head("/", 2 * kMegabyte) + most);
    }
    RawSocket whole(server.port());
    whole.send(head("/", 2 * kMegabyte) + most + most);
    EXPECT_NE(whole.receive_until("2097152").find("HTTP/1.1 200"), std::string::npos);
    EXPECT_TRUE(ask(server).starts_with("HTTP/1.1 200"));
    // The slowest went, and hear why.
    int told = 0;
    for (const auto& client : slow) {
        client->shutdown_write();
        const std::string answer = client->receive_all();
        told += answer.starts_with("HTTP/1.1 503") &&
                        answer.find("Retry-After: 1") != std::string::npos &&
                        answer.find("Too many large requests at once") != std::string::npos
                    ? 1
                    : 0;
    }
    EXPECT_GE(told, 4);
    EXPECT_LT(told, 8);
}

TEST(HttpServerMemory, OfAnswersThatAreReadSlowlyIsBoundedForAllTogether) {
    Server server({.held_bytes_max = 40 * kMegabyte});
    std::vector<std::unique_ptr<RawSocket>> slow;
    for (int i = 0; i < 4; ++i) {
        slow.push_back(std::make_unique<RawSocket>(server.port(), "", 64 * 1024));
        slow.back()->send("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        EXPECT_TRUE(slow.back()->receive_until("\r\n\r\n").starts_with("HTTP/1.1 200")) << i;
    }
    std::vector<std::size_t> sizes;
    for (const auto& client : slow) {
        sizes.push_back(client->receive_all().size());
    }
    EXPECT_LT(sizes[0], 15 * kMegabyte) << "cut off";
    EXPECT_LT(sizes[1], 15 * kMegabyte) << "cut off";
    EXPECT_GT(sizes[2], 15 * kMegabyte);
    EXPECT_GT(sizes[3], 15 * kMegabyte);
    EXPECT_TRUE(ask(server).starts_with("HTTP/1.1 200"));
}

}  // namespace
}  // namespace sallyport::test
