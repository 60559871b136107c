// The run driver's fifth part: how many runs there may be, whose turn it is, and what is counted.
//
// A run that can wait is begun at once only while there are places and work is not piled up; else
// it waits in the store, and whenever there is room the next are drawn from there.
#include "engine/adapters/runs/run_driver_impl.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

// Runs taken from the store at once. More would begin together what ends one by one.
constexpr std::size_t kDrawMax = 64;

}  // namespace

bool RunDriver::Impl::has_room() const {
    return live_.size() + queue_.waiting() + creating_ < options_.runs_max &&
           live_bytes_ < options_.live_bytes_max;
}

// Whether more runs that can wait should be begun.
bool RunDriver::Impl::may_begin_more() const {
    return code_ahead_ < options_.code_ahead_max && live_bytes_ < options_.begin_bytes_max;
}

// Somebody waits for the answer of a sync caller's run.
bool RunDriver::Impl::begins_at_once(const LiveRun& run) {
    return (run.priority <= StartRun::kSync || may_begin_more()) &&
           queue_.enter(run.row.id, run.row.project_id, run.priority);
}

bool RunDriver::Impl::waits_long(const LiveRun& run, const Step& step) const {
    return step.kind == StepKind::code && run.priority > StartRun::kSync;
}

// The run has its whole time from now on. Returned is the end by the wall clock, for the journal.
std::int64_t RunDriver::Impl::start_clock(LiveRun& run) const {
    run.deadline_ms = ports_.clock.steady_ms() + options_.flow_timeout_ms;
    return ports_.clock.now_ms() + options_.flow_timeout_ms;
}

void RunDriver::Impl::have_turn(const RunPtr& run) {
    start_clock(*run);
    run->driving = false;
    drive(run);
}

// ---- lines

// Once a turn of the loop, however many runs made room in it.
void RunDriver::Impl::draw_soon() {
    if (drawing_ || queue_.lines() == 0 || !may_begin_more()) {
        return;
    }
    drawing_ = true;
    ports_.loop.post([weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->draw();
        }
    });
}

void RunDriver::Impl::draw() {
    drawing_ = false;
    if (closed_ || idle_ || !may_begin_more()) {
        return;
    }
    auto draws = queue_.draw(std::min(kDrawMax, options_.code_ahead_max - code_ahead_));
    if (draws.empty()) {
        return;
    }
    drawing_ = true;
    std::vector<LineClaim> claims;
    for (const RunQueue::Draw& draw : draws) {
        claims.push_back({draw.project, draw.priority, draw.places});
    }
    // One more than fits: what is larger than all of it has its turn as well.
    const std::size_t bytes_max = options_.begin_bytes_max - live_bytes_;
    ports_.store.claim_waiting(std::move(claims), bytes_max,
                               [weak = weak_from_this(), draws = std::move(draws),
                                bytes_max](Result<std::vector<StoredRun>> runs) {
                                   if (const auto self = weak.lock()) {
                                       self->on_drawn(draws, bytes_max, std::move(runs));
                                   }
                               });
}

void RunDriver::Impl::on_drawn(const std::vector<RunQueue::Draw>& draws, std::size_t bytes_max,
                               Result<std::vector<StoredRun>> runs) {
    drawing_ = false;
    if (!runs.ok()) {
        queue_.drawn(draws, {}, false);  // the sweep tries again
        ports_.log.write(LogLevel::error, "waiting_runs_unreadable",
                         {{"problem", Json::string(runs.message())}});
        return;
    }
    std::vector<RunQueue::Drawn> drawn;
    std::size_t bytes = 0;
    for (const StoredRun& stored : *runs) {
        drawn.push_back({stored.row.id, stored.row.project_id, stored.row.created_ms});
        bytes += journal_bytes(stored);
    }
    queue_.drawn(draws, drawn, true, bytes >= bytes_max);
    for (StoredRun& stored : *runs) {
        // One that is here already was asked for from outside meanwhile, and goes on by that.
        if (!live_.contains(stored.row.id)) {
            live_bytes_ += journal_bytes(stored);  // until it is live itself
            take_up(std::make_shared<StoredRun>(std::move(stored)));
        }
    }
    draw_soon();
}

void RunDriver::Impl::join(const std::vector<WaitingLine>& lines) {
    for (const WaitingLine& line : lines) {
        queue_.join(line.project_id, static_cast<int>(line.queue_class), line.count,
                    line.oldest_ms);
    }
    draw_soon();
}

// What other processes put in line.
void RunDriver::Impl::look_at_lines() {
    ports_.store.waiting_lines(
        [weak = weak_from_this()](const Result<std::vector<WaitingLine>>& lines) {
            const auto self = weak.lock();
            if (self == nullptr || !lines.ok()) {
                return;
            }
            for (const WaitingLine& line : *lines) {
                self->queue_.set_count(line.project_id, static_cast<int>(line.queue_class),
                                       line.count, line.oldest_ms);
            }
            self->draw_soon();
        });
}

// ---- places

// False: it is there already.
bool RunDriver::Impl::keep(const RunPtr& run) {
    const bool added = live_.emplace(run->row.id, run).second;
    live_bytes_ += added ? run->log_bytes : 0;
    return added;
}

void RunDriver::Impl::tell_of_end(const RunRow& run, std::int64_t finished_ms, RunStatus status) {
    // The wall clock may have been set back meanwhile.
    counters_.end(status, std::max<std::int64_t>(finished_ms - run.created_ms, 0));
    if (ports_.on_end) {
        ports_.on_end(run, status);
    }
}

void RunDriver::Impl::leave(const RunPtr& run) {
    const auto live = live_.find(run->row.id);
    if (live == live_.end() || live->second != run) {
        return;
    }
    const RunPtr kept = run;  // the caller's may be the one in the map
    hold_input(*kept, {});
    live_.erase(live);
    live_bytes_ -= kept->log_bytes;
    queue_.leave(kept->row.id);
    draw_soon();
    report_idle();
}

void RunDriver::Impl::count_step(const LiveRun& run, std::size_t step) {
    const auto kind = static_cast<std::size_t>(run.program->steps[step].kind);
    const std::int64_t started = run.state.records[step].started_ms;
    counters_.step_ms[kind].add(
        started > 0 ? std::max<std::int64_t>(ports_.clock.now_ms() - started, 0) : 0);
}

// There may be room for those that wait now.
void RunDriver::Impl::limit_project(const std::string& project_id, std::size_t active_max) {
    queue_.limit_project(project_id, active_max);
    draw_soon();
}

RunGauges RunDriver::Impl::gauges() const {
    return {live_.size(), queue_.active(), queue_.waiting(),
            queue_.oldest_ms(ports_.clock.now_ms()), live_bytes_};
}

void RunDriver::limit_project(const std::string& project_id, std::size_t active_max) {
    impl_->limit_project(project_id, active_max);
}

}  // namespace sallyport::engine
