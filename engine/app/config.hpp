// The engine's settings: where each comes from, what it may be, and what is wrong with it. Reads
// names and values that the caller collected; touches the environment, files and the network not at
// all, except for secret files named by a setting.
#pragma once

#include "common/result.hpp"
#include "common/secret.hpp"
#include "engine/adapters/http/server.hpp"
#include "engine/adapters/sqlite/db.hpp"
#include "engine/adapters/steps/mailer.hpp"
#include "engine/app/redis_settings.hpp"
#include "engine/core/app_events.hpp"
#include "engine/core/egress_policy.hpp"
#include "engine/core/s3/request.hpp"
#include "engine/ports/log.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

using Environment = std::map<std::string, std::string>;

struct PostgresConfig {
    Secret url;  // postgres://…; over the fields below
    std::string host;
    std::uint16_t port = 5432;
    std::string database;
    std::string username;
    Secret password;
    bool use_ssl = false;
    std::string ssl_ca;         // PEM, or the path of a file of it
    std::size_t pool_size = 0;  // connections; 0: what is usual
};

struct FilesConfig {
    bool in_s3 = false;  // where new files go; those that are there are read wherever they are
    S3Account account;   // without a bucket: none
    std::int64_t time_ms = 30'000;  // of one object
    std::int64_t journals_after_ms =
        60'000;  // how long ended runs keep their journal, with `in_s3`
};

struct Config {
    std::string data_dir = "data";
    ListenAddress listen;  // 127.0.0.1:3000
    LogLevel log_level = LogLevel::info;
    std::int64_t drain_ms = 30'000;

    Secret jwt_secret;
    Secret encryption_key;
    std::vector<Secret> earlier_keys;  // open what was sealed before the key was replaced
    Secret verdict_secret;             // empty: no gateway in front
    Secret metrics_token;              // empty: metrics are for this machine alone
    std::shared_ptr<const AppSecrets> app_secrets;  // null: no app sends events
    bool open_sign_up = false;
    bool auth_limit_enabled = true;
    std::size_t auth_limit_max = 50;
    std::int64_t auth_limit_window_ms = 60'000;
    std::string client_address_header = "x-real-ip";

    std::string public_url;
    bool enable_flow_on_publish = true;
    std::int64_t flow_timeout_ms = 600'000;
    std::int64_t pause_ms_max = 30LL * 24 * 60 * 60 * 1000;
    std::int64_t webhook_timeout_ms = 30'000;
    std::size_t run_log_bytes_max = 50u << 20;
    std::size_t slice_bytes = 32u << 10;       // larger outputs are shown by reference
    std::size_t shown_input_bytes = 2u << 10;  // larger members of inputs by their size
    bool project_limit_enabled = false;
    std::size_t project_concurrency = 5;  // when enabled
    std::size_t runs_max = 1'000'000;
    std::size_t runs_active_max = 1000;
    std::int64_t project_runs_per_month = 0;  // 0: no quota
    std::int64_t retention_ms = 30LL * 24 * 60 * 60 * 1000;
    std::size_t webhook_payload_bytes_max = 25u << 20;
    std::size_t file_bytes_max = 25u << 20;
    FilesConfig files;
    std::size_t table_fields_max = 100;
    std::size_t table_records_max = 10'000;
    std::size_t store_value_bytes_max = 512u << 10;
    std::size_t flow_steps_max = 1500;
    bool audit_log = true;
    bool validates_connections = true;
    std::int64_t audit_ms = 365LL * 24 * 60 * 60 * 1000;
    MailSettings mail;  // without a host: no server

    std::size_t sandbox_workers = 0;  // 0: one more than there are cores
    std::size_t code_memory_bytes = 64u << 20;
    std::int64_t code_timeout_ms = 10'000;
    std::string jsbox_path;  // empty: beside the engine

    // Where code steps and pieces from npm run (AP_EXECUTION_MODE).
    bool node_pieces = false;  // pieces from npm run at all
    bool node_code = false;    // code steps run in Node too, with their packages
    bool node_jailed = true;
    std::string node_path;     // empty: the first of search_path
    std::string nodebox_path;  // empty: beside the engine
    std::size_t node_memory_bytes = 256u << 20;
    std::size_t node_idle_max = 4;  // processes that wait for a run; 0: none
    bool pieces_may_be_fetched = true;
    std::string npm = "npm";
    std::int64_t trigger_ms = 60'000;
    std::int64_t trigger_hooks_ms = 180'000;
    int poll_minutes = 5;
    std::string search_path;                   // PATH
    std::vector<std::string> npm_environment;  // what of the environment npm is given

    bool cloud_auth = false;    // tokens of CLOUD_OAUTH2 come from cloud_service
    std::string cloud_service;  // an address as parse_cloud_service gives it
    EgressPolicy egress;
    std::string ca_file;  // empty: the system's store
    SqliteDurability durability = SqliteDurability::full;
    bool use_postgres = false;
    PostgresConfig postgres;
    RedisConfig redis;

    std::vector<std::string> warnings;  // settings that are there and have no effect
};

// Errors name the setting, the value (never a secret's) and the remedy.
Result<Config> read_config(const Environment& environment);

// The settings in force, one `NAME=value` a line, secrets masked.
std::string print_config(const Environment& environment);

// The table of settings, for --help.
std::string describe_settings();

// `NAME=value` lines; blank lines and lines that begin with `#` are skipped, quotes around a value
// are removed.
Result<Environment> parse_env_file(std::string_view text);

}  // namespace sallyport::engine
