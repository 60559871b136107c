#include "engine/app/config_names.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace sallyport::engine {
namespace {

enum class Kind { same, milliseconds, list };

struct Alias {
    std::string_view name;
    std::string_view meant;
    Kind kind = Kind::same;
};

// Names of other versions and of the guides.
constexpr std::array kAliases = {
    Alias{"AP_SSRF_ALLOW_LIST", "SALLYPORT_EGRESS_ALLOW", Kind::list},
    Alias{"AP_ENCRYPTION_KEY_LEGACY", "SALLYPORT_EARLIER_ENCRYPTION_KEYS", Kind::list},
    Alias{"AP_WEBHOOK_URL", "AP_FRONTEND_URL"},
    Alias{"AP_POSTGRES_SSL_ENABLED", "AP_POSTGRES_USE_SSL"},
    Alias{"AP_REDIS_TLS", "AP_REDIS_USE_SSL"},
    Alias{"AP_REDIS_SSL_ENABLED", "AP_REDIS_USE_SSL"},
    Alias{"AP_RATE_LIMIT_ENABLED", "AP_API_RATE_LIMIT_AUTHN_ENABLED"},
    Alias{"AP_RATE_LIMIT_MAX_REQUESTS", "AP_API_RATE_LIMIT_AUTHN_MAX"},
    Alias{"AP_RATE_LIMIT_WINDOW_MS", "AP_API_RATE_LIMIT_AUTHN_WINDOW", Kind::milliseconds},
    Alias{"AP_MAX_CONCURRENT_FLOWS", "AP_DEFAULT_CONCURRENT_JOBS_LIMIT"},
    Alias{"AP_MAX_CONCURRENT_JOBS_PER_PROJECT", "AP_DEFAULT_CONCURRENT_JOBS_LIMIT"},
    Alias{"AP_MAX_FLOW_DURATION", "AP_FLOW_TIMEOUT_SECONDS"},
    Alias{"AP_SANDBOX_RUN_TIME_SECONDS", "AP_FLOW_TIMEOUT_SECONDS"},
    Alias{"AP_FLOW_WORKER_CONCURRENCY", "AP_WORKER_CONCURRENCY"},
    Alias{"AP_SIGN_UP_ENABLED", "AP_ALLOW_OPEN_SIGN_UP"},
    Alias{"AP_FILE_STORAGE_TYPE", "AP_FILE_STORAGE_LOCATION"},
    Alias{"AP_AUDIT_LOGS_ENABLED", "AP_AUDIT_LOG_ENABLED"},
};

struct Unused {
    std::string_view name;  // ends with `*`: every name that begins so
    std::string_view why;
};

// A name that a setting of the engine takes over leaves this list.
constexpr std::array kUnused = {
    Unused{"AP_REDIS_FAILED_JOB_*", "there are no jobs in Redis: runs are in the database"},
    Unused{"AP_QUEUE_*", "the queue is in the engine and its database"},
    Unused{"AP_SSL_*", "the gateway ends TLS"},
    Unused{"AP_POSTGRES_IDLE_TIMEOUT_MS", "connections to the database are kept"},
    Unused{"AP_INTERNAL_URL", "there is no second address: everything is in one process"},
    Unused{"AP_CONFIG_PATH", "settings come from the environment and --env-file"},
    Unused{"AP_CONTAINER_TYPE", "one program serves and works"},
    Unused{"AP_EDITION", "there is one edition"},
    Unused{"AP_TELEMETRY_ENABLED", "nothing is ever sent to anybody"},
    Unused{"AP_LOG_PRETTY", "logs are JSON lines"},
    Unused{"AP_PREWARM_CACHE_ON_STARTUP", "there is no cache to warm"},
    Unused{"AP_SANDBOX_TYPE", "code always runs in the sandbox"},
    Unused{"AP_NETWORK_MODE", "outgoing requests are always checked"},
    Unused{"AP_SANDBOX_PROPAGATED_ENV_VARS", "the sandbox has no environment"},
    Unused{"AP_API_KEY", "it is what clients send, not what the engine reads"},
    Unused{"AP_WEBHOOK_PAYLOAD_INLINE_THRESHOLD_KB", "payloads are kept in the run's journal"},
    Unused{"AP_ISSUE_ARCHIVE_DAYS", "there are no issues, only runs"},
    Unused{"AP_MAX_BARRIER_SIGNALS", "there are no barriers"},
    Unused{"AP_TEMPLATES_*", "templates are the platform's own"},
    Unused{"AP_DEV_PIECES", "pieces are built in or installed"},
    Unused{"AP_CUSTOM_PIECES_PATHS", "pieces are built in or come from npm"},
    Unused{"AP_S3_USE_SIGNED_URLS", "the engine itself serves what it keeps in S3"},
    Unused{"AP_S3_USE_IRSA", "the bucket is asked with a key: AP_S3_ACCESS_KEY_ID"},
    Unused{"AP_MAX_STREAM_FILE_SIZE_MB", "uploads are held to AP_MAX_FILE_SIZE_MB"},
    Unused{"AP_GOOGLE_*", "people sign in by password"},
    Unused{"AP_TURNSTILE_*", "sign-up is closed by default and limited by the gateway"},
    Unused{"AP_ZEROBOUNCE_*", "no one else is asked about addresses"},
    Unused{"AP_EVENT_DESTINATION_TIMEOUT_SECONDS", "there are no event destinations"},
    Unused{"AP_MCP_TOKEN_LIFETIME", "tokens of MCP are good until they are rotated"},
    Unused{"AP_GDPR_ENABLED", "runs are removed after AP_EXECUTION_DATA_RETENTION_DAYS"},
    Unused{"AP_PERSONAL_DATA_RETENTION_DAYS",
           "runs are removed after AP_EXECUTION_DATA_RETENTION_DAYS"},
    Unused{"AP_MODEL_CATALOG_URL", "no catalog of models is fetched"},
    Unused{"AP_AI_CREDIT_USD_VALUE", "nothing is billed"},
};

bool matches(const Unused& unused, std::string_view name) {
    std::string_view wanted = unused.name;
    if (!wanted.ends_with('*')) {
        return name == wanted;
    }
    wanted.remove_suffix(1);
    return name.starts_with(wanted);
}

// Levenshtein's distance: letters changed, added or left out.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row[b.size()];
}

}  // namespace

