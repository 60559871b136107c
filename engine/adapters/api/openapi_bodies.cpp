#include "engine/adapters/api/openapi_bodies.hpp"

#include "engine/adapters/api/openapi_types.hpp"

#include <array>

namespace sallyport::engine {
namespace {

struct Body {
    std::string_view method;
    std::string_view path;
    // See api_openapi_types.hpp.
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
         "newsLetter:boolean! invitationToken:text"},
    Body{"POST", "authentication/sign-in", "email:text! password:text!"},
    Body{"POST", "authentication/switch-platform", "platformId:text!"},
    Body{"POST", "flows",
         "displayName:text! projectId:text! folderId:text folderName:text templateId:text "
         "metadata:object"},
    Body{"POST", "flows/:id", "type:text! request:object!"},
    Body{"POST", "flow-runs/retry", kRetrySelection},
    Body{"POST", "flow-runs/cancel", kSelection},
    Body{"POST", "flow-runs/archive", kSelection},
    Body{"POST", "flow-runs/:id/retry",
         "projectId:text strategy:FROM_FAILED_STEP|ON_LATEST_VERSION!"},
    Body{"POST", "waitpoints",
         "flowRunId:text! projectId:text! stepName:text! type:DELAY|WEBHOOK! version:V0|V1! "
         "resumeDateTime:text responseToSend:object workerHandlerId:text httpRequestId:text"},
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
         "deleteSourceConnection:boolean applyToPublishedVersions:boolean"},
    Body{"POST", "app-connections/:id", "displayName:text! metadata:object"},
    Body{"POST", "variables", "projectId:text! name:text! value:text! metadata:object"},
    Body{"POST", "variables/:id", "value:text metadata:object"},
    Body{"POST", "store-entries", "key:text! value:any"},
    Body{"POST", "mcp-servers", "projectId:text! name:text!"},
    Body{"POST", "register",
         "redirect_uris:texts! client_name:text "
         "token_endpoint_auth_method:none|client_secret_basic|client_secret_post "
         "grant_types:texts"},
    Body{"POST", "mcp-servers/:id", "name:text tools:objects"},
    Body{"POST", "api-keys", "displayName:text!"},
    Body{"POST", "templates", kTemplate},
    Body{"POST", "templates/:id", "name:text summary:text description:text"},
    Body{"POST", "tags", "name:text!"},
    Body{"POST", "tags/pieces", "piecesName:texts! tags:texts!"},
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
         "displayName:text! externalId:text metadata:object maxConcurrentJobs:number "
         "globalConnectionExternalIds:texts alertReceiverEmail:text"},
    Body{"POST", "projects/:id",
         "displayName:text externalId:text metadata:object maxConcurrentJobs:number "
         "releasesEnabled:boolean icon:object plan:object globalConnectionExternalIds:texts"},
    Body{"POST", "users/:id",
         "status:ACTIVE|INACTIVE platformRole:ADMIN|MEMBER|OPERATOR externalId:text"},
    Body{"POST", "flows/:id/run", "payload:any"},
    Body{"POST", "test-trigger",
         "projectId:text! flowId:text! flowVersionId:text! "
         "testStrategy:SIMULATION|TEST_FUNCTION!"},
    Body{"POST", "trigger-events", "projectId:text! flowId:text! mockData:any"},
    Body{"POST", "pieces/options",
         "projectId:text! pieceName:text! pieceVersion:text! actionOrTriggerName:text! "
         "propertyName:text! flowId:text! flowVersionId:text! input:any! searchValue:text"},
    Body{"POST", "projects/:projectId/mcp-server", "status:ENABLED|DISABLED disabledTools:texts"},
    Body{"POST", "jobs",
         "type:ROTATE_KEYS|RETENTION|RETRY_RUNS|IMPORT_FLOWS! projectId:text "
         "strategy:FROM_FAILED_STEP|ON_LATEST_VERSION flowRunIds:texts excludeFlowRunIds:texts "
         "status:texts flowId:texts createdAfter:text createdBefore:text failedStepName:text "
         "failedStepMessage:text flows:objects"},
    Body{"POST", "users/me", "firstName:text lastName:text trackEvents:boolean newsLetter:boolean"},
    Body{"POST", "platforms/:id", "name:text primaryColor:text pinnedPieces:texts"},
    Body{"POST", "project-members/:id", "role:text!"},
    Body{"POST", "project-roles", "name:text! permissions:texts! type:DEFAULT|CUSTOM"},
    Body{"POST", "project-roles/:id", "name:text permissions:texts"},
    Body{"POST", "user-invitations",
         "type:PROJECT|PLATFORM! email:text! projectId:text projectRole:text "
         "platformRole:ADMIN|MEMBER|OPERATOR accepted:boolean"},
    Body{"POST", "user-invitations/accept", "invitationToken:text!"},
    Body{"POST", "alerts", "projectId:text! channel:EMAIL! receiver:text!"},
};

}  // namespace

Json body_schema(std::string_view method, std::string_view path) {
    for (const Body& body : kBodies) {
        if (body.method == method && body.path == path) {
            return described_object(body.members);
        }
    }
    return {};
}

}  // namespace sallyport::engine
