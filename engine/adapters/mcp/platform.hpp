// The MCP server of a platform (engine contract 1.9.3): the tools of every project that a user may
// use by MCP, for clients that he let into all of them. `ap_list_projects` names the projects, and
// the tools that manage flows take one as `projectId`.
#pragma once

#include "engine/adapters/mcp/tools.hpp"

namespace sallyport::engine {

// For call->user. A project whose MCP server is switched off has none of its tools here either.
McpToolset platform_toolset(Api& api, const CallPtr& call);

}  // namespace sallyport::engine
