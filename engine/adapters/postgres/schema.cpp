#include "engine/adapters/postgres/schema.hpp"

#include <array>
#include <string>

namespace sallyport::engine {
namespace {

// Text compares by bytes: ids sort by time, and cursors must not depend on a locale.
constexpr const char* kFirst = R"sql(
CREATE TABLE platform (
    id TEXT COLLATE "C" PRIMARY KEY,
    owner_id TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);
CREATE TABLE "user" (
    id TEXT COLLATE "C" PRIMARY KEY,
    platform_id TEXT NOT NULL REFERENCES platform (id),
    email TEXT NOT NULL UNIQUE,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    platform_role TEXT NOT NULL,
    status TEXT NOT NULL,
    token_version TEXT NOT NULL,
    track_events BOOLEAN NOT NULL,
    news_letter BOOLEAN NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);
CREATE TABLE project (
    id TEXT COLLATE "C" PRIMARY KEY,
    platform_id TEXT NOT NULL REFERENCES platform (id),
    owner_id TEXT NOT NULL REFERENCES "user" (id),
    display_name TEXT NOT NULL,
    type TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);
CREATE INDEX project_owner ON project (owner_id, created_ms);
CREATE TABLE flow (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id),
    external_id TEXT NOT NULL,
    owner_id TEXT,
    folder_id TEXT,
    status TEXT NOT NULL,
    published_version_id TEXT,
    metadata TEXT,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    UNIQUE (project_id, external_id)
);
CREATE INDEX flow_updated ON flow (project_id, updated_ms, id);
CREATE TABLE flow_version (
    id TEXT COLLATE "C" PRIMARY KEY,
    flow_id TEXT NOT NULL REFERENCES flow (id) ON DELETE CASCADE,
    display_name TEXT NOT NULL,
    trigger TEXT NOT NULL,
    valid BOOLEAN NOT NULL,
    schema_version TEXT NOT NULL,
    state TEXT NOT NULL,
    connection_ids TEXT NOT NULL,
    updated_by TEXT,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);
CREATE INDEX flow_version_flow ON flow_version (flow_id, created_ms, id);
CREATE TABLE run (
    id TEXT COLLATE "C" PRIMARY KEY,
    project_id TEXT NOT NULL,
    flow_id TEXT NOT NULL,
    version_id TEXT NOT NULL,
    display_name TEXT NOT NULL,
    environment TEXT NOT NULL,
    status TEXT NOT NULL,
    failed_step TEXT,
    steps_count BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    started_ms BIGINT NOT NULL,
    finished_ms BIGINT NOT NULL,
    resume_ms BIGINT NOT NULL,
    parent_run_id TEXT,
    fail_parent BOOLEAN NOT NULL,
    archived_ms BIGINT NOT NULL,
    owner INTEGER NOT NULL
);
CREATE INDEX run_project ON run (project_id, environment, created_ms, id);
CREATE INDEX run_unfinished ON run (id) WHERE finished_ms = 0 AND resume_ms = 0;
CREATE INDEX run_paused ON run (resume_ms) WHERE resume_ms > 0;
CREATE TABLE run_journal (
    run_id TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    entries TEXT NOT NULL,
    PRIMARY KEY (run_id, sequence)
);
CREATE TABLE webhook_delivery (
    flow_id TEXT COLLATE "C" NOT NULL,
    delivery_id TEXT COLLATE "C" NOT NULL,
    run_id TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (flow_id, delivery_id)
);
CREATE TABLE schedule (
    flow_id TEXT COLLATE "C" PRIMARY KEY REFERENCES flow (id) ON DELETE CASCADE,
    cron TEXT NOT NULL,
    timezone TEXT NOT NULL,
    next_ms BIGINT NOT NULL
);
CREATE INDEX schedule_next ON schedule (next_ms);
CREATE SEQUENCE engine_number AS INTEGER MINVALUE 1 CYCLE;
CREATE TABLE engine_process (
    number INTEGER PRIMARY KEY,
    beat TIMESTAMPTZ NOT NULL
);
)sql";

// Notes on flows, and small things of many kinds.
constexpr const char* kEntities = R"sql(
ALTER TABLE flow ADD COLUMN time_saved TEXT;
ALTER TABLE flow_version ADD COLUMN notes TEXT;
CREATE TABLE entity (
    id TEXT COLLATE "C" PRIMARY KEY,
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    label TEXT NOT NULL,
    body TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    UNIQUE (kind, scope, key)
);
CREATE INDEX entity_created ON entity (kind, scope, created_ms, id);
)sql";

// Runs that wait for their turn wait in the table, not in memory.
constexpr const char* kLines = R"sql(
ALTER TABLE run ADD COLUMN queue_class INTEGER NOT NULL DEFAULT 0;
DROP INDEX run_unfinished;
CREATE INDEX run_unfinished ON run (id)
    WHERE finished_ms = 0 AND resume_ms = 0 AND queue_class = 0;
CREATE INDEX run_waiting ON run (project_id, queue_class, id) WHERE queue_class > 0;
)sql";

// Which claim took a run out of its line: one that is performed twice gives the same runs.
constexpr const char* kClaims = R"sql(
ALTER TABLE run ADD COLUMN claim BIGINT NOT NULL DEFAULT 0;
)sql";

// Long commits are kept as frames of zstd, beside an empty text; the server need not try to make
// them smaller.
constexpr const char* kPackedJournals = R"sql(
ALTER TABLE run_journal ADD COLUMN packed BYTEA;
ALTER TABLE run_journal ALTER COLUMN packed SET STORAGE EXTERNAL;
)sql";

