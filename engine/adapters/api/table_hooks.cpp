// Flows that listen to a table's events (engine contract 1.3).
#include "engine/adapters/api/tables.hpp"
#include "engine/core/pieces/webhook.hpp"
#include "engine/core/shape.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::engine {
namespace {

// Each is a run a record.
constexpr std::size_t kHooksMax = 100;

constexpr std::array<std::string_view, 3> kEvents = {"RECORD_CREATED", "RECORD_UPDATED",
                                                     "RECORD_DELETED"};

constexpr std::array kHookFields = {Field{"events", Kind::text_array},
                                    Field{"webhookUrl", Kind::text}, Field{"flowId", Kind::text}};

Json hook_json(const EntityRow& row) {
    const Json body = entity_body(row);
    Json json = entity_json(row);
    json.set("tableId", Json::string(row.scope));
    for (const std::string_view name : {"projectId", "events", "flowId"}) {
        json.set(name, body[name]);
    }
    return json;
}

bool are_events(const Json& events) {
    bool known = events.size() <= kEvents.size();
    events.each_element([&known](const Json& event) {
        known = known && std::find(kEvents.begin(), kEvents.end(), event.text()) != kEvents.end();
    });
    return known;
}

void store_hook(Api& api, const CallPtr& call, const EntityRow& table) {
    const Json body = Json::object({{"projectId", Json::string(table.scope)},
                                    {"events", call->body["events"]},
                                    {"flowId", call->body["flowId"]}});
    const EntityRow row = new_entity(api, kTableHookKind, table.id, "", "", body);
    add_children_and_go(api, call, {row}, kHooksMax, "Max webhooks per table reached: ",
                        [call, row] { call->reply(200, hook_json(row)); });
}

// The flow is known by its id; its address says nothing more.
void create_hook(Api& api, const CallPtr& call) {
    const Status shape = check_shape(call->body, kHookFields, "body");
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    if (!are_events(call->body["events"])) {
        return call->fail_validation(
            "body/events must be RECORD_CREATED, RECORD_UPDATED, RECORD_DELETED");
    }
    with_table(api, call, call->params[0], [&api, call](const EntityRow& table) {
        const std::string flow_id(call->body["flowId"].text());
        api.ports.flows.flow(
            flow_id, FlowStore::Which::latest, {},
            [&api, call, table, flow_id](const Result<std::optional<StoredFlow>>& flow) {
                if (api.failed(call, flow)) {
                    return;
                }
                if (!flow->has_value() || (*flow)->flow.project_id != table.scope) {
                    return call->fail_not_found("flow", flow_id);
                }
                store_hook(api, call, table);
            });
    });
}

void delete_hook(Api& api, const CallPtr& call) {
    with_table(api, call, call->params[0], [&api, call](const EntityRow& table) {
        api.ports.entities.take_children(kTableHookKind, table.id, {call->params[1]},
                                         [&api, call](const Result<std::vector<EntityRow>>& gone) {
                                             if (api.failed(call, gone)) {
                                                 return;
                                             }
                                             if (gone->empty()) {
                                                 return call->fail_not_found("TableWebhook",
                                                                             call->params[1]);
                                             }
                                             call->reply(204, Json());
                                         });
    });
}

// Flows whose trigger is a webhook that asks for nothing: the event comes from inside.
bool hears(const RunnableFlow& flow, const std::string& project) {
    if (!flow.enabled || flow.project_id != project || flow.program == nullptr) {
        return false;
    }
    const auto& trigger = flow.program->trigger();
    const std::string_view auth = trigger.settings["input"]["authType"].text_or("none");
    return trigger.piece == kWebhookPiece && trigger.action == "catch_webhook" && auth == "none";
}

void start_runs(Api& api, const std::string& project, const std::vector<Json>& records,
                const Result<std::optional<RunnableFlow>>& flow) {
    if (!flow.ok() || !flow->has_value() || !hears(**flow, project)) {
        return;
    }
    std::vector<Json> payloads;
    for (const Json& record : records) {
        payloads.push_back(Json::object({{"method", Json::string("POST")},
                                         {"headers", Json::object()},
                                         {"body", Json::object({{"record", record}})},
                                         {"queryParams", Json::object()}}));
    }
    start_table_runs(api, **flow, payloads);
}

}  // namespace

void start_table_runs(Api& api, const RunnableFlow& flow, const std::vector<Json>& payloads) {
    for (const Json& payload : payloads) {
        StartRun run;
        run.program = flow.program;
        run.project_id = flow.project_id;
        run.payload = payload;
        api.ports.driver.start(std::move(run), [&api](const Result<StartedRun>& started) {
            // Of the quota the log hears once, not with every record.
            if (!started.ok() && !is_over_quota(started)) {
                table_event_lost(api, started.message());
            }
        });
    }
}

void table_event_lost(Api& api, const std::string& problem) {
    api.ports.log.write(LogLevel::error, "table_event_lost", {{"problem", Json::string(problem)}});
}

void tell_listeners(Api& api, const EntityRow& table, std::string_view event,
                    const std::vector<Json>& records) {
    if (records.empty()) {
        return;
    }
    start_table_triggers(api, table, event, records);
    EntityQuery query;
    query.kind = kTableHookKind;
    query.scope = table.id;
    query.limit = kHooksMax;
    api.ports.entities.list_entities(
        query, [&api, project = table.scope, records,
                event = std::string(event)](const Result<Page<EntityRow>>& hooks) {
            if (!hooks.ok()) {
                return table_event_lost(api, hooks.message());
            }
            for (const EntityRow& row : hooks->rows) {
                const Json body = entity_body(row);
                bool wanted = false;
                body["events"].each_element(
                    [&](const Json& one) { wanted = wanted || one.text() == event; });
                if (wanted) {
                    api.ports.catalog.published(
                        std::string(body["flowId"].text()),
                        [&api, project, records](const Result<std::optional<RunnableFlow>>& flow) {
                            start_runs(api, project, records, flow);
                        });
                }
            }
        });
}

const std::vector<ApiRoute> kTableHookRoutes = {
    {"POST", "tables/:id/webhooks", ApiRoute::Access::project, create_hook},
    {"DELETE", "tables/:id/webhooks/:webhookId", ApiRoute::Access::project, delete_hook},
};

}  // namespace sallyport::engine
