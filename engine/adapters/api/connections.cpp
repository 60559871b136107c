// Connections to other applications (engine contract 1.8). Values go in and never come out: they
// are sealed before they are stored, and no answer has them.
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/hosted_pieces.hpp"
#include "engine/adapters/api/oauth2.hpp"
#include "engine/adapters/api/owners.hpp"
#include "engine/adapters/stored_secrets.hpp"
#include "engine/core/shape.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::string_view kName = "connection";
constexpr std::string_view kPlaceholder = "PLACEHOLDER";

constexpr std::array kCommonFields = {Field{"externalId", Kind::text},
                                      Field{"displayName", Kind::text},
                                      Field{"pieceName", Kind::text},
                                      Field{"projectId", Kind::text},
                                      Field{"type", Kind::text},
                                      Field{"metadata", Kind::object, Need::optional},
                                      Field{"pieceVersion", Kind::text, Need::optional}};

constexpr std::array kSecretText = {Field{"secret_text", Kind::text}};
constexpr std::array kBasicAuth = {Field{"username", Kind::text}, Field{"password", Kind::text}};
constexpr std::array kProps = {Field{"props", Kind::object}};
constexpr std::array kCloudOAuth2 = {Field{"client_id", Kind::text}, Field{"code", Kind::text},
                                     Field{"scope", Kind::text}};
constexpr std::array kPlatformOAuth2 = {Field{"client_id", Kind::text}, Field{"code", Kind::text},
                                        Field{"scope", Kind::text},
                                        Field{"redirect_url", Kind::text}};
constexpr std::array kOAuth2 = {Field{"client_id", Kind::text}, Field{"client_secret", Kind::text},
                                Field{"code", Kind::text}, Field{"scope", Kind::text},
                                Field{"redirect_url", Kind::text}};

// What the value of each type must have.
const std::array<std::pair<std::string_view, std::span<const Field>>, 8> kValueFields = {{
    {"SECRET_TEXT", kSecretText},
    {"BASIC_AUTH", kBasicAuth},
    {"CUSTOM_AUTH", kProps},
    {"OIDC", kProps},
    {"NO_AUTH", {}},
    {"OAUTH2", kOAuth2},
    {"PLATFORM_OAUTH2", kPlatformOAuth2},
    {"CLOUD_OAUTH2", kCloudOAuth2},
}};

Status check_value(std::string_view type, const Json& value) {
    for (const auto& [name, fields] : kValueFields) {
        if (name != type) {
            continue;
        }
        Status shape = check_shape(value, fields, "body/value");
        if (shape.ok() && value["type"].text() != type) {
            return Error{"body/value/type must be the connection's type"};
        }
        const bool own_name = value["grant_type"].text() == "client_credentials";
        for (const Field& field : fields) {
            const bool may_be_empty = field.name == "scope" || field.kind != Kind::text ||
                                      (field.name == "code" && own_name);
            if (shape.ok() && !may_be_empty && value[field.name].text().empty()) {
                return Error{"body/value/" + std::string(field.name) + " must not be empty"};
            }
        }
        return shape;
    }
    return Error{"body/type is not a type of connections"};
}

Status check_upsert(const Json& body) {
    Status shape = check_shape(body, kCommonFields, "body");
    if (!shape.ok()) {
        return shape;
    }
    for (const std::string_view name : {"externalId", "displayName", "pieceName"}) {
        if (body[name].text().size() > kLabelBytesMax) {
            return Error{"body/" + std::string(name) + " must have at most 1000 bytes"};
        }
    }
    return body["type"].text() == kPlaceholder ? Status(Done{})
                                               : check_value(body["type"].text(), body["value"]);
}

// Without a token the connection asks to be connected.
std::string_view status_of(std::string_view type, const Json& value) {
    if (type == kPlaceholder ||
        (OAuth2Tokens::is_oauth2(type) && value["access_token"].text().empty())) {
        return "MISSING";
    }
    return "ACTIVE";
}

