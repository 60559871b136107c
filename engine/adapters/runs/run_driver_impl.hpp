// The inside of the run driver; for its three sources alone.
#pragma once

#include "engine/adapters/runs/input_resolver.hpp"
#include "engine/adapters/runs/run_driver.hpp"
#include "engine/adapters/steps/step_performer.hpp"
#include "engine/adapters/steps/store_steps.hpp"
#include "engine/core/runs/counters.hpp"
#include "engine/core/runs/machine.hpp"
#include "engine/core/runs/queue.hpp"
#include "engine/core/runs/state.hpp"

#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

namespace sallyport::engine {

// What the store did not take or give (a full disk) is tried again after this, until it does.
inline constexpr std::int64_t kStoreRetryMs = 1000;

struct Waiter {
    std::uint64_t id = 0;
    Loop::TimerId timer = 0;
    std::function<void(RunReply)> done;
};

struct LiveRun {
    RunRow row;
    std::shared_ptr<const Program> program;
    RunState state;
    std::int64_t deadline_ms = 0;  // on the steady clock: a step of the wall clock takes no time
    std::int64_t next_sequence = 0;

    Json uncommitted = Json::array();  // accepted events that are not on disk
    std::vector<Action> held;          // actions that wait for them
    bool committing = false;

    std::deque<Action> ready;  // actions to perform now
    bool driving = false;      // or is not to go on yet
    int priority = StartRun::kWebhook;

    Json input;                   // resolved, of the step under way
    std::size_t input_bytes = 0;  // of a large run's input
    // Of the step under way; it reads what it has asked for.
    std::shared_ptr<std::optional<WaitpointWish>> waitpoint;
    std::function<void()> cancel_effect;
    int crashes = 0;  // of what performed the step under way
    // Room that a step's result takes which is not on disk: others wait for it.
    std::shared_ptr<const void> place = {};
    std::vector<std::string> notes = {};  // of steps whose results are not on disk either
    bool replied = false;
    // Called once, after the next commit; false: the run was lost to another process.
    std::vector<std::function<void(bool stored)>> acknowledge;
    std::size_t log_bytes = 0;  // of the commits so far
    bool parent_told = false;   // of this run's failure
    bool foreign = false;       // taken up from the store: its callers may be with another process
    bool lost = false;          // another process has it: nothing that happens here counts
};
using RunPtr = std::shared_ptr<LiveRun>;

// What waits for a commit.
struct Covered {
    std::vector<Action> actions;
    std::vector<std::function<void(bool stored)>> acknowledge;
    std::shared_ptr<const void> place;
    std::vector<std::string> notes;
};

class RunDriver::Impl : public std::enable_shared_from_this<RunDriver::Impl> {
  public:
    Impl(RunDriverPorts ports, RunDriverOptions options);

    void start(StartRun wanted, std::function<void(Result<StartedRun>)> done);
    void wait(std::string run_id, std::int64_t timeout_ms, std::function<void(RunReply)> done);
    void recover(std::function<void(Result<std::size_t>)> done);
    void change(std::string run_id, const Event& event, Runs::OutcomeDone done);
    void resume_by(std::string run_id, const RequestArrived& event, Runs::OutcomeDone done,
                   int tries_left);
    std::optional<Waitpoint> make_waitpoint(const std::string& run_id,
                                            const std::string& project_id, std::string_view step,
                                            WaitpointWish wish);
    bool is_resume_id(std::string_view run_id, std::string_view id) const;
    void notice(const StoreNotice& notice);
    const RunCounters& counters() const { return counters_; }
    RunGauges gauges() const;
    void limit_project(const std::string& project_id, std::size_t active_max);
    std::size_t live_runs() const { return live_.size(); }
    void when_idle(std::function<void()> done);
    // From here on nothing that happens reaches the journal: sandbox and HTTP client are about to
    // cancel what they do, and that is not the runs' failure.
    void close() { closed_ = true; }

  private:
    using Started = std::function<void(Result<StartedRun>)>;
    RunQuota quota_of(const StartRun& wanted) const;
    RunPtr make_run(StartRun wanted);
    void begin_now(const RunPtr& run, NewRun row, Started done);
    void put_in_line(NewRun row, int priority, Started done);
    bool is_accepted(const Result<RunAccepted>& accepted, const Started& done);

    // Turns and places (run_turn_taking.cpp).
    bool has_room() const;
    bool begins_at_once(const LiveRun& run);
    bool may_begin_more() const;
    std::int64_t start_clock(LiveRun& run) const;
    void have_turn(const RunPtr& run);
    void draw_soon();
    void draw();
    void on_drawn(const std::vector<RunQueue::Draw>& draws, std::size_t bytes_max,
                  Result<std::vector<StoredRun>> runs);
    void join(const std::vector<WaitingLine>& lines);
    void look_at_lines();
    bool waits_long(const LiveRun& run, const Step& step) const;
    bool keep(const RunPtr& run);
    void leave(const RunPtr& run);
    void tell_of_end(const RunRow& run, std::int64_t finished_ms, RunStatus status);
    void count_step(const LiveRun& run, std::size_t step);

