// The records of tables (engine contract 1.3).
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/tables.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::string_view kRecordName = "Record";
constexpr std::size_t kBatchMax = 50;
constexpr std::size_t kDeleteMax = 1000;

// A cell's value is a text or null; numbers and truths are kept as their texts.
Result<Json> value_from(const Json& value) {
    if (value.is_null() || value.is_string()) {
        return value;
    }
    if (value.is_number() || value.is_boolean()) {
        return Json::string(value.dump());
    }
    return Error{"a cell's value must be a string or null"};
}

// Cells [{fieldId, value}] put into {fieldId: {value, created, updated}}; fields that the table has
// not are passed over, as the contract has it. Cells of fields that are gone are left out.
Result<Json> merged_cells(const Json& stored, const Json& given,
                          const std::vector<EntityRow>& fields, std::int64_t now_ms) {
    const Json now = Json::string(iso_time(now_ms));
    Json cells = Json::object();
    for (const EntityRow& field : fields) {
        if (stored.has(field.id)) {
            cells.set(field.id, stored[field.id]);
        }
    }
    Status status = given.is_array() ? Status(Done{}) : Error{"cells must be an array"};
    given.each_element([&](const Json& cell) {
        if (!cell["fieldId"].is_string() || !cell.has("value")) {
            status = Error{"a cell must have fieldId and value"};
            return;
        }
        const Result<Json> value = value_from(cell["value"]);
        if (!value.ok()) {
            status = value.error();
            return;
        }
        const std::string_view id = cell["fieldId"].text();
        const bool known = std::any_of(fields.begin(), fields.end(),
                                       [id](const EntityRow& field) { return field.id == id; });
        if (known) {
            const Json before = cells[id]["created"];
            cells.set(id, Json::object({{"value", *value},
                                        {"created", before.exists() ? before : now},
                                        {"updated", now}}));
        }
    });
    return status.ok() ? Result<Json>(cells) : status.error();
}

bool fits(const CallPtr& call, const EntityRow& row) {
    if (row.body.size() <= kRecordBytesMax) {
        return true;
    }
    call->fail(ApiError::file_too_large,
               Json::object({{"message", Json::string("A record has at most 256 KB")}}));
    return false;
}

void tell(Api& api, const EntityRow& table, std::string_view event,
          const std::vector<EntityRow>& rows, const std::vector<EntityRow>& fields) {
    std::vector<Json> records;
    for (const EntityRow& row : rows) {
        records.push_back(table_record_json(row, fields));
    }
    tell_listeners(api, table, event, records);
}

// ---- create

// Of the step that asks; empty for others.
std::string step_key(const CallPtr& call) {
    return call->internal ? std::string(call->request.header(kStepKeyHeader)) : std::string();
}

// Of a record that a step makes: the same when the step is performed again after a crash. Empty for
// others.
std::string record_id(const std::string& step, const EntityRow& table, std::size_t at) {
    return step.empty()
               ? std::string()
               : derived_id("record " + std::to_string(at) + " of " + table.id + " by " + step);
}

void answer_created(const CallPtr& call, const std::vector<EntityRow>& rows,
                    const std::vector<EntityRow>& fields) {
    Json list = Json::array();
    for (const EntityRow& row : rows) {
        list.append(table_record_json(row, fields));
    }
    call->reply(201, list);
}

void add_records(Api& api, const CallPtr& call, const EntityRow& table,
                 const std::vector<EntityRow>& rows, const std::vector<EntityRow>& fields) {
    add_children_and_go(api, call, rows, api.options.records_max,
                        "Max records per table reached: ", [&api, call, table, fields, rows] {
                            answer_created(call, rows, fields);
                            tell(api, table, "RECORD_CREATED", rows, fields);
                        });
}

// Those that the step made before are answered as they are.
void add_records_once(Api& api, const CallPtr& call, const EntityRow& table,
                      const std::vector<EntityRow>& rows, const std::vector<EntityRow>& fields) {
    EntityQuery query;
    query.kind = kRecordKind;
    query.scope = table.id;
    query.oldest_first = true;
    query.limit = rows.size();
    for (const EntityRow& row : rows) {
        query.keys.push_back(row.key);
    }
    api.ports.entities.list_entities(
        query, [&api, call, table, rows, fields](const Result<Page<EntityRow>>& there) {
            if (api.failed(call, there)) {
                return;
            }
            there->rows.empty() ? add_records(api, call, table, rows, fields)
                                : answer_created(call, there->rows, fields);
        });
}

