// What the sources of the flows' routes share: flows as JSON, finding one, the operations.
#pragma once

#include "engine/adapters/api/api.hpp"

#include <functional>
#include <string>

namespace sallyport::engine {

Json text_or_null(const std::string& text);
// `text` as JSON; `fallback` when it is empty.
Json json_or(const std::string& text, const Json& fallback);
Json version_json(const VersionRow& version);
Json flow_json(const StoredFlow& stored);

// Goes on with the flow of the route's first parameter when it is there and the caller's.
void with_flow(Api& api, const CallPtr& call, FlowStore::Which which, const std::string& version_id,
               std::function<void(StoredFlow)> then);

// The cursor of the query. False, with the call answered, when it is none.
bool read_cursor(const CallPtr& call, std::optional<PageCursor>& out);

// Goes on with the id of the folder that the body names by `folderId` or `folderName`, one of that
// name being made when there is none; with an empty one when it names none.
using WithFolder = std::function<void(const std::string& id)>;
void with_named_folder(Api& api, const CallPtr& call, const std::string& project,
                       const WithFolder& then);

// Tells hosted triggers that their flow goes off, or on with what is published: the one in force
// first. Goes on with what the new one said; answers the call when it refuses.
using TriggerSwitched = std::function<void(std::optional<HostedTriggers::Enabled>)>;
void switch_trigger(Api& api, const CallPtr& call, const StoredFlow& latest, bool publishes,
                    bool on, TriggerSwitched then);

// The kind of what it keeps, in the flow's scope.
inline constexpr const char* kPublicationKind = "publication";
// Records that the caller has published the flow, with the note of the request, then goes on.
void note_publication(Api& api, const CallPtr& call, const StoredFlow& flow,
                      std::function<void()> then);

// POST flows/:id
void operate_on_flow(Api& api, const CallPtr& call);

}  // namespace sallyport::engine
