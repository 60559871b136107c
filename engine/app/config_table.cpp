#include "engine/app/config_table.hpp"

#include "common/bytes.hpp"
#include "common/limits.hpp"
#include "common/units.hpp"
#include "engine/app/execution_mode.hpp"
#include "engine/core/flows/model.hpp"
#include "engine/core/oauth2.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

// A sync caller holds a connection; the contract's upper bound.
constexpr std::uint64_t kWebhookTimeoutSMax = 900;
constexpr std::uint64_t kFlowTimeoutSMax = 86'400;
constexpr std::uint64_t kPauseDaysMax = 365;
constexpr std::uint64_t kRetentionDaysMax = 36'500;
constexpr std::uint64_t kDayMs = 24ULL * 60 * 60 * 1000;
constexpr std::uint64_t kPayloadMbMax = 512;
constexpr std::uint64_t kShownKbMax = kPayloadMbMax * 1024;
constexpr std::uint64_t kRunsMax = 100'000'000;
constexpr std::uint64_t kQuotaMax = 1'000'000'000'000;
constexpr std::uint64_t kActiveRunsMax = 20'000;  // in memory, some 10 KB each and more
constexpr std::uint64_t kRecordsMax = 1'000'000;
constexpr std::uint64_t kFieldsMax = 999;
constexpr std::uint64_t kStoreKbMax = 8 * 1024;  // read and written whole by each step
// What the sandbox takes (ports/sandbox.hpp).
constexpr std::uint64_t kCodeMemoryKbMin = 24 * 1024;
constexpr std::uint64_t kCodeMemoryKbMax = 256 * 1024;

Result<std::uint64_t> number(const std::string& value, std::uint64_t low, std::uint64_t high) {
    const auto parsed = parse_u64(value);
    if (!parsed || *parsed < low || *parsed > high) {
        return Error{"must be a number from " + std::to_string(low) + " to " +
                     std::to_string(high) + ", not '" + value + "'"};
    }
    return *parsed;
}

template <typename T>
Status put_number(T& out, const std::string& value, std::uint64_t low, std::uint64_t high,
                  std::uint64_t unit = 1) {
    const auto parsed = number(value, low, high);
    if (!parsed.ok()) {
        return parsed.error();
    }
    out = static_cast<T>(*parsed * unit);
    return Done{};
}

Status put_flag(bool& out, const std::string& value) {
    if (value != "true" && value != "false") {
        return Error{"must be true or false, not '" + value + "'"};
    }
    out = value == "true";
    return Done{};
}

Status put_location(bool& in_s3, const std::string& value) {
    in_s3 = value == "S3";
    return in_s3 || value == "DB" ? Status(Done{}) : Error{"must be DB or S3, not '" + value + "'"};
}

Status put_style(S3Account::Style& out, const std::string& value) {
    if (value != "auto" && value != "true" && value != "false") {
        return Error{"must be auto, true or false, not '" + value + "'"};
    }
    out = value == "auto"   ? S3Account::Style::usual
          : value == "true" ? S3Account::Style::path
                            : S3Account::Style::host;
    return Done{};
}

Status put_secret(Secret& out, const std::string& value) {
    if (value.size() < limits::kSecretBytesMin) {
        return Error{"is too short: it needs at least " + std::to_string(limits::kSecretBytesMin) +
                     " characters" + std::string(kMakeSecret)};
    }
    out = Secret(value);
    return Done{};
}

Status put_encryption_key(Secret& out, const std::string& value) {
    if (value.size() != 32 && value.size() != 64) {
        return Error{"must have 32 (or 64) hexadecimal characters" + std::string(kMakeKey)};
    }
    if (!hex_decode(value, HexCase::any)) {
        return Error{"must be hexadecimal" + std::string(kMakeKey)};
    }
    out = Secret(value);
    return Done{};
}

Status put_earlier_keys(std::vector<Secret>& out, const std::string& value) {
    Status status = Done{};
    for_each_split(value, ',', [&](std::string_view part) {
        Secret key;
        const Status taken = put_encryption_key(key, std::string(trim_ows(part)));
        status = status.ok() ? taken : status;
        out.push_back(std::move(key));
    });
    return status;
}

