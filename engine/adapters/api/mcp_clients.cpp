// OAuth 2.1 for MCP clients: what there is (RFC 8414, 9728), and how a client registers (RFC 7591).
// Everybody may register: it gives nothing before somebody consents.
#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/http/wire.hpp"
#include "engine/adapters/mcp/oauth.hpp"
#include "engine/core/oauth_server.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

// Clients that were registered; those that nobody consented to make room after an hour.
constexpr std::int64_t kClientsMax = 2000;
constexpr std::int64_t kUnusedMs = 3600 * 1000;
constexpr std::size_t kRoomAtOnce = 100;
constexpr std::size_t kRedirectsMax = 10;
constexpr std::size_t kNameBytesMax = 200;

Json texts(std::initializer_list<std::string_view> list) {
    Json json = Json::array();
    for (const std::string_view text : list) {
        json.append(Json::string(text));
    }
    return json;
}

void server_metadata(Api& api, const CallPtr& call) {
    const std::string& issuer = api.options.base_url;
    const auto at = [&issuer](const char* path) { return Json::string(issuer + path); };
    call->reply(200, Json::object(
                         {{"issuer", Json::string(issuer)},
                          {"authorization_endpoint", at("/authorize")},
                          {"token_endpoint", at("/token")},
                          {"registration_endpoint", at("/register")},
                          {"revocation_endpoint", at("/revoke")},
                          {"response_types_supported", texts({"code"})},
                          {"grant_types_supported", texts({"authorization_code", "refresh_token"})},
                          {"code_challenge_methods_supported", texts({"S256"})},
                          {"token_endpoint_auth_methods_supported",
                           texts({"client_secret_post", "client_secret_basic", "none"})},
                          {"authorization_response_iss_parameter_supported", Json::boolean(true)},
                          {"scopes_supported", texts({"mcp"})}}));
}

void reply_resource(const Api& api, const CallPtr& call, const std::string& resource) {
    call->reply(200, Json::object({{"resource", Json::string(resource)},
                                   {"authorization_servers", texts({api.options.base_url})},
                                   {"bearer_methods_supported", texts({"header"})},
                                   {"scopes_supported", texts({"mcp"})}}));
}

void resource_metadata(Api& api, const CallPtr& call) {
    reply_resource(api, call, mcp_resource(api));
}

void platform_metadata(Api& api, const CallPtr& call) {
    reply_resource(api, call, mcp_platform_resource(api));
}

// Empty when it may be registered.
std::string problem_of_client(const Json& body) {
    const Json uris = body["redirect_uris"];
    bool good = uris.is_array() && uris.size() > 0 && uris.size() <= kRedirectsMax;
    uris.each_element([&good](const Json& uri) { good = good && is_redirect_uri(uri.text()); });
    if (!good) {
        return "redirect_uris must be 1 to 10 addresses with https, http on this machine, or a "
               "scheme of an application, without fragment";
    }
    const std::string_view method =
        body["token_endpoint_auth_method"].text_or("client_secret_basic");
    if (method != "none" && method != "client_secret_basic" && method != "client_secret_post") {
        return "token_endpoint_auth_method is not one that is supported";
    }
    bool known = true;
    body["grant_types"].each_element([&known](const Json& type) {
        known = known && (type.text() == "authorization_code" || type.text() == "refresh_token");
    });
    return !known ? "grant_types are authorization_code and refresh_token"
           : body["client_name"].text().size() > kNameBytesMax
               ? "client_name must have at most 200 bytes"
               : "";
}

void store_client(Api& api, const CallPtr& call) {
    const Json& given = call->body;
    const std::string_view method =
        given["token_endpoint_auth_method"].text_or("client_secret_basic");
    const std::string secret = method == "none" ? "" : mcp_new_secret(api);
    Json shown =
        Json::object({{"client_name", Json::string(given["client_name"].text_or("An assistant"))},
                      {"redirect_uris", given["redirect_uris"]},
                      {"token_endpoint_auth_method", Json::string(method)},
                      {"grant_types", texts({"authorization_code", "refresh_token"})},
                      {"response_types", texts({"code"})},
                      {"scope", Json::string("mcp")}});
    Json body = shown.deep_copy();
    body.set("secret", Json::string(secret.empty() ? "" : mcp_secret_hash(secret)));
    body.set("used", Json::string("NO"));
    const EntityRow row = new_entity(api, kMcpClientKind, kMcpOAuthScope, "", "", body);
    shown.set("client_id", Json::string(row.id));
    shown.set("client_id_issued_at", Json::integer(row.created_ms / 1000));
    if (!secret.empty()) {
        shown.set("client_secret", Json::string(secret));
        shown.set("client_secret_expires_at", Json::integer(0));
    }
    call->more_headers.push_back({"cache-control", "no-store"});
    create_and_reply(
        api, call, row, 201, [shown](const EntityRow&) { return shown; },
        [call](const EntityRow&) { call->fail_unavailable(); });
}

