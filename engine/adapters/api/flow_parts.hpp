// What the sources of the flows' routes share: flows as JSON, finding one, the operations.
#pragma once

#include "engine/adapters/api/api.hpp"

#include <functional>
#include <memory>
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

// A flow that is one call's, for as long as telling its trigger may take should the engine end
// before the call does: what a trigger is told beyond the database has to be of the version that is
// stored afterwards.
struct FlowClaim {
    std::string flow_id;
    std::int64_t until_ms = 0;  // its name, too; 0: none
};
// Goes on with the flow as it is once it is the call's, or answers FLOW_OPERATION_IN_PROGRESS.
void claim_flow(Api& api, const CallPtr& call, const std::string& id,
                std::function<void(const StoredFlow&, const FlowClaim&)> then);
// Nothing when whoever stored what it was for has ended it.
void end_claim(Api& api, const FlowClaim& claim, std::function<void()> then);
// Ends it before the call is answered, whatever the answer.
void hold_until_answered(Api& api, const CallPtr& call, const std::shared_ptr<FlowClaim>& claim);
// Whether it is a call's that has not this claim.
bool is_anothers(const FlowRow& flow, const FlowClaim& claim, std::int64_t now_ms);
void fail_in_progress(const CallPtr& call, const std::string& flow_id);

// The kind of what it keeps, in the flow's scope.
inline constexpr const char* kPublicationKind = "publication";
// Records that the caller has published the flow, with the note of the request, then goes on.
void note_publication(Api& api, const CallPtr& call, const StoredFlow& flow,
                      std::function<void()> then);

// POST flows/:id
void operate_on_flow(Api& api, const CallPtr& call);

}  // namespace sallyport::engine
