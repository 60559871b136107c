#include "engine/adapters/run_driver.hpp"

#include "engine/adapters/input_resolver.hpp"
#include "engine/adapters/step_performer.hpp"
#include "engine/core/run_journal.hpp"
#include "engine/core/run_machine.hpp"
#include "engine/core/run_record.hpp"

#include <algorithm>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sallyport::engine {
namespace {

// Deadlines are looked at this often.
constexpr std::int64_t kSweepMs = 1000;
// A step that the sandbox or the HTTP client had no room for is offered again after this.
constexpr std::int64_t kOverloadPauseMs = 100;
// A journal that could not be written (a full disk) is tried again after this, until it can.
constexpr std::int64_t kStoreRetryMs = 1000;
// Runs read at once when the engine starts.
constexpr std::size_t kRecoveryPage = 200;

struct Waiter {
    std::uint64_t id = 0;
    Loop::TimerId timer = 0;
    std::function<void(RunReply)> done;
};

struct LiveRun {
    RunRow row;
    std::shared_ptr<const Program> program;
    RunState state;
    std::int64_t deadline_ms = 0;
    std::int64_t next_sequence = 0;

    Json uncommitted = Json::array();  // accepted events that are not on disk
    std::vector<Action> held;          // actions that wait for them
    bool committing = false;

    std::deque<Action> ready;  // actions to perform now
    bool driving = false;

    Json input;  // resolved, of the step under way
    std::function<void()> cancel_effect;
    bool replied = false;
    std::vector<Waiter> waiters;
};
using RunPtr = std::shared_ptr<LiveRun>;

RunReply reply_of(const RunState& state) {
    if (state.response.exists()) {
        return {RunReply::Kind::response, state.response, state.status};
    }
    return {RunReply::Kind::finished, {}, state.status};
}

}  // namespace

class RunDriver::Impl : public std::enable_shared_from_this<RunDriver::Impl> {
  public:
    Impl(RunDriverPorts given, RunDriverOptions options)
        : ports_(given),
          options_(options),
          resolver_(given.sandbox),
          performer_(given.sandbox, given.http,
                     {options.code_timeout_ms, options.code_memory_bytes, options.http_timeout_ms,
                      options.http_response_bytes_max}) {}

    // ---- start

    void start(StartRun wanted, std::function<void(Result<StartedRun>)> done) {
        if (live_.size() >= options_.runs_max) {
            done(Error{"the engine has too many runs under way"});
            return;
        }
        const std::int64_t now = ports_.clock.now_ms();
        auto run = std::make_shared<LiveRun>();
        run->program = std::move(wanted.program);
        run->row.id = ports_.entropy.ordered_id(now);
        run->row.project_id = std::move(wanted.project_id);
        run->row.flow_id = run->program->flow_id;
        run->row.version_id = run->program->version_id;
        run->row.display_name = run->program->display_name;
        run->row.environment = std::move(wanted.environment);
        run->row.created_ms = now;
        run->deadline_ms = now + options_.flow_timeout_ms;
        // Accepted in memory; nothing happens before the store has it.
        run->driving = true;
        feed(run, RunStarted{std::move(wanted.payload), run->deadline_ms}, now);
        NewRun row{run->row, run->uncommitted.dump(), std::move(wanted.delivery_id)};
        const JournalCommit shown = summary(*run);
        row.row.status = shown.status;
        row.row.steps_count = shown.steps_count;
        row.row.updated_ms = shown.updated_ms;
        row.row.started_ms = run->state.started_ms;
        row.row.finished_ms = shown.finished_ms;
        run->uncommitted = Json::array();
        run->next_sequence = 1;
        live_.emplace(run->row.id, run);
        ports_.store.create_run(
            std::move(row),
            [self = shared_from_this(), run, done = std::move(done)](Result<RunAccepted> accepted) {
                self->on_created(run, std::move(accepted), done);
            });
    }

    void on_created(const RunPtr& run, Result<RunAccepted> accepted,
                    const std::function<void(Result<StartedRun>)>& done) {
        if (!accepted.ok() || accepted->duplicate) {
            live_.erase(run->row.id);
            report_idle();
            done(accepted.ok() ? Result<StartedRun>(StartedRun{accepted->run_id, true})
                               : Result<StartedRun>(accepted.error()));
            return;
        }
        done(StartedRun{run->row.id, false});
        arm_sweep();
        release_held(*run);
        run->driving = false;
        drive(run);
    }

    // ---- events and actions

