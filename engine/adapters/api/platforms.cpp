// The platform: its name and looks (engine contract 1.3). What an administrator sets lies in an
// entity of the platform.
#include "engine/adapters/api/platforms.hpp"

#include "engine/adapters/api/entities.hpp"
#include "engine/core/shape.hpp"

#include <array>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr const char* kKind = "platform_settings";
constexpr const char* kKey = "platform";
constexpr std::string_view kUnnamed = "platform";
constexpr std::array<std::string_view, 3> kOwn = {"name", "primaryColor", "pinnedPieces"};
// What would be refused or admitted by these is not: to say yes would promise it.
constexpr std::array<std::string_view, 7> kNotServed = {
    "allowedAuthDomains",     "enforceAllowedAuthDomains", "emailAuthEnabled",
    "federatedAuthProviders", "filteredPieceNames",        "filteredPieceBehavior",
    "allowedEmbedOrigins"};

Json flags(std::initializer_list<std::pair<std::string_view, bool>> all) {
    Json out = Json::object();
    for (const auto& [name, on] : all) {
        out.set(name, Json::boolean(on));
    }
    return out;
}

Json plan_json(const Api& api) {
    Json plan = flags({{"tablesEnabled", true},
                       {"eventStreamingEnabled", false},
                       {"environmentsEnabled", false},
                       {"analyticsEnabled", false},
                       {"showPoweredBy", false},
                       {"auditLogEnabled", api.options.audit_log},
                       {"embeddingEnabled", false},
                       {"agentsEnabled", false},
                       {"aiProvidersEnabled", false},
                       {"chatEnabled", false},
                       {"dataManipulationEnabled", true},
                       {"managePiecesEnabled", true},
                       {"manageTemplatesEnabled", true},
                       {"customAppearanceEnabled", false},
                       {"projectRolesEnabled", true},
                       {"globalConnectionsEnabled", false},
                       {"customRolesEnabled", true},
                       {"apiKeysEnabled", true},
                       {"ssoEnabled", false},
                       {"secretManagersEnabled", false},
                       {"scimEnabled", false},
                       {"canary", false},
                       {"customDomainsEnabled", false}});
    plan.set("plan", Json::string("community"));
    plan.set("teamProjectsLimit", Json::string("UNLIMITED"));
    plan.set("includedAiCredits", Json::integer(0));
    plan.set("aiCreditsAutoTopUpState", Json::string("disabled"));
    return plan;
}

Json platform_json(const Api& api, const std::string& id, const UserRow& owner,
                   const std::optional<EntityRow>& settings) {
    EntityRow frame;
    frame.id = id;
    frame.created_ms = owner.created_ms;
    frame.updated_ms = settings ? settings->updated_ms : owner.created_ms;
    Json json = entity_json(frame);
    json.set("ownerId", Json::string(owner.id));
    json.set("name", Json::string(kUnnamed));
    json.set("primaryColor", Json::string("#6e41e2"));
    for (const std::string_view name : {"logoIconUrl", "fullLogoUrl", "favIconUrl"}) {
        json.set(name, Json::string(""));
    }
    for (const std::string_view name :
         {"filteredPieceNames", "allowedAuthDomains", "allowedEmbedOrigins", "pinnedPieces"}) {
        json.set(name, Json::array());
    }
    json.set("filteredPieceBehavior", Json::string("BLOCKED"));
    for (const std::string_view name :
         {"cloudAuthEnabled", "googleAuthEnabled", "enforceAllowedAuthDomains"}) {
        json.set(name, Json::boolean(false));
    }
    json.set("emailAuthEnabled", Json::boolean(true));
    json.set("federatedAuthProviders", Json::object());
    json.set("plan", plan_json(api));
    const Json own = settings ? entity_body(*settings) : Json::object();
    for (const std::string_view name : kOwn) {
        if (own.has(name)) {
            json.set(name, own[name]);
        }
    }
    return json;
}

// Who made the platform is its first user, and stays.
void reply_with_platform(Api& api, const CallPtr& call, const std::optional<EntityRow>& settings) {
    api.ports.accounts.list_users(
        call->user.platform_id, "", {}, 1,
        [&api, call, settings](const Result<Page<UserRow>>& users) {
            if (api.failed(call, users)) {
                return;
            }
            const UserRow owner = users->rows.empty() ? UserRow() : users->rows.front();
            call->reply(200, platform_json(api, call->user.platform_id, owner, settings));
        });
}

bool is_own(const CallPtr& call) {
    const bool own = call->params[0] == call->user.platform_id;
    if (!own) {
        call->fail_not_allowed();
    }
    return own;
}

void get_platform(Api& api, const CallPtr& call) {
    if (!is_own(call)) {
        return;
    }
    api.ports.entities.entity_by_key(kKind, call->user.platform_id, kKey,
                                     [&api, call](const Result<std::optional<EntityRow>>& found) {
                                         if (!api.failed(call, found)) {
                                             reply_with_platform(api, call, *found);
                                         }
                                     });
}

bool check_change(const CallPtr& call) {
    constexpr std::array kFields = {Field{"name", Kind::text, Need::optional},
                                    Field{"primaryColor", Kind::text, Need::optional},
                                    Field{"pinnedPieces", Kind::text_array, Need::optional}};
    const Status shape = check_shape(call->body, kFields, "body");
    if (!shape.ok()) {
        call->fail_validation(shape.message());
        return false;
    }
    const std::string_view name = call->body["name"].text();
    if (call->body["name"].exists() && (name.empty() || name.size() > kLabelBytesMax ||
                                        name.find_first_of("./") != std::string_view::npos)) {
        call->fail_validation("body/name must match ^[^./]+$");
        return false;
    }
    for (const std::string_view other : kNotServed) {
        if (call->body.has(other)) {
            call->fail_validation("body/" + std::string(other) + " is not served by this engine");
            return false;
        }
    }
    return true;
}

void update_platform(Api& api, const CallPtr& call) {
    if (!is_own(call) || !check_change(call)) {
        return;
    }
    const EntityRow fresh =
        new_entity(api, kKind, call->user.platform_id, kKey, kKey, Json::object());
    api.ports.entities.change_entity(
        kKind, fresh.scope, kKey,
        [fresh, given = call->body.deep_copy()](std::optional<EntityRow>& stored) {
            stored = stored ? stored : fresh;
            Json body = entity_body(*stored);
            for (const std::string_view name : kOwn) {
                if (given.has(name) && !given[name].is_null()) {
                    body.set(name, given[name]);
                }
            }
            stored->body = body.dump();
            stored->updated_ms = fresh.updated_ms;
            return true;
        },
        [&api, call](const Result<std::optional<EntityRow>>& stored) {
            if (!api.failed(call, stored)) {
                reply_with_platform(api, call, *stored);
            }
        });
}

}  // namespace

void with_platform_name(Api& api, const CallPtr& call, const std::string& platform_id,
                        std::function<void(const std::string& name)> then) {
    api.ports.entities.entity_by_key(
        kKind, platform_id, kKey,
        [&api, call, then = std::move(then)](const Result<std::optional<EntityRow>>& settings) {
            if (!api.failed(call, settings)) {
                const Json own = settings->has_value() ? entity_body(**settings) : Json::object();
                then(std::string(own["name"].text_or(kUnnamed)));
            }
        });
}

const std::vector<ApiRoute> kPlatformRoutes = {
    {"GET", "platforms/:id", ApiRoute::Access::user, get_platform},
    {"POST", "platforms/:id", ApiRoute::Access::platform, update_platform},
};

}  // namespace sallyport::engine
