// A thread and its connection: the writer, with all changes that wait gathered into one commit (one
// fsync), or a reader. Results come back on the engine's loop, a change only after its commit.
#pragma once

#include "common/result.hpp"
#include "engine/adapters/sqlite/checkpointer.hpp"
#include "engine/adapters/sqlite/db.hpp"
#include "engine/ports/loop.hpp"
#include "engine/ports/store.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace sallyport::engine {

class SqliteWorker {
  public:
    // Beyond this many waiting jobs the disk cannot keep up, and callers hear it at once.
    static constexpr std::size_t kQueueMax = 20'000;
    // A commit this large already costs more in page writes than in its fsync.
    static constexpr std::size_t kGroupMax = 512;
    // While several callers write at once, a commit waits a moment for more of them: it costs the
    // same pages and one fsync however many it holds. A lone caller is never kept.
    static constexpr std::size_t kCrowd = 4;          // in the group before
    static constexpr std::size_t kWorthACommit = 48;  // no reason to wait longer
    static constexpr std::chrono::microseconds kGather{400};

    struct Job {
        virtual ~Job() = default;
        virtual void perform(SqliteDb& db) = 0;           // on the worker's thread
        virtual bool failed() const = 0;                  // after perform
        virtual void complete(const Status& commit) = 0;  // on the loop
        bool atomic = false;  // several statements: undone together when it fails
    };

    // With a checkpointer, which outlives it, the writer, which gathers jobs into transactions;
    // without, a reader, which runs each on its own.
    SqliteWorker(std::unique_ptr<SqliteDb> db, Loop& loop, SqliteCheckpointer* checkpointer);
    ~SqliteWorker();  // finishes what is queued
    SqliteWorker(const SqliteWorker&) = delete;
    SqliteWorker& operator=(const SqliteWorker&) = delete;

    enum class Unit { statement, transaction };

    template <typename T, typename Work>  // Work: Result<T>(SqliteDb&)
    void submit(Unit unit, Work work, StoreDone<T> done) {
        auto job = std::make_unique<TypedJob<T, Work>>(std::move(work), std::move(done));
        job->atomic = unit == Unit::transaction;
        enqueue(std::move(job));
    }

    // From any thread.
    CommitCounters commits() const;

  private:
    template <typename T, typename Work>
    struct TypedJob final : Job {
        TypedJob(Work work, StoreDone<T> done) : work_(std::move(work)), done_(std::move(done)) {}
        void perform(SqliteDb& db) override {
            result_ = work_(db);
            performed_ = true;
        }
        bool failed() const override { return !result_.ok(); }
        // What a job itself says is wrong tells more than that its commit failed.
        void complete(const Status& commit) override {
            const bool own = commit.ok() || (performed_ && !result_.ok());
            done_(own ? std::move(result_) : Result<T>(commit.error()));
        }
        Work work_;
        StoreDone<T> done_;
        Result<T> result_ = Error{"not performed"};
        bool performed_ = false;
    };
    using Jobs = std::vector<std::unique_ptr<Job>>;

    void enqueue(std::unique_ptr<Job> job);
    void loop_thread();
    void gather(std::unique_lock<std::mutex>& lock);
    Status perform_group(Jobs& jobs);
    void perform_one(Job& job);

    std::unique_ptr<SqliteDb> db_;
    Loop& loop_;
    SqliteCheckpointer* const checkpointer_;  // null: a reader
    std::atomic<std::uint64_t> groups_ = 0;
    std::atomic<std::uint64_t> changes_ = 0;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    Jobs queue_;
    std::size_t last_group_ = 0;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace sallyport::engine
