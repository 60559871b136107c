// Folders of flows (engine contract 1.3).
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/tables.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr const char* kKind = "folder";

Json folder_json(const EntityRow& row, std::int64_t flows) {
    Json json = entity_json(row);
    json.set("projectId", Json::string(row.scope));
    json.set("displayName", Json::string(row.label));
    json.set("displayOrder", Json::integer(entity_body(row)["displayOrder"].integer_or(0)));
    json.set("externalId", Json::string(row.id));
    json.set("numberOfFlows", Json::integer(flows));
    return json;
}

// The answer with the number of flows in each folder, one count after the other.
struct Counting {
    CallPtr call;
    Page<EntityRow> page;
    std::vector<std::int64_t> counts;
    std::function<void(const Counting&)> done;
};

void count_next(Api& api, const std::shared_ptr<Counting>& counting) {
    if (counting->counts.size() == counting->page.rows.size()) {
        return counting->done(*counting);
    }
    const EntityRow& folder = counting->page.rows[counting->counts.size()];
    api.ports.flows.count_flows(folder.scope, folder.id,
                                [&api, counting](const Result<std::int64_t>& count) {
                                    if (!api.failed(counting->call, count)) {
                                        counting->counts.push_back(*count);
                                        count_next(api, counting);
                                    }
                                });
}

void reply_with_folder(Api& api, const CallPtr& call, const EntityRow& row) {
    auto counting = std::make_shared<Counting>();
    counting->call = call;
    counting->page.rows.push_back(row);
    counting->done = [call](const Counting& counted) {
        call->reply(200, folder_json(counted.page.rows[0], counted.counts[0]));
    };
    count_next(api, counting);
}

// A name is one folder's: making it again gives that folder.
void create_folder(Api& api, const CallPtr& call) {
    if (!is_label(call, "displayName")) {
        return;
    }
    const std::string project(call->body["projectId"].text());
    api.with_project(call, project, [&api, call, project](const ProjectRow&) {
        const std::string name(call->body["displayName"].text());
        const EntityRow row = new_entity(api, kKind, project, name, name,
                                         Json::object({{"displayOrder", Json::integer(0)}}));
        api.ports.entities.change_entity(
            kKind, project, name,
            [row](std::optional<EntityRow>& stored) {
                if (stored) {
                    return false;
                }
                stored = row;
                return true;
            },
            [&api, call](const Result<std::optional<EntityRow>>& stored) {
                if (!api.failed(call, stored)) {
                    reply_with_folder(api, call, **stored);
                }
            });
    });
}

void rename_stored(Api& api, const CallPtr& call, const EntityRow& row, const std::string& name) {
    const std::int64_t now = api.now_ms();
    api.ports.entities.change_entity(
        kKind, row.scope, row.key,
        [name, now](std::optional<EntityRow>& stored) {
            if (stored) {
                stored->key = stored->label = name;
                stored->updated_ms = now;
            }
            return stored.has_value();
        },
        [&api, call, id = row.id](const Result<std::optional<EntityRow>>& stored) {
            if (api.failed(call, stored)) {
                return;
            }
            if (!stored->has_value()) {
                return call->fail_not_found("folder", id);
            }
            reply_with_folder(api, call, **stored);
        });
}

void rename_folder(Api& api, const CallPtr& call) {
    if (!is_label(call, "displayName")) {
        return;
    }
    with_project_entity(api, call, kKind, "folder", [&api, call](const EntityRow& row) {
        const std::string name(call->body["displayName"].text());
        api.ports.entities.entity_by_key(
            kKind, row.scope, name,
            [&api, call, row, name](const Result<std::optional<EntityRow>>& taken) {
                if (api.failed(call, taken)) {
                    return;
                }
                if (taken->has_value() && (*taken)->id != row.id) {
                    return call->fail(
                        ApiError::validation,
                        Json::object({{"message", Json::string("A folder of that name exists")}}));
                }
                rename_stored(api, call, row, name);
            });
    });
}

void list_folders(Api& api, const CallPtr& call) {
    const std::string project = call->query_text("projectId");
    EntityQuery wanted;
    if (!read_cursor(call, wanted.cursor)) {
        return;
    }
    wanted.kind = kKind;
    wanted.scope = project;
    wanted.oldest_first = true;
    wanted.limit = call->limit(10);
    api.with_project(call, project, [&api, call, wanted](const ProjectRow&) {
        api.ports.entities.list_entities(wanted, [&api, call](Result<Page<EntityRow>> page) {
            if (api.failed(call, page)) {
                return;
            }
            auto counting = std::make_shared<Counting>();
            counting->call = call;
            counting->page = *std::move(page);
            counting->done = [call](const Counting& counted) {
                std::size_t at = 0;
                call->reply(200, page_json(counted.page, [&](const EntityRow& row) {
                                return folder_json(row, counted.counts[at++]);
                            }));
            };
            count_next(api, counting);
        });
    });
}

void get_folder(Api& api, const CallPtr& call) {
    with_project_entity(api, call, kKind, "folder",
                        [&api, call](const EntityRow& row) { reply_with_folder(api, call, row); });
}

void delete_folder(Api& api, const CallPtr& call) {
    with_project_entity(api, call, kKind, "folder", [&api, call](const EntityRow& row) {
        const auto remove = [&api, call, row](const Result<Done>& left) {
            if (!api.failed(call, left)) {
                delete_and_reply(api, call, row);
            }
        };
        api.ports.flows.leave_folder(row.scope, row.id,
                                     [&api, call, row, remove](const Result<Done>& left) {
                                         if (!api.failed(call, left)) {
                                             tables_leave_folder(api, row.scope, row.id, remove);
                                         }
                                     });
    });
}

void with_folder_named(Api& api, const CallPtr& call, const std::string& project,
                       const std::string& name, const WithFolder& then) {
    const EntityRow row = new_entity(api, kKind, project, name, name,
                                     Json::object({{"displayOrder", Json::integer(0)}}));
    api.ports.entities.change_entity(
        kKind, project, name,
        [row](std::optional<EntityRow>& stored) {
            const bool missing = !stored;
            if (missing) {
                stored = row;
            }
            return missing;
        },
        [&api, call, then](const Result<std::optional<EntityRow>>& stored) {
            if (!api.failed(call, stored)) {
                then((*stored)->id);
            }
        });
}

}  // namespace

void with_named_folder(Api& api, const CallPtr& call, const std::string& project,
                       const WithFolder& then) {
    const std::string id(call->body["folderId"].text());
    const std::string name(call->body["folderName"].text());
    if (name.size() > kLabelBytesMax) {
        return call->fail_validation("body/folderName must have at most 1000 bytes");
    }
    if (id.empty()) {
        return name.empty() ? then("") : with_folder_named(api, call, project, name, then);
    }
    api.ports.entities.entity(
        kKind, id, [&api, call, project, id, then](const Result<std::optional<EntityRow>>& folder) {
            if (api.failed(call, folder)) {
                return;
            }
            if (!folder->has_value() || (*folder)->scope != project) {
                return call->fail_not_found("folder", id);
            }
            then(id);
        });
}

const std::vector<ApiRoute> kFolderRoutes = {
    {"POST", "folders", ApiRoute::Access::user, create_folder},
    {"GET", "folders", ApiRoute::Access::user, list_folders},
    {"GET", "folders/:id", ApiRoute::Access::user, get_folder},
    {"POST", "folders/:id", ApiRoute::Access::user, rename_folder},
    {"DELETE", "folders/:id", ApiRoute::Access::user, delete_folder},
};

}  // namespace sallyport::engine
