// test-trigger and trigger-events (engine contract 1.3): a trigger is tried before its flow is
// published. A trigger that waits for requests is tried with one (webhooks/:flowId/test); the
// others make a sample event themselves.
#include "engine/adapters/api/trigger_events.hpp"

#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/tables.hpp"
#include "engine/adapters/runs/item_triggers.hpp"
#include "engine/core/pieces/schedule.hpp"
#include "engine/core/pieces/tables.hpp"
#include "engine/core/pieces/triggers.hpp"
#include "engine/core/shape.hpp"
#include "engine/core/trigger_intake.hpp"
#include "engine/core/trigger_schedule.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr const char* kKind = "trigger_event";
// Of one flow. Whoever knows a flow's address may send events, so there must be an end.
constexpr std::size_t kEventsMax = 20;
constexpr std::size_t kEventBytesMax = 512 * 1024;
// Items of a list that a test of its trigger keeps.
constexpr std::size_t kSamplesMax = 5;

EntityQuery events_of(const TriggerEventPlace& place) {
    EntityQuery query;
    query.kind = kKind;
    query.scope = place.project_id;
    query.members = {{"flowId", {place.flow_id}}};
    return query;
}

void store_event(Api& api, const CallPtr& call, EntityRow row,
                 const std::function<void(const EntityRow&)>& then) {
    const std::string scope = row.scope;
    const std::string key = row.key;
    api.ports.entities.change_entity(
        kKind, scope, key,
        [row = std::move(row)](std::optional<EntityRow>& stored) {
            stored = row;
            return true;
        },
        [&api, call, then](const Result<std::optional<EntityRow>>& stored) {
            if (!api.failed(call, stored)) {
                then(**stored);
            }
        });
}

// ---- trying a trigger

Json sample_of(std::string_view type) {
    return type == "Number"    ? Json::integer(0)
           : type == "Boolean" ? Json::boolean(false)
           : type == "Array"   ? Json::array()
           : type == "Object"  ? Json::object()
           : type == "Date"    ? Json::string("2025-01-01T00:00:00.000Z")
                               : Json::string("sample text");
}

// What the trigger would give; fails for triggers that need a request.
Result<Json> sample_event(const Step& trigger) {
    const Json input = trigger.settings["input"];
    if (trigger.piece == kSchedulePiece) {
        const auto schedule = schedule_of(trigger.action, input);
        return schedule.ok() ? Result<Json>(schedule->payload) : schedule.error();
    }
    if (trigger.piece == kManualPiece) {
        return Json::object();
    }
    if (trigger.piece == kMcpPiece) {
        Json sample = Json::object();
        input["inputSchema"].each_element([&sample](const Json& parameter) {
            sample.set(parameter["name"].text(), sample_of(parameter["type"].text()));
        });
        return sample;
    }
    return Error{"The trigger gives no sample by itself; send it a request"};
}

Json page_of(const Json& events) {
    return Json::object({{"data", events}, {"next", Json::null()}, {"previous", Json::null()}});
}

Json first_of(const Json& items, std::size_t most) {
    Json first = Json::array();
    for (std::size_t i = 0; i < std::min(most, items.size()); ++i) {
        first.append(items.at(i));
    }
    return first;
}

// Keeps the items from that many on, one after the other, and answers with them.
void keep_samples(Api& api, const CallPtr& call, const TriggerEventPlace& place, const Json& items,
                  const Json& kept) {
    if (kept.size() == items.size()) {
        return call->reply(200, page_of(kept));
    }
    keep_trigger_event(api, call, place, items.at(kept.size()),
                       [&api, call, place, items, kept](const EntityRow& row) {
                           Json more = kept;
                           more.append(trigger_event_json(row));
                           keep_samples(api, call, place, items, more);
                       });
}

void try_trigger(Api& api, const CallPtr& call, const RunnableFlow& flow) {
    if (flow.program == nullptr) {
        return call->fail(ApiError::flow_operation_invalid,
                          Json::object({{"message", Json::string(flow.problem)}}));
    }
    const Step& trigger = flow.program->trigger();
    const bool hosted = api.ports.triggers != nullptr && is_hosted_trigger(trigger.piece);
    if (call->body["testStrategy"].text() == "SIMULATION") {
        if (!hosted && !takes_requests(trigger)) {
            return call->fail_validation(
                "body/testStrategy must be TEST_FUNCTION for a trigger that takes no requests");
        }
        return call->reply(200, page_of(Json::array()));
    }
    const auto keep = [&api, call, flow](const Result<Json>& items) {
        if (!items.ok()) {
            return call->fail_validation("body/testStrategy: " + items.message());
        }
        keep_samples(
            api, call,
            {flow.project_id, flow.program->flow_id, trigger_source_name(flow.program->trigger())},
            first_of(*items, kSamplesMax), Json::array());
    };
    if (hosted) {
        return api.ports.triggers->test(flow, keep);
    }
    if (fetches_items(trigger.piece, trigger.action)) {
        return api.ports.items->sample(flow, keep);
    }
    if (trigger.piece == kTablesPiece) {
        return sample_table_trigger(api, call, flow.project_id, trigger.settings["input"],
                                    kSamplesMax, keep);
    }
    const Result<Json> sample = sample_event(trigger);
    if (!sample.ok()) {
        return keep(sample);
    }
    Json one = Json::array();
    one.append(*sample);
    keep(one);
}

constexpr std::array kTestFields = {Field{"projectId", Kind::text}, Field{"flowId", Kind::text},
                                    Field{"flowVersionId", Kind::text},
                                    Field{"testStrategy", Kind::text}};
