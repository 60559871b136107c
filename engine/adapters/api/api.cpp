#include "engine/adapters/api/api.hpp"

#include "common/bytes.hpp"
#include "engine/adapters/api/audit.hpp"
#include "engine/adapters/api/members.hpp"
#include "engine/adapters/api/openapi_answers.hpp"
#include "engine/core/form_json.hpp"
#include "engine/core/jwt.hpp"
#include "engine/core/multipart.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::engine {
namespace {

// Longer than any step may take.
constexpr std::int64_t kEngineTokenSeconds = 24 * 3600;

// Both prefixes are in use: /api/v1 by newer clients, /v1 by those behind a stripping proxy.
std::optional<std::string_view> below_prefix(std::string_view path) {
    while (path.ends_with('/')) {
        path.remove_suffix(1);
    }
    for (const std::string_view prefix : {"/api/v1/", "/v1/"}) {
        if (path.starts_with(prefix)) {
            path.remove_prefix(prefix.size());
            return path;
        }
    }
    // Clients know these addresses without a prefix.
    constexpr std::array<std::string_view, 13> kRoot = {
        "/.well-known/oauth-authorization-server",
        "/openapi.json",
        "/mcp",
        "/mcp/platform",
        "/redirect",
        "/authorize",
        "/authorize/sign-in",
        "/authorize/consent",
        "/token",
        "/register",
        "/revoke",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-protected-resource/mcp/platform"};
    const bool known = std::find(kRoot.begin(), kRoot.end(), path) != kRoot.end();
    return known ? std::optional(path.substr(1)) : std::nullopt;
}

// The values of the `:x` segments when `path` fits `pattern`.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
    std::vector<std::string> params;
    while (true) {
        const std::size_t pattern_end = pattern.find('/');
        const std::size_t path_end = path.find('/');
        const std::string_view wanted = pattern.substr(0, pattern_end);
        const std::string_view given = path.substr(0, path_end);
        if (wanted.starts_with(':') && !given.empty()) {
            params.push_back(percent_decode(given));
        } else if (wanted != given) {
            return std::nullopt;
        }
        if (pattern_end == std::string_view::npos || path_end == std::string_view::npos) {
            return pattern_end == path_end ? std::optional(std::move(params)) : std::nullopt;
        }
        pattern.remove_prefix(pattern_end + 1);
        path.remove_prefix(path_end + 1);
    }
}

struct Found {
    const ApiRoute* route;
    std::vector<std::string> params;
};

std::optional<Found> find_route(std::string_view method, std::string_view path) {
    for (const auto* family : api_families()) {
        for (const ApiRoute& route : *family) {
            // HEAD asks for what GET would answer; the server leaves the body out.
            const std::string_view wanted = method == "HEAD" ? "GET" : method;
            if (route.method != "*" && route.method != wanted) {
                continue;
            }
            if (auto params = match(route.path, path)) {
                return Found{&route, *std::move(params)};
            }
        }
    }
    return std::nullopt;
}

// What a page of another origin may send: what its browser asks for. Nothing here trusts a browser
// because of the page it shows; no answer comes with cookies.
WebResponse preflight_answer(const WebRequest& request) {
    const std::string_view asked = request.header("access-control-request-headers");
    const bool names = !asked.empty() && std::all_of(asked.begin(), asked.end(), [](char c) {
        return c == ',' || c == ' ' || is_token(std::string_view(&c, 1));
    });
    return {204,
            {{"access-control-allow-methods", "GET,HEAD,PUT,PATCH,POST,DELETE"},
             {"access-control-allow-headers",
              names ? std::string(asked) : "authorization,content-type"},
             {"access-control-max-age", "600"}},
            {}};
}

// A browser asks before it sends; what takes every method would take this for a message.
bool is_preflight(const WebRequest& request) {
    return request.method == "OPTIONS" && !request.header("origin").empty() &&
           !request.header("access-control-request-method").empty();
}

// A form's fields as members of an object, every value a text; nothing for what is no form. Files
// are for the routes that read their body themselves.
std::optional<Result<Json>> form_fields(const WebRequest& request) {
    const std::string_view type = request.header("content-type");
    const std::string media = media_type(type);
    if (media == "application/x-www-form-urlencoded") {
        return read_form(request.body);
    }
    if (media != "multipart/form-data") {
        return std::nullopt;
    }
    const auto parts = parse_multipart(type, request.body);
    if (!parts.ok()) {
        return std::nullopt;
    }
    FormPairs pairs;
    for (const MultipartPart& part : *parts) {
        if (!part.file_name) {
            pairs.emplace_back(part.name, part.data);
        }
    }
    return form_to_json(pairs);
}

}  // namespace