    // Events and actions.
    void feed(const RunPtr& run, const Event& event, std::int64_t now);
    void feed(const RunPtr& run, const Event& event);
    void drive(const RunPtr& run);
    static void release_held(LiveRun& run);
    void perform(const RunPtr& run, const PrepareStep& action);
    void perform(const RunPtr& run, const PerformStep& action);
    void perform(const RunPtr& run, const SetTimer& action);
    void perform(const RunPtr& run, const ReplyToCaller& action);
    void perform(const RunPtr& run, const FinishRun& action);
    void perform(const RunPtr& run, const ParkRun& action);
    void hold_input(LiveRun& run, Json input);
    void on_input(const RunPtr& run, const PrepareStep& action, ResolvedInput input);
    void on_result(const RunPtr& run, const PerformStep& action, StepResult result);
    // There was no room for it, or what did it has ended, and that not too often.
    static bool is_begun_again(LiveRun& run, StepResult::Kind kind);
    template <typename StepAction>
    void again_soon(const RunPtr& run, const StepAction& action);

    // The journal.
    JournalCommit summary(const LiveRun& run) const;
    void commit(const RunPtr& run);
    void append(const RunPtr& run, JournalCommit text, const std::shared_ptr<Covered>& covered);
    void on_committed(const RunPtr& run, Covered& covered);

    // Who waits.
    void give_up(const std::string& run_id, std::uint64_t waiter_id);
    void answer_waiters(const std::string& run_id, const RunReply& reply);
    void look_for_answer(const std::string& run_id);
    void look_for_answers();

    // What an earlier process left, and what another one has.
    using StoredPtr = std::shared_ptr<const StoredRun>;  // shared by callbacks under way
    void with_state(const StoredPtr& stored, std::function<void(Result<RunPtr>)> then);
    void take_up(const StoredPtr& stored);
    void resume_taken(const RunPtr& run);
    static void prepare_to_go_on(LiveRun& run);
    void abandon(const StoredPtr& stored);
    void end_abandoned(const RunRow& row, const JournalCommit& commit);
    void lose(const RunPtr& run);
    void look_for_orphans();

    // Pauses.
    struct Claim {
        RunPtr run;           // null: not to be had
        bool known = true;    // false: no such run, or its flow is gone
        bool loaded = false;  // for this question alone
    };
    void claimed(const std::string& run_id, std::function<void(Result<Claim>)> then);
    void load_claimed(const StoredPtr& stored, const std::function<void(Result<Claim>)>& then);
    bool apply(const RunPtr& run, const Event& event, const Runs::OutcomeDone& done);
    void go_on(const RunPtr& run);
    void wake_up(const RunPtr& run);
    void look_for_due_runs();
    void forget_paused();

    // Other runs: those a step calls, and the one that waits for this (run_links.cpp).
    std::string resume_url(const RunPtr& run, std::string_view kind,
                           const std::string& request_id) const;
    StepCall call_of(const RunPtr& run, const PerformStep& action) const;
    void perform_link(const RunPtr& run, const PerformStep& action);
    void call_flow(const RunPtr& run, const PerformStep& action);
    // Goes on with the program of the callable flow of that name; fails the step when there is
    // none.
    void with_callable(const RunPtr& run, const PerformStep& action, const std::string& name,
                       std::function<void(std::shared_ptr<const Program>)> then);
    void start_called(const RunPtr& run, const PerformStep& action,
                      std::shared_ptr<const Program> program);
    void return_response(const RunPtr& run, const PerformStep& action);
    void send_response(const RunPtr& run, const PerformStep& action, const std::string& url);
    bool tells_parent(const RunPtr& run);
    // That a run it waits for has failed. False: it does not wait, and `done` is not called.
    bool tell_parent(const RunRow& row, std::string_view callback_url, Runs::OutcomeDone done);

    // A file's rows for another flow, batch after batch (run_batches.cpp).
    struct FanOut;
    void stream_csv(const RunPtr& run, const PerformStep& action);
    void read_csv_file(const RunPtr& run, const PerformStep& action,
                       std::shared_ptr<const Program> program);
    void fan_out(const RunPtr& run, const PerformStep& action,
                 std::shared_ptr<const Program> program, std::string text);
    void pump(const std::shared_ptr<FanOut>& work);
    void start_batch(const std::shared_ptr<FanOut>& work, const Json& rows);
    void offer(const std::shared_ptr<FanOut>& work, const std::shared_ptr<const StartRun>& child);
    static StepResult fan_out_result(const FanOut& work);

    // Time.
    void arm_sweep();
    void sweep();
    void report_idle();

    RunDriverPorts ports_;
    RunDriverOptions options_;
    InputResolver resolver_;
    StoreSteps store_steps_;
    StepPerformer performer_;
    std::unordered_map<std::string, RunPtr> live_;
    std::unordered_map<std::string, std::vector<Waiter>> waiters_;  // by run id
    std::uint64_t next_waiter_ = 1;
    int sweeps_ = 0;
    RunQueue queue_;
    RunCounters counters_;
    std::size_t live_bytes_ = 0;   // of the journals of live runs, and of those that become so
    std::size_t input_bytes_ = 0;  // of all large inputs
    std::size_t creating_ = 0;     // runs that the store has not answered for
    std::size_t code_ahead_ = 0;   // code steps of runs that could wait
    bool drawing_ = false;
    bool sweeping_ = false;
    bool looking_ = false;  // for due runs
    bool closed_ = false;
    std::function<void()> idle_;
};

std::size_t journal_bytes(const StoredRun& stored);

// What a caller hears of a run in this state.
RunReply reply_of(const RunState& state);

}  // namespace sallyport::engine
