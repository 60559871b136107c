#include "engine/adapters/redis_link.hpp"

#include "common/bytes.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <hiredis/hiredis.h>

#include <array>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

namespace sallyport::engine {
namespace {

namespace asio = boost::asio;
using Code = boost::system::error_code;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using Words = std::vector<std::string>;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

std::string command_text(const Words& words) {
    std::string text = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string& word : words) {
        text += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    }
    return text;
}

// As a reply, and among the messages of a subscriber.
bool is_sign_of_life(const redisReply& reply) {
    if (reply.type == REDIS_REPLY_STATUS) {
        return text_of(reply) == "PONG";
    }
    return reply.type == REDIS_REPLY_ARRAY && reply.elements == 2 &&
           text_of(*reply.element[0]) == "pong";
}

using Reader = std::unique_ptr<redisReader, decltype(&redisReaderFree)>;
using Reply = std::unique_ptr<redisReply, decltype(&freeReplyObject)>;

}  // namespace

std::string_view text_of(const redisReply& reply) {
    return {reply.str == nullptr ? "" : reply.str, reply.str == nullptr ? 0 : reply.len};
}

struct RedisLink::State : std::enable_shared_from_this<State> {
    using Tls = asio::ssl::stream<asio::ip::tcp::socket&>;

    State(AsioLoop& loop, RedisOptions from, Events to)
        : options(std::move(from)),
          events(std::move(to)),
          resolver(loop.context()),
          socket(loop.context()),
          pause(loop.context()),
          watch(loop.context()) {}

    // ---- one connection after the other

    static asio::awaitable<void> keep(std::shared_ptr<State> self) {
        while (!self->ended) {
            self->since = Clock::now();
            const std::string problem = co_await self->session();
            self->up = false;
            self->unsent.clear();
            self->close();
            if (!self->ended) {
                self->events.down(self->gave_up.empty() ? problem : self->gave_up);
            }
            self->gave_up.clear();
            self->pause.expires_after(milliseconds(kRetryMs));
            co_await self->pause.async_wait(kAwait);
        }
    }

    void close() {
        resolver.cancel();
        Code ignored;
        socket.close(ignored);
    }

    // Why it ended. Whoever closes the socket ends it.
    asio::awaitable<std::string> session() {
        auto [found, addresses] =
            co_await resolver.async_resolve(options.host, std::to_string(options.port), kAwait);
        if (found) {
            co_return "its name: " + found.message();
        }
        auto [connected, endpoint] = co_await asio::async_connect(socket, addresses, kAwait);
        if (connected) {
            co_return connected.message();
        }
        Code ignored;
        socket.set_option(asio::ip::tcp::no_delay(true), ignored);
        std::optional<asio::ssl::context> context;
        if (options.tls) {
            context.emplace(asio::ssl::context::tls_client);
            const std::string problem = co_await shake_hands(*context);
            if (!problem.empty()) {
                tls.reset();
                co_return problem;
            }
        }
        const std::string problem = co_await talk();
        while (writing) {  // its buffers are the connection's
            pause.expires_after(milliseconds(1));
            co_await pause.async_wait(kAwait);
        }
        tls.reset();
        co_return problem;
    }

    asio::awaitable<std::string> shake_hands(asio::ssl::context& context) {
        Code bad;
        if (options.ca_file.empty()) {
            context.set_default_verify_paths(bad);
        } else {
            context.load_verify_file(options.ca_file, bad);
        }
        if (bad) {
            co_return "its authorities: " + bad.message();
        }
        context.set_verify_mode(asio::ssl::verify_peer);
        tls.emplace(socket, context);
        tls->set_verify_callback(asio::ssl::host_name_verification(options.host), bad);
        SSL_set_tlsext_host_name(tls->native_handle(), options.host.c_str());
        const auto [refused] =
            co_await tls->async_handshake(asio::ssl::stream_base::client, kAwait);
        co_return refused ? "TLS: " + refused.message() : std::string();
    }

    // Signs in, then reads until the end.
    asio::awaitable<std::string> talk() {
        Reader reader(redisReaderCreate(), redisReaderFree);
        std::size_t greetings = 1;
        if (!options.password.empty()) {
            Words auth = {"AUTH"};
            if (!options.user.empty()) {
                auth.push_back(options.user);
            }
            auth.emplace_back(options.password.reveal());
            put(command_text(auth));
            greetings += 1;
        }
        put(command_text({"PING"}));
        std::array<char, 16384> bytes{};
        std::size_t unread = 0;  // of a reply that is not whole
        while (true) {
            const std::size_t count = co_await read_some(bytes);
            if (count == 0) {
                co_return "the connection ended";
            }
            heard = Clock::now();
            unread += count;
            redisReaderFeed(reader.get(), bytes.data(), count);
            std::string problem = take_replies(reader.get(), greetings, unread);
            if (!problem.empty() || ended) {
                co_return problem;
            }
        }
    }