Status put_app_secrets(std::shared_ptr<const AppSecrets>& out, const std::string& value) {
    Result<AppSecrets> secrets = parse_app_secrets(value);
    if (!secrets.ok()) {
        return secrets.error();
    }
    out = std::make_shared<const AppSecrets>(*std::move(secrets));
    return Done{};
}

// `1 minute`, `30 seconds`, `15m`.
Status put_window(std::int64_t& out, const std::string& value) {
    std::string text = ascii_lower(value);
    const std::size_t blank = text.find(' ');
    if (blank != std::string::npos) {
        const char unit = blank + 1 < text.size() ? text[blank + 1] : ' ';
        text = text.substr(0, blank) + unit;
    }
    const Result<std::int64_t> parsed = parse_duration_ms(text);
    if (!parsed.ok() || *parsed <= 0) {
        return Error{"must be a duration such as '1 minute' or '60s', not '" + value + "'"};
    }
    out = *parsed;
    return Done{};
}

Status put_egress(EgressPolicy& out, const std::string& value) {
    Result<EgressPolicy> policy = EgressPolicy::parse(value);
    if (!policy.ok()) {
        return policy.error();
    }
    out = *std::move(policy);
    return Done{};
}

Status put_cloud_service(std::string& out, const std::string& value) {
    Result<std::string> address = parse_cloud_service(value);
    if (!address.ok()) {
        return address.error();
    }
    out = *std::move(address);
    return Done{};
}

Status put_mode(unsigned& out, const std::string& value) {
    unsigned mode = 0;
    for (const char c : value) {
        if (c < '0' || c > '7' || mode > 0777) {
            return Error{"must be an octal file mode such as 0660, not '" + value + "'"};
        }
        mode = mode * 8 + static_cast<unsigned>(c - '0');
    }
    out = mode & 0777;
    return Done{};
}

Status put_listen(ListenAddress& out, const std::string& value) {
    Result<ListenAddress> address = ListenAddress::parse(value);
    if (!address.ok()) {
        return address.error();
    }
    const unsigned mode = out.unix_mode;
    out = *std::move(address);
    out.unix_mode = mode;
    return Done{};
}

using C = Config;
using V = const std::string;

