// The run driver's other half: who waits for a run, and the runs an earlier process left.
#include "engine/adapters/runs/run_driver_impl.hpp"
#include "engine/core/runs/journal.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sallyport::engine {
namespace {

// Runs of processes that are gone are looked for at every so many sweeps.
constexpr int kOrphanSweeps = 2;

}  // namespace

std::size_t journal_bytes(const StoredRun& stored) {
    std::size_t bytes = 0;
    for (const std::string& commit : stored.commits) {
        bytes += commit.size();
    }
    return bytes;
}

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
        const auto whole = std::make_shared<StoredRun>(**stored);
        self->with_state(whole, [self, run_id, status](const Result<RunPtr>& run) {
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
        case StoreNotice::Kind::may_be_done:
            look_for_answers();
            return;
        case StoreNotice::Kind::flow_changed:
            return;
    }
}

// ---- recovery

// The stored run as it stood; null when its flow is gone or its journal makes no sense. An error is
// the store's.
void RunDriver::Impl::with_state(const StoredPtr& stored,
                                 std::function<void(Result<RunPtr>)> then) {
    ports_.flows.version(
        stored->row.flow_id, stored->row.version_id,
        [stored, then = std::move(then)](Result<std::optional<RunnableFlow>> flow) {
            if (!flow.ok()) {
                then(flow.error());
                return;
            }
            if (!flow->has_value() || (*flow)->program == nullptr || stored->journal_lost) {
                then(RunPtr());
                return;
            }
            auto run = std::make_shared<LiveRun>();
            run->row = stored->row;
            run->program = (*flow)->program;
            run->next_sequence = static_cast<std::int64_t>(stored->commits.size());
            Result<RunState> state = replay(*run->program, stored->commits);
            if (!state.ok()) {
                then(RunPtr());
                return;
            }
            run->state = *std::move(state);
            run->foreign = true;
            run->log_bytes = journal_bytes(*stored);
            then(run);
        });
}

// Whatever was under way waits in the store from here on, before all others; it is taken up as
// there is room, like everything that waits.
void RunDriver::Impl::recover(std::function<void(Result<std::size_t>)> done) {
    arm_sweep();  // runs that rest may be due
    ports_.store.requeue_orphans([self = shared_from_this(), done = std::move(done)](
                                     const Result<std::vector<WaitingLine>>& interrupted) {
        if (!interrupted.ok()) {
            done(interrupted.error());
            return;
        }
        self->ports_.store.waiting_lines(
            [self, done](const Result<std::vector<WaitingLine>>& lines) {
                if (!lines.ok()) {
                    done(lines.error());
                    return;
                }
                self->join(*lines);
                done(self->queue_.waiting());
            });
    });
}

// REQUIRES: it has a place, and its journal is counted.
void RunDriver::Impl::take_up(const StoredPtr& stored) {
    with_state(stored, [self = shared_from_this(), stored](const Result<RunPtr>& run) {
        if (!run.ok()) {
            self->ports_.loop.after(kStoreRetryMs, [self, stored] { self->take_up(stored); });
            return;
        }
        self->live_bytes_ -= journal_bytes(*stored);
        if (*run == nullptr) {
            self->abandon(stored);
            self->queue_.leave(stored->row.id);
            self->draw_soon();
        } else {
            self->resume_taken(*run);
        }
    });
}

void RunDriver::Impl::resume_taken(const RunPtr& run) {
    if (!keep(run)) {
        return;
    }
    arm_sweep();
    if (run->state.status == RunStatus::paused) {
        wake_up(run);
        return;
    }
    prepare_to_go_on(*run);
    have_turn(run);
}

// What a crash or the line interrupted becomes ready; it goes on with `have_turn`. Its clock starts
// anew there: the time the engine was down is not the run's fault.
void RunDriver::Impl::prepare_to_go_on(LiveRun& run) {
    run.driving = true;
    Transition next = engine::resume(*run.program, std::move(run.state));
    run.state = std::move(next.state);
    std::move(next.actions.begin(), next.actions.end(), std::back_inserter(run.ready));
}

// Runs whose process is gone go into the lines, for whoever has room.
void RunDriver::Impl::look_for_orphans() {
    if (++sweeps_ % kOrphanSweeps != 0 || closed_ || idle_) {
        return;
    }
    if (queue_.active() < options_.active_max) {
        look_at_lines();
    }
    ports_.store.requeue_orphans(
        [weak = weak_from_this()](const Result<std::vector<WaitingLine>>& lines) {
            const auto self = weak.lock();
            if (self == nullptr || !lines.ok() || lines->empty()) {
                return;
            }
            std::size_t count = 0;
            for (const WaitingLine& line : *lines) {
                count += line.count;
            }
            self->counters_.taken_over += count;
            self->ports_.log.write(LogLevel::warn, "runs_taken_over",
                                   {{"count", Json::integer(static_cast<std::int64_t>(count))}});
            self->join(*lines);
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

// A run whose flow is gone, or whose journal nobody can read, cannot go on; its record says so,
// once the step that waits for it has heard. Until the store has taken that it is tried again:
// nobody else would, since the run is this process's.
void RunDriver::Impl::abandon(const StoredPtr& stored) {
    const RunRow& row = stored->row;
    const auto again = [self = shared_from_this(), stored] {
        self->ports_.loop.after(kStoreRetryMs, [self, stored] { self->abandon(stored); });
    };
    const auto end = [self = shared_from_this(), stored] {
        JournalCommit commit;
        commit.run_id = stored->row.id;
        commit.sequence = static_cast<std::int64_t>(stored->commits.size());
        commit.updated_ms = self->ports_.clock.now_ms();
        Json entries = Json::array();
        entries.append(journal_entry_json(RunCanceled{}, commit.updated_ms));
        commit.text = entries.dump();
        commit.status = to_string(RunStatus::internal_error);
        commit.tags = stored->row.tags;
        commit.steps_count = stored->row.steps_count;
        commit.finished_ms = commit.updated_ms;
        self->end_abandoned(stored->row, commit);
    };
    const Result<Json> first =
        stored->commits.empty() ? Result<Json>(Json()) : Json::parse(stored->commits.front());
    const Json begun = first.ok() ? first->at(0) : Json();
    const bool told =
        row.fail_parent && tell_parent(row, begun["payload"]["callbackUrl"].text(),
                                       [again, end](const Result<Runs::Outcome>& outcome) {
                                           outcome.ok() ? end() : again();
                                       });
    if (!told) {
        end();
    }
}

void RunDriver::Impl::end_abandoned(const RunRow& row, const JournalCommit& commit) {
    ports_.store.append(
        commit, [self = shared_from_this(), row, commit](const Result<Appended>& stored) {
            if (!stored.ok()) {
                self->counters_.write_failures += 1;
                self->ports_.loop.after(kStoreRetryMs,
                                        [self, row, commit] { self->end_abandoned(row, commit); });
                return;
            }
            if (*stored == Appended::lost) {
                return;
            }
            self->ports_.log.write(
                LogLevel::warn, "run_abandoned",
                {{"run", Json::string(row.id)}, {"flow", Json::string(row.flow_id)}});
            self->answer_waiters(row.id, {RunReply::Kind::finished, {}, RunStatus::internal_error});
            self->tell_of_end(row, commit.finished_ms, RunStatus::internal_error);
        });
}

}  // namespace sallyport::engine