    void feed(const RunPtr& run, const Event& event, std::int64_t now) {
        Transition next = step(*run->program, std::move(run->state), event, now);
        run->state = std::move(next.state);
        if (!next.accepted) {
            return;
        }
        run->uncommitted.append(journal_entry_json(event, now));
        for (Action& action : next.actions) {
            (action.after_commit ? run->held.push_back(std::move(action))
                                 : run->ready.push_back(std::move(action)));
        }
        if (is_terminal(run->state.status) && run->cancel_effect) {
            std::exchange(run->cancel_effect, nullptr)();
        }
        drive(run);
    }

    void feed(const RunPtr& run, const Event& event) { feed(run, event, ports_.clock.now_ms()); }

    // Performs what is ready, one action at a time however deep the calls nest, then commits when
    // something waits for it.
    void drive(const RunPtr& run) {
        if (run->driving) {
            return;
        }
        run->driving = true;
        while (!run->ready.empty()) {
            const Action action = std::move(run->ready.front());
            run->ready.pop_front();
            std::visit([&](const auto& what) { perform(run, what); }, action.what);
        }
        run->driving = false;
        if (!run->held.empty()) {
            commit(run);
        }
    }

    static void release_held(LiveRun& run) {
        for (Action& action : run.held) {
            run.ready.push_back(std::move(action));
        }
        run.held.clear();
    }

    JournalCommit summary(const LiveRun& run) const {
        JournalCommit commit;
        commit.run_id = run.row.id;
        commit.sequence = run.next_sequence;
        commit.status = to_string(run.state.status);
        commit.failed_step = failed_step_json(*run.program, run.state).dump();
        commit.steps_count = static_cast<std::int64_t>(recorded_steps(run.state));
        commit.updated_ms = ports_.clock.now_ms();
        commit.finished_ms = run.state.finished_ms;
        return commit;
    }

    void commit(const RunPtr& run) {
        if (run->committing) {
            return;
        }
        run->committing = true;
        JournalCommit text = summary(*run);
        text.text = run->uncommitted.dump();
        run->uncommitted = Json::array();
        run->next_sequence += 1;
        auto covered = std::make_shared<std::vector<Action>>(std::move(run->held));
        run->held.clear();
        append(run, std::move(text), covered);
    }

    void append(const RunPtr& run, JournalCommit text,
                const std::shared_ptr<std::vector<Action>>& covered) {
        JournalCommit copy = text;
        ports_.store.append(std::move(text), [self = shared_from_this(), run, covered,
                                              copy = std::move(copy)](Result<Done> stored) mutable {
            if (stored.ok()) {
                self->on_committed(run, *covered);
                return;
            }
            self->ports_.log.write(
                LogLevel::error, "journal_write_failed",
                {{"run", Json::string(run->row.id)}, {"problem", Json::string(stored.message())}});
            self->ports_.loop.after(kStoreRetryMs,
                                    [self, run, covered, again = std::move(copy)]() mutable {
                                        self->append(run, std::move(again), covered);
                                    });
        });
    }

    void on_committed(const RunPtr& run, std::vector<Action>& covered) {
        run->committing = false;
        for (Action& action : covered) {
            run->ready.push_back(std::move(action));
        }
        drive(run);
    }

    void perform(const RunPtr& run, const PrepareStep& action) {
        const Step& at = run->program->steps[action.step];
        const std::string problem = StepPerformer::unsupported(at);
        if (!problem.empty()) {
            feed(run, StepFailed{at.name, action.attempt, problem, FailureKind::error, {}});
            return;
        }
        resolver_.resolve(run->row.project_id, at.settings["input"], run->state.scope,
                          run->program->schema,
                          [self = shared_from_this(), run, action](Result<ResolvedInput> input) {
                              self->on_input(run, action, std::move(input));
                          });
    }

    void on_input(const RunPtr& run, const PrepareStep& action, Result<ResolvedInput> input) {
        const std::string& name = run->program->steps[action.step].name;
        if (!input.ok()) {
            feed(run, StepFailed{name, action.attempt, input.message(), FailureKind::error, {}});
            return;
        }
        run->input = std::move(input->value);
        feed(run, StepStarted{name, action.attempt, shown_input(input->logged)});
    }

    void perform(const RunPtr& run, const PerformStep& action) {
        const Step& at = run->program->steps[action.step];
        if (run->state.phase != Phase::running || run->state.attempt != action.attempt ||
            run->state.cursor != action.step) {
            return;  // ended while its start was being committed
        }
        const StepCall call{at, run->input, run->row.project_id,
                            idempotency_key(run->row.id, at.name, action.attempt),
                            run->deadline_ms - ports_.clock.now_ms()};
        auto cancel =
            performer_.perform(call, [self = shared_from_this(), run, action](StepResult result) {
                self->on_result(run, action, std::move(result));
            });
        if (run->state.phase == Phase::running && run->state.cursor == action.step) {
            run->cancel_effect = std::move(cancel);
        }
    }

