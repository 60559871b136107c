#include "engine/adapters/mcp/sessions.hpp"

#include <algorithm>

namespace sallyport::engine {
namespace {

// Each holds a connection, of which the server has some thousands.
constexpr std::size_t kSessionsMax = 512;
constexpr std::size_t kOfOneServerMax = 32;
// Answers that a client has not read yet.
constexpr std::size_t kWaitingBytesMax = 8u << 20;
constexpr std::int64_t kHeartbeatMs = 30'000;

}  // namespace

std::shared_ptr<McpSession> McpSessions::open(const std::string& id, const std::string& token) {
    const auto same = std::count_if(sessions_.begin(), sessions_.end(), [&token](const auto& one) {
        return one.second->token == token;
    });
    if (sessions_.size() >= kSessionsMax || static_cast<std::size_t>(same) >= kOfOneServerMax) {
        return nullptr;
    }
    auto session = std::make_shared<McpSession>();
    session->token = token;
    session->stream = std::make_shared<BodyStream>(kWaitingBytesMax, ": alive\n\n", kHeartbeatMs);
    session->stream->on_close([this, id] { sessions_.erase(id); });
    sessions_[id] = session;
    return session;
}

std::shared_ptr<McpSession> McpSessions::find(const std::string& id) const {
    const auto found = sessions_.find(id);
    return found == sessions_.end() ? nullptr : found->second;
}

}  // namespace sallyport::engine
