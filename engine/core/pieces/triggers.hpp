// Triggers without an address of their own kind: what a person starts by hand or with a form, and
// what a model calls as a tool. What each makes of the request that starts it. Pure.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <string>
#include <string_view>

namespace sallyport::engine {

inline constexpr std::string_view kManualPiece = "@activepieces/piece-manual-trigger";
inline constexpr std::string_view kManualTrigger = "manual_trigger";

inline constexpr std::string_view kFormsPiece = "@activepieces/piece-forms";
inline constexpr std::string_view kFormSubmission = "form_submission";
// Of older exports: a form of one file.
inline constexpr std::string_view kFileSubmission = "file_submission";
inline constexpr std::string_view kChatSubmission = "chat_submission";

inline constexpr std::string_view kMcpPiece = "@activepieces/piece-mcp";
inline constexpr std::string_view kMcpTool = "mcp_tool";

// The member of a submission that holds the field of this name.
std::string form_key(std::string_view display_name);
// The trigger's output of what was submitted. Fails on a toggle that is neither true nor false and
// on a required field that is missing.
Result<Json> form_output(const Json& trigger_input, const Json& body);

// That of a chat's message, {sessionId, message, files}, of what the page sends: {chatId, message,
// file[0], …}.
Result<Json> chat_output(const Json& body);

// The tool's name: unique within a project by the flow's first letters.
std::string mcp_tool_name(const Json& trigger_input, std::string_view flow_id);
// The JSON Schema of its arguments.
Json mcp_tool_schema(const Json& trigger_input);
// The trigger's output of a call. Fails when required arguments are missing or of another type.
Result<Json> mcp_tool_output(const Json& trigger_input, const Json& arguments);

}  // namespace sallyport::engine
