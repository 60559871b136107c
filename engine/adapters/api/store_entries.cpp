// What pieces keep between runs (engine contract 1.3): for the engine's own tokens, one project
// each.
#include "common/bytes.hpp"
#include "engine/adapters/api/entities.hpp"
#include "engine/core/pieces/store.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr const char* kKind = kStoreEntryKind;
constexpr std::size_t kKeyBytesMax = 128;

Json entry_json(const EntityRow& row) {
    Json json = entity_json(row);
    json.set("key", Json::string(row.key));
    json.set("projectId", Json::string(row.scope));
    json.set("value", entity_body(row)["value"]);
    return json;
}

bool is_key(const CallPtr& call, std::string_view key) {
    if (!key.empty() && key.size() <= kKeyBytesMax) {
        return true;
    }
    call->fail_validation("key must have 1 to 128 characters");
    return false;
}

void put_entry(Api& api, const CallPtr& call) {
    const std::string key(call->body["key"].text());
    if (!is_key(call, key)) {
        return;
    }
    const Json value = call->body["value"];
    if (value.exists() && value.dump().size() > api.options.store_value_bytes_max) {
        return call->fail(ApiError::file_too_large,
                          Json::object({{"message", Json::string("Value is too large")}}));
    }
    store_and_reply(
        api, call,
        new_entity(api, kKind, call->engine_project, key, key, Json::object({{"value", value}})),
        200, entry_json);
}

void get_entry(Api& api, const CallPtr& call) {
    const std::string key = call->query_text("key");
    if (!is_key(call, key)) {
        return;
    }
    api.ports.entities.entity_by_key(
        kKind, call->engine_project, key,
        [&api, call](const Result<std::optional<EntityRow>>& found) {
            if (api.failed(call, found)) {
                return;
            }
            if (!found->has_value()) {
                return call->reply({404, {{"content-type", "text/plain"}}, "Value not found!"});
            }
            call->reply(200, entry_json(**found));
        });
}

void delete_entry(Api& api, const CallPtr& call) {
    const std::string key = call->query_text("key");
    if (!is_key(call, key)) {
        return;
    }
    api.ports.entities.change_entity(
        kKind, call->engine_project, key,
        [](std::optional<EntityRow>& stored) {
            const bool there = stored.has_value();
            stored.reset();
            return there;
        },
        [&api, call](const Result<std::optional<EntityRow>>& gone) {
            if (!api.failed(call, gone)) {
                call->reply(200, Json());
            }
        });
}

}  // namespace

const std::vector<ApiRoute> kStoreEntryRoutes = {
    {"POST", "store-entries", ApiRoute::Access::engine, put_entry},
    {"GET", "store-entries", ApiRoute::Access::engine, get_entry},
    {"DELETE", "store-entries", ApiRoute::Access::engine, delete_entry},
};

}  // namespace sallyport::engine
