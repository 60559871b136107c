// OAuth 2.1 for MCP clients: codes become tokens, tokens are renewed and revoked (RFC 6749, 7009).
// A code is good once and for a minute; a refresh token is good once, and one that comes again ends
// the grant, since then two have it.
#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/members.hpp"
#include "engine/adapters/mcp/oauth.hpp"
#include "engine/core/oauth_server.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kCodeMs = 60'000;
constexpr std::int64_t kAccessS = 3600;
constexpr std::int64_t kRefreshMs = 30LL * 24 * 3600 * 1000;
constexpr std::size_t kOldMax = 5;  // refresh tokens that are recognized when they come again
constexpr std::int64_t kOldCodesMs = 3600 * 1000;
constexpr std::size_t kOldCodesAtOnce = 100;
constexpr std::string_view kRefreshPrefix = "smrt_";
// The grant's id begins at the same place in both.
static_assert(kRefreshPrefix.size() == kMcpAccessPrefix.size());
constexpr std::size_t kIdChars = 21;

// The grant's id is in its tokens.
std::string new_token(Api& api, std::string_view prefix, const std::string& grant) {
    return std::string(prefix) + grant + mcp_new_secret(api);
}

std::string grant_of(std::string_view token) {
    const bool known = token.starts_with(kMcpAccessPrefix) || token.starts_with(kRefreshPrefix);
    return known ? std::string(token.substr(kMcpAccessPrefix.size(), kIdChars)) : std::string();
}

bool is_hash_of(const Json& hash, std::string_view secret) {
    return constant_time_equal(hash.text(), mcp_secret_hash(secret));
}

struct Issued {
    std::string access;
    std::string refresh;
};

// The grant's body with fresh tokens in it.
Issued issue(Api& api, const std::string& grant, Json& body) {
    const Issued tokens{new_token(api, kMcpAccessPrefix, grant),
                        new_token(api, kRefreshPrefix, grant)};
    const std::int64_t now = api.now_ms();
    body.set("access", Json::string(mcp_secret_hash(tokens.access)));
    body.set("accessUntil", Json::integer(now + kAccessS * 1000));
    body.set("refresh", Json::string(mcp_secret_hash(tokens.refresh)));
    body.set("refreshUntil", Json::integer(now + kRefreshMs));
    return tokens;
}

void reply_tokens(const CallPtr& call, const Issued& tokens) {
    call->more_headers.push_back({"cache-control", "no-store"});
    call->reply(200, Json::object({{"access_token", Json::string(tokens.access)},
                                   {"token_type", Json::string("Bearer")},
                                   {"expires_in", Json::integer(kAccessS)},
                                   {"refresh_token", Json::string(tokens.refresh)},
                                   {"scope", Json::string("mcp")}}));
}

void fail_grant(const CallPtr& call) {
    fail_oauth(call, 400, "invalid_grant", "the code or token is not good, or not any more");
}

// ---- the client

struct TokenForm {
    FormPairs fields;
    std::string client_id;
    std::string secret;
    std::string text(std::string_view name) const {
        const std::vector<std::string> values = form_values(fields, name);
        return values.empty() ? std::string() : values.front();
    }
};

TokenForm read_form(const CallPtr& call) {
    constexpr std::string_view kBasic = "basic ";
    TokenForm form;
    form.fields = parse_form(call->request.body);
    form.client_id = form.text("client_id");
    form.secret = form.text("client_secret");
    const std::string_view header = call->request.header("authorization");
    if (header.size() > kBasic.size() && ascii_iequals(header.substr(0, kBasic.size()), kBasic)) {
        const auto decoded = base64_decode(trim_ows(header.substr(kBasic.size())));
        const std::string pair = decoded ? std::string(decoded->begin(), decoded->end()) : "";
        const std::size_t colon = pair.find(':');
        form.client_id = percent_decode(pair.substr(0, colon));
        form.secret = colon == std::string::npos ? "" : percent_decode(pair.substr(colon + 1));
    }
    return form;
}

