// Long operations: each is a job whose progress lies in the store, where the API shows it. A job
// works in portions on the loop, so that requests are served between them.
#pragma once

#include "engine/adapters/steps/file_keeper.hpp"
#include "engine/core/secret_box.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/entropy.hpp"
#include "engine/ports/log.hpp"
#include "engine/ports/store.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace sallyport::engine {

inline constexpr const char* kJobKind = "job";

// One job under way. Work calls `advance` after each portion and goes on in `then`, and `finish`
// once.
class Job : public std::enable_shared_from_this<Job> {
  public:
    struct Ports {
        const Clock& clock;
        EntityStore& store;
        Log& log;
    };
    Job(Ports ports, EntityRow row) : ports_(ports), row_(std::move(row)) {}

    void expect(std::int64_t total) { total_ = total; }
    void count(std::int64_t done, std::int64_t failed) {
        done_ += done;
        failed_ += failed;
    }
    // Writes the progress, then goes on. A store that fails ends the job.
    void advance(std::function<void()> then);
    // An empty problem is success.
    void finish(const std::string& problem);

  private:
    void write(std::string_view status, const std::string& problem,
               std::function<void(bool stored)> then);

    Ports ports_;
    EntityRow row_;
    std::int64_t total_ = 0;
    std::int64_t done_ = 0;
    std::int64_t failed_ = 0;
};
using JobPtr = std::shared_ptr<Job>;

class Jobs {
  public:
    using Work = std::function<void(const JobPtr&)>;
    // A job that says nothing for this long has lost its engine.
    static constexpr std::int64_t kSilentMs = 60'000;

    Jobs(Job::Ports ports, Entropy& entropy) : ports_(ports), entropy_(entropy) {}

    // Starts the work as the scope's one job of that type, or the project's where it is about one,
    // and answers its row; nothing when one is under way.
    void start(const std::string& scope, const std::string& type, const std::string& project_id,
               Work work, StoreDone<std::optional<EntityRow>> done);

  private:
    Job::Ports ports_;
    Entropy& entropy_;
};

// RUNNING, SUCCEEDED, FAILED or INTERRUPTED; of a job's row as it lies in the store.
std::string job_status(const EntityRow& row, std::int64_t now_ms);

// Seals again, with the first key, what was sealed with an earlier one.
Jobs::Work rotate_keys(EntityStore& store, const SecretBox& secrets);

// Removes runs that ended, and files, that are from before `before_ms`. Its total is not known.
Jobs::Work remove_old(RunStore& runs, FileKeeper& files, std::int64_t before_ms);

}  // namespace sallyport::engine