// The one table: what is read, printed and explained. In the order of --help.
const std::
    vector<Setting>
        kTable =
            {
                {"SALLYPORT_DATA", "data", false,
                 "folder of the database; made when missing (--data)",
                 [](C& c, V& v) -> Status { return c.data_dir = v, Done{}; }},
                {"SALLYPORT_SOCKET_MODE", "0660", false, "file mode of a unix socket",
                 [](C& c, V& v) { return put_mode(c.listen.unix_mode, v); }},
                {"SALLYPORT_LISTEN", "127.0.0.1:3000", false,
                 "unix:PATH or ADDRESS:PORT to listen on (--listen)",
                 [](C& c, V& v) { return put_listen(c.listen, v); }},
                {"AP_JWT_SECRET", "", true, "signs sessions; required, 16 characters or more",
                 [](C& c, V& v) { return put_secret(c.jwt_secret, v); }},
                {"AP_ENCRYPTION_KEY", "", true,
                 "encrypts stored secrets; required, 32 hex characters",
                 [](C& c, V& v) { return put_encryption_key(c.encryption_key, v); }},
                {"SALLYPORT_EARLIER_ENCRYPTION_KEYS", "", true,
                 "keys in use before, with commas between: they open, and seal nothing",
                 [](C& c, V& v) { return put_earlier_keys(c.earlier_keys, v); }},
                {"SALLYPORT_VERDICT_SECRET", "", true,
                 "shared with the gateway; then only requests it has signed are served",
                 [](C& c, V& v) { return put_secret(c.verdict_secret, v); }},
                {"SALLYPORT_METRICS_TOKEN", "", true,
                 "who sends it as a bearer may read /metrics; empty: this machine alone",
                 [](C& c, V& v) { return put_secret(c.metrics_token, v); }},
                {"AP_FRONTEND_URL", "", false, "the public address, for links",
                 [](C& c, V& v) -> Status { return c.public_url = v, Done{}; }},
                {"AP_ALLOW_OPEN_SIGN_UP", "false", false,
                 "whether others than the first may sign up",
                 [](C& c, V& v) { return put_flag(c.open_sign_up, v); }},
                {"AP_API_RATE_LIMIT_AUTHN_ENABLED", "true", false,
                 "limit sign-in attempts by address",
                 [](C& c, V& v) { return put_flag(c.auth_limit_enabled, v); }},
                {"AP_API_RATE_LIMIT_AUTHN_MAX", "50", false, "attempts in a window",
                 [](C& c, V& v) { return put_number(c.auth_limit_max, v, 1, 1'000'000); }},
                {"AP_API_RATE_LIMIT_AUTHN_WINDOW", "1 minute", false, "length of the window",
                 [](C& c, V& v) { return put_window(c.auth_limit_window_ms, v); }},
                {"AP_CLIENT_REAL_IP_HEADER", "x-real-ip", false,
                 "client address set by a proxy, when no gateway signs it",
                 [](C& c, V& v) -> Status { return c.client_address_header = v, Done{}; }},
                {"AP_ENABLE_FLOW_ON_PUBLISH", "true", false, "publishing enables a flow",
                 [](C& c, V& v) { return put_flag(c.enable_flow_on_publish, v); }},
                {"AP_FLOW_TIMEOUT_SECONDS", "600", false, "a run that takes longer ends as TIMEOUT",
                 [](C& c, V& v) {
                     return put_number(c.flow_timeout_ms, v, 1, kFlowTimeoutSMax, 1000);
                 }},
                {"AP_PAUSED_FLOW_TIMEOUT_DAYS", "30", false,
                 "how long a paused run may rest, 1 to 365",
                 [](C& c, V& v) {
                     return put_number(c.pause_ms_max, v, 1, kPauseDaysMax, kDayMs);
                 }},
                {"AP_EXECUTION_DATA_RETENTION_DAYS", "30", false,
                 "runs that ended are kept so long after their start",
                 [](C& c, V& v) {
                     return put_number(c.retention_ms, v, 1, kRetentionDaysMax, kDayMs);
                 }},
                {"AP_WEBHOOK_TIMEOUT_SECONDS", "30", false, "how long a sync caller waits",
                 [](C& c, V& v) {
                     return put_number(c.webhook_timeout_ms, v, 1, kWebhookTimeoutSMax, 1000);
                 }},
                {"AP_MAX_WEBHOOK_PAYLOAD_SIZE_MB", "25", false,
                 "larger bodies are refused with 413",
                 [](C& c, V& v) {
                     return put_number(c.webhook_payload_bytes_max, v, 1, kPayloadMbMax, 1u << 20);
                 }},
                {"AP_MAX_FLOW_RUN_LOG_SIZE_MB", "50", false,
                 "a run that has written more ends as LOG_SIZE_EXCEEDED",
                 [](C& c, V& v) {
                     return put_number(c.run_log_bytes_max, v, 1, kPayloadMbMax, 1u << 20);
                 }},
                {"AP_FLOW_RUN_LOG_SLICE_THRESHOLD_KB", "32", false,
                 "larger outputs of a run's steps are shown by the address they are read at",
                 [](C& c, V& v) { return put_number(c.slice_bytes, v, 1, kShownKbMax, 1024); }},
                {"AP_FLOW_RUN_LOG_INPUT_TRUNCATE_THRESHOLD_KB", "2", false,
                 "larger members of a step's input are kept by their size alone",
                 [](C& c, V& v) {
                     return put_number(c.shown_input_bytes, v, 1, kShownKbMax, 1024);
                 }},
                {"AP_MAX_FILE_SIZE_MB", "25", false, "files that steps and webhooks keep, 1 to 512",
                 [](C& c, V& v) {
                     return put_number(c.file_bytes_max, v, 1, kPayloadMbMax, 1u << 20);
                 }},
                {"AP_FILE_STORAGE_LOCATION", "DB", false,
                 "where new files are kept: DB (the database) or S3",
                 [](C& c, V& v) { return put_location(c.files.in_s3, v); }},
                {"SALLYPORT_RUN_LOGS_TO_S3_AFTER_SECONDS", "60", false,
                 "when a run's journal goes to S3 as well, after its end",
                 [](C& c, V& v) {
                     return put_number(c.files.journals_after_ms, v, 1, 31'536'000, 1000);
                 }},
                {"AP_S3_BUCKET", "", false, "the bucket; needed as long as files are in it",
                 [](C& c, V& v) -> Status { return c.files.account.bucket = v, Done{}; }},
                {"AP_S3_ENDPOINT", "", false,
                 "http(s)://host:port of what is compatible with S3; empty: Amazon's",
                 [](C& c, V& v) -> Status { return c.files.account.endpoint = v, Done{}; }},
                {"AP_S3_REGION", "us-east-1", false, "the bucket's region",
                 [](C& c, V& v) -> Status { return c.files.account.region = v, Done{}; }},
                {"AP_S3_ACCESS_KEY_ID", "", false, "whose key signs",
                 [](C& c, V& v) -> Status { return c.files.account.key_id = v, Done{}; }},
                {"AP_S3_SECRET_ACCESS_KEY", "", true, "with what",
                 [](C& c, V& v) -> Status { return c.files.account.secret = Secret(v), Done{}; }},
                {"SALLYPORT_S3_PATH_STYLE", "auto", false,
                 "true: the bucket stands in the path; false: in the host's name; auto: in the "
                 "path of an endpoint, and when it has dots",
                 [](C& c, V& v) { return put_style(c.files.account.style, v); }},
                {"SALLYPORT_S3_TIMEOUT_SECONDS", "30", false,
                 "time of one object, three attempts included",
                 [](C& c, V& v) { return put_number(c.files.time_ms, v, 1, 600, 1000); }},
                {"AP_MAX_RECORDS_PER_TABLE", "10000", false, "records of one table",
                 [](C& c, V& v) { return put_number(c.table_records_max, v, 1, kRecordsMax); }},
                {"AP_MAX_FIELDS_PER_TABLE", "100", false, "fields of one table, at most 999",
                 [](C& c, V& v) { return put_number(c.table_fields_max, v, 1, kFieldsMax); }},
                {"AP_MAX_STORE_ENTRY_VALUE_SIZE_KB", "512", false,
                 "one entry of a flow's store, as JSON",
                 [](C& c, V& v) {
                     return put_number(c.store_value_bytes_max, v, 1, kStoreKbMax, 1024);
                 }},
                {"AP_MAX_FLOW_STEPS", "1500", false, "steps of one flow, its trigger included",
                 [](C& c, V& v) { return put_number(c.flow_steps_max, v, 1, kFlowStepsMax); }},
                {"AP_AUDIT_LOG_ENABLED", "true", false, "who changed what is recorded",
                 [](C& c, V& v) { return put_flag(c.audit_log, v); }},
                {"AP_AUDIT_LOG_RETENTION_DAYS", "365", false, "and kept so long",
                 [](C& c, V& v) {
                     return put_number(c.audit_ms, v, 1, kRetentionDaysMax, kDayMs);
                 }},
                {"AP_SMTP_HOST", "", false, "server of the engine's own mails: invitations, alerts",
                 [](C& c, V& v) -> Status { return c.mail.host = v, Done{}; }},
                {"AP_SMTP_PORT", "587", false, "its port; 465: TLS from the first byte",
                 [](C& c, V& v) { return put_number(c.mail.port, v, 1, 65535); }},
                {"AP_SMTP_USERNAME", "", false, "who signs in there; empty: nobody",
                 [](C& c, V& v) -> Status { return c.mail.user = v, Done{}; }},
                {"AP_SMTP_PASSWORD", "", true, "with what",
                 [](C& c, V& v) -> Status { return c.mail.password = Secret(v), Done{}; }},
                {"AP_SMTP_USE_SSL", "false", false, "no mail without TLS",
                 [](C& c, V& v) { return put_flag(c.mail.tls, v); }},
                {"AP_SMTP_SENDER_EMAIL", "", false, "address that they come from",
                 [](C& c, V& v) -> Status { return c.mail.sender = v, Done{}; }},
                {"AP_SMTP_SENDER_NAME", "", false, "and name",
                 [](C& c, V& v) -> Status { return c.mail.sender_name = v, Done{}; }},
                {"AP_PROJECT_RATE_LIMITER_ENABLED", "false", false,
                 "limit how many runs of one project go on at once",
                 [](C& c, V& v) { return put_flag(c.project_limit_enabled, v); }},
                {"AP_DEFAULT_CONCURRENT_JOBS_LIMIT", "5", false,
                 "how many, unless the project says otherwise; the others wait",
                 [](C& c, V& v) { return put_number(c.project_concurrency, v, 1, kRunsMax); }},
                {"SALLYPORT_RUNS_MAX", "1000000", false,
                 "runs accepted and not ended; webhooks beyond are answered 503",
                 [](C& c, V& v) { return put_number(c.runs_max, v, 1, kRunsMax); }},
                {"SALLYPORT_RUNS_ACTIVE_MAX", "1000", false,
                 "runs that go on at once, in memory; the others wait in the database",
                 [](C& c, V& v) { return put_number(c.runs_active_max, v, 1, kActiveRunsMax); }},
                {"SALLYPORT_PROJECT_RUNS_PER_MONTH", "0", false,
                 "production runs that a project may begin in a calendar month (UTC); 0: any number",
                 [](C& c, V& v) { return put_number(c.project_runs_per_month, v, 0, kQuotaMax); }},
                {"AP_WORKER_CONCURRENCY", "0", false,
                 "sandbox workers; 0: one more than there are cores",
                 [](C& c, V& v) { return put_number(c.sandbox_workers, v, 0, 256); }},
                {"AP_SANDBOX_MEMORY_LIMIT", "65536", false,
                 "memory of one code step in KB, 24576 to 262144",
                 [](C& c, V& v) {
                     return put_number(c.code_memory_bytes, v, kCodeMemoryKbMin, kCodeMemoryKbMax,
                                       1024);
                 }},
                {"SALLYPORT_CODE_TIMEOUT_SECONDS", "10", false, "time of one code step",
                 [](C& c, V& v) { return put_number(c.code_timeout_ms, v, 1, 600, 1000); }},
                {"SALLYPORT_JSBOX", "", false,
                 "path of sallyport-jsbox; empty: beside this program",
                 [](C& c, V& v) -> Status { return c.jsbox_path = v, Done{}; }},
                {"AP_EXECUTION_MODE", "SANDBOX_CODE_ONLY", false,
                 "SANDBOX_CODE_ONLY, SANDBOX_CODE_AND_PROCESS, SANDBOX_PROCESS or UNSANDBOXED",
                 [](C& c, V& v) { return put_execution_mode(c, v); }},
                {"SALLYPORT_NODE", "", false, "path of Node.js; empty: the first node of PATH",
                 [](C& c, V& v) -> Status { return c.node_path = v, Done{}; }},
                {"SALLYPORT_NODEBOX", "", false,
                 "path of sallyport-nodebox; empty: beside this program",
                 [](C& c, V& v) -> Status { return c.nodebox_path = v, Done{}; }},
                {"SALLYPORT_NODE_MEMORY_MB", "256", false, "memory of a code step or piece in Node",
                 [](C& c, V& v) { return put_number(c.node_memory_bytes, v, 64, 2048, 1u << 20); }},
                {"SALLYPORT_NODE_IDLE_PROCESSES", "4",
                 false, "Node processes that are started ahead and wait for a run, at most; 0: none",
                 [](C& c, V& v) { return put_number(c.node_idle_max, v, 0, 64); }},
                {"AP_PIECES_SYNC_MODE", "OFFICIAL_AUTO", false, "NONE: nothing is fetched from npm",
                 [](C& c, V& v) { return put_sync_mode(c, v); }},
                {"SALLYPORT_NPM", "npm", false, "npm, by name or path",
                 [](C& c, V& v) -> Status { return c.npm = v, Done{}; }},
                {"AP_TRIGGER_TIMEOUT_SECONDS", "60", false,
                 "time of the trigger of a piece from npm",
                 [](C& c, V& v) { return put_number(c.trigger_ms, v, 1, 600, 1000); }},
                {"AP_TRIGGER_HOOKS_TIMEOUT_SECONDS", "180", false,
                 "time of switching such a trigger",
                 [](C& c, V& v) { return put_number(c.trigger_hooks_ms, v, 1, 600, 1000); }},
                {"AP_TRIGGER_DEFAULT_POLL_INTERVAL", "5",
                 false, "minutes between looks of such a trigger",
                 [](C& c, V& v) { return put_number(c.poll_minutes, v, 1, 59); }},
                {"AP_APP_WEBHOOK_SECRETS", "", true,
                 "what signs the events of apps, as JSON by piece; others are not taken",
                 [](C& c, V& v) { return put_app_secrets(c.app_secrets, v); }},
                {"AP_ENVIRONMENT", "prod", false,
                 "test: pieces are not asked whether connections are any good",
                 [](C& c, V& v) {
                     c.validates_connections = v != "test";
                     return Status(Done{});
                 }},
                {"AP_CLOUD_AUTH_ENABLED", "false", false,
                 "a service has the secrets of CLOUD_OAUTH2 connections and gets their tokens",
                 [](C& c, V& v) { return put_flag(c.cloud_auth, v); }},
                {"SALLYPORT_CLOUD_AUTH_URL", "https://secrets.activepieces.com", false,
                 "address of that service",
                 [](C& c, V& v) { return put_cloud_service(c.cloud_service, v); }},
                {"SALLYPORT_EGRESS_ALLOW", "", false,
                 "addresses, CIDR blocks and host:port that steps may reach though not public",
                 [](C& c, V& v) { return put_egress(c.egress, v); }},
                {"SALLYPORT_CA_FILE", "", false, "PEM of authorities to trust; empty: the system's",
                 [](C& c, V& v) -> Status { return c.ca_file = v, Done{}; }},
                {"SALLYPORT_SQLITE_SYNCHRONOUS", "full", false,
                 "full, or normal: faster, a power cut may take the last runs",
                 [](C& c, V& v) -> Status {
                     if (v != "full" && v != "normal") {
                         return Error{"must be full or normal, not '" + v + "'"};
                     }
                     c.durability = v == "full" ? SqliteDurability::full : SqliteDurability::normal;
                     return Done{};
                 }},
                {"AP_DB_TYPE", "SQLITE3", false, "SQLITE3 (embedded) or POSTGRES",
                 [](C& c, V& v) -> Status {
                     c.use_postgres = v == "POSTGRES";
                     return v == "SQLITE3" || v == "PGLITE" || v == "POSTGRES"
                                ? Status(Done{})
                                : Error{"must be SQLITE3 (embedded) or POSTGRES, not '" + v + "'"};
                 }},
                {"AP_POSTGRES_URL", "", true,
                 "postgres://user:password@host:5432/database, over the fields",
                 [](C& c, V& v) -> Status { return c.postgres.url = Secret(v), Done{}; }},
                {"AP_POSTGRES_HOST", "", false, "name, address or folder of the socket",
                 [](C& c, V& v) -> Status { return c.postgres.host = v, Done{}; }},
                {"AP_POSTGRES_PORT", "5432", false, "port",
                 [](C& c, V& v) { return put_number(c.postgres.port, v, 1, 65535); }},
                {"AP_POSTGRES_DATABASE", "", false,
                 "name of the database; its tables are made when missing",
                 [](C& c, V& v) -> Status { return c.postgres.database = v, Done{}; }},
                {"AP_POSTGRES_USERNAME", "", false, "who signs in",
                 [](C& c, V& v) -> Status { return c.postgres.username = v, Done{}; }},
                {"AP_POSTGRES_PASSWORD", "", true, "with what",
                 [](C& c, V& v) -> Status { return c.postgres.password = Secret(v), Done{}; }},
                {"AP_POSTGRES_USE_SSL", "false", false,
                 "TLS, with the server's certificate verified",
                 [](C& c, V& v) { return put_flag(c.postgres.use_ssl, v); }},
                {"AP_POSTGRES_SSL_CA", "", false,
                 "PEM, or a file of it, of who signed that certificate",
                 [](C& c, V& v) -> Status { return c.postgres.ssl_ca = v, Done{}; }},
                {"AP_POSTGRES_POOL_SIZE", "0", false, "connections, 4 to 64; 0: 5",
                 [](C& c, V& v) -> Status {
                     return v == "0" ? Status(Done{}) : put_number(c.postgres.pool_size, v, 4, 64);
                 }},
                {"AP_REDIS_TYPE", "STANDALONE", false,
                 "STANDALONE; SENTINEL: Sentinels name the server; MEMORY: the database does "
                 "without",
                 [](C& c, V& v) { return take_redis_type(c.redis, v); }},
                {"AP_REDIS_SENTINEL_HOSTS", "", false, "host:port,host:port of the Sentinels",
                 [](C& c, V& v) { return take_redis_sentinels(c.redis, v); }},
                {"AP_REDIS_SENTINEL_NAME", "", false, "what they call the master",
                 [](C& c, V& v) -> Status { return c.redis.master = v, Done{}; }},
                {"AP_REDIS_SENTINEL_ROLE", "master", false, "whom to speak to: master",
                 [](C&, V& v) { return take_redis_role(v); }},
                {"SALLYPORT_REDIS_SENTINEL_PASSWORD", "", true, "of the Sentinels; empty: none",
                 [](C& c, V& v) -> Status {
                     return c.redis.sentinel_password = Secret(v), Done{};
                 }},
                {"AP_REDIS_URL", "", true,
                 "redis://user:password@host:6379/0 or rediss://…, over the fields",
                 [](C& c, V& v) -> Status { return c.redis.url = Secret(v), Done{}; }},
                {"AP_REDIS_HOST", "", false, "name or address",
                 [](C& c, V& v) -> Status { return c.redis.host = v, Done{}; }},
                {"AP_REDIS_PORT", "6379", false, "port",
                 [](C& c, V& v) { return put_number(c.redis.port, v, 1, 65535); }},
                {"AP_REDIS_USER", "", false, "who signs in; empty: the default user",
                 [](C& c, V& v) -> Status { return c.redis.user = v, Done{}; }},
                {"AP_REDIS_PASSWORD", "", true, "with what",
                 [](C& c, V& v) -> Status { return c.redis.password = Secret(v), Done{}; }},
                {"AP_REDIS_DB", "0", false,
                 "engines of one database use one number, those of another database another",
                 [](C& c, V& v) { return put_number(c.redis.database, v, 0, 1'000'000); }},
                {"AP_REDIS_USE_SSL", "false", false,
                 "TLS, with the server's certificate and name verified",
                 [](C& c, V& v) { return put_flag(c.redis.tls, v); }},
                {"AP_REDIS_SSL_CA_FILE", "", false, "PEM of who signed that certificate",
                 [](C& c, V& v) -> Status { return c.redis.ca_file = v, Done{}; }},
                {"SALLYPORT_DRAIN_SECONDS", "30", false,
                 "how long a stop waits for requests under way",
                 [](C& c, V& v) { return put_number(c.drain_ms, v, 0, 3600, 1000); }},
                {"AP_LOG_LEVEL", "info", false, "debug, info, warn or error",
                 [](C& c, V& v) -> Status {
                     for (const auto& [name, level] :
                          {std::pair("debug", LogLevel::debug), std::pair("trace", LogLevel::debug),
                           std::pair("info", LogLevel::info), std::pair("warn", LogLevel::warn),
                           std::pair("error", LogLevel::error),
                           std::pair("fatal", LogLevel::error)}) {
                         if (v == name) {
                             c.log_level = level;
                             return Done{};
                         }
                     }
                     return Error{"must be debug, info, warn or error, not '" + v + "'"};
                 }},
};

}  // namespace

const std::vector<Setting>& settings() {
    return kTable;
}

}  // namespace sallyport::engine
