// Runs that wait for their turn, in SQLite.
#include "engine/adapters/sqlite/run_rows.hpp"
#include "engine/adapters/sqlite/store.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace sallyport::engine {
namespace {

using Lines = std::vector<WaitingLine>;

// Rows of (project, class, count, time of the first).
Result<Lines> read_lines(SqliteQuery& query) {
    Lines lines;
    while (query.row()) {
        lines.push_back({query.text(0), query.integer(1),
                         static_cast<std::size_t>(query.integer(2)), query.integer(3)});
    }
    return query.ok() ? Result<Lines>(std::move(lines)) : query.status().error();
}

// Counts rows of (project, class, time) by line.
Result<Lines> count_lines(SqliteQuery& query) {
    Lines lines;
    while (query.row()) {
        const std::string project = query.text(0);
        const std::int64_t queue_class = query.integer(1);
        const std::int64_t created_ms = query.integer(2);
        const auto found = std::find_if(lines.begin(), lines.end(), [&](const WaitingLine& line) {
            return line.project_id == project && line.queue_class == queue_class;
        });
        if (found == lines.end()) {
            lines.push_back({project, queue_class, 1, created_ms});
        } else {
            found->count += 1;
            found->oldest_ms = std::min(found->oldest_ms, created_ms);
        }
    }
    return query.ok() ? Result<Lines>(std::move(lines)) : query.status().error();
}

// The oldest of the line, with their journals, until these have as many bytes as are left.
Status read_line(SqliteDb& db, const LineClaim& line, std::size_t& bytes_left,
                 std::vector<StoredRun>& runs) {
    SqliteQuery query(db, "SELECT " SALLYPORT_RUN_COLUMNS
                          " FROM run WHERE queue_class > 0 AND project_id = ? "
                          "AND queue_class = ? ORDER BY id LIMIT ?");
    query.bind_all(line.project_id, line.queue_class, static_cast<std::int64_t>(line.limit));
    while (bytes_left > 0 && query.row()) {
        StoredRun run{read_run(query), {}};
        const Status status = read_commits(db, run);
        if (!status.ok()) {
            return status;
        }
        for (const std::string& commit : run.commits) {
            bytes_left -= std::min(bytes_left, commit.size());
        }
        run.row.queue_class = 0;
        run.row.status = run.row.status == "QUEUED" ? "RUNNING" : run.row.status;
        runs.push_back(std::move(run));
    }
    return query.status();
}

Status take_line(SqliteDb& db, const LineClaim& line, const std::string& last_id) {
    return SqliteQuery(db,
                       "UPDATE run SET queue_class = 0, "
                       "status = CASE status WHEN 'QUEUED' THEN 'RUNNING' ELSE status END "
                       "WHERE queue_class > 0 AND project_id = ? AND queue_class = ? AND id <= ?")
        .bind_all(line.project_id, line.queue_class, last_id)
        .run();
}

Result<std::vector<StoredRun>> claim(SqliteDb& db, const std::vector<LineClaim>& lines,
                                     std::size_t bytes_max) {
    std::vector<StoredRun> runs;
    for (const LineClaim& line : lines) {
        const std::size_t before = runs.size();
        Status status = read_line(db, line, bytes_max, runs);
        if (status.ok() && runs.size() > before) {
            status = take_line(db, line, runs.back().row.id);
        }
        if (!status.ok()) {
            return status.error();
        }
    }
    std::sort(runs.begin(), runs.end(), [](const StoredRun& left, const StoredRun& right) {
        return left.row.id < right.row.id;
    });
    return runs;
}

}  // namespace

void SqliteStore::waiting_lines(StoreDone<Lines> done) {
    reader_.submit<Lines>(
        Unit::statement,
        [](SqliteDb& db) {
            SqliteQuery query(db,
                              "SELECT r.project_id, r.queue_class, r.waiting, f.created_ms FROM "
                              "(SELECT project_id, queue_class, count(*) AS waiting, min(id) AS id "
                              "FROM run WHERE queue_class > 0 GROUP BY project_id, queue_class) r "
                              "JOIN run f ON f.id = r.id");
            return read_lines(query);
        },
        std::move(done));
}

void SqliteStore::claim_waiting(std::vector<LineClaim> lines, std::size_t bytes_max,
                                StoreDone<std::vector<StoredRun>> done) {
    writer_.submit<std::vector<StoredRun>>(
        Unit::transaction,
        [lines = std::move(lines), bytes_max](SqliteDb& db) { return claim(db, lines, bytes_max); },
        std::move(done));
}

// One process: whatever is under way was under way in the process before this one.
void SqliteStore::requeue_orphans(StoreDone<Lines> done) {
    writer_.submit<Lines>(
        Unit::statement,
        [](SqliteDb& db) {
            SqliteQuery query(db,
                              "UPDATE run SET queue_class = ? WHERE finished_ms = 0 "
                              "AND resume_ms = 0 AND queue_class = 0 "
                              "RETURNING project_id, queue_class, created_ms");
            query.bind(RunRow::kInterrupted);
            return count_lines(query);
        },
        std::move(done));
}

void SqliteStore::queue_due_runs(std::int64_t now_ms, std::size_t limit, StoreDone<Lines> done) {
    writer_.submit<Lines>(
        Unit::statement,
        [now_ms, limit](SqliteDb& db) {
            SqliteQuery query(
                db,
                "UPDATE run SET queue_class = ?, resume_ms = 0 WHERE id IN (SELECT id FROM run "
                "WHERE resume_ms > 0 AND resume_ms <= ? ORDER BY resume_ms LIMIT ?) "
                "RETURNING project_id, queue_class, created_ms");
            query.bind_all(RunRow::kDue, now_ms, static_cast<std::int64_t>(limit));
            return count_lines(query);
        },
        std::move(done));
}

}  // namespace sallyport::engine
