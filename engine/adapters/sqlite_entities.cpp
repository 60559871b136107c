// Small things of many kinds in SQLite.
#include "engine/adapters/like_text.hpp"
#include "engine/adapters/sqlite_page.hpp"
#include "engine/adapters/sqlite_store.hpp"

namespace sallyport::engine {
namespace {

#define SALLYPORT_ENTITY_COLUMNS "id, kind, scope, key, label, body, created_ms, updated_ms"

EntityRow read_entity(const SqliteQuery& query) {
    EntityRow row;
    row.id = query.text(0);
    row.kind = query.text(1);
    row.scope = query.text(2);
    row.key = query.text(3);
    row.label = query.text(4);
    row.body = query.text(5);
    row.created_ms = query.integer(6);
    row.updated_ms = query.integer(7);
    return row;
}

Result<std::optional<EntityRow>> first_entity(SqliteQuery& query) {
    std::optional<EntityRow> row;
    if (query.row()) {
        row = read_entity(query);
    }
    if (!query.ok()) {
        return query.status().error();
    }
    return row;
}

Result<std::optional<EntityRow>> find_by_key(SqliteDb& db, const std::string& kind,
                                             const std::string& scope, const std::string& key) {
    SqliteQuery query(db, "SELECT " SALLYPORT_ENTITY_COLUMNS
                          " FROM entity WHERE kind = ? AND scope = ? AND key = ?");
    query.bind_all(kind, scope, key);
    return first_entity(query);
}

Status put_entity(SqliteDb& db, const EntityRow& row) {
    return SqliteQuery(db, "INSERT INTO entity (" SALLYPORT_ENTITY_COLUMNS
                           ") VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
                           "key = excluded.key, label = excluded.label, body = excluded.body, "
                           "updated_ms = excluded.updated_ms")
        .bind_all(row.id, row.kind, row.scope, row.key, row.label, row.body, row.created_ms,
                  row.updated_ms)
        .run();
}

Status remove_entity(SqliteDb& db, const std::string& kind, const std::string& id) {
    return SqliteQuery(db, "DELETE FROM entity WHERE kind = ? AND id = ?").bind_all(kind, id).run();
}

Result<Page<EntityRow>> read_page(SqliteDb& db, const EntityQuery& wanted) {
    std::string sql =
        "SELECT " SALLYPORT_ENTITY_COLUMNS " FROM entity WHERE kind = ? AND scope = ?";
    sql += wanted.label.empty() ? "" : " AND label LIKE ? ESCAPE '\\'";
    for (const auto& [name, values] : wanted.members) {
        sql += in_clause("json_extract(body, '$." + name + "')", values);
    }
    sql += page_clause(wanted.cursor, "created_ms", "id", wanted.oldest_first);
    const std::string label = like_text(wanted.label);
    SqliteQuery query(db, sql);
    query.bind_all(wanted.kind, wanted.scope);
    if (!wanted.label.empty()) {
        query.bind(label);
    }
    for (const auto& member : wanted.members) {
        bind_list(query, member.second);
    }
    bind_page(query, wanted.cursor, wanted.limit);
    std::vector<EntityRow> rows;
    while (query.row()) {
        rows.push_back(read_entity(query));
    }
    if (!query.ok()) {
        return query.status().error();
    }
    return make_page(std::move(rows), wanted.cursor, wanted.limit,
                     [](const EntityRow& row) { return std::pair(row.created_ms, row.id); });
}

}  // namespace

void SqliteStore::entity(std::string kind, std::string id,
                         StoreDone<std::optional<EntityRow>> done) {
    reader_.submit<std::optional<EntityRow>>(
        Unit::statement,
        [kind = std::move(kind), id = std::move(id)](SqliteDb& db) {
            SqliteQuery query(
                db, "SELECT " SALLYPORT_ENTITY_COLUMNS " FROM entity WHERE id = ? AND kind = ?");
            query.bind_all(id, kind);
            return first_entity(query);
        },
        std::move(done));
}

void SqliteStore::entity_by_key(std::string kind, std::string scope, std::string key,
                                StoreDone<std::optional<EntityRow>> done) {
    reader_.submit<std::optional<EntityRow>>(
        Unit::statement,
        [kind = std::move(kind), scope = std::move(scope), key = std::move(key)](SqliteDb& db) {
            return find_by_key(db, kind, scope, key);
        },
        std::move(done));
}

void SqliteStore::list_entities(EntityQuery query, StoreDone<Page<EntityRow>> done) {
    reader_.submit<Page<EntityRow>>(
        Unit::statement, [query = std::move(query)](SqliteDb& db) { return read_page(db, query); },
        std::move(done));
}

void SqliteStore::change_entity(std::string kind, std::string scope, std::string key,
                                EntityChange change, StoreDone<std::optional<EntityRow>> done) {
    writer_.submit<std::optional<EntityRow>>(
        Unit::transaction,
        [kind = std::move(kind), scope = std::move(scope), key = std::move(key),
         change = std::move(change)](SqliteDb& db) -> Result<std::optional<EntityRow>> {
            Result<std::optional<EntityRow>> found = find_by_key(db, kind, scope, key);
            if (!found.ok()) {
                return found;
            }
            const std::string old_id = found->has_value() ? (*found)->id : std::string();
            if (!change(*found)) {
                return found;
            }
            const Status stored =
                found->has_value() ? put_entity(db, **found) : remove_entity(db, kind, old_id);
            if (!stored.ok()) {
                return stored.error();
            }
            return found;
        },
        std::move(done));
}

void SqliteStore::delete_entity(std::string kind, std::string id, StoreDone<Done> done) {
    writer_.submit<Done>(
        Unit::statement,
        [kind = std::move(kind), id = std::move(id)](SqliteDb& db) {
            return remove_entity(db, kind, id);
        },
        std::move(done));
}

}  // namespace sallyport::engine