constexpr std::array kCancelFields = {Field{"projectId", Kind::text}, Field{"flowId", Kind::text}};
constexpr std::array kSaveFields = {Field{"projectId", Kind::text}, Field{"flowId", Kind::text},
                                    Field{"mockData", Kind::any, Need::optional}};

// Goes on with the flow that the body or query names, when it is of the project it names.
void with_named_flow(Api& api, const CallPtr& call, const std::string& project,
                     const std::string& flow, const std::function<void(StoredFlow)>& then) {
    call->params = {flow};
    api.with_project(call, project, [&api, call, project, then](const ProjectRow&) {
        with_flow(api, call, FlowStore::Which::latest, {},
                  [call, project, then](const StoredFlow& found) {
                      if (found.flow.project_id != project) {
                          return call->fail_not_found("flow", call->params[0]);
                      }
                      then(found);
                  });
    });
}

void test_trigger(Api& api, const CallPtr& call) {
    const Status shape = check_shape(call->body, kTestFields, "body");
    const std::string_view strategy = call->body["testStrategy"].text();
    if (!shape.ok() || (strategy != "SIMULATION" && strategy != "TEST_FUNCTION")) {
        return call->fail_validation(
            shape.ok() ? "body/testStrategy must be SIMULATION or TEST_FUNCTION" : shape.message());
    }
    with_named_flow(api, call, std::string(call->body["projectId"].text()),
                    std::string(call->body["flowId"].text()), [&api, call](const StoredFlow& flow) {
                        api.ports.catalog.version(
                            flow.flow.id, std::string(call->body["flowVersionId"].text()),
                            [&api, call](const Result<std::optional<RunnableFlow>>& found) {
                                if (api.failed(call, found)) {
                                    return;
                                }
                                if (!found->has_value()) {
                                    return call->fail_not_found("flow_version",
                                                                call->body["flowVersionId"].text());
                                }
                                try_trigger(api, call, **found);
                            });
                    });
}

// Nothing waits for an event, so there is nothing to take back but the wish.
void cancel_test(Api& api, const CallPtr& call) {
    const Status shape = check_shape(call->body, kCancelFields, "body");
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    with_named_flow(api, call, std::string(call->body["projectId"].text()),
                    std::string(call->body["flowId"].text()),
                    [call](const StoredFlow&) { call->reply(200, Json::object()); });
}

// ---- events

void list_events(Api& api, const CallPtr& call) {
    const std::string project = call->query_text("projectId");
    with_named_flow(
        api, call, project, call->query_text("flowId"),
        [&api, call, project](const StoredFlow& flow) {
            reply_with_page(api, call, events_of({project, flow.flow.id, {}}), trigger_event_json);
        });
}

void save_event(Api& api, const CallPtr& call) {
    const Status shape = check_shape(call->body, kSaveFields, "body");
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    const std::string project(call->body["projectId"].text());
    with_named_flow(
        api, call, project, std::string(call->body["flowId"].text()),
        [&api, call, project](const StoredFlow& flow) {
            const Json settings = json_or(flow.version.trigger, Json::object())["settings"];
            Step trigger;
            trigger.piece = settings["pieceName"].text();
            trigger.action = settings["triggerName"].text();
            trigger.settings = settings;
            const Json event = call->body["mockData"];
            keep_trigger_event(api, call, {project, flow.flow.id, trigger_source_name(trigger)},
                               event.exists() ? event : Json::null(), [call](const EntityRow& row) {
                                   call->reply(200, trigger_event_json(row));
                               });
        });
}

}  // namespace

std::string trigger_source_name(const Step& trigger) {
    return trigger.piece + "@" + std::string(trigger.settings["pieceVersion"].text()) + ":" +
           trigger.action;
}

Json trigger_event_json(const EntityRow& row) {
    const Json body = entity_body(row);
    Json json = entity_json(row);
    json.set("projectId", Json::string(row.scope));
    json.set("flowId", body["flowId"]);
    json.set("sourceName", body["sourceName"]);
    json.set("fileId", Json::string(row.id));
    json.set("payload", body["payload"]);
    return json;
}

void keep_trigger_event(Api& api, const CallPtr& call, const TriggerEventPlace& place,
                        const Json& payload, std::function<void(const EntityRow&)> then) {
    const Json body = Json::object({{"flowId", Json::string(place.flow_id)},
                                    {"sourceName", Json::string(place.source)},
                                    {"payload", payload.exists() ? payload : Json::null()}});
    if (body.dump().size() > kEventBytesMax) {
        return call->reply(413, Json::object({{"message", Json::string("Payload too large")}}));
    }
    EntityQuery query = events_of(place);
    query.oldest_first = true;
    query.limit = kEventsMax;
    EntityRow row = new_entity(api, kKind, place.project_id, "", "", body);
    api.ports.entities.list_entities(
        query, [&api, call, row = std::move(row),
                then = std::move(then)](const Result<Page<EntityRow>>& page) mutable {
            if (api.failed(call, page)) {
                return;
            }
            if (page->rows.size() < kEventsMax) {
                return store_event(api, call, std::move(row), then);
            }
            api.ports.entities.delete_entity(
                kKind, page->rows.front().id,
                [&api, call, row = std::move(row), then](const Result<Done>& gone) {
                    if (!api.failed(call, gone)) {
                        store_event(api, call, row, then);
                    }
                });
        });
}

const std::vector<ApiRoute> kTriggerEventRoutes = {
    {"POST", "test-trigger", ApiRoute::Access::user, test_trigger},
    {"DELETE", "test-trigger", ApiRoute::Access::user, cancel_test},
    {"GET", "trigger-events", ApiRoute::Access::user, list_events},
    {"POST", "trigger-events", ApiRoute::Access::user, save_event},
};

}  // namespace sallyport::engine
