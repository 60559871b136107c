// Health and the flags clients read before they sign in (engine contract 1.3).
#include "engine/adapters/api.hpp"

namespace sallyport::engine {
namespace {

// Healthy means the store answers.
void get_health(Api& api, const CallPtr& call) {
    api.ports.accounts.user_by_id("", [call](const Result<std::optional<UserRow>>& answer) {
        call->reply(
            answer.ok() ? 200 : 503,
            Json::object({{"status", Json::string(answer.ok() ? "Healthy" : "Unhealthy")}}));
    });
}

void get_flags(Api& api, const CallPtr& call) {
    const ApiOptions& options = api.options;
    const auto seconds = [](std::int64_t ms) { return Json::integer(ms / 1000); };
    const auto size = [](std::size_t n) { return Json::integer(static_cast<std::int64_t>(n)); };
    Json flags =
        Json::object({{"EDITION", Json::string("ce")},
                      {"ENVIRONMENT", Json::string("prod")},
                      {"CURRENT_VERSION", Json::string(options.version)},
                      {"EMAIL_AUTH_ENABLED", Json::boolean(true)},
                      {"ENABLE_FLOW_ON_PUBLISH", Json::boolean(options.enable_flow_on_publish)},
                      {"FLOW_RUN_TIME_SECONDS", Json::integer(options.flow_timeout_s)},
                      {"FLOW_RUN_MEMORY_LIMIT_KB",
                       Json::integer(static_cast<std::int64_t>(options.code_memory_kb))},
                      {"TELEMETRY_ENABLED", Json::boolean(false)},
                      {"CLOUD_AUTH_ENABLED", Json::boolean(api.ports.tokens.has_cloud_service())},
                      {"ALLOW_NPM_PACKAGES_IN_CODE_STEP", Json::boolean(false)},
                      {"MAX_FILE_SIZE_MB", size(options.file_bytes_max >> 20)},
                      {"MAX_RECORDS_PER_TABLE", size(options.records_max)},
                      {"MAX_FIELDS_PER_TABLE", size(options.fields_max)},
                      {"WEBHOOK_TIMEOUT_SECONDS", seconds(options.webhook_timeout_ms)}});
    if (!options.public_url.empty()) {
        flags.set("PUBLIC_URL", Json::string(options.public_url));
        flags.set("WEBHOOK_URL_PREFIX", Json::string(options.public_url + "/api/v1/webhooks"));
    }
    call->reply(200, flags);
}

}  // namespace

const std::vector<ApiRoute> kSystemRoutes = {
    {"GET", "health", ApiRoute::Access::open, get_health},
    {"GET", "flags", ApiRoute::Access::open, get_flags},
};

}  // namespace sallyport::engine
