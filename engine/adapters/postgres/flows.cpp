// Flows and their versions in PostgreSQL.
#include "engine/adapters/connection_use.hpp"
#include "engine/adapters/folder_filter.hpp"
#include "engine/adapters/json_member.hpp"
#include "engine/adapters/like_text.hpp"
#include "engine/adapters/postgres/entity_rows.hpp"
#include "engine/adapters/postgres/page.hpp"
#include "engine/adapters/postgres/store.hpp"
#include "engine/adapters/postgres/transaction.hpp"

namespace sallyport::engine {
namespace {

#define SALLYPORT_PG_FLOW_COLUMNS                                                       \
    "f.id, f.project_id, f.external_id, f.owner_id, f.folder_id, f.status, "            \
    "f.published_version_id, f.metadata, f.created_ms, f.updated_ms, v.id, v.flow_id, " \
    "v.display_name, v.trigger, v.valid, v.schema_version, v.state, v.connection_ids, " \
    "v.updated_by, v.created_ms, v.updated_ms, v.notes, f.time_saved, f.template_id, "  \
    "f.claimed_until_ms"
#define SALLYPORT_PG_LATEST \
    "(SELECT id FROM flow_version WHERE flow_id = f.id ORDER BY created_ms DESC, id DESC LIMIT 1)"
#define SALLYPORT_PG_SELECT_FLOW \
    "SELECT " SALLYPORT_PG_FLOW_COLUMNS " FROM flow f JOIN flow_version v "

constexpr const char* kLatestFlow =
    SALLYPORT_PG_SELECT_FLOW "ON v.id = " SALLYPORT_PG_LATEST " WHERE f.id = $1";
constexpr const char* kPublishedFlow = SALLYPORT_PG_SELECT_FLOW
    "ON v.id = coalesce(f.published_version_id, " SALLYPORT_PG_LATEST ") WHERE f.id = $1";
constexpr const char* kFlowByVersion =
    SALLYPORT_PG_SELECT_FLOW "ON v.flow_id = f.id WHERE f.id = $1 AND v.id = $2";

StoredFlow read_flow(const PostgresRows& rows, int row) {
    StoredFlow stored;
    FlowRow& flow = stored.flow;
    flow.id = rows.text(row, 0);
    flow.project_id = rows.text(row, 1);
    flow.external_id = rows.text(row, 2);
    flow.owner_id = rows.text(row, 3);
    flow.folder_id = rows.text(row, 4);
    flow.status = rows.text(row, 5);
    flow.published_version_id = rows.text(row, 6);
    flow.metadata = rows.text(row, 7);
    flow.created_ms = rows.integer(row, 8);
    flow.updated_ms = rows.integer(row, 9);
    VersionRow& version = stored.version;
    version.id = rows.text(row, 10);
    version.flow_id = rows.text(row, 11);
    version.display_name = rows.text(row, 12);
    version.trigger = rows.text(row, 13);
    version.valid = rows.boolean(row, 14);
    version.schema_version = rows.text(row, 15);
    version.state = rows.text(row, 16);
    version.connection_ids = rows.text(row, 17);
    version.updated_by = rows.text(row, 18);
    version.created_ms = rows.integer(row, 19);
    version.updated_ms = rows.integer(row, 20);
    version.notes = rows.text(row, 21);
    flow.time_saved = rows.text(row, 22);
    flow.template_id = rows.text(row, 23);
    flow.claimed_until_ms = rows.integer(row, 24);
    return stored;
}

std::optional<StoredFlow> first_flow(const PostgresRows& rows) {
    return rows.count() > 0 ? std::optional(read_flow(rows, 0)) : std::nullopt;
}

PostgresStatement put_flow(const FlowRow& flow) {
    PostgresStatement put{
        {},
        "INSERT INTO flow (id, project_id, external_id, owner_id, folder_id, status, "
        "published_version_id, metadata, time_saved, template_id, created_ms, updated_ms, "
        "claimed_until_ms) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (id) DO "
        "UPDATE SET "
        "owner_id = excluded.owner_id, folder_id = excluded.folder_id, "
        "status = excluded.status, published_version_id = excluded.published_version_id, "
        "metadata = excluded.metadata, time_saved = excluded.time_saved, updated_ms = "
        "excluded.updated_ms, claimed_until_ms = excluded.claimed_until_ms",
        {}};
    put.add(flow.id).add(flow.project_id).add(flow.external_id);
    put.add_null_if_empty(flow.owner_id).add_null_if_empty(flow.folder_id).add(flow.status);
    put.add_null_if_empty(flow.published_version_id).add_null_if_empty(flow.metadata);
    put.add_null_if_empty(flow.time_saved).add_null_if_empty(flow.template_id);
    put.add(flow.created_ms).add(flow.updated_ms).add(flow.claimed_until_ms);
    return put;
}

PostgresStatement put_version(const VersionRow& version) {
    PostgresStatement put{
        {},
        "INSERT INTO flow_version (id, flow_id, display_name, trigger, valid, schema_version, "
        "state, connection_ids, updated_by, notes, created_ms, updated_ms) "
        "VALUES ($1, $2, $3, $4, $5::integer::boolean, $6, $7, $8, $9, $10, $11, $12) "
        "ON CONFLICT (id) DO UPDATE SET "
        "display_name = excluded.display_name, trigger = excluded.trigger, "
        "valid = excluded.valid, schema_version = excluded.schema_version, "
        "state = excluded.state, connection_ids = excluded.connection_ids, "
        "updated_by = excluded.updated_by, notes = excluded.notes, updated_ms = "
        "excluded.updated_ms",
        {}};
    put.add(version.id).add(version.flow_id).add(version.display_name).add(version.trigger);
    put.add(std::int64_t{version.valid}).add(version.schema_version).add(version.state);
    put.add(version.connection_ids).add_null_if_empty(version.updated_by);
    put.add_null_if_empty(version.notes);
    put.add(version.created_ms).add(version.updated_ms);
    return put;
}

// The flow's own alone: a version may name another flow's sample (UPDATE_SAMPLE_DATA_INFO).
PostgresStatement drop_sample(const StoredFlow& stored) {
    PostgresStatement drop{
        {},
        "DELETE FROM entity WHERE kind = 'sample_data' AND id = $1 AND scope = $2 AND " +
            json_without_nul("body") +
            "::jsonb ->> 'flowId' = $3 AND NOT EXISTS (SELECT 1 FROM flow_version v WHERE "
            "v.flow_id = $3 AND strpos(v.trigger, $1) > 0)",
        {}};
    drop.add(stored.dropped_sample).add(stored.flow.project_id).add(stored.flow.id);
    return drop;
}

// Other processes keep compiled flows; the notice leaves with the commit.
PostgresStatement announce(const std::string& flow_id) {
    PostgresStatement notify{
        {}, "SELECT pg_notify('" + std::string(kFlowChangedChannel) + "', $1)", {}};
    notify.add(flow_id);
    return notify;
}

Result<std::vector<ScheduleRow>> schedules_of(const Result<PostgresRows>& rows) {
    if (!rows.ok()) {
        return rows.error();
    }
    std::vector<ScheduleRow> out;
    for (int i = 0; i < rows->count(); ++i) {
        out.push_back({rows->text(i, 0), rows->text(i, 1), rows->text(i, 2), rows->integer(i, 3)});
    }
    return out;
}

PostgresStatement remove_schedule(const std::string& flow_id) {
    PostgresStatement remove{{}, "DELETE FROM schedule WHERE flow_id = $1", {}};
    remove.add(flow_id);
    return remove;
}

PostgresStatement put_schedule(const ScheduleRow& row) {
    PostgresStatement put{
        {}, "INSERT INTO schedule (flow_id, cron, timezone, next_ms) VALUES ($1, $2, $3, $4)", {}};
    put.add(row.flow_id).add(row.cron).add(row.timezone).add(row.next_ms);
    return put;
}

}  // namespace

void PostgresStore::create_flow(StoredFlow flow, StoreDone<Done> done) {
    transact([flow = std::move(flow),
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        transaction->query(put_flow(flow.flow));
        transaction->query(put_version(flow.version));
        transaction->end(true, done);
    });
}

void PostgresStore::flow(std::string id, Which which, std::string version_id,
                         StoreDone<std::optional<StoredFlow>> done) {
    PostgresStatement query;
    switch (which) {
        case Which::latest:
            query = {"latest_flow", kLatestFlow, {}};
            query.add(id);
            break;
        case Which::published_or_latest:
            query = {"published_flow", kPublishedFlow, {}};
            query.add(id);
            break;
        case Which::by_id:
            query = {"flow_by_version", kFlowByVersion, {}};
            query.add(id).add(version_id);
            break;
    }
    reader().submit(std::move(query), [done = std::move(done)](const Result<PostgresRows>& rows) {
        if (rows.ok()) {
            done(first_flow(*rows));
        } else {
            done(rows.error());
        }
    });
}

void PostgresStore::list_flows(FlowQuery query, StoreDone<Page<StoredFlow>> done) {
    PostgresListQuery list(query.published
                               ? SALLYPORT_PG_SELECT_FLOW "ON v.id = f.published_version_id"
                               : SALLYPORT_PG_SELECT_FLOW "ON v.id = " SALLYPORT_PG_LATEST);
    list.add(" WHERE f.project_id = ?", query.project_id);
    list.add_in("f.status", query.statuses).add_in("f.external_id", query.external_ids);
    list.add_in("f.folder_id", query.folder_ids);
    if (!query.name.empty()) {
        list.add(" AND v.display_name ILIKE ?", like_text(query.name));
    }
    list.add(query.uncategorised_only ? " AND f.folder_id IS NULL" : "");
    // PostgreSQL's own JSON functions refuse some texts that are JSON.
    list.add_holds("v.connection_ids", json_needles("", query.connection_ids));
    list.add_holds("v.trigger", json_needles("\"agentId\":", query.agent_ids));
    PostgresStatement statement =
        std::move(list).page(query.cursor, "f.updated_ms", "f.id", query.limit);
    reader().submit(std::move(statement),
                    [cursor = query.cursor, limit = query.limit,
                     done = std::move(done)](const Result<PostgresRows>& rows) {
                        if (!rows.ok()) {
                            done(rows.error());
                            return;
                        }
                        std::vector<StoredFlow> flows;
                        for (int i = 0; i < rows->count(); ++i) {
                            flows.push_back(read_flow(*rows, i));
                        }
                        done(make_page(std::move(flows), cursor, limit, [](const StoredFlow& row) {
                            return std::pair(row.flow.updated_ms, row.flow.id);
                        }));
                    });
}

void PostgresStore::list_versions(std::string flow_id, std::optional<PageCursor> cursor,
                                  std::size_t limit, StoreDone<Page<VersionRow>> done) {
    PostgresListQuery list(SALLYPORT_PG_SELECT_FLOW "ON v.flow_id = f.id");
    list.add(" WHERE f.id = ?", flow_id);
    PostgresStatement statement = std::move(list).page(cursor, "v.created_ms", "v.id", limit);
    reader().submit(std::move(statement), [cursor, limit, done = std::move(done)](
                                              const Result<PostgresRows>& rows) {
        if (!rows.ok()) {
            done(rows.error());
            return;
        }
        std::vector<VersionRow> versions;
        for (int i = 0; i < rows->count(); ++i) {
            versions.push_back(read_flow(*rows, i).version);
        }
        done(make_page(std::move(versions), cursor, limit,
                       [](const VersionRow& row) { return std::pair(row.created_ms, row.id); }));
    });
}

void PostgresStore::count_flows(std::string project_id, std::string folder_id,
                                StoreDone<std::int64_t> done) {
    PostgresListQuery list("SELECT count(*) FROM flow");
    list.add(" WHERE project_id = ?", project_id);
    if (folder_id == kNoFolder) {
        list.add(" AND folder_id IS NULL");
    } else if (!folder_id.empty()) {
        list.add(" AND folder_id = ?", folder_id);
    }
    reader().submit(std::move(list).all(),
                    [done = std::move(done)](const Result<PostgresRows>& rows) {
                        rows.ok() ? done(rows->integer(0, 0)) : done(rows.error());
                    });
}

void PostgresStore::leave_folder(std::string project_id, std::string folder_id,
                                 StoreDone<Done> done) {
    transact([project_id = std::move(project_id), folder_id = std::move(folder_id),
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        PostgresStatement leave{
            {}, "UPDATE flow SET folder_id = NULL WHERE project_id = $1 AND folder_id = $2", {}};
        transaction->query(std::move(leave.add(project_id).add(folder_id)));
        transaction->end(true, done);
    });
}

void PostgresStore::change_flow(std::string id, Change change,
                                StoreDone<std::optional<StoredFlow>> done) {
    transact([id = std::move(id), change = std::move(change),
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        // Two statements: the second sees what was committed while the first waited.
        PostgresStatement lock{{}, "SELECT id FROM flow WHERE id = $1 FOR UPDATE", {}};
        transaction->query(std::move(lock.add(id)));
        PostgresStatement look{"latest_flow", kLatestFlow, {}};
        transaction->query(std::move(look.add(id)), [transaction, id, change,
                                                     done](const Result<PostgresRows>& rows) {
            if (!rows.ok()) {
                transaction->end(false,
                                 [done, error = rows.error()](const Status&) { done(error); });
                return;
            }
            std::optional<StoredFlow> flow = first_flow(*rows);
            const bool changed = flow.has_value() && change(*flow);
            if (changed) {
                transaction->query(put_flow(flow->flow));
                transaction->query(put_version(flow->version));
                if (!flow->dropped_sample.empty()) {
                    transaction->query(drop_sample(*flow));
                }
                if (flow->schedule_changed) {
                    transaction->query(remove_schedule(id));
                }
                if (flow->schedule_changed && flow->schedule) {
                    transaction->query(put_schedule(*flow->schedule));
                }
                transaction->query(announce(id));
            }
            transaction->end(changed, [done, flow](const Status& ended) {
                ended.ok() ? done(flow) : done(ended.error());
            });
        });
    });
}

void PostgresStore::delete_unused_connection(EntityRow connection, StoreDone<bool> done) {
    transact([connection = std::move(connection),
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        // Who publishes at this moment is waited for, and waits from then on.
        transaction->query({{}, "LOCK TABLE flow IN SHARE MODE", {}});
        PostgresListQuery users(
            "SELECT 1 FROM flow f JOIN flow_version v ON v.id = f.published_version_id");
        users.add(" WHERE f.project_id = ?", connection.scope)
            .add_holds("v.connection_ids", json_needles("", {connection.key}))
            .add(" LIMIT 1");
        transaction->query(std::move(users).all(), [transaction, connection,
                                                    done](const Result<PostgresRows>& rows) {
            if (!rows.ok()) {
                return transaction->end(
                    false, [done, error = rows.error()](const Status&) { done(error); });
            }
            const bool used = rows->count() > 0;
            if (!used) {
                transaction->query(remove_entity(connection.kind, connection.id));
            }
            transaction->end(!used, [done, used](const Status& ended) {
                ended.ok() ? done(!used) : done(ended.error());
            });
        });
    });
}

void PostgresStore::connection_uses(std::string project_id, std::vector<std::string> connections,
                                    StoreDone<ConnectionUses> done) {
    PostgresStatement look{
        {},
        "SELECT f.id, v.connection_ids FROM flow f JOIN flow_version v ON v.id IN "
        "(f.published_version_id, " SALLYPORT_PG_LATEST
        ") AND v.connection_ids <> '[]' WHERE f.project_id = $1 "
        "ORDER BY f.updated_ms DESC, f.id DESC",
        {}};
    reader().submit(std::move(look.add(project_id)),
                    [connections = std::move(connections),
                     done = std::move(done)](const Result<PostgresRows>& rows) {
                        if (!rows.ok()) {
                            done(rows.error());
                            return;
                        }
                        UseCollector uses(connections);
                        for (int i = 0; i < rows->count(); ++i) {
                            uses.add(rows->text(i, 0), rows->text(i, 1));
                        }
                        done(uses.take());
                    });
}

void PostgresStore::delete_flow(std::string id, StoreDone<Done> done) {
    transact([id = std::move(id),
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        PostgresStatement remove{{}, "DELETE FROM flow WHERE id = $1", {}};
        transaction->query(std::move(remove.add(id)));
        transaction->query(announce(id));
        transaction->end(true, done);
    });
}

void PostgresStore::due_schedules(std::int64_t now_ms, std::size_t limit,
                                  StoreDone<std::vector<ScheduleRow>> done) {
    PostgresStatement query{"due_schedules",
                            "SELECT flow_id, cron, timezone, next_ms FROM schedule "
                            "WHERE next_ms <= $1::bigint ORDER BY next_ms LIMIT $2::bigint",
                            {}};
    query.add(now_ms).add(static_cast<std::int64_t>(limit));
    reader().submit(std::move(query), [done = std::move(done)](const Result<PostgresRows>& rows) {
        done(schedules_of(rows));
    });
}

void PostgresStore::coming_schedules(std::string after_flow_id, std::int64_t now_ms,
                                     std::size_t limit, StoreDone<std::vector<ScheduleRow>> done) {
    PostgresStatement query{"coming_schedules",
                            "SELECT flow_id, cron, timezone, next_ms FROM schedule "
                            "WHERE flow_id > $1 AND next_ms > $2::bigint "
                            "ORDER BY flow_id LIMIT $3::bigint",
                            {}};
    query.add(after_flow_id).add(now_ms).add(static_cast<std::int64_t>(limit));
    reader().submit(std::move(query), [done = std::move(done)](const Result<PostgresRows>& rows) {
        done(schedules_of(rows));
    });
}

void PostgresStore::advance_schedule(ScheduleRow row, std::int64_t from_ms, StoreDone<Done> done) {
    PostgresStatement advance{"advance_schedule",
                              "UPDATE schedule SET next_ms = $1::bigint "
                              "WHERE flow_id = $2 AND next_ms = $3::bigint",
                              {}};
    advance.add(row.next_ms).add(row.flow_id).add(from_ms);
    writer_->submit(std::move(advance), [done = std::move(done)](const Result<PostgresRows>& rows) {
        done(rows.ok() ? Status(Done{}) : Status(rows.error()));
    });
}

}  // namespace sallyport::engine