Environment with_aliases(Environment environment) {
    for (const Alias& alias : kAliases) {
        const auto given = environment.find(std::string(alias.name));
        if (given == environment.end() || given->second.empty()) {
            continue;
        }
        const std::string value =
            given->second + (alias.kind == Kind::milliseconds ? "ms" : std::string());
        std::string& meant = environment[std::string(alias.meant)];
        if (alias.kind == Kind::list) {
            meant += (meant.empty() ? "" : ",") + value;
        } else if (meant.empty()) {
            meant = value;
        }
        // Their guides know no other switch for it.
        if (alias.meant == "AP_DEFAULT_CONCURRENT_JOBS_LIMIT") {
            environment.emplace("AP_PROJECT_RATE_LIMITER_ENABLED", "true");
        }
    }
    return environment;
}

bool is_alias(std::string_view name) {
    return std::any_of(kAliases.begin(), kAliases.end(),
                       [name](const Alias& alias) { return alias.name == name; });
}

std::string_view why_without_effect(std::string_view name) {
    const auto found = std::find_if(kUnused.begin(), kUnused.end(),
                                    [name](const Unused& unused) { return matches(unused, name); });
    return found == kUnused.end() ? std::string_view() : found->why;
}

std::string nearest_name(std::string_view name, const std::vector<std::string_view>& known) {
    std::string_view nearest;
    // A third of the name wrong is another name.
    std::size_t best = name.size() / 3 + 1;
    const auto look = [&](std::string_view one) {
        const std::size_t away = distance(name, one);
        if (away < best) {
            best = away;
            nearest = one;
        }
    };
    std::for_each(known.begin(), known.end(), look);
    for (const Alias& alias : kAliases) {
        look(alias.name);
    }
    return std::string(nearest);
}

std::string describe_other_names() {
    std::string out = "Other names:\n";
    for (const Alias& alias : kAliases) {
        out += "  " + std::string(alias.name) + " = " + std::string(alias.meant) + "\n";
    }
    out += "Without effect:\n";
    for (const Unused& unused : kUnused) {
        out += "  " + std::string(unused.name) + ": " + std::string(unused.why) + "\n";
    }
    return out;
}

}  // namespace sallyport::engine