void store_records(Api& api, const CallPtr& call, const EntityRow& table,
                   const std::vector<EntityRow>& fields) {
    const std::string step = step_key(call);
    std::vector<EntityRow> rows;
    std::string problem;
    bool small = true;
    call->body["records"].each_element([&](const Json& given) {
        const Result<Json> cells = merged_cells(Json::object(), given, fields, api.now_ms());
        if (!cells.ok() || !small) {
            problem = cells.ok() ? problem : "body/records: " + cells.message();
            return;
        }
        const Json body =
            Json::object({{"projectId", Json::string(table.scope)}, {"cells", *cells}});
        const std::string id = record_id(step, table, rows.size());
        rows.push_back(new_entity(api, kRecordKind, table.id, id, "", body));
        rows.back().id = rows.back().key;
        rows.back().created_ms += static_cast<std::int64_t>(rows.size()) - 1;  // lists go by it
        small = problem.empty() && fits(call, rows.back());
    });
    if (!small && problem.empty()) {
        return;
    }
    if (!problem.empty()) {
        return call->fail_validation(problem);
    }
    if (rows.empty()) {
        return call->reply(201, Json::array());
    }
    step.empty() ? add_records(api, call, table, rows, fields)
                 : add_records_once(api, call, table, rows, fields);
}

void create_records(Api& api, const CallPtr& call) {
    const Json records = call->body["records"];
    if (!call->body["tableId"].is_string() || !records.is_array()) {
        return call->fail_validation("body must have tableId (a string) and records (an array)");
    }
    if (records.size() > kBatchMax) {
        return call->fail_validation("body/records must have at most " + std::to_string(kBatchMax) +
                                     " records");
    }
    with_table(api, call, std::string(call->body["tableId"].text()),
               [&api, call](const EntityRow& table) {
                   with_fields(api, call, table.id,
                               [&api, call, table](const std::vector<EntityRow>& fields) {
                                   store_records(api, call, table, fields);
                               });
               });
}

// ---- one

using WithRecord = std::function<void(const EntityRow& record, const EntityRow& table,
                                      const std::vector<EntityRow>& fields)>;

void with_record(Api& api, const CallPtr& call, const WithRecord& then) {
    api.ports.entities.entity(
        kRecordKind, call->params[0],
        [&api, call, then](const Result<std::optional<EntityRow>>& found) {
            if (api.failed(call, found)) {
                return;
            }
            if (!found->has_value()) {
                return call->fail_not_found(kRecordName, call->params[0]);
            }
            with_table(api, call, (*found)->scope,
                       [&api, call, then, record = **found](const EntityRow& table) {
                           with_fields(api, call, table.id,
                                       [then, record, table](const std::vector<EntityRow>& fields) {
                                           then(record, table, fields);
                                       });
                       });
        });
}

void get_record(Api& api, const CallPtr& call) {
    with_record(
        api, call,
        [call](const EntityRow& record, const EntityRow&, const std::vector<EntityRow>& fields) {
            call->reply(200, table_record_json(record, fields));
        });
}

