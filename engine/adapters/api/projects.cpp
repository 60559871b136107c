// Projects (engine contract 1.3). Everybody has a project of their own; administrators make more.
// What the engine itself does not need of a project lies in an entity beside it, under the
// project's id.
#include "common/bytes.hpp"
#include "engine/adapters/alerts.hpp"
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/members.hpp"
#include "engine/adapters/api/persons.hpp"
#include "engine/adapters/api/quota.hpp"
#include "engine/adapters/keyset_page.hpp"
#include "engine/adapters/runs/project_limits.hpp"
#include "engine/core/shape.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::string_view kTeam = "TEAM";
constexpr std::size_t kProjectsPage = 50;
// Projects of one platform whose settings are read at once.
constexpr std::size_t kSettingsMax = 1000;

constexpr std::array<std::string_view, 12> kColors = {
    "RED",    "BLUE",   "YELLOW",     "PURPLE", "GREEN",    "PINK",
    "VIOLET", "ORANGE", "DARK_GREEN", "CYAN",   "LAVENDER", "DEEP_ORANGE"};

Json known_or_null(const Json& value) {
    return value.exists() ? value : Json::null();
}

Json plan_json(const ProjectRow& project, const Json& settings) {
    const bool allowed = settings["pieces"].is_array();
    return Json::object({{"id", Json::string(project.id)},
                         {"created", Json::string(iso_time(project.created_ms))},
                         {"updated", Json::string(iso_time(project.updated_ms))},
                         {"projectId", Json::string(project.id)},
                         {"locked", Json::boolean(false)},
                         {"name", Json::string("community")},
                         {"piecesFilterType", Json::string(allowed ? "ALLOWED" : "NONE")},
                         {"pieces", allowed ? settings["pieces"] : Json::array()}});
}

Json project_json(const ProjectRow& project, const Json& settings) {
    const std::string_view color = settings["color"].text_or("BLUE");
    return Json::object({{"id", Json::string(project.id)},
                         {"created", Json::string(iso_time(project.created_ms))},
                         {"updated", Json::string(iso_time(project.updated_ms))},
                         {"ownerId", Json::string(project.owner_id)},
                         {"displayName", Json::string(project.display_name)},
                         {"platformId", Json::string(project.platform_id)},
                         {"maxConcurrentJobs", known_or_null(settings["maxConcurrentJobs"])},
                         {"type", Json::string(project.type)},
                         {"icon", Json::object({{"color", Json::string(color)}})},
                         {"externalId", known_or_null(settings["externalId"])},
                         {"releasesEnabled", Json::boolean(settings["releasesEnabled"].is_true())},
                         {"metadata", known_or_null(settings["metadata"])},
                         {"plan", plan_json(project, settings)},
                         {"analytics", Json::object({{"totalUsers", Json::integer(1)},
                                                     {"activeUsers", Json::integer(1)},
                                                     {"totalFlows", Json::integer(0)},
                                                     {"activeFlows", Json::integer(0)}})}});
}

// Goes on with what is kept beside the project.
void with_settings(Api& api, const CallPtr& call, const std::string& project_id,
                   std::function<void(const Json&)> then) {
    api.ports.entities.entity(
        kProjectSettingsKind, project_id,
        [&api, call, then = std::move(then)](const Result<std::optional<EntityRow>>& found) {
            if (!api.failed(call, found)) {
                then(found->has_value() ? entity_body(**found) : Json::object());
            }
        });
}

void reply_with_project(Api& api, const CallPtr& call, int status, const std::string& id) {
    api.ports.accounts.project(
        id, [&api, call, status, id](const Result<std::optional<ProjectRow>>& found) {
            if (api.failed(call, found)) {
                return;
            }
            if (!found->has_value()) {
                return call->fail_not_found("project", id);
            }
            with_settings(api, call, id, [&api, call, status, row = **found](const Json& settings) {
                with_runs_begun(api, call, {row.id},
                                [&api, call, status,
                                 project = project_json(row, settings)](const RunsBegun& begun) {
                                    call->reply(status, with_usage(api, project, begun));
                                });
            });
        });
}

// ---- what a request may set

constexpr std::array kProjectFields = {
    Field{"displayName", Kind::text, Need::optional},
    Field{"externalId", Kind::text, Need::optional},
    Field{"metadata", Kind::object, Need::optional},
    Field{"maxConcurrentJobs", Kind::number, Need::optional},
    Field{"releasesEnabled", Kind::boolean, Need::optional},
    Field{"icon", Kind::object, Need::optional},
    Field{"plan", Kind::object, Need::optional},
    Field{"globalConnectionExternalIds", Kind::text_array, Need::optional}};

