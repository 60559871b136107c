#include "engine/app/engine.hpp"

#include "common/contract.hpp"
#include "engine/adapters/alerts.hpp"
#include "engine/adapters/api/api.hpp"
#include "engine/adapters/api/quota.hpp"
#include "engine/adapters/api/step_files.hpp"
#include "engine/adapters/asio_loop.hpp"
#include "engine/adapters/auth_checks.hpp"
#include "engine/adapters/http/client.hpp"
#include "engine/adapters/http/patient_http_client.hpp"
#include "engine/adapters/http/server.hpp"
#include "engine/adapters/json_log.hpp"
#include "engine/adapters/metrics_text.hpp"
#include "engine/adapters/password_hasher.hpp"
#include "engine/adapters/postgres/store.hpp"
#include "engine/adapters/redis/bus.hpp"
#include "engine/adapters/runs/flow_cache.hpp"
#include "engine/adapters/runs/item_triggers.hpp"
#include "engine/adapters/runs/moved_journals.hpp"
#include "engine/adapters/runs/project_limits.hpp"
#include "engine/adapters/runs/retention.hpp"
#include "engine/adapters/runs/run_driver.hpp"
#include "engine/adapters/runs/schedule_runner.hpp"
#include "engine/adapters/s3/objects.hpp"
#include "engine/adapters/sandbox/jsbox_pool.hpp"
#include "engine/adapters/sqlite/store.hpp"
#include "engine/adapters/steps/service_steps.hpp"
#include "engine/adapters/steps/table_steps.hpp"
#include "engine/adapters/stored_secrets.hpp"
#include "engine/adapters/system_clock.hpp"
#include "engine/app/data_folder.hpp"
#include "engine/app/descriptors.hpp"
#include "engine/app/flags.hpp"
#include "engine/app/native_performers.hpp"
#include "engine/app/node_tier.hpp"
#include "engine/app/postgres_settings.hpp"
#include "engine/app/shared_time.hpp"
#include "engine/app/version.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <memory>

namespace sallyport::engine {
namespace {

// Base64, JSON escapes and multipart frames around the largest payload.
constexpr std::size_t kBodySlackBytes = 4u << 20;
// Of the largest bodies, as many as these may be on their way at once, however large they may be.
constexpr std::size_t kLargestBodiesAtOnce = 4;

// Connections to PostgreSQL that do not read: changes, transactions, presence.
constexpr std::size_t kOtherConnections = 3;

ApiOptions api_options(const Config& config) {
    ApiOptions options;
    options.open_sign_up = config.open_sign_up;
    options.enable_flow_on_publish = config.enable_flow_on_publish;
    options.webhook_timeout_ms = config.webhook_timeout_ms;
    options.webhook_payload_bytes_max = config.webhook_payload_bytes_max;
    options.public_url = config.public_url;
    options.base_url = public_url_of(config);
    options.file_bytes_max = config.file_bytes_max;
    options.file_seconds = config.retention_ms / 1000;
    options.slice_bytes = config.slice_bytes;
    options.fields_max = config.table_fields_max;
    options.records_max = config.table_records_max;
    options.store_value_bytes_max = config.store_value_bytes_max;
    options.flow_steps_max = config.flow_steps_max;
    options.runs_active_max = config.runs_active_max;
    options.project_runs_per_month = config.project_runs_per_month;
    options.data_dir = config.data_dir;
    options.poll_minutes = config.poll_minutes;
    options.trigger_hooks_ms = config.trigger_hooks_ms;
    options.audit_log = config.audit_log;
    options.validates_connections = config.validates_connections;
    options.auth_limit_enabled = config.auth_limit_enabled;
    options.auth_limit_max = config.auth_limit_max;
    options.auth_limit_window_ms = config.auth_limit_window_ms;
    options.client_address_header = config.client_address_header;
    options.metrics_token = config.metrics_token.clone();
    options.version = kEngineVersion;
    options.flags = flags_of(config);
    return options;
}

RunDriverOptions driver_options(const Config& config) {
    RunDriverOptions options;
    options.flow_timeout_ms = config.flow_timeout_ms;
    options.pause_ms_max = config.pause_ms_max;
    options.code_timeout_ms = static_cast<std::uint32_t>(config.code_timeout_ms);
    options.code_memory_bytes = config.code_memory_bytes;
    options.log_bytes_max = config.run_log_bytes_max;
    options.store_value_bytes_max = config.store_value_bytes_max;
    options.shown_input_bytes = config.shown_input_bytes;
    options.runs_max = config.runs_max;
    options.active_max = config.runs_active_max;
    options.project_runs_per_month = config.project_runs_per_month;
    // A fifth is left to the others.
    options.project_active_max = config.project_limit_enabled
                                     ? config.project_concurrency
                                     : std::max<std::size_t>(1, config.runs_active_max * 4 / 5);
    options.public_url = public_url_of(config);
    options.resume_key =
        std::make_shared<HmacKey>(DigestAlgorithm::sha256, config.jwt_secret.reveal());
    return options;
}

HttpClientOptions http_options(const Config& config) {
    HttpClientOptions options;
    options.policy = config.egress;
    options.ca_file = config.ca_file;
    options.user_agent = "Sallyport/" + std::string(kEngineVersion);
    return options;
}

EgressPolicy policy_for(const MailSettings& mail) {
    const auto allowed = EgressPolicy::parse(mail.host + ":" + std::to_string(mail.port));
    return allowed.ok() ? *allowed : EgressPolicy();
}

// The operator's bucket, which nothing but the engine's own files may reach by this.
struct Bucket {
    Bucket(Loop& loop, const Clock& clock, const Config& config, S3Bucket made)
        : http(loop, options_for(config, made)),
          objects(loop, clock, http, std::move(made), config.files.time_ms) {}