// The flows that use each connection, by its external id.
using FlowIds = std::map<std::string, Json, std::less<>>;

Json connection_json(const EntityRow& row, const FlowIds& flows) {
    const Json body = entity_body(row);
    Json projects = Json::array();
    projects.append(Json::string(row.scope));
    Json json = entity_json(row);
    json.set("externalId", Json::string(row.key));
    json.set("displayName", Json::string(row.label));
    for (const std::string_view name :
         {"type", "pieceName", "status", "platformId", "ownerId", "owner", "metadata"}) {
        json.set(name, body[name]);
    }
    json.set("pieceVersion", Json::string(body["pieceVersion"].text()));
    json.set("projectIds", projects);
    json.set("scope", Json::string("PROJECT"));
    const auto used = flows.find(row.key);
    json.set("flowIds", used == flows.end() ? Json::array() : used->second);
    json.set("preSelectForNewProjects", Json::boolean(false));
    json.set("usingSecretManager", Json::boolean(false));
    return json;
}

// REQUIRES: rows of one project. One statement for all of them.
void with_flow_ids(Api& api, const CallPtr& call, const std::vector<EntityRow>& rows,
                   std::function<void(const FlowIds&)> then) {
    if (rows.empty()) {
        return then({});
    }
    std::vector<std::string> keys;
    for (const EntityRow& row : rows) {
        keys.push_back(row.key);
    }
    api.ports.flows.connection_uses(
        rows.front().scope, std::move(keys),
        [&api, call, then = std::move(then)](const Result<FlowStore::ConnectionUses>& uses) {
            if (api.failed(call, uses)) {
                return;
            }
            FlowIds flows;
            for (const auto& [connection, flow] : *uses) {
                flows.try_emplace(connection, Json::array())
                    .first->second.append(Json::string(flow));
            }
            then(flows);
        });
}

void reply_with_connection(Api& api, const CallPtr& call, int status, const EntityRow& row) {
    with_flow_ids(api, call, {row}, [call, status, row](const FlowIds& flows) {
        call->reply(status, connection_json(row, flows));
    });
}

// `value` is what will be sealed: the body's, with the first tokens in it.
EntityRow row_from(Api& api, const CallPtr& call, const Json& value) {
    const Json& given = call->body;
    const std::string_view type = given["type"].text();
    const bool placeholder = type == kPlaceholder;
    Json body = Json::object({{"type", placeholder ? Json::string("NO_AUTH") : given["type"]},
                              {"status", Json::string(status_of(type, value))},
                              {"pieceName", given["pieceName"]},
                              {"pieceVersion", given["pieceVersion"]},
                              {"metadata", given["metadata"]},
                              {"platformId", Json::string(call->user.platform_id)},
                              {"ownerId", Json::string(call->user.id)},
                              {"owner", user_summary(call->user)}});
    EntityRow row = new_entity(api, kConnectionKind, std::string(given["projectId"].text()),
                               std::string(given["externalId"].text()),
                               std::string(given["displayName"].text()), body);
    if (!placeholder) {
        seal_value(api.ports.secrets, row, body, value);
        row.body = body.dump();
    }
    return row;
}

// 201 both when it makes one and when it replaces one, under the same id. A placeholder does not
// take the place of a connection that works.
void store_connection(Api& api, const CallPtr& call, const Json& value) {
    EntityRow row = row_from(api, call, value);
    const bool placeholder = call->body["type"].text() == kPlaceholder;
    const std::string scope = row.scope;
    const std::string key = row.key;
    api.ports.entities.change_entity(
        kConnectionKind, scope, key,
        [row = std::move(row), placeholder](std::optional<EntityRow>& stored) {
            if (stored && placeholder && entity_body(*stored)["status"].text() == "ACTIVE") {
                return false;
            }
            EntityRow next = row;
            if (stored) {
                next.id = stored->id;
                next.created_ms = stored->created_ms;
            }
            stored = std::move(next);
            return true;
        },
        [&api, call](const Result<std::optional<EntityRow>>& stored) {
            if (!api.failed(call, stored)) {
                reply_with_connection(api, call, 201, **stored);
            }
        });
}