    void on_result(const RunPtr& run, const PerformStep& action, StepResult result) {
        const std::string& name = run->program->steps[action.step].name;
        run->cancel_effect = nullptr;
        switch (result.kind) {
            case StepResult::Kind::succeeded:
                feed(run, StepSucceeded{name, action.attempt, std::move(result.output),
                                        std::move(result.response), result.stop});
                return;
            case StepResult::Kind::failed:
                feed(run, StepFailed{
                              name, action.attempt, std::move(result.message), result.failure, {}});
                return;
            case StepResult::Kind::overloaded:
                ports_.loop.after(kOverloadPauseMs, [self = shared_from_this(), run, action] {
                    self->perform(run, action);
                });
                return;
        }
    }

    void perform(const RunPtr& run, const SetTimer& action) {
        if (action.timer == TimerKind::deadline) {
            run->deadline_ms = action.due_ms;
            return;  // the sweep looks after it
        }
        ports_.loop.after(action.due_ms - ports_.clock.now_ms(),
                          [self = shared_from_this(), run, action] {
                              self->feed(run, TimerFired{action.timer, action.attempt});
                          });
    }

    void perform(const RunPtr& run, const ReplyToCaller&) {
        run->replied = true;
        answer_waiters(*run, reply_of(run->state));
    }

    void perform(const RunPtr& run, const FinishRun& action) {
        answer_waiters(*run, reply_of(run->state));
        if (ports_.log.enabled(LogLevel::debug)) {
            ports_.log.write(
                LogLevel::debug, "run_finished",
                {{"run", Json::string(run->row.id)},
                 {"flow", Json::string(run->row.flow_id)},
                 {"status", Json::string(to_string(action.status))},
                 {"duration_ms", Json::integer(run->state.finished_ms - run->row.created_ms)}});
        }
        live_.erase(run->row.id);
        report_idle();
    }

    // ---- waiting

    void wait(std::string run_id, std::int64_t timeout_ms, std::function<void(RunReply)> done) {
        const auto found = live_.find(run_id);
        if (found == live_.end()) {
            answer_from_record(std::move(run_id), std::move(done));
            return;
        }
        const RunPtr& run = found->second;
        if (run->replied) {
            done(reply_of(run->state));
            return;
        }
        Waiter waiter;
        waiter.id = next_waiter_++;
        waiter.done = std::move(done);
        waiter.timer = ports_.loop.after(timeout_ms, [self = shared_from_this(), run,
                                                      id = waiter.id] { self->give_up(*run, id); });
        run->waiters.push_back(std::move(waiter));
    }

    static void give_up(LiveRun& run, std::uint64_t waiter_id) {
        const auto found =
            std::find_if(run.waiters.begin(), run.waiters.end(),
                         [waiter_id](const Waiter& waiter) { return waiter.id == waiter_id; });
        if (found != run.waiters.end()) {
            const auto done = std::move(found->done);
            run.waiters.erase(found);
            done({RunReply::Kind::timed_out, {}, run.state.status});
        }
    }

    void answer_waiters(LiveRun& run, const RunReply& reply) {
        for (Waiter& waiter : std::exchange(run.waiters, {})) {
            ports_.loop.cancel(waiter.timer);
            waiter.done(reply);
        }
    }

    // A run that ended before: its record knows what it answered.
    void answer_from_record(std::string run_id, std::function<void(RunReply)> done) {
        ports_.store.run(std::move(run_id), [self = shared_from_this(), done = std::move(done)](
                                                Result<std::optional<StoredRun>> stored) {
            if (!stored.ok() || !stored->has_value()) {
                done({});
                return;
            }
            self->with_state(**stored, [done, status = (*stored)->row.status](const RunPtr& run) {
                done(run != nullptr
                         ? reply_of(run->state)
                         : RunReply{RunReply::Kind::finished, {}, run_status_from(status)});
            });
        });
    }

    // ---- recovery

    // The stored run as it stood; null when its flow or journal cannot be read any more.
    void with_state(const StoredRun& stored, std::function<void(RunPtr)> then) {
        ports_.flows.version(
            stored.row.flow_id, stored.row.version_id,
            [stored, then = std::move(then)](Result<std::optional<RunnableFlow>> flow) {
                if (!flow.ok() || !flow->has_value() || (*flow)->program == nullptr) {
                    then(nullptr);
                    return;
                }
                auto run = std::make_shared<LiveRun>();
                run->row = stored.row;
                run->program = (*flow)->program;
                run->next_sequence = static_cast<std::int64_t>(stored.commits.size());
                Result<RunState> state = replay(*run->program, stored.commits);
                if (!state.ok()) {
                    then(nullptr);
                    return;
                }
                run->state = *std::move(state);
                then(run);
            });
    }

