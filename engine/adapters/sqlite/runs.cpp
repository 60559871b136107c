// Runs and their journal in SQLite.
#include "engine/adapters/failed_runs.hpp"
#include "engine/adapters/like_text.hpp"
#include "engine/adapters/sqlite/page.hpp"
#include "engine/adapters/sqlite/run_rows.hpp"
#include "engine/adapters/sqlite/store.hpp"
#include "engine/adapters/tag_text.hpp"

namespace sallyport::engine {
namespace {

Status insert_commit(SqliteDb& db, const std::string& run_id, std::int64_t sequence,
                     const std::string& entries) {
    if (const auto packed = pack_text(entries)) {
        return SqliteQuery(db,
                           "INSERT INTO run_journal (run_id, sequence, entries, packed) "
                           "VALUES (?, ?, '', ?)")
            .bind_all(run_id, sequence)
            .bind_blob(*packed)
            .run();
    }
    return SqliteQuery(db, "INSERT INTO run_journal (run_id, sequence, entries) VALUES (?, ?, ?)")
        .bind_all(run_id, sequence, entries)
        .run();
}

Result<std::string> earlier_run(SqliteDb& db, const NewRun& run) {
    SqliteQuery query(db,
                      "SELECT run_id FROM webhook_delivery WHERE flow_id = ? AND delivery_id = ?");
    query.bind_all(run.row.flow_id, run.delivery_id);
    std::string earlier = query.row() ? query.text(0) : std::string();
    return query.ok() ? Result<std::string>(std::move(earlier)) : query.status().error();
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
    return earlier_run(db, run);
}

// Nothing: it may be stored, and is counted.
Result<std::optional<RunAccepted>> count_run(SqliteDb& db, const NewRun& run) {
    const Result<std::string> earlier =
        run.delivery_id.empty() ? Result<std::string>(std::string()) : earlier_run(db, run);
    if (!earlier.ok()) {
        return earlier.error();
    }
    if (!earlier->empty()) {
        return std::optional(RunAccepted{*earlier, true});
    }
    SqliteQuery count(db,
                      "INSERT INTO run_count (project_id, month, runs) VALUES (?, ?, 1) "
                      "ON CONFLICT (project_id, month) DO UPDATE SET runs = runs + 1 "
                      "WHERE runs < ?");
    const Status status = count.bind_all(run.row.project_id, run.quota.month, run.quota.most).run();
    if (!status.ok()) {
        return status.error();
    }
    return db.changes() > 0 ? std::nullopt : std::optional(RunAccepted{run.row.id, false, true});
}

Result<RunAccepted> insert_run(SqliteDb& db, const NewRun& run) {
    if (run.quota.most > 0) {
        const Result<std::optional<RunAccepted>> settled = count_run(db, run);
        if (!settled.ok() || settled->has_value()) {
            return settled.ok() ? Result<RunAccepted>(**settled) : settled.error();
        }
    }
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
                          ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query.bind_all(row.id, row.project_id, row.flow_id, row.version_id, row.display_name,
                   row.environment, row.status);
    query.bind_null_if_empty(row.failed_step);
    query.bind_all(row.steps_count, row.created_ms, row.updated_ms, row.started_ms, row.finished_ms,
                   row.resume_ms);
    query.bind_null_if_empty(row.parent_run_id);
    query.bind_all(row.fail_parent, row.archived_ms, row.queue_class);
    query.bind_null_if_empty(row.tags);
    Status status = query.run();
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
                      "UPDATE run SET status = ?, failed_step = ?, tags = ?, steps_count = ?, "
                      "updated_ms = ?, finished_ms = ?, resume_ms = ?, queue_class = 0 "
                      "WHERE id = ?");
    query.bind(commit.status);
    query.bind_null_if_empty(commit.failed_step);
    query.bind_null_if_empty(commit.tags);
    status = query
                 .bind_all(commit.steps_count, commit.updated_ms, commit.finished_ms,
                           commit.resume_ms, commit.run_id)
                 .run();
    return status.ok() ? Result<Appended>(Appended::stored) : Result<Appended>(status.error());
}

Result<Page<RunRow>> read_page(SqliteDb& db, const RunQuery& wanted) {
    // Without statistics SQLite has to be told what finds least: a plus keeps it from the others.
    const bool failures = are_failures(wanted.statuses);
    const bool by_id = !wanted.ids.empty();
    const bool of_one_flow = wanted.flow_ids.size() == 1 && !failures && !by_id;
    std::string sql = "SELECT " SALLYPORT_RUN_COLUMNS " FROM run WHERE environment = 'PRODUCTION'";
    sql += of_one_flow || by_id ? " AND +project_id = ?" : " AND project_id = ?";
    sql += wanted.include_archived ? "" : " AND archived_ms = 0";
    sql += in_clause(of_one_flow ? "flow_id" : "+flow_id", wanted.flow_ids);
    sql += in_clause("status", wanted.statuses);
    sql += failures ? kFailedRuns : "";
    for (std::size_t i = 0; i < wanted.tags.size(); ++i) {
        sql += " AND instr(',' || trim(tags, '[]') || ',', ?) > 0";
    }
    sql += wanted.created_after_ms ? " AND created_ms >= ?" : "";
    sql += wanted.created_before_ms ? " AND created_ms <= ?" : "";
    sql += wanted.failed_step_name.empty()
               ? ""
               : " AND failed_step IS NOT NULL AND json_extract(failed_step, '$.name') = ?";
    sql += wanted.failed_step_message.empty()
               ? ""
               : " AND json_extract(failed_step, '$.message') LIKE ? ESCAPE '\\'";
    sql += in_clause("id", wanted.ids);
    sql += page_clause(wanted.cursor, "created_ms", "id");
    const std::string message = like_text(wanted.failed_step_message);
    const std::vector<std::string> tags = tag_texts(wanted.tags);
    SqliteQuery query(db, sql);
    query.bind(wanted.project_id);
    bind_list(query, wanted.flow_ids);
    bind_list(query, wanted.statuses);
    bind_list(query, tags);
    if (wanted.created_after_ms) {
        query.bind(*wanted.created_after_ms);
    }
    if (wanted.created_before_ms) {
        query.bind(*wanted.created_before_ms);
    }
    if (!wanted.failed_step_name.empty()) {
        query.bind(wanted.failed_step_name);
    }
    if (!wanted.failed_step_message.empty()) {
        query.bind(message);
    }
    bind_list(query, wanted.ids);
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

}  // namespace

void SqliteStore::create_run(NewRun run, StoreDone<RunAccepted> done) {
    const bool alone = run.delivery_id.empty() && run.quota.most == 0;
    const Unit unit = alone ? Unit::statement : Unit::transaction;
    writer_.submit<RunAccepted>(
        unit, [run = std::move(run)](SqliteDb& db) { return insert_run(db, run); },
        std::move(done));
}

void SqliteStore::counted_runs(std::vector<std::string> project_ids, std::int64_t month,
                               StoreDone<RunCounts> done) {
    reader_.submit<RunCounts>(
        Unit::statement,
        [project_ids = std::move(project_ids), month](SqliteDb& db) -> Result<RunCounts> {
            SqliteQuery query(db, "SELECT project_id, runs FROM run_count WHERE month = ?" +
                                      in_clause("project_id", project_ids));
            query.bind(month);
            bind_list(query, project_ids);
            RunCounts counts;
            while (query.row()) {
                counts.emplace_back(query.text(0), query.integer(1));
            }
            return query.ok() ? Result<RunCounts>(std::move(counts)) : query.status().error();
        },
        std::move(done));
}

void SqliteStore::forget_counts(std::int64_t before_month, StoreDone<Done> done) {
    writer_.submit<Done>(
        Unit::statement,
        [before_month](SqliteDb& db) {
            return SqliteQuery(db, "DELETE FROM run_count WHERE month < ?")
                .bind(before_month)
                .run();
        },
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

void SqliteStore::count_runs(RunQuery wanted, StoreDone<std::vector<StatusCount>> done) {
    using Counts = std::vector<StatusCount>;
    lister_.submit<Counts>(
        Unit::statement,
        [wanted = std::move(wanted)](SqliteDb& db) -> Result<Counts> {
            std::string sql =
                "SELECT status, count(*) FROM run WHERE project_id = ? "
                "AND environment = 'PRODUCTION' AND archived_ms = 0";
            sql += wanted.created_after_ms ? " AND created_ms >= ?" : "";
            sql += wanted.created_before_ms ? " AND created_ms <= ?" : "";
            SqliteQuery query(db, sql + " GROUP BY status ORDER BY status");
            query.bind(wanted.project_id);
            for (const auto& at_ms : {wanted.created_after_ms, wanted.created_before_ms}) {
                if (at_ms) {
                    query.bind(*at_ms);
                }
            }
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
    lister_.submit<Page<RunRow>>(
        Unit::statement, [query = std::move(query)](SqliteDb& db) { return read_page(db, query); },
        std::move(done));
}

}  // namespace sallyport::engine
