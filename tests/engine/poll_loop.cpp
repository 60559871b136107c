#include "tests/engine/poll_loop.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace sallyport::test {

PollLoop::PollLoop() {
    if (pipe2(wake_, O_CLOEXEC | O_NONBLOCK) != 0) {
        throw std::runtime_error("no pipe");
    }
}

PollLoop::~PollLoop() {
    close(wake_[0]);
    close(wake_[1]);
}

bool PollLoop::run_until(const std::function<bool()>& condition,
                         std::chrono::milliseconds deadline) {
    const auto latest = Clock::now() + deadline;
    while (!condition()) {
        if (Clock::now() >= latest) {
            return false;
        }
        turn(latest);
    }
    return true;
}

void PollLoop::turn(Clock::time_point latest) {
    for (const auto& [id, timer] : timers_) {
        latest = std::min(latest, timer.due);
    }
    std::vector<pollfd> polled = {{wake_[0], POLLIN, 0}};
    std::vector<WatchId> ids = {0};
    for (const auto& [id, watch] : watches_) {
        const int events =
            (watch.interest.read ? POLLIN : 0) | (watch.interest.write ? POLLOUT : 0);
        polled.push_back({watch.fd, static_cast<short>(events), 0});
        ids.push_back(id);
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(latest - Clock::now()).count();
    poll(polled.data(), polled.size(), static_cast<int>(std::max<std::int64_t>(wait, 0)));
    for (std::size_t i = 1; i < polled.size(); ++i) {
        const auto found = watches_.find(ids[i]);
        const int seen = polled[i].revents;
        if (found != watches_.end() && seen != 0) {
            const auto ready = found->second.ready;  // may unwatch itself
            ready({(seen & POLLIN) != 0, (seen & POLLOUT) != 0, (seen & (POLLERR | POLLHUP)) != 0});
        }
    }
    run_posted();
    run_timers();
}

void PollLoop::run_posted() {
    char drop[64];
    while (read(wake_[0], drop, sizeof(drop)) > 0) {
    }
    std::deque<Task> tasks;
    {
        const std::lock_guard lock(mutex_);
        tasks.swap(posted_);
    }
    for (auto& task : tasks) {
        task();
    }
}

void PollLoop::run_timers() {
    const auto now = Clock::now();
    std::vector<TimerId> due;
    for (const auto& [id, timer] : timers_) {
        if (timer.due <= now) {
            due.push_back(id);
        }
    }
    for (const TimerId id : due) {
        auto node = timers_.extract(id);
        if (!node.empty()) {
            node.mapped().task();
        }
    }
}

void PollLoop::post(Task task) {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(task));
    const ssize_t written = write(wake_[1], "w", 1);
    static_cast<void>(written);  // a full pipe wakes as well
}

PollLoop::TimerId PollLoop::after(std::int64_t delay_ms, Task task) {
    timers_[++last_id_] = {Clock::now() + std::chrono::milliseconds(delay_ms), std::move(task)};
    return last_id_;
}

void PollLoop::cancel(TimerId timer) {
    timers_.erase(timer);
}

PollLoop::WatchId PollLoop::watch(int fd, Interest interest, std::function<void(Ready)> ready) {
    watches_[++last_id_] = {fd, interest, std::move(ready)};
    return last_id_;
}

void PollLoop::change(WatchId watch, Interest interest) {
    const auto found = watches_.find(watch);
    if (found != watches_.end()) {
        found->second.interest = interest;
    }
}

void PollLoop::unwatch(WatchId watch) {
    watches_.erase(watch);
}

}  // namespace sallyport::test