void with_client(Api& api, const CallPtr& call, const std::function<void(const TokenForm&)>& then) {
    const TokenForm form = read_form(call);
    find_mcp_client(
        api, call, form.client_id, [call, form, then](const std::optional<EntityRow>& client) {
            const Json body = client ? entity_body(*client) : Json::object();
            const std::string_view hash = body["secret"].text();
            const bool right =
                hash.empty() ? form.secret.empty() : is_hash_of(body["secret"], form.secret);
            if (!client || !right) {
                call->more_headers.push_back({"www-authenticate", "Basic"});
                return fail_oauth(call, 401, "invalid_client",
                                  "the client is not known, or its secret is wrong");
            }
            then(form);
        });
}

bool is_for(const TokenForm& form, const std::string& resource) {
    const std::string asked = form.text("resource");
    return asked.empty() || asked == resource;
}

void fail_target(const CallPtr& call) {
    fail_oauth(call, 400, "invalid_target", "resource is not what was asked for");
}

// ---- a code

// A client that named none meant the server of one project.
std::string resource_of(const Api& api, const Json& code) {
    const std::string_view named = code["resource"].text();
    return named.empty() ? mcp_resource(api) : std::string(named);
}

void store_grant(Api& api, const CallPtr& call, const Json& code) {
    const std::string user(code["user"].text());
    const std::string client(code["client"].text());
    const std::string resource = resource_of(api, code);
    const bool everywhere = resource == mcp_platform_resource(api);
    EntityRow row = new_entity(api, kMcpGrantKind,
                               everywhere ? kMcpOAuthScope : std::string(code["project"].text()),
                               user + "/" + client, "", Json::object());
    row.id = code["grant"].text();
    Json body = Json::object({{"user", code["user"]},
                              {"client", code["client"]},
                              {"session", code["session"]},
                              {"resource", Json::string(resource)},
                              {"old", Json::array()}});
    const Issued tokens = issue(api, row.id, body);
    row.body = body.dump();
    api.ports.entities.change_entity(
        row.kind, row.scope, row.key,
        [row](std::optional<EntityRow>& stored) {
            stored = row;  // another id: what this client had before ends
            return true;
        },
        [&api, call, tokens](const Result<std::optional<EntityRow>>& stored) {
            if (!api.failed(call, stored)) {
                reply_tokens(call, tokens);
            }
        });
}

void end_grant(Api& api, const std::string& id, const std::function<void()>& then) {
    api.ports.entities.delete_entity(kMcpGrantKind, id, [then](const Result<Done>&) { then(); });
}

// Whatever is wrong with it, the code has been used by this.
void exchange_code(Api& api, const CallPtr& call, const TokenForm& form) {
    const auto before = std::make_shared<std::string>();
    api.ports.entities.change_entity(
        kMcpCodeKind, kMcpOAuthScope, mcp_secret_hash(form.text("code")),
        [before](std::optional<EntityRow>& stored) {
            if (!stored) {
                return false;
            }
            *before = stored->body;
            Json body = entity_body(*stored);
            body.set("used", Json::string("YES"));
            stored->body = body.dump();
            return true;
        },
        [&api, call, form, before](const Result<std::optional<EntityRow>>& stored) {
            if (api.failed(call, stored)) {
                return;
            }
            const Json code = json_or(*before, Json::object());
            if (code["used"].text() == "YES") {
                return end_grant(api, std::string(code["grant"].text()),
                                 [call] { fail_grant(call); });
            }
            const bool good = code["client"].text() == form.client_id &&
                              code["until"].integer_or(0) > api.now_ms() &&
                              code["redirect_uri"].text() == form.text("redirect_uri") &&
                              fits_challenge(form.text("code_verifier"), code["challenge"].text());
            if (good && !is_for(form, resource_of(api, code))) {
                return fail_target(call);
            }
            good ? store_grant(api, call, code) : fail_grant(call);
        });
}

// ---- a refresh token

enum class Turn { refused, renewed, replayed };

