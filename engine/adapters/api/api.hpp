// The HTTP API: finds the route of a request, checks the gateway's verdict and the session, and
// hands the call to its handler. Handlers are in api_<family>.cpp, one a family of routes.
#pragma once

#include "common/contract.hpp"
#include "common/crypto.hpp"
#include "common/secret.hpp"
#include "engine/adapters/api/call.hpp"
#include "engine/adapters/attempt_limiter.hpp"
#include "engine/adapters/jobs.hpp"
#include "engine/adapters/mcp/relay.hpp"
#include "engine/adapters/mcp/sessions.hpp"
#include "engine/adapters/oauth2_tokens.hpp"
#include "engine/adapters/password_hasher.hpp"
#include "engine/adapters/runs/hosted_triggers.hpp"
#include "engine/adapters/steps/file_keeper.hpp"
#include "engine/adapters/steps/piece_tasks.hpp"
#include "engine/core/runs/event_order.hpp"
#include "engine/core/secret_box.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/entropy.hpp"
#include "engine/ports/flow_catalog.hpp"
#include "engine/ports/log.hpp"
#include "engine/ports/runs.hpp"
#include "engine/ports/store.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine {

struct ApiOptions {
    bool open_sign_up = false;           // AP_ALLOW_OPEN_SIGN_UP
    bool enable_flow_on_publish = true;  // AP_ENABLE_FLOW_ON_PUBLISH
    std::int64_t webhook_timeout_ms = 30'000;
    std::size_t webhook_payload_bytes_max = 25u << 20;
    std::string public_url;  // AP_FRONTEND_URL; empty: unknown
    std::string base_url;    // public_url, or where the engine listens; no slash at its end
    std::size_t file_bytes_max = 25u << 20;
    std::int64_t file_seconds = 30 * 24 * 3600;  // how long files, and addresses of them, are good
    std::size_t slice_bytes = 32u << 10;         // larger outputs of a run are shown by reference
    std::size_t fields_max = 100;                // of a table
    std::size_t records_max = 10'000;            // of a table
    bool audit_log = true;                       // AP_AUDIT_LOG_ENABLED
    bool validates_connections = true;           // pieces are asked; AP_ENVIRONMENT
    std::size_t store_value_bytes_max = 512u << 10;
    std::size_t flow_steps_max = 1500;
    std::size_t runs_active_max = 1000;       // that go on at once in this engine
    std::int64_t project_runs_per_month = 0;  // SALLYPORT_PROJECT_RUNS_PER_MONTH; 0: no quota
    std::string data_dir = ".";
    int poll_minutes = 5;                     // AP_TRIGGER_DEFAULT_POLL_INTERVAL
    std::int64_t trigger_hooks_ms = 180'000;  // AP_TRIGGER_HOOKS_TIMEOUT_SECONDS
    bool auth_limit_enabled = true;
    std::size_t auth_limit_max = 50;
    std::int64_t auth_limit_window_ms = 60'000;
    std::string client_address_header = "x-real-ip";
    Secret metrics_token;  // empty: metrics are for this machine alone
    std::string version;
    Json flags = Json::object();  // what GET flags says of the settings
};

class AuthChecks;
class ItemTriggers;
class Mailer;

struct ApiPorts {
    const Clock& clock;
    Entropy& entropy;
    AccountStore& accounts;
    FlowStore& flows;
    RunStore& runs;
    EntityStore& entities;
    RunCountStore& counts;
    FileKeeper& files;
    FlowCatalog& catalog;
    PieceArchives& archives;
    Runs& driver;
    PasswordHasher& passwords;
    const SecretBox& secrets;
    OAuth2Tokens& tokens;
    Jobs& jobs;
    Log& log;
    McpRelay& mcp_relay;
    std::function<std::string()> metrics;  // the text that Prometheus reads
    PieceTasks* pieces = nullptr;          // null: none but the engine's own
    HostedTriggers* triggers = nullptr;    // likewise
    Mailer* mail = nullptr;                // null: the operator named no server
    ItemTriggers* items = nullptr;         // REQUIRES: set
    AppListeners* apps = nullptr;          // null: no pieces from npm
    AuthChecks* auth_checks = nullptr;     // REQUIRES: set
};

class Api {
  public:
    // Requests without a fresh verdict are refused when there is a verdict key.
    Api(ApiPorts ports, ApiOptions options, HmacKey session_key,
        std::optional<HmacKey> verdict_key);

    // The server's handler.
    void handle(WebRequest request, std::function<void(WebResponse)> respond);

    // What a piece asks: only the routes that take the engine's own tokens, and no gateway in
    // between.
    void handle_internal(WebRequest request, std::function<void(WebResponse)> respond);

    // Calls that are not over: answered, and held by nobody any more.
    std::size_t calls_live() const { return static_cast<std::size_t>(calls_.use_count()) - 1; }

    // ---- for handlers

    ApiPorts ports;
    const ApiOptions options;

    bool has_users = false;  // once it is known
    EventOrder audit_order;
    McpSessions mcp_sessions;

    std::int64_t now_ms() const { return ports.clock.now_ms(); }
    std::string session_token(const UserRow& user) const;
    // For what runs on behalf of one project.
    static std::string engine_token(const std::string& project_id, std::int64_t now_ms,
                                    const HmacKey& key);
    // Claims for somebody to bring back; their `type` says what they are good for.
    std::string signed_token(const Json& claims, std::int64_t lifetime_s) const;
    Result<Json> verified_token(std::string_view token) const;
    bool admit_attempt(const std::string& client_address);

