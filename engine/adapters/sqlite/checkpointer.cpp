#include "engine/adapters/sqlite/checkpointer.hpp"

#include "engine/adapters/thread_signals.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

// What came during one pass is written back by the next, each shorter than the one before.
constexpr int kPassesMax = 4;
// So few cost the writer less than a commit.
constexpr std::size_t kFewFrames = 200;

}  // namespace

SqliteCheckpointer::SqliteCheckpointer(std::unique_ptr<SqliteDb> db, CheckpointLimits limits)
    : db_(std::move(db)), limits_(limits) {
    thread_ = std::thread([this] {
        block_signals();
        loop_thread();
    });
}

SqliteCheckpointer::~SqliteCheckpointer() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

bool SqliteCheckpointer::log_has(std::size_t frames) {
    std::unique_lock lock(mutex_);
    if (frames >= limits_.wait) {
        changed_.wait(lock, [this] { return state_ != State::working || stopping_; });
        state_ = State::nearly_done;
    }
    if (state_ == State::nearly_done) {
        state_ = State::resting;
        return true;
    }
    if (state_ == State::resting && frames >= limits_.begin) {
        state_ = State::working;
        lock.unlock();
        changed_.notify_all();
    }
    return false;
}

void SqliteCheckpointer::loop_thread() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return stopping_ || state_ == State::working; });
        if (stopping_) {
            return;
        }
        lock.unlock();
        write_back();
        lock.lock();
        state_ = State::nearly_done;
        changed_.notify_all();
    }
}

void SqliteCheckpointer::write_back() {
    for (int pass = 0; pass < kPassesMax; ++pass) {
        const SqliteDb::Checkpoint done = db_->checkpoint();
        if (done.frames - done.written <= kFewFrames) {
            return;
        }
    }
}

}  // namespace sallyport::engine
