// Members of a project (engine contract 1.3): who else may use it, and in which role. They come by
// invitation.
#include "engine/adapters/api/members.hpp"

#include "engine/adapters/api/flow_parts.hpp"

#include <memory>
#include <utility>

namespace sallyport::engine {
namespace {

struct Listed {
    CallPtr call;
    ProjectRow project;
    Page<EntityRow> page;
    std::size_t next = 0;
    Json data = Json::array();
};
using ListedPtr = std::shared_ptr<Listed>;

Json member_json(const EntityRow& row, const ProjectRow& project, const UserRow& user,
                 const Json& role) {
    Json json = entity_json(row);
    json.set("platformId", Json::string(project.platform_id));
    json.set("userId", Json::string(user.id));
    json.set("projectId", Json::string(project.id));
    json.set("projectRoleId", role["id"]);
    json.set("user", user_summary(user));
    json.set("projectRole", role);
    json.set("project", Json::object({{"id", Json::string(project.id)},
                                      {"displayName", Json::string(project.display_name)}}));
    return json;
}

// The member with user and role, or nothing when either is gone.
void describe(Api& api, const CallPtr& call, const ProjectRow& project, const EntityRow& row,
              const std::function<void(const Json& member)>& then) {
    api.ports.accounts.user_by_id(row.key, [&api, call, project, row,
                                            then](const Result<std::optional<UserRow>>& user) {
        if (api.failed(call, user)) {
            return;
        }
        if (!user->has_value()) {
            return then(Json());
        }
        find_role(api, call, project.platform_id, std::string(entity_body(row)["roleId"].text()),
                  [project, row, user = **user, then](const Json& role) {
                      then(role.exists() ? member_json(row, project, user, role) : Json());
                  });
    });
}

void go_on(Api& api, const ListedPtr& listed) {
    if (listed->next == listed->page.rows.size()) {
        Page<EntityRow> frame;
        frame.next = listed->page.next;
        frame.previous = listed->page.previous;
        Json json = page_json(frame, entity_json);
        json.set("data", listed->data);
        return listed->call->reply(200, json);
    }
    describe(api, listed->call, listed->project, listed->page.rows[listed->next++],
             [&api, listed](const Json& member) {
                 if (member.exists()) {
                     listed->data.append(member);
                 }
                 go_on(api, listed);
             });
}

void list_members(Api& api, const CallPtr& call) {
    EntityQuery wanted;
    wanted.kind = kProjectMemberKind;
    wanted.scope = call->query_text("projectId");
    wanted.oldest_first = true;
    wanted.limit = call->limit(10);
    if (const std::string role = call->query_text("projectRoleId"); !role.empty()) {
        wanted.members = {{"roleId", {role}}};
    }
    if (!read_cursor(call, wanted.cursor)) {
        return;
    }
    const std::string project_id = wanted.scope;
    api.with_project(call, project_id, [&api, call, wanted](const ProjectRow& project) {
        api.ports.entities.list_entities(
            wanted, [&api, call, project](Result<Page<EntityRow>> page) {
                if (!api.failed(call, page)) {
                    go_on(api, std::make_shared<Listed>(Listed{call, project, *std::move(page)}));
                }
            });
    });
}

// Who owns the project may do all.
void get_own_role(Api& api, const CallPtr& call) {
    api.with_project(call, call->query_text("projectId"), [&api, call](const ProjectRow& project) {
        find_member(
            api, call, project.id, call->user.id,
            [&api, call, project](const std::optional<EntityRow>& member) {
                const std::string role(member ? entity_body(*member)["roleId"].text() : "Admin");
                find_role(api, call, project.platform_id, role, [call](const Json& found) {
                    call->reply(200, found.exists() ? found : Json::null());
                });
            });
    });
}

void with_member(Api& api, const CallPtr& call,
                 const std::function<void(const EntityRow&, const ProjectRow&)>& then) {
    with_project_entity(
        api, call, kProjectMemberKind, "project_member", [&api, call, then](const EntityRow& row) {
            api.with_project(call, row.scope, [row, then](const ProjectRow& of) { then(row, of); });
        });
}

// Goes on when the caller may take from the member what he has.
void with_lesser_member(Api& api, const CallPtr& call,
                        const std::function<void(const EntityRow&, const ProjectRow&)>& then) {
    with_member(api, call, [&api, call, then](const EntityRow& row, const ProjectRow& project) {
        find_role(api, call, project.platform_id, std::string(entity_body(row)["roleId"].text()),
                  [call, row, project, then](const Json& role) {
                      if (may_give(call, role)) {
                          then(row, project);
                      }
                  });
    });
}

// Gives the member another role, or none: then he is no member any more. Only as he was when it
// was looked at whether the caller may.
void change_member(Api& api, const CallPtr& call, const EntityRow& seen, const Json& role,
                   const std::function<void(const EntityRow& now)>& then) {
    const auto as_seen = std::make_shared<bool>(false);
    EntityRow next = seen;
    next.updated_ms = api.now_ms();
    next.body = role.exists() ? Json::object({{"roleId", role["id"]}}).dump() : std::string();
    api.ports.entities.change_entity(
        seen.kind, seen.scope, seen.key,
        [seen, next, as_seen](std::optional<EntityRow>& stored) {
            *as_seen = stored && stored->id == seen.id && stored->body == seen.body;
            stored = next.body.empty() ? std::nullopt : std::optional(next);
            return *as_seen;
        },
        [&api, call, next, as_seen, then](const Result<std::optional<EntityRow>>& changed) {
            if (api.failed(call, changed)) {
                return;
            }
            if (!*as_seen) {
                return call->fail(ApiError::validation,
                                  Json::object({{"message", Json::string("The member was changed "
                                                                         "meanwhile")}}));
            }
            then(next);
        });
}

void change_role(Api& api, const CallPtr& call) {
    if (!is_label(call, "role")) {
        return;
    }
    with_lesser_member(api, call, [&api, call](const EntityRow& row, const ProjectRow& project) {
        const std::string name(call->body["role"].text());
        find_role(api, call, project.platform_id, name,
                  [&api, call, row, project, name](const Json& role) {
                      if (!role.exists()) {
                          return call->fail_not_found("project_role", name);
                      }
                      if (!may_give(call, role)) {
                          return;
                      }
                      change_member(api, call, row, role,
                                    [&api, call, project](const EntityRow& now) {
                                        describe(api, call, project, now, [call](const Json& json) {
                                            call->reply(200, json.exists() ? json : Json::null());
                                        });
                                    });
                  });
    });
}

void remove_member(Api& api, const CallPtr& call) {
    with_lesser_member(api, call, [&api, call](const EntityRow& row, const ProjectRow&) {
        change_member(api, call, row, Json(),
                      [call](const EntityRow&) { call->reply(204, Json()); });
    });
}

}  // namespace

const std::vector<ApiRoute> kMemberRoutes = {
    {"GET", "project-members", ApiRoute::Access::user, list_members},
    {"GET", "project-members/role", ApiRoute::Access::user, get_own_role},
    {"POST", "project-members/:id", ApiRoute::Access::user, change_role},
    {"DELETE", "project-members/:id", ApiRoute::Access::user, remove_member},
};

}  // namespace sallyport::engine
