// Triggers that fetch a list again and again and start a run for each new item
// (core/item_memory.hpp). Runs are on disk before what was seen is: after a crash the same news is
// given again under the same delivery id, which starts nothing twice.
#pragma once

#include "engine/adapters/runs/input_resolver.hpp"
#include "engine/adapters/runs/item_sources.hpp"
#include "engine/core/item_memory.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/entropy.hpp"
#include "engine/ports/flow_catalog.hpp"
#include "engine/ports/log.hpp"
#include "engine/ports/runs.hpp"
#include "engine/ports/store.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace sallyport::engine {

class ItemTriggers {
  public:
    struct Ports {
        const Clock& clock;
        Entropy& entropy;
        EntityStore& entities;
        Runs& runs;
        ItemSources sources;
        Sandbox& sandbox;  // of references in inputs
        SecretSource& secrets;
        Log& log;
    };
    // `time_ms_max` is for one look: AP_TRIGGER_TIMEOUT_SECONDS.
    ItemTriggers(Ports ports, std::int64_t time_ms_max)
        : ports_(ports), resolver_(ports.sandbox, ports.secrets), time_ms_max_(time_ms_max) {}

    // REQUIRES, of both: the flow has a program whose trigger fetches items. `done` is called once,
    // on the loop.
    // What goes wrong is logged; the next look makes up for it.
    void look(const RunnableFlow& flow, std::function<void()> done);
    // The items of the list, new or not: what a test of the trigger shows.
    void sample(const RunnableFlow& flow, std::function<void(Result<Json>)> done);

  private:
    struct Look;
    void fetch(const RunnableFlow& flow, const Json& memory, bool sample, ItemsFound found);
    void start_next(const std::shared_ptr<Look>& look);
    void remember(const std::shared_ptr<Look>& look);
    void give_up(const Look& look, const std::string& problem);

    Ports ports_;
    InputResolver resolver_;
    std::int64_t time_ms_max_;
};

}  // namespace sallyport::engine
