// Queues of jobs that a flow works off: so many at a time, so far apart, and jobs of one key one
// after the other in the order they came. The queue is one JSON object in the store; these are its
// changes. Pure.
//
// A job is `running` from the moment it is taken until its run has ended. One that was taken and
// whose run is not known yet (a crash in between) is started again under the same delivery id.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

inline constexpr const char* kJobQueueKind = "job_queue";
inline constexpr std::string_view kEnqueueJob = "enqueue-job";
inline constexpr std::string_view kProcessJobs = "process-jobs";

inline constexpr std::size_t kJobsMax = 10'000;
inline constexpr std::size_t kJobQueueBytesMax = 4u << 20;
inline constexpr std::int64_t kJobsAtOnceMax = 100;

struct JobSettings {
    std::string queue;
    std::int64_t at_once = 1;
    std::int64_t apart_ms = 0;  // from one start to the next
};
// Of the trigger's input.
Result<JobSettings> job_settings(const Json& input);
Result<std::string> job_queue_name(const Json& input);

// `state` is empty for a new queue. The job that is there already (`id`) is not added again.
// Fails when the queue is full.
Result<Json> add_job(const Json& state, const std::string& id, const Json& input,
                     std::int64_t now_ms);

struct TakenJobs {
    Json state;
    bool changed = false;
};
// Moves what may start now from waiting to running.
TakenJobs take_jobs(const Json& state, const JobSettings& settings, std::int64_t now_ms);

struct RunningJob {
    std::string id;
    std::string run_id;  // empty: not known yet
    Json payload;        // the trigger's output: {jobId, queueName, key, data, enqueuedAt}
};
std::vector<RunningJob> running_jobs(const Json& state, std::string_view queue);

// Notes the runs of jobs, by job id.
Json with_runs(const Json& state, const std::vector<RunningJob>& started);
// Without the running jobs of these ids.
Json without_jobs(const Json& state, const std::set<std::string>& ended);

}  // namespace sallyport::engine
