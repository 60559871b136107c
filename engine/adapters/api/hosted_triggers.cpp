// Flows whose trigger belongs to a piece from npm: it is told when the flow is switched on or off,
// so that it can subscribe where it listens.
#include "engine/adapters/api/flow_parts.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

bool is_hosted(const VersionRow& version) {
    const Json settings = json_or(version.trigger, Json::object())["settings"];
    return is_hosted_trigger(settings["pieceName"].text());
}

void switch_on(Api& api, const CallPtr& call, const StoredFlow& flow, const TriggerSwitched& then) {
    if (!is_hosted(flow.version) || !flow.version.valid) {
        return then(std::nullopt);
    }
    api.ports.triggers->enable(flow, [call, then](const Result<HostedTriggers::Enabled>& enabled) {
        if (!enabled.ok()) {
            return call->fail(
                ApiError::flow_operation_invalid,
                Json::object({{"message", Json::string("The trigger could not be switched on: " +
                                                       enabled.message())}}));
        }
        then(*enabled);
    });
}

}  // namespace

void switch_trigger(Api& api, const CallPtr& call, const StoredFlow& latest, bool publishes,
                    bool on, TriggerSwitched then) {
    if (api.ports.triggers == nullptr) {
        return then(std::nullopt);
    }
    const bool was_on =
        latest.flow.status == "ENABLED" && !latest.flow.published_version_id.empty();
    if (latest.flow.published_version_id.empty()) {
        return publishes && on ? switch_on(api, call, latest, then) : then(std::nullopt);
    }
    api.ports.flows.flow(latest.flow.id, FlowStore::Which::published_or_latest, {},
                         [&api, call, latest, publishes, on, was_on,
                          then = std::move(then)](const Result<std::optional<StoredFlow>>& found) {
                             if (api.failed(call, found)) {
                                 return;
                             }
                             const StoredFlow in_force = found->value_or(latest);
                             const StoredFlow next = publishes ? latest : in_force;
                             const bool unchanged = was_on && on && !publishes;
                             const auto go_on = [&api, call, next, on, unchanged, then] {
                                 if (on && !unchanged) {
                                     switch_on(api, call, next, then);
                                 } else {
                                     then(std::nullopt);
                                 }
                             };
                             if (was_on && !unchanged && is_hosted(in_force.version)) {
                                 api.ports.triggers->disable(in_force, go_on);
                             } else {
                                 go_on();
                             }
                         });
}

}  // namespace sallyport::engine
