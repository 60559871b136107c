// Runs that wait for their turn, in PostgreSQL. Several processes draw from the same lines: each
// run goes to one of them.
#include "engine/adapters/postgres/run_rows.hpp"
#include "engine/adapters/postgres/store.hpp"

#include <algorithm>
#include <limits>
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

// What a commit takes once it is read: of a packed one, what its zstd frame says (RFC 8878, section
// 3.1.1.1: four bytes, little end first, for what is larger than 64 KB, behind one that is left out
// when bit 5 of the descriptor is set).
std::string journal_bytes_sql() {
    const std::string at = "6 - (get_byte(packed, 4) >> 5 & 1)";
    const auto byte = [&at](int number) {
        return "(get_byte(packed, " + at + " + " + std::to_string(number) + ")::bigint << " +
               std::to_string(8 * number) + ")";
    };
    return "CASE WHEN packed IS NULL THEN octet_length(entries) "
           "WHEN octet_length(packed) > 16 AND get_byte(packed, 4) >> 6 = 2 THEN " +
           byte(0) + " + " + byte(1) + " + " + byte(2) + " + " + byte(3) + " ELSE 65536 END";
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
void PostgresStore::claim_waiting(std::vector<LineClaim> lines, std::size_t bytes_max,
                                  StoreDone<std::vector<StoredRun>> done) {
    static const std::string sql =
        "WITH oldest AS (SELECT first.id, line.number FROM "
        "unnest($2::text[], $3::integer[], $4::bigint[]) "
        "WITH ORDINALITY AS line (project, class, places, number), "
        "LATERAL (SELECT id FROM run WHERE queue_class > 0 AND project_id = line.project "
        "AND queue_class = line.class AND (owner = 0 OR " +
        PostgresPresence::gone("run.owner") +
        ") ORDER BY id LIMIT line.places FOR UPDATE SKIP LOCKED) first), "
        "fresh AS (SELECT id FROM (SELECT id, sum((SELECT sum(" +
        journal_bytes_sql() +
        ") FROM run_journal WHERE run_id = oldest.id)) OVER (ORDER BY number, id "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes FROM oldest) ranked "
        "WHERE coalesce(bytes, 0) < $6::bigint), "
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
    claim.add(++claims_).add(static_cast<std::int64_t>(
        std::min<std::size_t>(bytes_max, std::numeric_limits<std::int64_t>::max())));
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
