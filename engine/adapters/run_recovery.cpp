// The run driver's other half: who waits for a run, and the runs an earlier process left.
#include "engine/adapters/run_driver_impl.hpp"
#include "engine/core/run_journal.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

// Runs read at once when the engine starts.
constexpr std::size_t kRecoveryPage = 200;

}  // namespace

RunReply reply_of(const RunState& state) {
    if (state.response.exists()) {
        return {RunReply::Kind::response, state.response, state.status};
    }
    return {RunReply::Kind::finished, {}, state.status};
}

// ---- waiting

void RunDriver::Impl::wait(std::string run_id, std::int64_t timeout_ms,
                           std::function<void(RunReply)> done) {
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
    waiter.timer = ports_.loop.after(
        timeout_ms, [self = shared_from_this(), run, id = waiter.id] { self->give_up(*run, id); });
    run->waiters.push_back(std::move(waiter));
}

void RunDriver::Impl::give_up(LiveRun& run, std::uint64_t waiter_id) {
    const auto found =
        std::find_if(run.waiters.begin(), run.waiters.end(),
                     [waiter_id](const Waiter& waiter) { return waiter.id == waiter_id; });
    if (found != run.waiters.end()) {
        const auto done = std::move(found->done);
        run.waiters.erase(found);
        done({RunReply::Kind::timed_out, {}, run.state.status});
    }
}

void RunDriver::Impl::answer_waiters(LiveRun& run, const RunReply& reply) {
    for (Waiter& waiter : std::exchange(run.waiters, {})) {
        ports_.loop.cancel(waiter.timer);
        waiter.done(reply);
    }
}

// A run that ended before: its record knows what it answered.
void RunDriver::Impl::answer_from_record(std::string run_id, std::function<void(RunReply)> done) {
    ports_.store.run(std::move(run_id), [self = shared_from_this(), done = std::move(done)](
                                            Result<std::optional<StoredRun>> stored) {
        if (!stored.ok() || !stored->has_value()) {
            done({});
            return;
        }
        self->with_state(**stored, [done, status = (*stored)->row.status](const RunPtr& run) {
            done(run != nullptr ? reply_of(run->state)
                                : RunReply{RunReply::Kind::finished, {}, run_status_from(status)});
        });
    });
}

// ---- recovery

// The stored run as it stood; null when its flow or journal cannot be read any more.
void RunDriver::Impl::with_state(const StoredRun& stored, std::function<void(RunPtr)> then) {
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

void RunDriver::Impl::recover(std::string after, std::size_t count,
                              std::function<void(Result<std::size_t>)> done) {
    arm_sweep();  // runs that rest may be due
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

void RunDriver::Impl::take_up(const StoredRun& stored) {
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
        // (Paused runs are not among those taken up here.)
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
void RunDriver::Impl::abandon(const StoredRun& stored) {
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

}  // namespace sallyport::engine
