// Runs and their journal in SQLite.
#include "engine/adapters/sqlite_page.hpp"
#include "engine/adapters/sqlite_store.hpp"

namespace sallyport::engine {
namespace {

#define SALLYPORT_RUN_COLUMNS                                                                  \
    "id, project_id, flow_id, version_id, display_name, environment, status, failed_step, "    \
    "steps_count, created_ms, updated_ms, started_ms, finished_ms, resume_ms, parent_run_id, " \
    "fail_parent, archived_ms"

RunRow read_run(const SqliteQuery& query) {
    RunRow row;
    row.id = query.text(0);
    row.project_id = query.text(1);
    row.flow_id = query.text(2);
    row.version_id = query.text(3);
    row.display_name = query.text(4);
    row.environment = query.text(5);
    row.status = query.text(6);
    row.failed_step = query.text(7);
    row.steps_count = query.integer(8);
    row.created_ms = query.integer(9);
    row.updated_ms = query.integer(10);
    row.started_ms = query.integer(11);
    row.finished_ms = query.integer(12);
    row.resume_ms = query.integer(13);
    row.parent_run_id = query.text(14);
    row.fail_parent = query.integer(15) != 0;
    row.archived_ms = query.integer(16);
    return row;
}

Status insert_commit(SqliteDb& db, const std::string& run_id, std::int64_t sequence,
                     const std::string& entries) {
    return SqliteQuery(db, "INSERT INTO run_journal (run_id, sequence, entries) VALUES (?, ?, ?)")
        .bind_all(run_id, sequence, entries)
        .run();
}

// The run that has taken this delivery already; empty when this is the first.
Result<std::string> claim_delivery(SqliteDb& db, const NewRun& run) {
    {
        SqliteQuery query(db,
                          "INSERT INTO webhook_delivery (flow_id, delivery_id, run_id, created_ms) "
                          "VALUES (?, ?, ?, ?) ON CONFLICT (flow_id, delivery_id) DO NOTHING");
        const Status status =
            query.bind_all(run.row.flow_id, run.delivery_id, run.row.id, run.row.created_ms).run();
        if (!status.ok()) {
            return status.error();
        }
        if (db.changes() > 0) {
            return std::string();
        }
    }
    SqliteQuery query(db,
                      "SELECT run_id FROM webhook_delivery WHERE flow_id = ? AND delivery_id = ?");
    query.bind_all(run.row.flow_id, run.delivery_id);
    std::string earlier = query.row() ? query.text(0) : std::string();
    if (!query.ok()) {
        return query.status().error();
    }
    return earlier;
}

Result<RunAccepted> insert_run(SqliteDb& db, const NewRun& run) {
    if (!run.delivery_id.empty()) {
        const Result<std::string> earlier = claim_delivery(db, run);
        if (!earlier.ok()) {
            return earlier.error();
        }
        if (!earlier->empty()) {
            return RunAccepted{*earlier, true};
        }
    }
    const RunRow& row = run.row;
    SqliteQuery query(db, "INSERT INTO run (" SALLYPORT_RUN_COLUMNS
                          ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query.bind_all(row.id, row.project_id, row.flow_id, row.version_id, row.display_name,
                   row.environment, row.status);
    query.bind_null_if_empty(row.failed_step);
    query.bind_all(row.steps_count, row.created_ms, row.updated_ms, row.started_ms, row.finished_ms,
                   row.resume_ms);
    query.bind_null_if_empty(row.parent_run_id);
    Status status = query.bind_all(row.fail_parent, row.archived_ms).run();
    status = status.ok() ? insert_commit(db, row.id, 0, run.commit) : status;
    if (!status.ok()) {
        return status.error();
    }
    return RunAccepted{row.id, false};
}

Result<Appended> append_commit(SqliteDb& db, const JournalCommit& commit) {
    Status status = insert_commit(db, commit.run_id, commit.sequence, commit.text);
    if (!status.ok()) {
        return status.error();
    }
    SqliteQuery query(db,
                      "UPDATE run SET status = ?, failed_step = ?, steps_count = ?, "
                      "updated_ms = ?, finished_ms = ?, resume_ms = ? WHERE id = ?");
    query.bind(commit.status);
    query.bind_null_if_empty(commit.failed_step);
    status = query
                 .bind_all(commit.steps_count, commit.updated_ms, commit.finished_ms,
                           commit.resume_ms, commit.run_id)
                 .run();
    return status.ok() ? Result<Appended>(Appended::stored) : Result<Appended>(status.error());
}

Status read_commits(SqliteDb& db, StoredRun& run) {
    SqliteQuery query(db, "SELECT entries FROM run_journal WHERE run_id = ? ORDER BY sequence");
    query.bind(run.row.id);
    while (query.row()) {
        run.commits.push_back(query.text(0));
    }
    return query.status();
}

Result<Page<RunRow>> read_page(SqliteDb& db, const RunQuery& wanted) {
    std::string sql = "SELECT " SALLYPORT_RUN_COLUMNS
                      " FROM run WHERE project_id = ? AND environment = 'PRODUCTION'";
    sql += wanted.include_archived ? "" : " AND archived_ms = 0";
    sql += in_clause("flow_id", wanted.flow_ids);
    sql += in_clause("status", wanted.statuses);
    sql += wanted.created_after_ms ? " AND created_ms >= ?" : "";
    sql += wanted.created_before_ms ? " AND created_ms <= ?" : "";
    sql += wanted.failed_step_name.empty()
               ? ""
               : " AND failed_step IS NOT NULL AND json_extract(failed_step, '$.name') = ?";
    sql += page_clause(wanted.cursor, "created_ms", "id");
    SqliteQuery query(db, sql);
    query.bind(wanted.project_id);
    bind_list(query, wanted.flow_ids);
    bind_list(query, wanted.statuses);
    if (wanted.created_after_ms) {
        query.bind(*wanted.created_after_ms);
    }
    if (wanted.created_before_ms) {
        query.bind(*wanted.created_before_ms);
    }
    if (!wanted.failed_step_name.empty()) {
        query.bind(wanted.failed_step_name);
    }
    bind_page(query, wanted.cursor, wanted.limit);
    std::vector<RunRow> rows;
    while (query.row()) {
        rows.push_back(read_run(query));
    }
    if (!query.ok()) {
        return query.status().error();
    }
    return make_page(std::move(rows), wanted.cursor, wanted.limit,
                     [](const RunRow& row) { return std::pair(row.created_ms, row.id); });
}

// The runs that `query` finds, each with its journal.
Result<std::vector<StoredRun>> read_runs(SqliteDb& db, SqliteQuery& query) {
    std::vector<StoredRun> runs;
    while (query.row()) {
        runs.push_back({read_run(query), {}});
    }
    if (!query.ok()) {
        return query.status().error();
    }
    for (StoredRun& run : runs) {
        const Status status = read_commits(db, run);
        if (!status.ok()) {
            return status.error();
        }
    }
    return runs;
}

Result<std::vector<StoredRun>> read_unfinished(SqliteDb& db, const std::string& after,
                                               std::size_t limit) {
    SqliteQuery query(db, "SELECT " SALLYPORT_RUN_COLUMNS
                          " FROM run WHERE finished_ms = 0 AND resume_ms = 0 AND id > ? "
                          "ORDER BY id LIMIT ?");
    query.bind_all(after, static_cast<std::int64_t>(limit));
    return read_runs(db, query);
}

Result<std::vector<StoredRun>> read_due(SqliteDb& db, std::int64_t now_ms, std::size_t limit) {
    SqliteQuery query(db, "SELECT " SALLYPORT_RUN_COLUMNS
                          " FROM run WHERE resume_ms > 0 AND resume_ms <= ? "
                          "ORDER BY resume_ms LIMIT ?");
    query.bind_all(now_ms, static_cast<std::int64_t>(limit));
    return read_runs(db, query);
}

}  // namespace

void SqliteStore::create_run(NewRun run, StoreDone<RunAccepted> done) {
    const Unit unit = run.delivery_id.empty() ? Unit::statement : Unit::transaction;
    writer_.submit<RunAccepted>(
        unit, [run = std::move(run)](SqliteDb& db) { return insert_run(db, run); },
        std::move(done));
}

void SqliteStore::append(JournalCommit commit, StoreDone<Appended> done) {
    writer_.submit<Appended>(
        Unit::statement,
        [commit = std::move(commit)](SqliteDb& db) { return append_commit(db, commit); },
        std::move(done));
}

void SqliteStore::run(std::string id, StoreDone<std::optional<StoredRun>> done) {
    reader_.submit<std::optional<StoredRun>>(
        Unit::statement,
        [id = std::move(id)](SqliteDb& db) -> Result<std::optional<StoredRun>> {
            StoredRun run;
            {
                SqliteQuery query(db, "SELECT " SALLYPORT_RUN_COLUMNS " FROM run WHERE id = ?");
                query.bind(id);
                if (!query.row()) {
                    return query.ok() ? Result<std::optional<StoredRun>>(std::nullopt)
                                      : query.status().error();
                }
                run.row = read_run(query);
            }
            const Status status = read_commits(db, run);
            if (!status.ok()) {
                return status.error();
            }
            return std::optional(std::move(run));
        },
        std::move(done));
}

void SqliteStore::count_runs(std::string project_id, StoreDone<std::vector<StatusCount>> done) {
    using Counts = std::vector<StatusCount>;
    reader_.submit<Counts>(
        Unit::statement,
        [project_id = std::move(project_id)](SqliteDb& db) -> Result<Counts> {
            SqliteQuery query(db,
                              "SELECT status, count(*) FROM run WHERE project_id = ? "
                              "AND environment = 'PRODUCTION' AND archived_ms = 0 "
                              "GROUP BY status ORDER BY status");
            query.bind(project_id);
            Counts counts;
            while (query.row()) {
                counts.push_back({query.text(0), query.integer(1)});
            }
            return query.ok() ? Result<Counts>(std::move(counts)) : query.status().error();
        },
        std::move(done));
}

void SqliteStore::archive_runs(std::string project_id, std::vector<std::string> ids,
                               std::int64_t now_ms, StoreDone<Done> done) {
    writer_.submit<Done>(
        Unit::transaction,
        [project_id = std::move(project_id), ids = std::move(ids), now_ms](SqliteDb& db) {
            Status status = Done{};
            for (std::size_t i = 0; i < ids.size() && status.ok(); ++i) {
                status = SqliteQuery(db,
                                     "UPDATE run SET archived_ms = ? WHERE id = ? "
                                     "AND project_id = ?")
                             .bind_all(now_ms, ids[i], project_id)
                             .run();
            }
            return status;
        },
        std::move(done));
}

// One process: every run is its own.
void SqliteStore::claim_run(std::string id, StoreDone<ClaimedRun> done) {
    run(std::move(id), [done = std::move(done)](Result<std::optional<StoredRun>> found) {
        if (!found.ok()) {
            done(found.error());
        } else if (!found->has_value()) {
            done(ClaimedRun{});
        } else {
            done(ClaimedRun{ClaimedRun::Outcome::claimed, **std::move(found)});
        }
    });
}

void SqliteStore::list_runs(RunQuery query, StoreDone<Page<RunRow>> done) {
    reader_.submit<Page<RunRow>>(
        Unit::statement, [query = std::move(query)](SqliteDb& db) { return read_page(db, query); },
        std::move(done));
}

void SqliteStore::unfinished_runs(std::string after, std::size_t limit,
                                  StoreDone<std::vector<StoredRun>> done) {
    reader_.submit<std::vector<StoredRun>>(
        Unit::statement,
        [after = std::move(after), limit](SqliteDb& db) {
            return read_unfinished(db, after, limit);
        },
        std::move(done));
}

void SqliteStore::due_runs(std::int64_t now_ms, std::size_t limit,
                           StoreDone<std::vector<StoredRun>> done) {
    reader_.submit<std::vector<StoredRun>>(
        Unit::statement, [now_ms, limit](SqliteDb& db) { return read_due(db, now_ms, limit); },
        std::move(done));
}

}  // namespace sallyport::engine
