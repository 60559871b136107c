// Rows of the table of runs as SQLite gives them: for the sources of the SQLite store alone.
#pragma once

#include "engine/adapters/sqlite/db.hpp"
#include "engine/core/packed_text.hpp"
#include "engine/ports/store.hpp"

namespace sallyport::engine {

#define SALLYPORT_RUN_COLUMNS                                                                  \
    "id, project_id, flow_id, version_id, display_name, environment, status, failed_step, "    \
    "steps_count, created_ms, updated_ms, started_ms, finished_ms, resume_ms, parent_run_id, " \
    "fail_parent, archived_ms, queue_class, tags"

inline RunRow read_run(const SqliteQuery& query) {
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
    row.queue_class = query.integer(17);
    row.tags = query.text(18);
    return row;
}

// Adds its journal to the run. A frame that is broken becomes a commit that nobody can read: that
// run fails, and no other.
inline Status read_commits(SqliteDb& db, StoredRun& run) {
    SqliteQuery query(db,
                      "SELECT entries, packed FROM run_journal WHERE run_id = ? "
                      "ORDER BY sequence");
    query.bind(run.row.id);
    while (query.row()) {
        const std::string_view packed = query.blob(1);
        run.commits.push_back(packed.empty() ? query.text(0) : unpacked_or_empty(packed));
    }
    return query.status();
}

}  // namespace sallyport::engine