Api::Api(ApiPorts given, ApiOptions chosen, HmacKey session_key, std::optional<HmacKey> verdict_key)
    : ports(std::move(given)),
      options(std::move(chosen)),
      session_key_(std::move(session_key)),
      verdict_key_(std::move(verdict_key)),
      sign_in_limiter_(options.auth_limit_max, options.auth_limit_window_ms) {}

void Api::handle(WebRequest request, std::function<void(WebResponse)> respond) {
    auto answer = [id = "req_" + ports.entropy.id(),
                   respond = std::move(respond)](WebResponse response) {
        response.headers.push_back({"x-request-id", id});
        response.headers.push_back({"access-control-allow-origin", "*"});
        respond(std::move(response));
    };
    const auto call = std::make_shared<ApiCall>(std::move(request), std::move(answer));
    call->counted = calls_;
    dispatch(call);
}

void Api::handle_internal(WebRequest request, std::function<void(WebResponse)> respond) {
    const auto call = std::make_shared<ApiCall>(std::move(request), std::move(respond));
    call->internal = true;
    call->counted = calls_;
    dispatch(call);
}

// For the token's holder; without one for this machine alone. Never through the gateway: it signs
// who asks, and nobody who asks there is this machine.
void Api::answer_metrics(const CallPtr& call) {
    const std::string_view peer = call->request.peer;
    const bool here = peer.empty() || peer == "127.0.0.1" || peer == "::1";
    const bool forwarded = !call->request.header("x-forwarded-for").empty() ||
                           !call->request.header(contract::kVerdictHeader).empty();
    const std::string wanted = "Bearer " + std::string(options.metrics_token.reveal());
    const bool may = options.metrics_token.empty()
                         ? here && !forwarded
                         : constant_time_equal(wanted, call->request.header("authorization"));
    if (!may || !ports.metrics) {
        return call->fail_route();
    }
    call->reply(WebResponse{200,
                            {{"content-type", "text/plain; version=0.0.4; charset=utf-8"},
                             {"cache-control", "no-store"}},
                            ports.metrics()});
}

void Api::dispatch(const CallPtr& call) {
    if (call->request.path() == "/metrics" && call->request.method == "GET") {
        return answer_metrics(call);
    }
    const auto path = below_prefix(call->request.path());
    auto found = path ? find_route(call->request.method, *path) : std::nullopt;
    // A container's health check comes from inside and says nothing about anyone.
    const bool is_health = found && found->route->path == "health";
    const bool takes_engine = found && (found->route->access == ApiRoute::Access::engine ||
                                        found->route->access == ApiRoute::Access::project);
    if (call->internal && !takes_engine) {
        return call->fail_route();
    }
    if (!is_health && !call->internal && !accept_verdict(*call)) {
        return call->fail_not_allowed("the request did not come through the gateway");
    }
    if (is_preflight(call->request) || (!found && call->request.method == "OPTIONS")) {
        return call->reply(preflight_answer(call->request));
    }
    if (!found) {
        return call->fail_route();
    }
    call->params = std::move(found->params);
    call->query = parse_form(call->request.query());
    const ApiRoute* route = found->route;
    call->route = route;
    listen_for_audit(*this, *call);
    const bool nobody =
        route->access == ApiRoute::Access::guest && call->request.header("authorization").empty();
    if (nobody || route->access == ApiRoute::Access::open) {
        if (route->method == "*" || read_request(*call, *route)) {
            route->handler(*this, call);
        }
        return;
    }
    authenticate(call, [this, call, route] {
        const bool engine = !call->engine_project.empty();
        const bool any = route->access == ApiRoute::Access::project;
        if ((!any && engine != (route->access == ApiRoute::Access::engine)) ||
            (route->access == ApiRoute::Access::platform && !call->is_admin_person())) {
            return call->fail_not_allowed();
        }
        if (read_request(*call, *route)) {
            route->handler(*this, call);
        }
    });
}

bool Api::accept_verdict(ApiCall& call) {
    call.client_address = call.request.header(options.client_address_header);
    if (call.client_address.empty()) {
        call.client_address = call.request.peer;
    }
    if (!verdict_key_) {
        return true;
    }
    const auto verdict = contract::verify_verdict(call.request.header(contract::kVerdictHeader),
                                                  *verdict_key_, ports.clock.machine_ms() / 1000);
    if (!verdict.ok()) {
        ports.log.write(LogLevel::warn, "verdict_refused",
                        {{"problem", Json::string(verdict.message())}});
        return false;
    }
    call.client_address = verdict->client_address;
    call.delivery_id = verdict->delivery_id;
    return true;
}

