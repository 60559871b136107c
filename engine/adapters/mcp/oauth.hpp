// OAuth 2.1 for MCP clients as it lies in the store (decision 0031): registered clients, codes, and
// grants. Of codes and tokens only hashes are kept.
#pragma once

#include "engine/adapters/api/api.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine {

inline constexpr const char* kMcpClientKind = "mcp_client";
inline constexpr const char* kMcpCodeKind = "mcp_code";
// Below the project; the body says whose, for which client and which address.
inline constexpr const char* kMcpGrantKind = "mcp_grant";
inline constexpr const char* kMcpOAuthScope = "all";  // of what belongs to no project yet
inline constexpr std::string_view kMcpAccessPrefix = "smat_";
inline constexpr std::string_view kMcpPermission = "WRITE_MCP";

// What tokens are for, by its address: the server of one project, or that of all of a user's.
std::string mcp_resource(const Api& api);
std::string mcp_platform_resource(const Api& api);
std::string mcp_secret_hash(std::string_view secret);
std::string mcp_new_secret(Api& api);

// {"error", "error_description"} as RFC 6749 section 5.2 has it.
void fail_oauth(const CallPtr& call, int status, std::string_view error,
                std::string_view description);

// Nothing when there is none of that id.
void find_mcp_client(Api& api, const CallPtr& call, const std::string& id,
                     std::function<void(const std::optional<EntityRow>&)> then);

// The user, when he may use the project's MCP server: it is his, or his role in it has WRITE_MCP.
void may_use_mcp(Api& api, const CallPtr& call, const std::string& user_id,
                 const std::string& project_id,
                 std::function<void(const std::optional<UserRow>&)> then);

// The grant of an access token that is good now, for this resource, of a user who still may;
// nothing for another token. That user is the call's then.
void find_mcp_grant(Api& api, const CallPtr& call, const std::string& token,
                    const std::string& resource,
                    std::function<void(const std::optional<EntityRow>&)> then);

// A code for what was consented to; its claims are those of the request, its project is empty when
// that was every one of the user's.
void make_mcp_code(Api& api, const CallPtr& call, const Json& claims, const std::string& user_id,
                   const std::string& project_id, std::function<void(const std::string&)> then);

}  // namespace sallyport::engine
