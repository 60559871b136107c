#include "engine/adapters/api/call.hpp"

#include "common/bytes.hpp"
#include "engine/adapters/http/wire.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kPageMax = 1000;
// How long a client should leave an overloaded engine alone.
constexpr std::string_view kRetryAfterS = "2";

std::pair<int, std::string_view> describe(ApiError error) {
    switch (error) {
        case ApiError::authorization:
            return {403, "AUTHORIZATION"};
        case ApiError::does_not_meet_business_requirements:
            return {422, "DOES_NOT_MEET_BUSINESS_REQUIREMENTS"};
        case ApiError::engine_operation_failure:
            return {400, "ENGINE_OPERATION_FAILURE"};
        case ApiError::file_too_large:
            return {413, "FILE_TOO_LARGE"};
        case ApiError::invalid_api_key:
            return {401, "INVALID_API_KEY"};
        case ApiError::invalid_app_connection:
            return {400, "INVALID_APP_CONNECTION"};
        case ApiError::invalid_claim:
            return {400, "INVALID_CLAIM"};
        case ApiError::invalid_cloud_claim:
            return {400, "INVALID_CLOUD_CLAIM"};
        case ApiError::quota_exceeded:
            return {402, "QUOTA_EXCEEDED"};
        case ApiError::email_auth_disabled:
            return {403, "EMAIL_AUTH_DISABLED"};
        case ApiError::existing_alert_channel:
            return {409, "EXISTING_ALERT_CHANNEL"};
        case ApiError::entity_not_found:
            return {404, "ENTITY_NOT_FOUND"};
        case ApiError::existing_user:
            return {409, "EXISTING_USER"};
        case ApiError::flow_operation_in_progress:
            return {409, "FLOW_OPERATION_IN_PROGRESS"};
        case ApiError::flow_run_retry_outside_retention:
            return {410, "FLOW_RUN_RETRY_OUTSIDE_RETENTION"};
        case ApiError::flow_version_conflict:
            return {412, "FLOW_VERSION_CONFLICT"};
        case ApiError::flow_operation_invalid:
            return {400, "FLOW_OPERATION_INVALID"};
        case ApiError::invalid_bearer_token:
            return {401, "INVALID_BEARER_TOKEN"};
        case ApiError::invalid_credentials:
            return {401, "INVALID_CREDENTIALS"};
        case ApiError::invitation_only_sign_up:
            return {403, "INVITATION_ONLY_SIGN_UP"};
        case ApiError::mcp_piece_connection_mismatch:
            return {400, "MCP_PIECE_CONNECTION_MISMATCH"};
        case ApiError::project_external_id_already_exists:
            return {409, "PROJECT_EXTERNAL_ID_ALREADY_EXISTS"};
        case ApiError::paused_flow_timeout_exceeded:
            return {422, "PAUSED_FLOW_TIMEOUT_EXCEEDED"};
        case ApiError::permission_denied:
            return {403, "PERMISSION_DENIED"};
        case ApiError::session_expired:
            return {403, "SESSION_EXPIRED"};
        case ApiError::validation:
            return {409, "VALIDATION"};
    }
    return {500, "INTERNAL_SERVER_ERROR"};
}

}  // namespace

std::string ApiCall::query_text(std::string_view name) const {
    const std::vector<std::string> values = form_values(query, name);
    return values.empty() ? std::string() : values.front();
}

bool ApiCall::query_time(std::string_view name, std::optional<std::int64_t>& out) {
    const std::string text = query_text(name);
    if (text.empty()) {
        return true;
    }
    out = parse_iso_time(text);
    if (!out) {
        fail_validation("querystring/" + std::string(name) + " is not an ISO 8601 time");
    }
    return out.has_value();
}

std::size_t ApiCall::limit(std::size_t fallback) const {
    const auto wanted = parse_u64(query_text("limit"));
    return wanted ? static_cast<std::size_t>(std::clamp<std::uint64_t>(*wanted, 1, kPageMax))
                  : fallback;
}

void ApiCall::reply(int status, const Json& json) {
    WebResponse response =
        json.exists() ? json_response(status, json) : WebResponse{status, {}, {}};
    if (!on_reply || !respond_) {
        return reply(std::move(response));
    }
    std::move(more_headers.begin(), more_headers.end(), std::back_inserter(response.headers));
    std::exchange(on_reply, nullptr)(*this, status, json,
                                     [respond = std::exchange(respond_, nullptr),
                                      response = std::move(response)] { respond(response); });
}

void ApiCall::answer_after(std::function<void(std::function<void()> send)> first) {
    respond_ = [first = std::move(first), respond = std::move(respond_)](WebResponse response) {
        first([respond, response = std::move(response)] { respond(response); });
    };
}

void ApiCall::reply(WebResponse response) {
    if (respond_) {
        std::move(more_headers.begin(), more_headers.end(), std::back_inserter(response.headers));
        std::exchange(respond_, nullptr)(std::move(response));
    }
}

void ApiCall::fail(ApiError error, const Json& parameters) {
    const auto [status, code] = describe(error);
    reply(status, Json::object({{"code", Json::string(code)}, {"params", parameters}}));
}

void ApiCall::fail_not_found(std::string_view entity_type, std::string_view entity_id) {
    fail(ApiError::entity_not_found,
         Json::object({{"entityType", Json::string(entity_type)},
                       {"entityId", Json::string(entity_id)},
                       {"message", Json::string(std::string(entity_type) + " not found")}}));
}

void ApiCall::fail_not_allowed(std::string_view message) {
    fail(ApiError::authorization, Json::object({{"message", Json::string(message)}}));
}

void ApiCall::fail_framework(int status, std::string_view code, std::string_view message) {
    reply(status, Json::object({{"statusCode", Json::integer(status)},
                                {"code", Json::string(code)},
                                {"error", Json::string(reason_phrase(status))},
                                {"message", Json::string(message)}}));
}

void ApiCall::fail_validation(std::string_view message) {
    fail_framework(400, "FST_ERR_VALIDATION", message);
}

void ApiCall::fail_route() {
    reply(404, Json::object({{"statusCode", Json::integer(404)},
                             {"error", Json::string("Not Found")},
                             {"message", Json::string("Route not found")}}));
}

void ApiCall::fail_unavailable() {
    WebResponse response = json_response(
        503, Json::object({{"statusCode", Json::integer(503)},
                           {"error", Json::string("Service Unavailable")},
                           {"message", Json::string("The engine is overloaded or its store cannot "
                                                    "be written; try again")}}));
    response.headers.push_back({"retry-after", std::string(kRetryAfterS)});
    reply(std::move(response));
}

}  // namespace sallyport::engine