// Names that runs are found by.
constexpr const char* kTags = R"sql(
ALTER TABLE run ADD COLUMN tags TEXT;
)sql";

// Where the journals of ended runs are that are not here.
constexpr const char* kMovedJournals = R"sql(
CREATE TABLE moved_journal (
    run_id TEXT COLLATE "C" PRIMARY KEY,
    object TEXT NOT NULL,
    bytes BIGINT NOT NULL
);
)sql";

// Versions that were stored when `connections?.id` was no reference get it among their connections.
constexpr const char* kOptionalConnections = R"sql(
UPDATE flow_version SET connection_ids =
    CASE connection_ids WHEN '[]' THEN '['
    ELSE left(connection_ids, -1) || ',' END || named.more || ']'
FROM (SELECT v.id AS version, string_agg(to_json(c.key)::text, ',') AS more
      FROM flow_version v JOIN flow f ON f.id = v.flow_id
      JOIN entity c ON c.kind = 'connection' AND c.scope = f.project_id
      WHERE (strpos(v.trigger, 'connections?.' || c.key) > 0
             OR strpos(v.trigger, 'connections?.[''' || c.key || ''']') > 0
             OR strpos(v.trigger, 'connections?.[\"' || c.key || '\"]') > 0
             OR strpos(v.trigger, 'connections.[''' || c.key || ''']') > 0
             OR strpos(v.trigger, 'connections.[\"' || c.key || '\"]') > 0)
            AND strpos(v.connection_ids, to_json(c.key)::text) = 0
      GROUP BY v.id) AS named
WHERE flow_version.id = named.version AND flow_version.connection_ids LIKE '[%]';
)sql";

// The template that a flow was made from.
constexpr const char* kFlowTemplates = R"sql(
ALTER TABLE flow ADD COLUMN template_id TEXT;
)sql";

// Until when a flow is one call's.
constexpr const char* kFlowClaims = R"sql(
ALTER TABLE flow ADD COLUMN claimed_until_ms BIGINT NOT NULL DEFAULT 0;
)sql";

// What administrators call users elsewhere.
constexpr const char* kExternalUsers = R"sql(
ALTER TABLE "user" ADD COLUMN external_id TEXT NOT NULL DEFAULT '';
)sql";

// Lists of one flow's runs, and of those that failed, without looking at all the others.
constexpr const char* kRunLists = R"sql(
CREATE INDEX run_flow ON run (flow_id, environment, created_ms, id);
CREATE INDEX run_failed ON run (project_id, environment, created_ms, id)
    WHERE finished_ms > 0 AND status <> 'SUCCEEDED';
)sql";

// How many runs projects have begun, by calendar month. Rows change with every group of runs: room
// is left on their pages.
constexpr const char* kRunCounts = R"sql(
CREATE TABLE run_count (
    project_id TEXT COLLATE "C" NOT NULL,
    month BIGINT NOT NULL,
    runs BIGINT NOT NULL,
    PRIMARY KEY (project_id, month)
) WITH (fillfactor = 50);
)sql";

constexpr std::array<const char*, 13> kMigrations = {
    kFirst,          kEntities,   kLines,         kClaims,
    kPackedJournals, kTags,       kMovedJournals, kOptionalConnections,
    kFlowTemplates,  kFlowClaims, kExternalUsers, kRunLists,
    kRunCounts};

// Held while the schema is brought up to date.
constexpr const char* kMigrationLock = "SELECT pg_advisory_xact_lock(1396788336, 0)";

Status apply(PostgresSession& session, std::int64_t version, const char* sql, std::int64_t now_ms) {
    const Status status = session.execute(sql);
    if (!status.ok()) {
        return status;
    }
    const auto noted =
        session.query("INSERT INTO schema_migration (version, applied_ms) VALUES ($1, $2)",
                      {std::to_string(version), std::to_string(now_ms)});
    return noted.ok() ? Status(Done{}) : Status(noted.error());
}

Status migrate(PostgresSession& session, std::int64_t now_ms) {
    Status status = session.execute(kMigrationLock);
    if (status.ok()) {
        status = session.execute(
            "CREATE TABLE IF NOT EXISTS schema_migration "
            "(version BIGINT PRIMARY KEY, applied_ms BIGINT NOT NULL)");
    }
    if (!status.ok()) {
        return status;
    }
    const auto found = session.query("SELECT coalesce(max(version), 0) FROM schema_migration", {});
    if (!found.ok()) {
        return found.error();
    }
    const std::int64_t current = found->integer(0, 0);
    const auto newest = static_cast<std::int64_t>(kMigrations.size());
    if (current > newest) {
        return Error{"the database has schema version " + std::to_string(current) +
                     ", newer than this engine knows (" + std::to_string(newest) +
                     "): start the newer engine, or restore a backup"};
    }
    for (std::int64_t version = current; version < newest && status.ok(); ++version) {
        status =
            apply(session, version + 1, kMigrations[static_cast<std::size_t>(version)], now_ms);
    }
    return status;
}

}  // namespace

// All of it in one transaction: PostgreSQL's tables come and go with it.
Status migrate_postgres(PostgresSession& session, std::int64_t now_ms) {
    Status status = session.execute("BEGIN");
    if (!status.ok()) {
        return status;
    }
    status = migrate(session, now_ms);
    const Status ended = session.execute(status.ok() ? "COMMIT" : "ROLLBACK");
    return status.ok() ? ended : status;
}

}  // namespace sallyport::engine
