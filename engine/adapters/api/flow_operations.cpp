// POST flows/:id: the 26 operations (engine contract 1.5). What an operation needs from elsewhere
// (a folder, an owner, another version) is looked up first; the change itself is one transaction.
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/flow_tags.hpp"
#include "engine/adapters/api/members.hpp"
#include "engine/adapters/api/tables.hpp"
#include "engine/adapters/time_zones.hpp"
#include "engine/core/flows/migration.hpp"
#include "engine/core/flows/model.hpp"
#include "engine/core/flows/operations.hpp"
#include "engine/core/item_memory.hpp"
#include "engine/core/shape.hpp"
#include "engine/core/time_text.hpp"
#include "engine/core/trigger_schedule.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kNoteBytesMax = 10'000;
// As of a new flow: every run of it keeps the name.
constexpr std::size_t kFlowNameBytesMax = 1000;

// What an operation needs on the store's thread, and what it has to say afterwards.
struct Operation {
    std::string type;
    Json request;
    std::string if_match;
    std::string user_id;
    std::string new_version_id;
    std::string sample_id;  // of the sample data to be saved
    std::int64_t now_ms = 0;
    bool enable_on_publish = true;
    std::size_t steps_max = 0;
    int poll_minutes = 5;
    std::optional<VersionRow> source;                // of USE_AS_DRAFT
    std::optional<HostedTriggers::Enabled> trigger;  // what a hosted trigger said when switched on
    std::shared_ptr<FlowClaim> claim = std::make_shared<FlowClaim>();
    bool in_progress = false;  // the flow is another call's
    bool conflict = false;     // it is not as the caller has seen it
    std::string problem;       // why the flow was left as it was
    std::string missing_step;
};
using OperationPtr = std::shared_ptr<Operation>;

// The version as the operations see it.
Json editable(const VersionRow& version) {
    return Json::object({{"displayName", Json::string(version.display_name)},
                         {"trigger", json_or(version.trigger, Json::object())},
                         {"valid", Json::boolean(version.valid)},
                         {"state", Json::string(version.state)},
                         {"notes", json_or(version.notes, Json::array())}});
}

// A version that was published is history: a change begins a new draft.
void begin_draft(const Operation& operation, VersionRow& version) {
    if (version.state == "LOCKED") {
        version.id = operation.new_version_id;
        version.state = "DRAFT";
        version.created_ms = operation.now_ms;
    }
}

bool change_version(Operation& operation, VersionRow& version) {
    if (operation.type == "LOCK_FLOW" && version.state == "LOCKED") {
        return false;  // it is
    }
    begin_draft(operation, version);
    const OperationOutcome changed = apply_operation(editable(version), operation.type,
                                                     operation.request, iso_time(operation.now_ms));
    if (!changed.ok()) {
        operation.problem = changed.problem;
        operation.missing_step = changed.missing_step;
        return false;
    }
    const Json& now = *changed;
    // One that was made under another limit may shrink.
    const std::size_t steps = count_steps(now["trigger"]);
    if (steps > operation.steps_max &&
        steps > count_steps(json_or(version.trigger, Json::object()))) {
        operation.problem =
            "A flow may have " + std::to_string(operation.steps_max) + " steps (AP_MAX_FLOW_STEPS)";
        return false;
    }
    version.display_name = now["displayName"].text();
    version.trigger = now["trigger"].dump();
    version.valid = now["valid"].is_true();
    version.connection_ids = now["connectionIds"].dump();
    version.notes = now["notes"].dump();
    version.state = now["state"].text();
    return true;
}

bool put_schedule(Operation& operation, StoredFlow& stored, const std::string& cron,
                  const std::string& timezone) {
    const auto next = next_fire_ms(cron, timezone, operation.now_ms);
    if (!next.ok()) {
        operation.problem = next.message();
        return false;
    }
    stored.schedule = ScheduleRow{stored.flow.id, cron, timezone, *next};
    return true;
}

// The schedule of the version's trigger, when it has one.
bool take_schedule(Operation& operation, StoredFlow& stored) {
    const Json settings = json_or(stored.version.trigger, Json::object())["settings"];
    stored.schedule_changed = true;
    if (operation.trigger && !operation.trigger->cron.empty()) {
        return put_schedule(operation, stored, operation.trigger->cron,
                            operation.trigger->timezone);
    }
    const auto schedule = trigger_schedule(settings, operation.poll_minutes);
    if (!schedule.ok()) {
        operation.problem = schedule.message();
        return false;
    }
    return !schedule->has_value() ||
           put_schedule(operation, stored, (*schedule)->cron, (*schedule)->timezone);
}

