// Starts the flows whose trigger is a schedule. Every time of a schedule starts one run, whatever
// crashes and however many engines look at the same table: the time is the run's delivery id. What
// becomes of times that were missed while no engine ran is the trigger's to say. Flows that work
// off a queue are looked at in the same way, every second, and so are triggers that are asked for
// new items.
#pragma once

#include "engine/adapters/runs/hosted_triggers.hpp"
#include "engine/adapters/runs/item_triggers.hpp"
#include "engine/adapters/runs/queue_runner.hpp"
#include "engine/core/pieces/schedule.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/flow_catalog.hpp"
#include "engine/ports/log.hpp"
#include "engine/ports/loop.hpp"
#include "engine/ports/runs.hpp"
#include "engine/ports/store.hpp"

#include <set>
#include <string>

namespace sallyport::engine {

class ScheduleRunner {
  public:
    struct Ports {
        Loop& loop;
        const Clock& clock;
        FlowStore& flows;
        FlowCatalog& catalog;
        Runs& runs;
        QueueRunner& queues;
        ItemTriggers& items;
        Log& log;
        HostedTriggers* triggers = nullptr;  // of pieces that are not the engine's own
    };

    explicit ScheduleRunner(Ports ports) : ports_(ports) {}
    ~ScheduleRunner();
    ScheduleRunner(const ScheduleRunner&) = delete;
    ScheduleRunner& operator=(const ScheduleRunner&) = delete;

    void start();
    void stop();

  private:
    void look();
    void recount(const std::string& after_flow_id);
    void fire(const ScheduleRow& row);
    bool is_late(const ScheduleRow& row) const;
    std::int64_t go_on_after(const ScheduleRow& row, const Result<Schedule>& schedule) const;
    void look_for_items(const ScheduleRow& row, const RunnableFlow& flow);
    void advance(const ScheduleRow& row, std::int64_t after_ms);

    Ports ports_;
    Loop::TimerId timer_ = 0;
    bool looking_ = false;
    std::int64_t looked_ms_ = 0;
    bool recount_ = true;           // the clock may have been set while no engine ran
    std::set<std::string> asking_;  // flows whose trigger is being asked
};

}  // namespace sallyport::engine