void upsert_connection(Api& api, const CallPtr& call) {
    const Status shape = check_upsert(call->body);
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    const std::string project(call->body["projectId"].text());
    api.with_project(call, project, [&api, call](const ProjectRow&) {
        const auto store = [&api, call](const Json& value) {
            with_valid_auth(api, call, value,
                            [&api, call, value] { store_connection(api, call, value); });
        };
        OAuth2Tokens::is_oauth2(call->body["type"].text()) ? claim_oauth2(api, call, store)
                                                           : store(call->body["value"]);
    });
}

void update_connection(Api& api, const CallPtr& call) {
    if (!is_label(call, "displayName")) {
        return;
    }
    const Json metadata = call->body["metadata"];
    if (metadata.exists() && !metadata.is_object()) {
        return call->fail_validation("body/metadata must be an object");
    }
    with_project_entity(api, call, kConnectionKind, kName, [&api, call](const EntityRow& row) {
        with_changed(
            api, call, row, kName,
            [given = call->body](EntityRow& stored) {
                stored.label = given["displayName"].text();
                if (given["metadata"].is_object()) {
                    Json body = entity_body(stored);
                    body.set("metadata", given["metadata"].deep_copy());
                    stored.body = body.dump();
                }
            },
            [&api, call](const EntityRow& stored) {
                reply_with_connection(api, call, 200, stored);
            });
    });
}

void list_connections(Api& api, const CallPtr& call) {
    EntityQuery wanted;
    wanted.kind = kConnectionKind;
    wanted.scope = call->query_text("projectId");
    wanted.label = call->query_text("displayName");
    wanted.oldest_first = true;
    wanted.members = {{"pieceName", form_values(call->query, "pieceName")},
                      {"status", form_values(call->query, "status")}};
    const std::string scope = call->query_text("scope");
    const std::string project = wanted.scope;
    api.with_project(call, project, [&api, call, scope, wanted](const ProjectRow&) {
        if (scope == "PLATFORM") {
            return call->reply(200, page_json(Page<EntityRow>{}, entity_json));
        }
        with_page(api, call, wanted, [&api, call](const Page<EntityRow>& page) {
            with_flow_ids(api, call, page.rows, [call, page](const FlowIds& flows) {
                call->reply(200, page_json(page, [&flows](const EntityRow& row) {
                                return connection_json(row, flows);
                            }));
            });
        });
    });
}

void get_connection(Api& api, const CallPtr& call) {
    with_project_entity(api, call, kConnectionKind, kName, [&api, call](const EntityRow& row) {
        reply_with_connection(api, call, 200, row);
    });
}

void delete_connection(Api& api, const CallPtr& call) {
    with_project_entity(api, call, kConnectionKind, kName,
                        [&api, call](const EntityRow& row) { delete_and_reply(api, call, row); });
}

void list_owners(Api& api, const CallPtr& call) {
    reply_with_owners(api, call, kConnectionKind);
}

}  // namespace

const std::vector<ApiRoute> kConnectionRoutes = {
    {"POST", "app-connections", ApiRoute::Access::user, upsert_connection},
    {"GET", "app-connections", ApiRoute::Access::user, list_connections},
    {"GET", "app-connections/owners", ApiRoute::Access::user, list_owners},
    {"POST", "app-connections/replace", ApiRoute::Access::user, replace_connection},
    {"GET", "app-connections/:id", ApiRoute::Access::user, get_connection},
    {"POST", "app-connections/:id", ApiRoute::Access::user, update_connection},
    {"DELETE", "app-connections/:id", ApiRoute::Access::user, delete_connection},
};

}  // namespace sallyport::engine
