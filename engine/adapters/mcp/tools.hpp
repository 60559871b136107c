// The tools that an MCP server of a project offers: its enabled flows whose trigger is an MCP tool,
// and tools that manage flows by the API's own routes, as the project's owner.
#pragma once

#include "engine/adapters/api/api.hpp"

#include <functional>
#include <set>
#include <string>

namespace sallyport::engine {

struct McpServerPlace {
    std::string project_id;
    std::set<std::string> disabled_tools;
    std::set<std::string> flow_ids;  // empty: all flows of the project
    bool manages = true;             // offers the management tools
    std::string client_address;      // who calls, for the audit log
    std::string user_id;             // for whom; empty: the project's owner
};

// What an MCP server offers, as the messages ask for it. `list` gives the list of tools, empty when
// the store failed; `call` the result of one ({content, …}), empty when there is no such tool.
struct McpToolset {
    std::function<void(std::function<void(Json)> done)> list;
    std::function<void(const std::string& name, const Json& arguments,
                       std::function<void(Json)> done)>
        call;
};
McpToolset project_toolset(Api& api, const McpServerPlace& place);

// `done` gets the list of tools; empty when the store failed.
void list_mcp_tools(Api& api, const McpServerPlace& place, std::function<void(Json)> done);

// `done` gets the result of the call ({content, …}); an empty Json when there is no such tool.
void call_mcp_tool(Api& api, const McpServerPlace& place, const std::string& name,
                   const Json& arguments, std::function<void(Json)> done);

}  // namespace sallyport::engine
