#include "engine/adapters/api_openapi_bodies.hpp"

#include "common/bytes.hpp"

#include <array>

namespace sallyport::engine {
namespace {

struct Body {
    std::string_view method;
    std::string_view path;
    // Members, with blanks between: `name:type`, `!` at the end when it is required. Types: text,
    // number, boolean, object, any, texts (a list of them), objects, lists; `A|B` is one of these
    // words.
    std::string_view members;
};

constexpr std::string_view kSelection =
    "projectId:text! flowRunIds:texts excludeFlowRunIds:texts status:texts flowId:texts "
    "createdAfter:text createdBefore:text failedStepName:text failedStepMessage:text";
constexpr std::string_view kRetrySelection =
    "projectId:text! strategy:FROM_FAILED_STEP|ON_LATEST_VERSION! flowRunIds:texts "
    "excludeFlowRunIds:texts status:texts flowId:texts createdAfter:text createdBefore:text "
    "failedStepName:text failedStepMessage:text";
constexpr std::string_view kTemplate =
    "name:text! type:SHARED|CUSTOM|OFFICIAL! summary:text description:text tags:objects "
    "blogUrl:text metadata:object author:text categories:texts flows:objects!";

// In the order of the families.
constexpr std::array kBodies = {
    Body{"POST", "authentication/sign-up",
         "email:text! password:text! firstName:text! lastName:text! trackEvents:boolean! "
         "newsLetter:boolean!"},
    Body{"POST", "authentication/sign-in", "email:text! password:text!"},
    Body{"POST", "flows",
         "displayName:text! projectId:text! folderId:text folderName:text metadata:object"},
    Body{"POST", "flows/:id", "type:text! request:object!"},
    Body{"POST", "flow-runs/retry", kRetrySelection},
    Body{"POST", "flow-runs/cancel", kSelection},
    Body{"POST", "flow-runs/archive", kSelection},
    Body{"POST", "flow-runs/:id/retry",
         "projectId:text strategy:FROM_FAILED_STEP|ON_LATEST_VERSION!"},
    Body{"POST", "folders", "displayName:text! projectId:text!"},
    Body{"POST", "folders/:id", "displayName:text!"},
    Body{"POST", "app-connections/oauth2/authorization-url",
         "pieceName:text! clientId:text! redirectUrl:text! projectId:text scopes:texts "
         "props:object authUrl:text pkce:boolean prompt:text"},
    Body{"POST", "oauth-apps", "pieceName:text! clientId:text! clientSecret:text!"},
    Body{"POST", "app-connections",
         "externalId:text! displayName:text! pieceName:text! projectId:text! "
         "type:SECRET_TEXT|BASIC_AUTH|CUSTOM_AUTH|NO_AUTH|OIDC|OAUTH2|PLATFORM_OAUTH2|CLOUD_OAUTH2|"
         "PLACEHOLDER! value:object metadata:object pieceVersion:text"},
    Body{"POST", "app-connections/replace",
         "sourceAppConnectionId:text! targetAppConnectionId:text! projectId:text! "
         "deleteSourceConnection:boolean"},
    Body{"POST", "app-connections/:id", "displayName:text! metadata:object"},
    Body{"POST", "variables", "projectId:text! name:text! value:text! metadata:object"},
    Body{"POST", "variables/:id", "value:text metadata:object"},
    Body{"POST", "store-entries", "key:text! value:any"},
    Body{"POST", "mcp-servers", "projectId:text! name:text!"},
    Body{"POST", "mcp-servers/:id", "name:text tools:objects"},
    Body{"POST", "api-keys", "displayName:text!"},
    Body{"POST", "templates", kTemplate},
    Body{"POST", "templates/:id", "name:text summary:text description:text"},
    Body{"POST", "tags", "name:text!"},
    Body{"POST", "tables",
         "projectId:text! name:text! fields:objects externalId:text folderId:text "
         "folderName:text"},
    Body{"POST", "tables/:id",
         "name:text folderId:text status:ENABLED|DISABLED "
         "trigger:ON_NEW_RECORD|ON_UPDATE_RECORD"},
    Body{"POST", "fields",
         "tableId:text! name:text! type:TEXT|NUMBER|DATE|STATIC_DROPDOWN! data:object "
         "externalId:text"},
    Body{"POST", "fields/:id", "name:text!"},
    Body{"POST", "records", "tableId:text! records:lists!"},
    Body{"POST", "records/:id", "tableId:text! cells:objects"},
    Body{"DELETE", "records", "tableId:text! ids:texts!"},
    Body{"POST", "tables/:id/webhooks", "events:texts! webhookUrl:text! flowId:text!"},
    Body{"POST", "projects",
         "displayName:text! externalId:text metadata:object maxConcurrentJobs:number"},
    Body{"POST", "projects/:id",
         "displayName:text externalId:text metadata:object maxConcurrentJobs:number "
         "releasesEnabled:boolean icon:object plan:object"},
    Body{"POST", "users/:id",
         "status:ACTIVE|INACTIVE platformRole:ADMIN|MEMBER|OPERATOR externalId:text"},
    Body{"POST", "flows/:id/run", "payload:any"},
    Body{"POST", "test-trigger",
         "projectId:text! flowId:text! flowVersionId:text! "
         "testStrategy:SIMULATION|TEST_FUNCTION!"},
    Body{"POST", "trigger-events", "projectId:text! flowId:text! mockData:any!"},
    Body{"POST", "pieces/options",
         "projectId:text! pieceName:text! pieceVersion:text! actionOrTriggerName:text! "
         "propertyName:text! flowId:text! flowVersionId:text! input:any! searchValue:text"},
    Body{"POST", "projects/:projectId/mcp-server", "status:ENABLED|DISABLED disabledTools:texts"},
    Body{"POST", "jobs", "type:ROTATE_KEYS!"},
};

Json text(std::string_view value) {
    return Json::string(value);
}

Json of_type(std::string_view type) {
    return Json::object({{"type", text(type)}});
}

Json list_of(std::string_view type) {
    return Json::object({{"type", text("array")}, {"items", of_type(type)}});
}

Json member_schema(std::string_view type) {
    if (type == "text") {
        return of_type("string");
    }
    if (type == "texts") {
        return list_of("string");
    }
    if (type == "objects") {
        return list_of("object");
    }
    if (type == "lists") {
        return list_of("array");
    }
    if (type == "any") {
        return Json::object();
    }
    if (type == "number" || type == "boolean" || type == "object") {
        return of_type(type);
    }
    Json words = Json::array();
    for_each_split(type, '|', [&words](std::string_view word) { words.append(text(word)); });
    Json schema = of_type("string");
    schema.set("enum", words);
    return schema;
}

}  // namespace

Json body_schema(std::string_view method, std::string_view path) {
    for (const Body& body : kBodies) {
        if (body.method != method || body.path != path) {
            continue;
        }
        Json properties = Json::object();
        Json required = Json::array();
        for_each_split(body.members, ' ', [&](std::string_view member) {
            const std::size_t colon = member.find(':');
            const std::string_view name = member.substr(0, colon);
            std::string_view type = member.substr(colon + 1);
            if (type.ends_with('!')) {
                type.remove_suffix(1);
                required.append(text(name));
            }
            properties.set(name, member_schema(type));
        });
        return Json::object(
            {{"type", text("object")}, {"properties", properties}, {"required", required}});
    }
    return {};
}

}  // namespace sallyport::engine
