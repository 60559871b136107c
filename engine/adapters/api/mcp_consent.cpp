// OAuth 2.1 for MCP clients: a person signs in on a page of the engine, chooses a project, and says
// yes. The forms carry a signed request that is good for ten minutes and for the browser alone that
// was given it; nobody else's page can send them.
#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "engine/adapters/api/audit.hpp"
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/members.hpp"
#include "engine/adapters/api/persons.hpp"
#include "engine/adapters/mcp/oauth.hpp"
#include "engine/core/cookies.hpp"
#include "engine/core/oauth_server.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kRequestSeconds = 600;
constexpr std::size_t kStateBytesMax = 1000;
constexpr std::string_view kAsked = "MCP_ASKED";  // nobody has signed in yet
constexpr std::string_view kSignedIn = "MCP_SIGNED_IN";
constexpr std::string_view kConsentCookie = "sallyport_mcp";

void reply_page(const CallPtr& call, const ConsentPage& page) {
    call->reply(WebResponse{200,
                            {{"content-type", "text/html; charset=utf-8"},
                             {"content-security-policy",
                              "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                              "frame-ancestors 'none'"},
                             {"x-frame-options", "DENY"},
                             {"referrer-policy", "no-referrer"},
                             {"cache-control", "no-store"}},
                            consent_html(page),
                            nullptr});
}

void redirect(const Api& api, const CallPtr& call, const Json& claims,
              std::vector<std::pair<std::string, std::string>> parameters) {
    parameters.emplace_back("state", claims["state"].text());
    parameters.emplace_back("iss", api.options.base_url);
    call->reply(WebResponse{302,
                            {{"location", with_query(claims["redirect_uri"].text(), parameters)},
                             {"referrer-policy", "no-referrer"},
                             {"cache-control", "no-store"}},
                            {},
                            nullptr});
}

// Empty when the request may be shown; until its redirect address is known to be the client's,
// nothing is sent there.
std::string problem_of_request(const Api& api, const CallPtr& call) {
    const std::string resource = call->query_text("resource");
    return call->query_text("response_type") != "code" ? "response_type must be code"
           : call->query_text("code_challenge_method") != "S256" ||
                   !is_pkce_challenge(call->query_text("code_challenge"))
               ? "code_challenge is needed, with code_challenge_method S256"
           : !resource.empty() && resource != mcp_resource(api) &&
                   resource != mcp_platform_resource(api)
               ? "resource is not one of this server"
           : call->query_text("state").size() > kStateBytesMax ? "state is too long"
                                                               : "";
}

// What is asked for is every project of the user's.
bool is_for_all(const Api& api, const Json& claims) {
    return claims["resource"].text() == mcp_platform_resource(api);
}

bool is_registered(const Json& client, std::string_view uri) {
    bool found = false;
    client["redirect_uris"].each_element(
        [&](const Json& one) { found = found || one.text() == uri; });
    return found;
}

void show_request(Api& api, const CallPtr& call, const EntityRow& client) {
    const Json body = entity_body(client);
    const std::string browser = mcp_new_secret(api);
    const Json claims =
        Json::object({{"type", Json::string(kAsked)},
                      {"client", Json::string(client.id)},
                      {"redirect_uri", Json::string(call->query_text("redirect_uri"))},
                      {"challenge", Json::string(call->query_text("code_challenge"))},
                      {"state", Json::string(call->query_text("state"))},
                      {"resource", Json::string(call->query_text("resource"))},
                      {"browser", Json::string(mcp_secret_hash(browser))}});
    const std::string problem = problem_of_request(api, call);
    if (!problem.empty()) {
        return redirect(api, call, claims,
                        {{"error", "invalid_request"}, {"error_description", problem}});
    }
    call->more_headers.push_back(set_cookie({kConsentCookie, browser, "/authorize", kRequestSeconds,
                                             api.options.base_url.starts_with("https://")}));
    reply_page(call, {std::string(body["client_name"].text()),
                      std::string(claims["redirect_uri"].text()),
                      api.signed_token(claims, kRequestSeconds),
                      {},
                      {},
                      {},
                      is_for_all(api, claims)});
}

void authorize(Api& api, const CallPtr& call) {
    find_mcp_client(
        api, call, call->query_text("client_id"),
        [&api, call](const std::optional<EntityRow>& client) {
            if (!client || !is_registered(entity_body(*client), call->query_text("redirect_uri"))) {
                return call->fail_framework(
                    400, "FST_ERR_VALIDATION",
                    "client_id is not known, or redirect_uri is not one of it");
            }
            show_request(api, call, *client);
        });
}

struct Form {
    Json claims;
    FormPairs fields;
    std::string text(std::string_view name) const {
        const std::vector<std::string> values = form_values(fields, name);
        return values.empty() ? std::string() : values.front();
    }
};

// A form of this browser, of that stage; answers the call when it is none.
std::optional<Form> read_form(Api& api, const CallPtr& call, std::string_view stage) {
    Form form;
    form.fields = parse_form(call->request.body);
    const Result<Json> claims = api.verified_token(form.text("request"));
    if (!claims.ok() || (*claims)["type"].text() != stage ||
        !constant_time_equal((*claims)["browser"].text(),
                             mcp_secret_hash(cookie_of(call->request, kConsentCookie)))) {
        call->fail_not_allowed("This page is out of date; start again where you came from");
        return std::nullopt;
    }
    form.claims = *claims;
    return form;
}

// ---- signing in

void show_choice(Api& api, const CallPtr& call, const Form& form, const UserRow& user,
                 const std::string& client_name, const std::vector<ProjectRow>& projects) {
    Json claims = form.claims.deep_copy();
    claims.set("type", Json::string(kSignedIn));
    claims.set("user", Json::string(user.id));
    claims.set("session", Json::string(user.token_version));
    ConsentPage page{client_name,
                     std::string(claims["redirect_uri"].text()),
                     api.signed_token(claims, kRequestSeconds),
                     {},
                     user.email,
                     {},
                     is_for_all(api, claims)};
    for (const ProjectRow& project : projects) {
        page.projects.emplace_back(project.id, project.display_name);
    }
    reply_page(call, page);
}

void show_projects(Api& api, const CallPtr& call, const Form& form, const UserRow& user,
                   const std::string& client_name) {
    api.ports.accounts.projects_of(user.id, [=, &api](Result<std::vector<ProjectRow>> own) {
        if (api.failed(call, own)) {
            return;
        }
        member_projects(api, call, user.id,
                        [=, &api, own = *std::move(own)](std::vector<ProjectRow> others) {
                            std::vector<ProjectRow> all = own;
                            all.insert(all.end(), others.begin(), others.end());
                            show_choice(api, call, form, user, client_name, all);
                        });
    });
}

void check_password(Api& api, const CallPtr& call, const Form& form,
                    const std::string& client_name) {
    const std::string email = email_of(Json::string(form.text("email")));
    api.ports.accounts.user_by_email(email, [=, &api](const Result<std::optional<UserRow>>& user) {
        if (api.failed(call, user)) {
            return;
        }
        const std::string hash = user->has_value() ? (*user)->password_hash : std::string();
        api.ports.passwords.verify(
            Secret(form.text("password")), hash,
            [=, &api, found = *user](const Result<bool>& right) {
                if (api.failed(call, right)) {
                    return;
                }
                if (!*right || !found || found->status != "ACTIVE") {
                    return reply_page(call, {client_name,
                                             std::string(form.claims["redirect_uri"].text()),
                                             form.text("request"),
                                             "The address or the password is wrong.",
                                             {},
                                             {},
                                             is_for_all(api, form.claims)});
                }
                show_projects(api, call, form, *found, client_name);
            });
    });
}

void sign_in(Api& api, const CallPtr& call) {
    const std::optional<Form> form = read_form(api, call, kAsked);
    if (!form) {
        return;
    }
    if (!api.admit_attempt(call->client_address)) {
        return call->fail_framework(429, "TOO_MANY_REQUESTS", "Rate limit exceeded, retry later");
    }
    find_mcp_client(api, call, std::string(form->claims["client"].text()),
                    [&api, call, form = *form](const std::optional<EntityRow>& client) {
                        client ? check_password(
                                     api, call, form,
                                     std::string(entity_body(*client)["client_name"].text()))
                               : call->fail_not_found("client", form.claims["client"].text());
                    });
}

// ---- saying yes

void note_used(Api& api, const CallPtr& call, const std::string& client_id,
               const std::function<void()>& then) {
    api.ports.entities.change_entity(
        kMcpClientKind, kMcpOAuthScope, client_id,
        [](std::optional<EntityRow>& stored) {
            if (stored) {
                Json body = entity_body(*stored);
                body.set("used", Json::string("YES"));
                stored->body = body.dump();
            }
            return stored.has_value();
        },
        [&api, call, client_id, then](const Result<std::optional<EntityRow>>& stored) {
            if (api.failed(call, stored)) {
                return;
            }
            stored->has_value() ? then() : call->fail_not_found("client", client_id);
        });
}

void note_allowed(Api& api, const CallPtr& call, const Form& form, const UserRow& user,
                  const std::string& project, const std::function<void()>& then) {
    AuditActor actor;
    actor.platform_id = user.platform_id;
    actor.user_id = user.id;
    actor.user_email = user.email;
    actor.ip = call->client_address;
    actor.project_id = project;
    const Json client =
        Json::object({{"id", form.claims["client"]}, {"redirectUri", form.claims["redirect_uri"]}});
    record_event(api, actor, "mcp.client.allowed", Json::object({{"client", client}}), then);
}

void give_code(Api& api, const CallPtr& call, const Form& form, const UserRow& user,
               const std::string& project) {
    note_used(api, call, std::string(form.claims["client"].text()), [=, &api] {
        make_mcp_code(api, call, form.claims, user.id, project, [=, &api](const std::string& code) {
            note_allowed(api, call, form, user, project, [=, &api] {
                redirect(api, call, form.claims, {{"code", code}});
            });
        });
    });
}

void allow(Api& api, const CallPtr& call, const Form& form, const UserRow& user) {
    if (is_for_all(api, form.claims)) {
        return give_code(api, call, form, user, "");
    }
    const std::string project = form.text("projectId");
    may_use_mcp(api, call, user.id, project, [=, &api](const std::optional<UserRow>& found) {
        found ? give_code(api, call, form, *found, project)
              : call->fail_not_allowed("You may not use the MCP server of that project");
    });
}

void consent(Api& api, const CallPtr& call) {
    const std::optional<Form> form = read_form(api, call, kSignedIn);
    if (!form) {
        return;
    }
    if (form->text("decision") != "allow") {
        return redirect(api, call, form->claims, {{"error", "access_denied"}});
    }
    // Signed out everywhere since: no more yes of that session.
    api.ports.accounts.user_by_id(
        std::string(form->claims["user"].text()),
        [&api, call, form = *form](const Result<std::optional<UserRow>>& user) {
            if (api.failed(call, user)) {
                return;
            }
            const bool same = user->has_value() && (*user)->status == "ACTIVE" &&
                              (*user)->token_version == form.claims["session"].text();
            same ? allow(api, call, form, **user) : call->fail(ApiError::session_expired);
        });
}

}  // namespace

const std::vector<ApiRoute> kMcpConsentRoutes = {
    {"GET", "authorize", ApiRoute::Access::open, authorize},
    {"POST", "authorize/sign-in", ApiRoute::Access::open, sign_in, true},
    {"POST", "authorize/consent", ApiRoute::Access::open, consent, true},
};

}  // namespace sallyport::engine