    void recover(std::string after, std::size_t count,
                 std::function<void(Result<std::size_t>)> done) {
        ports_.store.unfinished_runs(std::move(after), kRecoveryPage,
                                     [self = shared_from_this(), count,
                                      done = std::move(done)](Result<std::vector<StoredRun>> runs) {
                                         if (!runs.ok()) {
                                             done(runs.error());
                                             return;
                                         }
                                         std::string last;
                                         for (const StoredRun& stored : *runs) {
                                             last = stored.row.id;
                                             self->take_up(stored);
                                         }
                                         if (runs->size() < kRecoveryPage) {
                                             done(count + runs->size());
                                         } else {
                                             self->recover(last, count + runs->size(), done);
                                         }
                                     });
    }

    void take_up(const StoredRun& stored) {
        with_state(stored, [self = shared_from_this(), stored](const RunPtr& run) {
            if (run == nullptr) {
                self->abandon(stored);
                return;
            }
            self->live_.emplace(run->row.id, run);
            self->arm_sweep();
            Transition next = resume(*run->program, std::move(run->state));
            run->state = std::move(next.state);
            // The time the engine was down is not the run's fault: its clock starts anew.
            run->deadline_ms = self->ports_.clock.now_ms() + self->options_.flow_timeout_ms;
            for (Action& action : next.actions) {
                auto* timer = std::get_if<SetTimer>(&action.what);
                if (timer == nullptr || timer->timer != TimerKind::deadline) {
                    run->ready.push_back(std::move(action));
                }
            }
            self->drive(run);
        });
    }

    // A run whose flow is gone cannot go on; its record says so.
    void abandon(const StoredRun& stored) {
        JournalCommit commit;
        commit.run_id = stored.row.id;
        commit.sequence = static_cast<std::int64_t>(stored.commits.size());
        Json entries = Json::array();
        commit.updated_ms = ports_.clock.now_ms();
        entries.append(journal_entry_json(RunCanceled{}, commit.updated_ms));
        commit.text = entries.dump();
        commit.status = to_string(RunStatus::internal_error);
        commit.steps_count = stored.row.steps_count;
        commit.finished_ms = commit.updated_ms;
        ports_.log.write(
            LogLevel::warn, "run_abandoned",
            {{"run", Json::string(stored.row.id)}, {"flow", Json::string(stored.row.flow_id)}});
        ports_.store.append(std::move(commit), [](const Result<Done>&) {});
    }

    // ---- time

    void arm_sweep() {
        if (sweeping_) {
            return;
        }
        sweeping_ = true;
        ports_.loop.after(kSweepMs, [weak = weak_from_this()] {
            if (const auto self = weak.lock()) {
                self->sweep();
            }
        });
    }

    void sweep() {
        sweeping_ = false;
        const std::int64_t now = ports_.clock.now_ms();
        std::vector<RunPtr> late;
        for (const auto& [id, run] : live_) {
            if (run->deadline_ms <= now && !is_terminal(run->state.status)) {
                late.push_back(run);
            }
        }
        for (const RunPtr& run : late) {
            feed(run, TimerFired{TimerKind::deadline, 0});
        }
        if (!live_.empty()) {
            arm_sweep();
        }
    }

    std::size_t live_runs() const { return live_.size(); }

    void when_idle(std::function<void()> done) {
        idle_ = std::move(done);
        report_idle();
    }

  private:
    void report_idle() {
        if (live_.empty() && idle_) {
            ports_.loop.post(std::exchange(idle_, nullptr));
        }
    }

    RunDriverPorts ports_;
    RunDriverOptions options_;
    InputResolver resolver_;
    StepPerformer performer_;
    std::unordered_map<std::string, RunPtr> live_;
    std::uint64_t next_waiter_ = 1;
    bool sweeping_ = false;
    std::function<void()> idle_;
};

RunDriver::RunDriver(RunDriverPorts ports, RunDriverOptions options)
    : impl_(std::make_shared<Impl>(ports, options)) {}

RunDriver::~RunDriver() = default;

void RunDriver::start(StartRun run, std::function<void(Result<StartedRun>)> done) {
    impl_->start(std::move(run), std::move(done));
}

void RunDriver::wait(std::string run_id, std::int64_t timeout_ms,
                     std::function<void(RunReply)> done) {
    impl_->wait(std::move(run_id), timeout_ms, std::move(done));
}

void RunDriver::recover(std::function<void(Result<std::size_t>)> done) {
    impl_->recover({}, 0, std::move(done));
}

std::size_t RunDriver::live_runs() const {
    return impl_->live_runs();
}

void RunDriver::when_idle(std::function<void()> done) {
    impl_->when_idle(std::move(done));
}

}  // namespace sallyport::engine
