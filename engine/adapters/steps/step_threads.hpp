// Threads for steps that block: mail and databases. A step runs on one of them to its end; what it
// waits for it waits for in short turns, so that it can be stopped.
#pragma once

#include "engine/adapters/steps/step_call.hpp"
#include "engine/ports/loop.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace sallyport::engine {

// Asked by the work, on its thread.
class StepStop {
  public:
    virtual ~StepStop() = default;
    // Cancelled, out of time, or the engine ends: the result does not matter any more, or is
    // stop_result().
    virtual bool asked() const = 0;
    virtual std::int64_t left_ms() const = 0;
};

class StepThreads {
  public:
    // How long a turn of waiting may be.
    static constexpr int kTurnMs = 100;

    using Work = std::function<StepResult(const StepStop& stop)>;

    // `loop` outlives the threads.
    explicit StepThreads(Loop& loop);
    // Stops what is under way and waits for it.
    ~StepThreads();
    StepThreads(const StepThreads&) = delete;
    StepThreads& operator=(const StepThreads&) = delete;

    // `done` is called on the loop, never from inside the call; `overloaded` when too much waits.
    // `work` must keep alive what it needs, and shares no Json with the loop: the tree's counts are
    // not made for that. A shared_ptr holds what is its own, since the loop may keep a copy of
    // `work` for a while.
    StepCancel run(const std::string& tenant, std::int64_t time_ms, Work work, StepDone done);

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace sallyport::engine
