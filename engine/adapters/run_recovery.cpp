// The run driver's other half: who waits for a run, and the runs an earlier process left.
#include "engine/adapters/run_driver_impl.hpp"
#include "engine/core/run_journal.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

// Runs read at once when the engine starts.
constexpr std::size_t kRecoveryPage = 200;
// Runs of processes that are gone are looked for at every so many sweeps.
constexpr int kOrphanSweeps = 2;
// When the store did not answer.
constexpr std::int64_t kStoreRetryMs = 1000;

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
    const auto live = live_.find(run_id);
    if (live != live_.end() && live->second->replied) {
        done(reply_of(live->second->state));
        return;
    }
    Waiter waiter;
    waiter.id = next_waiter_++;
    waiter.done = std::move(done);
    waiter.timer = ports_.loop.after(timeout_ms, [self = shared_from_this(), run_id,
                                                  id = waiter.id] { self->give_up(run_id, id); });
    waiters_[run_id].push_back(std::move(waiter));
    if (live == live_.end()) {
        look_for_answer(run_id);
    }
}

void RunDriver::Impl::give_up(const std::string& run_id, std::uint64_t waiter_id) {
    const auto entry = waiters_.find(run_id);
    if (entry == waiters_.end()) {
        return;
    }
    std::vector<Waiter>& waiters = entry->second;
    const auto found = std::find_if(waiters.begin(), waiters.end(),
                                    [waiter_id](const Waiter& one) { return one.id == waiter_id; });
    if (found == waiters.end()) {
        return;
    }
    const auto done = std::move(found->done);
    waiters.erase(found);
    if (waiters.empty()) {
        waiters_.erase(entry);
    }
    done({RunReply::Kind::timed_out, {}, RunStatus::running});
}

void RunDriver::Impl::answer_waiters(const std::string& run_id, const RunReply& reply) {
    auto entry = waiters_.extract(run_id);
    if (entry.empty()) {
        return;
    }
    for (Waiter& waiter : entry.mapped()) {
        ports_.loop.cancel(waiter.timer);
        waiter.done(reply);
    }
}

// A run that is not in memory: its record knows what it answered, when it has.
void RunDriver::Impl::look_for_answer(const std::string& run_id) {
    ports_.store.run(run_id, [self = shared_from_this(),
                              run_id](const Result<std::optional<StoredRun>>& stored) {
        if (!stored.ok()) {
            return;  // their time runs out, or another look finds it
        }
        if (!stored->has_value()) {
            self->answer_waiters(run_id, {});
            return;
        }
        const RunStatus status = run_status_from((*stored)->row.status);
        self->with_state(**stored, [self, run_id, status](const Result<RunPtr>& run) {
            const bool gone = run.ok() && *run == nullptr;
            if (gone) {
                self->answer_waiters(run_id, {RunReply::Kind::finished, {}, status});
            } else if (run.ok() &&
                       (is_terminal((*run)->state.status) || (*run)->state.response.exists())) {
                self->answer_waiters(run_id, reply_of((*run)->state));
            }
        });
    });
}

// Runs of other processes; their notice may have been lost.
void RunDriver::Impl::look_for_answers() {
    std::vector<std::string> elsewhere;
    for (const auto& [run_id, waiters] : waiters_) {
        if (!live_.contains(run_id)) {
            elsewhere.push_back(run_id);
        }
    }
    for (const std::string& run_id : elsewhere) {
        look_for_answer(run_id);
    }
}

void RunDriver::Impl::notice(const StoreNotice& notice) {
    switch (notice.kind) {
        case StoreNotice::Kind::run_done:
            if (waiters_.contains(notice.id) && !live_.contains(notice.id)) {
                look_for_answer(notice.id);
            }
            return;
        case StoreNotice::Kind::missed:
            look_for_answers();
            return;
        case StoreNotice::Kind::flow_changed:
            return;
    }
}

// ---- recovery

// The stored run as it stood; null when its flow is gone or its journal makes no sense. An error is
// the store's.
void RunDriver::Impl::with_state(const StoredRun& stored,
                                 std::function<void(Result<RunPtr>)> then) {
    ports_.flows.version(
        stored.row.flow_id, stored.row.version_id,
        [stored, then = std::move(then)](Result<std::optional<RunnableFlow>> flow) {
            if (!flow.ok()) {
                then(flow.error());
                return;
            }
            if (!flow->has_value() || (*flow)->program == nullptr) {
                then(RunPtr());
                return;
            }
            auto run = std::make_shared<LiveRun>();
            run->row = stored.row;
            run->program = (*flow)->program;
            run->next_sequence = static_cast<std::int64_t>(stored.commits.size());
            Result<RunState> state = replay(*run->program, stored.commits);
            if (!state.ok()) {
                then(RunPtr());
                return;
            }
            run->state = *std::move(state);
            run->foreign = true;
            for (const std::string& commit : stored.commits) {
                run->log_bytes += commit.size();
            }
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
    with_state(stored, [self = shared_from_this(), stored](const Result<RunPtr>& run) {
        if (!run.ok()) {
            self->ports_.loop.after(kStoreRetryMs, [self, stored] { self->take_up(stored); });
        } else if (*run == nullptr) {
            self->abandon(stored);
        } else {
            self->resume_taken(*run);
        }
    });
}

void RunDriver::Impl::resume_taken(const RunPtr& run) {
    if (!keep(run)) {
        return;
    }
    run->driving = true;  // until its turn comes
    arm_sweep();
    Transition next = engine::resume(*run->program, std::move(run->state));
    run->state = std::move(next.state);
    // The time the engine was down is not the run's fault: its clock starts anew.
    run->deadline_ms = ports_.clock.now_ms() + options_.flow_timeout_ms;
    for (Action& action : next.actions) {
        auto* timer = std::get_if<SetTimer>(&action.what);
        if (timer == nullptr || timer->timer != TimerKind::deadline) {
            run->ready.push_back(std::move(action));
        }
    }
    begin(run);
}

// Runs whose process is gone are taken up by whoever looks first.
void RunDriver::Impl::look_for_orphans() {
    if (++sweeps_ % kOrphanSweeps != 0 || closed_ || idle_ || live_.size() >= options_.runs_max) {
        return;
    }
    ports_.store.unfinished_runs(
        {}, kRecoveryPage, [weak = weak_from_this()](const Result<std::vector<StoredRun>>& runs) {
            const auto self = weak.lock();
            if (self == nullptr || !runs.ok() || runs->empty()) {
                return;
            }
            self->counters_.taken_over += runs->size();
            self->ports_.log.write(
                LogLevel::warn, "runs_taken_over",
                {{"count", Json::integer(static_cast<std::int64_t>(runs->size()))}});
            for (const StoredRun& stored : *runs) {
                self->take_up(stored);
            }
        });
}

// Another process has gone on with this run: what is known here is void.
void RunDriver::Impl::lose(const RunPtr& run) {
    if (std::exchange(run->lost, true)) {
        return;
    }
    ports_.log.write(LogLevel::warn, "run_lost", {{"run", Json::string(run->row.id)}});
    if (run->cancel_effect) {
        std::exchange(run->cancel_effect, nullptr)();
    }
    run->ready.clear();
    counters_.lost += 1;
    for (const auto& acknowledge : std::exchange(run->acknowledge, {})) {
        acknowledge(false);
    }
    leave(run);
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
    ports_.store.append(std::move(commit), [](const Result<Appended>&) {});
}

}  // namespace sallyport::engine