bool check_project(const CallPtr& call, bool is_new) {
    const Json& body = call->body;
    const Status shape = check_shape(body, kProjectFields, "body");
    if (!shape.ok()) {
        call->fail_validation(shape.message());
        return false;
    }
    if (is_new || body.has("displayName")) {
        if (!is_label(call, "displayName")) {
            return false;
        }
        if (body["displayName"].text().find_first_of("./") != std::string_view::npos) {
            call->fail_validation("body/displayName must match ^[^./]+$");
            return false;
        }
    }
    const Json color = body["icon"]["color"];
    if (body["icon"].is_object() &&
        std::find(kColors.begin(), kColors.end(), color.text()) == kColors.end()) {
        call->fail_validation("body/icon/color is not a color of projects");
        return false;
    }
    const Json jobs = body["maxConcurrentJobs"];
    if (jobs.is_number() && (!jobs.is_integer() || jobs.integer_or(0) < 1)) {
        call->fail_validation("body/maxConcurrentJobs must be a whole number above 0");
        return false;
    }
    if (body["externalId"].text().size() > kLabelBytesMax) {
        call->fail_validation("body/externalId must have at most 1000 bytes");
        return false;
    }
    const Json receiver = body["alertReceiverEmail"];
    if (is_new && receiver.exists() && !receiver.is_null() && email_of(receiver).empty()) {
        call->fail_validation("body/alertReceiverEmail must be an e-mail address");
        return false;
    }
    if (const Json connections = body["globalConnectionExternalIds"]; connections.size() > 0) {
        // No connection is the platform's: whoever names one would believe that it is there.
        call->fail_not_found("connection", connections.at(0).text());
        return false;
    }
    return true;
}

// The settings with what the request says of them.
Json merged(Json settings, const Json& body) {
    for (const std::string_view name :
         {"externalId", "metadata", "maxConcurrentJobs", "releasesEnabled"}) {
        if (body.has(name)) {
            settings.set(name, body[name]);
        }
    }
    if (body["icon"].is_object()) {
        settings.set("color", body["icon"]["color"]);
    }
    if (body["plan"]["piecesFilterType"].text() == "NONE") {
        settings.erase("pieces");
    } else if (body["plan"]["pieces"].is_array()) {
        settings.set("pieces", body["plan"]["pieces"]);
    }
    return settings.deep_copy();
}

// Stores the settings; goes on unless the external id is another project's.
void store_settings(Api& api, const CallPtr& call, const ProjectRow& project, const Json& settings,
                    const std::function<void()>& then) {
    EntityRow row;
    row.kind = kProjectSettingsKind;
    row.id = project.id;
    row.scope = project.platform_id;
    row.key = settings["externalId"].text().empty() ? project.id
                                                    : std::string(settings["externalId"].text());
    row.body = settings.dump();
    row.created_ms = row.updated_ms = api.now_ms();
    const auto taken = std::make_shared<bool>(false);
    api.ports.entities.change_entity(
        row.kind, row.scope, row.key,
        [row, taken](std::optional<EntityRow>& stored) {
            *taken = stored && stored->id != row.id;
            if (!*taken) {
                stored = row;
            }
            return !*taken;
        },
        [&api, call, row, taken, then](const Result<std::optional<EntityRow>>& stored) {
            if (api.failed(call, stored)) {
                return;
            }
            if (*taken) {
                return call->fail(ApiError::project_external_id_already_exists,
                                  Json::object({{"externalId", Json::string(row.key)}}));
            }
            limit_project(api.ports.driver, row);
            then();
        });
}

// ---- the routes

// Who hears of failed runs from the first on, when the request says so.
void add_receiver(Api& api, const CallPtr& call, const ProjectRow& project,
                  const std::function<void()>& then) {
    const std::string receiver = email_of(call->body["alertReceiverEmail"]);
    if (receiver.empty()) {
        return then();
    }
    const EntityRow row =
        new_entity(api, kAlertKind, project.id, receiver, receiver, Json::object());
    api.ports.entities.change_entity(
        row.kind, row.scope, row.key,
        [row](std::optional<EntityRow>& stored) {
            stored = row;
            return true;
        },
        [&api, call, then](const Result<std::optional<EntityRow>>& stored) {
            if (!api.failed(call, stored)) {
                then();
            }
        });
}

