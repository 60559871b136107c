// The run driver's third part: runs that rest, and what is asked of runs from outside.
//
// A run that rests for long leaves memory; the store knows when it is due, and the sweep takes it
// up then. A million resting runs cost a million rows and no timer.
#include "engine/adapters/runs/run_driver_impl.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

// Shorter rests are kept in memory under a timer of their own, so that they end on time.
constexpr std::int64_t kKeptPauseMs = 30'000;
// Due runs put in line at once: others want to write between two pages.
constexpr std::size_t kDuePage = 500;
// A commit takes about this long.
constexpr std::int64_t kParkingMs = 2;
// A run that another process works on is asked for again after this.
constexpr std::int64_t kElsewhereMs = 500;
// What a step says that nobody answered.
constexpr const char* kInVain =
    "PAUSED_FLOW_TIMEOUT_EXCEEDED: nobody answered within AP_PAUSED_FLOW_TIMEOUT_DAYS";

}  // namespace

void RunDriver::Impl::perform(const RunPtr& run, const ParkRun& action) {
    if (run->state.status != RunStatus::paused) {
        return;  // went on while its rest was being committed
    }
    const std::int64_t rest_ms = action.resume_at_ms - ports_.clock.now_ms();
    if (rest_ms <= kKeptPauseMs && !idle_) {
        queue_.leave(run->row.id);  // others may go on meanwhile
        draw_soon();
        ports_.loop.after(std::max<std::int64_t>(rest_ms, 0),
                          [self = shared_from_this(), run] { self->go_on(run); });
        return;
    }
    leave(run);
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
            self->wake_up(owned);
        }
    });
}

void RunDriver::Impl::wake_up(const RunPtr& run) {
    const std::int64_t deadline_ms = start_clock(*run);
    // What waits for a request has waited as long as it may.
    const bool in_vain = !run->state.request_id.empty();
    const Json output = run->state.records[run->state.cursor].output;
    counters_.resumed += 1;
    queue_.take(run->row.id, run->row.project_id);
    feed(run, RunResumed{deadline_ms, output, in_vain ? kInVain : ""});
}

// Those that are due go into the lines; a million at once costs one page after the other.
void RunDriver::Impl::look_for_due_runs() {
    if (looking_ || closed_ || idle_) {
        return;
    }
    looking_ = true;
    ports_.store.queue_due_runs(
        ports_.clock.now_ms(), kDuePage,
        [weak = weak_from_this()](const Result<std::vector<WaitingLine>>& due) {
            const auto self = weak.lock();
            if (self == nullptr) {
                return;
            }
            self->looking_ = false;
            if (!due.ok()) {
                self->ports_.log.write(LogLevel::error, "due_runs_unreadable",
                                       {{"problem", Json::string(due.message())}});
                return;
            }
            std::size_t count = 0;
            for (const WaitingLine& line : *due) {
                count += line.count;
            }
            self->join(*due);
            if (count == kDuePage) {
                self->look_for_due_runs();
            }
        });
}

// Stopping: what rests rests on disk.
void RunDriver::Impl::forget_paused() {
    std::vector<RunPtr> resting;
    for (const auto& [id, run] : live_) {
        if (run->state.status == RunStatus::paused && !run->committing) {
            resting.push_back(run);
        }
    }
    for (const RunPtr& run : resting) {
        leave(run);
    }
}

// ---- what is asked from outside

// The run in memory, and this process's own. One that is about to rest is waited for: by then it is
// nobody's.
void RunDriver::Impl::claimed(const std::string& run_id, std::function<void(Result<Claim>)> then) {
    const auto live = live_.find(run_id);
    const bool here = live != live_.end();
    const bool paused = here && live->second->state.status == RunStatus::paused;
    if (paused && live->second->committing) {
        ports_.loop.after(
            kParkingMs, [self = shared_from_this(), run_id, then] { self->claimed(run_id, then); });
        return;
    }
    if (here && !(paused && ports_.store.shared())) {
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
            self->load_claimed(std::make_shared<StoredRun>(claim->run), then);
        }
    });
}

