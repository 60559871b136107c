// Works off the queues of jobs (core/job_queue.hpp): starts the runs of flows whose trigger
// processes one. Asked by the schedule runner, which looks at such flows every second. Every job
// has one run, whatever crashes and however many engines look: its id is the run's delivery id.
#pragma once

#include "engine/core/job_queue.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/flow_catalog.hpp"
#include "engine/ports/runs.hpp"
#include "engine/ports/store.hpp"

#include <functional>
#include <memory>
#include <string>

namespace sallyport::engine {

class QueueRunner {
  public:
    QueueRunner(const Clock& clock, EntityStore& entities, RunStore& store, Runs& runs)
        : clock_(clock), entities_(entities), store_(store), runs_(runs) {}

    // `done` is called once, on the loop; what failed is tried again by the next call.
    void process(const RunnableFlow& flow, std::function<void()> done);

  private:
    struct Round;
    void take(const std::shared_ptr<Round>& round);
    void ask_for_active(const std::shared_ptr<Round>& round);
    void start_unknown(const std::shared_ptr<Round>& round);
    void note(const std::shared_ptr<Round>& round);

    const Clock& clock_;
    EntityStore& entities_;
    RunStore& store_;
    Runs& runs_;
};

}  // namespace sallyport::engine