Turn take_turn(std::optional<EntityRow>& stored, const std::string& token, const Json& fresh,
               std::int64_t now_ms) {
    if (!stored) {
        return Turn::refused;
    }
    Json body = entity_body(*stored);
    bool known = false;
    body["old"].each_element([&](const Json& hash) { known = known || is_hash_of(hash, token); });
    if (known) {
        stored.reset();
        return Turn::replayed;
    }
    if (!is_hash_of(body["refresh"], token) || body["refreshUntil"].integer_or(0) <= now_ms) {
        return Turn::refused;
    }
    Json old = Json::array();
    old.append(body["refresh"]);
    body["old"].each_element([&old](const Json& hash) {
        if (old.size() < kOldMax) {
            old.append(hash);
        }
    });
    fresh.each_member([&body](std::string_view name, const Json& value) { body.set(name, value); });
    body.set("old", old);
    stored->body = body.dump();
    return Turn::renewed;
}

void renew(Api& api, const CallPtr& call, const EntityRow& grant, const std::string& token) {
    Json fresh = Json::object();
    const Issued tokens = issue(api, grant.id, fresh);
    const auto turn = std::make_shared<Turn>(Turn::refused);
    api.ports.entities.change_entity(
        grant.kind, grant.scope, grant.key,
        [id = grant.id, token, fresh = fresh.dump(), now = api.now_ms(),
         turn](std::optional<EntityRow>& stored) {
            if (!stored || stored->id != id) {
                return false;
            }
            *turn = take_turn(stored, token, json_or(fresh, Json::object()), now);
            return *turn != Turn::refused;
        },
        [&api, call, tokens, turn](const Result<std::optional<EntityRow>>& stored) {
            if (!api.failed(call, stored)) {
                *turn == Turn::renewed ? reply_tokens(call, tokens) : fail_grant(call);
            }
        });
}

void with_grant(Api& api, const CallPtr& call, const std::string& token,
                const std::function<void(const std::optional<EntityRow>&)>& then) {
    const std::string id = grant_of(token);
    if (id.empty()) {
        return then(std::nullopt);
    }
    api.ports.entities.entity(kMcpGrantKind, id,
                              [&api, call, then](const Result<std::optional<EntityRow>>& grant) {
                                  if (!api.failed(call, grant)) {
                                      then(*grant);
                                  }
                              });
}

// Who gave it, when he still may use what it is for and has not been signed out since.
void user_of_grant(Api& api, const CallPtr& call, const EntityRow& grant,
                   const std::function<void(const std::optional<UserRow>&)>& then) {
    const Json body = entity_body(grant);
    const auto still =
        [then, session = std::string(body["session"].text())](const std::optional<UserRow>& user) {
            then(user && user->token_version == session ? user : std::nullopt);
        };
    const std::string user_id(body["user"].text());
    if (body["resource"].text() != mcp_platform_resource(api)) {
        return may_use_mcp(api, call, user_id, grant.scope, still);
    }
    // Which projects is looked at with each tool.
    api.ports.accounts.user_by_id(
        user_id, [&api, call, still](const Result<std::optional<UserRow>>& user) {
            if (!api.failed(call, user)) {
                still(user->has_value() && (*user)->status == "ACTIVE" ? *user : std::nullopt);
            }
        });
}

void refresh(Api& api, const CallPtr& call, const TokenForm& form) {
    const std::string token = form.text("refresh_token");
    with_grant(api, call, token, [=, &api](const std::optional<EntityRow>& grant) {
        const Json body = grant ? entity_body(*grant) : Json::object();
        if (!grant || body["client"].text() != form.client_id) {
            return fail_grant(call);
        }
        if (!is_for(form, std::string(body["resource"].text()))) {
            return fail_target(call);
        }
        user_of_grant(api, call, *grant,
                      [=, &api, row = *grant](const std::optional<UserRow>& user) {
                          user ? renew(api, call, row, token) : fail_grant(call);
                      });
    });
}

void token(Api& api, const CallPtr& call) {
    with_client(api, call, [&api, call](const TokenForm& form) {
        const std::string type = form.text("grant_type");
        if (type == "authorization_code") {
            return exchange_code(api, call, form);
        }
        type == "refresh_token"
            ? refresh(api, call, form)
            : fail_oauth(call, 400, "unsupported_grant_type",
                         "grant_type must be authorization_code or refresh_token");
    });
}

