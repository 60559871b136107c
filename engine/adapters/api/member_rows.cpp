// Members and roles in the store, and what a member may do.
#include "engine/adapters/api/members.hpp"
#include "engine/core/time_text.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

// Projects of one member that are read at once.
constexpr std::size_t kMembershipsMax = 1000;

bool role_has(const Json& role, std::string_view permission) {
    bool has = false;
    role["permissions"].each_element(
        [&](const Json& one) { has = has || one.text() == permission; });
    return has;
}

void fail_permission(const CallPtr& call, const ProjectRow& project, const Json& role,
                     std::string_view permission) {
    call->fail(ApiError::permission_denied,
               Json::object({{"userId", Json::string(call->user.id)},
                             {"projectId", Json::string(project.id)},
                             {"projectRole", role["name"]},
                             {"permission", Json::string(permission)}}));
}

// What `other` has and `own` lacks, the first of it.
std::string lacking(const std::vector<std::string>& own, const std::vector<std::string>& other) {
    return std::string(first_lacking(std::vector<std::string_view>(own.begin(), own.end()),
                                     std::vector<std::string_view>(other.begin(), other.end())));
}

std::vector<std::string> permissions_of(const Json& role) {
    std::vector<std::string> permissions;
    role["permissions"].each_element(
        [&permissions](const Json& one) { permissions.emplace_back(one.text()); });
    return permissions;
}

struct Gathered {
    std::vector<EntityRow> left;
    std::vector<ProjectRow> projects;
};

void gather(Api& api, const CallPtr& call, const std::shared_ptr<Gathered>& all,
            const std::function<void(std::vector<ProjectRow>)>& then) {
    if (all->left.empty()) {
        return then(std::move(all->projects));
    }
    const std::string id = std::move(all->left.back().scope);
    all->left.pop_back();
    api.ports.accounts.project(
        id, [&api, call, all, then](const Result<std::optional<ProjectRow>>& project) {
            if (api.failed(call, project)) {
                return;
            }
            if (project->has_value()) {
                all->projects.push_back(**project);
            }
            gather(api, call, all, then);
        });
}

}  // namespace

RoleGiver::RoleGiver(const ApiCall& call)
    : all_(!call.project_role.exists() || call.is_admin()),
      own_(permissions_of(call.project_role)) {}

std::string RoleGiver::lacks(const Json& role) const {
    return all_ ? std::string() : lacking(own_, permissions_of(role));
}

bool may_give(const CallPtr& call, const Json& role) {
    const std::string lacks = RoleGiver(*call).lacks(role);
    if (!lacks.empty()) {
        fail_permission(call, call->project, call->project_role, lacks);
    }
    return lacks.empty();
}

Json role_json(const EntityRow& row, const std::string& platform_id) {
    Json json = entity_json(row);
    json.set("name", Json::string(row.key));
    json.set("permissions", entity_body(row)["permissions"]);
    json.set("platformId", Json::string(platform_id));
    json.set("type", Json::string("CUSTOM"));
    return json;
}

Json role_json(const DefaultRole& role) {
    Json permissions = Json::array();
    for (const std::string_view permission : role.permissions) {
        permissions.append(Json::string(permission));
    }
    return Json::object({{"id", Json::string(role.id)},
                         {"created", Json::string(iso_time(0))},
                         {"updated", Json::string(iso_time(0))},
                         {"name", Json::string(role.name)},
                         {"permissions", permissions},
                         {"platformId", Json::null()},
                         {"type", Json::string("DEFAULT")}});
}

void find_role(Api& api, const CallPtr& call, const std::string& platform_id,
               const std::string& id_or_name, const WithRole& then) {
    if (const DefaultRole* const role = find_default_role(id_or_name)) {
        return then(role_json(*role));
    }
    api.ports.entities.entity(
        kProjectRoleKind, id_or_name,
        [&api, call, platform_id, id_or_name, then](const Result<std::optional<EntityRow>>& row) {
            if (api.failed(call, row)) {
                return;
            }
            if (row->has_value() && (*row)->scope == platform_id) {
                return then(role_json(**row, platform_id));
            }
            api.ports.entities.entity_by_key(
                kProjectRoleKind, platform_id, id_or_name,
                [&api, call, platform_id, then](const Result<std::optional<EntityRow>>& named) {
                    if (!api.failed(call, named)) {
                        then(named->has_value() ? role_json(**named, platform_id) : Json());
                    }
                });
        });
}

