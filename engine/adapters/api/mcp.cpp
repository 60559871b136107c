// The MCP transport (engine contract 1.9): streamable HTTP without a session, at the addresses of
// all three generations. A POST carries one message and is answered with JSON; there is nothing to
// stream, so GET and DELETE are not offered (the protocol allows that), but where the first
// generation's clients open their stream.
#include "common/bytes.hpp"
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/mcp_messages.hpp"
#include "engine/adapters/mcp/oauth.hpp"
#include "engine/adapters/mcp/platform.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

WebResponse rpc_response(int status, const Json& message) {
    return json_response(status, message);
}

WebResponse accepted() {
    return {202, {}, {}};
}

std::set<std::string> texts_of(const Json& list) {
    std::set<std::string> texts;
    list.each_element([&texts](const Json& one) { texts.emplace(one.text()); });
    return texts;
}

std::string bearer_of(const CallPtr& call) {
    constexpr std::string_view kBearer = "bearer ";
    const std::string_view header = call->request.header("authorization");
    if (header.size() > kBearer.size() &&
        ascii_iequals(header.substr(0, kBearer.size()), kBearer)) {
        return std::string(trim_ows(header.substr(kBearer.size())));
    }
    return call->query_text("token");
}

// ---- messages

void answer_call(const McpToolset& tools, const McpRequest& request,
                 const std::function<void(Json)>& done) {
    const Json name = request.params["name"];
    const Json arguments = request.params["arguments"];
    if (!name.is_string() || (arguments.exists() && !arguments.is_object())) {
        return done(mcp_error(request.id, kRpcParams, "name must be a text, arguments an object"));
    }
    tools.call(std::string(name.text()), arguments.exists() ? arguments : Json::object(),
               [done, id = request.id, name = std::string(name.text())](const Json& result) {
                   done(result.exists() ? mcp_result(id, result)
                                        : mcp_error(id, kRpcParams, "Unknown tool: " + name));
               });
}

void answer_message(const Api& api, const CallPtr& call, const McpToolset& tools) {
    const std::string_view type = call->request.header("content-type");
    if (!ascii_iequals(trim_ows(type.substr(0, type.find(';'))), "application/json")) {
        return call->reply(rpc_response(
            415, mcp_error(Json::null(), kRpcInvalid, "Content-Type must be application/json")));
    }
    const std::string_view revision = call->request.header("mcp-protocol-version");
    if (!revision.empty() && !is_mcp_revision(revision)) {
        return call->reply(rpc_response(
            400, mcp_error(Json::null(), kRpcInvalid, "Unsupported protocol version")));
    }
    const McpReading reading = read_mcp(call->request.body);
    if (reading.error.exists()) {
        return call->reply(rpc_response(400, reading.error));
    }
    if (!reading.request.id.exists()) {
        return call->reply(accepted());
    }
    answer_mcp(api, tools, reading.request,
               [call](const Json& answer) { call->reply(rpc_response(200, answer)); });
}

using Refuse = void (*)(const Api& api, const CallPtr& call);

void refuse_plainly(const Api& /*api*/, const CallPtr& call) {
    call->reply(401, Json::object({{"error", Json::string("Unauthorized")}}));
}

// Whoever reads the answer finds where to be let in (RFC 9728 section 5.1).
void refuse_grant(const Api& api, const CallPtr& call, std::string_view path) {
    WebResponse response = json_response(
        401, Json::object({{"error", Json::string("unauthorized")},
                           {"message", Json::string("A valid access token is required")}}));
    response.headers.push_back({"www-authenticate", "Bearer resource_metadata=\"" +
                                                        api.options.base_url +
                                                        "/.well-known/oauth-protected-resource" +
                                                        std::string(path) + "\""});
    call->reply(std::move(response));
}

void refuse_newest(const Api& api, const CallPtr& call) {
    refuse_grant(api, call, "/mcp");
}

void refuse_platform(const Api& api, const CallPtr& call) {
    refuse_grant(api, call, "/mcp/platform");
}

void refuse_token(const Api& /*api*/, const CallPtr& call) {
    call->reply(rpc_response(404, mcp_error(Json::null(), kRpcInvalid, "MCP server not found")));
}

