// The families of routes, in the order in which a request is matched.
#include "engine/adapters/api/api.hpp"

namespace sallyport::engine {

const std::vector<const std::vector<ApiRoute>*>& api_families() {
    static const std::vector<const std::vector<ApiRoute>*> kFamilies = {
        &kWebhookRoutes,     &kFlowRoutes,        &kFlowVersionRoutes, &kBulkRoutes,
        &kRunRoutes,         &kResumeRoutes,      &kAccountRoutes,     &kSystemRoutes,
        &kFolderRoutes,      &kOAuth2Routes,      &kConnectionRoutes,  &kVariableRoutes,
        &kStoreEntryRoutes,  &kMcpServerRoutes,   &kApiKeyRoutes,      &kTemplateRoutes,
        &kTagRoutes,         &kPieceRoutes,       &kOpenApiRoutes,     &kTableRoutes,
        &kTableFieldRoutes,  &kTableRecordRoutes, &kTableHookRoutes,   &kHumanInputRoutes,
        &kJobRoutes,         &kMemberRoutes,      &kProjectRoleRoutes, &kInvitationRoutes,
        &kPlatformRoutes,    &kAlertRoutes,       &kAuditRoutes,       &kFileRoutes,
        &kPublicationRoutes, &kProjectRoutes,     &kUserRoutes,        &kTriggerEventRoutes,
        &kFlowTriggerRoutes, &kMcpRoutes,         &kMcpClientRoutes,   &kMcpConsentRoutes,
        &kMcpTokenRoutes,    &kEngineRoutes,      &kAppEventRoutes};
    return kFamilies;
}

}  // namespace sallyport::engine
