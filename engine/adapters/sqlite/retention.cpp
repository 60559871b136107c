// Runs that are too old to be kept, in SQLite.
#include "engine/adapters/sqlite/store.hpp"
#include "engine/core/ids.hpp"

#include <string>
#include <utility>

namespace sallyport::engine {
namespace {

// Ids of runs sort by time: no index of its own is needed to find the old ones.
Result<std::vector<std::string>> old_runs(SqliteDb& db, std::int64_t before_ms, std::size_t limit) {
    SqliteQuery query(db,
                      "SELECT id FROM run WHERE id < ? AND created_ms < ? AND finished_ms > 0 "
                      "ORDER BY id LIMIT ?");
    const std::string last = first_ordered_id(before_ms);
    query.bind_all(last, before_ms, static_cast<std::int64_t>(limit));
    std::vector<std::string> ids;
    while (query.row()) {
        ids.push_back(query.text(0));
    }
    return query.ok() ? Result<std::vector<std::string>>(std::move(ids)) : query.status().error();
}

Result<std::size_t> remove(SqliteDb& db, std::int64_t before_ms, std::size_t limit) {
    const auto ids = old_runs(db, before_ms, limit);
    if (!ids.ok()) {
        return ids.error();
    }
    Status status = Done{};
    for (const char* sql :
         {"DELETE FROM run_journal WHERE run_id = ?", "DELETE FROM moved_journal WHERE run_id = ?",
          "DELETE FROM run WHERE id = ?"}) {
        for (std::size_t i = 0; i < ids->size() && status.ok(); ++i) {
            status = SqliteQuery(db, sql).bind(std::string_view((*ids)[i])).run();
        }
    }
    if (status.ok() && ids->size() < limit) {  // once, after the last of them
        status = SqliteQuery(db, "DELETE FROM webhook_delivery WHERE created_ms < ?")
                     .bind(before_ms)
                     .run();
    }
    return status.ok() ? Result<std::size_t>(ids->size()) : status.error();
}

}  // namespace

void SqliteStore::remove_old_runs(std::int64_t before_ms, std::size_t limit,
                                  StoreDone<std::size_t> done) {
    writer_.submit<std::size_t>(
        Unit::transaction,
        [before_ms, limit](SqliteDb& db) { return remove(db, before_ms, limit); }, std::move(done));
}

}  // namespace sallyport::engine
