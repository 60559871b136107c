#include "engine/adapters/sqlite/schema.hpp"

#include <array>

namespace sallyport::engine {
namespace {

// Run ids sort by time, so the tables of runs are clustered by age without an index of their own.
constexpr const char* kFirst = R"sql(
CREATE TABLE platform (
    id TEXT PRIMARY KEY NOT NULL,
    owner_id TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE user (
    id TEXT PRIMARY KEY NOT NULL,
    platform_id TEXT NOT NULL REFERENCES platform (id),
    email TEXT NOT NULL UNIQUE,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    platform_role TEXT NOT NULL,
    status TEXT NOT NULL,
    token_version TEXT NOT NULL,
    track_events INTEGER NOT NULL,
    news_letter INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE project (
    id TEXT PRIMARY KEY NOT NULL,
    platform_id TEXT NOT NULL REFERENCES platform (id),
    owner_id TEXT NOT NULL REFERENCES user (id),
    display_name TEXT NOT NULL,
    type TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX project_owner ON project (owner_id, created_ms);
CREATE TABLE flow (
    id TEXT PRIMARY KEY NOT NULL,
    project_id TEXT NOT NULL REFERENCES project (id),
    external_id TEXT NOT NULL,
    owner_id TEXT,
    folder_id TEXT,
    status TEXT NOT NULL,
    published_version_id TEXT,
    metadata TEXT,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    UNIQUE (project_id, external_id)
) WITHOUT ROWID;
CREATE INDEX flow_updated ON flow (project_id, updated_ms, id);
CREATE TABLE flow_version (
    id TEXT PRIMARY KEY NOT NULL,
    flow_id TEXT NOT NULL REFERENCES flow (id) ON DELETE CASCADE,
    display_name TEXT NOT NULL,
    trigger TEXT NOT NULL,
    valid INTEGER NOT NULL,
    schema_version TEXT NOT NULL,
    state TEXT NOT NULL,
    connection_ids TEXT NOT NULL,
    updated_by TEXT,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX flow_version_flow ON flow_version (flow_id, created_ms, id);
CREATE TABLE run (
    id TEXT PRIMARY KEY NOT NULL,
    project_id TEXT NOT NULL,
    flow_id TEXT NOT NULL,
    version_id TEXT NOT NULL,
    display_name TEXT NOT NULL,
    environment TEXT NOT NULL,
    status TEXT NOT NULL,
    failed_step TEXT,
    steps_count INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    finished_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX run_project ON run (project_id, environment, created_ms, id);
CREATE INDEX run_unfinished ON run (id) WHERE finished_ms = 0;
CREATE TABLE run_journal (
    run_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    entries TEXT NOT NULL,
    PRIMARY KEY (run_id, sequence)
) WITHOUT ROWID;
CREATE TABLE webhook_delivery (
    flow_id TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (flow_id, delivery_id)
) WITHOUT ROWID;
)sql";

// Paused runs wait in the table, not in memory.
constexpr const char* kPausedRuns = R"sql(
ALTER TABLE run ADD COLUMN resume_ms INTEGER NOT NULL DEFAULT 0;
DROP INDEX run_unfinished;
CREATE INDEX run_unfinished ON run (id) WHERE finished_ms = 0 AND resume_ms = 0;
CREATE INDEX run_paused ON run (resume_ms) WHERE resume_ms > 0;
)sql";

// Runs started by a step of another run; runs that are put away; what is due by a clock.
constexpr const char* kParentsAndSchedules = R"sql(
ALTER TABLE run ADD COLUMN parent_run_id TEXT;
ALTER TABLE run ADD COLUMN fail_parent INTEGER NOT NULL DEFAULT 1;
ALTER TABLE run ADD COLUMN archived_ms INTEGER NOT NULL DEFAULT 0;
CREATE TABLE schedule (
    flow_id TEXT PRIMARY KEY NOT NULL REFERENCES flow (id) ON DELETE CASCADE,
    cron TEXT NOT NULL,
    timezone TEXT NOT NULL,
    next_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX schedule_next ON schedule (next_ms);
)sql";

// Notes on flows, and small things of many kinds.
constexpr const char* kEntities = R"sql(
ALTER TABLE flow ADD COLUMN time_saved TEXT;
ALTER TABLE flow_version ADD COLUMN notes TEXT;
CREATE TABLE entity (
    id TEXT PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    label TEXT NOT NULL,
    body TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    UNIQUE (kind, scope, key)
) WITHOUT ROWID;
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

// Long commits are kept as frames of zstd, beside an empty text.
constexpr const char* kPackedJournals = R"sql(
ALTER TABLE run_journal ADD COLUMN packed BLOB;
)sql";

// Names that runs are found by.
constexpr const char* kTags = R"sql(
ALTER TABLE run ADD COLUMN tags TEXT;
)sql";

// Where the journals of ended runs are that are not here.
constexpr const char* kMovedJournals = R"sql(
CREATE TABLE moved_journal (
    run_id TEXT PRIMARY KEY NOT NULL,
    object TEXT NOT NULL,
    bytes INTEGER NOT NULL
) WITHOUT ROWID;
)sql";

// Versions that were stored when `connections?.id` was no reference get it among their connections.
constexpr const char* kOptionalConnections = R"sql(
UPDATE flow_version SET connection_ids =
    CASE connection_ids WHEN '[]' THEN '['
    ELSE substr(connection_ids, 1, length(connection_ids) - 1) || ',' END || named.more || ']'
FROM (SELECT v.id AS version, group_concat(json_quote(c.key), ',') AS more
      FROM flow_version v JOIN flow f ON f.id = v.flow_id
      JOIN entity c ON c.kind = 'connection' AND c.scope = f.project_id
      WHERE (instr(v.trigger, 'connections?.' || c.key) > 0
             OR instr(v.trigger, 'connections?.[''' || c.key || ''']') > 0
             OR instr(v.trigger, 'connections?.[\"' || c.key || '\"]') > 0
             OR instr(v.trigger, 'connections.[''' || c.key || ''']') > 0
             OR instr(v.trigger, 'connections.[\"' || c.key || '\"]') > 0)
            AND instr(v.connection_ids, json_quote(c.key)) = 0
      GROUP BY v.id) AS named
WHERE flow_version.id = named.version AND flow_version.connection_ids LIKE '[%]';
)sql";

// What versions use, without their triggers, which are long and lie before it in the row.
constexpr const char* kConnectionUses = R"sql(
CREATE INDEX flow_version_connections ON flow_version (id, connection_ids)
    WHERE connection_ids <> '[]';
)sql";

// The template that a flow was made from.
constexpr const char* kFlowTemplates = R"sql(
ALTER TABLE flow ADD COLUMN template_id TEXT;
)sql";

// Until when a flow is one call's.
constexpr const char* kFlowClaims = R"sql(
ALTER TABLE flow ADD COLUMN claimed_until_ms INTEGER NOT NULL DEFAULT 0;
)sql";

// What administrators call users elsewhere.
constexpr const char* kExternalUsers = R"sql(
ALTER TABLE user ADD COLUMN external_id TEXT NOT NULL DEFAULT '';
)sql";

// Commits lie in the order in which they came, and are found through an index that is small. As
// rows of the key they lay between those of other runs, and what was longer than a quarter of a
// page took a page of its own.
constexpr const char* kJournalsAsTheyCame = R"sql(
ALTER TABLE run_journal RENAME TO run_journal_by_key;
CREATE TABLE run_journal (
    run_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    entries TEXT NOT NULL,
    packed BLOB,
    PRIMARY KEY (run_id, sequence)
);
INSERT INTO run_journal (run_id, sequence, entries, packed)
    SELECT run_id, sequence, entries, packed FROM run_journal_by_key ORDER BY run_id, sequence;
DROP TABLE run_journal_by_key;
)sql";

// Lists of one flow's runs, and of those that failed, without looking at all the others.
constexpr const char* kRunLists = R"sql(
CREATE INDEX run_flow ON run (flow_id, environment, created_ms, id);
CREATE INDEX run_failed ON run (project_id, environment, created_ms, id)
    WHERE finished_ms > 0 AND status <> 'SUCCEEDED';
)sql";

// How many runs projects have begun, by calendar month.
constexpr const char* kRunCounts = R"sql(
CREATE TABLE run_count (
    project_id TEXT NOT NULL,
    month INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (project_id, month)
) WITHOUT ROWID;
)sql";

constexpr std::array<const char*, 16> kMigrations = {kFirst,
                                                     kPausedRuns,
                                                     kParentsAndSchedules,
                                                     kEntities,
                                                     kLines,
                                                     kPackedJournals,
                                                     kTags,
                                                     kMovedJournals,
                                                     kOptionalConnections,
                                                     kConnectionUses,
                                                     kFlowTemplates,
                                                     kFlowClaims,
                                                     kExternalUsers,
                                                     kJournalsAsTheyCame,
                                                     kRunLists,
                                                     kRunCounts};

Status apply(SqliteDb& db, std::int64_t version, const char* sql, std::int64_t now_ms) {
    const Status status = db.execute(sql);
    if (!status.ok()) {
        return status;
    }
    return SqliteQuery(db, "INSERT INTO schema_migration (version, applied_ms) VALUES (?, ?)")
        .bind_all(version, now_ms)
        .run();
}

Status migrate(SqliteDb& db, std::int64_t now_ms, Log& log) {
    Status status = db.execute(
        "CREATE TABLE IF NOT EXISTS schema_migration "
        "(version INTEGER PRIMARY KEY NOT NULL, applied_ms INTEGER NOT NULL)");
    if (!status.ok()) {
        return status;
    }
    std::int64_t current = 0;
    {
        SqliteQuery query(db, "SELECT coalesce(max(version), 0) FROM schema_migration");
        current = query.row() ? query.integer(0) : 0;
        if (!query.ok()) {
            return query.status();
        }
    }
    const auto newest = static_cast<std::int64_t>(kMigrations.size());
    if (current > newest) {
        return Error{"the database has schema version " + std::to_string(current) +
                     ", newer than this engine knows (" + std::to_string(newest) +
                     "): start the newer engine, or restore a backup"};
    }
    if (current > 0 && current < newest) {
        log.write(LogLevel::info, "schema_migrating",
                  {{"from", Json::integer(current)}, {"to", Json::integer(newest)}});
    }
    for (std::int64_t version = current; version < newest && status.ok(); ++version) {
        status = apply(db, version + 1, kMigrations[static_cast<std::size_t>(version)], now_ms);
    }
    return status;
}

}  // namespace

// All of it in one transaction: a file is never left between two versions, and a new one is made
// with one sync.
Status migrate_schema(SqliteDb& db, std::int64_t now_ms, Log& log) {
    const Status begun = db.execute("BEGIN IMMEDIATE");
    if (!begun.ok()) {
        return begun;
    }
    const Status status = migrate(db, now_ms, log);
    const Status ended = db.execute(status.ok() ? "COMMIT" : "ROLLBACK");
    return status.ok() ? ended : status;
}

}  // namespace sallyport::engine
