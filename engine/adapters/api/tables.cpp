// Tables (engine contract 1.3): making, finding, exporting and clearing them.
#include "engine/adapters/api/tables.hpp"

#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/folder_filter.hpp"
#include "engine/core/shape.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::string_view kTableName = "Table";
constexpr std::size_t kExternalIdCharsMax = 128;

// ^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$: it is a file's name in exports, never a way out of a folder.
bool is_external_id(std::string_view id) {
    return !id.empty() && id.size() <= kExternalIdCharsMax && id != "." && id != ".." &&
           std::all_of(id.begin(), id.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
           });
}

Json or_null(const Json& value) {
    return value.is_string() && !value.text().empty() ? value : Json::null();
}

Json table_json(const EntityRow& row) {
    const Json body = entity_body(row);
    Json json = entity_json(row);
    json.set("name", Json::string(row.label));
    json.set("projectId", Json::string(row.scope));
    json.set("externalId", Json::string(row.key));
    json.set("folderId", or_null(body["folderId"]));
    json.set("status", or_null(body["status"]));
    json.set("trigger", or_null(body["trigger"]));
    return json;
}

// ---- create

constexpr std::array kTableFields = {Field{"projectId", Kind::text},
                                     Field{"name", Kind::text},
                                     Field{"fields", Kind::array, Need::optional},
                                     Field{"externalId", Kind::text, Need::optional},
                                     Field{"folderId", Kind::text, Need::optional},
                                     Field{"folderName", Kind::text, Need::optional}};

bool check_table(const CallPtr& call) {
    const Status shape = check_shape(call->body, kTableFields, "body");
    if (!shape.ok()) {
        call->fail_validation(shape.message());
        return false;
    }
    const Json external = call->body["externalId"];
    if (external.is_string() && !is_external_id(external.text())) {
        call->fail_validation("body/externalId must match ^(?!\\.{1,2}$)[A-Za-z0-9._-]{1,128}$");
        return false;
    }
    return is_label(call, "name");
}

Result<std::vector<EntityRow>> fields_from(Api& api, const CallPtr& call, const EntityRow& table) {
    std::vector<EntityRow> fields;
    std::set<std::string> keys;
    Status status = Done{};
    call->body["fields"].each_element([&](const Json& given) {
        if (!status.ok()) {
            return;
        }
        const auto position = static_cast<std::int64_t>(fields.size());
        Result<EntityRow> field =
            field_from(api, given, table, position, "body/fields/" + std::to_string(position));
        if (!field.ok()) {
            status = field.error();
        } else if (!keys.insert(field->key).second) {
            status = Error{"body/fields must not have the same externalId twice"};
        } else {
            fields.push_back(*std::move(field));
        }
    });
    return status.ok() ? Result<std::vector<EntityRow>>(std::move(fields)) : status.error();
}

void store_table(Api& api, const CallPtr& call, const std::string& project,
                 const std::string& folder) {
    const EntityRow table = new_entity(
        api, kTableKind, project, std::string(call->body["externalId"].text()),
        std::string(call->body["name"].text()), Json::object({{"folderId", Json::string(folder)}}));
    const Result<std::vector<EntityRow>> fields = fields_from(api, call, table);
    if (!fields.ok()) {
        return call->fail_validation(fields.message());
    }
    api.ports.entities.add_family(table, *fields, [&api, call, table](const Result<bool>& stored) {
        if (api.failed(call, stored)) {
            return;
        }
        if (!*stored) {
            return call->fail(
                ApiError::validation,
                Json::object({{"message", Json::string("A table with that externalId exists")}}));
        }
        call->reply(200, table_json(table));
    });
}

void create_table(Api& api, const CallPtr& call) {
    if (!check_table(call)) {
        return;
    }
    const std::string project(call->body["projectId"].text());
    api.with_project(call, project, [&api, call, project](const ProjectRow&) {
        if (call->body["fields"].size() > api.options.fields_max) {
            return call->fail(
                ApiError::validation,
                Json::object({{"message", Json::string("Max fields per table reached: " +
                                                       std::to_string(api.options.fields_max))}}));
        }
        with_named_folder(api, call, project, [&api, call, project](const std::string& folder) {
            store_table(api, call, project, folder);
        });
    });
}