// The external id is taken first: a project that cannot have it is not made.
void create_project(Api& api, const CallPtr& call) {
    if (!call->is_admin()) {
        return call->fail_not_allowed();
    }
    if (!check_project(call, true)) {
        return;
    }
    ProjectRow project;
    project.id = api.ports.entropy.id();
    project.platform_id = call->user.platform_id;
    project.owner_id = call->user.id;
    project.display_name = call->body["displayName"].text();
    project.type = kTeam;
    project.created_ms = project.updated_ms = api.now_ms();
    store_settings(api, call, project, merged(Json::object(), call->body), [&api, call, project] {
        api.ports.accounts.add_project(project, [&api, call, project](const Result<Done>& stored) {
            if (!api.failed(call, stored)) {
                add_receiver(api, call, project, [&api, call, id = project.id] {
                    reply_with_project(api, call, 201, id);
                });
            }
        });
    });
}

void update_project(Api& api, const CallPtr& call) {
    if (!check_project(call, false)) {
        return;
    }
    api.with_project(call, call->params[0], [&api, call](const ProjectRow& project) {
        with_settings(api, call, project.id, [&api, call, project](const Json& settings) {
            const std::string name(call->body["displayName"].text_or(project.display_name));
            store_settings(api, call, project, merged(settings.deep_copy(), call->body),
                           [&api, call, project, name] {
                               api.ports.accounts.rename_project(
                                   project.id, name, api.now_ms(),
                                   [&api, call, project](const Result<Done>& stored) {
                                       if (!api.failed(call, stored)) {
                                           reply_with_project(api, call, 200, project.id);
                                       }
                                   });
                           });
        });
    });
}

void fail_delete(const CallPtr& call, std::string_view message) {
    call->fail(ApiError::validation, Json::object({{"message", Json::string(message)}}));
}

void delete_project(Api& api, const CallPtr& call) {
    api.with_project(call, call->params[0], [&api, call](const ProjectRow& project) {
        if (!call->is_admin()) {
            return call->fail_not_allowed();
        }
        if (project.type != kTeam) {
            return fail_delete(call, "Personal projects cannot be deleted");
        }
        call->subject = project_json(project, Json::object());
        remove_project(api, call, project.id, [call](bool gone) {
            if (!gone) {
                return fail_delete(call, "The project has runs that have not ended");
            }
            call->reply(204, Json());
        });
    });
}

void get_project(Api& api, const CallPtr& call) {
    api.with_project(call, call->params[0], [&api, call](const ProjectRow& project) {
        reply_with_project(api, call, 200, project.id);
    });
}

// ---- list

struct Wanted {
    std::string name;
    std::string external_id;
    std::optional<std::string> owner_id;  // nothing: whoever owns them
    std::vector<std::string> types;
    std::optional<PageCursor> cursor;
    std::size_t limit = kProjectsPage;
};

bool is_wanted(const Wanted& wanted, const ProjectRow& row, const Json& settings) {
    const auto holds = [](std::string_view text, std::string_view part) {
        return ascii_lower(text).find(ascii_lower(part)) != std::string::npos;
    };
    return holds(row.display_name, wanted.name) &&
           (!wanted.owner_id || row.owner_id == *wanted.owner_id) &&
           (wanted.external_id.empty() || settings["externalId"].text() == wanted.external_id) &&
           (wanted.types.empty() ||
            std::find(wanted.types.begin(), wanted.types.end(), row.type) != wanted.types.end());
}

std::pair<std::int64_t, std::string> key_of(const ProjectRow& row) {
    return {row.created_ms, row.id};
}

// The page of those that are wanted; there are few, in their order.
Page<ProjectRow> page_of(const Wanted& wanted, std::vector<ProjectRow> rows) {
    const bool back = goes_back(wanted.cursor);
    if (back) {
        std::reverse(rows.begin(), rows.end());
    }
    if (wanted.cursor) {
        const std::pair<std::int64_t, std::string> at{wanted.cursor->at_ms, wanted.cursor->id};
        std::erase_if(rows, [&](const ProjectRow& row) {
            return back ? key_of(row) >= at : key_of(row) <= at;
        });
    }
    rows.resize(std::min(rows.size(), wanted.limit + 1));
    return make_page(std::move(rows), wanted.cursor, wanted.limit, key_of);
}

