// Variables of a project: sealed texts that flows name (engine contract 1.3). Listed without their
// values; `reveal` gives one to its owner's session, never to an API key.
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/owners.hpp"
#include "engine/adapters/stored_secrets.hpp"
#include "engine/core/flows/model.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::string_view kName = "variable";
constexpr std::size_t kValueBytesMax = 512 * 1024;

bool is_variable_name(std::string_view name) {
    return !name.empty() && name.size() <= 128 && std::all_of(name.begin(), name.end(), [](char c) {
        return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
               (c >= 'A' && c <= 'Z');
    });
}

bool is_value(const Json& value) {
    return value.is_string() && value.text().size() <= kValueBytesMax;
}

Json variable_json(const EntityRow& row) {
    const Json body = entity_body(row);
    Json json = entity_json(row);
    json.set("name", Json::string(row.key));
    json.set("projectId", Json::string(row.scope));
    for (const std::string_view name : {"platformId", "ownerId", "owner", "metadata"}) {
        json.set(name, body[name]);
    }
    return json;
}

void create_variable(Api& api, const CallPtr& call) {
    const Json& given = call->body;
    const std::string name(given["name"].text());
    if (!is_variable_name(name) || !is_value(given["value"]) ||
        (given["metadata"].exists() && !given["metadata"].is_object())) {
        return call->fail_validation(
            "body must have name (^[a-zA-Z0-9_]+$), value, a text of at most 512 KB, and may have "
            "metadata, an object");
    }
    const std::string project(given["projectId"].text());
    api.with_project(call, project, [&api, call, project, name](const ProjectRow&) {
        Json body = Json::object({{"metadata", call->body["metadata"]},
                                  {"platformId", Json::string(call->user.platform_id)},
                                  {"ownerId", Json::string(call->user.id)},
                                  {"owner", user_summary(call->user)}});
        EntityRow row = new_entity(api, kVariableKind, project, name, name, body);
        seal_value(api.ports.secrets, row, body, call->body["value"]);
        row.body = body.dump();
        create_and_reply(api, call, row, 201, variable_json, [call](const EntityRow&) {
            call->fail(ApiError::validation,
                       Json::object({{"message", Json::string("A variable of that name exists")}}));
        });
    });
}

void update_variable(Api& api, const CallPtr& call) {
    const Json& given = call->body;
    if ((given["value"].exists() && !is_value(given["value"])) ||
        (given["metadata"].exists() && !given["metadata"].is_object())) {
        return call->fail_validation("body may have value, a text, and metadata, an object");
    }
    with_project_entity(api, call, kVariableKind, kName, [&api, call](const EntityRow& row) {
        change_and_reply(
            api, call, row, kName,
            [given = call->body, &box = api.ports.secrets](EntityRow& stored) {
                Json body = entity_body(stored);
                if (given["metadata"].is_object()) {
                    body.set("metadata", given["metadata"].deep_copy());
                }
                if (given["value"].is_string()) {
                    seal_value(box, stored, body, given["value"]);
                }
                stored.body = body.dump();
            },
            variable_json);
    });
}

void list_variables(Api& api, const CallPtr& call) {
    EntityQuery wanted;
    wanted.kind = kVariableKind;
    wanted.scope = call->query_text("projectId");
    wanted.label = call->query_text("name");
    wanted.oldest_first = true;
    const std::string project = wanted.scope;
    api.with_project(call, project, [&api, call, wanted](const ProjectRow&) {
        reply_with_page(api, call, wanted, variable_json);
    });
}

void delete_variable(Api& api, const CallPtr& call) {
    with_project_entity(api, call, kVariableKind, kName,
                        [&api, call](const EntityRow& row) { delete_and_reply(api, call, row); });
}

void reveal_variable(Api& api, const CallPtr& call) {
    if (call->service) {
        return call->fail_not_allowed();
    }
    with_project_entity(api, call, kVariableKind, kName, [&api, call](const EntityRow& row) {
        const Result<Json> value = open_value(api.ports.secrets, row, entity_body(row));
        if (!api.failed(call, value)) {
            call->reply(200, Json::object({{"value", *value}}));
        }
    });
}

void list_owners(Api& api, const CallPtr& call) {
    reply_with_owners(api, call, kVariableKind);
}

}  // namespace

const std::vector<ApiRoute> kVariableRoutes = {
    {"POST", "variables", ApiRoute::Access::user, create_variable},
    {"GET", "variables", ApiRoute::Access::user, list_variables},
    {"GET", "variables/owners", ApiRoute::Access::user, list_owners},
    {"POST", "variables/:id", ApiRoute::Access::user, update_variable},
    {"DELETE", "variables/:id", ApiRoute::Access::user, delete_variable},
    {"POST", "variables/:id/reveal", ApiRoute::Access::user, reveal_variable},
};

}  // namespace sallyport::engine
