// Who published which version of a flow, when, and with what note (an addition of this engine).
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/flow_parts.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

Json publication_json(const EntityRow& row) {
    const Json body = entity_body(row);
    Json json = entity_json(row);
    for (const std::string_view name :
         {"flowId", "versionId", "displayName", "note", "publishedBy"}) {
        json.set(name, body[name]);
    }
    return json;
}

void list_publications(Api& api, const CallPtr& call) {
    with_flow(api, call, FlowStore::Which::latest, {}, [&api, call](const StoredFlow& flow) {
        EntityQuery wanted;
        wanted.kind = kPublicationKind;
        wanted.scope = flow.flow.id;
        reply_with_page(api, call, wanted, publication_json);
    });
}

}  // namespace

void note_publication(Api& api, const CallPtr& call, const StoredFlow& flow,
                      std::function<void()> then) {
    const Json note = call->body["request"]["note"];
    const Json body = Json::object(
        {{"flowId", Json::string(flow.flow.id)},
         {"versionId", Json::string(flow.version.id)},
         {"displayName", Json::string(flow.version.display_name)},
         {"note", note.is_string() ? note : Json::null()},
         {"publishedBy", Json::object({{"id", Json::string(call->user.id)},
                                       {"email", Json::string(call->user.email)},
                                       {"firstName", Json::string(call->user.first_name)},
                                       {"lastName", Json::string(call->user.last_name)}})}});
    const EntityRow row = new_entity(api, kPublicationKind, flow.flow.id, "", "", body);
    api.ports.entities.change_entity(
        row.kind, row.scope, row.key,
        [row](std::optional<EntityRow>& stored) {
            stored = row;
            return true;
        },
        [&api, call, then = std::move(then)](const Result<std::optional<EntityRow>>& stored) {
            if (!api.failed(call, stored)) {
                then();
            }
        });
}

const std::vector<ApiRoute> kPublicationRoutes = {
    {"GET", "flows/:id/publications", ApiRoute::Access::user, list_publications},
};

}  // namespace sallyport::engine
