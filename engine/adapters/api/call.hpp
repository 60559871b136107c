// One API request on its way through a handler: what came in, who sent it, and the answers of the
// contract's shapes. A handler answers exactly once; a call that is dropped closes the connection.
#pragma once

#include "common/json.hpp"
#include "engine/core/page_cursor.hpp"
#include "engine/core/web_message.hpp"
#include "engine/ports/store.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// The contract's error codes that this engine uses, each with its status (engine contract 1.1).
enum class ApiError {
    authorization,
    does_not_meet_business_requirements,
    engine_operation_failure,
    file_too_large,
    invalid_api_key,
    invalid_app_connection,
    invalid_claim,
    invalid_cloud_claim,
    quota_exceeded,
    email_auth_disabled,
    existing_alert_channel,
    entity_not_found,
    existing_user,
    flow_operation_in_progress,
    flow_operation_invalid,
    flow_run_retry_outside_retention,
    flow_version_conflict,
    invalid_bearer_token,
    invalid_credentials,
    invitation_only_sign_up,
    mcp_piece_connection_mismatch,
    project_external_id_already_exists,
    paused_flow_timeout_exceeded,
    permission_denied,
    session_expired,
    validation,
};

struct ApiRoute;

class ApiCall {
  public:
    ApiCall(WebRequest received, std::function<void(WebResponse)> respond)
        : request(std::move(received)), respond_(std::move(respond)) {}

    WebRequest request;
    FormPairs query;
    std::vector<std::string> params;  // of the route's `:name` parts, in order
    Json body;                        // parsed, when the request has a JSON body
    std::string client_address;
    std::string delivery_id;     // verified by the gateway; empty: none
    UserRow user;                // on routes that need one; of an API key: who made it
    bool service = false;        // the caller has an API key
    std::string acting;          // what acts for the user, such as `MCP`; empty: the user himself
    bool internal = false;       // asked from inside, by a piece
    std::string engine_project;  // the project of the engine's own token; empty: another caller
    const ApiRoute* route = nullptr;  // that the request is for
    // For who listens to the answer (api_audit.cpp): the project the caller was let into, and what
    // the request is about as it was before.
    ProjectRow project;
    Json subject;
    // The caller's role in it, as find_role has it, when he is let in as a member of it; nothing:
    // all of it is his.
    Json project_role;
    std::vector<WebHeader> more_headers;  // of the answer
    std::shared_ptr<const void> counted;  // while the call is there, so is this (Api::calls_live)
    // Has the answer sent by `send`, once.
    std::function<void(const ApiCall& call, int status, const Json& body,
                       std::function<void()> send)>
        on_reply;

    // A person or a program who may look after the platform; a person alone.
    bool is_admin() const { return user.platform_role == "ADMIN"; }
    bool is_admin_person() const { return !service && is_admin(); }

    std::string query_text(std::string_view name) const;  // the first value; empty: none
    // A time of the query, ISO 8601. False, with the call answered, when what is given is none.
    bool query_time(std::string_view name, std::optional<std::int64_t>& out);
    // `limit`, between 1 and 1000 (what a page may cost).
    std::size_t limit(std::size_t fallback) const;

    // Has `first` done before the answer leaves, whatever it says; `first` sends it.
    void answer_after(std::function<void(std::function<void()> send)> first);
    void reply(int status, const Json& body);
    void reply(WebResponse response);
    void fail(ApiError error, const Json& params = Json::null());
    void fail_not_found(std::string_view entity_type, std::string_view entity_id);
    void fail_not_allowed(std::string_view message = "principal is not allowed for this route");
    // `FST_ERR_VALIDATION` and its like: {statusCode, code, error, message}.
    void fail_framework(int status, std::string_view code, std::string_view message);
    void fail_validation(std::string_view message);
    void fail_route();
    // The store or the run driver could not: 503 with Retry-After. The cause goes to the log alone.
    void fail_unavailable();

  private:
    std::function<void(WebResponse)> respond_;
};

using CallPtr = std::shared_ptr<ApiCall>;

template <typename Row, typename ToJson>
Json page_json(const Page<Row>& page, ToJson to_json) {
    Json data = Json::array();
    for (const Row& row : page.rows) {
        data.append(to_json(row));
    }
    const auto cursor = [](const std::optional<PageCursor>& at) {
        return at ? Json::string(encode_cursor(*at)) : Json::null();
    };
    return Json::object(
        {{"data", data}, {"next", cursor(page.next)}, {"previous", cursor(page.previous)}});
}

}  // namespace sallyport::engine
