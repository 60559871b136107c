// Keys for programs (engine contract 1.2, 1.3). Only the hash of a key is stored; the key itself is
// in the answer that makes it and nowhere else.
#include "engine/adapters/api/entities.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kKeyChars = 64;  // the prefix included
constexpr std::size_t kShownChars = 4;

// Letters and digits from ids, which are random throughout.
std::string new_key(Api& api) {
    std::string key(kApiKeyPrefix);
    while (key.size() < kKeyChars) {
        key += api.ports.entropy.id();
    }
    key.resize(kKeyChars);
    return key;
}

Json key_json(const EntityRow& row) {
    const Json body = entity_body(row);
    Json json = entity_json(row);
    json.set("platformId", body["platformId"]);
    json.set("displayName", Json::string(row.label));
    json.set("truncatedValue", body["truncatedValue"]);
    json.set("lastUsedAt", body["lastUsedAt"]);
    return json;
}

void create_key(Api& api, const CallPtr& call) {
    if (!is_label(call, "displayName")) {
        return;
    }
    const std::string key = new_key(api);
    const EntityRow row = new_entity(
        api, kApiKeyKind, kApiKeyScope, api_key_hash(key),
        std::string(call->body["displayName"].text()),
        Json::object({{"platformId", Json::string(call->user.platform_id)},
                      {"userId", Json::string(call->user.id)},
                      {"truncatedValue", Json::string(key.substr(key.size() - kShownChars))},
                      {"lastUsedAt", Json::null()}}));
    store_and_reply(api, call, row, 201, [key](const EntityRow& stored) {
        Json json = key_json(stored);
        json.set("value", Json::string(key));
        return json;
    });
}

void list_keys(Api& api, const CallPtr& call) {
    EntityQuery wanted;
    wanted.kind = kApiKeyKind;
    wanted.scope = kApiKeyScope;
    wanted.members = {{"platformId", {call->user.platform_id}}};
    wanted.limit = 1000;
    api.ports.entities.list_entities(wanted, [&api, call](Result<Page<EntityRow>> page) {
        if (!api.failed(call, page)) {
            Page<EntityRow> whole;
            whole.rows = std::move(page->rows);
            call->reply(200, page_json(whole, key_json));
        }
    });
}

void delete_key(Api& api, const CallPtr& call) {
    api.ports.entities.entity(
        kApiKeyKind, call->params[0], [&api, call](const Result<std::optional<EntityRow>>& found) {
            if (api.failed(call, found)) {
                return;
            }
            if (!found->has_value() ||
                entity_body(**found)["platformId"].text() != call->user.platform_id) {
                return call->fail_not_found("api_key", call->params[0]);
            }
            call->subject = key_json(**found);
            delete_and_reply(api, call, **found, 200);
        });
}

}  // namespace

const std::vector<ApiRoute> kApiKeyRoutes = {
    {"POST", "api-keys", ApiRoute::Access::platform, create_key},
    {"GET", "api-keys", ApiRoute::Access::platform, list_keys},
    {"DELETE", "api-keys/:id", ApiRoute::Access::platform, delete_key},
};

}  // namespace sallyport::engine
