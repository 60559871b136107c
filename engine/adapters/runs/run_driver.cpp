#include "engine/adapters/runs/run_driver.hpp"

#include "engine/adapters/runs/run_driver_impl.hpp"
#include "engine/core/calendar_month.hpp"
#include "engine/core/runs/journal.hpp"
#include "engine/core/runs/record.hpp"

#include <iterator>
#include <utility>

namespace sallyport::engine {
namespace {

// Deadlines are looked at this often.
constexpr std::int64_t kSweepMs = 1000;

// How often a request is offered to a run that another process works on.
constexpr int kResumeTries = 20;

// Events kept in memory at most: a long loop without effects has nothing that waits for the disk.
constexpr std::size_t kUncommittedMax = 256;
// Actions of one run before others have their turn on the loop: a long loop of steps that end at
// once must not hold up everybody else.
constexpr std::size_t kTurnActionsMax = 256;

}  // namespace

RunDriver::Impl::Impl(RunDriverPorts ports, RunDriverOptions options)
    : ports_(ports),
      options_(options),
      resolver_(ports.sandbox, ports.secrets),
      store_steps_(ports.entities, ports.entropy, options.store_value_bytes_max),
      performer_(ports.sandbox, ports.http, with_store(ports.pieces, store_steps_),
                 {options.code_timeout_ms, options.code_memory_bytes, options.http_timeout_ms,
                  options.http_response_bytes_max, options.pause_ms_max}),
      queue_({options.active_max, options.project_active_max}) {}

// ---- start

void RunDriver::Impl::start(StartRun wanted, Started done) {
    if (!has_room()) {
        counters_.refused += 1;
        done(Error{"the engine has too many runs under way"});
        return;
    }
    std::string delivery_id = std::move(wanted.delivery_id);
    const int priority = wanted.priority;
    const RunQuota quota = quota_of(wanted);
    const bool by_step = wanted.by_step;
    const RunPtr run = make_run(std::move(wanted));
    const bool at_once = begins_at_once(*run);
    NewRun row{run->row, run->uncommitted.dump(), std::move(delivery_id), quota};
    if (quota.most > 0 && !by_step && ports_.on_over_quota) {
        done = [self = shared_from_this(), refused = run->row,
                done = std::move(done)](const Result<StartedRun>& started) {
            done(started);
            if (is_over_quota(started)) {
                self->ports_.on_over_quota(refused);
            }
        };
    }
    const JournalCommit shown = summary(*run);
    row.row.status = at_once ? std::string_view(shown.status) : to_string(RunStatus::queued);
    row.row.queue_class = at_once ? 0 : priority;
    row.row.steps_count = shown.steps_count;
    row.row.updated_ms = shown.updated_ms;
    row.row.started_ms = run->state.started_ms;
    row.row.finished_ms = shown.finished_ms;
    creating_ += 1;
    if (at_once) {
        begin_now(run, std::move(row), std::move(done));
    } else {
        put_in_line(std::move(row), priority, std::move(done));
    }
}

RunQuota RunDriver::Impl::quota_of(const StartRun& wanted) const {
    const bool counts =
        options_.project_runs_per_month > 0 && !wanted.again && wanted.environment == "PRODUCTION";
    return counts ? RunQuota{options_.project_runs_per_month, calendar_month(ports_.clock.now_ms())}
                  : RunQuota{};
}

// As it stands before its first step; nothing happens before the store has it.
RunPtr RunDriver::Impl::make_run(StartRun wanted) {
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
    run->row.parent_run_id = std::move(wanted.parent_run_id);
    run->row.fail_parent = wanted.fail_parent;
    run->priority = wanted.priority;
    run->driving = true;
    feed(run, RunStarted{std::move(wanted.payload), start_clock(*run)}, now);
    return run;
}

void RunDriver::Impl::begin_now(const RunPtr& run, NewRun row, Started done) {
    run->uncommitted = Json::array();
    run->next_sequence = 1;
    run->log_bytes = row.commit.size();
    keep(run);
    ports_.store.create_run(std::move(row),
                            [self = shared_from_this(), run,
                             done = std::move(done)](const Result<RunAccepted>& accepted) {
                                self->creating_ -= 1;
                                if (!self->is_accepted(accepted, done)) {
                                    self->leave(run);
                                    return;
                                }
                                release_held(*run);
                                self->have_turn(run);
                            });
}

// From here on it is the store's: whoever draws it finds all of it there.
void RunDriver::Impl::put_in_line(NewRun row, int priority, Started done) {
    const std::size_t bytes = row.commit.size();
    live_bytes_ += bytes;
    auto joined = [self = shared_from_this(), bytes, priority, project = row.row.project_id,
                   since_ms = row.row.created_ms,
                   done = std::move(done)](const Result<RunAccepted>& accepted) {
        self->creating_ -= 1;
        self->live_bytes_ -= bytes;
        if (self->is_accepted(accepted, done)) {
            self->queue_.join(project, priority, 1, since_ms);
            self->draw_soon();
        }
    };
    ports_.store.create_run(std::move(row), std::move(joined));
}

// Tells the caller what became of it.
bool RunDriver::Impl::is_accepted(const Result<RunAccepted>& accepted, const Started& done) {
    if (!accepted.ok()) {
        done(accepted.error());
        return false;
    }
    if (accepted->over_quota) {
        counters_.over_quota += 1;
        done(Error{std::string(kOverQuota)});
        return false;
    }
    done(StartedRun{accepted->run_id, accepted->duplicate});
    (accepted->duplicate ? counters_.duplicates : counters_.started) += 1;
    arm_sweep();
    return !accepted->duplicate;
}

// ---- events and actions

void RunDriver::Impl::feed(const RunPtr& run, const Event& event, std::int64_t now) {
    if (closed_ || run->lost) {
        return;
    }
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

void RunDriver::Impl::feed(const RunPtr& run, const Event& event) {
    feed(run, event, ports_.clock.now_ms());
}

// Performs what is ready, one action at a time however deep the calls nest, then commits when
// something waits for it.
void RunDriver::Impl::drive(const RunPtr& run) {
    if (run->driving) {
        return;
    }
    if (run->log_bytes > options_.log_bytes_max && run->state.status == RunStatus::running) {
        feed(run, LogFull{});  // comes back here
        return;
    }
    run->driving = true;
    std::size_t performed = 0;
    while (!run->ready.empty() && performed++ < kTurnActionsMax) {
        const Action action = std::move(run->ready.front());
        run->ready.pop_front();
        std::visit([&](const auto& what) { perform(run, what); }, action.what);
    }
    run->driving = false;
    const bool awaited =
        (!run->acknowledge.empty() || run->place != nullptr) && run->uncommitted.size() > 0;
    if (!run->held.empty() || awaited || run->uncommitted.size() >= kUncommittedMax) {
        commit(run);
    }
    if (!run->ready.empty()) {
        ports_.loop.after(0, [self = shared_from_this(), run] { self->drive(run); });
    }
}

void RunDriver::Impl::release_held(LiveRun& run) {
    for (Action& action : run.held) {
        run.ready.push_back(std::move(action));
    }
    run.held.clear();
}

JournalCommit RunDriver::Impl::summary(const LiveRun& run) const {
    JournalCommit commit;
    commit.run_id = run.row.id;
    commit.sequence = run.next_sequence;
    commit.status = to_string(run.state.status);
    commit.failed_step = failed_step_json(*run.program, run.state).dump();
    commit.tags = run.state.tags.exists() ? run.state.tags.dump() : std::string();
    commit.steps_count = static_cast<std::int64_t>(recorded_steps(run.state));
    commit.updated_ms = ports_.clock.now_ms();
    commit.finished_ms = run.state.finished_ms;
    commit.resume_ms = run.state.resume_at_ms;
    commit.announce = run.foreign && ports_.store.shared() &&
                      (is_terminal(run.state.status) || run.state.response.exists());
    return commit;
}

void RunDriver::Impl::commit(const RunPtr& run) {
    if (run->committing) {
        return;
    }
    run->committing = true;
    if (tells_parent(run)) {
        return;  // commits when that is done
    }
    JournalCommit text = summary(*run);
    text.text = run->uncommitted.dump();
    run->log_bytes += text.text.size();
    live_bytes_ += text.text.size();
    run->uncommitted = Json::array();
    run->next_sequence += 1;
    auto covered = std::make_shared<Covered>();
    covered->actions = std::exchange(run->held, {});
    covered->acknowledge = std::exchange(run->acknowledge, {});
    covered->place = std::exchange(run->place, nullptr);
    covered->notes = std::exchange(run->notes, {});
    append(run, std::move(text), covered);
}

void RunDriver::Impl::append(const RunPtr& run, JournalCommit text,
                             const std::shared_ptr<Covered>& covered) {
    JournalCommit copy = text;
    ports_.store.append(std::move(text), [self = shared_from_this(), run, covered,
                                          copy = std::move(copy)](Result<Appended> stored) mutable {
        if (stored.ok()) {
            if (*stored == Appended::stored) {
                self->on_committed(run, *covered);
                return;
            }
            run->acknowledge = std::move(covered->acknowledge);
            self->lose(run);
            return;
        }
        self->counters_.write_failures += 1;
        self->ports_.log.write(
            LogLevel::error, "journal_write_failed",
            {{"run", Json::string(run->row.id)}, {"problem", Json::string(stored.message())}});
        self->ports_.loop.after(kStoreRetryMs,
                                [self, run, covered, again = std::move(copy)]() mutable {
                                    self->append(run, std::move(again), covered);
                                });
    });
}

void RunDriver::Impl::on_committed(const RunPtr& run, Covered& covered) {
    run->committing = false;
    covered.place = nullptr;
    for (std::string& note : covered.notes) {  // what stays goes with the runs of its time
        ports_.entities.delete_entity(kStepNoteKind, std::move(note), [](const Status&) {});
    }
    for (const auto& acknowledge : covered.acknowledge) {
        acknowledge(true);
    }
    std::move(covered.actions.begin(), covered.actions.end(), std::back_inserter(run->ready));
    drive(run);
}

void RunDriver::Impl::perform(const RunPtr& run, const SetTimer& action) {
    if (action.timer == TimerKind::deadline) {
        return;  // the sweep looks after it, by the clock that began with the run's turn
    }
    ports_.loop.after(action.due_ms - ports_.clock.now_ms(),
                      [self = shared_from_this(), run, action] {
                          self->feed(run, TimerFired{action.timer, action.attempt, action.path});
                      });
}

void RunDriver::Impl::perform(const RunPtr& run, const ReplyToCaller&) {
    run->replied = true;
    answer_waiters(run->row.id, reply_of(run->state));
}

void RunDriver::Impl::perform(const RunPtr& run, const FinishRun& action) {
    answer_waiters(run->row.id, reply_of(run->state));
    if (ports_.log.enabled(LogLevel::debug)) {
        ports_.log.write(
            LogLevel::debug, "run_finished",
            {{"run", Json::string(run->row.id)},
             {"flow", Json::string(run->row.flow_id)},
             {"status", Json::string(to_string(action.status))},
             {"duration_ms", Json::integer(run->state.finished_ms - run->row.created_ms)}});
    }
    tell_of_end(run->row, run->state.finished_ms, action.status);
    leave(run);
}

// ---- time

void RunDriver::Impl::arm_sweep() {
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

void RunDriver::Impl::sweep() {
    sweeping_ = false;
    const std::int64_t now = ports_.clock.steady_ms();
    std::vector<RunPtr> late;
    for (const auto& [id, run] : live_) {
        if (run->deadline_ms <= now && run->state.status == RunStatus::running) {
            late.push_back(run);
        }
    }
    for (const RunPtr& run : late) {
        feed(run, TimerFired{TimerKind::deadline, 0});
    }
    look_for_due_runs();
    if (ports_.store.shared()) {
        look_for_answers();
        look_for_orphans();
    }
    draw_soon();  // when the store did not answer before
    arm_sweep();
}

void RunDriver::Impl::when_idle(std::function<void()> done) {
    idle_ = std::move(done);
    forget_paused();
    report_idle();
}

void RunDriver::Impl::report_idle() {
    if (live_.empty() && idle_) {
        ports_.loop.post(std::exchange(idle_, nullptr));
    }
}

RunDriver::RunDriver(RunDriverPorts ports, RunDriverOptions options)
    : impl_(std::make_shared<Impl>(ports, options)) {}

RunDriver::~RunDriver() {
    impl_->close();
}

void RunDriver::retry(std::string run_id, OutcomeDone done) {
    impl_->change(std::move(run_id), RunRetried{}, std::move(done));
}

void RunDriver::resume(std::string run_id, std::string request_id, Json payload, OutcomeDone done) {
    if (!impl_->is_resume_id(run_id, request_id)) {
        done(Outcome::unknown);
        return;
    }
    impl_->resume_by(std::move(run_id),
                     RequestArrived{std::move(request_id), std::move(payload), 0}, std::move(done),
                     kResumeTries);
}

std::optional<Waitpoint> RunDriver::make_waitpoint(const std::string& run_id,
                                                   const std::string& project_id,
                                                   std::string_view step, WaitpointWish wish) {
    return impl_->make_waitpoint(run_id, project_id, step, std::move(wish));
}

void RunDriver::cancel(std::string run_id, OutcomeDone done) {
    impl_->change(std::move(run_id), RunCanceled{}, std::move(done));
}

void RunDriver::start(StartRun run, std::function<void(Result<StartedRun>)> done) {
    impl_->start(std::move(run), std::move(done));
}

void RunDriver::wait(std::string run_id, std::int64_t timeout_ms,
                     std::function<void(RunReply)> done) {
    impl_->wait(std::move(run_id), timeout_ms, std::move(done));
}

void RunDriver::recover(std::function<void(Result<std::size_t>)> done) {
    impl_->recover(std::move(done));
}

void RunDriver::notice(const StoreNotice& notice) {
    impl_->notice(notice);
}

const RunCounters& RunDriver::counters() const {
    return impl_->counters();
}

RunGauges RunDriver::gauges() const {
    return impl_->gauges();
}

std::size_t RunDriver::live_runs() const {
    return impl_->live_runs();
}

void RunDriver::when_idle(std::function<void()> done) {
    impl_->when_idle(std::move(done));
}

}  // namespace sallyport::engine
