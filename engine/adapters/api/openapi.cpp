// GET openapi.json: the routes, as OpenAPI 3.1 describes them. Made from the table that requests
// are matched against, so it cannot name a route that is not there.
#include "common/bytes.hpp"
#include "engine/adapters/api/api.hpp"
#include "engine/adapters/api/openapi_answers.hpp"
#include "engine/adapters/api/openapi_bodies.hpp"

#include <set>

namespace sallyport::engine {
namespace {

// `flows/:id` as `/v1/flows/{id}`.
std::string path_of(std::string_view route, Json& parameters) {
    std::string path = "/v1";
    for_each_split(route, '/', [&](std::string_view part) {
        path += '/';
        if (!part.starts_with(':')) {
            path += part;
            return;
        }
        part.remove_prefix(1);
        path += "{" + std::string(part) + "}";
        parameters.append(
            Json::object({{"name", Json::string(part)},
                          {"in", Json::string("path")},
                          {"required", Json::boolean(true)},
                          {"schema", Json::object({{"type", Json::string("string")}})}}));
    });
    return path;
}

Json security_of(ApiRoute::Access access) {
    Json schemes = Json::array();
    if (access == ApiRoute::Access::guest) {
        schemes.append(Json::object());  // or none
    }
    if (access != ApiRoute::Access::open) {
        schemes.append(Json::object({{"bearer", Json::array()}}));
    }
    return schemes;
}

std::string operation_id(std::string_view method, std::string_view route) {
    std::string id = ascii_lower(method);
    for (const char c : route) {
        const bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        id += kept ? c : '_';
    }
    return id;
}

Json as_json(const Json& schema) {
    return Json::object({{"application/json", Json::object({{"schema", schema}})}});
}

// Routes that start runs which count against a quota.
bool starts_what_counts(std::string_view route) {
    return route == "webhooks/:flowId" || route == "webhooks/:flowId/sync" ||
           route == "flows/:id/run";
}

Json responses_of(const ApiRoute& route, std::string_view method) {
    const Json refused = Json::object({{"$ref", Json::string("#/components/responses/Refused")}});
    Json answered = Json::object({{"description", Json::string("Answered")}});
    const DescribedAnswer described = answer_schema(method, route.path);
    if (described.schema.exists()) {
        answered.set("content", as_json(described.schema));
    }
    Json responses = Json::object({{described.status.empty() ? "2XX" : described.status, answered},
                                   {"4XX", refused},
                                   {"503", refused}});
    if (starts_what_counts(route.path)) {
        responses.set("402", refused);
    }
    return responses;
}

Json operation_of(const ApiRoute& route, std::string_view method, const Json& of_path) {
    Json parameters = of_path.deep_copy();
    add_query_parameters(method, route.path, parameters);
    Json operation = Json::object({{"operationId", Json::string(operation_id(method, route.path))},
                                   {"security", security_of(route.access)},
                                   {"responses", responses_of(route, method)}});
    Json tags = Json::array();
    tags.append(Json::string(route.path.substr(0, route.path.find('/'))));
    operation.set("tags", tags);
    if (parameters.size() > 0) {
        operation.set("parameters", parameters);
    }
    if (const Json schema = body_schema(method, route.path); schema.exists()) {
        operation.set("requestBody", Json::object({{"required", Json::boolean(true)},
                                                   {"content", as_json(schema)}}));
    }
    return operation;
}

void add_route(const ApiRoute& route, Json& paths) {
    Json parameters = Json::array();
    const std::string path = path_of(route.path, parameters);
    if (!paths.has(path)) {
        paths.set(path, Json::object());
    }
    Json item = paths[path];
    if (route.method != "*") {
        item.set(ascii_lower(route.method), operation_of(route, route.method, parameters));
        return;
    }
    for (const std::string_view method : {"get", "post", "put", "patch", "delete"}) {
        item.set(method, operation_of(route, method, parameters));
    }
}

Json components() {
    const Json any = Json::object({{"type", Json::string("object")}});
    const Json refused = Json::object(
        {{"description", Json::string("{code, params}, or {statusCode, code, error, message}")},
         {"content", Json::object({{"application/json", Json::object({{"schema", any}})}})}});
    const Json bearer =
        Json::object({{"type", Json::string("http")}, {"scheme", Json::string("bearer")}});
    return Json::object({{"responses", Json::object({{"Refused", refused}})},
                         {"schemas", answer_types()},
                         {"securitySchemes", Json::object({{"bearer", bearer}})}});
}

void get_openapi(Api& api, const CallPtr& call) {
    Json paths = Json::object();
    for (const auto* family : api_families()) {
        for (const ApiRoute& route : *family) {
            add_route(route, paths);
        }
    }
    call->reply(
        200, Json::object({{"openapi", Json::string("3.1.0")},
                           {"info", Json::object({{"title", Json::string("sallyport-engine")},
                                                  {"version", Json::string(api.options.version)}})},
                           {"paths", paths},
                           {"components", components()}}));
}

}  // namespace

const std::vector<ApiRoute> kOpenApiRoutes = {
    {"GET", "openapi.json", ApiRoute::Access::open, get_openapi},
};

}  // namespace sallyport::engine