// ---- change

bool one_of_or_absent(const CallPtr& call, std::string_view name, std::string_view one,
                      std::string_view other) {
    const Json value = call->body[name];
    if (!value.exists() || value.text() == one || value.text() == other) {
        return true;
    }
    call->fail_validation("body/" + std::string(name) + " must be " + std::string(one) + " or " +
                          std::string(other));
    return false;
}

void update_table(Api& api, const CallPtr& call) {
    const Json folder_id = call->body["folderId"];
    if (call->body.has("name") && !is_label(call, "name")) {
        return;
    }
    if (!one_of_or_absent(call, "status", "ENABLED", "DISABLED") ||
        !one_of_or_absent(call, "trigger", "ON_NEW_RECORD", "ON_UPDATE_RECORD")) {
        return;
    }
    if (folder_id.exists() && !folder_id.is_null() && !folder_id.is_string()) {
        return call->fail_validation("body/folderId must be a string or null");
    }
    with_table(api, call, call->params[0], [&api, call](const EntityRow& row) {
        with_named_folder(api, call, row.scope, [&api, call, row](const std::string& folder) {
            change_and_reply(
                api, call, row, kTableName,
                [given = call->body, folder](EntityRow& stored) {
                    Json body = entity_body(stored);
                    for (const std::string_view name : {"status", "trigger"}) {
                        if (given.has(name)) {
                            body.set(name, given[name]);
                        }
                    }
                    if (given.has("folderId")) {
                        body.set("folderId", Json::string(folder));
                    }
                    stored.body = body.dump();
                    stored.label = given["name"].text_or(stored.label);
                },
                table_json);
        });
    });
}

// ---- list

// `NULL` are the tables in no folder.
std::vector<std::string> wanted_folders(const CallPtr& call) {
    std::vector<std::string> folders = form_values(call->query, "folderIds");
    if (const std::string folder = call->query_text("folderId"); !folder.empty()) {
        folders.push_back(folder == kNoFolder ? "" : folder);
    }
    return folders;
}

void list_tables(Api& api, const CallPtr& call) {
    EntityQuery wanted;
    wanted.kind = kTableKind;
    wanted.scope = call->query_text("projectId");
    wanted.label = call->query_text("name");
    wanted.keys = form_values(call->query, "externalIds");
    wanted.members = {{"folderId", wanted_folders(call)}};
    const std::string sort = call->query_text("sortBy");
    if (!sort.empty() && !call->query_text("cursor").empty()) {
        return call->fail_validation("querystring/cursor cannot go on in a sorted list");
    }
    wanted.by_label = !sort.empty();
    wanted.oldest_first = wanted.by_label && call->query_text("order") != "DESC";
    const std::string project = wanted.scope;
    api.with_project(call, project, [&api, call, wanted](const ProjectRow&) {
        reply_with_page(api, call, wanted, table_json);
    });
}

void count_tables(Api& api, const CallPtr& call) {
    api.with_project(call, call->query_text("projectId"), [&api, call](const ProjectRow& project) {
        EntityQuery wanted;
        wanted.kind = kTableKind;
        wanted.scope = project.id;
        wanted.members = {{"folderId", wanted_folders(call)}};
        api.ports.entities.count_listed(wanted, [&api, call](const Result<std::int64_t>& count) {
            if (!api.failed(call, count)) {
                call->reply(200, Json::integer(*count));
            }
        });
    });
}

void get_table(Api& api, const CallPtr& call) {
    with_table(api, call, call->params[0],
               [call](const EntityRow& row) { call->reply(200, table_json(row)); });
}

void delete_table(Api& api, const CallPtr& call) {
    with_table(api, call, call->params[0], [&api, call](const EntityRow& row) {
        api.ports.entities.delete_family(kTableKind, row.id,
                                         {kFieldKind, kRecordKind, kTableHookKind},
                                         [&api, call](const Result<Done>& deleted) {
                                             if (!api.failed(call, deleted)) {
                                                 call->reply(204, Json());
                                             }
                                         });
    });
}

