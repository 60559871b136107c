// Journals of ended runs that are kept somewhere else, in SQLite.
#include "engine/adapters/sqlite/store.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

Result<EndedRuns> ended_page(SqliteDb& db, const std::string& after_id, std::int64_t before_ms,
                             std::size_t limit) {
    SqliteQuery query(db,
                      "SELECT id, finished_ms > 0 AND finished_ms <= ? AND EXISTS "
                      "(SELECT 1 FROM run_journal WHERE run_id = run.id AND sequence = 0) "
                      "FROM run WHERE id > ? ORDER BY id LIMIT ?");
    query.bind_all(before_ms, after_id, static_cast<std::int64_t>(limit));
    EndedRuns page;
    std::size_t seen = 0;
    while (query.row()) {
        page.last = query.text(0);
        ++seen;
        if (query.integer(1) != 0) {
            page.ids.push_back(page.last);
        }
    }
    if (seen < limit) {
        page.last.clear();
    }
    return query.ok() ? Result<EndedRuns>(std::move(page)) : query.status().error();
}

Result<bool> is_as_read(SqliteDb& db, const std::string& run_id, std::int64_t updated_ms,
                        std::size_t commits) {
    SqliteQuery query(db,
                      "SELECT (SELECT count(*) FROM run_journal WHERE run_id = run.id) FROM run "
                      "WHERE id = ? AND finished_ms > 0 AND updated_ms = ?");
    query.bind_all(run_id, updated_ms);
    const bool same =
        commits > 0 && query.row() && query.integer(0) == static_cast<std::int64_t>(commits);
    return query.ok() ? Result<bool>(same) : query.status().error();
}

Result<bool> note_moved(SqliteDb& db, const std::string& run_id, const MovedJournal& to) {
    Status status =
        SqliteQuery(db, "INSERT INTO moved_journal (run_id, object, bytes) VALUES (?, ?, ?)")
            .bind_all(run_id, to.object, to.bytes)
            .run();
    if (status.ok()) {
        status = SqliteQuery(db, "DELETE FROM run_journal WHERE run_id = ?").bind(run_id).run();
    }
    return status.ok() ? Result<bool>(true) : status.error();
}

Status put_back(SqliteDb& db, const std::string& run_id, const std::vector<std::string>& commits) {
    Status status =
        SqliteQuery(db, "DELETE FROM moved_journal WHERE run_id = ?").bind(run_id).run();
    if (!status.ok() || db.changes() == 0) {
        return status;
    }
    for (std::size_t i = 0; i < commits.size() && status.ok(); ++i) {
        status =
            SqliteQuery(db, "INSERT INTO run_journal (run_id, sequence, entries) VALUES (?, ?, ?)")
                .bind_all(run_id, static_cast<std::int64_t>(i), commits[i])
                .run();
    }
    return status;
}

}  // namespace

void SqliteStore::ended_with_journals(std::string after_id, std::int64_t before_ms,
                                      std::size_t limit, StoreDone<EndedRuns> done) {
    lister_.submit<EndedRuns>(
        Unit::statement,
        [after_id = std::move(after_id), before_ms, limit](SqliteDb& db) {
            return ended_page(db, after_id, before_ms, limit);
        },
        std::move(done));
}

void SqliteStore::move_journal(std::string run_id, std::int64_t updated_ms, std::size_t commits,
                               MovedJournal to, StoreDone<bool> done) {
    writer_.submit<bool>(
        Unit::transaction,
        [run_id = std::move(run_id), updated_ms, commits,
         to = std::move(to)](SqliteDb& db) -> Result<bool> {
            const Result<bool> same = is_as_read(db, run_id, updated_ms, commits);
            return same.ok() && *same ? note_moved(db, run_id, to) : same;
        },
        std::move(done));
}

void SqliteStore::moved_journal(std::string run_id, StoreDone<std::optional<MovedJournal>> done) {
    using Found = Result<std::optional<MovedJournal>>;
    reader_.submit<std::optional<MovedJournal>>(
        Unit::statement,
        [run_id = std::move(run_id)](SqliteDb& db) -> Found {
            SqliteQuery query(db, "SELECT object, bytes FROM moved_journal WHERE run_id = ?");
            query.bind(run_id);
            if (query.row()) {
                return std::optional(MovedJournal{query.text(0), query.integer(1)});
            }
            return query.ok() ? Found(std::nullopt) : Found(query.status().error());
        },
        std::move(done));
}

void SqliteStore::restore_journal(std::string run_id, std::vector<std::string> commits,
                                  StoreDone<Done> done) {
    writer_.submit<Done>(
        Unit::transaction,
        [run_id = std::move(run_id), commits = std::move(commits)](SqliteDb& db) {
            return put_back(db, run_id, commits);
        },
        std::move(done));
}

}  // namespace sallyport::engine
