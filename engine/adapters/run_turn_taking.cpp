// The run driver's fifth part: how many runs there may be, whose turn it is, and what is counted.
#include "engine/adapters/run_driver_impl.hpp"

#include <utility>

namespace sallyport::engine {

bool RunDriver::Impl::has_room() const {
    return live_.size() < options_.runs_max && live_bytes_ < options_.live_bytes_max;
}

// Goes on now, or when its turn comes. Until then `driving` keeps everything back.
void RunDriver::Impl::begin(const RunPtr& run) {
    const bool mine =
        queue_.enter(run->row.id, run->row.project_id, run->priority, ports_.clock.now_ms());
    if (mine) {
        have_turn(run);
    } else {
        run->deadline_ms = INT64_MAX;  // waiting is no run time
    }
}

void RunDriver::Impl::have_turn(const RunPtr& run) {
    run->begun_ms = ports_.clock.now_ms();
    run->deadline_ms = run->begun_ms + options_.flow_timeout_ms;
    run->driving = false;
    drive(run);
}

// One at a time however deep the calls nest: a run that ends at once makes room for the next.
void RunDriver::Impl::next_turns() {
    if (std::exchange(taking_turns_, true)) {
        return;
    }
    while (const auto id = queue_.next()) {
        const auto live = live_.find(*id);
        if (live == live_.end()) {
            queue_.leave(*id);
        } else {
            have_turn(RunPtr(live->second));
        }
    }
    taking_turns_ = false;
}

// False: it is there already.
bool RunDriver::Impl::keep(const RunPtr& run) {
    const bool added = live_.emplace(run->row.id, run).second;
    live_bytes_ += added ? run->log_bytes : 0;
    return added;
}

void RunDriver::Impl::leave(const RunPtr& run) {
    const auto live = live_.find(run->row.id);
    if (live == live_.end() || live->second != run) {
        return;
    }
    const RunPtr kept = run;  // the caller's may be the one in the map
    live_.erase(live);
    live_bytes_ -= kept->log_bytes;
    queue_.leave(kept->row.id);
    next_turns();
    report_idle();
}

void RunDriver::Impl::count_step(const LiveRun& run, std::size_t step) {
    const auto kind = static_cast<std::size_t>(run.program->steps[step].kind);
    const std::int64_t started = run.state.records[step].started_ms;
    counters_.step_ms[kind].add(started > 0 ? ports_.clock.now_ms() - started : 0);
}

RunGauges RunDriver::Impl::gauges() const {
    return {live_.size(), queue_.active(), queue_.waiting(),
            queue_.oldest_ms(ports_.clock.now_ms()), live_bytes_};
}

}  // namespace sallyport::engine