void find_member(Api& api, const CallPtr& call, const std::string& project_id,
                 const std::string& user_id, const WithMember& then) {
    api.ports.entities.entity_by_key(
        kProjectMemberKind, project_id, user_id,
        [&api, call, then](const Result<std::optional<EntityRow>>& member) {
            if (!api.failed(call, member)) {
                then(*member);
            }
        });
}

void put_member(Api& api, const CallPtr& call, const std::string& project_id,
                const std::string& user_id, const std::string& role_id,
                std::function<void()> then) {
    const EntityRow fresh = new_entity(api, kProjectMemberKind, project_id, user_id, user_id,
                                       Json::object({{"roleId", Json::string(role_id)}}));
    api.ports.entities.change_entity(
        kProjectMemberKind, project_id, user_id,
        [fresh](std::optional<EntityRow>& stored) {
            EntityRow next = fresh;
            if (stored) {
                next.id = stored->id;
                next.created_ms = stored->created_ms;
            }
            stored = std::move(next);
            return true;
        },
        [&api, call, then = std::move(then)](const Result<std::optional<EntityRow>>& stored) {
            if (!api.failed(call, stored)) {
                then();
            }
        });
}

void join_project(Api& api, const CallPtr& call, const UserRow& user, const std::string& project_id,
                  const std::string& role_id, const std::function<void(bool changed)>& then) {
    find_member(api, call, project_id, user.id, [=, &api](const std::optional<EntityRow>& member) {
        const std::string old_id(member ? entity_body(*member)["roleId"].text() : "");
        find_role(api, call, user.platform_id, old_id, [=, &api](const Json& old) {
            find_role(api, call, user.platform_id, role_id, [=, &api](const Json& role) {
                const bool less = !lacking(permissions_of(role), permissions_of(old)).empty();
                less ? then(false)
                     : put_member(api, call, project_id, user.id, role_id, [then] { then(true); });
            });
        });
    });
}

void admit_member(Api& api, const CallPtr& call, const ProjectRow& project,
                  const std::function<void(ProjectRow)>& then) {
    if (call->user.id.empty() || call->user.platform_id != project.platform_id ||
        call->route == nullptr) {
        return call->fail_not_allowed();
    }
    find_member(api, call, project.id, call->user.id,
                [&api, call, project, then](const std::optional<EntityRow>& member) {
                    // To one who is no member the project is not there.
                    if (!member) {
                        return call->fail_not_allowed();
                    }
                    find_role(api, call, project.platform_id,
                              std::string(entity_body(*member)["roleId"].text()),
                              [call, project, then](const Json& role) {
                                  const std::string_view needed =
                                      needed_permission(call->request.method, call->route->path,
                                                        call->body["type"].text());
                                  if (needed.empty() || !role_has(role, needed)) {
                                      return fail_permission(call, project, role, needed);
                                  }
                                  call->project_role = role;
                                  then(project);
                              });
                });
}

void has_permission(Api& api, const CallPtr& call, const ProjectRow& project,
                    const std::string& user_id, std::string_view permission,
                    std::function<void(bool)> then) {
    find_member(api, call, project.id, user_id,
                [&api, call, platform = project.platform_id, permission,
                 then = std::move(then)](const std::optional<EntityRow>& member) {
                    if (!member) {
                        return then(false);
                    }
                    find_role(
                        api, call, platform, std::string(entity_body(*member)["roleId"].text()),
                        [permission, then](const Json& role) { then(role_has(role, permission)); });
                });
}

void member_projects(Api& api, const CallPtr& call, const std::string& user_id,
                     const std::function<void(std::vector<ProjectRow>)>& then) {
    EntityQuery query;
    query.kind = kProjectMemberKind;
    query.every_scope = true;
    query.keys = {user_id};
    query.limit = kMembershipsMax;
    api.ports.entities.list_entities(query, [&api, call, then](Result<Page<EntityRow>> page) {
        if (api.failed(call, page)) {
            return;
        }
        const auto all = std::make_shared<Gathered>();
        all->left = std::move(page->rows);
        gather(api, call, all, then);
    });
}

}  // namespace sallyport::engine