bool publish(Operation& operation, StoredFlow& stored) {
    if (!stored.version.valid) {
        operation.problem = "The flow has steps that are not complete and cannot be published";
        return false;
    }
    if (!take_schedule(operation, stored)) {
        return false;
    }
    stored.version.state = "LOCKED";
    stored.flow.published_version_id = stored.version.id;
    const std::string_view status = operation.request["status"].text();
    if (!status.empty()) {
        stored.flow.status = status;
    } else if (operation.enable_on_publish) {
        stored.flow.status = "ENABLED";
    }
    return true;
}

bool change_status(Operation& operation, StoredFlow& stored) {
    if (stored.flow.published_version_id.empty()) {
        operation.problem = "The flow has no published version";
        return false;
    }
    stored.flow.status = operation.request["status"].text();
    return !operation.trigger || take_schedule(operation, stored);
}

bool use_as_draft(const Operation& operation, VersionRow& version) {
    begin_draft(operation, version);
    const VersionRow& source = *operation.source;
    version.display_name = source.display_name;
    version.trigger = source.trigger;
    version.valid = source.valid;
    version.schema_version = source.schema_version;
    version.connection_ids = source.connection_ids;
    version.notes = source.notes;
    return true;
}

// The step that the operation names; what is missing is noted.
Json named_step(Operation& operation, const VersionRow& version) {
    Json step =
        find_step(json_or(version.trigger, Json::object()), operation.request["stepName"].text());
    if (!step.exists()) {
        operation.problem = "Step not found";
        operation.missing_step = operation.request["stepName"].text();
    }
    return step;
}

// The step's pointers to its samples: the other one stays.
bool save_sample(Operation& operation, StoredFlow& stored) {
    VersionRow& version = stored.version;
    const Json step = named_step(operation, version);
    if (!step.exists()) {
        return false;
    }
    Json settings = step["settings"]["sampleData"].deep_copy();
    if (!settings.is_object()) {
        settings = Json::object();
    }
    const bool output = operation.request["type"].text() == "OUTPUT";
    const std::string_view which = output ? "sampleDataFileId" : "sampleDataInputFileId";
    const std::string before(settings[which].text());
    settings.set(which, Json::string(operation.sample_id));
    Operation inner = operation;
    inner.type = "UPDATE_SAMPLE_DATA_INFO";
    inner.request = Json::object(
        {{"stepName", operation.request["stepName"]}, {"sampleDataSettings", settings}});
    const bool saved = change_version(inner, version);
    stored.dropped_sample = saved ? before : "";
    return saved;
}

bool change_flow(Operation& operation, StoredFlow& stored) {
    const Json& request = operation.request;
    if (operation.type == "LOCK_AND_PUBLISH") {
        return publish(operation, stored);
    }
    if (operation.type == "CHANGE_STATUS") {
        return change_status(operation, stored);
    }
    if (operation.type == "USE_AS_DRAFT") {
        return use_as_draft(operation, stored.version);
    }
    if (operation.type == "SAVE_SAMPLE_DATA") {
        return save_sample(operation, stored);
    }
    if (operation.type == "CHANGE_FOLDER") {
        stored.flow.folder_id = request["folderId"].text();
    } else if (operation.type == "UPDATE_OWNER") {
        stored.flow.owner_id = request["ownerId"].text();
    } else if (operation.type == "UPDATE_METADATA") {
        stored.flow.metadata = request["metadata"].is_object() ? request["metadata"].dump() : "";
    } else if (operation.type == "UPDATE_MINUTES_SAVED") {
        const Json minutes = request["timeSavedPerRun"];
        stored.flow.time_saved = minutes.is_number() ? minutes.dump() : "";
    }
    return true;
}

bool perform(Operation& operation, StoredFlow& stored) {
    operation.in_progress = is_anothers(stored.flow, *operation.claim, operation.now_ms);
    operation.conflict = !expects(operation.if_match, stored.version);
    if (operation.in_progress || operation.conflict) {
        return false;
    }
    const std::int64_t before_ms = stored.version.updated_ms;
    const bool of_version = operation_scope(operation.type) == OperationScope::version;
    const bool changed =
        of_version ? change_version(operation, stored.version) : change_flow(operation, stored);
    if (changed) {
        stored.version.updated_by = operation.user_id;
        // No two states have one tag.
        stored.version.updated_ms = std::max(operation.now_ms, before_ms + 1);
        stored.flow.updated_ms = operation.now_ms;
        stored.flow.claimed_until_ms = 0;
    }
    return changed;
}

