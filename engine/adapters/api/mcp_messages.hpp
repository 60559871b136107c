// What the MCP transports share: which server a token is of, and what a message is answered.
#pragma once

#include "engine/adapters/mcp/servers.hpp"
#include "engine/adapters/mcp/tools.hpp"
#include "engine/core/mcp_message.hpp"

#include <functional>

namespace sallyport::engine {

McpServerPlace mcp_place(const EntityRow& server, const CallPtr& call);
// For whom is not known: the project's owner.
McpServerPlace mcp_place(const EntityRow& server, const std::string& client_address);
// `done` gets the JSON-RPC answer. REQUIRES: the request has an id.
void answer_mcp(const Api& api, const McpToolset& tools, const McpRequest& request,
                const std::function<void(Json)>& done);

// The transport of protocol 2024-11-05: GET mcp/:token/sse, and POST mcp/messages.
void open_mcp_session(Api& api, const CallPtr& call);
void take_mcp_message(Api& api, const CallPtr& call);

}  // namespace sallyport::engine
