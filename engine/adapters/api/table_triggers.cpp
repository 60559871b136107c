// Flows whose trigger is the tables piece's: what each listens to is noted before it is switched
// on. A note says where to look; whether the flow is enabled, and listens, its published version
// says.
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/tables.hpp"
#include "engine/core/pieces/tables.hpp"

#include <memory>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr const char* kTableTriggerKind = "table_trigger";
// Notes read at once; a flow has one or two.
constexpr std::size_t kNotesAtOnce = 100;

std::optional<TableTrigger> trigger_of(const VersionRow& version) {
    return table_trigger(json_or(version.trigger, Json::object())["settings"]);
}

std::string note_key(const std::string& flow_id, const TableTrigger& trigger) {
    return flow_id + " " + trigger.event + " " + trigger.table;
}

void store_note(Api& api, const CallPtr& call, const FlowRow& flow, const TableTrigger& trigger,
                std::function<void()> then) {
    const Json body = Json::object({{"flowId", Json::string(flow.id)},
                                    {"table", Json::string(trigger.table)},
                                    {"event", Json::string(trigger.event)}});
    const EntityRow row =
        new_entity(api, kTableTriggerKind, flow.project_id, note_key(flow.id, trigger), "", body);
    api.ports.entities.change_entity(
        row.kind, row.scope, row.key,
        [row](std::optional<EntityRow>& stored) {
            const bool fresh = !stored.has_value();
            if (fresh) {
                stored = row;
            }
            return fresh;
        },
        [&api, call, then = std::move(then)](const Result<std::optional<EntityRow>>& stored) {
            if (!api.failed(call, stored)) {
                then();
            }
        });
}

void note_version(Api& api, const CallPtr& call, const FlowRow& flow, const VersionRow& version,
                  std::function<void()> then) {
    const std::optional<TableTrigger> trigger = trigger_of(version);
    if (!trigger) {
        return then();
    }
    with_named_table(
        api, call, flow.project_id, trigger->table,
        [&api, call, flow, trigger = *trigger, then = std::move(then)](const EntityRow&) {
            store_note(api, call, flow, trigger, then);
        },
        [call, table = trigger->table] {
            call->fail(ApiError::flow_operation_invalid,
                       Json::object({{"message", Json::string("The trigger could not be switched "
                                                              "on: Table with externalId " +
                                                              table + " not found")}}));
        });
}

// ---- events

struct TableEvent {
    EntityRow table;
    std::string name;
    std::vector<Json> records;
    EntityQuery notes;
};

bool listens(const TableEvent& event, const RunnableFlow& flow) {
    if (!flow.enabled || flow.project_id != event.table.scope || flow.program == nullptr) {
        return false;
    }
    const std::optional<TableTrigger> trigger = table_trigger(flow.program->trigger().settings);
    return trigger && trigger->table == event.table.key && trigger->event == event.name;
}

void start_for_each(Api& api, const TableEvent& event,
                    const Result<std::optional<RunnableFlow>>& flow) {
    if (!flow.ok()) {
        return table_event_lost(api, flow.message());
    }
    if (!flow->has_value() || !listens(event, **flow)) {
        return;
    }
    std::vector<Json> payloads;
    for (const Json& record : event.records) {
        payloads.push_back(shown_record(record));
    }
    start_table_runs(api, **flow, payloads);
}

void start_noted(Api& api, const std::shared_ptr<TableEvent>& event) {
    api.ports.entities.list_entities(
        event->notes, [&api, event](const Result<Page<EntityRow>>& notes) {
            if (!notes.ok()) {
                return table_event_lost(api, notes.message());
            }
            for (const EntityRow& note : notes->rows) {
                api.ports.catalog.published(
                    std::string(entity_body(note)["flowId"].text()),
                    [&api, event](const Result<std::optional<RunnableFlow>>& flow) {
                        start_for_each(api, *event, flow);
                    });
            }
            if (notes->next) {
                event->notes.cursor = notes->next;
                start_noted(api, event);
            }
        });
}

EntityQuery notes_of(const std::string& project) {
    EntityQuery query;
    query.kind = kTableTriggerKind;
    query.scope = project;
    query.limit = kNotesAtOnce;
    return query;
}

// ---- trying