// False, with the call answered, for anything but a message.
bool is_message(const CallPtr& call) {
    if (call->request.method == "POST") {
        return true;
    }
    // A page that speaks MCP asks first.
    if (call->request.method == "OPTIONS") {
        call->reply(WebResponse{
            204,
            {{"access-control-allow-methods", "POST"},
             {"access-control-allow-headers", "authorization,content-type,mcp-protocol-version"},
             {"access-control-max-age", "600"}},
            {}});
        return false;
    }
    WebResponse response =
        rpc_response(405, mcp_error(Json::null(), kRpcInvalid, "Method not allowed; use POST"));
    response.headers.push_back({"allow", "POST"});
    call->reply(std::move(response));
    return false;
}

// Goes on with the server of this token; `project_id` is empty when any project's will do.
void serve(Api& api, const CallPtr& call, const std::string& token, const std::string& project_id,
           Refuse refuse) {
    if (!is_message(call)) {
        return;
    }
    find_mcp_server(
        api, token,
        [&api, call, project_id, refuse](const Result<std::optional<EntityRow>>& found) {
            if (api.failed(call, found)) {
                return;
            }
            const bool known =
                found->has_value() && (project_id.empty() || (*found)->scope == project_id);
            if (!known || entity_body(**found)["status"].text() == "DISABLED") {
                return refuse(api, call);
            }
            answer_message(api, call, project_toolset(api, mcp_place(**found, call)));
        });
}

// Clients of later revisions name theirs when they ask for a stream; there is none for them.
void serve_by_token(Api& api, const CallPtr& call) {
    if (call->request.method == "GET" && call->request.header("mcp-protocol-version").empty()) {
        return open_mcp_session(api, call);
    }
    serve(api, call, call->params[0], "", refuse_token);
}

void serve_project(Api& api, const CallPtr& call) {
    serve(api, call, bearer_of(call), call->params[0], refuse_plainly);
}

// The server of the project that the user chose when consenting.
void serve_grant(Api& api, const CallPtr& call, const EntityRow& grant) {
    find_project_mcp(api, call, grant.scope, [&api, call](const std::optional<EntityRow>& server) {
        server ? answer_message(api, call, project_toolset(api, mcp_place(*server, call)))
               : refuse_newest(api, call);
    });
}

// By a server's own token, or by one that OAuth gave.
void serve_newest(Api& api, const CallPtr& call) {
    const std::string token = bearer_of(call);
    // Not from the address: those end up in logs.
    if (call->request.method != "POST" || !token.starts_with(kMcpAccessPrefix) ||
        call->request.header("authorization").empty()) {
        return serve(api, call, token, "", refuse_newest);
    }
    find_mcp_grant(api, call, token, mcp_resource(api),
                   [&api, call](const std::optional<EntityRow>& grant) {
                       grant ? serve_grant(api, call, *grant) : refuse_newest(api, call);
                   });
}

// By a token that OAuth gave for all projects of a user: those of one project's server do not do.
void serve_platform(Api& api, const CallPtr& call) {
    if (!is_message(call)) {
        return;
    }
    if (call->request.header("authorization").empty()) {
        return refuse_platform(api, call);
    }
    find_mcp_grant(api, call, bearer_of(call), mcp_platform_resource(api),
                   [&api, call](const std::optional<EntityRow>& grant) {
                       grant ? answer_message(api, call, platform_toolset(api, call))
                             : refuse_platform(api, call);
                   });
}

// ---- the project's own server

Json project_mcp_json(const Api& api, const EntityRow& row) {
    const Json body = entity_body(row);
    Json json = entity_json(row);
    json.set("platformId", Json::null());
    json.set("projectId", Json::string(row.scope));
    json.set("type", Json::string("PROJECT"));
    json.set("status", body["status"]);
    json.set("token", Json::string(mcp_token(api, row)));
    json.set("disabledTools", body["disabledTools"]);
    json.set("flows", Json::array());
    return json;
}

void get_project_mcp(Api& api, const CallPtr& call) {
    with_project_mcp(api, call, call->params[0], [&api, call](const EntityRow& row) {
        call->reply(200, project_mcp_json(api, row));
    });
}