void reply_with_list(Api& api, const CallPtr& call, const Wanted& wanted,
                     const std::vector<ProjectRow>& rows) {
    EntityQuery query;
    query.kind = kProjectSettingsKind;
    query.scope = call->user.platform_id;
    query.limit = kSettingsMax;
    api.ports.entities.list_entities(
        query, [&api, call, wanted, rows](const Result<Page<EntityRow>>& found) {
            if (api.failed(call, found)) {
                return;
            }
            std::map<std::string, Json> settings;
            for (const EntityRow& row : found->rows) {
                settings[row.id] = entity_body(row);
            }
            std::vector<ProjectRow> shown;
            for (const ProjectRow& row : rows) {
                if (is_wanted(wanted, row, settings[row.id])) {
                    shown.push_back(row);
                }
            }
            const Page<ProjectRow> page = page_of(wanted, std::move(shown));
            std::vector<std::string> ids;
            for (const ProjectRow& row : page.rows) {
                ids.push_back(row.id);
            }
            with_runs_begun(
                api, call, std::move(ids), [&api, call, page, settings](const RunsBegun& begun) {
                    call->reply(200, page_json(page, [&](const ProjectRow& row) {
                                    const auto own = settings.find(row.id);
                                    return with_usage(api, project_json(row, own->second), begun);
                                }));
                });
        });
}

// With those of others that the user is a member of.
void list_with_memberships(Api& api, const CallPtr& call, const Wanted& wanted,
                           const std::vector<ProjectRow>& own) {
    member_projects(
        api, call, call->user.id, [&api, call, wanted, own](std::vector<ProjectRow> others) {
            others.insert(others.end(), own.begin(), own.end());
            std::sort(others.begin(), others.end(), [](const ProjectRow& a, const ProjectRow& b) {
                return key_of(a) < key_of(b);
            });
            const auto twice =
                std::unique(others.begin(), others.end(),
                            [](const ProjectRow& a, const ProjectRow& b) { return a.id == b.id; });
            others.erase(twice, others.end());
            reply_with_list(api, call, wanted, others);
        });
}

// A key's are the platform's, a user's their own.
void list_wanted(Api& api, const CallPtr& call, const Wanted& wanted) {
    if (call->service) {
        return api.ports.accounts.projects_on(
            call->user.platform_id,
            [&api, call, wanted](const Result<std::vector<ProjectRow>>& rows) {
                if (!api.failed(call, rows)) {
                    reply_with_list(api, call, wanted, *rows);
                }
            });
    }
    api.ports.accounts.projects_of(
        call->user.id, [&api, call, wanted](const Result<std::vector<ProjectRow>>& own) {
            if (!api.failed(call, own)) {
                list_with_memberships(api, call, wanted, *own);
            }
        });
}

void list_projects(Api& api, const CallPtr& call) {
    Wanted wanted;
    wanted.name = call->query_text("displayName");
    wanted.external_id = call->query_text("externalId");
    wanted.types = form_values(call->query, "types");
    wanted.limit = call->limit(kProjectsPage);
    if (!read_cursor(call, wanted.cursor)) {
        return;
    }
    const std::string owner = call->query_text("externalUserId");
    if (owner.empty()) {
        return list_wanted(api, call, wanted);
    }
    api.ports.accounts.list_users(call->user.platform_id, owner, {}, 1,
                                  [&api, call, wanted](const Result<Page<UserRow>>& users) mutable {
                                      if (!api.failed(call, users)) {
                                          wanted.owner_id =
                                              users->rows.empty() ? "" : users->rows.front().id;
                                          list_wanted(api, call, wanted);
                                      }
                                  });
}

// What a project's `maxConcurrentJobs` is a part of: every engine has all of its places for every
// project, and no worker is a group's own.
void get_worker_groups(Api& api, const CallPtr& call) {
    const auto places = static_cast<std::int64_t>(api.options.runs_active_max);
    call->reply(200,
                Json::object({{"groups", Json::array()}, {"sharedSlots", Json::integer(places)}}));
}

}  // namespace

void remove_project(Api& api, const CallPtr& call, const std::string& id,
                    std::function<void(bool gone)> then) {
    api.ports.accounts.delete_project(
        id, [&api, call, then = std::move(then)](const Result<bool>& gone) {
            if (api.failed(call, gone)) {
                return;
            }
            api.ports.catalog.forget_all();
            then(*gone);
        });
}

const std::vector<ApiRoute> kProjectRoutes = {
    {"GET", "projects", ApiRoute::Access::user, list_projects},
    {"POST", "projects", ApiRoute::Access::user, create_project},
    {"GET", "projects/worker-groups", ApiRoute::Access::user, get_worker_groups},
    {"GET", "projects/:id", ApiRoute::Access::user, get_project},
    {"POST", "projects/:id", ApiRoute::Access::user, update_project},
    {"DELETE", "projects/:id", ApiRoute::Access::user, delete_project},
};

}  // namespace sallyport::engine