void remove_all(Api& api, const std::shared_ptr<std::vector<EntityRow>>& rows,
                const std::function<void()>& then) {
    if (rows->empty()) {
        return then();
    }
    const std::string id = rows->back().id;
    rows->pop_back();
    api.ports.entities.delete_entity(kMcpClientKind, id, [&api, rows, then](const Result<Done>&) {
        remove_all(api, rows, then);
    });
}

void make_room(Api& api, const CallPtr& call) {
    EntityQuery unused;
    unused.kind = kMcpClientKind;
    unused.scope = kMcpOAuthScope;
    unused.members = {{"used", {"NO"}}};
    unused.created_before_ms = api.now_ms() - kUnusedMs;
    unused.oldest_first = true;
    unused.limit = kRoomAtOnce;
    api.ports.entities.list_entities(unused, [&api, call](Result<Page<EntityRow>> page) {
        if (api.failed(call, page)) {
            return;
        }
        if (page->rows.empty()) {
            return fail_oauth(call, 429, "temporarily_unavailable",
                              "too many clients are registered");
        }
        remove_all(api, std::make_shared<std::vector<EntityRow>>(std::move(page->rows)),
                   [&api, call] { store_client(api, call); });
    });
}

void register_client(Api& api, const CallPtr& call) {
    const std::string problem = problem_of_client(call->body);
    if (!problem.empty()) {
        return fail_oauth(
            call, 400,
            problem.starts_with("redirect") ? "invalid_redirect_uri" : "invalid_client_metadata",
            problem);
    }
    if (!api.admit_attempt(call->client_address)) {
        return fail_oauth(call, 429, "temporarily_unavailable", "try again later");
    }
    api.ports.entities.count_entities(
        kMcpClientKind, kMcpOAuthScope, [&api, call](const Result<std::int64_t>& count) {
            if (!api.failed(call, count)) {
                *count < kClientsMax ? store_client(api, call) : make_room(api, call);
            }
        });
}

}  // namespace

std::string mcp_resource(const Api& api) {
    return api.options.base_url + "/mcp";
}

std::string mcp_platform_resource(const Api& api) {
    return mcp_resource(api) + "/platform";
}

std::string mcp_secret_hash(std::string_view secret) {
    return hex_encode(digest(DigestAlgorithm::sha256, secret));
}

std::string mcp_new_secret(Api& api) {
    return api.ports.entropy.id() + api.ports.entropy.id();
}

void fail_oauth(const CallPtr& call, int status, std::string_view error,
                std::string_view description) {
    call->more_headers.push_back({"cache-control", "no-store"});
    call->reply(status, Json::object({{"error", Json::string(error)},
                                      {"error_description", Json::string(description)},
                                      {"statusCode", Json::integer(status)}}));
}

void find_mcp_client(Api& api, const CallPtr& call, const std::string& id,
                     std::function<void(const std::optional<EntityRow>&)> then) {
    api.ports.entities.entity(
        kMcpClientKind, id,
        [&api, call, then = std::move(then)](const Result<std::optional<EntityRow>>& found) {
            if (!api.failed(call, found)) {
                then(*found);
            }
        });
}

const std::vector<ApiRoute> kMcpClientRoutes = {
    {"GET", ".well-known/oauth-authorization-server", ApiRoute::Access::open, server_metadata},
    {"GET", ".well-known/oauth-protected-resource/mcp", ApiRoute::Access::open, resource_metadata},
    {"GET", ".well-known/oauth-protected-resource/mcp/platform", ApiRoute::Access::open,
     platform_metadata},
    {"POST", "register", ApiRoute::Access::open, register_client},
};

}  // namespace sallyport::engine
