#include "engine/app/flags.hpp"

#include "engine/app/config.hpp"
#include "engine/app/version.hpp"

#include <cstdint>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kMsOfSecond = 1000;
constexpr std::int64_t kMsOfDay = 24 * 3600 * kMsOfSecond;
constexpr std::size_t kBytesOfMegabyte = 1u << 20;

Json number(std::size_t value) {
    return Json::integer(static_cast<std::int64_t>(value));
}

void add_limits(Json& flags, const Config& config) {
    // A code step in Node has Node's memory, one in the sandbox the sandbox's.
    const std::size_t memory =
        config.node_code ? config.node_memory_bytes : config.code_memory_bytes;
    flags.set("FLOW_RUN_TIME_SECONDS", Json::integer(config.flow_timeout_ms / kMsOfSecond));
    flags.set("FLOW_RUN_MEMORY_LIMIT_KB", number(memory / 1024));
    flags.set("FLOW_RUN_LOG_SIZE_LIMIT_MB", number(config.run_log_bytes_max / kBytesOfMegabyte));
    flags.set("TRIGGER_TIMEOUT_SECONDS", Json::integer(config.trigger_ms / kMsOfSecond));
    flags.set("WEBHOOK_TIMEOUT_SECONDS", Json::integer(config.webhook_timeout_ms / kMsOfSecond));
    flags.set("PAUSED_FLOW_TIMEOUT_DAYS", Json::integer(config.pause_ms_max / kMsOfDay));
    flags.set("EXECUTION_DATA_RETENTION_DAYS", Json::integer(config.retention_ms / kMsOfDay));
    flags.set("MAX_FILE_SIZE_MB", number(config.file_bytes_max / kBytesOfMegabyte));
    flags.set("MAX_RECORDS_PER_TABLE", number(config.table_records_max));
    flags.set("MAX_FIELDS_PER_TABLE", number(config.table_fields_max));
    flags.set("PROJECT_RATE_LIMITER_ENABLED", Json::boolean(config.project_limit_enabled));
    flags.set("DEFAULT_CONCURRENT_JOBS_LIMIT", number(config.project_concurrency));
}

void add_addresses(Json& flags, const Config& config) {
    if (config.public_url.empty()) {
        return;
    }
    flags.set("PUBLIC_URL", Json::string(config.public_url));
    flags.set("WEBHOOK_URL_PREFIX", Json::string(config.public_url + "/api/v1/webhooks"));
    flags.set("THIRD_PARTY_AUTH_PROVIDER_REDIRECT_URL",
              Json::string(config.public_url + "/redirect"));
}

}  // namespace

Json flags_of(const Config& config) {
    Json apps = Json::array();
    if (config.app_secrets) {
        for (const auto& [name, app] : *config.app_secrets) {
            apps.append(Json::string(app.piece));
        }
    }
    Json flags =
        Json::object({{"EDITION", Json::string("ce")},
                      {"ENVIRONMENT", Json::string(config.validates_connections ? "prod" : "test")},
                      {"CURRENT_VERSION", Json::string(kEngineVersion)},
                      {"EMAIL_AUTH_ENABLED", Json::boolean(true)},
                      {"ENABLE_FLOW_ON_PUBLISH", Json::boolean(config.enable_flow_on_publish)},
                      {"TELEMETRY_ENABLED", Json::boolean(false)},
                      {"ALLOW_NPM_PACKAGES_IN_CODE_STEP",
                       Json::boolean(config.node_code && config.pieces_may_be_fetched)},
                      {"PRIVATE_PIECES_ENABLED", Json::boolean(config.node_pieces)},
                      {"PIECES_SYNC_MODE",
                       Json::string(config.pieces_may_be_fetched ? "OFFICIAL_AUTO" : "NONE")},
                      {"SUPPORTED_APP_WEBHOOKS", apps},
                      {"SMTP_CONFIGURED", Json::boolean(!config.mail.host.empty())},
                      {"SHOW_ALERTS", Json::boolean(!config.mail.host.empty())},
                      {"SHOW_PROJECT_MEMBERS", Json::boolean(true)},
                      {"SHOW_COMMUNITY", Json::boolean(false)},
                      {"SHOW_POWERED_BY_IN_FORM", Json::boolean(false)},
                      {"SHOW_BADGES", Json::boolean(false)},
                      {"SHOW_BILLING_PAGE", Json::boolean(false)},
                      {"SHOW_BILLING_LIMITS_ON_SIDEBAR", Json::boolean(false)},
                      {"AGENTS_CONFIGURED", Json::boolean(false)},
                      {"PGVECTOR_AVAILABLE", Json::boolean(false)},
                      {"THIRD_PARTY_AUTH_PROVIDERS_TO_SHOW_MAP", Json::object()}});
    add_limits(flags, config);
    add_addresses(flags, config);
    return flags;
}

}  // namespace sallyport::engine
