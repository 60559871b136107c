#include "engine/adapters/mcp/servers.hpp"

#include "common/crypto.hpp"
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/stored_secrets.hpp"
#include "engine/core/ids.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

// Hash of a token -> the server's kind and id. One that is out of date finds a server that says no.
constexpr const char* kTokenKind = "mcp_token";
constexpr const char* kTokenScope = "all";

std::string token_hash(std::string_view token) {
    return hex_encode(digest(DigestAlgorithm::sha256, token));
}

EntityStore::EntityChange put(EntityRow row) {
    return [row = std::move(row)](std::optional<EntityRow>& stored) {
        stored = row;
        return true;
    };
}

}  // namespace

std::string mcp_token(const Api& api, const EntityRow& row) {
    const Result<Json> token = open_value(api.ports.secrets, row, entity_body(row));
    return token.ok() ? std::string(token->text()) : std::string();
}

void give_mcp_token(Api& api, const CallPtr& call, EntityRow row,
                    std::function<void(EntityRow)> then) {
    const std::string token = api.ports.entropy.id();
    const std::string old = token_hash(mcp_token(api, row));
    Json body = entity_body(row);
    seal_value(api.ports.secrets, row, body, Json::string(token));
    row.body = body.dump();
    EntityRow found =
        new_entity(api, kTokenKind, kTokenScope, token_hash(token), "",
                   Json::object({{"kind", Json::string(row.kind)}, {"id", Json::string(row.id)}}));
    const std::string key = found.key;
    api.ports.entities.change_entity(
        kTokenKind, kTokenScope, key, put(std::move(found)),
        [&api, call, old, row = std::move(row),
         then = std::move(then)](const Result<std::optional<EntityRow>>& stored) mutable {
            if (api.failed(call, stored)) {
                return;
            }
            // The old one finds nothing from here on; were this lost, it would find a server
            // that has another token.
            api.ports.entities.change_entity(
                kTokenKind, kTokenScope, old,
                [](std::optional<EntityRow>& gone) {
                    const bool there = gone.has_value();
                    gone.reset();
                    return there;
                },
                [](const Result<std::optional<EntityRow>>&) {});
            then(std::move(row));
        });
}

void find_mcp_server(Api& api, const std::string& token,
                     std::function<void(Result<std::optional<EntityRow>>)> done) {
    using Found = Result<std::optional<EntityRow>>;
    if (!is_id(token)) {
        return done(std::optional<EntityRow>());
    }
    api.ports.entities.entity_by_key(
        kTokenKind, kTokenScope, token_hash(token),
        [&api, token, done = std::move(done)](const Found& index) {
            if (!index.ok() || !index->has_value()) {
                return done(index.ok() ? Found(std::optional<EntityRow>()) : Found(index.error()));
            }
            const Json body = entity_body(**index);
            api.ports.entities.entity(
                std::string(body["kind"].text()), std::string(body["id"].text()),
                [&api, token, done](Found server) {
                    const bool current = server.ok() && server->has_value() &&
                                         constant_time_equal(mcp_token(api, **server), token);
                    done(server.ok() && !current ? Found(std::optional<EntityRow>())
                                                 : std::move(server));
                });
        });
}

void find_project_mcp(Api& api, const CallPtr& call, const std::string& project_id,
                      std::function<void(const std::optional<EntityRow>&)> then) {
    api.ports.entities.entity_by_key(
        kProjectMcpKind, project_id, project_id,
        [&api, call, project_id,
         then = std::move(then)](const Result<std::optional<EntityRow>>& found) {
            if (api.failed(call, found)) {
                return;
            }
            EntityRow server;  // one that nobody has looked at yet is as it begins
            server.kind = kProjectMcpKind;
            server.scope = project_id;
            server = found->value_or(server);
            const bool on = entity_body(server)["status"].text() != "DISABLED";
            then(on ? std::optional(server) : std::nullopt);
        });
}

void with_project_mcp(Api& api, const CallPtr& call, const std::string& project_id,
                      std::function<void(EntityRow)> then) {
    api.with_project(
        call, project_id, [&api, call, project_id, then = std::move(then)](const ProjectRow&) {
            api.ports.entities.entity_by_key(
                kProjectMcpKind, project_id, project_id,
                [&api, call, project_id, then](const Result<std::optional<EntityRow>>& found) {
                    if (api.failed(call, found)) {
                        return;
                    }
                    if (found->has_value()) {
                        return then(**found);
                    }
                    EntityRow fresh = new_entity(api, kProjectMcpKind, project_id, project_id, "",
                                                 Json::object({{"status", Json::string("ENABLED")},
                                                               {"disabledTools", Json::array()}}));
                    give_mcp_token(api, call, std::move(fresh), [&api, call, then](EntityRow row) {
                        const std::string scope = row.scope;
                        api.ports.entities.change_entity(
                            kProjectMcpKind, scope, scope,
                            // Whoever came first made it.
                            [row = std::move(row)](std::optional<EntityRow>& stored) {
                                const bool made = !stored.has_value();
                                stored = made ? row : stored;
                                return made;
                            },
                            [&api, call, then](const Result<std::optional<EntityRow>>& stored) {
                                if (!api.failed(call, stored)) {
                                    then(**stored);
                                }
                            });
                    });
                });
        });
}

}  // namespace sallyport::engine
