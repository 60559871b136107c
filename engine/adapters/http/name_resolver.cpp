#include "engine/adapters/http/name_resolver.hpp"

#include "common/socket_address.hpp"
#include "engine/adapters/thread_signals.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

namespace sallyport::engine {
namespace {

// A look-up may hang for as long as resolv.conf says (often 10 s); several threads keep one slow
// domain from stopping all others.
constexpr std::size_t kThreads = 4;
// Each waiting request has its own timeout; a longer queue could not be served in time.
constexpr std::size_t kWaitingMax = 256;
// A name with more addresses is answered with the first ones only (a DNS reply holds far fewer).
constexpr std::size_t kAddressesMax = 32;

std::vector<IpAddress> look_up(const std::string& name) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* list = nullptr;
    std::vector<IpAddress> found;
    if (getaddrinfo(name.c_str(), nullptr, &hints, &list) != 0) {
        return found;
    }
    for (const addrinfo* entry = list; entry != nullptr && found.size() < kAddressesMax;
         entry = entry->ai_next) {
        if (const auto address = ip_of(entry->ai_addr)) {
            found.push_back(*address);
        }
    }
    freeaddrinfo(list);
    return found;
}

}  // namespace

struct NameResolver::State {
    struct Question {
        std::string name;
        Done done;
    };

    explicit State(Loop& the_loop) : loop(&the_loop) {}

    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Question> waiting;  // guarded by mutex
    Loop* loop;                    // guarded by mutex; null when the resolver is gone

    void work() {
        std::unique_lock lock(mutex);
        while (true) {
            changed.wait(lock, [this] { return loop == nullptr || !waiting.empty(); });
            if (loop == nullptr) {
                return;
            }
            Question question = std::move(waiting.front());
            waiting.pop_front();
            lock.unlock();
            auto found = look_up(question.name);
            lock.lock();
            if (loop != nullptr) {
                loop->post([done = std::move(question.done), found = std::move(found)]() mutable {
                    done(std::move(found));
                });
            }
        }
    }
};

NameResolver::NameResolver(Loop& loop) : state_(std::make_shared<State>(loop)) {
    for (std::size_t i = 0; i < kThreads; ++i) {
        std::thread([state = state_] {
            block_signals();
            state->work();
        }).detach();
    }
}

NameResolver::~NameResolver() {
    std::deque<State::Question> unanswered;  // destroyed after the lock is gone
    const std::lock_guard lock(state_->mutex);
    state_->loop = nullptr;
    unanswered.swap(state_->waiting);
    state_->changed.notify_all();
}

bool NameResolver::resolve(std::string name, Done done) {
    const std::lock_guard lock(state_->mutex);
    if (state_->waiting.size() >= kWaitingMax) {
        return false;
    }
    state_->waiting.push_back({std::move(name), std::move(done)});
    state_->changed.notify_one();
    return true;
}

}  // namespace sallyport::engine
