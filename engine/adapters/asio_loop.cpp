#include "engine/adapters/asio_loop.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sallyport::engine {

namespace asio = boost::asio;

// Asio waits once a call; level-triggering is made of waiting again after each.
struct AsioLoop::Watch {
    explicit Watch(asio::io_context& context) : descriptor(context) {}
    asio::posix::stream_descriptor descriptor;
    Interest interest;
    bool read_waits = false;
    bool write_waits = false;
    bool gone = false;
    std::function<void(Ready)> ready;
};

struct AsioLoop::Impl {
    asio::io_context context{1};
    std::uint64_t next_id = 1;
    std::unordered_map<TimerId, asio::steady_timer> timers;
    std::unordered_map<WatchId, std::shared_ptr<Watch>> watches;
    std::vector<std::shared_ptr<asio::signal_set>> signals;
};

AsioLoop::AsioLoop() : impl_(std::make_unique<Impl>()) {}

AsioLoop::~AsioLoop() {
    for (auto& [id, watch] : impl_->watches) {
        watch->gone = true;
        watch->descriptor.release();
    }
}

void AsioLoop::post(Task task) {
    asio::post(impl_->context, std::move(task));
}

Loop::TimerId AsioLoop::after(std::int64_t delay_ms, Task task) {
    const TimerId id = impl_->next_id++;
    auto [entry, added] = impl_->timers.emplace(
        id,
        asio::steady_timer(impl_->context, std::chrono::milliseconds(delay_ms > 0 ? delay_ms : 0)));
    entry->second.async_wait(
        [this, id, task = std::move(task)](const boost::system::error_code& error) {
            if (!error && impl_->timers.erase(id) > 0) {
                task();
            }
        });
    return id;
}

void AsioLoop::cancel(TimerId timer) {
    impl_->timers.erase(timer);
}

Loop::WatchId AsioLoop::watch(int fd, Interest interest, std::function<void(Ready)> ready) {
    const WatchId id = impl_->next_id++;
    auto watch = std::make_shared<Watch>(impl_->context);
    watch->descriptor.assign(fd);
    watch->ready = std::move(ready);
    impl_->watches.emplace(id, watch);
    change(id, interest);
    return id;
}

void AsioLoop::change(WatchId id, Interest interest) {
    const auto found = impl_->watches.find(id);
    if (found == impl_->watches.end()) {
        return;
    }
    found->second->interest = interest;
    wait(found->second, false);
    wait(found->second, true);
}

void AsioLoop::wait(const std::shared_ptr<Watch>& watch, bool write) {
    bool& waits = write ? watch->write_waits : watch->read_waits;
    const bool wanted = write ? watch->interest.write : watch->interest.read;
    if (watch->gone || waits || !wanted) {
        return;
    }
    waits = true;
    using Descriptor = asio::posix::stream_descriptor;
    watch->descriptor.async_wait(
        write ? Descriptor::wait_write : Descriptor::wait_read,
        [this, watch, write](const boost::system::error_code& error) {
            (write ? watch->write_waits : watch->read_waits) = false;
            // Interest that was lost and found again since belongs to a new wait.
            if (watch->gone || error == asio::error::operation_aborted) {
                return;
            }
            if (write ? watch->interest.write : watch->interest.read) {
                const auto ready = watch->ready;  // the call may end the watch
                ready(Ready{.readable = !write, .writable = write, .failed = !!error});
            }
            wait(watch, write);
        });
}

void AsioLoop::unwatch(WatchId id) {
    const auto found = impl_->watches.find(id);
    if (found == impl_->watches.end()) {
        return;
    }
    const std::shared_ptr<Watch> watch = found->second;
    impl_->watches.erase(found);
    watch->gone = true;
    watch->descriptor.release();  // the descriptor stays the caller's
}

void AsioLoop::on_signals(std::initializer_list<int> signals, std::function<void(int)> task) {
    auto set = std::make_shared<asio::signal_set>(impl_->context);
    for (const int signal : signals) {
        set->add(signal);
    }
    impl_->signals.push_back(set);
    // Each delivery arms the next.
    const auto arm = std::make_shared<std::function<void()>>();
    const std::weak_ptr<std::function<void()>> weak = arm;
    *arm = [set, task = std::move(task), weak] {
        set->async_wait([task, weak](const boost::system::error_code& error, int signal) {
            const auto again = weak.lock();
            if (!error && again != nullptr) {
                task(signal);
                (*again)();
            }
        });
    };
    arms_.push_back(arm);
    (*arm)();
}

void AsioLoop::run() {
    impl_->context.restart();
    const auto work = asio::make_work_guard(impl_->context);
    impl_->context.run();
}

void AsioLoop::stop() {
    impl_->context.stop();
}

asio::io_context& AsioLoop::context() {
    return impl_->context;
}

}  // namespace sallyport::engine
