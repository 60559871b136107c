// The MCP transport of protocol 2024-11-05: a client opens a stream of server-sent events, learns
// from its first event where to post messages, and gets the answers by the stream.
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/mcp_messages.hpp"
#include "engine/adapters/http/wire.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

// Tools that one client has under way.
constexpr std::size_t kPendingMax = 32;
constexpr std::string_view kSessionType = "MCP_SESSION";
// Longer than a client keeps a stream.
constexpr std::int64_t kSessionSeconds = 30 * 24 * 3600;
constexpr std::size_t kRelayedBytesMax = 4u << 20;
constexpr std::string_view kEndpoint = "/api/v1/mcp/messages?sessionId=";

std::string event_text(std::string_view type, std::string_view data) {
    return "event: " + std::string(type) + "\ndata: " + std::string(data) + "\n\n";
}

void refuse_message(const CallPtr& call, int status, std::string_view message) {
    call->reply(status, Json::object({{"statusCode", Json::integer(status)},
                                      {"error", Json::string(reason_phrase(status))},
                                      {"message", Json::string(message)}}));
}

bool is_on(const Result<std::optional<EntityRow>>& server) {
    return server->has_value() && entity_body(**server)["status"].text() != "DISABLED";
}

bool is_busy(const McpSession& session) {
    return session.pending >= kPendingMax;
}

// The answer comes by the stream. REQUIRES: not is_busy.
void answer_on_stream(Api& api, const std::shared_ptr<McpSession>& session,
                      const McpServerPlace& place, const McpRequest& request) {
    if (!request.id.exists()) {
        return;
    }
    ++session->pending;
    answer_mcp(api, project_toolset(api, place), request, [session](const Json& answer) {
        --session->pending;
        session->stream->write(event_text("message", answer.dump()));
    });
}

// ---- messages that another engine was sent

void take_relayed(Api& api, const McpRelayed& message) {
    const auto session = api.mcp_sessions.find(message.session);
    if (session == nullptr) {
        return;  // it has ended meanwhile, and its client knows
    }
    find_mcp_server(
        api, session->token,
        [&api, session, message](const Result<std::optional<EntityRow>>& server) {
            if (server.ok() && !is_on(server)) {
                return session->stream->close();
            }
            const McpRequest request = read_mcp(message.body).request;
            if (server.ok() && !is_busy(*session)) {
                return answer_on_stream(api, session, mcp_place(**server, message.client_address),
                                        request);
            }
            if (request.id.exists()) {
                session->stream->write(event_text(
                    "message", mcp_error(request.id, kRpcInternal,
                                         server.ok() ? "Too many calls under way"
                                                     : "The store cannot be read; try again")
                                   .dump()));
            }
        });
}

void relay_message(Api& api, const CallPtr& call, const std::string& id) {
    const Result<Json> claims = api.verified_token(id);
    if (!claims.ok() || (*claims)["type"].text() != kSessionType) {
        return refuse_message(call, 404, "Session not found");
    }
    const McpReading reading = read_mcp(call->request.body);
    if (reading.error.exists()) {
        return call->reply(400, reading.error);
    }
    if (call->request.body.size() > kRelayedBytesMax) {
        return refuse_message(call, 413, "The message is too large for this engine");
    }
    api.ports.mcp_relay.send(
        std::string((*claims)["engine"].text()), {id, call->request.body, call->client_address},
        [call](McpRelay::Outcome outcome) {
            switch (outcome) {
                case McpRelay::Outcome::taken:
                    return call->reply(WebResponse{202, {}, {}, nullptr});
                case McpRelay::Outcome::nobody:
                    return refuse_message(call, 404, "Session not found");
                case McpRelay::Outcome::busy:
                    return refuse_message(call, 429, "Too many calls under way");
                case McpRelay::Outcome::failed:
                    return call->fail_unavailable();
            }
        });
}

// As hard to guess as the token: whoever knows it speaks for the client. It names the engine that
// has the stream, and no other engine is asked about one that this installation has not made.
std::string new_session_id(Api& api) {
    return api.signed_token(
        Json::object({{"type", Json::string(kSessionType)},
                      {"engine", Json::string(api.ports.mcp_relay.name())},
                      {"id", Json::string(api.ports.entropy.id() + api.ports.entropy.id())}}),
        kSessionSeconds);
}

}  // namespace

void open_mcp_session(Api& api, const CallPtr& call) {
    const std::string token = call->params[0];
    find_mcp_server(api, token,
                    [&api, call, token](const Result<std::optional<EntityRow>>& server) {
                        if (api.failed(call, server)) {
                            return;
                        }
                        if (!is_on(server)) {
                            return refuse_message(call, 404, "MCP server not found");
                        }
                        const std::string id = new_session_id(api);
                        const auto session = api.mcp_sessions.open(id, token);
                        if (session == nullptr) {
                            return refuse_message(call, 429, "Too many sessions");
                        }
                        api.ports.mcp_relay.listen(
                            [&api] { return api.mcp_sessions.size() > 0; },
                            [&api](const McpRelayed& message) { take_relayed(api, message); });
                        session->stream->write(event_text("endpoint", std::string(kEndpoint) + id));
                        call->reply(WebResponse{200,
                                                {{"content-type", "text/event-stream"},
                                                 {"cache-control", "no-cache, no-transform"},
                                                 {"x-accel-buffering", "no"}},
                                                {},
                                                session->stream});
                    });
}

void take_mcp_message(Api& api, const CallPtr& call) {
    const std::string id = call->query_text("sessionId");
    if (id.empty()) {
        return refuse_message(call, 400, "Missing session ID");
    }
    const auto session = api.mcp_sessions.find(id);
    if (session == nullptr) {
        return relay_message(api, call, id);
    }
    // A token that ended since ends what was opened with it.
    find_mcp_server(api, session->token,
                    [&api, call, session](const Result<std::optional<EntityRow>>& server) {
                        if (api.failed(call, server)) {
                            return;
                        }
                        if (!is_on(server)) {
                            session->stream->close();
                            return refuse_message(call, 404, "Session not found");
                        }
                        const McpReading reading = read_mcp(call->request.body);
                        if (reading.error.exists()) {
                            return call->reply(400, reading.error);
                        }
                        if (is_busy(*session)) {
                            return refuse_message(call, 429, "Too many calls under way");
                        }
                        call->reply(WebResponse{202, {}, {}, nullptr});
                        answer_on_stream(api, session, mcp_place(**server, call), reading.request);
                    });
}

}  // namespace sallyport::engine