// Either token ends the grant; one that is none is as good as revoked.
void revoke(Api& api, const CallPtr& call) {
    with_client(api, call, [&api, call](const TokenForm& form) {
        const std::string given = form.text("token");
        const auto done = [call] { call->reply(200, Json::object()); };
        with_grant(api, call, given, [=, &api](const std::optional<EntityRow>& grant) {
            const Json body = grant ? entity_body(*grant) : Json::object();
            const bool theirs =
                grant && body["client"].text() == form.client_id &&
                (is_hash_of(body["access"], given) || is_hash_of(body["refresh"], given));
            theirs ? end_grant(api, grant->id, done) : done();
        });
    });
}

}  // namespace

void may_use_mcp(Api& api, const CallPtr& call, const std::string& user_id,
                 const std::string& project_id,
                 std::function<void(const std::optional<UserRow>&)> then) {
    const auto no = [then] { then(std::nullopt); };
    api.ports.accounts.user_by_id(user_id, [=, &api](const Result<std::optional<UserRow>>& user) {
        if (api.failed(call, user)) {
            return;
        }
        if (!user->has_value() || (*user)->status != "ACTIVE") {
            return no();
        }
        api.ports.accounts.project(
            project_id, [=, &api, user = **user](const Result<std::optional<ProjectRow>>& project) {
                if (api.failed(call, project)) {
                    return;
                }
                if (!project->has_value() || (*project)->platform_id != user.platform_id) {
                    return no();
                }
                if ((*project)->owner_id == user.id) {
                    return then(user);
                }
                has_permission(api, call, **project, user.id, kMcpPermission,
                               [=](bool may) { may ? then(user) : no(); });
            });
    });
}

void find_mcp_grant(Api& api, const CallPtr& call, const std::string& token,
                    const std::string& resource,
                    std::function<void(const std::optional<EntityRow>&)> then) {
    with_grant(api, call, token, [=, &api](const std::optional<EntityRow>& grant) {
        const Json body = grant ? entity_body(*grant) : Json::object();
        if (!grant || !is_hash_of(body["access"], token) ||
            body["accessUntil"].integer_or(0) <= api.now_ms() ||
            body["resource"].text() != resource) {
            return then(std::nullopt);
        }
        user_of_grant(api, call, *grant, [=, row = *grant](const std::optional<UserRow>& user) {
            if (!user) {
                return then(std::nullopt);
            }
            call->user = *user;
            then(row);
        });
    });
}

void make_mcp_code(Api& api, const CallPtr& call, const Json& claims, const std::string& user_id,
                   const std::string& project_id, std::function<void(const std::string&)> then) {
    const std::string code = mcp_new_secret(api);
    Json body = Json::object({{"user", Json::string(user_id)},
                              {"project", Json::string(project_id)},
                              {"grant", Json::string(api.ports.entropy.id())},
                              {"until", Json::integer(api.now_ms() + kCodeMs)}});
    for (const std::string_view name :
         {"client", "redirect_uri", "challenge", "session", "resource"}) {
        body.set(name, claims[name]);
    }
    const EntityRow row =
        new_entity(api, kMcpCodeKind, kMcpOAuthScope, mcp_secret_hash(code), "", body);
    api.ports.entities.remove_old_entities(kMcpCodeKind, api.now_ms() - kOldCodesMs,
                                           kOldCodesAtOnce, [](const Result<std::size_t>&) {});
    api.ports.entities.change_entity(
        row.kind, row.scope, row.key,
        [row](std::optional<EntityRow>& stored) {
            stored = row;
            return true;
        },
        [&api, call, code, then = std::move(then)](const Result<std::optional<EntityRow>>& stored) {
            if (!api.failed(call, stored)) {
                then(code);
            }
        });
}

const std::vector<ApiRoute> kMcpTokenRoutes = {
    {"POST", "token", ApiRoute::Access::open, token, true},
    {"POST", "revoke", ApiRoute::Access::open, revoke, true},
};

}  // namespace sallyport::engine