// ---- what is in it, as a whole

Json exported(const EntityRow& table, const std::vector<EntityRow>& fields,
              const std::vector<EntityRow>& records) {
    Json names = Json::array();
    for (const EntityRow& field : fields) {
        names.append(
            Json::object({{"id", Json::string(field.id)}, {"name", Json::string(field.label)}}));
    }
    Json rows = Json::array();
    for (const EntityRow& record : records) {
        const Json cells = entity_body(record)["cells"];
        Json row = Json::object();
        for (const EntityRow& field : fields) {
            row.set(field.label, Json::string(cells[field.id]["value"].text()));
        }
        rows.append(row);
    }
    return Json::object({{"name", Json::string(table.label)}, {"fields", names}, {"rows", rows}});
}

void export_table(Api& api, const CallPtr& call) {
    with_table(api, call, call->params[0], [&api, call](const EntityRow& table) {
        with_fields(api, call, table.id, [&api, call, table](const std::vector<EntityRow>& fields) {
            with_all_records(api, call, table.id,
                             [call, table, fields](const std::vector<EntityRow>& all) {
                                 call->reply(200, exported(table, fields, all));
                             });
        });
    });
}

void clear_table(Api& api, const CallPtr& call) {
    with_table(api, call, call->params[0], [&api, call](const EntityRow& table) {
        api.ports.entities.clear_children(
            kRecordKind, table.id, [&api, call](const Result<std::int64_t>& gone) {
                if (!api.failed(call, gone)) {
                    call->reply(200, Json::object({{"deletedCount", Json::integer(*gone)}}));
                }
            });
    });
}

}  // namespace

void with_table(Api& api, const CallPtr& call, const std::string& id, WithEntity then) {
    api.ports.entities.entity(
        kTableKind, id,
        [&api, call, id, then = std::move(then)](const Result<std::optional<EntityRow>>& found) {
            if (api.failed(call, found)) {
                return;
            }
            if (!found->has_value()) {
                return call->fail_not_found(kTableName, id);
            }
            api.with_project(call, (*found)->scope,
                             [then, table = **found](const ProjectRow&) { then(table); });
        });
}

void tables_leave_folder(Api& api, const std::string& project_id, const std::string& folder_id,
                         std::function<void(Result<Done>)> done) {
    EntityQuery query;
    query.kind = kTableKind;
    query.scope = project_id;
    query.members = {{"folderId", {folder_id}}};
    query.limit = 1;
    api.ports.entities.list_entities(query, [&api, project_id, folder_id, done = std::move(done)](
                                                const Result<Page<EntityRow>>& page) {
        if (!page.ok()) {
            return done(page.error());
        }
        if (page->rows.empty()) {
            return done(Done{});
        }
        api.ports.entities.change_entity(
            kTableKind, project_id, page->rows.front().key,
            [](std::optional<EntityRow>& stored) {
                if (stored) {
                    Json body = entity_body(*stored);
                    body.set("folderId", Json::string(""));
                    stored->body = body.dump();
                }
                return stored.has_value();
            },
            [&api, project_id, folder_id, done](const Result<std::optional<EntityRow>>& changed) {
                if (!changed.ok()) {
                    return done(changed.error());
                }
                tables_leave_folder(api, project_id, folder_id, done);
            });
    });
}

const std::vector<ApiRoute> kTableRoutes = {
    {"POST", "tables", ApiRoute::Access::project, create_table},
    {"GET", "tables", ApiRoute::Access::project, list_tables},
    {"GET", "tables/count", ApiRoute::Access::project, count_tables},
    {"GET", "tables/:id", ApiRoute::Access::project, get_table},
    {"POST", "tables/:id", ApiRoute::Access::project, update_table},
    {"DELETE", "tables/:id", ApiRoute::Access::project, delete_table},
    {"GET", "tables/:id/export", ApiRoute::Access::project, export_table},
    {"POST", "tables/:id/clear", ApiRoute::Access::project, clear_table},
};

}  // namespace sallyport::engine
