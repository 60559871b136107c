#include "engine/adapters/runs/schedule_runner.hpp"

#include "engine/adapters/time_zones.hpp"
#include "engine/core/pieces/queue.hpp"
#include "engine/core/trigger_schedule.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

// How late a schedule may fire.
constexpr std::int64_t kLookMs = 500;
// A clock that goes back by less delays a schedule by less.
constexpr std::int64_t kSetBackMs = 1000;
// Schedules taken at once; the next look has the others.
constexpr std::size_t kSchedulesPage = 200;

bool processes_jobs(const Step& trigger) {
    return trigger.piece == kQueuePiece && trigger.action == kProcessJobs;
}

}  // namespace

ScheduleRunner::~ScheduleRunner() {
    stop();
}

void ScheduleRunner::start() {
    timer_ = ports_.loop.after(kLookMs, [this] {
        look();
        start();
    });
}

void ScheduleRunner::stop() {
    ports_.loop.cancel(std::exchange(timer_, 0));
}

void ScheduleRunner::look() {
    if (std::exchange(looking_, true)) {
        return;
    }
    const std::int64_t now = ports_.clock.now_ms();
    recount_ = recount_ || now < looked_ms_ - kSetBackMs;
    looked_ms_ = now;
    if (std::exchange(recount_, false)) {
        return recount({});
    }
    ports_.flows.due_schedules(now, kSchedulesPage,
                               [this](const Result<std::vector<ScheduleRow>>& due) {
                                   looking_ = false;
                                   if (!due.ok()) {
                                       return;  // the store says so elsewhere
                                   }
                                   for (const ScheduleRow& row : *due) {
                                       fire(row);
                                   }
                               });
}

// A clock that was wrong has left times that lie beyond the next one. A time that comes twice by
// this has had its run, whose delivery id is known.
void ScheduleRunner::recount(const std::string& after_flow_id) {
    ports_.flows.coming_schedules(after_flow_id, looked_ms_, kSchedulesPage,
                                  [this](const Result<std::vector<ScheduleRow>>& coming) {
                                      if (!coming.ok() || coming->empty()) {
                                          looking_ = false;
                                          recount_ = !coming.ok();
                                          return;
                                      }
                                      for (const ScheduleRow& row : *coming) {
                                          const auto next =
                                              next_fire_ms(row.cron, row.timezone, looked_ms_);
                                          if (next.ok() && *next < row.next_ms) {
                                              advance(row, looked_ms_);
                                          }
                                      }
                                      recount(coming->back().flow_id);
                                  });
}

void ScheduleRunner::fire(const ScheduleRow& row) {
    ports_.catalog.published(row.flow_id, [this,
                                           row](const Result<std::optional<RunnableFlow>>& flow) {
        if (!flow.ok()) {
            return;  // the next look has it again
        }
        const bool runs = flow->has_value() && (*flow)->enabled && (*flow)->program != nullptr;
        if (runs && processes_jobs((*flow)->program->trigger())) {
            ports_.queues.process(**flow, [this, row] { advance(row, ports_.clock.now_ms()); });
            return;
        }
        if (!runs) {
            advance(row, ports_.clock.now_ms());
            return;
        }
        if ((*flow)->program->trigger().piece != kSchedulePiece) {
            look_for_items(row, **flow);
            return;
        }
        const Step& trigger = (*flow)->program->trigger();
        const Result<Schedule> schedule = schedule_of(trigger.action, trigger.settings["input"]);
        const std::int64_t after = go_on_after(row, schedule);
        if (schedule.ok() && schedule->missed == MissedRuns::skip && is_late(row)) {
            advance(row, after);
            return;
        }
        StartRun run;
        run.program = (*flow)->program;
        run.project_id = (*flow)->project_id;
        run.payload = schedule.ok() ? schedule->payload : Json::object();
        run.delivery_id = "schedule:" + std::to_string(row.next_ms);
        run.priority = StartRun::kPolling;
        ports_.runs.start(std::move(run), [this, row, after](const Result<StartedRun>& started) {
            if (started.ok()) {
                advance(row, after);
            }
        });
    });
}

bool ScheduleRunner::is_late(const ScheduleRow& row) const {
    return ports_.clock.now_ms() - row.next_ms > kMissedAfterMs;
}

// The time the next one is looked for after: now, or the one that was just made up for when each
// has its run.
std::int64_t ScheduleRunner::go_on_after(const ScheduleRow& row,
                                         const Result<Schedule>& schedule) const {
    const std::int64_t now = ports_.clock.now_ms();
    if (!schedule.ok() || schedule->missed != MissedRuns::all) {
        return now;
    }
    std::int64_t at = row.next_ms;
    for (std::int64_t count = 0; count < kMissedRunsMax; ++count) {
        const auto next = next_fire_ms(row.cron, row.timezone, at);
        if (!next.ok() || *next > now) {
            return row.next_ms;
        }
        at = *next;
    }
    return now;  // too many: the present is worth more
}

// A trigger that is asked again and again. The time is over before it is asked: a
// question that takes long is not asked twice.
void ScheduleRunner::look_for_items(const ScheduleRow& row, const RunnableFlow& flow) {
    advance(row, ports_.clock.now_ms());
    const Step& trigger = flow.program->trigger();
    if (fetches_items(trigger.piece, trigger.action)) {
        if (asking_.insert(row.flow_id).second) {
            ports_.items.look(flow, [this, id = row.flow_id] { asking_.erase(id); });
        }
        return;
    }
    if (ports_.triggers == nullptr || !is_hosted_trigger(trigger.piece) ||
        !asking_.insert(row.flow_id).second) {
        return;
    }
    HostedTriggers::Occasion occasion;
    occasion.priority = StartRun::kPolling;
    ports_.triggers->fire(
        flow, std::move(occasion),
        [this, id = row.flow_id](const Result<std::vector<StartedRun>>&) { asking_.erase(id); });
}

void ScheduleRunner::advance(const ScheduleRow& row, std::int64_t after_ms) {
    ScheduleRow later = row;
    const auto next = next_fire_ms(row.cron, row.timezone, after_ms);
    if (!next.ok()) {
        ports_.log.write(
            LogLevel::error, "schedule_ended",
            {{"flow", Json::string(row.flow_id)}, {"problem", Json::string(next.message())}});
    }
    later.next_ms = next.ok() ? *next : ScheduleRow::kNever;
    ports_.flows.advance_schedule(later, row.next_ms, [](const Result<Done>&) {});
}

}  // namespace sallyport::engine
