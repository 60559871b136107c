// OAuth 2.0 (engine contract 1.8): the address where a user consents, the page that hands the code
// back, the claim, and the clients that an administrator registers for PLATFORM_OAUTH2.
#include "engine/adapters/api/oauth2.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/hosted_pieces.hpp"
#include "engine/adapters/stored_secrets.hpp"
#include "engine/core/oauth2.hpp"
#include "engine/core/pieces/catalog.hpp"
#include "engine/core/shape.hpp"

#include <array>
#include <utility>

namespace sallyport::engine {
namespace {

// RFC 7636 section 4.1 asks for 43 characters or more.
constexpr std::size_t kVerifierBytes = 48;

bool is_web_address(std::string_view url) {
    return url.starts_with("https://") || url.starts_with("http://");
}

// How the provider of a described piece is asked; otherwise an empty Json.
Json provider_of(const Json& piece) {
    Json auth = piece["auth"];
    if (auth.is_array()) {
        Json oauth2;
        auth.each_element([&oauth2](const Json& one) {
            if (one["type"].text() == "OAUTH2") {
                oauth2 = one;
            }
        });
        auth = oauth2;
    }
    return auth["type"].text() == "OAUTH2" ? auth : Json();
}

// That of a piece that is the engine's own, or installed; empty when this engine has no description
// of it, or nobody signs in there by OAuth 2.0.
void with_provider(Api& api, const CallPtr& call, std::function<void(const Json& provider)> then) {
    const std::string piece(call->body["pieceName"].text());
    const Json own = find_piece(piece);
    if (own.exists()) {
        return then(provider_of(own));
    }
    with_installed_piece(api, call, piece, [then = std::move(then)](const Json& installed) {
        then(provider_of(installed));
    });
}

// ---- the claim

void fail_claim(const CallPtr& call, const Json& value, const std::string& problem) {
    if (value["type"].text() == kCloudOAuth2Type) {
        return call->fail(ApiError::invalid_cloud_claim,
                          Json::object({{"pieceName", call->body["pieceName"]},
                                        {"message", Json::string(problem)}}));
    }
    call->fail(ApiError::invalid_claim, Json::object({{"clientId", value["client_id"]},
                                                      {"tokenUrl", value["token_url"]},
                                                      {"redirectUrl", value["redirect_url"]},
                                                      {"message", Json::string(problem)}}));
}

void claim_at(Api& api, const CallPtr& call, const Json& provider,
              std::function<void(const Json& value)> then) {
    Json value = call->body["value"].deep_copy();
    // Tokens come from the provider alone.
    for (const std::string_view name : {"access_token", "refresh_token", "data", "claimed_at"}) {
        value.erase(name);
    }
    const std::string_view token_url =
        provider.exists() ? provider["tokenUrl"].text() : value["token_url"].text();
    const bool cloud = value["type"].text() == kCloudOAuth2Type;
    if (token_url.empty() || (cloud && !api.ports.tokens.has_cloud_service())) {
        return then(value);
    }
    value.set("token_url", Json::string(with_props(token_url, value["props"])));
    if (!value["authorization_method"].is_string() && provider["authorizationMethod"].is_string()) {
        value.set("authorization_method", provider["authorizationMethod"]);
    }
    if (!is_web_address(value["token_url"].text())) {
        return call->fail_validation("body/value/token_url must be an http or https address");
    }
    api.ports.tokens.claim(std::string(call->body["projectId"].text()), call->user.platform_id,
                           std::string(call->body["pieceName"].text()), value,
                           [call, value, then = std::move(then)](const Result<Json>& claimed) {
                               if (!claimed.ok()) {
                                   return fail_claim(call, value, claimed.message());
                               }
                               then(*claimed);
                           });
}

}  // namespace

void claim_oauth2(Api& api, const CallPtr& call, std::function<void(const Json& value)> then) {
    with_provider(api, call, [&api, call, then = std::move(then)](const Json& provider) {
        claim_at(api, call, provider, then);
    });
}

namespace {

// ---- the consent

constexpr std::array kUrlFields = {Field{"pieceName", Kind::text},
                                   Field{"clientId", Kind::text},
                                   Field{"redirectUrl", Kind::text},
                                   Field{"projectId", Kind::text, Need::optional},
                                   Field{"scopes", Kind::text_array, Need::optional},
                                   Field{"props", Kind::object, Need::optional},
                                   Field{"authUrl", Kind::text, Need::optional},
                                   Field{"pkce", Kind::boolean, Need::optional}};

AuthorizationRequest authorization_of(Api& api, const Json& body, const Json& provider) {
    AuthorizationRequest request;
    request.url = with_props(provider["authUrl"].text(), body["props"]);
    request.client_id = body["clientId"].text();
    request.redirect_url = body["redirectUrl"].text();
    request.state = api.ports.entropy.id();
    request.prompt = provider["prompt"].text_or("");
    const Json scopes = body["scopes"].is_array() ? body["scopes"] : provider["scope"];
    scopes.each_element(
        [&request](const Json& scope) { request.scopes.emplace_back(scope.text()); });
    if (provider["pkce"].is_true()) {
        request.pkce = provider["pkceMethod"].text() == "plain" ? Pkce::plain : Pkce::s256;
        const Bytes random = random_bytes(kVerifierBytes);
        request.code_verifier = base64url_encode(random.data(), random.size());
    }
    return request;
}

// The request's own members stand in for the description of a piece that there is none of.
void reply_with_url(Api& api, const CallPtr& call, const Json& described) {
    const Json provider = described.exists() ? described : call->body;
    const AuthorizationRequest request = authorization_of(api, call->body, provider);
    if (request.url.empty()) {
        return call->fail_not_found("piece", call->body["pieceName"].text());
    }
    if (!is_web_address(request.url)) {
        return call->fail_validation("the authorization address must be http or https");
    }
    Json answer = Json::object({{"authorizationUrl", Json::string(authorization_url(request))},
                                {"state", Json::string(request.state)}});
    if (request.pkce != Pkce::none) {
        answer.set("codeVerifier", Json::string(request.code_verifier));
    }
    call->reply(200, answer);
}

void make_authorization_url(Api& api, const CallPtr& call) {
    const Status shape = check_shape(call->body, kUrlFields, "body");
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    const auto reply = [&api, call] {
        with_provider(api, call,
                      [&api, call](const Json& provider) { reply_with_url(api, call, provider); });
    };
    if (!call->body["projectId"].is_string()) {
        return reply();
    }
    api.with_project(call, std::string(call->body["projectId"].text()),
                     [reply](const ProjectRow&) { reply(); });
}

// Scheme, host and port; `*` when the address is not known.
std::string origin_of(const std::string& url) {
    const std::size_t host = url.find("://");
    return host == std::string::npos ? "*" : url.substr(0, url.find('/', host + 3));
}

// Hands the code to the window that opened this one. Encoded, it is plain text wherever it stands,
// and clients decode it.
void get_redirect(Api& api, const CallPtr& call) {
    const std::string code = call->query_text("code");
    if (code.empty()) {
        return call->reply(WebResponse{
            200, {{"content-type", "text/plain; charset=utf-8"}}, "The code is missing in url"});
    }
    const std::string message =
        "{code:\"" + percent_encode(code) + "\"},\"" + origin_of(api.options.public_url) + "\"";
    call->reply(WebResponse{
        200,
        {{"content-type", "text/html; charset=utf-8"},
         {"content-security-policy", "default-src 'none'; script-src 'unsafe-inline'"},
         {"cache-control", "no-store"},
         {"referrer-policy", "no-referrer"}},
        "<!doctype html><html><head><title>Connected</title></head><body><script>"
        "if(window.opener){window.opener.postMessage(" +
            message + ")}</script>Connected. This window may be closed.</body></html>"});
}

// ---- registered clients

Json app_json(const EntityRow& row) {
    Json json = entity_json(row);
    json.set("pieceName", Json::string(row.key));
    json.set("platformId", Json::string(row.scope));
    json.set("clientId", entity_body(row)["clientId"]);
    return json;
}

void upsert_app(Api& api, const CallPtr& call) {
    for (const std::string_view name : {"pieceName", "clientId", "clientSecret"}) {
        if (!is_label(call, name)) {
            return;
        }
    }
    const std::string piece(call->body["pieceName"].text());
    Json body = Json::object({{"clientId", call->body["clientId"]}});
    EntityRow row = new_entity(api, kOAuthAppKind, call->user.platform_id, piece, piece, body);
    seal_value(api.ports.secrets, row, body, call->body["clientSecret"]);
    row.body = body.dump();
    store_and_reply(api, call, row, 200, app_json);
}

void list_apps(Api& api, const CallPtr& call) {
    EntityQuery wanted;
    wanted.kind = kOAuthAppKind;
    wanted.scope = call->user.platform_id;
    reply_with_page(api, call, wanted, app_json);
}

void delete_app(Api& api, const CallPtr& call) {
    with_platform_entity(api, call, kOAuthAppKind, "oauth_app",
                         [&api, call](const EntityRow& row) { delete_and_reply(api, call, row); });
}

}  // namespace

const std::vector<ApiRoute> kOAuth2Routes = {
    {"POST", "app-connections/oauth2/authorization-url", ApiRoute::Access::user,
     make_authorization_url},
    {"GET", "redirect", ApiRoute::Access::open, get_redirect},
    {"POST", "oauth-apps", ApiRoute::Access::platform, upsert_app},
    {"GET", "oauth-apps", ApiRoute::Access::platform, list_apps},
    {"DELETE", "oauth-apps/:id", ApiRoute::Access::platform, delete_app},
};

}  // namespace sallyport::engine
