#include "engine/adapters/api/audit.hpp"

#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/run_parts.hpp"

#include <array>
#include <initializer_list>
#include <string>
#include <utility>

namespace sallyport::engine {
namespace {

// Of an operation's request; larger ones (imports) are in the flow's version.
constexpr std::size_t kRequestBytesMax = 32u << 10;

struct Audited {
    std::string_view method;
    std::string_view path;
    std::string_view action;
    std::string_view member;  // of `data`: what it happened to
};

constexpr std::array kAudited = {
    Audited{"POST", "flows", "flow.created", "flow"},
    Audited{"POST", "flows/:id", "flow.updated", "flow"},
    Audited{"DELETE", "flows/:id", "flow.deleted", "flow"},
    Audited{"POST", "flow-runs/:id/retry", "flow.run.retried", "flowRun"},
    Audited{"POST", "folders", "folder.created", "folder"},
    Audited{"POST", "folders/:id", "folder.updated", "folder"},
    Audited{"DELETE", "folders/:id", "folder.deleted", "folder"},
    Audited{"POST", "app-connections", "connection.upserted", "connection"},
    Audited{"POST", "app-connections/:id", "connection.upserted", "connection"},
    Audited{"DELETE", "app-connections/:id", "connection.deleted", "connection"},
    Audited{"POST", "variables", "variable.upserted", "variable"},
    Audited{"POST", "variables/:id", "variable.upserted", "variable"},
    Audited{"DELETE", "variables/:id", "variable.deleted", "variable"},
    Audited{"POST", "variables/:id/reveal", "variable.value.revealed", "variable"},
    Audited{"POST", "project-roles", "project.role.created", "projectRole"},
    Audited{"POST", "project-roles/:id", "project.role.updated", "projectRole"},
    Audited{"DELETE", "project-roles/:name", "project.role.deleted", "projectRole"},
    // Not the contract's: it has no names for these.
    Audited{"POST", "project-members/:id", "project.member.updated", "projectMember"},
    Audited{"DELETE", "project-members/:id", "project.member.removed", "projectMember"},
    Audited{"POST", "user-invitations", "user.invitation.created", "invitation"},
    Audited{"DELETE", "user-invitations/:id", "user.invitation.deleted", "invitation"},
    Audited{"POST", "alerts", "alert.created", "alert"},
    Audited{"DELETE", "alerts/:id", "alert.deleted", "alert"},
    Audited{"POST", "projects", "project.created", "project"},
    Audited{"POST", "projects/:id", "project.updated", "project"},
    Audited{"DELETE", "projects/:id", "project.deleted", "project"},
    Audited{"POST", "users/:id", "user.updated", "user"},
    Audited{"DELETE", "users/:id", "user.deleted", "user"},
    Audited{"POST", "api-keys", "api.key.created", "apiKey"},
    Audited{"DELETE", "api-keys/:id", "api.key.deleted", "apiKey"},
    Audited{"POST", "pieces", "piece.installed", "piece"},
    Audited{"DELETE", "pieces/:id", "piece.deleted", "piece"},
    Audited{"POST", "authentication/sign-up", "user.signed.up", "user"},
    Audited{"POST", "authentication/sign-in", "user.signed.in", "user"},
    Audited{"POST", "authentication/switch-platform", "user.session.renewed", "user"},
};

using Names = std::initializer_list<std::string_view>;

Json picked(const Json& from, Names names) {
    Json out = Json::object();
    for (const std::string_view name : names) {
        if (from.has(name)) {
            out.set(name, from[name]);
        }
    }
    return out;
}

struct Part {
    std::string_view member;
    Names names;
};

Json part_of(std::string_view member, const Json& from) {
    static const std::initializer_list<Part> kParts = {
        {"flow", {"id", "externalId", "created", "updated"}},
        {"flowRun",
         {"id", "startTime", "finishTime", "environment", "flowId", "flowVersionId", "status"}},
        {"folder", {"id", "displayName", "created", "updated"}},
        {"connection",
         {"id", "displayName", "externalId", "pieceName", "status", "type", "created", "updated"}},
        {"variable", {"id", "name", "created", "updated"}},
        {"projectRole", {"id", "name", "permissions", "platformId", "created", "updated"}},
        {"projectMember", {"id", "userId", "projectRoleId", "created", "updated"}},
        {"invitation",
         {"id", "email", "type", "status", "platformRole", "projectId", "projectRoleId"}},
        {"alert", {"id", "channel", "receiver"}},
        {"project", {"id", "displayName", "type", "externalId", "maxConcurrentJobs"}},
        {"apiKey", {"id", "displayName", "truncatedValue"}},
        {"piece", {"id", "name", "version"}},
        {"user", {"id", "email", "firstName", "lastName", "status", "platformRole"}},
    };
    for (const Part& part : kParts) {
        if (part.member == member) {
            return picked(from, part.names);
        }
    }
    return Json::object();
}

// The operations on a flow that have an event of their own.
std::string_view action_of(const Audited& audited, const ApiCall& call) {
    if (audited.action != "flow.updated") {
        return audited.action;
    }
    const std::string_view type = call.body["type"].text();
    if (type == "LOCK_AND_PUBLISH") {
        return "flow.published";
    }
    if (type != "CHANGE_STATUS") {
        return audited.action;
    }
    return call.body["request"]["status"].text() == "ENABLED" ? "flow.activated"
                                                              : "flow.deactivated";
}

Json data_of(const Audited& audited, std::string_view action, const ApiCall& call,
             const Json& from) {
    Json data = Json::object({{audited.member, part_of(audited.member, from)}});
    if (audited.member == "flow" && action != "flow.created") {
        data.set("flowVersion",
                 picked(from["version"], {"id", "displayName", "flowId", "created", "updated"}));
    }
    if (action == "flow.updated" && call.request.body.size() <= kRequestBytesMax) {
        data.set("request", picked(call.body, {"type", "request"}));
    }
    if (action == "user.signed.up") {
        data.set("source", Json::string("credentials"));
    }
    if (!call.project.id.empty() && audited.member != "project") {
        data.set("project",
                 Json::object({{"displayName", Json::string(call.project.display_name)}}));
    }
    return data.deep_copy();
}

void record(Api& api, const Audited& audited, const ApiCall& call, const Json& answer,
            const std::function<void()>& then) {
    // What went has no answer; what was revealed must not be in the log.
    const bool before = audited.method == "DELETE" || audited.path.ends_with("/reveal");
    const Json& from = before ? call.subject : answer;
    AuditActor actor = audit_actor(call);
    if (audited.action.starts_with("user.signed")) {
        actor.platform_id = answer["platformId"].text();
        actor.user_id = answer["id"].text();
        actor.user_email = answer["email"].text();
    }
    if (actor.platform_id.empty() || !from.is_object()) {
        return then();
    }
    const std::string_view action = action_of(audited, call);
    record_event(api, actor, action, data_of(audited, action, call, from), then);
}

// ---- reading it

Json event_json(const EntityRow& row) {
    Json json = entity_json(row);
    json.set("platformId", Json::string(row.scope));
    add_entity_body(json, row);
    return json;
}

// For administrators and for programs of theirs.
void list_events(Api& api, const CallPtr& call) {
    if (!call->is_admin()) {
        return call->fail_not_allowed();
    }
    EntityQuery wanted;
    wanted.kind = kAuditKind;
    wanted.scope = call->user.platform_id;
    wanted.members = {{"action", form_values(call->query, "action")},
                      {"projectId", form_values(call->query, "projectId")},
                      {"userId", form_values(call->query, "userId")}};
    if (call->query_time("createdAfter", wanted.created_after_ms) &&
        call->query_time("createdBefore", wanted.created_before_ms)) {
        reply_with_page(api, call, wanted, event_json);
    }
}

}  // namespace

AuditActor audit_actor(const ApiCall& call) {
    return {call.user.platform_id,
            call.user.id,
            call.user.email,
            call.client_address,
            call.project.id,
            call.project.display_name,
            call.acting};
}

void record_event(Api& api, const AuditActor& actor, std::string_view action, const Json& data,
                  const std::function<void()>& then) {
    if (!api.options.audit_log) {
        return then();
    }
    Json body = Json::object({{"action", Json::string(action)},
                              {"userId", Json::string(actor.user_id)},
                              {"userEmail", Json::string(actor.user_email)},
                              {"ip", Json::string(actor.ip)},
                              {"data", data}});
    if (!actor.project_id.empty()) {
        body.set("projectId", Json::string(actor.project_id));
        body.set("projectDisplayName", Json::string(actor.project_name));
    }
    if (!actor.source.empty()) {
        body.set("source", Json::string(actor.source));
    }
    EntityRow row = new_entity(api, kAuditKind, actor.platform_id, "", std::string(action), body);
    const EventOrder::Place place = api.audit_order.next(api.now_ms(), row.id);
    row.id = row.key = place.id;
    row.created_ms = row.updated_ms = place.at_ms;
    api.ports.entities.change_entity(
        row.kind, row.scope, row.key,
        [row](std::optional<EntityRow>& stored) {
            stored = row;
            return true;
        },
        [&api, then](const Result<std::optional<EntityRow>>& stored) {
            if (!stored.ok()) {
                api.ports.log.write(LogLevel::error, "audit_event_lost",
                                    {{"problem", Json::string(stored.message())}});
            }
            then();
        });
}

void record_run_event(Api& api, const AuditActor& actor, std::string_view action, const RunRow& run,
                      const std::function<void()>& then) {
    Json data = Json::object({{"flowRun", part_of("flowRun", run_json(run))}});
    data.set("project", Json::object({{"displayName", Json::string(actor.project_name)}}));
    record_event(api, actor, action, data, then);
}

Json audited_subject(const EntityRow& row) {
    Json json = entity_json(row);
    json.set("displayName", Json::string(row.label));
    json.set("name", Json::string(row.key));
    json.set("externalId", Json::string(row.key));
    json.set("userId", Json::string(row.key));    // of a member
    json.set("receiver", Json::string(row.key));  // of an alert
    const Json body = entity_body(row);
    json.set("projectRoleId", Json::string(body["projectRoleId"].text_or(body["roleId"].text())));
    for (const std::string_view name :
         {"pieceName", "type", "status", "email", "platformRole", "projectId", "truncatedValue"}) {
        json.set(name, Json::string(body[name].text()));
    }
    return json;
}

void listen_for_audit(Api& api, ApiCall& call) {
    if (!api.options.audit_log) {
        return;
    }
    for (const Audited& audited : kAudited) {
        if (audited.method == call.request.method && audited.path == call.route->path) {
            call.on_reply = [&api, &audited](const ApiCall& answered, int status, const Json& body,
                                             const std::function<void()>& send) {
                status >= 200 && status < 300 ? record(api, audited, answered, body, send) : send();
            };
        }
    }
}

const std::vector<ApiRoute> kAuditRoutes = {
    {"GET", "audit-events", ApiRoute::Access::user, list_events},
};

}  // namespace sallyport::engine
