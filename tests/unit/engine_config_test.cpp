// The engine's settings: what is taken, what is refused and how it is said, what is never shown.
#include "engine/app/config.hpp"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

namespace sallyport::engine {
namespace {

Environment good() {
    return {{"AP_JWT_SECRET", "0123456789abcdef0123"},
            {"AP_ENCRYPTION_KEY", "0123456789abcdef0123456789abcdef"}};
}

TEST(Config, TakesWhatIsGood) {
    Environment environment = good();
    environment["AP_FLOW_TIMEOUT_SECONDS"] = "12";
    environment["AP_API_RATE_LIMIT_AUTHN_WINDOW"] = "2 minutes";
    environment["SALLYPORT_SOCKET_MODE"] = "0600";
    environment["SALLYPORT_LISTEN"] = "unix:/run/engine.sock";
    environment["AP_SSRF_ALLOW_LIST"] = "10.0.0.0/8";
    environment["AP_MADE_UP"] = "1";
    const Result<Config> config = read_config(environment);
    ASSERT_TRUE(config.ok()) << config.message();
    EXPECT_EQ(config->flow_timeout_ms, 12'000);
    EXPECT_EQ(config->auth_limit_window_ms, 120'000);
    EXPECT_EQ(config->listen.unix_path, "/run/engine.sock");
    EXPECT_EQ(config->listen.unix_mode, 0600U);
    ASSERT_EQ(config->warnings.size(), 1U);
    EXPECT_NE(config->warnings[0].find("AP_MADE_UP"), std::string::npos);
}

TEST(Config, TakesOtherNames) {
    Environment environment = good();
    environment["AP_ENCRYPTION_KEY_LEGACY"] = "fedcba9876543210fedcba9876543210";
    environment["SALLYPORT_EARLIER_ENCRYPTION_KEYS"] = "00112233445566778899aabbccddeeff";
    environment["AP_RATE_LIMIT_WINDOW_MS"] = "1500";
    environment["AP_RATE_LIMIT_MAX_REQUESTS"] = "7";
    environment["AP_MAX_CONCURRENT_FLOWS"] = "9";
    environment["AP_MAX_FLOW_DURATION"] = "33";
    environment["AP_WEBHOOK_URL"] = "https://hooks.example.org";
    environment["AP_POSTGRES_SSL_ENABLED"] = "true";
    environment["AP_SIGN_UP_ENABLED"] = "true";
    environment["AP_ALLOW_OPEN_SIGN_UP"] = "false";  // the setting itself goes first
    const Result<Config> config = read_config(environment);
    ASSERT_TRUE(config.ok()) << config.message();
    EXPECT_EQ(config->earlier_keys.size(), 2U);
    EXPECT_EQ(config->auth_limit_window_ms, 1500);
    EXPECT_EQ(config->auth_limit_max, 7U);
    EXPECT_TRUE(config->project_limit_enabled);
    EXPECT_EQ(config->project_concurrency, 9U);
    EXPECT_EQ(config->flow_timeout_ms, 33'000);
    EXPECT_EQ(config->public_url, "https://hooks.example.org");
    EXPECT_TRUE(config->postgres.use_ssl);
    EXPECT_FALSE(config->open_sign_up);
    EXPECT_TRUE(config->warnings.empty());
}

TEST(Config, WarnsOfNamesThatDoNothing) {
    struct Case {
        std::string_view name;
        std::string_view said;
    };
    const std::vector<Case> cases = {
        {"AP_FLOW_TIMEOUT_SECOND", "did you mean AP_FLOW_TIMEOUT_SECONDS?"},
        {"AP_JWT_SECRETS", "did you mean AP_JWT_SECRET?"},
        {"SALLYPORT_EGRES_ALLOW", "did you mean SALLYPORT_EGRESS_ALLOW?"},
        {"AP_SSRF_ALLOWLIST", "did you mean AP_SSRF_ALLOW_LIST?"},
        {"AP_REDIS_FAILED_JOB_TTL", "has no effect: there are no jobs in Redis"},
        {"AP_TELEMETRY_ENABLED", "has no effect: nothing is ever sent"},
        {"AP_SOMETHING_ELSE_ALTOGETHER", "is set and has no effect on this engine"},
    };
    for (const Case& test : cases) {
        Environment environment = good();
        environment[std::string(test.name)] = "1";
        const Result<Config> config = read_config(environment);
        ASSERT_TRUE(config.ok()) << config.message();
        ASSERT_EQ(config->warnings.size(), 1U) << test.name;
        EXPECT_TRUE(config->warnings[0].starts_with(test.name)) << config->warnings[0];
        EXPECT_NE(config->warnings[0].find(test.said), std::string::npos) << config->warnings[0];
    }
    Environment environment = good();
    environment["AP_SOMETHING_ELSE_ALTOGETHER"] = "1";
    EXPECT_EQ(read_config(environment)->warnings[0].find("did you mean"), std::string::npos);
}

// Every name of the contract (3.1) and of the guides: it has its effect, or says why it has none.
const std::vector<std::pair<std::string, std::string>>& taken_names() {
    static const std::vector<std::pair<std::string, std::string>> kNames = {
        {"AP_FRONTEND_URL", "https://a.example"},
        {"AP_DB_TYPE", "PGLITE"},
        {"AP_POSTGRES_URL", "postgres://u:p@h/d"},
        {"AP_POSTGRES_HOST", "h"},
        {"AP_POSTGRES_PORT", "5432"},
        {"AP_POSTGRES_DATABASE", "d"},
        {"AP_POSTGRES_USERNAME", "u"},
        {"AP_POSTGRES_PASSWORD", "p"},
        {"AP_POSTGRES_USE_SSL", "true"},
        {"AP_POSTGRES_SSL_CA", "/ca"},
        {"AP_POSTGRES_POOL_SIZE", "9"},
        {"AP_EXECUTION_MODE", "SANDBOX_CODE_ONLY"},
        {"AP_WORKER_CONCURRENCY", "5"},
        {"AP_MAX_STORE_ENTRY_VALUE_SIZE_KB", "64"},
        {"AP_SANDBOX_MEMORY_LIMIT", "65536"},
        {"AP_SSRF_ALLOW_LIST", "10.0.0.0/8"},
        {"AP_PIECES_SYNC_MODE", "NONE"},
        {"AP_FLOW_TIMEOUT_SECONDS", "60"},
        {"AP_TRIGGER_TIMEOUT_SECONDS", "60"},
        {"AP_TRIGGER_HOOKS_TIMEOUT_SECONDS", "60"},
        {"AP_WEBHOOK_TIMEOUT_SECONDS", "60"},
        {"AP_MAX_WEBHOOK_PAYLOAD_SIZE_MB", "5"},
        {"AP_MAX_FILE_SIZE_MB", "5"},
        {"AP_MAX_FLOW_RUN_LOG_SIZE_MB", "5"},
        {"AP_FLOW_RUN_LOG_SLICE_THRESHOLD_KB", "64"},
        {"AP_FLOW_RUN_LOG_INPUT_TRUNCATE_THRESHOLD_KB", "3"},
        {"AP_EXECUTION_DATA_RETENTION_DAYS", "60"},
        {"AP_PAUSED_FLOW_TIMEOUT_DAYS", "9"},
        {"AP_MAX_RECORDS_PER_TABLE", "5"},
        {"AP_MAX_FIELDS_PER_TABLE", "5"},
        {"AP_MAX_FLOW_STEPS", "50"},
        {"AP_DEFAULT_CONCURRENT_JOBS_LIMIT", "5"},
        {"AP_MAX_CONCURRENT_JOBS_PER_PROJECT", "100"},
        {"AP_PROJECT_RATE_LIMITER_ENABLED", "true"},
        {"AP_API_RATE_LIMIT_AUTHN_ENABLED", "true"},
        {"AP_API_RATE_LIMIT_AUTHN_MAX", "5"},
        {"AP_API_RATE_LIMIT_AUTHN_WINDOW", "5 minutes"},
        {"AP_CLIENT_REAL_IP_HEADER", "x-real-ip"},
        {"AP_TRIGGER_DEFAULT_POLL_INTERVAL", "5"},
        {"AP_ENABLE_FLOW_ON_PUBLISH", "false"},
        {"AP_LOG_LEVEL", "warn"},
        {"AP_RATE_LIMIT_ENABLED", "true"},
        {"AP_MAX_CONCURRENT_FLOWS", "5"},
        {"AP_MAX_FLOW_DURATION", "5"},
        {"AP_ENCRYPTION_KEY_LEGACY", "fedcba9876543210fedcba9876543210"},
        {"AP_FILE_STORAGE_TYPE", "S3"},
        {"AP_REDIS_TYPE", "MEMORY"},
        {"AP_REDIS_URL", "redis://h"},
        {"AP_REDIS_HOST", "h"},
        {"AP_REDIS_PORT", "6379"},
        {"AP_REDIS_USER", "u"},
        {"AP_REDIS_PASSWORD", "p"},
        {"AP_REDIS_DB", "3"},
        {"AP_REDIS_USE_SSL", "true"},
        {"AP_REDIS_TLS", "true"},
        {"AP_REDIS_SSL_ENABLED", "true"},
        {"AP_REDIS_SSL_CA_FILE", "/ca"},
        {"AP_CLOUD_AUTH_ENABLED", "true"},
        {"AP_S3_BUCKET", "b"},
        {"AP_S3_ENDPOINT", "https://s3.example.org:9000"},
        {"AP_S3_REGION", "eu-central-1"},
        {"AP_S3_ACCESS_KEY_ID", "id"},
        {"AP_S3_SECRET_ACCESS_KEY", "hush"},
    };
    return kNames;
}

TEST(Config, KnowsEveryNameOfTheContract) {
    const auto& taken = taken_names();
    Environment environment = good();
    environment.insert(taken.begin(), taken.end());
    environment.insert({{"AP_REDIS_SENTINEL_HOSTS", "h:26379"},
                        {"AP_REDIS_SENTINEL_NAME", "mymaster"},
                        {"AP_REDIS_SENTINEL_ROLE", "master"}});
    const Result<Config> config = read_config(environment);
    ASSERT_TRUE(config.ok()) << config.message();
    EXPECT_TRUE(config->warnings.empty()) << config->warnings.front();
    EXPECT_EQ(config->store_value_bytes_max, 65'536U);
    EXPECT_EQ(config->flow_steps_max, 50U);
    EXPECT_TRUE(config->files.in_s3);
    EXPECT_EQ(config->slice_bytes, 65'536U);
    EXPECT_EQ(config->shown_input_bytes, 3072U);
    EXPECT_EQ(config->files.account.region, "eu-central-1");
    for (const char* name : {"AP_INTERNAL_URL",
                             "AP_CONFIG_PATH",
                             "AP_PREWARM_CACHE_ON_STARTUP",
                             "AP_POSTGRES_IDLE_TIMEOUT_MS",
                             "AP_REDIS_FAILED_JOB_RETENTION_DAYS",
                             "AP_QUEUE_UI_ENABLED",
                             "AP_CONTAINER_TYPE",
                             "AP_MAX_BARRIER_SIGNALS",
                             "AP_SANDBOX_PROPAGATED_ENV_VARS",
                             "AP_NETWORK_MODE",
                             "AP_S3_USE_SIGNED_URLS",
                             "AP_S3_USE_IRSA",
                             "AP_CUSTOM_PIECES_PATHS",
                             "AP_DEV_PIECES",
                             "AP_GOOGLE_CLIENT_ID",
                             "AP_EVENT_DESTINATION_TIMEOUT_SECONDS",
                             "AP_WEBHOOK_PAYLOAD_INLINE_THRESHOLD_KB",
                             "AP_MAX_STREAM_FILE_SIZE_MB",
                             "AP_ISSUE_ARCHIVE_DAYS",
                             "AP_TELEMETRY_ENABLED",
                             "AP_LOG_PRETTY",
                             "AP_EDITION",
                             "AP_API_KEY",
                             "AP_SANDBOX_TYPE",
                             "AP_SSL_CERT",
                             "AP_MCP_TOKEN_LIFETIME",
                             "AP_GDPR_ENABLED",
                             "AP_PERSONAL_DATA_RETENTION_DAYS",
                             "AP_TURNSTILE_SITE_KEY",
                             "AP_MODEL_CATALOG_URL",
                             "AP_AI_CREDIT_USD_VALUE"}) {
        Environment other = good();
        other[name] = "1";
        const Result<Config> read = read_config(other);
        ASSERT_TRUE(read.ok()) << read.message();
        ASSERT_EQ(read->warnings.size(), 1U) << name;
        EXPECT_TRUE(read->warnings[0].starts_with(std::string(name) + " has no effect: "))
            << read->warnings[0];
    }
}

// Codes and refresh tokens go to that service: nobody is asked unless it was asked for, and nobody
// listens on the way.
TEST(Config, TheServiceOfCloudConnectionsIsOffAndSafe) {
    Environment environment = good();
    EXPECT_FALSE(read_config(environment)->cloud_auth);
    environment["AP_CLOUD_AUTH_ENABLED"] = "true";
    EXPECT_TRUE(read_config(environment)->cloud_auth);
    EXPECT_EQ(read_config(environment)->cloud_service, "https://secrets.activepieces.com");
    for (const auto& [given, read] :
         {std::pair("https://Own.example:8443/", "https://own.example:8443"),
          std::pair("https://own.example/a/", "https://own.example/a"),
          std::pair("http://127.0.0.1:99/a", "http://127.0.0.1:99/a"),
          std::pair("http://[::1]:99", "http://[::1]:99")}) {
        environment["SALLYPORT_CLOUD_AUTH_URL"] = given;
        const Result<Config> config = read_config(environment);
        ASSERT_TRUE(config.ok()) << config.message();
        EXPECT_EQ(config->cloud_service, read);
    }
    for (const char* wrong :
         {"http://own.example", "http://localhost", "http://127.example.org",
          "https://own.example?x=1", "https://u:p@own.example", "own.example"}) {
        environment["SALLYPORT_CLOUD_AUTH_URL"] = wrong;
        const Result<Config> config = read_config(environment);
        ASSERT_FALSE(config.ok()) << wrong;
        EXPECT_TRUE(config.message().starts_with("SALLYPORT_CLOUD_AUTH_URL ")) << config.message();
    }
}

TEST(Config, SecretsOfAppsAreReadAndMasked) {
    Environment environment = good();
    EXPECT_EQ(read_config(environment)->app_secrets, nullptr);
    environment["AP_APP_WEBHOOK_SECRETS"] =
        R"({"@activepieces/piece-slack":{"webhookSecret":"planted"}})";
    const Result<Config> config = read_config(environment);
    ASSERT_TRUE(config.ok()) << config.message();
    EXPECT_EQ(config->app_secrets->at("slack").secret.reveal(), R"("planted")");
    EXPECT_EQ(print_config(environment).find("planted"), std::string::npos);
    environment["AP_APP_WEBHOOK_SECRETS"] = R"({"@activepieces/piece-slack":"planted"})";
    const Result<Config> bad = read_config(environment);
    ASSERT_FALSE(bad.ok());
    EXPECT_TRUE(bad.message().starts_with("AP_APP_WEBHOOK_SECRETS ")) << bad.message();
    EXPECT_EQ(bad.message().find("planted"), std::string::npos);
}

TEST(Config, TakesRedisInOneOrInParts) {
    Environment environment = good();
    environment["AP_DB_TYPE"] = "POSTGRES";
    environment["AP_POSTGRES_URL"] = "postgres://u:p@h/d";
    environment["AP_REDIS_URL"] = "rediss://ann:a%40b%3Ac@[::1]:7000/4";
    environment["AP_REDIS_HOST"] = "other";
    const Result<Config> config = read_config(environment);
    ASSERT_TRUE(config.ok()) << config.message();
    EXPECT_TRUE(config->warnings.empty());
    const auto redis = redis_options(config->redis, "/ca");
    ASSERT_TRUE(redis.ok()) << redis.message();
    EXPECT_EQ(redis->peer.host, "::1");
    EXPECT_EQ(redis->peer.port, 7000);
    EXPECT_EQ(redis->user, "ann");
    EXPECT_EQ(redis->password.reveal(), "a@b:c");
    EXPECT_EQ(redis->database, 4U);
    EXPECT_TRUE(redis->tls);
    EXPECT_EQ(redis->ca_file, "/ca");
    environment.erase("AP_REDIS_URL");
    environment["AP_REDIS_PASSWORD"] = "hush-hush";
    environment["AP_REDIS_SSL_CA_FILE"] = "/other-ca";
    const Result<Config> parts = read_config(environment);
    const auto from_parts = redis_options(parts->redis, "/ca");
    ASSERT_TRUE(from_parts.ok());
    EXPECT_EQ(from_parts->peer.host, "other");
    EXPECT_EQ(from_parts->peer.port, 6379);
    EXPECT_EQ(from_parts->password.reveal(), "hush-hush");
    EXPECT_FALSE(from_parts->tls);
    EXPECT_EQ(from_parts->ca_file, "/other-ca");
    EXPECT_EQ(print_config(environment).find("hush-hush"), std::string::npos);
    environment["AP_DB_TYPE"] = "SQLITE3";
    const Result<Config> alone = read_config(environment);
    ASSERT_EQ(alone->warnings.size(), 1U);
    EXPECT_NE(alone->warnings[0].find("AP_REDIS_* has no effect: one engine"), std::string::npos);
    environment["AP_REDIS_TYPE"] = "MEMORY";
    EXPECT_FALSE(read_config(environment)->redis.is_set());
    EXPECT_TRUE(read_config(environment)->warnings.empty());
}

TEST(Config, TakesSentinelsInsteadOfAServer) {
    Environment environment = good();
    environment["AP_DB_TYPE"] = "POSTGRES";
    environment["AP_POSTGRES_URL"] = "postgres://u:p@h/d";
    environment["AP_REDIS_TYPE"] = "SENTINEL";
    environment["AP_REDIS_SENTINEL_HOSTS"] = "one.example:5000, two.example,[::1]:6000,10.0.0.1";
    environment["AP_REDIS_SENTINEL_NAME"] = "mymaster";
    environment["AP_REDIS_PASSWORD"] = "hush";
    environment["SALLYPORT_REDIS_SENTINEL_PASSWORD"] = "hush-too";
    const Result<Config> config = read_config(environment);
    ASSERT_TRUE(config.ok()) << config.message();
    EXPECT_TRUE(config->warnings.empty());
    ASSERT_TRUE(config->redis.is_set());
    const auto redis = redis_options(config->redis, "");
    ASSERT_TRUE(redis.ok()) << redis.message();
    std::string sentinels;
    for (const RedisPeer& peer : redis->clone().sentinels) {
        sentinels += peer.host + " " + std::to_string(peer.port) + ";";
    }
    EXPECT_EQ(sentinels, "one.example 5000;two.example 26379;::1 6000;10.0.0.1 26379;");
    EXPECT_EQ(redis->clone().master, "mymaster");
    EXPECT_EQ(redis->clone().password.reveal(), "hush");
    EXPECT_EQ(redis->clone().sentinel_password.reveal(), "hush-too");
    EXPECT_EQ(print_config(environment).find("hush"), std::string::npos);
    environment["AP_REDIS_URL"] = "redis://:hush@h";
    const Result<Config> both = read_config(environment);
    ASSERT_FALSE(both.ok());
    EXPECT_EQ(both.message().find("hush"), std::string::npos);
}

TEST(Config, LooksAtTheBucketOfFiles) {
    Environment environment = good();
    environment["AP_S3_BUCKET"] = "b";
    environment["AP_S3_ACCESS_KEY_ID"] = "id";
    environment["AP_S3_SECRET_ACCESS_KEY"] = "hush-hush";
    ASSERT_TRUE(read_config(environment).ok());
    EXPECT_EQ(print_config(environment).find("hush-hush"), std::string::npos);
    for (const auto& [name, value, said] :
         {std::tuple("AP_S3_BUCKET", "a b", "characters"),
          std::tuple("AP_S3_ENDPOINT", "https://h/path", "without a path"),
          std::tuple("AP_S3_ENDPOINT", "h:9000", "without a path")}) {
        Environment bad = environment;
        bad[name] = value;
        const Result<Config> config = read_config(bad);
        ASSERT_FALSE(config.ok()) << value;
        EXPECT_NE(config.message().find(said), std::string::npos) << config.message();
    }
    environment["AP_S3_ENDPOINT"] = "http://10.0.0.1:9000";
    environment["SALLYPORT_S3_PATH_STYLE"] = "false";
    EXPECT_NE(read_config(environment).message().find("must be a name"), std::string::npos);
}

TEST(Config, ALimitOfProjectsThatIsNamedIsKept) {
    Environment environment = good();
    environment["AP_MAX_CONCURRENT_JOBS_PER_PROJECT"] = "100";
    const Result<Config> config = read_config(environment);
    ASSERT_TRUE(config.ok()) << config.message();
    EXPECT_TRUE(config->project_limit_enabled);
    EXPECT_EQ(config->project_concurrency, 100U);
    environment["AP_PROJECT_RATE_LIMITER_ENABLED"] = "false";
    EXPECT_FALSE(read_config(environment)->project_limit_enabled);
}

TEST(Config, KnowsTheModesOfExecution) {
    struct Mode {
        const char* name;
        bool pieces;
        bool code;
        bool jailed;
    };
    for (const Mode& mode :
         {Mode{"SANDBOX_CODE_ONLY", false, false, true},
          Mode{"SANDBOX_CODE_AND_PROCESS", true, false, true},
          Mode{"SANDBOX_PROCESS", true, true, true}, Mode{"SANDBOXED", true, true, true},
          Mode{"UNSANDBOXED", true, true, false}}) {
        Environment environment = good();
        environment["AP_EXECUTION_MODE"] = mode.name;
        environment["PATH"] = "/usr/bin";
        environment["npm_config_registry"] = "https://registry.test/";
        environment["AP_POSTGRES_PASSWORD"] = "never npm's";
        const Result<Config> config = read_config(environment);
        ASSERT_TRUE(config.ok()) << config.message();
        EXPECT_EQ(config->node_pieces, mode.pieces) << mode.name;
        EXPECT_EQ(config->node_code, mode.code) << mode.name;
        EXPECT_EQ(config->node_jailed, mode.jailed) << mode.name;
        EXPECT_EQ(config->npm_environment,
                  (std::vector<std::string>{"PATH=/usr/bin",
                                            "npm_config_registry=https://registry.test/"}));
    }
}

struct BadCase {
    std::string_view name;
    std::string_view value;
    std::string_view remedy;
};

TEST(Config, SaysWhatIsWrongInOneLine) {
    const std::vector<BadCase> cases = {
        {"AP_JWT_SECRET", "", "AP_JWT_SECRET is empty; make one with: openssl rand -hex 32"},
        {"AP_JWT_SECRET", "short", "openssl rand -hex 32"},
        {"AP_ENCRYPTION_KEY", "", "openssl rand -hex 16"},
        {"AP_ENCRYPTION_KEY", "0123456789abcdef", "32 (or 64) hexadecimal"},
        {"AP_ENCRYPTION_KEY", "zzzz456789abcdef0123456789abcdef", "must be hexadecimal"},
        {"SALLYPORT_VERDICT_SECRET", "", "SALLYPORT_VERDICT_SECRET is empty"},
        {"SALLYPORT_VERDICT_SECRET", "tiny", "too short"},
        {"SALLYPORT_VERDICT_SECRET_FILE", "/nonexistent", "SALLYPORT_VERDICT_SECRET_FILE"},
        {"AP_FLOW_TIMEOUT_SECONDS", "0", "from 1 to 86400"},
        {"AP_FLOW_TIMEOUT_SECONDS", "ten", "'ten'"},
        {"AP_WEBHOOK_TIMEOUT_SECONDS", "901", "from 1 to 900"},
        {"AP_ALLOW_OPEN_SIGN_UP", "yes", "true or false"},
        {"AP_API_RATE_LIMIT_AUTHN_WINDOW", "soon", "duration"},
        {"SALLYPORT_LISTEN", "localhost:3000", "use unix:PATH or 127.0.0.1:PORT"},
        {"SALLYPORT_LISTEN", "127.0.0.1:70000", "use unix:PATH"},
        {"SALLYPORT_LISTEN", "unix:", "path must have"},
        {"SALLYPORT_SOCKET_MODE", "rw", "octal"},
        {"SALLYPORT_SQLITE_SYNCHRONOUS", "off", "full or normal"},
        {"AP_EXECUTION_MODE", "sandboxed", "SANDBOX_PROCESS or UNSANDBOXED"},
        {"SALLYPORT_NODE_MEMORY_MB", "16", "from 64 to 2048"},
        {"SALLYPORT_NODE_IDLE_PROCESSES", "65", "from 0 to 64"},
        {"SALLYPORT_RUN_LOGS_TO_S3_AFTER_SECONDS", "0", "from 1 to 31536000"},
        {"AP_PIECES_SYNC_MODE", "ALL", "OFFICIAL_AUTO or NONE"},
        {"AP_TRIGGER_DEFAULT_POLL_INTERVAL", "0", "from 1 to 59"},
        {"SALLYPORT_EGRESS_ALLOW", "not an address!", "SALLYPORT_EGRESS_ALLOW"},
        {"SALLYPORT_EARLIER_ENCRYPTION_KEYS", "0123,0123456789abcdef0123456789abcdef",
         "32 (or 64)"},
        {"AP_MAX_FIELDS_PER_TABLE", "1000", "from 1 to 999"},
        {"AP_DB_TYPE", "MYSQL", "SQLITE3 (embedded) or POSTGRES"},
        {"AP_DB_TYPE", "POSTGRES", "set AP_POSTGRES_URL, or AP_POSTGRES_HOST"},
        {"AP_DEFAULT_CONCURRENT_JOBS_LIMIT", "0", "from 1 to"},
        {"SALLYPORT_PROJECT_RUNS_PER_MONTH", "-1", "from 0 to"},
        {"SALLYPORT_METRICS_TOKEN", "short", "too short"},
        {"AP_POSTGRES_PORT", "0", "from 1 to 65535"},
        {"AP_POSTGRES_POOL_SIZE", "1", "from 4 to 64"},
        {"AP_LOG_LEVEL", "loud", "debug, info, warn or error"},
        {"AP_SANDBOX_MEMORY_LIMIT", "1", "24576"},
        {"AP_REDIS_TYPE", "CLUSTER", "STANDALONE, SENTINEL or MEMORY"},
        {"AP_REDIS_TYPE", "SENTINEL", "AP_REDIS_SENTINEL_HOSTS and AP_REDIS_SENTINEL_NAME"},
        {"AP_REDIS_SENTINEL_HOSTS", "a:1,,b", "host:port"},
        {"AP_REDIS_SENTINEL_HOSTS", "a:70000", "host:port"},
        {"AP_REDIS_SENTINEL_ROLE", "slave", "must be master"},
        {"AP_REDIS_URL", "http://h", "its scheme is another"},
        {"AP_REDIS_URL", "redis://u:p@h:x", "its host or port"},
        {"AP_REDIS_URL", "redis://h/one", "its database is no number"},
        {"AP_REDIS_PORT", "0", "from 1 to 65535"},
        {"AP_FILE_STORAGE_LOCATION", "s3", "DB or S3"},
        {"AP_FILE_STORAGE_LOCATION", "S3", "set AP_S3_BUCKET"},
        {"AP_S3_BUCKET", "b", "set AP_S3_ACCESS_KEY_ID"},
        {"SALLYPORT_S3_PATH_STYLE", "yes", "auto, true or false"},
    };
    for (const BadCase& test : cases) {
        Environment environment = good();
        environment[std::string(test.name)] = test.value;
        const Result<Config> config = read_config(environment);
        ASSERT_FALSE(config.ok()) << test.name << "=" << test.value;
        EXPECT_NE(config.message().find(test.name.substr(0, 9)), std::string::npos)
            << config.message();
        EXPECT_NE(config.message().find(test.remedy), std::string::npos) << config.message();
        EXPECT_EQ(config.message().find('\n'), std::string::npos);
    }
}

TEST(Config, NeedsBothSecrets) {
    for (const std::string_view name : {"AP_JWT_SECRET", "AP_ENCRYPTION_KEY"}) {
        Environment environment = good();
        environment.erase(std::string(name));
        const Result<Config> config = read_config(environment);
        ASSERT_FALSE(config.ok());
        EXPECT_NE(config.message().find(std::string(name) + " is not set; make one with: openssl"),
                  std::string::npos)
            << config.message();
    }
}

TEST(Config, NeverShowsASecret) {
    Environment environment = good();
    environment["SALLYPORT_VERDICT_SECRET"] = "verdict-secret-of-the-test";
    const std::string printed = print_config(environment);
    EXPECT_EQ(printed.find("0123456789abcdef"), std::string::npos);
    EXPECT_EQ(printed.find("verdict-secret"), std::string::npos);
    environment["AP_ENCRYPTION_KEY_LEGACY"] = "fedcba9876543210fedcba9876543210";
    EXPECT_EQ(print_config(environment).find("fedcba98"), std::string::npos);
    EXPECT_NE(printed.find("AP_JWT_SECRET=********\n"), std::string::npos);
    EXPECT_NE(printed.find("AP_FLOW_TIMEOUT_SECONDS=600\n"), std::string::npos);
}

TEST(Config, ReadsFilesOfSettings) {
    const Result<Environment> read =
        parse_env_file("# comment\n\nA=1\r\n B = x\nC=\"quoted = yes\"\nD='q'\nE=\n");
    ASSERT_TRUE(read.ok()) << read.message();
    EXPECT_EQ(*read,
              (Environment{{"A", "1"}, {"B", " x"}, {"C", "quoted = yes"}, {"D", "q"}, {"E", ""}}));
    EXPECT_FALSE(parse_env_file("A=1\nnonsense\n").ok());
}

}  // namespace
}  // namespace sallyport::engine
