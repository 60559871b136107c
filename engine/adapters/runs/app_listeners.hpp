// Flows that listen to events which an app sends to one address for all its accounts
// (core/app_events.hpp), and the piece that reads such an event.
#pragma once

#include "engine/adapters/steps/piece_tasks.hpp"
#include "engine/core/app_events.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/entropy.hpp"
#include "engine/ports/store.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::engine {

struct AppEvent {
    Json reply;  // {status, headers, body}; exists when the app only asks whether anybody is there
    std::string event;       // empty: the piece made nothing of it
    std::string identifier;  // the account's
    bool verified = false;   // the piece says that the app has sent it
};

class AppListeners {
  public:
    struct Ports {
        PieceTasks& pieces;
        EntityStore& entities;
        const Clock& clock;
        Entropy& entropy;
    };
    // `secrets` may be null: no app sends events. `time_ms_max` is for reading one.
    AppListeners(Ports ports, std::shared_ptr<const AppSecrets> secrets, std::int64_t time_ms_max)
        : ports_(ports), secrets_(std::move(secrets)), time_ms_max_(time_ms_max) {}

    // By the last part of the app's address; null when there is none. Valid as long as this.
    const AppSecret* find(const std::string& name) const;

    // The flow listens to these and to nothing else; what a trigger has asked for
    // (core/app_events.hpp). `done` of all calls is called once, on the loop.
    void listen(const std::string& flow_id, const std::string& piece, const Json& listeners,
                std::function<void(Status)> done);
    void leave(const std::string& flow_id, std::function<void(Status)> done);

    // Asks the app's piece in this version (empty: the newest). Which one is never a tenant's to
    // say: an older one may look less closely.
    void read(const AppSecret& app, const std::string& version, const Json& payload,
              std::function<void(Result<AppEvent>)> done);
    // The ids of the flows that listen to the event.
    using Found = std::function<void(Result<std::vector<std::string>>)>;
    void flows_for(const AppSecret& app, const AppEvent& event, Found done);

  private:
    void put_next(std::vector<EntityRow> rows, std::function<void(Status)> done);
    void find_more(EntityQuery query, std::vector<std::string> found, Found done);

    Ports ports_;
    std::shared_ptr<const AppSecrets> secrets_;
    std::int64_t time_ms_max_;
};

}  // namespace sallyport::engine
