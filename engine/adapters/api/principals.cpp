// Who sends a request: a user's session, an API key of the platform, or the engine itself
// (engine contract 1.2).
#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "engine/adapters/api/api.hpp"
#include "engine/adapters/api/entities.hpp"
#include "engine/core/jwt.hpp"
#include "engine/core/time_text.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::string_view kBearer = "Bearer ";
// A key that is in constant use is noted this often.
constexpr std::int64_t kUseNotedMs = 60'000;

std::string_view bearer_of(std::string_view header) {
    const bool bearer =
        header.size() > kBearer.size() && ascii_iequals(header.substr(0, kBearer.size()), kBearer);
    return bearer ? trim_ows(header.substr(kBearer.size())) : std::string_view();
}

Json invalid_token() {
    return Json::object({{"message", Json::string("invalid access token")}});
}

}  // namespace

void Api::authenticate(const CallPtr& call, std::function<void()> then) {
    const std::string_view header = call->request.header("authorization");
    if (header.empty()) {
        return call->fail_not_allowed();
    }
    const std::string_view token = bearer_of(header);
    if (token.starts_with(kApiKeyPrefix)) {
        return authenticate_key(call, token, std::move(then));
    }
    const Result<Json> claims = token.empty() ? Result<Json>(Error{"no bearer token"})
                                              : verify_jwt(token, now_ms() / 1000, session_key_);
    const std::string_view type = claims.ok() ? (*claims)["type"].text() : std::string_view();
    const std::string project(claims.ok() ? (*claims)["projectId"].text() : std::string_view());
    if (type == "ENGINE" && !project.empty()) {
        call->engine_project = project;
        return then();
    }
    if (type != "USER") {
        return call->fail(ApiError::invalid_bearer_token, invalid_token());
    }
    admit_user(call, std::string((*claims)["id"].text()),
               std::string((*claims)["tokenVersion"].text()), std::move(then));
}

// `token_version` is the session's; a key has none and lives until it is deleted.
void Api::admit_user(const CallPtr& call, const std::string& id,
                     const std::optional<std::string>& token_version, std::function<void()> then) {
    ports.accounts.user_by_id(id, [this, call, token_version,
                                   then = std::move(then)](Result<std::optional<UserRow>> user) {
        if (failed(call, user)) {
            return;
        }
        if (!user->has_value() || (*user)->status != "ACTIVE" ||
            (token_version && (*user)->token_version != *token_version)) {
            return call->fail(ApiError::session_expired,
                              Json::object({{"message", Json::string("session expired")}}));
        }
        call->user = **std::move(user);
        then();
    });
}

void Api::authenticate_key(const CallPtr& call, std::string_view key, std::function<void()> then) {
    ports.entities.entity_by_key(
        kApiKeyKind, kApiKeyScope, api_key_hash(key),
        [this, call, then = std::move(then)](Result<std::optional<EntityRow>> found) mutable {
            if (failed(call, found)) {
                return;
            }
            if (!found->has_value()) {
                return call->fail(ApiError::invalid_api_key, Json::object());
            }
            const Json body = entity_body(**found);
            call->service = true;
            note_key_use(**found);
            // Who made it was an administrator: it ends with the role, as it does with the person.
            admit_user(call, std::string(body["userId"].text()), std::nullopt,
                       [call, then = std::move(then)] {
                           call->is_admin() ? then()
                                            : call->fail(ApiError::invalid_api_key, Json::object());
                       });
        });
}

// Nobody waits for it.
void Api::note_key_use(EntityRow key) {
    const std::int64_t now = now_ms();
    const auto last = parse_iso_time(entity_body(key)["lastUsedAt"].text());
    if (last && now - *last < kUseNotedMs) {
        return;
    }
    ports.entities.change_entity(
        key.kind, key.scope, key.key,
        [now](std::optional<EntityRow>& row) {
            if (!row) {
                return false;
            }
            Json body = entity_body(*row);
            body.set("lastUsedAt", Json::string(iso_time(now)));
            row->body = body.dump();
            return true;
        },
        [](const Result<std::optional<EntityRow>>&) {});
}

}  // namespace sallyport::engine
