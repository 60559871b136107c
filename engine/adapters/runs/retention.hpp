// Removes runs and files that are older than they are kept, a few at a time, so that the store is
// never busy with it for long; and what counts the runs of months that are over.
#pragma once

#include "engine/adapters/steps/file_keeper.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/log.hpp"
#include "engine/ports/loop.hpp"
#include "engine/ports/store.hpp"

#include <cstdint>
#include <functional>

namespace sallyport::engine {

class Retention {
  public:
    // How long after their start runs and files are kept, and events of the audit log. Paused and
    // running ones are never removed.
    struct Keep {
        std::int64_t runs_ms = 0;
        std::int64_t audit_ms = 0;
    };
    Retention(Loop& loop, const Clock& clock, Store& store, FileKeeper& files, Log& log, Keep keep)
        : loop_(loop), clock_(clock), store_(store), files_(files), log_(log), keep_(keep) {}
    ~Retention() { stop(); }
    Retention(const Retention&) = delete;
    Retention& operator=(const Retention&) = delete;

    void start();
    void stop();

  private:
    void look();
    void look_at_files();
    void look_at_objects();
    void look_at_audit();
    void look_at_notes();
    void look_at_counts();
    void note(const Result<std::size_t>& removed);
    void go_on(const Result<std::size_t>& removed, std::size_t page,
               const std::function<void()>& next);
    void after(std::int64_t delay_ms);

    Loop& loop_;
    const Clock& clock_;
    Store& store_;
    FileKeeper& files_;
    Log& log_;
    Keep keep_;
    std::uint64_t removed_ = 0;
    Loop::TimerId timer_ = 0;
};

}  // namespace sallyport::engine
