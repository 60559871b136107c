// The fields of tables (engine contract 1.3).
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/tables.hpp"
#include "engine/core/shape.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::string_view kFieldName = "Field";
constexpr std::string_view kDropdown = "STATIC_DROPDOWN";
// Choices of a dropdown; more are a table of their own.
constexpr std::size_t kOptionsMax = 1000;

constexpr std::array kFieldFields = {Field{"name", Kind::text}, Field{"type", Kind::text},
                                     Field{"data", Kind::object, Need::optional},
                                     Field{"externalId", Kind::text, Need::optional}};

bool is_field_type(std::string_view type) {
    return type == "TEXT" || type == "NUMBER" || type == "DATE" || type == kDropdown;
}

bool are_options(const Json& options) {
    bool good = options.is_array() && options.size() <= kOptionsMax;
    options.each_element([&good](const Json& option) {
        good =
            good && option["value"].is_string() && option["value"].text().size() <= kLabelBytesMax;
    });
    return good;
}

std::int64_t position_of(const EntityRow& row) {
    return entity_body(row)["position"].integer_or(0);
}

void store_field(Api& api, const CallPtr& call, const EntityRow& table, std::int64_t position) {
    const Result<EntityRow> field = field_from(api, call->body, table, position, "body");
    if (!field.ok()) {
        return call->fail_validation(field.message());
    }
    add_children_and_go(api, call, {*field}, api.options.fields_max,
                        "Max fields per table reached: ", [call, row = *field] {
                            call->reply(201, table_field_json(row));
                        });
}

// Behind those that are there.
void create_field(Api& api, const CallPtr& call) {
    if (!call->body["tableId"].is_string()) {
        return call->fail_validation("body must have required property 'tableId'");
    }
    with_table(api, call, std::string(call->body["tableId"].text()),
               [&api, call](const EntityRow& table) {
                   with_fields(api, call, table.id,
                               [&api, call, table](const std::vector<EntityRow>& fields) {
                                   store_field(api, call, table,
                                               fields.empty() ? 0 : position_of(fields.back()) + 1);
                               });
               });
}

void list_fields(Api& api, const CallPtr& call) {
    with_table(api, call, call->query_text("tableId"), [&api, call](const EntityRow& table) {
        with_fields(api, call, table.id, [call](const std::vector<EntityRow>& fields) {
            Json list = Json::array();
            for (const EntityRow& field : fields) {
                list.append(table_field_json(field));
            }
            call->reply(200, list);
        });
    });
}

void with_field(Api& api, const CallPtr& call, const WithEntity& then) {
    api.ports.entities.entity(kFieldKind, call->params[0],
                              [&api, call, then](const Result<std::optional<EntityRow>>& found) {
                                  if (api.failed(call, found)) {
                                      return;
                                  }
                                  if (!found->has_value()) {
                                      return call->fail_not_found(kFieldName, call->params[0]);
                                  }
                                  with_table(
                                      api, call, (*found)->scope,
                                      [then, field = **found](const EntityRow&) { then(field); });
                              });
}

void get_field(Api& api, const CallPtr& call) {
    with_field(api, call,
               [call](const EntityRow& row) { call->reply(200, table_field_json(row)); });
}

void update_field(Api& api, const CallPtr& call) {
    if (!is_label(call, "name")) {
        return;
    }
    with_field(api, call, [&api, call](const EntityRow& row) {
        change_and_reply(
            api, call, row, kFieldName,
            [name = std::string(call->body["name"].text())](EntityRow& stored) {
                stored.label = name;
            },
            table_field_json);
    });
}

// Its cells are not shown any more, and go when their record is written next.
void delete_field(Api& api, const CallPtr& call) {
    with_field(api, call, [&api, call](const EntityRow& row) { delete_and_reply(api, call, row); });
}

}  // namespace

Json table_field_json(const EntityRow& row) {
    const Json body = entity_body(row);
    Json json = entity_json(row);
    json.set("name", Json::string(row.label));
    json.set("externalId", Json::string(row.key));
    json.set("tableId", Json::string(row.scope));
    for (const std::string_view name : {"type", "projectId", "position"}) {
        json.set(name, body[name]);
    }
    if (body.has("data")) {
        json.set("data", body["data"]);
    }
    return json;
}

void add_children_and_go(Api& api, const CallPtr& call, std::vector<EntityRow> rows,
                         std::size_t most, std::string_view full, std::function<void()> then) {
    const std::string table = rows.front().scope;
    api.ports.entities.add_children(
        std::move(rows), most,
        [&api, call, table, most, full = std::string(full),
         then = std::move(then)](const Result<EntityStore::Added>& added) {
            if (api.failed(call, added)) {
                return;
            }
            switch (*added) {
                case EntityStore::Added::all:
                    return then();
                case EntityStore::Added::full:
                    return call->fail(
                        ApiError::validation,
                        Json::object({{"message", Json::string(full + std::to_string(most))}}));
                case EntityStore::Added::taken:
                    return call->fail(
                        ApiError::validation,
                        Json::object({{"message", Json::string("That externalId exists")}}));
                case EntityStore::Added::no_parent:
                    return call->fail_not_found("Table", table);
            }
        });
}

Result<EntityRow> field_from(Api& api, const Json& given, const EntityRow& table,
                             std::int64_t position, std::string_view where) {
    const Status shape = check_shape(given, kFieldFields, where);
    if (!shape.ok()) {
        return shape.error();
    }
    const std::string at(where);
    const std::string_view name = given["name"].text();
    if (name.empty() || name.size() > kLabelBytesMax) {
        return Error{at + "/name must have 1 to 1000 bytes"};
    }
    const std::string_view type = given["type"].text();
    if (!is_field_type(type)) {
        return Error{at + "/type must be TEXT, NUMBER, DATE or STATIC_DROPDOWN"};
    }
    if (given["externalId"].text().size() > kLabelBytesMax) {
        return Error{at + "/externalId must have at most 1000 bytes"};
    }
    Json body = Json::object({{"type", given["type"]},
                              {"projectId", Json::string(table.scope)},
                              {"position", Json::integer(position)}});
    if (type == kDropdown) {
        if (!are_options(given["data"]["options"])) {
            return Error{at + "/data/options must be at most " + std::to_string(kOptionsMax) +
                         " objects with a value"};
        }
        Json options = Json::array();
        given["data"]["options"].each_element([&options](const Json& option) {
            options.append(Json::object({{"value", option["value"]}}));
        });
        body.set("data", Json::object({{"options", options}}));
    }
    return new_entity(api, kFieldKind, table.id, std::string(given["externalId"].text()),
                      std::string(name), body);
}

void with_fields(Api& api, const CallPtr& call, const std::string& table_id, WithFields then) {
    EntityQuery query;
    query.kind = kFieldKind;
    query.scope = table_id;
    query.oldest_first = true;
    query.limit = api.options.fields_max;
    api.ports.entities.list_entities(
        query, [&api, call, then = std::move(then)](Result<Page<EntityRow>> page) {
            if (!api.failed(call, page)) {
                // Several are made in one millisecond.
                std::ranges::stable_sort(page->rows, {}, position_of);
                then(page->rows);
            }
        });
}

const std::vector<ApiRoute> kTableFieldRoutes = {
    {"POST", "fields", ApiRoute::Access::project, create_field},
    {"GET", "fields", ApiRoute::Access::project, list_fields},
    {"GET", "fields/:id", ApiRoute::Access::project, get_field},
    {"POST", "fields/:id", ApiRoute::Access::project, update_field},
    {"DELETE", "fields/:id", ApiRoute::Access::project, delete_field},
};

}  // namespace sallyport::engine