    // Null: none is named.
    static std::unique_ptr<Bucket> open(Loop& loop, const Clock& clock, const Config& config) {
        const S3Account& from = config.files.account;
        if (from.bucket.empty()) {
            return nullptr;
        }
        Result<S3Bucket> made = s3_bucket(from.clone());
        return made.ok() ? std::make_unique<Bucket>(loop, clock, config, *std::move(made))
                         : nullptr;  // read_config has looked
    }

    static HttpClientOptions options_for(const Config& config, const S3Bucket& bucket) {
        HttpClientOptions options = http_options(config);
        const auto allowed = EgressPolicy::parse(bucket.host_and_port);
        options.policy = allowed.ok() ? *allowed : EgressPolicy();
        options.tenant_requests_max = options.requests_max;
        return options;
    }

    CurlHttpClient http;
    S3Objects objects;
};

MailSettings settings_of(const MailSettings& mail) {
    return {mail.host, mail.port,   mail.user,       mail.password.clone(),
            mail.tls,  mail.sender, mail.sender_name};
}

// With what runs in Node, where that is asked for.
PiecePerformers with_node(PiecePerformers performers, NodeTier* node) {
    if (node != nullptr) {
        PiecePerformers hosted = node->performers();
        performers.other = std::move(hosted.other);
        performers.code = std::move(hosted.code);
    }
    return performers;
}

HostedTriggersOptions trigger_options(const Config& config) {
    return {config.trigger_ms, config.trigger_hooks_ms, config.poll_minutes};
}

JsboxOptions sandbox_options(const Config& config) {
    JsboxOptions options;
    options.worker_path = config.jsbox_path;
    options.workers = config.sandbox_workers;
    return options;
}

// Everything that lives as long as the engine serves; destroyed in reverse order. The store comes
// after the loop and finishes what is queued before the loop is gone.
struct Engine {
    Engine(const Config& config, AsioLoop& on, Log& to, const Clock& time,
           std::unique_ptr<Store> opened, const std::optional<NodeboxOptions>& nodebox)
        : loop(on),
          log(to),
          clock(time),
          store(std::move(opened)),
          secrets(config.encryption_key),
          sockets(loop, http_options(config)),
          http(loop, time, sockets),
          tokens({loop, time, *store, http, secrets},
                 config.cloud_auth ? config.cloud_service : std::string()),
          stored_secrets(*store, secrets, tokens),
          sandbox(loop, &http, sandbox_options(config)),
          flows(*store),
          services{{loop, config.egress},
                   StepThreads(loop),
                   config.ca_file,
                   config.data_dir + "/databases"},
          archives({loop, time, entropy, *store}),
          node(nodebox ? std::make_unique<NodeTier>(NodeTier::Ports{loop, time, http, sandbox,
                                                                    stored_secrets, archives, log},
                                                    config, *nodebox)
                       : nullptr),
          mail(!config.mail.host.empty() ? std::make_unique<Mail>(*this, config) : nullptr),
          bucket(Bucket::open(loop, time, config)),
          files({time, entropy, *store, bucket ? &bucket->objects : nullptr}, config.files.in_s3),
          journals({loop, time, *store, *store, files, bucket ? &bucket->objects : nullptr, log},
                   {config.files.in_s3, config.files.journals_after_ms}),
          step_files(api),
          csv({loop, http, sandbox, step_files, services.threads}, csv_limits(config)),
          tables(api, step_files, HmacKey(DigestAlgorithm::sha256, config.jwt_secret.reveal())),
          driver({loop, time, entropy, journals, *store, flows, sandbox, http, stored_secrets, log,
                  with_node(with_tables(piece_performers(services, http, csv), tables), node.get()),
                  on_end(), [this](const RunRow& run) { quotas.refused(run); }},
                 driver_options(config)),
          apps(node ? std::make_unique<AppListeners>(
                          AppListeners::Ports{node->pieces(), *store, time, entropy},
                          config.app_secrets, config.trigger_ms)
                    : nullptr),
          triggers(node ? std::make_unique<HostedTriggers>(
                              HostedTriggers::Ports{node->pieces(), *apps, driver, log},
                              trigger_options(config))
                        : nullptr),
          limits(*store, driver, log),
          retention(loop, time, *store, files, log, {config.retention_ms, config.audit_ms}),
          queues(time, *store, *store, driver),
          auth_checks(services, s3_performer(http)),
          items({time, entropy, *store, driver, {http, services}, sandbox, stored_secrets, log},
                config.trigger_ms),
          schedules({loop, time, *store, flows, driver, queues, items, log, triggers.get()}),
          passwords(loop),
          jobs({time, *store, log}, entropy),
          mcp_relay({loop, time, entropy, *store, secrets}, config.use_postgres),
          api({time,
               entropy,
               *store,
               *store,
               journals,
               *store,
               *store,
               files,
               flows,
               archives,
               driver,
               passwords,
               secrets,
               tokens,
               jobs,
               log,
               mcp_relay,
               [this] { return metrics(); },
               node ? &node->pieces() : nullptr,
               triggers.get(),
               mail ? &mail->mailer : nullptr,
               &items,
               apps.get(),
               &auth_checks},
              api_options(config), HmacKey(DigestAlgorithm::sha256, config.jwt_secret.reveal()),
              config.verdict_secret.empty()
                  ? std::nullopt
                  : std::optional(contract::verdict_key(config.verdict_secret))),
          quotas(api) {
        for (const Secret& key : config.earlier_keys) {
            secrets.add_earlier(key);
        }
        if (node) {
            node->connect(api);
        }
    }

