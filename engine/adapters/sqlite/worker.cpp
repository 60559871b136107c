#include "engine/adapters/sqlite/worker.hpp"

#include <algorithm>
#include <iterator>

namespace sallyport::engine {

SqliteWorker::SqliteWorker(std::unique_ptr<SqliteDb> db, Loop& loop,
                           SqliteCheckpointer* checkpointer)
    : db_(std::move(db)), loop_(loop), checkpointer_(checkpointer) {
    if (checkpointer_ != nullptr) {
        db_->keep_log();
    }
    thread_ = std::thread([this] { loop_thread(); });
}

SqliteWorker::~SqliteWorker() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void SqliteWorker::enqueue(std::unique_ptr<Job> job) {
    bool refused = false;
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        refused = stopping_ || queue_.size() >= kQueueMax;
        if (!refused) {
            wake = queue_.empty();
            queue_.push_back(std::move(job));
        }
    }
    if (refused) {
        const std::shared_ptr<Job> shared = std::move(job);
        loop_.post([shared] { shared->complete(Error{"the store has too much to do"}); });
    } else if (wake) {
        wake_.notify_one();
    }
}

void SqliteWorker::loop_thread() {
    while (true) {
        Jobs group;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (queue_.empty()) {
                return;
            }
            gather(lock);
            if (queue_.size() <= kGroupMax) {
                group.swap(queue_);
            } else {
                const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(kGroupMax);
                group.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
                queue_.erase(queue_.begin(), end);
            }
        }
        last_group_ = group.size();
        const Status commit = perform_group(group);
        const auto done = std::make_shared<Jobs>(std::move(group));
        loop_.post([done, commit] {
            for (const auto& job : *done) {
                job->complete(commit);
            }
        });
        // Nobody waits for this but what is committed next.
        if (checkpointer_ != nullptr && checkpointer_->log_has(db_->log_frames())) {
            static_cast<void>(db_->checkpoint());
        }
    }
}

void SqliteWorker::gather(std::unique_lock<std::mutex>& lock) {
    if (checkpointer_ != nullptr && last_group_ >= kCrowd && queue_.size() < kWorthACommit) {
        wake_.wait_for(lock, kGather,
                       [this] { return stopping_ || queue_.size() >= kWorthACommit; });
    }
}

CommitCounters SqliteWorker::commits() const {
    const std::lock_guard lock(mutex_);
    return {groups_, changes_, queue_.size()};
}

Status SqliteWorker::perform_group(Jobs& jobs) {
    groups_ += 1;
    changes_ += jobs.size();
    if (checkpointer_ == nullptr) {
        for (const auto& job : jobs) {
            job->perform(*db_);
        }
        return Done{};
    }
    Status status = db_->execute("BEGIN IMMEDIATE");
    if (!status.ok()) {
        return status;
    }
    for (const auto& job : jobs) {
        perform_one(*job);
        // A full or failing disk ends the transaction by itself; what came after it would be
        // committed statement by statement.
        if (!db_->in_transaction()) {
            return Error{"the database undid the transaction: is the disk full?"};
        }
    }
    status = db_->execute("COMMIT");
    if (!status.ok()) {
        static_cast<void>(db_->execute("ROLLBACK"));
    }
    return status;
}

void SqliteWorker::perform_one(Job& job) {
    if (!job.atomic) {
        job.perform(*db_);
        return;
    }
    static_cast<void>(db_->execute("SAVEPOINT job"));
    job.perform(*db_);
    if (job.failed()) {
        static_cast<void>(db_->execute("ROLLBACK TO job"));
    }
    static_cast<void>(db_->execute("RELEASE job"));
}

}  // namespace sallyport::engine
