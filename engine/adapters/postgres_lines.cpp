// Runs that wait for their turn, in PostgreSQL. Several processes draw from the same lines: each
// run goes to one of them.
#include "engine/adapters/postgres_run_rows.hpp"
#include "engine/adapters/postgres_store.hpp"

#include <string>
#include <utility>

namespace sallyport::engine {
namespace {

using Lines = std::vector<WaitingLine>;

constexpr std::int64_t kReadAgainMs = 500;

// Rows of (project, class, count, time of the first).
Lines read_lines(const PostgresRows& rows) {
    Lines lines;
    for (int i = 0; i < rows.count(); ++i) {
        lines.push_back({rows.text(i, 0), rows.integer(i, 1),
                         static_cast<std::size_t>(rows.integer(i, 2)), rows.integer(i, 3)});
    }
    return lines;
}

// Moves the runs of a condition into a line and counts them by project.
std::string move_sql(const std::string& which) {
    return "WITH moved AS (UPDATE run SET queue_class = $2::integer, resume_ms = 0, owner = 0 "
           "WHERE id IN (SELECT id FROM run WHERE " +
           which +
           " FOR UPDATE SKIP LOCKED) RETURNING project_id, created_ms) "
           "SELECT project_id, $2::integer, count(*), min(created_ms) FROM moved "
           "GROUP BY project_id";
}

}  // namespace

void PostgresStore::waiting_lines(StoreDone<Lines> done) {
    PostgresStatement query{"waiting_lines",
                            "SELECT project_id, queue_class, count(*), min(created_ms) FROM run "
                            "WHERE queue_class > 0 GROUP BY project_id, queue_class",
                            {}};
    reader().submit(std::move(query), [done = std::move(done)](const Result<PostgresRows>& rows) {
        done(rows.ok() ? Result<Lines>(read_lines(*rows)) : rows.error());
    });
}

// A process that has a run of a line for a moment, to cancel it, keeps it. Performed a second time
// because the connection was lost, the claim gives what it took the first time.
void PostgresStore::claim_waiting(std::vector<LineClaim> lines,
                                  StoreDone<std::vector<StoredRun>> done) {
    static const std::string sql =
        "WITH fresh AS (SELECT first.id FROM "
        "unnest($2::text[], $3::integer[], $4::bigint[]) AS line (project, class, places), "
        "LATERAL (SELECT id FROM run WHERE queue_class > 0 AND project_id = line.project "
        "AND queue_class = line.class AND (owner = 0 OR " +
        PostgresPresence::gone("run.owner") +
        ") ORDER BY id LIMIT line.places FOR UPDATE SKIP LOCKED) first), "
        "again AS (SELECT id FROM run WHERE finished_ms = 0 AND resume_ms = 0 "
        "AND queue_class = 0 AND owner = $1::integer AND claim = $5::bigint) "
        "UPDATE run SET owner = $1::integer, queue_class = 0, claim = $5::bigint, "
        "status = CASE status WHEN 'QUEUED' THEN 'RUNNING' ELSE status END "
        "WHERE id IN (SELECT id FROM fresh UNION ALL SELECT id FROM again) "
        "RETURNING " SALLYPORT_PG_RUN_COLUMNS;
    std::vector<std::string> projects;
    std::vector<std::string> classes;
    std::vector<std::string> places;
    for (const LineClaim& line : lines) {
        projects.push_back(line.project_id);
        classes.push_back(std::to_string(line.queue_class));
        places.push_back(std::to_string(line.limit));
    }
    PostgresStatement claim{"claim_waiting", sql, {}};
    claim.add(number_).add(array_text(projects)).add(array_text(classes)).add(array_text(places));
    claim.add(++claims_);
    writer_->submit(std::move(claim),
                    [this, done = std::move(done)](const Result<PostgresRows>& rows) {
                        read_claimed(rows, done);
                    });
}

void PostgresStore::read_claimed(const Result<PostgresRows>& rows,
                                 StoreDone<std::vector<StoredRun>> done) {
    with_commits(rows, [this, rows, done = std::move(done)](Result<std::vector<StoredRun>> runs) {
        if (runs.ok() || !rows.ok()) {
            done(std::move(runs));
            return;
        }
        loop_.after(kReadAgainMs, [this, rows, done, alive = std::weak_ptr<bool>(alive_)] {
            if (!alive.expired()) {
                read_claimed(rows, done);
            }
        });
    });
}

void PostgresStore::move_to_lines(PostgresStatement statement, StoreDone<Lines> done) {
    if (!presence_->may_claim()) {
        loop_.post([done = std::move(done)] { done(Lines()); });
        return;
    }
    writer_->submit(std::move(statement),
                    [done = std::move(done)](const Result<PostgresRows>& rows) {
                        done(rows.ok() ? Result<Lines>(read_lines(*rows)) : rows.error());
                    });
}

// Those of this process are under way.
void PostgresStore::requeue_orphans(StoreDone<Lines> done) {
    static const std::string sql = move_sql(
        "finished_ms = 0 AND resume_ms = 0 AND queue_class = 0 AND owner <> $1::integer AND " +
        PostgresPresence::free_or_gone());
    PostgresStatement statement{"requeue_orphans", sql, {}};
    move_to_lines(std::move(statement.add(number_).add(RunRow::kInterrupted)), std::move(done));
}

// What rests here under a timer of its own goes on by that.
void PostgresStore::queue_due_runs(std::int64_t now_ms, std::size_t limit, StoreDone<Lines> done) {
    static const std::string sql =
        move_sql("resume_ms > 0 AND resume_ms <= $3::bigint AND owner <> $1::integer AND " +
                 PostgresPresence::free_or_gone() + " ORDER BY resume_ms LIMIT $4::bigint");
    PostgresStatement statement{"queue_due_runs", sql, {}};
    statement.add(number_).add(RunRow::kDue).add(now_ms).add(static_cast<std::int64_t>(limit));
    move_to_lines(std::move(statement), std::move(done));
}

}  // namespace sallyport::engine
