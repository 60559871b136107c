// Writes what SQLite's log holds back into the database file, on a thread beside the writer. A
// commit that does it itself, as SQLite's own, keeps all that wait for tens of milliseconds,
// several times a second under load. Commits that come meanwhile make the log longer; the last few
// pages, after which the log begins anew, are the writer's own. Source: SQLite's "Write-Ahead
// Logging", sqlite3_wal_checkpoint_v2, sqlite3_wal_hook.
#pragma once

#include "engine/adapters/sqlite/db.hpp"

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>

namespace sallyport::engine {

// In frames, which are pages of 4 KB.
struct CheckpointLimits {
    // Pages that many commits changed are written back once.
    std::size_t begin = 4000;
    // The writer waits: a disk this slow must be felt, and the log must end somewhere (64 MB).
    std::size_t wait = 16'000;
};

class SqliteCheckpointer {
  public:
    // `db` is a connection of its own.
    SqliteCheckpointer(std::unique_ptr<SqliteDb> db, CheckpointLimits limits);
    // Ends after the pass under way.
    ~SqliteCheckpointer();
    SqliteCheckpointer(const SqliteCheckpointer&) = delete;
    SqliteCheckpointer& operator=(const SqliteCheckpointer&) = delete;

    // From the writer's thread, after a commit: what the log has. True: the writer is to write back
    // what is left.
    bool log_has(std::size_t frames);

  private:
    enum class State { resting, working, nearly_done };
    void loop_thread();
    void write_back();

    std::unique_ptr<SqliteDb> db_;
    const CheckpointLimits limits_;
    std::mutex mutex_;
    std::condition_variable changed_;
    State state_ = State::resting;  // guarded by mutex_
    bool stopping_ = false;         // guarded by mutex_
    std::thread thread_;
};

}  // namespace sallyport::engine
