#include "engine/adapters/mcp/management.hpp"

#include "engine/adapters/api/audit.hpp"
#include "engine/core/mcp_message.hpp"

#include <array>
#include <memory>
#include <utility>

namespace sallyport::engine {
namespace {

// How a tool's arguments become a call of a route: `path` holds `:name` for arguments; `query`
// names arguments for the query; `body` is a JSON text in which "$name" stands for an argument
// (left out when the argument is) and "$projectId" for the project.
struct ManagementTool {
    std::string_view name;
    std::string_view description;
    std::string_view schema;  // of the arguments: {name: [type, description, required]}
    std::string_view method;
    std::string_view path;
    std::array<std::string_view, 3> query = {};
    std::string_view body = {};
};

constexpr std::array kTools = {
    ManagementTool{
        "ap_list_flows",
        "Lists the project's flows, by a part of their name",
        R"({"name":["string","part of the name",false],"status":["string","ENABLED or DISABLED",false],"cursor":["string","where the last page ended",false]})",
        "GET",
        "flows",
        {"name", "status", "cursor"}},
    ManagementTool{"ap_flow_structure", "Gives a flow with all its steps",
                   R"({"flowId":["string","the flow",true]})", "GET", "flows/:flowId"},
    ManagementTool{"ap_create_flow",
                   "Makes an empty flow",
                   R"({"flowName":["string","its name",true]})",
                   "POST",
                   "flows",
                   {},
                   R"({"displayName":"$flowName","projectId":"$projectId"})"},
    ManagementTool{
        "ap_rename_flow",
        "Gives a flow another name",
        R"({"flowId":["string","the flow",true],"displayName":["string","its new name",true]})",
        "POST",
        "flows/:flowId",
        {},
        R"({"type":"CHANGE_NAME","request":{"displayName":"$displayName"}})"},
    ManagementTool{
        "ap_update_trigger",
        "Sets a flow's trigger",
        R"({"flowId":["string","the flow",true],"trigger":["object","name, type, displayName, valid, settings",true]})",
        "POST",
        "flows/:flowId",
        {},
        R"({"type":"UPDATE_TRIGGER","request":"$trigger"})"},
    ManagementTool{
        "ap_add_step",
        "Adds a step to a flow",
        R"({"flowId":["string","the flow",true],"parentStepName":["string","the step it stands after or in",true],"location":["string","AFTER, INSIDE_LOOP or INSIDE_BRANCH",true],"branchIndex":["integer","which branch",false],"action":["object","name, type, displayName, valid, settings",true]})",
        "POST",
        "flows/:flowId",
        {},
        R"({"type":"ADD_ACTION","request":{"parentStep":"$parentStepName","stepLocationRelativeToParent":"$location","branchIndex":"$branchIndex","action":"$action"}})"},
    ManagementTool{
        "ap_update_step",
        "Changes a step of a flow",
        R"({"flowId":["string","the flow",true],"action":["object","name, type, displayName, valid, settings",true]})",
        "POST",
        "flows/:flowId",
        {},
        R"({"type":"UPDATE_ACTION","request":"$action"})"},
    ManagementTool{
        "ap_delete_step",
        "Takes steps out of a flow",
        R"({"flowId":["string","the flow",true],"names":["array","names of steps",true]})",
        "POST",
        "flows/:flowId",
        {},
        R"({"type":"DELETE_ACTION","request":{"names":"$names"}})"},
    ManagementTool{"ap_lock_and_publish",
                   "Publishes a flow's latest version",
                   R"({"flowId":["string","the flow",true]})",
                   "POST",
                   "flows/:flowId",
                   {},
                   R"({"type":"LOCK_AND_PUBLISH","request":{}})"},
    ManagementTool{
        "ap_change_flow_status",
        "Enables or disables a published flow",
        R"({"flowId":["string","the flow",true],"status":["string","ENABLED or DISABLED",true]})",
        "POST",
        "flows/:flowId",
        {},
        R"({"type":"CHANGE_STATUS","request":{"status":"$status"}})"},
    ManagementTool{
        "ap_list_connections",
        "Lists the project's connections, without their secrets",
        R"({"pieceName":["string","of one piece",false],"cursor":["string","where the last page ended",false]})",
        "GET",
        "app-connections",
        {"pieceName", "cursor"}},
    ManagementTool{
        "ap_list_runs",
        "Lists runs, the newest first",
        R"({"flowId":["string","of one flow",false],"status":["string","of one status",false],"cursor":["string","where the last page ended",false]})",
        "GET",
        "flow-runs",
        {"flowId", "status", "cursor"}},
    ManagementTool{"ap_get_run", "Gives a run with what each step did",
                   R"({"runId":["string","the run",true]})", "GET", "flow-runs/:runId"},
    ManagementTool{"ap_list_pieces",
                   "Lists the pieces that steps are made of",
                   R"({"searchQuery":["string","what to look for",false]})",
                   "GET",
                   "pieces",
                   {"searchQuery"}},
};

const ManagementTool* find_tool(std::string_view name) {
    for (const ManagementTool& tool : kTools) {
        if (tool.name == name) {
            return &tool;
        }
    }
    return nullptr;
}

Json parsed(std::string_view text) {
    const Result<Json> json = Json::parse(text);
    return json.ok() ? *json : Json::object();
}

Json schema_json(const ManagementTool& tool, bool names_project) {
    Json properties = Json::object();
    Json required = Json::array();
    if (names_project) {
        properties.set("projectId",
                       Json::object({{"type", Json::string("string")},
                                     {"description", Json::string("of ap_list_projects")}}));
        required.append(Json::string("projectId"));
    }
    parsed(tool.schema).each_member([&](std::string_view name, const Json& short_form) {
        properties.set(
            name, Json::object({{"type", short_form.at(0)}, {"description", short_form.at(1)}}));
        if (short_form.at(2).is_true()) {
            required.append(Json::string(name));
        }
    });
    return Json::object(
        {{"type", Json::string("object")}, {"properties", properties}, {"required", required}});
}

bool has_type(const Json& value, std::string_view type) {
    return type == "object"    ? value.is_object()
           : type == "array"   ? value.is_array()
           : type == "integer" ? value.is_integer()
                               : value.is_string();
}

// Why the arguments will not do; empty when they will.
std::string problem_with(const ManagementTool& tool, const Json& arguments) {
    std::string problem;
    parsed(tool.schema).each_member([&](std::string_view name, const Json& short_form) {
        const Json value = arguments[name];
        const bool missing = !value.exists() || value.is_null();
        if ((missing && short_form.at(2).is_true()) ||
            (!missing && !has_type(value, short_form.at(0).text()))) {
            problem = "The argument '" + std::string(name) + "' must be of type " +
                      std::string(short_form.at(0).text());
        }
    });
    return problem;
}

// "$name" becomes the argument of that name; members of an argument that was not given go.
Json filled(const Json& body, const Json& arguments) {
    if (body.is_string() && body.text().starts_with('$')) {
        return arguments[body.text().substr(1)];
    }
    if (!body.is_object()) {
        return body;
    }
    Json out = Json::object();
    body.each_member([&](std::string_view name, const Json& value) {
        const Json put = filled(value, arguments);
        if (put.exists()) {
            out.set(name, put);
        }
    });
    return out;
}

const ApiRoute* find_route(const ManagementTool& tool, std::vector<std::string>& params,
                           const Json& arguments) {
    const std::size_t colon = tool.path.find(':');
    if (colon != std::string_view::npos) {
        params.emplace_back(arguments[tool.path.substr(colon + 1)].text());
    }
    const std::string_view stem = tool.path.substr(0, colon);
    for (const auto* family : api_families()) {
        for (const ApiRoute& route : *family) {
            const std::size_t at = route.path.find(':');
            const bool fits = colon == std::string_view::npos
                                  ? route.path == tool.path
                                  : at == colon && route.path.substr(0, at) == stem &&
                                        route.path.find('/', at) == std::string_view::npos;
            if (fits && route.method == tool.method) {
                return &route;
            }
        }
    }
    return nullptr;
}

Json result_of(const WebResponse& response) {
    const Json body = parsed(response.body);
    if (response.status >= 400) {
        return mcp_tool_failure(response.body.empty() ? "The call failed" : response.body);
    }
    return mcp_tool_result(body);
}

void call_route(Api& api, const ManagementTool& tool, const UserRow& owner,
                const McpServerPlace& place, const Json& given,
                const std::function<void(Json)>& done) {
    Json arguments = given.deep_copy();
    arguments.set("projectId", Json::string(place.project_id));
    const auto call = std::make_shared<ApiCall>(
        WebRequest{std::string(tool.method), "/v1/" + std::string(tool.path), {}, {}, {}},
        [done](const WebResponse& response) { done(result_of(response)); });
    const ApiRoute* const route = find_route(tool, call->params, arguments);
    if (route == nullptr) {
        return done(mcp_tool_failure("This engine has no such route"));
    }
    call->user = owner;
    call->acting = "MCP";
    call->client_address = place.client_address;
    call->engine_project = place.project_id;  // whatever else the owner has, this token is for one
    call->query = {{"projectId", place.project_id}};
    for (const std::string_view name : tool.query) {
        if (!name.empty() && arguments[name].is_string()) {
            call->query.emplace_back(name, arguments[name].text());
        }
    }
    if (!tool.body.empty()) {
        call->body = filled(parsed(tool.body), arguments);
        call->request.body = call->body.dump();
    }
    call->route = route;
    listen_for_audit(api, *call);
    route->handler(api, call);
}

}  // namespace

bool is_management_tool(std::string_view name) {
    return find_tool(name) != nullptr;
}

void append_management_tools(const std::set<std::string>& disabled, bool names_project,
                             Json& list) {
    for (const ManagementTool& tool : kTools) {
        if (!disabled.contains(std::string(tool.name))) {
            list.append(Json::object({{"name", Json::string(tool.name)},
                                      {"description", Json::string(tool.description)},
                                      {"inputSchema", schema_json(tool, names_project)}}));
        }
    }
}

void call_management_tool(Api& api, const McpServerPlace& place, const std::string& name,
                          const Json& arguments, std::function<void(Json)> done) {
    const ManagementTool& tool = *find_tool(name);
    const std::string problem = problem_with(tool, arguments);
    if (!problem.empty()) {
        return done(mcp_tool_failure(problem));
    }
    const auto unavailable = [done] {
        done(mcp_tool_failure("The project's owner cannot be found now; try again"));
    };
    api.ports.accounts.project(
        place.project_id, [&api, &tool, place, arguments, done,
                           unavailable](const Result<std::optional<ProjectRow>>& project) {
            if (!project.ok() || !project->has_value()) {
                return unavailable();
            }
            api.ports.accounts.user_by_id(
                place.user_id.empty() ? (*project)->owner_id : place.user_id,
                [&api, &tool, place, arguments, done,
                 unavailable](const Result<std::optional<UserRow>>& owner) {
                    if (!owner.ok() || !owner->has_value() || (*owner)->status != "ACTIVE") {
                        return unavailable();
                    }
                    call_route(api, tool, **owner, place, arguments, done);
                });
        });
}

}  // namespace sallyport::engine
