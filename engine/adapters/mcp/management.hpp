// Tools for models that make and look after flows. Each is one route of the API, called as the
// project's owner; a new tool is a line in the table.
#pragma once

#include "engine/adapters/mcp/tools.hpp"

#include <functional>
#include <set>
#include <string>

namespace sallyport::engine {

bool is_management_tool(std::string_view name);
// With `names_project` each takes the project as one more argument, `projectId`.
void append_management_tools(const std::set<std::string>& disabled, bool names_project, Json& list);
// REQUIRES: is_management_tool(name). `done` gets the call's result ({content, …}).
void call_management_tool(Api& api, const McpServerPlace& place, const std::string& name,
                          const Json& arguments, std::function<void(Json)> done);

}  // namespace sallyport::engine
