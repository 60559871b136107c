// Starting runs and waiting for what they answer: what the API needs of the run driver.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "engine/core/flows/program.hpp"
#include "engine/core/runs/state.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine {

struct StartRun {
    std::shared_ptr<const Program> program;
    std::string project_id;
    std::string environment = "PRODUCTION";  // or TESTING
    Json payload;                            // the trigger's output
    std::string delivery_id;                 // not empty: runs once a flow
    std::string parent_run_id;               // whose step starts this run; empty: nobody's
    bool fail_parent = true;                 // a failure is that step's
    // Classes of the contract: those with a smaller number go on first when there is a line.
    static constexpr int kSync = 2;
    static constexpr int kWebhook = 3;
    static constexpr int kPolling = 5;
    int priority = kWebhook;
    bool by_step = false;  // another run's step starts it, not its trigger
    bool again = false;    // an earlier run's occasion once more, which has counted
};

// Acknowledged: on disk. `duplicate`: nothing new was started, `run_id` is the earlier run.
struct StartedRun {
    std::string run_id;
    bool duplicate = false;
};

// The problem of a start beyond what its project may begin in a month. Nothing was started; it
// will not be before the next month or a larger quota.
inline constexpr std::string_view kOverQuota =
    "The project has begun as many runs as it may in this month. More begin with the next month "
    "(UTC), or when the operator raises SALLYPORT_PROJECT_RUNS_PER_MONTH";
template <typename T>
bool is_over_quota(const Result<T>& started) {
    return !started.ok() && started.message() == kOverQuota;
}

struct RunReply {
    enum class Kind {
        response,   // a step answered
        finished,   // the run ended without an answer, or had ended before
        timed_out,  // the run goes on, the caller has waited long enough
    };
    Kind kind = Kind::finished;
    Json response;
    RunStatus status = RunStatus::succeeded;  // of a finished run
};

// What a step will wait for: a request, or the time.
struct WaitpointWish {
    bool request = false;
    std::int64_t resume_at_ms = 0;  // without a request
    Json response;                  // exists when the caller is answered meanwhile
};

struct Waitpoint {
    std::string id;
    std::string url;
    bool too_late = false;  // it would wait longer than a run may
};

class Runs {
  public:
    virtual ~Runs() = default;

    // `done` is called on the loop once the run is on disk; the run goes on by itself.
    virtual void start(StartRun run, std::function<void(Result<StartedRun>)> done) = 0;

    // Waits at most `timeout_ms` for the run's answer. A run that has ended is answered from its
    // record. `done` is called exactly once, on the loop, possibly from inside the call.
    virtual void wait(std::string run_id, std::int64_t timeout_ms,
                      std::function<void(RunReply)> done) = 0;

    // What became of a wish: `accepted` is on disk; `refused`: the run is in no state for it;
    // `unknown`: there is no such run, or its flow is gone.
    enum class Outcome { accepted, refused, unknown };
    using OutcomeDone = std::function<void(Result<Outcome>)>;
    // A run that failed goes on with its failed step.
    virtual void retry(std::string run_id, OutcomeDone done) = 0;
    // A run that waits for this request goes on; one that does not wait yet will find it.
    // `refused`: it was taken before, or the run has ended. `unknown`: no such run, or no id of it.
    virtual void resume(std::string run_id, std::string request_id, Json payload,
                        OutcomeDone done) = 0;
    // The step of the run that is under way makes the place where it will wait: the same for every
    // repetition of its attempt, and a request that comes before it waits is kept. Nothing: this
    // process performs no such step of the project.
    virtual std::optional<Waitpoint> make_waitpoint(const std::string& run_id,
                                                    const std::string& project_id,
                                                    std::string_view step, WaitpointWish wish) = 0;
    // A paused run ends as CANCELED.
    virtual void cancel(std::string run_id, OutcomeDone done) = 0;

    // So many runs of the project go on at once, the others wait their turn; 0: as many as of any
    // project. Of this process; what goes on already is not stopped.
    virtual void limit_project(const std::string& project_id, std::size_t active_max) = 0;
};

}  // namespace sallyport::engine