    std::string take_replies(redisReader* reader, std::size_t& greetings, std::size_t& unread) {
        while (!ended) {
            void* taken = nullptr;
            if (redisReaderGetReply(reader, &taken) != REDIS_OK) {
                return "it does not speak Redis's protocol";
            }
            if (taken == nullptr) {
                return unread > kBytesMax ? "a reply is too large" : "";
            }
            const Reply reply(static_cast<redisReply*>(taken),
                              [](void* one) { freeReplyObject(one); });
            unread = 0;
            if (greetings > 0) {
                if (reply->type == REDIS_REPLY_ERROR) {
                    return std::string(text_of(*reply));
                }
                greetings -= 1;
                up = greetings == 0;
                if (up) {
                    events.up();
                }
            } else if (!is_sign_of_life(*reply)) {
                events.reply(*reply);
            }
        }
        return {};
    }

    asio::awaitable<std::size_t> read_some(std::array<char, 16384>& bytes) {
        if (tls) {
            const auto [failed, count] = co_await tls->async_read_some(asio::buffer(bytes), kAwait);
            co_return failed ? 0 : count;
        }
        const auto [failed, count] = co_await socket.async_read_some(asio::buffer(bytes), kAwait);
        co_return failed ? 0 : count;
    }

    // ---- sending

    void put(const std::string& text) {
        unsent += text;
        if (unsent.size() > kBytesMax) {
            gave_up = "it takes nothing any more";
            return close();
        }
        if (!std::exchange(writing, true)) {
            asio::co_spawn(socket.get_executor(), write(shared_from_this()), asio::detached);
        }
    }

    static asio::awaitable<void> write(std::shared_ptr<State> self) {
        bool good = true;
        while (good && !self->unsent.empty()) {
            const std::string text = std::exchange(self->unsent, {});
            if (self->tls) {
                const auto [failed, count] =
                    co_await asio::async_write(*self->tls, asio::buffer(text), kAwait);
                good = !failed;
            } else {
                const auto [failed, count] =
                    co_await asio::async_write(self->socket, asio::buffer(text), kAwait);
                good = !failed;
            }
        }
        self->writing = false;
        if (!good) {
            self->close();
        }
    }

    // ---- signs of life

    static asio::awaitable<void> look(std::shared_ptr<State> self) {
        while (!self->ended) {
            self->watch.expires_after(milliseconds(kPingMs));
            co_await self->watch.async_wait(kAwait);
            if (!self->ended) {
                self->look_once();
            }
        }
    }

    void look_once() {
        const auto now = Clock::now();
        if (!up) {
            if (socket.is_open() && now - since > milliseconds(kConnectMs)) {
                gave_up = "no answer";
                close();
            }
            return;
        }
        if (now - heard > milliseconds(kSilentMs)) {
            gave_up = "no sign of life";
            return close();
        }
        put(command_text({"PING"}));
    }

    RedisOptions options;
    Events events;
    asio::ip::tcp::resolver resolver;
    asio::ip::tcp::socket socket;
    std::optional<Tls> tls;
    asio::steady_timer pause;
    asio::steady_timer watch;
    std::string unsent;
    std::string gave_up;  // why we closed the connection ourselves
    Clock::time_point since;
    Clock::time_point heard;
    bool up = false;
    bool writing = false;
    bool ended = false;
};

RedisLink::RedisLink(AsioLoop& loop, RedisOptions options, Events events)
    : state_(std::make_shared<State>(loop, std::move(options), std::move(events))) {
    asio::co_spawn(loop.context(), State::keep(state_), asio::detached);
    asio::co_spawn(loop.context(), State::look(state_), asio::detached);
}

RedisLink::~RedisLink() {
    state_->ended = true;
    state_->events = {};
    state_->close();
    state_->pause.cancel();
    state_->watch.cancel();
}

bool RedisLink::is_up() const {
    return state_->up;
}

void RedisLink::send(const std::vector<std::string>& words) {
    state_->put(command_text(words));
}

}  // namespace sallyport::engine
