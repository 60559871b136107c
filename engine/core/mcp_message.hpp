// The Model Context Protocol's messages: JSON-RPC 2.0 as one POST carries it. Pure.
// Source: modelcontextprotocol.io, revisions 2024-11-05, 2025-03-26 and 2025-06-18.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <string>
#include <string_view>

namespace sallyport::engine {

// JSON-RPC's codes.
inline constexpr int kRpcParse = -32700;
inline constexpr int kRpcInvalid = -32600;
inline constexpr int kRpcMethod = -32601;
inline constexpr int kRpcParams = -32602;
inline constexpr int kRpcInternal = -32603;

struct McpRequest {
    Json id;  // empty: a notification or a response, which nobody answers
    std::string method;
    Json params;  // an object, empty when none were sent
};
// Nothing but one message: batches left the protocol. The error is an answer of its own.
struct McpReading {
    McpRequest request;
    Json error;  // exists: the message is no message
};
McpReading read_mcp(std::string_view body);

Json mcp_result(const Json& id, const Json& result);
Json mcp_error(const Json& id, int code, std::string_view message);

// The answer to `initialize`: the client's revision when we speak it, else our newest.
Json mcp_initialized(const Json& params, std::string_view server_version);
bool is_mcp_revision(std::string_view revision);

// {content: [{type: "text", text}], isError?}; an object is also there as structuredContent.
Json mcp_tool_result(const Json& value);
Json mcp_tool_failure(std::string_view message);

}  // namespace sallyport::engine