void RunDriver::Impl::load_claimed(const StoredPtr& stored,
                                   const std::function<void(Result<Claim>)>& then) {
    const auto live = live_.find(stored->row.id);
    if (live != live_.end()) {
        const RunPtr here = live->second;
        if (here->next_sequence == static_cast<std::int64_t>(stored->commits.size()) ||
            !ports_.store.shared()) {
            then(Claim{here, true, false});
            return;
        }
        lose(here);  // went on elsewhere and rests again
    }
    with_state(stored, [self = shared_from_this(), stored, then](const Result<RunPtr>& run) {
        if (!run.ok()) {
            self->ports_.store.release_run(stored->row.id);
            then(run.error());
            return;
        }
        if (*run == nullptr) {
            self->ports_.store.release_run(stored->row.id);  // given up when it is due
            then(Claim{nullptr, false, false});
            return;
        }
        const bool loaded = self->keep(*run);  // unless another request was quicker
        then(Claim{self->live_.at((*run)->row.id), true, loaded});
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
                    self->ports_.store.release_run(claim->run->row.id);
                    self->leave(claim->run);
                }
            });
}

// Another process may be about to park the run: then it can be had in a moment.
void RunDriver::Impl::resume_by(std::string run_id, const RequestArrived& event,
                                Runs::OutcomeDone done, int tries_left) {
    claimed(run_id, [self = shared_from_this(), run_id, event, done,
                     tries_left](const Result<Claim>& claim) {
        if (!claim.ok()) {
            done(claim.error());
        } else if (claim->run != nullptr) {
            if (!self->apply(claim->run, event, done) && claim->loaded) {
                self->ports_.store.release_run(run_id);
                self->leave(claim->run);
            }
        } else if (!claim->known) {
            done(Runs::Outcome::unknown);
        } else if (tries_left == 0) {
            done(Error{"the run is busy elsewhere"});
        } else {
            self->ports_.loop.after(kElsewhereMs, [self, run_id, event, done, tries_left] {
                self->resume_by(run_id, event, done, tries_left - 1);
            });
        }
    });
}

bool RunDriver::Impl::apply(const RunPtr& run, const Event& event, const Runs::OutcomeDone& done) {
    const auto* request = std::get_if<RequestArrived>(&event);
    const bool retry = std::holds_alternative<RunRetried>(event);
    const RunState& state = run->state;
    const bool busy = run->committing || !run->acknowledge.empty();
    const bool fits =
        request != nullptr
            ? !is_terminal(state.status) && !state.answered.has(request->request_id) &&
                  !state.early.has(request->request_id) && state.early.size() < kEarlyRequestsMax
            : !busy && (retry ? is_retriable(state.status)
                              : state.status == RunStatus::paused || run->row.queue_class > 0);
    if (!fits) {
        done(Runs::Outcome::refused);
        return false;
    }
    run->acknowledge.emplace_back(
        [done](bool stored) { done(stored ? Runs::Outcome::accepted : Runs::Outcome::refused); });
    const bool rested = state.status == RunStatus::paused;
    // A request takes a run that was interrupted, and waits to be taken up, past its line.
    const bool interrupted = request != nullptr && !rested && run->row.queue_class > 0;
    run->row.queue_class = 0;
    if (interrupted) {
        queue_.take(run->row.id, run->row.project_id);
        prepare_to_go_on(*run);
    }
    std::int64_t deadline_ms = state.deadline_ms;
    if (rested || retry) {
        queue_.take(run->row.id, run->row.project_id);
        counters_.resumed += 1;
        deadline_ms = start_clock(*run);
        run->replied = false;
        run->parent_told = false;
    }
    if (request != nullptr) {
        feed(run, RequestArrived{request->request_id, request->payload, deadline_ms});
    } else {
        feed(run, retry ? Event(RunRetried{deadline_ms}) : event);
    }
    if (interrupted) {
        have_turn(run);
    }
    return true;
}

}  // namespace sallyport::engine
