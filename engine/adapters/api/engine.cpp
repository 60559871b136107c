// What pieces ask while they run (engine contract 3.4): for the engine's own tokens, one project
// each.
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/stored_secrets.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kFlowsMax = 1000;

Json whole_connection(const EntityRow& row, const Json& value) {
    const Json body = entity_body(row);
    Json json = entity_json(row);
    json.set("externalId", Json::string(row.key));
    json.set("displayName", Json::string(row.label));
    json.set("projectId", Json::string(row.scope));
    for (const std::string_view name : {"type", "pieceName", "status"}) {
        json.set(name, body[name]);
    }
    Json shown = value.deep_copy();
    for (const std::string_view name :
         {"refresh_token", "client_secret", "code", "code_challenge"}) {
        shown.erase(name);
    }
    json.set("value", shown);
    return json;
}

// A connection whole, its value opened: what makes a step able to act.
void get_opened_connection(Api& api, const CallPtr& call) {
    api.ports.entities.entity_by_key(kConnectionKind, call->engine_project, call->params[0],
                                     [&api, call](const Result<std::optional<EntityRow>>& found) {
                                         if (api.failed(call, found)) {
                                             return;
                                         }
                                         if (!found->has_value()) {
                                             return call->fail_not_found("AppConnection",
                                                                         call->params[0]);
                                         }
                                         const EntityRow row = **found;
                                         const Json body = entity_body(row);
                                         auto reply = [&api, call, row](const Result<Json>& value) {
                                             if (!api.failed(call, value)) {
                                                 call->reply(200, whole_connection(row, *value));
                                             }
                                         };
                                         if (OAuth2Tokens::is_oauth2(body["type"].text())) {
                                             return api.ports.tokens.fresh(row, std::move(reply));
                                         }
                                         reply(open_value(api.ports.secrets, row, body));
                                     });
}

void get_project(Api& api, const CallPtr& call) {
    api.with_project(call, call->engine_project, [call](const ProjectRow& project) {
        call->reply(200, Json::object({{"id", Json::string(project.id)},
                                       {"displayName", Json::string(project.display_name)},
                                       {"platformId", Json::string(project.platform_id)},
                                       {"externalId", Json::null()}}));
    });
}

void list_populated_flows(Api& api, const CallPtr& call) {
    FlowQuery query;
    query.project_id = call->engine_project;
    query.external_ids = form_values(call->query, "externalIds");
    query.limit = kFlowsMax;
    api.ports.flows.list_flows(std::move(query),
                               [&api, call](const Result<Page<StoredFlow>>& page) {
                                   if (!api.failed(call, page)) {
                                       call->reply(200, page_json(*page, flow_json));
                                   }
                               });
}

}  // namespace

const std::vector<ApiRoute> kEngineRoutes = {
    {"GET", "worker/app-connections/:externalId", ApiRoute::Access::engine, get_opened_connection},
    {"GET", "worker/project", ApiRoute::Access::engine, get_project},
    {"GET", "engine/populated-flows", ApiRoute::Access::engine, list_populated_flows},
};

}  // namespace sallyport::engine
