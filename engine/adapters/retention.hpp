// Removes runs and files that are older than they are kept, a few at a time, so that the store is
// never busy with it for long.
#pragma once

#include "engine/ports/clock.hpp"
#include "engine/ports/log.hpp"
#include "engine/ports/loop.hpp"
#include "engine/ports/store.hpp"

#include <cstdint>

namespace sallyport::engine {

class Retention {
  public:
    // `keep_ms`: how long after their start runs are kept. Paused and running ones are never
    // removed.
    Retention(Loop& loop, const Clock& clock, Store& store, Log& log, std::int64_t keep_ms)
        : loop_(loop), clock_(clock), store_(store), log_(log), keep_ms_(keep_ms) {}
    ~Retention() { stop(); }
    Retention(const Retention&) = delete;
    Retention& operator=(const Retention&) = delete;

    void start();
    void stop();

  private:
    void look();
    void look_at_files();
    void note(const Result<std::size_t>& removed);
    void after(std::int64_t delay_ms);

    Loop& loop_;
    const Clock& clock_;
    Store& store_;
    Log& log_;
    std::int64_t keep_ms_;
    std::uint64_t removed_ = 0;
    Loop::TimerId timer_ = 0;
};

}  // namespace sallyport::engine
