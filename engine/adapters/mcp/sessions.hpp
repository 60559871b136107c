// Open connections of the first MCP transport: each is a stream to a client, whose messages come by
// other requests. They are this process's own. For the loop's thread.
#pragma once

#include "engine/core/body_stream.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <string>

namespace sallyport::engine {

struct McpSession {
    std::string token;  // of the server, checked again with each message
    std::shared_ptr<BodyStream> stream;
    std::size_t pending = 0;  // calls that are not answered yet
};

class McpSessions {
  public:
    // Null when this server, or the engine, has as many as it may.
    std::shared_ptr<McpSession> open(const std::string& id, const std::string& token);
    std::shared_ptr<McpSession> find(const std::string& id) const;  // null: none
    std::size_t size() const { return sessions_.size(); }

  private:
    std::map<std::string, std::shared_ptr<McpSession>> sessions_;
};

}  // namespace sallyport::engine
