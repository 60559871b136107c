// MCP servers as they lie in the store: the named ones of the first generation, and the one that
// every project has. Each has a token, sealed; what finds a server by its token is the token's
// hash.
#pragma once

#include "engine/adapters/api/api.hpp"

#include <functional>
#include <optional>
#include <string>

namespace sallyport::engine {

inline constexpr const char* kMcpServerKind = "mcp_server";
inline constexpr const char* kProjectMcpKind = "mcp_project";

// The row with a fresh token sealed in it, and its hash noted so that the token finds it. Answers
// the call when the store fails.
void give_mcp_token(Api& api, const CallPtr& call, EntityRow row,
                    std::function<void(EntityRow)> then);
std::string mcp_token(const Api& api, const EntityRow& row);

// The server whose token this is now; nothing for another token.
void find_mcp_server(Api& api, const std::string& token,
                     std::function<void(Result<std::optional<EntityRow>>)> done);
// The project's own, also one that nobody has asked for yet; nothing when it is switched off.
// Answers the call when the store fails.
void find_project_mcp(Api& api, const CallPtr& call, const std::string& project_id,
                      std::function<void(const std::optional<EntityRow>&)> then);
// The project's own, made when it is asked for first.
void with_project_mcp(Api& api, const CallPtr& call, const std::string& project_id,
                      std::function<void(EntityRow)> then);

}  // namespace sallyport::engine
