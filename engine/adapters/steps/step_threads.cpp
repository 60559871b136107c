#include "engine/adapters/steps/step_threads.hpp"

#include "engine/adapters/thread_signals.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sallyport::engine {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kThreads = 8;
// One tenant's slow server leaves half of the threads to the others.
constexpr std::size_t kTenantRunningMax = 4;
constexpr std::size_t kWaitingMax = 256;
constexpr std::size_t kTenantWaitingMax = 64;

struct ThreadJob final : StepStop {
    bool asked() const override { return stop.load() || left_ms() <= 0; }
    std::int64_t left_ms() const override {
        return std::chrono::duration_cast<std::chrono::milliseconds>(deadline - SteadyClock::now())
            .count();
    }

    std::string tenant;
    SteadyClock::time_point deadline;
    std::atomic<bool> stop{false};
    StepThreads::Work work;
    StepDone done;
};
using ThreadJobPtr = std::shared_ptr<ThreadJob>;

}  // namespace

struct StepThreads::State {
    explicit State(Loop& the_loop) : loop(the_loop) {}

    Loop& loop;
    std::mutex mutex;
    std::condition_variable changed;
    // All below: guarded by mutex.
    bool stopping = false;
    std::list<ThreadJobPtr> waiting;
    std::list<ThreadJobPtr> running;
    struct Count {
        std::size_t waiting = 0;
        std::size_t running = 0;
    };
    std::unordered_map<std::string, Count> tenants;
    std::vector<std::thread> threads;

    // The first that may run; null: none may.
    ThreadJobPtr take() {
        for (auto it = waiting.begin(); it != waiting.end(); ++it) {
            Count& count = tenants[(*it)->tenant];
            if (count.running < kTenantRunningMax) {
                ThreadJobPtr job = *it;
                waiting.erase(it);
                running.push_back(job);
                --count.waiting;
                ++count.running;
                return job;
            }
        }
        return nullptr;
    }

    void leave(const ThreadJobPtr& job) {
        running.remove(job);
        const auto count = tenants.find(job->tenant);
        if (--count->second.running == 0 && count->second.waiting == 0) {
            tenants.erase(count);
        }
    }

    void serve() {
        std::unique_lock lock(mutex);
        while (true) {
            ThreadJobPtr job;
            changed.wait(lock, [&] { return stopping || (job = take()) != nullptr; });
            if (job == nullptr) {
                return;
            }
            lock.unlock();
            StepResult result =
                job->asked() ? step_failed("The step had no time left") : job->work(*job);
            job->work = nullptr;  // what it holds goes here, not on the loop
            lock.lock();
            leave(job);
            changed.notify_all();
            if (!stopping) {
                loop.post([job, result = std::move(result)]() mutable {
                    std::exchange(job->done, nullptr)(std::move(result));
                });
            }
        }
    }
};

StepThreads::StepThreads(Loop& loop) : state_(std::make_shared<State>(loop)) {
    for (std::size_t i = 0; i < kThreads; ++i) {
        state_->threads.emplace_back([state = state_.get()] {
            block_signals();
            state->serve();
        });
    }
}

StepThreads::~StepThreads() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->stopping = true;
        state_->waiting.clear();
        for (const ThreadJobPtr& job : state_->running) {
            job->stop = true;
        }
        state_->changed.notify_all();
    }
    for (std::thread& thread : state_->threads) {
        thread.join();
    }
}

StepCancel StepThreads::run(const std::string& tenant, std::int64_t time_ms, Work work,
                            StepDone done) {
    auto job = std::make_shared<ThreadJob>();
    job->tenant = tenant;
    job->deadline = SteadyClock::now() + std::chrono::milliseconds(time_ms);
    job->work = std::move(work);
    job->done = std::move(done);
    const std::lock_guard lock(state_->mutex);
    State::Count& count = state_->tenants[tenant];
    if (state_->waiting.size() >= kWaitingMax || count.waiting >= kTenantWaitingMax) {
        state_->loop.post([job] { std::exchange(job->done, nullptr)(step_overloaded()); });
        return {};
    }
    ++count.waiting;
    state_->waiting.push_back(job);
    state_->changed.notify_one();
    return [weak = std::weak_ptr<ThreadJob>(job)] {
        if (const auto running = weak.lock()) {
            running->stop = true;
        }
    };
}

}  // namespace sallyport::engine
