// Triggers of pieces that are not the engine's own: told when their flow is switched on and off,
// and asked what a delivery or the passing of time means: any number of runs.
#pragma once

#include "engine/adapters/runs/app_listeners.hpp"
#include "engine/adapters/steps/piece_tasks.hpp"
#include "engine/ports/flow_catalog.hpp"
#include "engine/ports/log.hpp"
#include "engine/ports/runs.hpp"
#include "engine/ports/store.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// Whether the trigger belongs to a piece that is not the engine's own. `piece` is empty for none.
bool is_hosted_trigger(std::string_view piece);

struct HostedTriggersOptions {
    std::int64_t run_ms_max = 60'000;     // AP_TRIGGER_TIMEOUT_SECONDS
    std::int64_t hooks_ms_max = 180'000;  // AP_TRIGGER_HOOKS_TIMEOUT_SECONDS
    int poll_minutes = 5;                 // AP_TRIGGER_DEFAULT_POLL_INTERVAL
};

class HostedTriggers {
  public:
    struct Ports {
        PieceTasks& pieces;
        AppListeners& apps;
        Runs& runs;
        Log& log;
    };
    HostedTriggers(Ports ports, HostedTriggersOptions options) : ports_(ports), options_(options) {}

    // When the trigger wants to be asked again and again, for items or to renew what it subscribed
    // to: {cron, timezone}; empty for other kinds.
    struct Enabled {
        std::string cron;
        std::string timezone;
    };
    // Of one version of a flow whose trigger is hosted. `done` is called once, on the loop.
    void enable(const StoredFlow& flow, std::function<void(Result<Enabled>)> done);
    // What goes wrong is logged: a flow can always be switched off.
    void disable(const StoredFlow& flow, std::function<void()> done);

    struct Occasion {
        // {body, rawBody, headers, queryParams}. Of time alone, empty: a trigger that polls is
        // asked for items, one that subscribes renews its subscription and gives none.
        Json payload;
        std::string delivery_id;  // empty: every item starts a run
        std::string environment = "PRODUCTION";
        int priority = StartRun::kWebhook;
        // Called instead of `done` with what to answer, when the payload only asks whether anybody
        // is there: {status, headers, body}. Empty: such a payload starts nothing.
        std::function<void(const Json& response)> on_handshake = {};
        // Called instead of `done` when the trigger itself fails, which trying again will not
        // change. Empty: `done` has that error as well.
        std::function<void()> on_failure = {};
    };
    // Asks the trigger and starts a run for each item. REQUIRES: the flow has a program.
    using Fired = std::function<void(Result<std::vector<StartedRun>>)>;
    void fire(const RunnableFlow& flow, Occasion occasion, Fired done);
    // The items alone: what a test of the trigger shows. REQUIRES: the flow has a program.
    void test(const RunnableFlow& flow, std::function<void(Result<Json>)> done);

  private:
    struct Firing;
    Enabled times_of(const Json& answer) const;
    void start_next(const std::shared_ptr<Firing>& firing);

    Ports ports_;
    HostedTriggersOptions options_;
};

}  // namespace sallyport::engine
