#include "engine/core/mcp_message.hpp"

#include "engine/core/pieces/input.hpp"

#include <algorithm>
#include <array>

namespace sallyport::engine {
namespace {

// The newest first.
constexpr std::array<std::string_view, 3> kRevisions = {"2025-06-18", "2025-03-26", "2024-11-05"};

bool is_id(const Json& id) {
    return id.is_string() || id.is_integer();
}

Json text_content(std::string_view text) {
    Json content = Json::array();
    content.append(Json::object({{"type", Json::string("text")}, {"text", Json::string(text)}}));
    return content;
}

}  // namespace

McpReading read_mcp(std::string_view body) {
    const Result<Json> parsed = Json::parse(body);
    if (!parsed.ok()) {
        return {{}, mcp_error(Json::null(), kRpcParse, "Parse error: the body is not JSON")};
    }
    const Json& message = *parsed;
    if (!message.is_object() || message["jsonrpc"].text() != "2.0") {
        return {{},
                mcp_error(Json::null(), kRpcInvalid,
                          "Invalid Request: one JSON-RPC 2.0 message is expected")};
    }
    const Json id = message["id"];
    const bool is_response = message.has("result") || message.has("error");
    if (is_response && is_id(id)) {
        return {};  // of nothing we asked
    }
    const Json params = message["params"];
    if (!message["method"].is_string() || (id.exists() && !is_id(id)) ||
        (params.exists() && !params.is_object())) {
        return {{},
                mcp_error(is_id(id) ? id : Json::null(), kRpcInvalid,
                          "Invalid Request: method, id or params is of the wrong type")};
    }
    return {{id, std::string(message["method"].text()), params.exists() ? params : Json::object()},
            {}};
}

Json mcp_result(const Json& id, const Json& result) {
    return Json::object({{"jsonrpc", Json::string("2.0")}, {"id", id}, {"result", result}});
}

Json mcp_error(const Json& id, int code, std::string_view message) {
    return Json::object({{"jsonrpc", Json::string("2.0")},
                         {"id", id},
                         {"error", Json::object({{"code", Json::integer(code)},
                                                 {"message", Json::string(message)}})}});
}

bool is_mcp_revision(std::string_view revision) {
    return std::find(kRevisions.begin(), kRevisions.end(), revision) != kRevisions.end();
}

Json mcp_initialized(const Json& params, std::string_view server_version) {
    const std::string_view asked = params["protocolVersion"].text();
    const std::string_view revision = is_mcp_revision(asked) ? asked : kRevisions.front();
    return Json::object(
        {{"protocolVersion", Json::string(revision)},
         {"capabilities", Json::object({{"tools", Json::object()}})},
         {"serverInfo", Json::object({{"name", Json::string("sallyport-engine")},
                                      {"version", Json::string(server_version)}})}});
}

Json mcp_tool_result(const Json& value) {
    Json result = Json::object({{"content", text_content(value_text(value))}});
    if (value.is_object()) {
        result.set("structuredContent", value);
    }
    return result;
}

Json mcp_tool_failure(std::string_view message) {
    return Json::object({{"content", text_content(message)}, {"isError", Json::boolean(true)}});
}

}  // namespace sallyport::engine