// Merges on the store's thread: two changes of different cells both stay.
void store_cells(Api& api, const CallPtr& call, const EntityRow& record, const EntityRow& table,
                 const std::vector<EntityRow>& fields) {
    const auto too_large = std::make_shared<bool>(false);
    const std::int64_t now = api.now_ms();
    api.ports.entities.change_entity(
        kRecordKind, record.scope, record.key,
        [given = call->body["cells"].deep_copy(), fields, now,
         too_large](std::optional<EntityRow>& stored) {
            if (!stored) {
                return false;
            }
            Json body = entity_body(*stored);
            const Result<Json> cells =
                merged_cells(body["cells"], given.exists() ? given : Json::array(), fields, now);
            if (!cells.ok()) {
                return false;  // checked before: cannot be
            }
            body.set("cells", *cells);
            std::string text = body.dump();
            *too_large = text.size() > kRecordBytesMax;
            if (!*too_large) {
                stored->body = std::move(text);
                stored->updated_ms = now;
            }
            return !*too_large;
        },
        [&api, call, table, fields, too_large](const Result<std::optional<EntityRow>>& stored) {
            if (api.failed(call, stored)) {
                return;
            }
            if (!stored->has_value()) {
                return call->fail_not_found(kRecordName, call->params[0]);
            }
            if (*too_large) {
                return call->fail(
                    ApiError::file_too_large,
                    Json::object({{"message", Json::string("A record has at most 256 KB")}}));
            }
            call->reply(200, table_record_json(**stored, fields));
            tell(api, table, "RECORD_UPDATED", {**stored}, fields);
        });
}

void update_record(Api& api, const CallPtr& call) {
    const Json cells = call->body["cells"];
    const Result<Json> checked =
        merged_cells(Json::object(), cells.exists() ? cells : Json::array(), {}, 0);
    if (!checked.ok()) {
        return call->fail_validation("body/cells: " + checked.message());
    }
    if (!call->body["tableId"].is_string()) {
        return call->fail_validation("body must have required property 'tableId'");
    }
    with_record(api, call,
                [&api, call](const EntityRow& record, const EntityRow& table,
                             const std::vector<EntityRow>& fields) {
                    if (table.id != call->body["tableId"].text()) {
                        return call->fail_not_found(kRecordName, record.id);
                    }
                    store_cells(api, call, record, table, fields);
                });
}

// ---- delete

void take_records(Api& api, const CallPtr& call, const EntityRow& table,
                  const std::vector<EntityRow>& fields) {
    std::vector<std::string> ids;
    call->body["ids"].each_element([&ids](const Json& id) { ids.emplace_back(id.text()); });
    api.ports.entities.take_children(
        kRecordKind, table.id, std::move(ids),
        [&api, call, table, fields](const Result<std::vector<EntityRow>>& gone) {
            if (!api.failed(call, gone)) {
                call->reply(204, Json());
                tell(api, table, "RECORD_DELETED", *gone, fields);
            }
        });
}

void delete_records(Api& api, const CallPtr& call) {
    const Json ids = call->body["ids"];
    bool texts = ids.is_array() && ids.size() <= kDeleteMax;
    ids.each_element([&texts](const Json& id) { texts = texts && id.is_string(); });
    if (!call->body["tableId"].is_string() || !texts) {
        return call->fail_validation("body must have tableId and ids, at most " +
                                     std::to_string(kDeleteMax) + " strings");
    }
    with_table(api, call, std::string(call->body["tableId"].text()),
               [&api, call](const EntityRow& table) {
                   with_fields(api, call, table.id,
                               [&api, call, table](const std::vector<EntityRow>& fields) {
                                   take_records(api, call, table, fields);
                               });
               });
}

}  // namespace

Json table_record_json(const EntityRow& row, const std::vector<EntityRow>& fields) {
    const Json body = entity_body(row);
    Json cells = Json::object();
    for (const EntityRow& field : fields) {
        const Json stored = body["cells"][field.id];
        if (stored.exists()) {
            Json cell = stored.deep_copy();
            cell.set("fieldName", Json::string(field.label));
            cells.set(field.id, cell);
        }
    }
    Json json = entity_json(row);
    json.set("tableId", Json::string(row.scope));
    json.set("projectId", body["projectId"]);
    json.set("cells", cells);
    return json;
}

const std::vector<ApiRoute> kTableRecordRoutes = {
    {"POST", "records", ApiRoute::Access::project, create_records},
    {"POST", "records/import", ApiRoute::Access::project, import_records, true},
    {"GET", "records", ApiRoute::Access::project, list_records},
    {"DELETE", "records", ApiRoute::Access::project, delete_records},
    {"GET", "records/:id", ApiRoute::Access::project, get_record},
    {"POST", "records/:id", ApiRoute::Access::project, update_record},
};

}  // namespace sallyport::engine
