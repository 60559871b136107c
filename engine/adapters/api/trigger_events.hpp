// Events that a flow's trigger got while the flow was being made: kept so that its steps can be
// tried with them. A flow keeps a few; the oldest makes room.
#pragma once

#include "engine/adapters/api/api.hpp"
#include "engine/core/flows/program.hpp"

#include <functional>
#include <string>

namespace sallyport::engine {

struct TriggerEventPlace {
    std::string project_id;
    std::string flow_id;
    std::string source;  // the trigger: piece@version:name
};

// As events name it.
std::string trigger_source_name(const Step& trigger);

// Answers the call when the event is too large or the store fails.
void keep_trigger_event(Api& api, const CallPtr& call, const TriggerEventPlace& place,
                        const Json& payload, std::function<void(const EntityRow&)> then);

// {id, created, updated, projectId, flowId, sourceName, fileId, payload}
Json trigger_event_json(const EntityRow& row);

}  // namespace sallyport::engine
