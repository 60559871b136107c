// The Loop port by poll(2), for tests of adapters: runs on the test's thread until a condition
// holds.
#pragma once

#include "engine/ports/loop.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>

namespace sallyport::test {

class PollLoop final : public engine::Loop {
  public:
    PollLoop();
    ~PollLoop() override;

    // True as soon as `condition()` holds between two turns; false when the deadline has passed.
    [[nodiscard]] bool run_until(const std::function<bool()>& condition,
                                 std::chrono::milliseconds deadline = std::chrono::seconds(20));

    void post(Task task) override;
    TimerId after(std::int64_t delay_ms, Task task) override;
    void cancel(TimerId timer) override;
    WatchId watch(int fd, Interest interest, std::function<void(Ready)> ready) override;
    void change(WatchId watch, Interest interest) override;
    void unwatch(WatchId watch) override;

    std::size_t watch_count() const { return watches_.size(); }
    std::size_t timer_count() const { return timers_.size(); }

  private:
    using Clock = std::chrono::steady_clock;
    struct Timer {
        Clock::time_point due;
        Task task;
    };
    struct Watch {
        int fd = -1;
        Interest interest;
        std::function<void(Ready)> ready;
    };

    void turn(Clock::time_point latest);
    void run_posted();
    void run_timers();

    std::mutex mutex_;
    std::deque<Task> posted_;  // guarded by mutex_
    int wake_[2] = {-1, -1};
    std::map<TimerId, Timer> timers_;
    std::map<WatchId, Watch> watches_;
    std::uint64_t last_id_ = 0;
};

}  // namespace sallyport::test