void answer(Api& api, const CallPtr& call, const Operation& operation,
            const Result<std::optional<StoredFlow>>& flow) {
    api.ports.catalog.forget(call->params[0]);
    if (api.failed(call, flow)) {
        return;
    }
    if (operation.in_progress) {
        return fail_in_progress(call, call->params[0]);
    }
    if (operation.conflict) {
        return fail_version_conflict(*call, call->params[0]);
    }
    if (!operation.missing_step.empty()) {
        return call->fail(ApiError::entity_not_found,
                          Json::object({{"entityType", Json::string("step")},
                                        {"entityId", Json::string(operation.missing_step)},
                                        {"message", Json::string(operation.problem)}}));
    }
    if (!operation.problem.empty()) {
        return call->fail(ApiError::flow_operation_invalid,
                          Json::object({{"message", Json::string(operation.problem)}}));
    }
    if (!flow->has_value()) {
        return call->fail_not_found("flow", call->params[0]);
    }
    const auto reply = [call, flow = **flow] { reply_with_flow(*call, flow); };
    if (operation.type == "LOCK_AND_PUBLISH") {
        return tidy_table_triggers(api, call, **flow, [&api, call, reply, flow = **flow] {
            note_publication(api, call, flow, reply);
        });
    }
    operation.type == "CHANGE_STATUS" ? tidy_table_triggers(api, call, **flow, reply) : reply();
}

void store_change(Api& api, const CallPtr& call, const OperationPtr& operation) {
    api.ports.flows.change_flow(
        call->params[0], [operation](StoredFlow& stored) { return perform(*operation, stored); },
        [&api, call, operation](const Result<std::optional<StoredFlow>>& flow) {
            answer(api, call, *operation, flow);
        });
}

// ---- what has to be there first

void need_folder(Api& api, const CallPtr& call, const std::string& project_id,
                 const std::string& folder_id, const std::function<void()>& then) {
    api.ports.entities.entity(
        "folder", folder_id,
        [&api, call, project_id, folder_id, then](const Result<std::optional<EntityRow>>& folder) {
            if (api.failed(call, folder)) {
                return;
            }
            if (!folder->has_value() || (*folder)->scope != project_id) {
                return call->fail_not_found("folder", folder_id);
            }
            then();
        });
}

// One of the project: it is his, or he is a member of it. Any other user is not there.
void need_owner(Api& api, const CallPtr& call, const std::string& id,
                const std::function<void()>& then) {
    if (id == call->project.owner_id) {
        return then();
    }
    find_member(api, call, call->project.id, id,
                [call, id, then](const std::optional<EntityRow>& member) {
                    member ? then() : call->fail_not_found("user", id);
                });
}

void need_version(Api& api, const CallPtr& call, const OperationPtr& operation,
                  const std::function<void()>& then) {
    const std::string id(operation->request["versionId"].text());
    api.ports.flows.flow(
        call->params[0], FlowStore::Which::by_id, id,
        [&api, call, operation, id, then](const Result<std::optional<StoredFlow>>& found) {
            if (api.failed(call, found)) {
                return;
            }
            if (!found->has_value()) {
                return call->fail_not_found("flow_version", id);
            }
            operation->source = (*found)->version;
            then();
        });
}

void keep_sample(Api& api, const CallPtr& call, const OperationPtr& operation,
                 const std::string& project_id, const std::function<void()>& then) {
    operation->sample_id = api.ports.entropy.id();
    EntityRow row;
    row.kind = "sample_data";
    row.id = operation->sample_id;
    row.scope = project_id;
    row.key = row.id;
    row.body = Json::object({{"flowId", Json::string(call->params[0])},
                             {"payload", operation->request["payload"]}})
                   .dump();
    row.created_ms = row.updated_ms = operation->now_ms;
    api.ports.entities.change_entity(
        row.kind, row.scope, row.key,
        [row](std::optional<EntityRow>& entity) {
            entity = row;
            return true;
        },
        [&api, call, then](const Result<std::optional<EntityRow>>& stored) {
            if (!api.failed(call, stored)) {
                then();
            }
        });
}

// What is new to a trigger that fetches items is what came after its flow was switched on.
void forget_items(Api& api, const CallPtr& call, const std::function<void()>& then) {
    api.ports.entities.clear_children(kItemMemoryKind, call->params[0],
                                      [&api, call, then](const Result<std::int64_t>& gone) {
                                          if (!api.failed(call, gone)) {
                                              then();
                                          }
                                      });
}

