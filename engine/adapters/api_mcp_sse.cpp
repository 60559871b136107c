// The MCP transport of protocol 2024-11-05: a client opens a stream of server-sent events, learns
// from its first event where to post messages, and gets the answers by the stream.
#include "engine/adapters/api_entities.hpp"
#include "engine/adapters/api_mcp_messages.hpp"
#include "engine/adapters/http_wire.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

// Tools that one client has under way.
constexpr std::size_t kPendingMax = 32;
constexpr std::string_view kEndpoint = "/api/v1/mcp/messages?sessionId=";

std::string event_text(std::string_view type, std::string_view data) {
    return "event: " + std::string(type) + "\ndata: " + std::string(data) + "\n\n";
}

void fail(const CallPtr& call, int status, std::string_view message) {
    call->reply(status, Json::object({{"statusCode", Json::integer(status)},
                                      {"error", Json::string(reason_phrase(status))},
                                      {"message", Json::string(message)}}));
}

bool is_on(const Result<std::optional<EntityRow>>& server) {
    return server->has_value() && entity_body(**server)["status"].text() != "DISABLED";
}

void answer_on_stream(Api& api, const CallPtr& call, const std::shared_ptr<McpSession>& session,
                      const EntityRow& server) {
    const McpReading reading = read_mcp(call->request.body);
    if (reading.error.exists()) {
        return call->reply(400, reading.error);
    }
    if (session->pending >= kPendingMax) {
        return fail(call, 429, "Too many calls under way");
    }
    call->reply(WebResponse{202, {}, {}, nullptr});
    if (!reading.request.id.exists()) {
        return;
    }
    ++session->pending;
    answer_mcp(api, project_toolset(api, mcp_place(server, call)), reading.request,
               [session](const Json& answer) {
                   --session->pending;
                   session->stream->write(event_text("message", answer.dump()));
               });
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
                            return fail(call, 404, "MCP server not found");
                        }
                        // As hard to guess as the token: whoever knows it speaks for the client.
                        const std::string id = api.ports.entropy.id() + api.ports.entropy.id();
                        const auto session = api.mcp_sessions.open(id, token);
                        if (session == nullptr) {
                            return fail(call, 429, "Too many sessions");
                        }
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
        return fail(call, 400, "Missing session ID");
    }
    const auto session = api.mcp_sessions.find(id);
    if (session == nullptr) {
        return fail(call, 404, "Session not found");
    }
    // A token that ended since ends what was opened with it.
    find_mcp_server(api, session->token,
                    [&api, call, session](const Result<std::optional<EntityRow>>& server) {
                        if (api.failed(call, server)) {
                            return;
                        }
                        if (!is_on(server)) {
                            session->stream->close();
                            return fail(call, 404, "Session not found");
                        }
                        answer_on_stream(api, call, session, **server);
                    });
}

}  // namespace sallyport::engine
