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

// The time has come: the step that waited has its result.
void RunDriver::Impl::go_on(const RunPtr& run) {
    const auto live = live_.find(run->row.id);
    if (live == live_.end() || live->second != run || run->state.status != RunStatus::paused) {
        return;  // canceled, or left to the next process
    }
    run->deadline_ms = ports_.clock.now_ms() + options_.flow_timeout_ms;
    feed(run, RunResumed{run->deadline_ms, run->state.records[run->state.cursor].output});
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

void RunDriver::Impl::change(std::string run_id, const Event& event, Runs::OutcomeDone done) {
    const auto live = live_.find(run_id);
    if (live != live_.end()) {
        apply(live->second, event, done);
        return;
    }
    ports_.store.run(std::move(run_id), [self = shared_from_this(), event, done = std::move(done)](
                                            Result<std::optional<StoredRun>> stored) {
        if (!stored.ok()) {
            done(stored.error());
            return;
        }
        if (!stored->has_value()) {
            done(Runs::Outcome::unknown);
            return;
        }
        self->with_state(**stored, [self, event, done](const RunPtr& run) {
            if (run == nullptr) {
                done(Runs::Outcome::unknown);
                return;
            }
            // Another request may have been quicker.
            const auto [at, loaded] = self->live_.emplace(run->row.id, run);
            const RunPtr target = at->second;
            if (!self->apply(target, event, done) && loaded) {
                self->live_.erase(target->row.id);  // was loaded for this question alone
                self->report_idle();
            }
        });
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
    run->acknowledge = [done] { done(Runs::Outcome::accepted); };
    run->deadline_ms = ports_.clock.now_ms() + options_.flow_timeout_ms;
    feed(run, retry ? Event(RunRetried{run->deadline_ms}) : event);
    return true;
}

}  // namespace sallyport::engine
