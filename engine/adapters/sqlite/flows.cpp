// Flows and their versions in SQLite.
#include "engine/adapters/connection_use.hpp"
#include "engine/adapters/folder_filter.hpp"
#include "engine/adapters/json_member.hpp"
#include "engine/adapters/like_text.hpp"
#include "engine/adapters/sqlite/entity_rows.hpp"
#include "engine/adapters/sqlite/page.hpp"
#include "engine/adapters/sqlite/store.hpp"

namespace sallyport::engine {
namespace {

#define SALLYPORT_FLOW_COLUMNS                                                          \
    "f.id, f.project_id, f.external_id, f.owner_id, f.folder_id, f.status, "            \
    "f.published_version_id, f.metadata, f.created_ms, f.updated_ms, v.id, v.flow_id, " \
    "v.display_name, v.trigger, v.valid, v.schema_version, v.state, v.connection_ids, " \
    "v.updated_by, v.created_ms, v.updated_ms, v.notes, f.time_saved, f.template_id, "  \
    "f.claimed_until_ms"
#define SALLYPORT_LATEST \
    "(SELECT id FROM flow_version WHERE flow_id = f.id ORDER BY created_ms DESC, id DESC LIMIT 1)"
#define SALLYPORT_SELECT_FLOW "SELECT " SALLYPORT_FLOW_COLUMNS " FROM flow f JOIN flow_version v "

constexpr std::string_view kLatestFlow =
    SALLYPORT_SELECT_FLOW "ON v.id = " SALLYPORT_LATEST " WHERE f.id = ?";
constexpr std::string_view kPublishedFlow = SALLYPORT_SELECT_FLOW
    "ON v.id = coalesce(f.published_version_id, " SALLYPORT_LATEST ") WHERE f.id = ?";
constexpr std::string_view kFlowByVersion =
    SALLYPORT_SELECT_FLOW "ON v.flow_id = f.id WHERE f.id = ? AND v.id = ?";

StoredFlow read_flow(const SqliteQuery& query) {
    StoredFlow stored;
    FlowRow& flow = stored.flow;
    flow.id = query.text(0);
    flow.project_id = query.text(1);
    flow.external_id = query.text(2);
    flow.owner_id = query.text(3);
    flow.folder_id = query.text(4);
    flow.status = query.text(5);
    flow.published_version_id = query.text(6);
    flow.metadata = query.text(7);
    flow.created_ms = query.integer(8);
    flow.updated_ms = query.integer(9);
    VersionRow& version = stored.version;
    version.id = query.text(10);
    version.flow_id = query.text(11);
    version.display_name = query.text(12);
    version.trigger = query.text(13);
    version.valid = query.integer(14) != 0;
    version.schema_version = query.text(15);
    version.state = query.text(16);
    version.connection_ids = query.text(17);
    version.updated_by = query.text(18);
    version.created_ms = query.integer(19);
    version.updated_ms = query.integer(20);
    version.notes = query.text(21);
    flow.time_saved = query.text(22);
    flow.template_id = query.text(23);
    flow.claimed_until_ms = query.integer(24);
    return stored;
}

Status put_flow(SqliteDb& db, const FlowRow& flow) {
    SqliteQuery query(
        db,
        "INSERT INTO flow (id, project_id, external_id, owner_id, folder_id, status, "
        "published_version_id, metadata, time_saved, template_id, created_ms, "
        "updated_ms, claimed_until_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
        "owner_id = excluded.owner_id, folder_id = excluded.folder_id, "
        "status = excluded.status, "
        "published_version_id = excluded.published_version_id, "
        "metadata = excluded.metadata, time_saved = excluded.time_saved, updated_ms "
        "= excluded.updated_ms, claimed_until_ms = excluded.claimed_until_ms");
    query.bind_all(flow.id, flow.project_id, flow.external_id);
    query.bind_null_if_empty(flow.owner_id).bind_null_if_empty(flow.folder_id);
    query.bind(flow.status);
    query.bind_null_if_empty(flow.published_version_id).bind_null_if_empty(flow.metadata);
    query.bind_null_if_empty(flow.time_saved).bind_null_if_empty(flow.template_id);
    return query.bind_all(flow.created_ms, flow.updated_ms, flow.claimed_until_ms).run();
}

Status put_version(SqliteDb& db, const VersionRow& version) {
    SqliteQuery query(
        db,
        "INSERT INTO flow_version (id, flow_id, display_name, trigger, valid, schema_version, "
        "state, connection_ids, updated_by, notes, created_ms, updated_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
        "display_name = excluded.display_name, trigger = excluded.trigger, "
        "valid = excluded.valid, schema_version = excluded.schema_version, "
        "state = excluded.state, connection_ids = excluded.connection_ids, "
        "updated_by = excluded.updated_by, notes = excluded.notes, updated_ms = "
        "excluded.updated_ms");
    query.bind_all(version.id, version.flow_id, version.display_name, version.trigger,
                   version.valid, version.schema_version, version.state, version.connection_ids);
    query.bind_null_if_empty(version.updated_by).bind_null_if_empty(version.notes);
    return query.bind_all(version.created_ms, version.updated_ms).run();
}

Result<std::optional<StoredFlow>> find_flow(SqliteDb& db, std::string_view sql,
                                            const std::string& id, const std::string& version_id) {
    SqliteQuery query(db, sql);
    query.bind(id);
    if (!version_id.empty()) {
        query.bind(version_id);
    }
    std::optional<StoredFlow> flow;
    if (query.row()) {
        flow = read_flow(query);
    }
    if (!query.ok()) {
        return query.status().error();
    }
    return flow;
}

Result<std::vector<ScheduleRow>> schedules_of(SqliteQuery& query) {
    std::vector<ScheduleRow> rows;
    while (query.row()) {
        rows.push_back({query.text(0), query.text(1), query.text(2), query.integer(3)});
    }
    return query.ok() ? Result<std::vector<ScheduleRow>>(std::move(rows)) : query.status().error();
}

Status put_schedule(SqliteDb& db, const StoredFlow& stored) {
    const Status removed = SqliteQuery(db, "DELETE FROM schedule WHERE flow_id = ?")
                               .bind(std::string_view(stored.flow.id))
                               .run();
    if (!removed.ok() || !stored.schedule) {
        return removed;
    }
    return SqliteQuery(db,
                       "INSERT INTO schedule (flow_id, cron, timezone, next_ms) "
                       "VALUES (?, ?, ?, ?)")
        .bind_all(stored.flow.id, stored.schedule->cron, stored.schedule->timezone,
                  stored.schedule->next_ms)
        .run();
}

// The flow's own alone: a version may name another flow's sample (UPDATE_SAMPLE_DATA_INFO).
Status drop_sample(SqliteDb& db, const StoredFlow& stored) {
    return SqliteQuery(db,
                       "DELETE FROM entity WHERE kind = 'sample_data' AND id = ? AND scope = ? AND "
                       "json_extract(" +
                           json_without_nul("body") +
                           ", '$.flowId') = ? AND NOT EXISTS (SELECT 1 FROM flow_version v WHERE "
                           "v.flow_id = ? AND instr(v.trigger, ?) > 0)")
        .bind_all(stored.dropped_sample, stored.flow.project_id, stored.flow.id, stored.flow.id,
                  stored.dropped_sample)
        .run();
}

Status put_both(SqliteDb& db, const StoredFlow& stored) {
    Status status = put_flow(db, stored.flow);
    status = status.ok() ? put_version(db, stored.version) : status;
    status = status.ok() && !stored.dropped_sample.empty() ? drop_sample(db, stored) : status;
    return status.ok() && stored.schedule_changed ? put_schedule(db, stored) : status;
}

// One of the needles, bound as a list, is in the column; nothing for no needles. An OR of them
// would be deeper than SQLite takes from a thousand on.
std::string holds_clause(std::string_view column, const std::vector<std::string>& needles) {
    return needles.empty() ? std::string()
                           : " AND EXISTS (SELECT 1 FROM json_each(?) AS needle WHERE instr(" +
                                 std::string(column) + ", needle.value) > 0)";
}

// Likewise of the connections that a version of the flow `f` uses, by the index of those: to look
// for a row of versions at all, SQLite reads the triggers of those it passes. The version is found
// first, and then the needles are tried.
std::string uses_clause(std::string_view version, const std::vector<std::string>& needles) {
    return needles.empty() ? std::string()
                           : " AND EXISTS (SELECT 1 FROM flow_version AS used INDEXED BY "
                             "flow_version_connections CROSS JOIN json_each(?) AS needle "
                             "WHERE used.id = " +
                                 std::string(version) +
                                 " AND used.connection_ids <> '[]' "
                                 "AND instr(used.connection_ids, needle.value) > 0)";
}

std::string json_list(const std::vector<std::string>& texts) {
    Json list = Json::array();
    for (const std::string& text : texts) {
        list.append(Json::string(text));
    }
    return list.dump();
}

Result<Page<StoredFlow>> read_page(SqliteDb& db, const FlowQuery& wanted) {
    const std::string version = wanted.published ? "f.published_version_id" : SALLYPORT_LATEST;
    std::string sql = SALLYPORT_SELECT_FLOW "ON v.id = " + version + " WHERE f.project_id = ?";
    sql += in_clause("f.status", wanted.statuses);
    sql += in_clause("f.external_id", wanted.external_ids);
    sql += wanted.name.empty() ? "" : " AND v.display_name LIKE ? ESCAPE '\\'";
    sql += in_clause("f.folder_id", wanted.folder_ids);
    sql += wanted.uncategorised_only ? " AND f.folder_id IS NULL" : "";
    const std::vector<std::string> connections = json_needles("", wanted.connection_ids);
    const std::vector<std::string> agents = json_needles("\"agentId\":", wanted.agent_ids);
    sql += uses_clause(version, connections);
    sql += holds_clause("v.trigger", agents);
    sql += page_clause(wanted.cursor, "f.updated_ms", "f.id");
    const std::string name = like_text(wanted.name);
    std::vector<std::string> needles;
    for (const auto* texts : {&connections, &agents}) {
        if (!texts->empty()) {
            needles.push_back(json_list(*texts));
        }
    }
    SqliteQuery query(db, sql);
    query.bind(wanted.project_id);
    bind_list(query, wanted.statuses);
    bind_list(query, wanted.external_ids);
    if (!wanted.name.empty()) {
        query.bind(name);
    }
    bind_list(query, wanted.folder_ids);
    bind_list(query, needles);
    bind_page(query, wanted.cursor, wanted.limit);
    std::vector<StoredFlow> flows;
    while (query.row()) {
        flows.push_back(read_flow(query));
    }
    if (!query.ok()) {
        return query.status().error();
    }
    return make_page(std::move(flows), wanted.cursor, wanted.limit, [](const StoredFlow& row) {
        return std::pair(row.flow.updated_ms, row.flow.id);
    });
}

Result<Page<VersionRow>> read_versions(SqliteDb& db, const std::string& flow_id,
                                       const std::optional<PageCursor>& cursor, std::size_t limit) {
    const std::string sql = SALLYPORT_SELECT_FLOW "ON v.flow_id = f.id WHERE f.id = ?" +
                            page_clause(cursor, "v.created_ms", "v.id");
    SqliteQuery query(db, sql);
    query.bind(flow_id);
    bind_page(query, cursor, limit);
    std::vector<VersionRow> versions;
    while (query.row()) {
        versions.push_back(read_flow(query).version);
    }
    if (!query.ok()) {
        return query.status().error();
    }
    return make_page(std::move(versions), cursor, limit,
                     [](const VersionRow& row) { return std::pair(row.created_ms, row.id); });
}

}  // namespace

void SqliteStore::list_versions(std::string flow_id, std::optional<PageCursor> cursor,
                                std::size_t limit, StoreDone<Page<VersionRow>> done) {
    lister_.submit<Page<VersionRow>>(
        Unit::statement,
        [flow_id = std::move(flow_id), cursor = std::move(cursor), limit](SqliteDb& db) {
            return read_versions(db, flow_id, cursor, limit);
        },
        std::move(done));
}

void SqliteStore::create_flow(StoredFlow flow, StoreDone<Done> done) {
    writer_.submit<Done>(
        Unit::transaction, [flow = std::move(flow)](SqliteDb& db) { return put_both(db, flow); },
        std::move(done));
}

void SqliteStore::flow(std::string id, Which which, std::string version_id,
                       StoreDone<std::optional<StoredFlow>> done) {
    reader_.submit<std::optional<StoredFlow>>(
        Unit::statement,
        [id = std::move(id), which, version_id = std::move(version_id)](SqliteDb& db) {
            switch (which) {
                case Which::latest:
                    return find_flow(db, kLatestFlow, id, {});
                case Which::published_or_latest:
                    return find_flow(db, kPublishedFlow, id, {});
                case Which::by_id:
                    break;
            }
            return find_flow(db, kFlowByVersion, id, version_id);
        },
        std::move(done));
}

void SqliteStore::list_flows(FlowQuery query, StoreDone<Page<StoredFlow>> done) {
    lister_.submit<Page<StoredFlow>>(
        Unit::statement, [query = std::move(query)](SqliteDb& db) { return read_page(db, query); },
        std::move(done));
}

void SqliteStore::count_flows(std::string project_id, std::string folder_id,
                              StoreDone<std::int64_t> done) {
    lister_.submit<std::int64_t>(
        Unit::statement,
        [project_id = std::move(project_id),
         folder_id = std::move(folder_id)](SqliteDb& db) -> Result<std::int64_t> {
            const bool in_none = folder_id == kNoFolder;
            std::string sql = "SELECT count(*) FROM flow WHERE project_id = ?";
            sql += in_none             ? " AND folder_id IS NULL"
                   : folder_id.empty() ? ""
                                       : " AND folder_id = ?";
            SqliteQuery query(db, sql);
            query.bind(project_id);
            if (!in_none && !folder_id.empty()) {
                query.bind(folder_id);
            }
            const std::int64_t count = query.row() ? query.integer(0) : 0;
            if (!query.ok()) {
                return query.status().error();
            }
            return count;
        },
        std::move(done));
}

void SqliteStore::leave_folder(std::string project_id, std::string folder_id,
                               StoreDone<Done> done) {
    writer_.submit<Done>(
        Unit::statement,
        [project_id = std::move(project_id), folder_id = std::move(folder_id)](SqliteDb& db) {
            return SqliteQuery(
                       db,
                       "UPDATE flow SET folder_id = NULL WHERE project_id = ? AND folder_id = ?")
                .bind_all(project_id, folder_id)
                .run();
        },
        std::move(done));
}

void SqliteStore::change_flow(std::string id, Change change,
                              StoreDone<std::optional<StoredFlow>> done) {
    writer_.submit<std::optional<StoredFlow>>(
        Unit::transaction,
        [id = std::move(id),
         change = std::move(change)](SqliteDb& db) -> Result<std::optional<StoredFlow>> {
            Result<std::optional<StoredFlow>> found = find_flow(db, kLatestFlow, id, {});
            if (!found.ok() || !found->has_value() || !change(**found)) {
                return found;
            }
            const Status stored = put_both(db, **found);
            if (!stored.ok()) {
                return stored.error();
            }
            return found;
        },
        std::move(done));
}

void SqliteStore::delete_unused_connection(EntityRow connection, StoreDone<bool> done) {
    writer_.submit<bool>(
        Unit::transaction,
        [connection = std::move(connection)](SqliteDb& db) -> Result<bool> {
            const std::vector<std::string> needles = {
                json_list(json_needles("", {connection.key}))};
            SqliteQuery users(db, "SELECT 1 FROM flow f WHERE f.project_id = ?" +
                                      uses_clause("f.published_version_id", needles) + " LIMIT 1");
            users.bind(connection.scope);
            bind_list(users, needles);
            const bool used = users.row();
            if (!users.ok()) {
                return users.status().error();
            }
            const Status gone =
                used ? Status(Done{}) : remove_entity(db, connection.kind, connection.id);
            return gone.ok() ? Result<bool>(!used) : gone.error();
        },
        std::move(done));
}

void SqliteStore::connection_uses(std::string project_id, std::vector<std::string> connections,
                                  StoreDone<ConnectionUses> done) {
    lister_.submit<ConnectionUses>(
        Unit::statement,
        [project_id = std::move(project_id),
         connections = std::move(connections)](SqliteDb& db) -> Result<ConnectionUses> {
            // Without the index each version would be read as far as behind its trigger.
            SqliteQuery query(db,
                              "SELECT f.id, v.connection_ids FROM flow f JOIN flow_version v "
                              "INDEXED BY flow_version_connections "
                              "ON v.id IN (f.published_version_id, " SALLYPORT_LATEST
                              ") AND v.connection_ids <> '[]' WHERE f.project_id = ? "
                              "ORDER BY f.updated_ms DESC, f.id DESC");
            query.bind(project_id);
            UseCollector uses(connections);
            while (query.row()) {
                uses.add(query.text(0), query.text(1));
            }
            return query.ok() ? Result<ConnectionUses>(uses.take()) : query.status().error();
        },
        std::move(done));
}

void SqliteStore::delete_flow(std::string id, StoreDone<Done> done) {
    writer_.submit<Done>(
        Unit::statement,
        [id = std::move(id)](SqliteDb& db) {
            return SqliteQuery(db, "DELETE FROM flow WHERE id = ?").bind(id).run();
        },
        std::move(done));
}

void SqliteStore::due_schedules(std::int64_t now_ms, std::size_t limit,
                                StoreDone<std::vector<ScheduleRow>> done) {
    reader_.submit<std::vector<ScheduleRow>>(
        Unit::statement,
        [now_ms, limit](SqliteDb& db) {
            SqliteQuery query(db,
                              "SELECT flow_id, cron, timezone, next_ms FROM schedule "
                              "WHERE next_ms <= ? ORDER BY next_ms LIMIT ?");
            query.bind_all(now_ms, static_cast<std::int64_t>(limit));
            return schedules_of(query);
        },
        std::move(done));
}

void SqliteStore::coming_schedules(std::string after_flow_id, std::int64_t now_ms,
                                   std::size_t limit, StoreDone<std::vector<ScheduleRow>> done) {
    reader_.submit<std::vector<ScheduleRow>>(
        Unit::statement,
        [after = std::move(after_flow_id), now_ms, limit](SqliteDb& db) {
            SqliteQuery query(db,
                              "SELECT flow_id, cron, timezone, next_ms FROM schedule "
                              "WHERE flow_id > ? AND next_ms > ? ORDER BY flow_id LIMIT ?");
            query.bind_all(after, now_ms, static_cast<std::int64_t>(limit));
            return schedules_of(query);
        },
        std::move(done));
}

void SqliteStore::advance_schedule(ScheduleRow row, std::int64_t from_ms, StoreDone<Done> done) {
    writer_.submit<Done>(
        Unit::statement,
        [row = std::move(row), from_ms](SqliteDb& db) {
            return SqliteQuery(db,
                               "UPDATE schedule SET next_ms = ? WHERE flow_id = ? "
                               "AND next_ms = ?")
                .bind_all(row.next_ms, row.flow_id, from_ms)
                .run();
        },
        std::move(done));
}

}  // namespace sallyport::engine
