// The first generation of MCP servers, which Gauzy's client still speaks (engine contract 1.9.1).
// The token is sealed in the store; whoever may use the project may read it.
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/mcp/servers.hpp"
#include "engine/adapters/stored_secrets.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr const char* kKind = kMcpServerKind;
constexpr std::string_view kName = "mcp_server";
constexpr std::size_t kToolsMax = 200;

Json server_json(const Api& api, const EntityRow& row) {
    const Json body = entity_body(row);
    Json json = entity_json(row);
    json.set("name", Json::string(row.label));
    json.set("projectId", Json::string(row.scope));
    json.set("token", Json::string(mcp_token(api, row)));
    json.set("agentId", Json::null());
    json.set("tools", body["tools"].is_array() ? body["tools"] : Json::array());
    return json;
}

EntityToJson to_json(Api& api) {
    return [&api](const EntityRow& row) { return server_json(api, row); };
}

bool are_tools(const Json& tools) {
    bool good = tools.is_array() && tools.size() <= kToolsMax;
    tools.each_element([&good](const Json& tool) { good = good && tool.is_object(); });
    return good;
}

// As stored: what the client leaves open is filled in.
Json stored_tools(Api& api, const Json& tools, const std::string& server_id) {
    Json list = Json::array();
    tools.each_element([&](const Json& given) {
        Json tool = Json::object();
        for (const std::string_view name :
             {"id", "type", "externalId", "pieceMetadata", "flowId", "flow"}) {
            tool.set(name, given[name].deep_copy());
        }
        if (!given["id"].is_string()) {
            tool.set("id", Json::string(api.ports.entropy.id()));
        }
        tool.set("mcpId", Json::string(server_id));
        list.append(tool);
    });
    return list;
}

void create_server(Api& api, const CallPtr& call) {
    if (!is_label(call, "name")) {
        return;
    }
    const std::string project(call->body["projectId"].text());
    api.with_project(call, project, [&api, call, project](const ProjectRow&) {
        EntityRow row = new_entity(api, kKind, project, "", std::string(call->body["name"].text()),
                                   Json::object({{"tools", Json::array()}}));
        give_mcp_token(api, call, std::move(row), [&api, call](EntityRow fresh) {
            store_and_reply(api, call, std::move(fresh), 200, to_json(api));
        });
    });
}

void list_servers(Api& api, const CallPtr& call) {
    EntityQuery wanted;
    wanted.kind = kKind;
    wanted.scope = call->query_text("projectId");
    wanted.label = call->query_text("name");
    const std::string project = wanted.scope;
    api.with_project(call, project, [&api, call, wanted](const ProjectRow&) {
        reply_with_page(api, call, wanted, to_json(api));
    });
}

void get_server(Api& api, const CallPtr& call) {
    with_project_entity(api, call, kKind, kName, [&api, call](const EntityRow& row) {
        call->reply(200, server_json(api, row));
    });
}

// The external ids of connections that tools of pieces name.
std::vector<std::string> connections_of(const Json& tools) {
    std::vector<std::string> ids;
    tools.each_element([&ids](const Json& tool) {
        const std::string_view id = tool["pieceMetadata"]["connectionExternalId"].text();
        if (!id.empty()) {
            ids.emplace_back(id);
        }
    });
    return ids;
}

// Of these, one that a tool of another piece names; nothing: there is none. What is not there yet
// is nobody's mistake: tools are kept, not run.
Json mismatch(const Json& tools, const std::vector<EntityRow>& connections) {
    Json found;
    tools.each_element([&](const Json& tool) {
        const Json piece = tool["pieceMetadata"];
        for (const EntityRow& row : connections) {
            const Json own = entity_body(row)["pieceName"];
            if (row.key == piece["connectionExternalId"].text() &&
                own.text() != piece["pieceName"].text() && !found.exists()) {
                found = Json::object({{"pieceName", Json::string(piece["pieceName"].text())},
                                      {"connectionPieceName", Json::string(own.text())},
                                      {"connectionId", Json::string(row.id)}});
            }
        }
    });
    return found;
}

// Goes on when each tool's connection is of the tool's piece.
void with_fitting_connections(Api& api, const CallPtr& call, const std::string& project,
                              const Json& tools, const std::function<void()>& then) {
    EntityQuery named;
    named.kind = kConnectionKind;
    named.scope = project;
    named.keys = connections_of(tools);
    named.limit = kToolsMax;
    if (named.keys.empty()) {
        return then();
    }
    api.ports.entities.list_entities(
        named, [&api, call, tools, then](const Result<Page<EntityRow>>& page) {
            if (api.failed(call, page)) {
                return;
            }
            const Json wrong = mismatch(tools, page->rows);
            wrong.exists() ? call->fail(ApiError::mcp_piece_connection_mismatch, wrong) : then();
        });
}

void store_server(Api& api, const CallPtr& call, const EntityRow& row, const Json& tools) {
    const Json kept = tools.exists() ? stored_tools(api, tools, row.id) : Json();
    change_and_reply(
        api, call, row, kName,
        [name = std::string(call->body["name"].text()), kept](EntityRow& stored) {
            stored.label = name.empty() ? stored.label : name;
            if (kept.exists()) {
                Json body = entity_body(stored);
                body.set("tools", kept);
                stored.body = body.dump();
            }
        },
        to_json(api));
}

void update_server(Api& api, const CallPtr& call) {
    const Json tools = call->body["tools"];
    if (call->body["name"].exists() && !is_label(call, "name")) {
        return;
    }
    if (tools.exists() && !are_tools(tools)) {
        return call->fail_validation("body/tools must be a list of at most 200 tools");
    }
    with_project_entity(api, call, kKind, kName, [&api, call, tools](const EntityRow& row) {
        with_fitting_connections(api, call, row.scope, tools,
                                 [&api, call, row, tools] { store_server(api, call, row, tools); });
    });
}

void rotate_token(Api& api, const CallPtr& call) {
    with_project_entity(api, call, kKind, kName, [&api, call](const EntityRow& row) {
        give_mcp_token(api, call, row, [&api, call](const EntityRow& fresh) {
            change_and_reply(
                api, call, fresh, kName,
                [sealed = entity_body(fresh)["value"]](EntityRow& stored) {
                    Json body = entity_body(stored);
                    body.set("value", sealed);
                    stored.body = body.dump();
                },
                to_json(api));
        });
    });
}

void delete_server(Api& api, const CallPtr& call) {
    with_project_entity(api, call, kKind, kName,
                        [&api, call](const EntityRow& row) { delete_and_reply(api, call, row); });
}

}  // namespace

const std::vector<ApiRoute> kMcpServerRoutes = {
    {"POST", "mcp-servers", ApiRoute::Access::user, create_server},
    {"GET", "mcp-servers", ApiRoute::Access::user, list_servers},
    {"GET", "mcp-servers/:id", ApiRoute::Access::user, get_server},
    {"POST", "mcp-servers/:id", ApiRoute::Access::user, update_server},
    {"POST", "mcp-servers/:id/rotate", ApiRoute::Access::user, rotate_token},
    {"DELETE", "mcp-servers/:id", ApiRoute::Access::user, delete_server},
};

}  // namespace sallyport::engine
