// The event loop as the engine's parts see it: tasks, timers and descriptors. One thread runs it;
// everything an adapter shares with the run driver happens there, so no part needs a lock. An
// adapter that owns a thread hands its results over with `post`.
#pragma once

#include <cstdint>
#include <functional>

namespace sallyport::engine {

class Loop {
  public:
    using Task = std::function<void()>;
    using TimerId = std::uint64_t;
    using WatchId = std::uint64_t;

    // What a descriptor is ready for. `failed` comes with hang-ups and errors.
    struct Ready {
        bool readable = false;
        bool writable = false;
        bool failed = false;
    };
    struct Interest {
        bool read = false;
        bool write = false;
    };

    virtual ~Loop() = default;

    // Runs `task` on the loop's thread, later. The one member any thread may call.
    virtual void post(Task task) = 0;

    // Runs `task` once, no sooner than `delay_ms` from now. Never returns 0.
    virtual TimerId after(std::int64_t delay_ms, Task task) = 0;
    // Unknown and already fired timers are ignored.
    virtual void cancel(TimerId timer) = 0;

    // Level-triggered: `ready` is called as long as the descriptor is ready, until `unwatch`. The
    // descriptor stays the caller's and must stay open until then. Never returns 0.
    virtual WatchId watch(int fd, Interest interest, std::function<void(Ready)> ready) = 0;
    virtual void change(WatchId watch, Interest interest) = 0;
    // After this no call comes, even when one was due.
    virtual void unwatch(WatchId watch) = 0;
};

}  // namespace sallyport::engine