    // The operator's mail server, which nothing but the engine's own mails may reach by this.
    struct Mail {
        Mail(Engine& engine, const Config& config)
            : services{{engine.loop, policy_for(config.mail)},
                       StepThreads(engine.loop),
                       config.ca_file,
                       {}},
              mailer(services, engine.clock, engine.entropy, engine.log, settings_of(config.mail)),
              alerts(*engine.store, mailer, engine.clock, config.public_url) {}
        ServiceSteps services;
        Mailer mailer;
        Alerts alerts;
    };

    std::function<void(const RunRow&, RunStatus)> on_end() {
        if (!mail) {
            return {};
        }
        return [&alerts = mail->alerts](const RunRow& run, RunStatus status) {
            alerts.run_ended(run, status);
        };
    }

    std::string metrics() const {
        const JsboxPool::Counters box = sandbox.counters();
        return metrics_text({driver.counters(),
                             driver.gauges(),
                             store->commits(),
                             {box.workers_ready, box.running, box.queued, box.runs,
                              box.workers_started, box.workers_killed},
                             api.calls_live(),
                             std::string(kEngineVersion)});
    }

    AsioLoop& loop;
    Log& log;
    const Clock& clock;
    SystemEntropy entropy;
    std::unique_ptr<Store> store;
    SecretBox secrets;
    CurlHttpClient sockets;
    PatientHttpClient http;
    OAuth2Tokens tokens;
    StoredSecrets stored_secrets;
    JsboxPool sandbox;
    FlowCache flows;
    ServiceSteps services;
    PieceArchives archives;
    std::unique_ptr<NodeTier> node;  // null: AP_EXECUTION_MODE does not ask for it
    std::unique_ptr<Mail> mail;      // null: no AP_SMTP_HOST
    std::unique_ptr<Bucket> bucket;  // null: no AP_S3_BUCKET
    FileKeeper files;
    MovedJournals journals;
    ApiStepFiles step_files;
    CsvSteps csv;
    TableSteps tables;
    RunDriver driver;
    std::unique_ptr<AppListeners> apps;        // null: as `node`
    std::unique_ptr<HostedTriggers> triggers;  // likewise
    ProjectLimits limits;
    Retention retention;
    QueueRunner queues;
    AuthChecks auth_checks;
    ItemTriggers items;
    ScheduleRunner schedules;
    PasswordHasher passwords;
    Jobs jobs;
    McpRelay mcp_relay;
    Api api;
    QuotaKeeper quotas;
    std::unique_ptr<HttpServer> server;
    bool stopping = false;
};

// Requests under way end, then the loop does. Runs that go on are taken up by the next start.
void stop(Engine& engine, std::int64_t drain_ms, int signal) {
    if (std::exchange(engine.stopping, true)) {
        engine.loop.stop();  // asked twice: at once
        return;
    }
    engine.log.write(LogLevel::info, "stopping", {{"signal", Json::integer(signal)}});
    engine.schedules.stop();
    engine.retention.stop();
    engine.journals.stop();
    engine.limits.stop();
    if (engine.node) {
        engine.node->stop_idling();
    }
    engine.loop.after(drain_ms, [&engine] { engine.loop.stop(); });
    engine.server->drain([&engine] { engine.driver.when_idle([&engine] { engine.loop.stop(); }); });
}

Status serve(Engine& engine, const Config& config) {
    HttpServerOptions options;
    options.body_bytes_max =
        std::max(config.webhook_payload_bytes_max, config.file_bytes_max) + kBodySlackBytes;
    options.held_bytes_max =
        std::max(options.held_bytes_max, kLargestBodiesAtOnce * options.body_bytes_max);
    options.connections_max = std::min(options.connections_max, connection_descriptors());
    auto server = HttpServer::listen(engine.loop, config.listen, options,
                                     [&engine](WebRequest request, HttpServer::Respond respond) {
                                         engine.api.handle(std::move(request), std::move(respond));
                                     });
    if (!server.ok()) {
        return server.error();
    }
    engine.server = *std::move(server);
    engine.schedules.start();
    engine.retention.start();
    engine.journals.start();
    ListenAddress address = config.listen;
    address.port = engine.server->port();
    engine.log.write(LogLevel::info, "listening",
                     {{"address", Json::string(address.to_string())},
                      {"version", Json::string(kEngineVersion)}});
    engine.loop.on_signals({SIGTERM, SIGINT}, [&engine, &config](int signal) {
        stop(engine, config.drain_ms, signal);
    });
    engine.loop.run();
    return Done{};
}

// Null: no Redis is named, or nobody to be told.
std::unique_ptr<AnswerBus> open_bus(const Config& config, AsioLoop& loop, Log& log) {
    if (!config.use_postgres || !config.redis.is_set()) {
        return nullptr;
    }
    const auto options = redis_options(config.redis, config.ca_file);
    return options.ok() ? std::make_unique<RedisBus>(loop, *options, log)
                        : nullptr;  // read_config has looked
}

Result<std::unique_ptr<Store>> open_store(const Config& config, Loop& loop, SystemClock& clock,
                                          Log& log, AnswerBus* bus) {
    if (!config.use_postgres) {
        auto store =
            SqliteStore::open(config.data_dir + "/engine.db", config.durability, loop, clock, log);
        return store.ok() ? Result<std::unique_ptr<Store>>(*std::move(store)) : store.error();
    }
    const auto connection = postgres_options(config);
    if (!connection.ok()) {
        return connection.error();
    }
    PostgresStoreOptions options;
    options.connection = *connection;
    options.bus = bus;
    options.tell_time = follow_time(clock, log);
    if (config.postgres.pool_size > 0) {
        options.readers = config.postgres.pool_size - kOtherConnections;
    }
    auto store = PostgresStore::open(std::move(options), loop, clock, log);
    return store.ok() ? Result<std::unique_ptr<Store>>(*std::move(store)) : store.error();
}

// What other processes on the same database did.
void hear(Engine& engine) {
    engine.store->on_notice([&engine](const StoreNotice& notice) {
        if (notice.kind == StoreNotice::Kind::flow_changed) {
            engine.flows.forget(notice.id);
        } else if (notice.kind == StoreNotice::Kind::missed) {
            engine.flows.forget_all();
        }
        engine.driver.notice(notice);
    });
}

}  // namespace

Status run_engine(Config config) {
    SystemClock clock;
    JsonLog log(STDERR_FILENO, config.log_level, clock);
    for (const std::string& warning : config.warnings) {
        log.write(LogLevel::warn, "setting_ignored", {{"problem", Json::string(warning)}});
    }
    if (!config.listen.is_private() && config.verdict_secret.empty()) {
        log.write(LogLevel::warn, "listening_in_public",
                  {{"problem", Json::string("anyone who reaches " + config.listen.to_string() +
                                            " gets past the gateway; set "
                                            "SALLYPORT_VERDICT_SECRET_FILE")}});
    }
    std::optional<NodeboxOptions> nodebox;
    if (config.node_pieces) {
        Result<NodeboxOptions> checked = NodeTier::check(config);
        if (!checked.ok()) {
            return checked.error();
        }
        nodebox = *std::move(checked);
        log.write(
            config.node_jailed ? LogLevel::info : LogLevel::warn,
            config.node_jailed ? "node_tier_walled_in" : "node_tier_without_walls",
            {{"node", Json::string(nodebox->node_path)},
             {"problem", config.node_jailed
                             ? Json::null()
                             : Json::string("AP_EXECUTION_MODE is UNSANDBOXED: code steps and "
                                            "pieces may do whatever this user may")}});
    }
    const auto folder = DataFolder::take(config.data_dir, !config.use_postgres);
    if (!folder.ok()) {
        return folder.error();
    }
    AsioLoop loop;
    const std::unique_ptr<AnswerBus> bus = open_bus(config, loop, log);
    auto store = open_store(config, loop, clock, log, bus.get());
    if (!store.ok()) {
        return store.error();
    }
    Engine engine(config, loop, log, clock, *std::move(store), nodebox);
    hear(engine);
    // Before the first request: what was acknowledged comes first in the lines.
    Status recovered = Error{"the store did not answer"};
    engine.limits.start(loop, [&] {
        engine.driver.recover([&](const Result<std::size_t>& count) {
            recovered = count.ok() ? Status(Done{}) : Status(count.error());
            if (count.ok() && *count > 0) {
                log.write(LogLevel::info, "runs_recovered",
                          {{"count", Json::integer(static_cast<std::int64_t>(*count))}});
            }
            loop.stop();
        });
    });
    loop.run();
    return recovered.ok() ? serve(engine, config) : recovered;
}

}  // namespace sallyport::engine