bool are_names(const Json& list) {
    constexpr std::size_t kNamesMax = 200;
    bool good = list.is_array() && list.size() <= kNamesMax;
    list.each_element([&good](const Json& one) { good = good && one.is_string(); });
    return good;
}

void update_project_mcp(Api& api, const CallPtr& call) {
    const Json status = call->body["status"];
    const Json disabled = call->body["disabledTools"];
    if (status.exists() && status.text() != "ENABLED" && status.text() != "DISABLED") {
        return call->fail_validation("body/status must be ENABLED or DISABLED");
    }
    if (disabled.exists() && !are_names(disabled)) {
        return call->fail_validation("body/disabledTools must be a list of at most 200 names");
    }
    with_project_mcp(
        api, call, call->params[0], [&api, call, status, disabled](const EntityRow& row) {
            change_and_reply(
                api, call, row, "mcp_server",
                [status = std::string(status.text()),
                 list = disabled.deep_copy()](EntityRow& stored) {
                    Json body = entity_body(stored);
                    if (!status.empty()) {
                        body.set("status", Json::string(status));
                    }
                    if (list.exists()) {
                        body.set("disabledTools", list);
                    }
                    stored.body = body.dump();
                },
                [&api](const EntityRow& stored) { return project_mcp_json(api, stored); });
        });
}

void rotate_project_mcp(Api& api, const CallPtr& call) {
    with_project_mcp(api, call, call->params[0], [&api, call](const EntityRow& row) {
        give_mcp_token(api, call, row, [&api, call](const EntityRow& fresh) {
            change_and_reply(
                api, call, fresh, "mcp_server",
                [body = fresh.body](EntityRow& stored) { stored.body = body; },
                [&api](const EntityRow& stored) { return project_mcp_json(api, stored); });
        });
    });
}

}  // namespace

// A named server may hold a choice of flows; without one it offers all, like a project's own.
McpServerPlace mcp_place(const EntityRow& row, const std::string& client_address) {
    const Json body = entity_body(row);
    McpServerPlace place;
    place.project_id = row.scope;
    place.client_address = client_address;
    place.manages = row.kind == kProjectMcpKind;
    place.disabled_tools = texts_of(body["disabledTools"]);
    body["tools"].each_element([&place](const Json& tool) {
        if (tool["type"].text() == "FLOW" && tool["flowId"].is_string()) {
            place.flow_ids.emplace(tool["flowId"].text());
        }
    });
    return place;
}

McpServerPlace mcp_place(const EntityRow& row, const CallPtr& call) {
    McpServerPlace place = mcp_place(row, call->client_address);
    place.user_id = call->user.id;
    return place;
}

void answer_mcp(const Api& api, const McpToolset& tools, const McpRequest& request,
                const std::function<void(Json)>& done) {
    if (request.method == "initialize") {
        return done(mcp_result(request.id, mcp_initialized(request.params, api.options.version)));
    }
    if (request.method == "ping") {
        return done(mcp_result(request.id, Json::object()));
    }
    if (request.method == "tools/list") {
        return tools.list([done, id = request.id](const Json& list) {
            done(list.exists()
                     ? mcp_result(id, Json::object({{"tools", list}}))
                     : mcp_error(id, kRpcInternal, "The store cannot be read; try again"));
        });
    }
    if (request.method == "tools/call") {
        return answer_call(tools, request, done);
    }
    done(mcp_error(request.id, kRpcMethod, "Method not found: " + request.method));
}

const std::vector<ApiRoute> kMcpRoutes = {
    {"*", "mcp", ApiRoute::Access::open, serve_newest},
    {"*", "mcp/platform", ApiRoute::Access::open, serve_platform},
    {"POST", "mcp/messages", ApiRoute::Access::open, take_mcp_message, true},
    {"*", "mcp/:token/sse", ApiRoute::Access::open, serve_by_token},
    {"GET", "projects/:projectId/mcp-server", ApiRoute::Access::user, get_project_mcp},
    {"POST", "projects/:projectId/mcp-server", ApiRoute::Access::user, update_project_mcp},
    {"POST", "projects/:projectId/mcp-server/rotate", ApiRoute::Access::user, rotate_project_mcp},
    {"*", "projects/:projectId/mcp-server/http", ApiRoute::Access::open, serve_project},
};

}  // namespace sallyport::engine
