// Runs that are too old to be kept, in PostgreSQL. Several engines may do it at once.
#include "engine/adapters/postgres/store.hpp"
#include "engine/core/ids.hpp"

namespace sallyport::engine {

void PostgresStore::remove_old_runs(std::int64_t before_ms, std::size_t limit,
                                    StoreDone<std::size_t> done) {
    // Ids of runs sort by time: no index of its own is needed to find the old ones.
    PostgresStatement remove{
        "remove_old_runs",
        "WITH old AS (SELECT id FROM run WHERE id < $1::text AND created_ms < $2::bigint "
        "    AND finished_ms > 0 ORDER BY id LIMIT $3::bigint FOR UPDATE SKIP LOCKED), "
        "journal AS (DELETE FROM run_journal WHERE run_id IN (SELECT id FROM old)), "
        "moved AS (DELETE FROM moved_journal WHERE run_id IN (SELECT id FROM old)), "
        "delivery AS (DELETE FROM webhook_delivery WHERE created_ms < $2::bigint "
        "    AND (SELECT count(*) FROM old) < $3::bigint), "
        "gone AS (DELETE FROM run WHERE id IN (SELECT id FROM old) RETURNING 1) "
        "SELECT count(*) FROM gone",
        {}};
    remove.add(first_ordered_id(before_ms)).add(before_ms).add(static_cast<std::int64_t>(limit));
    writer_->submit(std::move(remove), [done = std::move(done)](const Result<PostgresRows>& rows) {
        if (rows.ok()) {
            done(static_cast<std::size_t>(rows->integer(0, 0)));
        } else {
            done(rows.error());
        }
    });
}

}  // namespace sallyport::engine
