#include "engine/adapters/http/client.hpp"

#include "engine/adapters/http/name_resolver.hpp"
#include "engine/adapters/http/room.hpp"
#include "engine/adapters/http/transfer.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <utility>

namespace sallyport::engine {
namespace {

// Idle connections kept for reuse, over all tenants.
constexpr long kIdleConnectionsMax = 128;

void start_libcurl() {
    static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
    static_cast<void>(started);
}

}  // namespace

// Lives on the loop's thread. Posted tasks hold it weakly, so that none of them reaches a client
// that is gone; watches and timers are taken back before it goes.
class CurlHttpClient::Impl : public std::enable_shared_from_this<CurlHttpClient::Impl> {
  public:
    Impl(Loop& loop, HttpClientOptions options)
        : loop_(loop),
          options_(std::move(options)),
          resolver_(loop),
          room_(loop, options_.large_bytes_max) {
        start_libcurl();
        multi_ = curl_multi_init();
        curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Impl::on_socket);
        curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
        curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Impl::on_timer);
        curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
        curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kIdleConnectionsMax);
        curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    }

    ~Impl() {
        while (!entries_.empty()) {
            const auto id = entries_.begin()->first;
            end(id, entries_.begin()->second.transfer->failure(HttpError::cancelled,
                                                               "the engine stops"));
        }
        curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, nullptr);
        curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, nullptr);
        for (const auto& [fd, watch] : watches_) {
            loop_.unwatch(watch);
        }
        watches_.clear();
        loop_.cancel(timer_);
        curl_multi_cleanup(multi_);
    }

    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    RequestId send(HttpRequest request, Done done) {
        const RequestId id = ++last_id_;
        const std::uint32_t timeout_ms = request.timeout_ms;
        const std::string tenant = request.tenant;
        auto transfer = std::make_unique<HttpTransfer>(id, std::move(request), std::move(done));
        auto refused = transfer->check(options_.policy);
        if (!refused && (entries_.size() >= options_.requests_max ||
                         under_way_[tenant] >= options_.tenant_requests_max)) {
            refused = transfer->failure(HttpError::overloaded, "too many HTTP requests under way");
        }
        ++under_way_[tenant];
        auto& entry = entries_[id];
        entry.transfer = std::move(transfer);
        if (refused) {
            end(id, std::move(*refused));
            return id;
        }
        arm(id, std::chrono::milliseconds(timeout_ms));
        begin_hop(id);
        return id;
    }

    void stop(RequestId id) {
        const auto found = entries_.find(id);
        if (found != entries_.end()) {
            end(id,
                found->second.transfer->failure(HttpError::cancelled, "the request was cancelled"));
        }
    }

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr Clock::time_point kNever = Clock::time_point::max();
    struct Entry {
        std::unique_ptr<HttpTransfer> transfer;
        Loop::TimerId timer = 0;
        Clock::time_point ends;  // its time
        bool in_multi = false;
    };

    void arm(RequestId id, Clock::duration left) {
        Entry& entry = entries_[id];
        entry.ends = Clock::now() + left;
        const auto left_ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
        entry.timer = loop_.after(std::max<std::int64_t>(left_ms, 0), [this, id] { expire(id); });
    }

    // From inside libcurl. A request that waits for room has the time it had left when it gets
    // that: others held it up, not its peer.
    bool ask_for_room(RequestId id, std::size_t bytes) {
        Entry& entry = entries_[id];
        const auto left = entry.ends - Clock::now();
        auto place = room_.ask(id, entry.transfer->request().tenant, bytes,
                               [this, id, left](HttpRoom::Place given) {
                                   entries_[id].transfer->hold(std::move(given));
                                   arm(id, left);
                                   go_on(id);
                               });
        if (place == nullptr) {
            loop_.cancel(std::exchange(entry.timer, 0));
            return false;
        }
        entry.transfer->hold(std::move(place));
        return true;
    }

    void go_on(RequestId id) {
        HttpTransfer& transfer = *entries_[id].transfer;
        const CURLcode code = transfer.go_on();
        if (code != CURLE_OK) {
            ended(transfer, code);
        }
    }

    void begin_hop(RequestId id) { resolve(id, entries_[id].transfer->url(), &Impl::found_target); }

    using Found = void (Impl::*)(RequestId, std::vector<IpAddress>);
    void resolve(RequestId id, const EgressUrl& url, Found then) {
        if (url.literal) {
            (this->*then)(id, {*IpAddress::parse(url.host)});
            return;
        }
        HttpTransfer& transfer = *entries_[id].transfer;
        const unsigned hop = transfer.hop();
        const bool asked = resolver_.resolve(
            url.host, [self = weak_from_this(), id, hop, then](std::vector<IpAddress> addresses) {
                const auto impl = self.lock();
                if (impl == nullptr) {
                    return;
                }
                const auto found = impl->entries_.find(id);
                if (found != impl->entries_.end() && found->second.transfer->hop() == hop) {
                    ((*impl).*then)(id, std::move(addresses));
                }
            });
        if (!asked) {
            end(id, transfer.failure(HttpError::overloaded, "too many names wait for an address"));
        }
    }

    void found_target(RequestId id, std::vector<IpAddress> addresses) {
        HttpTransfer& transfer = *entries_[id].transfer;
        auto refused = transfer.accept(options_.policy, std::move(addresses));
        if (refused) {
            end(id, std::move(*refused));
        } else if (transfer.proxy() != nullptr) {
            resolve(id, *transfer.proxy(), &Impl::found_proxy);
        } else {
            start(id);
        }
    }

    void found_proxy(RequestId id, std::vector<IpAddress> addresses) {
        auto refused = entries_[id].transfer->accept_proxy(options_.policy, std::move(addresses));
        refused ? end(id, std::move(*refused)) : start(id);
    }

    void start(RequestId id) {
        Entry& entry = entries_[id];
        entry.transfer->prepare(options_);
        entry.transfer->on_large([this, id](std::size_t bytes) { return ask_for_room(id, bytes); });
        CURL* easy = entry.transfer->easy();
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &Impl::on_close);
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, this);
        entry.in_multi = curl_multi_add_handle(multi_, easy) == CURLM_OK;
        if (!entry.in_multi) {
            end(id, entry.transfer->failure(HttpError::overloaded, "no request could be started"));
        }
    }

    void expire(RequestId id) {
        const auto found = entries_.find(id);
        if (found != entries_.end()) {
            found->second.timer = 0;
            HttpTransfer& transfer = *found->second.transfer;
            end(id, transfer.failure(HttpError::timeout,
                                     transfer.url().host + " did not answer in " +
                                         std::to_string(transfer.request().timeout_ms) + " ms"));
        }
    }

    // `done` is posted: the caller may send, cancel or destroy the client in it.
    void end(RequestId id, HttpOutcome outcome) {
        auto node = entries_.extract(id);
        Entry& entry = node.mapped();
        if (entry.timer != 0) {
            loop_.cancel(entry.timer);
        }
        room_.withdraw(id);
        if (entry.in_multi) {
            curl_multi_remove_handle(multi_, entry.transfer->easy());
        }
        const auto count = under_way_.find(entry.transfer->request().tenant);
        if (--count->second == 0) {
            under_way_.erase(count);
        }
        loop_.post([done = entry.transfer->take_done(), outcome = std::move(outcome)]() mutable {
            done(std::move(outcome));
        });
    }

    void act(curl_socket_t fd, int ready) {
        int running = 0;
        curl_multi_socket_action(multi_, fd, ready, &running);
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
            if (message->msg != CURLMSG_DONE) {
                continue;
            }
            const CURLcode code = message->data.result;  // removing the handle frees the message
            char* pointer = nullptr;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &pointer);
            ended(*reinterpret_cast<HttpTransfer*>(pointer), code);
        }
    }

    void ended(HttpTransfer& transfer, CURLcode code) {
        const RequestId id = transfer.id();
        Entry& entry = entries_[id];
        curl_multi_remove_handle(multi_, transfer.easy());
        entry.in_multi = false;
        auto outcome = transfer.conclude(code, options_.policy);
        if (outcome) {
            end(id, std::move(*outcome));
        } else {
            begin_hop(id);
        }
    }

    void forget(curl_socket_t fd) {
        const auto found = watches_.find(fd);
        if (found != watches_.end()) {
            const Loop::WatchId watch = found->second;
            watches_.erase(found);
            loop_.unwatch(watch);
        }
    }

    static int on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) {
        auto& impl = *static_cast<Impl*>(self);
        if (what == CURL_POLL_REMOVE) {
            impl.forget(fd);
            return 0;
        }
        const Loop::Interest interest{(what & CURL_POLL_IN) != 0, (what & CURL_POLL_OUT) != 0};
        const auto found = impl.watches_.find(fd);
        if (found != impl.watches_.end()) {
            impl.loop_.change(found->second, interest);
            return 0;
        }
        impl.watches_[fd] = impl.loop_.watch(fd, interest, [&impl, fd](Loop::Ready ready) {
            impl.act(fd, (ready.readable ? CURL_CSELECT_IN : 0) |
                             (ready.writable ? CURL_CSELECT_OUT : 0) |
                             (ready.failed ? CURL_CSELECT_ERR : 0));
        });
        return 0;
    }

    // libcurl changes its mind several times a request, and begins each with a wait of nothing.
    // That is posted; and a timer that runs is left to, when it is over soon enough: it looks again
    // then.
    static int on_timer(CURLM*, long timeout_ms, void* self) {
        auto& impl = *static_cast<Impl*>(self);
        if (timeout_ms < 0) {
            impl.wake_at_ = kNever;
            return 0;
        }
        impl.wake_at_ = Clock::now() + std::chrono::milliseconds(timeout_ms);
        timeout_ms == 0 ? impl.wake_soon() : impl.wake_later();
        return 0;
    }

    void wake_soon() {
        if (std::exchange(wakes_soon_, true)) {
            return;
        }
        loop_.post([self = weak_from_this()] {
            if (const auto impl = self.lock()) {
                impl->wakes_soon_ = false;
                impl->wake();
            }
        });
    }

    void wake_later() {
        if (timer_ != 0 && timer_ends_ <= wake_at_) {
            return;
        }
        loop_.cancel(timer_);
        timer_ends_ = wake_at_;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(wake_at_ - Clock::now());
        timer_ = loop_.after(std::max<std::int64_t>(left.count(), 0), [this] {
            timer_ = 0;
            wake();
        });
    }

    void wake() {
        if (wake_at_ == kNever) {
            return;
        }
        if (Clock::now() < wake_at_) {
            return wake_later();
        }
        wake_at_ = kNever;
        act(CURL_SOCKET_TIMEOUT, 0);
    }

    // The watch must go before the descriptor's number can come back as another connection.
    static int on_close(void* self, curl_socket_t fd) {
        static_cast<Impl*>(self)->forget(fd);
        return close(fd);
    }

    Loop& loop_;
    HttpClientOptions options_;
    NameResolver resolver_;
    HttpRoom room_;
    CURLM* multi_ = nullptr;
    Clock::time_point wake_at_ = kNever;  // when libcurl wants to be called
    bool wakes_soon_ = false;             // that is posted
    Loop::TimerId timer_ = 0;
    Clock::time_point timer_ends_;
    RequestId last_id_ = 0;
    std::unordered_map<RequestId, Entry> entries_;
    std::unordered_map<std::string, std::size_t> under_way_;  // by tenant
    std::unordered_map<curl_socket_t, Loop::WatchId> watches_;
};

CurlHttpClient::CurlHttpClient(Loop& loop, HttpClientOptions options)
    : impl_(std::make_shared<Impl>(loop, std::move(options))) {}

CurlHttpClient::~CurlHttpClient() = default;

HttpClient::RequestId CurlHttpClient::send(HttpRequest request, Done done) {
    return impl_->send(std::move(request), std::move(done));
}

void CurlHttpClient::cancel(RequestId id) {
    impl_->stop(id);
}

}  // namespace sallyport::engine