// What asks for something says so in its query, what brings something in its body.
bool Api::read_request(ApiCall& call, const ApiRoute& route) {
    if (call.request.method != "GET" && call.request.method != "HEAD") {
        return read_body(call, route);
    }
    const Status query = check_query(route.path, call.query);
    if (!query.ok()) {
        call.fail_validation(query.message());
    }
    return query.ok();
}

bool Api::read_body(ApiCall& call, const ApiRoute& route) {
    if (route.raw_body) {
        return true;
    }
    const std::string_view type = call.request.header("content-type");
    const bool is_json = is_json_media_type(media_type(type));
    if (call.request.body.empty()) {
        if (is_json && call.request.method != "DELETE") {
            call.fail_framework(400, "FST_ERR_CTP_EMPTY_JSON_BODY",
                                "Body cannot be empty when content-type is set to "
                                "'application/json'");
            return false;
        }
        return true;
    }
    if (std::optional<Result<Json>> form = form_fields(call.request)) {
        if (!form->ok()) {
            call.fail_framework(413, "FST_ERR_CTP_BODY_TOO_LARGE", form->message());
            return false;
        }
        call.body = **std::move(form);
        return true;
    }
    if (!is_json) {
        call.fail_framework(415, "FST_ERR_CTP_INVALID_MEDIA_TYPE",
                            "Unsupported Media Type: " + std::string(type));
        return false;
    }
    const bool has_flow = route.path.starts_with("flows") || route.path.starts_with("jobs") ||
                          route.path.find("templates") != std::string_view::npos;
    Result<Json> body =
        has_flow ? Json::parse_flow(call.request.body) : Json::parse(call.request.body);
    if (!body.ok()) {
        call.fail_framework(400, "FST_ERR_CTP_INVALID_JSON_BODY",
                            "Body is not valid JSON but content-type is set to "
                            "'application/json'");
        return false;
    }
    call.body = *std::move(body);
    return true;
}

std::string Api::session_token(const UserRow& user) const {
    return sign_jwt(
        Json::object({{"id", Json::string(user.id)},
                      {"type", Json::string("USER")},
                      {"platform", Json::object({{"id", Json::string(user.platform_id)}})},
                      {"tokenVersion", Json::string(user.token_version)}}),
        now_ms() / 1000, kSessionSeconds, session_key_);
}

std::string Api::engine_token(const std::string& project_id, std::int64_t now_ms,
                              const HmacKey& key) {
    return sign_jwt(
        Json::object({{"type", Json::string("ENGINE")}, {"projectId", Json::string(project_id)}}),
        now_ms / 1000, kEngineTokenSeconds, key);
}

std::string Api::signed_token(const Json& claims, std::int64_t lifetime_s) const {
    return sign_jwt(claims, now_ms() / 1000, lifetime_s, session_key_);
}

Result<Json> Api::verified_token(std::string_view token) const {
    return verify_jwt(token, now_ms() / 1000, session_key_);
}

bool Api::admit_attempt(const std::string& client_address) {
    return !options.auth_limit_enabled || sign_in_limiter_.admit(client_address, now_ms());
}

void Api::with_project(const CallPtr& call, const std::string& project_id,
                       std::function<void(ProjectRow)> then) {
    if (project_id.empty()) {
        return call->fail_not_allowed("Project ID is required");
    }
    ports.accounts.project(project_id, [this, call, then = std::move(then)](
                                           Result<std::optional<ProjectRow>> project) {
        if (failed(call, project)) {
            return;
        }
        // A project that is not there and one of somebody else look the same.
        const bool mine = project->has_value() &&
                          (!call->engine_project.empty() ? (*project)->id == call->engine_project
                           : call->service ? (*project)->platform_id == call->user.platform_id
                                           : (*project)->owner_id == call->user.id);
        const auto go_on = [call, then](ProjectRow row) {
            call->project = row;
            then(std::move(row));
        };
        if (mine) {
            return go_on(**std::move(project));
        }
        const bool person = call->engine_project.empty() && !call->service;
        if (!project->has_value() || !person) {
            return call->fail_not_allowed();
        }
        admit_member(*this, call, **project, go_on);
    });
}

void Api::log_failure(const ApiCall& call, const std::string& problem) {
    ports.log.write(LogLevel::error, "request_failed",
                    {{"method", Json::string(call.request.method)},
                     {"path", Json::string(call.request.path())},
                     {"problem", Json::string(problem)}});
}

}  // namespace sallyport::engine