void sample_records(Api& api, const CallPtr& call, const EntityRow& table, std::size_t most,
                    const std::vector<EntityRow>& fields,
                    std::function<void(const Result<Json>&)> then) {
    EntityQuery query;
    query.kind = kRecordKind;
    query.scope = table.id;
    query.oldest_first = true;
    query.limit = most;
    api.ports.entities.list_entities(
        query, [&api, call, fields, then = std::move(then)](const Result<Page<EntityRow>>& page) {
            if (api.failed(call, page)) {
                return;
            }
            Json samples = Json::array();
            for (const EntityRow& row : page->rows) {
                samples.append(shown_record(table_record_json(row, fields)));
            }
            then(samples);
        });
}

}  // namespace

void with_named_table(Api& api, const CallPtr& call, const std::string& project,
                      const std::string& external_id, WithEntity then,
                      std::function<void()> missing) {
    api.ports.entities.entity_by_key(
        kTableKind, project, external_id,
        [&api, call, then = std::move(then),
         missing = std::move(missing)](const Result<std::optional<EntityRow>>& found) {
            if (!api.failed(call, found)) {
                found->has_value() ? then(**found) : missing();
            }
        });
}

void note_table_trigger(Api& api, const CallPtr& call, const StoredFlow& latest, bool publishes,
                        bool on, std::function<void()> then) {
    if (!on) {
        return then();
    }
    if (publishes || latest.flow.published_version_id == latest.version.id) {
        return note_version(api, call, latest.flow, latest.version, std::move(then));
    }
    api.ports.flows.flow(latest.flow.id, FlowStore::Which::published_or_latest, {},
                         [&api, call, latest,
                          then = std::move(then)](const Result<std::optional<StoredFlow>>& found) {
                             if (!api.failed(call, found)) {
                                 note_version(api, call, latest.flow,
                                              found->value_or(latest).version, then);
                             }
                         });
}

void tidy_table_triggers(Api& api, const CallPtr& call, const StoredFlow& flow,
                         std::function<void()> then) {
    const bool on = flow.flow.status == "ENABLED";
    if (on && flow.flow.published_version_id != flow.version.id) {
        return then();
    }
    const std::optional<TableTrigger> trigger = on ? trigger_of(flow.version) : std::nullopt;
    EntityQuery query = notes_of(flow.flow.project_id);
    query.members = {{"flowId", {flow.flow.id}}};
    api.ports.entities.list_entities(
        query, [&api, call, scope = query.scope,
                kept = trigger ? note_key(flow.flow.id, *trigger) : std::string(),
                then = std::move(then)](const Result<Page<EntityRow>>& notes) {
            if (api.failed(call, notes)) {
                return;
            }
            std::vector<std::string> ids;
            for (const EntityRow& note : notes->rows) {
                if (note.key != kept) {
                    ids.push_back(note.id);
                }
            }
            if (ids.empty()) {
                return then();
            }
            api.ports.entities.take_children(
                kTableTriggerKind, scope, std::move(ids),
                [&api, call, then](const Result<std::vector<EntityRow>>& gone) {
                    if (!api.failed(call, gone)) {
                        then();
                    }
                });
        });
}

void start_table_triggers(Api& api, const EntityRow& table, std::string_view event,
                          const std::vector<Json>& records) {
    const auto told = std::make_shared<TableEvent>();
    told->table = table;
    told->name = event;
    told->records = records;
    told->notes = notes_of(table.scope);
    told->notes.members = {{"table", {table.key}}, {"event", {told->name}}};
    start_noted(api, told);
}

void sample_table_trigger(Api& api, const CallPtr& call, const std::string& project,
                          const Json& trigger_input, std::size_t most,
                          std::function<void(const Result<Json>&)> then) {
    const Result<std::string> name = named_table(trigger_input);
    if (!name.ok()) {
        return then(name.error());
    }
    with_named_table(
        api, call, project, *name,
        [&api, call, most, then](const EntityRow& table) {
            with_fields(api, call, table.id,
                        [&api, call, table, most, then](const std::vector<EntityRow>& fields) {
                            sample_records(api, call, table, most, fields, then);
                        });
        },
        [then, name = *name] { then(Error{"Table with externalId " + name + " not found"}); });
}

}  // namespace sallyport::engine