    // Goes on when the call has a session or a key, with its user in the call; answers it
    // otherwise. For open routes; the others' callers are known already.
    void authenticate(const CallPtr& call, std::function<void()> then);
    // Goes on with `then` when the caller may use the project; answers the call otherwise.
    void with_project(const CallPtr& call, const std::string& project_id,
                      std::function<void(ProjectRow)> then);
    // Answers 503 and logs, when the store failed.
    template <typename T>
    bool failed(const CallPtr& call, const Result<T>& result) {
        if (result.ok()) {
            return false;
        }
        log_failure(*call, result.message());
        call->fail_unavailable();
        return true;
    }

  private:
    void dispatch(const CallPtr& call);
    void answer_metrics(const CallPtr& call);
    void authenticate_key(const CallPtr& call, std::string_view key, std::function<void()> then);
    void admit_user(const CallPtr& call, const std::string& id,
                    const std::optional<std::string>& token_version, std::function<void()> then);
    void note_key_use(EntityRow key);
    bool accept_verdict(ApiCall& call);
    static bool read_request(ApiCall& call, const ApiRoute& route);
    static bool read_body(ApiCall& call, const ApiRoute& route);
    void log_failure(const ApiCall& call, const std::string& problem);

    std::shared_ptr<const char> calls_ = std::make_shared<const char>('\0');  // shared by each
    HmacKey session_key_;
    std::optional<HmacKey> verdict_key_;
    AttemptLimiter sign_in_limiter_;
};

// A route's path is relative to /v1 and /api/v1; `:x` matches one segment.
struct ApiRoute {
    enum class Access {
        open,
        guest,     // a user's, or nobody's: `user` is empty when the call does not say who it is
        user,      // a session, or an API key of the platform
        platform,  // the session of an administrator of the platform
        engine,    // a token of the engine itself, for one project
        project,   // whoever may use the project: a session, an API key, the engine itself
    };
    std::string_view method;  // `*` matches all
    std::string_view path;
    Access access;
    void (*handler)(Api& api, const CallPtr& call);
    bool raw_body = false;  // of whatever type: the handler reads it itself
};

// The families.
extern const std::vector<ApiRoute> kAccountRoutes;
extern const std::vector<ApiRoute> kFlowRoutes;
extern const std::vector<ApiRoute> kRunRoutes;
extern const std::vector<ApiRoute> kBulkRoutes;
extern const std::vector<ApiRoute> kResumeRoutes;
extern const std::vector<ApiRoute> kWebhookRoutes;
extern const std::vector<ApiRoute> kAppEventRoutes;
extern const std::vector<ApiRoute> kSystemRoutes;
extern const std::vector<ApiRoute> kFlowVersionRoutes;
extern const std::vector<ApiRoute> kFolderRoutes;
extern const std::vector<ApiRoute> kConnectionRoutes;
extern const std::vector<ApiRoute> kVariableRoutes;
extern const std::vector<ApiRoute> kStoreEntryRoutes;
extern const std::vector<ApiRoute> kMcpServerRoutes;
extern const std::vector<ApiRoute> kApiKeyRoutes;
extern const std::vector<ApiRoute> kTemplateRoutes;
extern const std::vector<ApiRoute> kTagRoutes;
extern const std::vector<ApiRoute> kPieceRoutes;
extern const std::vector<ApiRoute> kEngineRoutes;
extern const std::vector<ApiRoute> kOpenApiRoutes;
extern const std::vector<ApiRoute> kTriggerEventRoutes;
extern const std::vector<ApiRoute> kFlowTriggerRoutes;
extern const std::vector<ApiRoute> kMcpRoutes;
extern const std::vector<ApiRoute> kMcpClientRoutes;
extern const std::vector<ApiRoute> kMcpConsentRoutes;
extern const std::vector<ApiRoute> kMcpTokenRoutes;
extern const std::vector<ApiRoute> kProjectRoutes;
extern const std::vector<ApiRoute> kFileRoutes;
extern const std::vector<ApiRoute> kPublicationRoutes;
extern const std::vector<ApiRoute> kUserRoutes;
extern const std::vector<ApiRoute> kOAuth2Routes;
extern const std::vector<ApiRoute> kJobRoutes;
extern const std::vector<ApiRoute> kMemberRoutes;
extern const std::vector<ApiRoute> kProjectRoleRoutes;
extern const std::vector<ApiRoute> kInvitationRoutes;
extern const std::vector<ApiRoute> kPlatformRoutes;
extern const std::vector<ApiRoute> kAlertRoutes;
extern const std::vector<ApiRoute> kAuditRoutes;
extern const std::vector<ApiRoute> kHumanInputRoutes;
extern const std::vector<ApiRoute> kTableRoutes;
extern const std::vector<ApiRoute> kTableFieldRoutes;
extern const std::vector<ApiRoute> kTableRecordRoutes;
extern const std::vector<ApiRoute> kTableHookRoutes;

// All of them, in the order in which a request is matched.
const std::vector<const std::vector<ApiRoute>*>& api_families();

}  // namespace sallyport::engine
