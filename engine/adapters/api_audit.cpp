#include "engine/adapters/api_audit.hpp"

#include "engine/adapters/api_entities.hpp"

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
    Audited{"POST", "authentication/sign-up", "user.signed.up", "user"},
    Audited{"POST", "authentication/sign-in", "user.signed.in", "user"},
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

Json part_of(std::string_view member, const Json& from) {
    if (member == "flow") {
        return picked(from, {"id", "externalId", "created", "updated"});
    }
    if (member == "flowRun") {
        return picked(from, {"id", "startTime", "finishTime", "environment", "flowId",
                             "flowVersionId", "status"});
    }
    if (member == "folder") {
        return picked(from, {"id", "displayName", "created", "updated"});
    }
    if (member == "connection") {
        return picked(from, {"id", "displayName", "externalId", "pieceName", "status", "type",
                             "created", "updated"});
    }
    if (member == "variable") {
        return picked(from, {"id", "name", "created", "updated"});
    }
    if (member == "projectRole") {
        return picked(from, {"id", "name", "permissions", "platformId", "created", "updated"});
    }
    return picked(from, {"id", "email", "firstName", "lastName"});
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
    if (!call.project.id.empty()) {
        data.set("project",
                 Json::object({{"displayName", Json::string(call.project.display_name)}}));
    }
    return data.deep_copy();
}

void record(Api& api, const Audited& audited, const ApiCall& call, const Json& answer) {
    // What went has no answer; what was revealed must not be in the log.
    const bool before = audited.method == "DELETE" || audited.path.ends_with("/reveal");
    const Json& from = before ? call.subject : answer;
    const bool signs = audited.member == "user";
    const std::string platform(signs ? answer["platformId"].text() : call.user.platform_id);
    if (platform.empty() || !from.is_object()) {
        return;
    }
    const std::string_view action = action_of(audited, call);
    Json body =
        Json::object({{"action", Json::string(action)},
                      {"userId", signs ? answer["id"] : Json::string(call.user.id)},
                      {"userEmail", signs ? answer["email"] : Json::string(call.user.email)},
                      {"ip", Json::string(call.client_address)},
                      {"data", data_of(audited, action, call, from)}});
    if (!call.project.id.empty()) {
        body.set("projectId", Json::string(call.project.id));
        body.set("projectDisplayName", Json::string(call.project.display_name));
    }
    const EntityRow row = new_entity(api, kAuditKind, platform, "", std::string(action), body);
    api.ports.entities.change_entity(
        row.kind, row.scope, row.key,
        [row](std::optional<EntityRow>& stored) {
            stored = row;
            return true;
        },
        [&api](const Result<std::optional<EntityRow>>& stored) {
            if (!stored.ok()) {
                api.ports.log.write(LogLevel::error, "audit_event_lost",
                                    {{"problem", Json::string(stored.message())}});
            }
        });
}

// ---- reading it

Json event_json(const EntityRow& row) {
    const Json body = entity_body(row);
    Json json = entity_json(row);
    json.set("platformId", Json::string(row.scope));
    body.each_member([&json](std::string_view name, const Json& value) { json.set(name, value); });
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

Json audited_subject(const EntityRow& row) {
    Json json = entity_json(row);
    json.set("displayName", Json::string(row.label));
    json.set("name", Json::string(row.key));
    json.set("externalId", Json::string(row.key));
    const Json body = entity_body(row);
    for (const std::string_view name : {"pieceName", "type", "status"}) {
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
            call.on_reply = [&api, &audited](const ApiCall& answered, int status,
                                             const Json& body) {
                if (status >= 200 && status < 300) {
                    record(api, audited, answered, body);
                }
            };
        }
    }
}

const std::vector<ApiRoute> kAuditRoutes = {
    {"GET", "audit-events", ApiRoute::Access::user, list_events},
};

}  // namespace sallyport::engine