// LOCK_AND_PUBLISH and CHANGE_STATUS: triggers are told, then it is stored.
void tell_and_store(Api& api, const CallPtr& call, const OperationPtr& operation,
                    const StoredFlow& flow) {
    const bool publishes = operation->type == "LOCK_AND_PUBLISH";
    const std::string status(operation->request["status"].text_or(!publishes ? ""
                                                                  : operation->enable_on_publish
                                                                      ? "ENABLED"
                                                                      : flow.flow.status));
    const bool on = status == "ENABLED";
    const auto go_on = [&api, call, operation, begins = on && flow.flow.status != "ENABLED"] {
        const auto store = [&api, call, operation] { store_change(api, call, operation); };
        begins ? forget_items(api, call, store) : store();
    };
    note_table_trigger(api, call, flow, publishes, on, [=, &api] {
        switch_trigger(api, call, flow, publishes, on,
                       [operation, go_on](std::optional<HostedTriggers::Enabled> enabled) {
                           operation->trigger = std::move(enabled);
                           go_on();
                       });
    });
}

void prepare(Api& api, const CallPtr& call, const OperationPtr& operation, const StoredFlow& flow) {
    if (!expects(operation->if_match, flow.version)) {
        return fail_version_conflict(*call, flow.flow.id);
    }
    const auto go = [&api, call, operation] { store_change(api, call, operation); };
    const std::string& type = operation->type;
    const Json& request = operation->request;
    if (type == "CHANGE_FOLDER" && request["folderId"].is_string()) {
        return need_folder(api, call, flow.flow.project_id, std::string(request["folderId"].text()),
                           go);
    }
    if (type == "UPDATE_OWNER") {
        return need_owner(api, call, std::string(request["ownerId"].text()), go);
    }
    if (type == "USE_AS_DRAFT") {
        return need_version(api, call, operation, go);
    }
    if (type == "SAVE_SAMPLE_DATA") {
        // Before anything is kept: nobody would ever find it.
        if (!named_step(*operation, flow.version).exists()) {
            return answer(api, call, *operation, std::optional(flow));
        }
        return keep_sample(api, call, operation, flow.flow.project_id, go);
    }
    if (type == "LOCK_AND_PUBLISH" || type == "CHANGE_STATUS") {
        return claim_flow(api, call, flow.flow.id,
                          [&api, call, operation](const StoredFlow& held, const FlowClaim& claim) {
                              *operation->claim = claim;
                              hold_until_answered(api, call, operation->claim);
                              // Nobody is told of what will not be stored.
                              expects(operation->if_match, held.version)
                                  ? tell_and_store(api, call, operation, held)
                                  : fail_version_conflict(*call, held.flow.id);
                          });
    }
    go();
}

// Older flows become today's; what the server alone writes is taken out.
void bring_up_to_date(Operation& operation) {
    if (operation.type == "IMPORT_FLOW") {
        operation.request = migrated_import(operation.request, iso_time(operation.now_ms));
    } else if (operation.type == "ADD_ACTION") {
        operation.request = operation.request.deep_copy();
        operation.request["action"]["settings"].erase("sampleData");
    }
}

}  // namespace

void operate_on_flow(Api& api, const CallPtr& call) {
    constexpr std::array kFields = {Field{"type", Kind::text}, Field{"request", Kind::object}};
    const Status shape = check_shape(call->body, kFields, "body");
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    auto operation = std::make_shared<Operation>();
    operation->type = call->body["type"].text();
    operation->request = call->body["request"];
    operation->now_ms = api.now_ms();
    if (operation->type == "IMPORT_FLOW") {
        bring_up_to_date(*operation);  // an older flow has an older shape
    }
    if (operation->request["note"].text().size() > kNoteBytesMax) {
        return call->fail_validation("body/request/note must have at most 10000 bytes");
    }
    const bool names = operation->type == "CHANGE_NAME" || operation->type == "IMPORT_FLOW";
    if (names && operation->request["displayName"].text().size() > kFlowNameBytesMax) {
        return call->fail_validation("body/request/displayName must have at most 1000 bytes");
    }
    const Status request = check_operation(operation->type, operation->request);
    if (!request.ok()) {
        return call->fail_validation(request.message());
    }
    if (operation->type == "ADD_ACTION") {
        bring_up_to_date(*operation);
    }
    operation->if_match = call->request.header("if-match");
    operation->user_id = call->user.id;
    operation->new_version_id = api.ports.entropy.id();
    operation->steps_max = api.options.flow_steps_max;
    operation->poll_minutes = api.options.poll_minutes;
    operation->enable_on_publish = api.options.enable_flow_on_publish;
    with_flow(
        api, call, FlowStore::Which::latest, {},
        [&api, call, operation](const StoredFlow& flow) { prepare(api, call, operation, flow); });
}

}  // namespace sallyport::engine
