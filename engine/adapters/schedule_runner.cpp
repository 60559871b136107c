#include "engine/adapters/schedule_runner.hpp"

#include "engine/adapters/time_zones.hpp"
#include "engine/core/piece_schedule.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

// How late a schedule may fire.
constexpr std::int64_t kLookMs = 500;
// Schedules taken at once; the next look has the others.
constexpr std::size_t kPage = 200;

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
    ports_.flows.due_schedules(ports_.clock.now_ms(), kPage,
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

void ScheduleRunner::fire(const ScheduleRow& row) {
    ports_.catalog.published(row.flow_id, [this,
                                           row](const Result<std::optional<RunnableFlow>>& flow) {
        if (!flow.ok()) {
            return;  // the next look has it again
        }
        if (!flow->has_value() || !(*flow)->enabled || (*flow)->program == nullptr ||
            (*flow)->program->trigger().piece != kSchedulePiece) {
            advance(row);
            return;
        }
        const Step& trigger = (*flow)->program->trigger();
        const Result<Schedule> schedule = schedule_of(trigger.action, trigger.settings["input"]);
        StartRun run;
        run.program = (*flow)->program;
        run.project_id = (*flow)->project_id;
        run.payload = schedule.ok() ? schedule->payload : Json::object();
        run.delivery_id = "schedule:" + std::to_string(row.next_ms);
        run.priority = StartRun::kPolling;
        ports_.runs.start(std::move(run), [this, row](const Result<StartedRun>& started) {
            if (started.ok()) {
                advance(row);
            }
        });
    });
}

void ScheduleRunner::advance(const ScheduleRow& row) {
    ScheduleRow later = row;
    const auto next = next_fire_ms(row.cron, row.timezone, ports_.clock.now_ms());
    if (!next.ok()) {
        ports_.log.write(
            LogLevel::error, "schedule_ended",
            {{"flow", Json::string(row.flow_id)}, {"problem", Json::string(next.message())}});
    }
    later.next_ms = next.ok() ? *next : ScheduleRow::kNever;
    ports_.flows.advance_schedule(later, row.next_ms, [](const Result<Done>&) {});
}

}  // namespace sallyport::engine
