// Rows of the table of runs as PostgreSQL gives them: for the sources of the PostgreSQL store
// alone.
#pragma once

#include "engine/adapters/postgres/connection.hpp"
#include "engine/ports/store.hpp"

#include <string>
#include <vector>

namespace sallyport::engine {

#define SALLYPORT_PG_RUN_COLUMNS                                                               \
    "id, project_id, flow_id, version_id, display_name, environment, status, failed_step, "    \
    "steps_count, created_ms, updated_ms, started_ms, finished_ms, resume_ms, parent_run_id, " \
    "fail_parent, archived_ms, queue_class, tags"

inline constexpr int kRunColumns = 19;

inline RunRow read_run(const PostgresRows& rows, int row) {
    RunRow run;
    run.id = rows.text(row, 0);
    run.project_id = rows.text(row, 1);
    run.flow_id = rows.text(row, 2);
    run.version_id = rows.text(row, 3);
    run.display_name = rows.text(row, 4);
    run.environment = rows.text(row, 5);
    run.status = rows.text(row, 6);
    run.failed_step = rows.text(row, 7);
    run.steps_count = rows.integer(row, 8);
    run.created_ms = rows.integer(row, 9);
    run.updated_ms = rows.integer(row, 10);
    run.started_ms = rows.integer(row, 11);
    run.finished_ms = rows.integer(row, 12);
    run.resume_ms = rows.integer(row, 13);
    run.parent_run_id = rows.text(row, 14);
    run.fail_parent = rows.boolean(row, 15);
    run.archived_ms = rows.integer(row, 16);
    run.queue_class = rows.integer(row, 17);
    run.tags = rows.text(row, 18);
    return run;
}

// As PostgreSQL writes an array of texts; ids hold nothing that needs more than quotes.
inline std::string array_text(const std::vector<std::string>& texts) {
    std::string out = "{";
    for (const std::string& text : texts) {
        out += out.size() > 1 ? ",\"" : "\"";
        for (const char c : text) {
            out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
        }
        out += '"';
    }
    return out + "}";
}

}  // namespace sallyport::engine
