// Roles in projects (engine contract 1.2, 1.3): three that are always there, and the platform's
// own, for its administrators.
#include "engine/adapters/api/members.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::string_view kName = "project_role";
constexpr std::size_t kRolesMax = 1000;

EntityToJson shown_on(const CallPtr& call) {
    return [platform = call->user.platform_id](const EntityRow& row) {
        return role_json(row, platform);
    };
}

void fail_role(const CallPtr& call, const char* why) {
    call->fail(ApiError::validation, Json::object({{"message", Json::string(why)}}));
}

bool check_role(const CallPtr& call, bool is_new) {
    const Json name = call->body["name"];
    if (is_new || name.exists()) {
        if (!is_label(call, "name")) {
            return false;
        }
        if (name.text().find_first_of("./") != std::string_view::npos) {
            call->fail_validation("body/name must match ^[^./]+$");
            return false;
        }
        if (find_default_role(name.text()) != nullptr) {
            fail_role(call, "A role of that name exists");
            return false;
        }
    }
    const Json permissions = call->body["permissions"];
    bool good = permissions.is_array() || (!is_new && !permissions.exists());
    permissions.each_element(
        [&good](const Json& one) { good = good && is_permission(one.text()); });
    if (!good) {
        call->fail_validation("body/permissions must be a list of permissions");
    }
    return good;
}

void create_role(Api& api, const CallPtr& call) {
    if (!check_role(call, true)) {
        return;
    }
    const std::string name(call->body["name"].text());
    const EntityRow row = new_entity(api, kProjectRoleKind, call->user.platform_id, name, name,
                                     Json::object({{"permissions", call->body["permissions"]}}));
    create_and_reply(api, call, row, 201, shown_on(call),
                     [call](const EntityRow&) { fail_role(call, "A role of that name exists"); });
}

void list_roles(Api& api, const CallPtr& call) {
    EntityQuery query;
    query.kind = kProjectRoleKind;
    query.scope = call->user.platform_id;
    query.oldest_first = true;
    query.limit = kRolesMax;
    api.ports.entities.list_entities(query, [&api, call](const Result<Page<EntityRow>>& page) {
        if (api.failed(call, page)) {
            return;
        }
        Json data = Json::array();
        for (const DefaultRole& role : default_roles()) {
            data.append(role_json(role));
        }
        for (const EntityRow& row : page->rows) {
            data.append(role_json(row, call->user.platform_id));
        }
        call->reply(200, Json::object(
                             {{"data", data}, {"next", Json::null()}, {"previous", Json::null()}}));
    });
}

void get_role(Api& api, const CallPtr& call) {
    find_role(api, call, call->user.platform_id, call->params[0], [call](const Json& role) {
        role.exists() ? call->reply(200, role) : call->fail_not_found(kName, call->params[0]);
    });
}

void update_role(Api& api, const CallPtr& call) {
    if (!check_role(call, false)) {
        return;
    }
    with_platform_entity(api, call, kProjectRoleKind, kName, [&api, call](const EntityRow& row) {
        // A name that another role has would be taken from it.
        const std::string name(call->body["name"].text_or(row.key));
        find_role(api, call, row.scope, name, [&api, call, row, name](const Json& other) {
            if (other.exists() && other["id"].text() != row.id) {
                return fail_role(call, "A role of that name exists");
            }
            change_and_reply(
                api, call, row, kName,
                [name, permissions = call->body["permissions"].deep_copy()](EntityRow& stored) {
                    stored.key = stored.label = name;
                    if (permissions.is_array()) {
                        stored.body = Json::object({{"permissions", permissions}}).dump();
                    }
                },
                shown_on(call));
        });
    });
}

// By its name, or its id. One that somebody has stays.
void delete_role(Api& api, const CallPtr& call) {
    find_role(api, call, call->user.platform_id, call->params[0], [&api, call](const Json& role) {
        const std::string id(role["id"].text());
        if (!role.exists() || find_default_role(id) != nullptr) {
            return call->fail_not_found(kName, call->params[0]);
        }
        call->subject = role;
        EntityQuery query;
        query.kind = kProjectMemberKind;
        query.every_scope = true;
        query.members = {{"roleId", {id}}};
        query.limit = 1;
        api.ports.entities.list_entities(query,
                                         [&api, call, id](const Result<Page<EntityRow>>& members) {
                                             if (api.failed(call, members)) {
                                                 return;
                                             }
                                             if (!members->rows.empty()) {
                                                 return fail_role(call, "Members have that role");
                                             }
                                             EntityRow row;
                                             row.kind = kProjectRoleKind;
                                             row.id = id;
                                             delete_and_reply(api, call, row);
                                         });
    });
}

}  // namespace

const std::vector<ApiRoute> kProjectRoleRoutes = {
    {"GET", "project-roles", ApiRoute::Access::platform, list_roles},
    {"POST", "project-roles", ApiRoute::Access::platform, create_role},
    {"GET", "project-roles/:id", ApiRoute::Access::platform, get_role},
    {"POST", "project-roles/:id", ApiRoute::Access::platform, update_role},
    {"DELETE", "project-roles/:name", ApiRoute::Access::platform, delete_role},
};

}  // namespace sallyport::engine
