// Journals of ended runs that are kept somewhere else, in PostgreSQL. Statements may be performed
// twice, and several engines may move journals at once.
#include "engine/adapters/postgres/run_rows.hpp"
#include "engine/adapters/postgres/store.hpp"

#include <utility>

namespace sallyport::engine {

void PostgresStore::ended_with_journals(std::string after_id, std::int64_t before_ms,
                                        std::size_t limit, StoreDone<EndedRuns> done) {
    PostgresStatement query{"ended_with_journals",
                            "SELECT id, finished_ms > 0 AND finished_ms <= $1::bigint AND EXISTS "
                            "(SELECT 1 FROM run_journal WHERE run_id = run.id AND sequence = 0) "
                            "FROM run WHERE id > $2::text ORDER BY id LIMIT $3::bigint",
                            {}};
    query.add(before_ms).add(after_id).add(static_cast<std::int64_t>(limit));
    reader().submit(std::move(query),
                    [limit, done = std::move(done)](const Result<PostgresRows>& rows) {
                        if (!rows.ok()) {
                            done(rows.error());
                            return;
                        }
                        EndedRuns page;
                        for (int i = 0; i < rows->count(); ++i) {
                            if (rows->boolean(i, 1)) {
                                page.ids.push_back(rows->text(i, 0));
                            }
                        }
                        if (static_cast<std::size_t>(rows->count()) == limit) {
                            page.last = rows->text(rows->count() - 1, 0);
                        }
                        done(std::move(page));
                    });
}

// Of a run that is claimed, nothing is moved; one that changes meanwhile is looked at again when
// its row is free.
void PostgresStore::move_journal(std::string run_id, std::int64_t updated_ms, std::size_t commits,
                                 MovedJournal to, StoreDone<bool> done) {
    PostgresStatement move{
        "move_journal",
        "WITH mine AS (SELECT id FROM run WHERE id = $1::text AND finished_ms > 0 AND owner = 0 "
        "    AND updated_ms = $2::bigint AND (SELECT count(*) FROM run_journal "
        "      WHERE run_id = $1::text) = $3::bigint AND $3::bigint > 0 FOR UPDATE), "
        "gone AS (DELETE FROM run_journal WHERE run_id IN (SELECT id FROM mine)), "
        "noted AS (INSERT INTO moved_journal (run_id, object, bytes) "
        "    SELECT id, $4::text, $5::bigint FROM mine RETURNING 1) "
        "SELECT EXISTS (SELECT 1 FROM noted)",
        {}};
    move.add(run_id).add(updated_ms).add(static_cast<std::int64_t>(commits));
    move.add(to.object).add(to.bytes);
    writer_->submit(std::move(move), [done = std::move(done)](const Result<PostgresRows>& rows) {
        if (rows.ok()) {
            done(rows->boolean(0, 0));
        } else {
            done(rows.error());
        }
    });
}

void PostgresStore::moved_journal(std::string run_id, StoreDone<std::optional<MovedJournal>> done) {
    PostgresStatement query{
        "moved_journal", "SELECT object, bytes FROM moved_journal WHERE run_id = $1", {}};
    reader().submit(
        std::move(query.add(run_id)), [done = std::move(done)](const Result<PostgresRows>& rows) {
            if (!rows.ok()) {
                done(rows.error());
            } else if (rows->count() == 0) {
                done(std::optional<MovedJournal>());
            } else {
                done(std::optional(MovedJournal{rows->text(0, 0), rows->integer(0, 1)}));
            }
        });
}

void PostgresStore::restore_journal(std::string run_id, std::vector<std::string> commits,
                                    StoreDone<Done> done) {
    PostgresStatement restore{
        "restore_journal",
        "WITH mine AS (DELETE FROM moved_journal WHERE run_id = $1::text RETURNING run_id) "
        "INSERT INTO run_journal (run_id, sequence, entries) "
        "SELECT run_id, number - 1, entry FROM mine, "
        "  unnest($2::text[]) WITH ORDINALITY AS commits (entry, number) "
        "ON CONFLICT (run_id, sequence) DO NOTHING",
        {}};
    restore.add(run_id).add(array_text(commits));
    writer_->submit(std::move(restore), [done = std::move(done)](const Result<PostgresRows>& rows) {
        done(rows.ok() ? Status(Done{}) : Status(rows.error()));
    });
}

}  // namespace sallyport::engine
