// The run driver's third part: runs that rest, and what is asked of runs from outside.
//
// A run that rests for long leaves memory; the store knows when it is due, and the sweep takes it
// up then. A million resting runs cost a million rows and no timer.
#include "engine/adapters/run_driver_impl.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

// Shorter rests are kept in memory under a timer of their own, so that they end on time.
constexpr std::int64_t kKeptPauseMs = 30'000;
// Due runs taken up at once; the next sweep has the others.
constexpr std::size_t kDuePage = 200;
// When the store did not answer.
constexpr std::int64_t kStoreRetryMs = 1000;

}  // namespace

void RunDriver::Impl::perform(const RunPtr& run, const ParkRun& action) {
    const std::int64_t rest_ms = action.resume_at_ms - ports_.clock.now_ms();
    if (rest_ms <= kKeptPauseMs && !idle_) {
        ports_.loop.after(std::max<std::int64_t>(rest_ms, 0),
                          [self = shared_from_this(), run] { self->go_on(run); });
        return;
    }
    live_.erase(run->row.id);
    report_idle();
}

// The time has come: the step that waited has its result. On a shared store the run was nobody's
// while it rested: another process may have been quicker.
void RunDriver::Impl::go_on(const RunPtr& run) {
    const auto live = live_.find(run->row.id);
    if (live == live_.end() || live->second != run || run->state.status != RunStatus::paused) {
        return;  // canceled, or left to the next process
    }
    claimed(run->row.id, [self = shared_from_this(), run](const Result<Claim>& claim) {
        if (!claim.ok()) {
            self->ports_.loop.after(kStoreRetryMs, [self, run] { self->go_on(run); });
            return;
        }
        const RunPtr& owned = claim->run;
        if (owned == nullptr) {
            self->lose(run);
        } else if (owned->state.status == RunStatus::paused) {
            owned->deadline_ms = self->ports_.clock.now_ms() + self->options_.flow_timeout_ms;
            self->feed(owned, RunResumed{owned->deadline_ms,
                                         owned->state.records[owned->state.cursor].output});
        }
    });
}

void RunDriver::Impl::look_for_due_runs() {
    if (looking_ || closed_ || idle_ || live_.size() >= options_.runs_max) {
        return;
    }
    looking_ = true;
    ports_.store.due_runs(ports_.clock.now_ms(), kDuePage,
                          [weak = weak_from_this()](const Result<std::vector<StoredRun>>& due) {
                              const auto self = weak.lock();
                              if (self == nullptr) {
                                  return;
                              }
                              self->looking_ = false;
                              if (!due.ok()) {
                                  self->ports_.log.write(
                                      LogLevel::error, "due_runs_unreadable",
                                      {{"problem", Json::string(due.message())}});
                                  return;
                              }
                              for (const StoredRun& stored : *due) {
                                  if (!self->live_.contains(stored.row.id)) {
                                      self->take_up(stored);
                                  }
                              }
                          });
}

// Stopping: what rests rests on disk.
void RunDriver::Impl::forget_paused() {
    std::erase_if(live_, [](const auto& entry) {
        return entry.second->state.status == RunStatus::paused && !entry.second->committing;
    });
}

// ---- what is asked from outside

// The run in memory, and this process's own.
void RunDriver::Impl::claimed(const std::string& run_id, std::function<void(Result<Claim>)> then) {
    const auto live = live_.find(run_id);
    const bool rests = live != live_.end() && live->second->state.status == RunStatus::paused &&
                       !live->second->committing;
    if (live != live_.end() && !(rests && ports_.store.shared())) {
        then(Claim{live->second, true, false});
        return;
    }
    ports_.store.claim_run(run_id, [self = shared_from_this(),
                                    then = std::move(then)](const Result<ClaimedRun>& claim) {
        if (!claim.ok()) {
            then(claim.error());
        } else if (claim->outcome != ClaimedRun::Outcome::claimed) {
            then(Claim{nullptr, claim->outcome == ClaimedRun::Outcome::elsewhere, false});
        } else {
            self->load_claimed(claim->run, then);
        }
    });
}

void RunDriver::Impl::load_claimed(const StoredRun& stored,
                                   const std::function<void(Result<Claim>)>& then) {
    const auto live = live_.find(stored.row.id);
    if (live != live_.end()) {
        const RunPtr here = live->second;
        if (here->next_sequence == static_cast<std::int64_t>(stored.commits.size()) ||
            !ports_.store.shared()) {
            then(Claim{here, true, false});
            return;
        }
        lose(here);  // went on elsewhere and rests again
    }
    with_state(stored, [self = shared_from_this(), then](const Result<RunPtr>& run) {
        if (!run.ok()) {
            then(run.error());
            return;
        }
        if (*run == nullptr) {
            then(Claim{nullptr, false, false});
            return;
        }
        // Another request may have been quicker.
        const auto [at, loaded] = self->live_.emplace((*run)->row.id, *run);
        then(Claim{at->second, true, loaded});
    });
}

void RunDriver::Impl::change(std::string run_id, const Event& event, Runs::OutcomeDone done) {
    claimed(run_id,
            [self = shared_from_this(), event, done = std::move(done)](const Result<Claim>& claim) {
                if (!claim.ok()) {
                    done(claim.error());
                } else if (claim->run == nullptr) {
                    done(claim->known ? Runs::Outcome::refused : Runs::Outcome::unknown);
                } else if (!self->apply(claim->run, event, done) && claim->loaded) {
                    self->live_.erase(claim->run->row.id);
                    self->ports_.store.release_run(claim->run->row.id);
                    self->report_idle();
                }
            });
}

bool RunDriver::Impl::apply(const RunPtr& run, const Event& event, const Runs::OutcomeDone& done) {
    const bool retry = std::holds_alternative<RunRetried>(event);
    const bool fits =
        retry ? is_retriable(run->state.status) : run->state.status == RunStatus::paused;
    if (!fits || run->committing || run->acknowledge) {
        done(Runs::Outcome::refused);
        return false;
    }
    run->acknowledge = [done](bool stored) {
        done(stored ? Runs::Outcome::accepted : Runs::Outcome::refused);
    };
    run->deadline_ms = ports_.clock.now_ms() + options_.flow_timeout_ms;
    feed(run, retry ? Event(RunRetried{run->deadline_ms}) : event);
    return true;
}

}  // namespace sallyport::engine
