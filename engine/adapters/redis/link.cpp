#include "engine/adapters/redis/link.hpp"

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

// Of a Sentinel's answers.
constexpr std::size_t kAddressBytesMax = 64 * 1024;

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

// [host, port] of SENTINEL GET-MASTER-ADDR-BY-NAME.
std::optional<RedisPeer> master_of(const redisReply& reply) {
    if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 2) {
        return std::nullopt;
    }
    const auto port = parse_u64(text_of(*reply.element[1]));
    RedisPeer peer{std::string(text_of(*reply.element[0]))};
    if (peer.host.empty() || !port || *port == 0 || *port > 65535) {
        return std::nullopt;
    }
    peer.port = static_cast<std::uint16_t>(*port);
    return peer;
}

bool is_role_other_than_master(const redisReply& reply) {
    return reply.type == REDIS_REPLY_ARRAY && reply.elements > 0 &&
           text_of(*reply.element[0]) != "master";
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

    // Why it ended.
    asio::awaitable<std::string> session() {
        peer = options.peer;
        if (!options.sentinels.empty()) {
            std::string problem = co_await find_master();
            if (!problem.empty()) {
                co_return problem;
            }
        }
        patience = milliseconds(kConnectMs);
        co_return co_await visit(false);
    }

    // Sets `peer`, or says why not. The Sentinel that knew is asked first the next time, too.
    asio::awaitable<std::string> find_master() {
        std::string why;
        for (std::size_t asked = 0; asked < options.sentinels.size() && !ended; ++asked) {
            peer = options.sentinels[next_sentinel];
            const std::string name = peer.host + ":" + std::to_string(peer.port);
            named.reset();
            patience = milliseconds(kSentinelMs);
            const std::string problem = co_await visit(true);
            close();
            if (named) {
                peer = *named;
                co_return std::string();
            }
            why = "Sentinel " + name + ": " + (gave_up.empty() ? problem : gave_up);
            gave_up.clear();
            next_sentinel = (next_sentinel + 1) % options.sentinels.size();
        }
        co_return why;
    }

    // Connects to `peer` and stays there; as a Sentinel it is asked one thing. Why it ended:
    // whoever closes the socket ends it.
    asio::awaitable<std::string> visit(bool as_sentinel) {
        since = Clock::now();
        unsent.clear();
        auto [found, addresses] =
            co_await resolver.async_resolve(peer.host, std::to_string(peer.port), kAwait);
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
        std::string problem;
        if (as_sentinel) {
            problem = co_await ask();
        } else {
            problem = co_await talk();
        }
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
        tls->set_verify_callback(asio::ssl::host_name_verification(peer.host), bad);
        SSL_set_tlsext_host_name(tls->native_handle(), peer.host.c_str());
        const auto [refused] =
            co_await tls->async_handshake(asio::ssl::stream_base::client, kAwait);
        co_return refused ? "TLS: " + refused.message() : std::string();
    }

    // Which server is the master: `named`, or why it is not known.
    asio::awaitable<std::string> ask() {
        Reader reader(redisReaderCreate(), redisReaderFree);
        bool signs_in = !options.sentinel_password.empty();
        if (signs_in) {
            put(command_text({"AUTH", std::string(options.sentinel_password.reveal())}));
        }
        put(command_text({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", options.master}));
        std::array<char, 16384> bytes{};
        std::size_t unread = 0;
        while (unread < kAddressBytesMax) {
            const std::size_t count = co_await read_some(bytes);
            if (count == 0) {
                co_return "the connection ended";
            }
            unread += count;
            redisReaderFeed(reader.get(), bytes.data(), count);
            void* taken = nullptr;
            while (redisReaderGetReply(reader.get(), &taken) == REDIS_OK && taken != nullptr) {
                const Reply reply(static_cast<redisReply*>(taken),
                                  [](void* one) { freeReplyObject(one); });
                const bool refused = reply->type == REDIS_REPLY_ERROR;
                if (!refused && std::exchange(signs_in, false)) {
                    continue;
                }
                named = master_of(*reply);
                co_return refused ? std::string(text_of(*reply))
                                  : "it does not know the master " + options.master;
            }
            if (reader->err != 0) {
                break;
            }
        }
        co_return "it does not speak Redis's protocol";
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
        if (!options.sentinels.empty()) {
            put(command_text({"ROLE"}));
            greetings += 1;
        }
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
                const bool is_role = greetings == 1 && !options.sentinels.empty();
                // A user may lack ROLE; to be told so is an answer too.
                if (reply->type == REDIS_REPLY_ERROR && !is_role) {
                    return std::string(text_of(*reply));
                }
                if (is_role && is_role_other_than_master(*reply)) {
                    return "the server that the Sentinel names is no master";
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
            if (socket.is_open() && now - since > patience) {
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
    RedisPeer peer;                  // who is visited
    std::optional<RedisPeer> named;  // by a Sentinel
    std::size_t next_sentinel = 0;
    milliseconds patience{kConnectMs};  // until it is up, or has answered
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
