// Entities with children in SQLite.
#include "engine/adapters/sqlite/entity_rows.hpp"
#include "engine/adapters/sqlite/store.hpp"

namespace sallyport::engine {
namespace {

// The one number that a statement gives.
Result<std::int64_t> number_of(SqliteQuery& query) {
    const std::int64_t number = query.row() ? query.integer(0) : 0;
    if (!query.ok()) {
        return query.status().error();
    }
    return number;
}

Result<std::int64_t> count(SqliteDb& db, const std::string& kind, const std::string& scope) {
    SqliteQuery query(db, scope.empty()
                              ? "SELECT count(*) FROM entity WHERE kind = ?"
                              : "SELECT count(*) FROM entity WHERE kind = ? AND scope = ?");
    query.bind(kind);
    return number_of(scope.empty() ? query : query.bind(scope));
}

Status put_all(SqliteDb& db, const std::vector<EntityRow>& rows) {
    Status status = Done{};
    for (std::size_t i = 0; i < rows.size() && status.ok(); ++i) {
        status = put_entity(db, rows[i]);
    }
    return status;
}

Result<std::int64_t> rows_of_key(SqliteDb& db, const EntityRow& row) {
    SqliteQuery query(db, "SELECT count(*) FROM entity WHERE kind = ? AND scope = ? AND key = ?");
    return number_of(query.bind_all(row.kind, row.scope, row.key));
}

Result<bool> put_family(SqliteDb& db, const EntityRow& parent,
                        const std::vector<EntityRow>& children) {
    const Result<std::int64_t> taken = rows_of_key(db, parent);
    if (!taken.ok()) {
        return taken.error();
    }
    if (*taken > 0) {
        return false;
    }
    Status status = put_entity(db, parent);
    status = status.ok() ? put_all(db, children) : status;
    return status.ok() ? Result<bool>(true) : status.error();
}

Result<EntityStore::Added> put_children(SqliteDb& db, const std::vector<EntityRow>& rows,
                                        std::size_t most) {
    SqliteQuery query(db, "SELECT count(*) FROM entity WHERE id = ?");
    const Result<std::int64_t> parents = number_of(query.bind(rows.front().scope));
    if (!parents.ok()) {
        return parents.error();
    }
    if (*parents == 0) {
        return EntityStore::Added::no_parent;
    }
    const Result<std::int64_t> there = count(db, rows.front().kind, rows.front().scope);
    if (!there.ok()) {
        return there.error();
    }
    if (static_cast<std::size_t>(*there) + rows.size() > most) {
        return EntityStore::Added::full;
    }
    for (const EntityRow& row : rows) {
        const Result<std::int64_t> taken = rows_of_key(db, row);
        if (!taken.ok()) {
            return taken.error();
        }
        if (*taken > 0) {
            return EntityStore::Added::taken;
        }
    }
    const Status status = put_all(db, rows);
    return status.ok() ? Result<EntityStore::Added>(EntityStore::Added::all) : status.error();
}

Result<std::vector<EntityRow>> take(SqliteDb& db, const std::string& kind, const std::string& scope,
                                    const std::vector<std::string>& ids) {
    std::vector<EntityRow> taken;
    for (const std::string& id : ids) {
        SqliteQuery query(db,
                          "DELETE FROM entity WHERE id = ? AND kind = ? AND scope = ? "
                          "RETURNING " SALLYPORT_ENTITY_COLUMNS);
        query.bind_all(id, kind, scope);
        while (query.row()) {
            taken.push_back(read_entity(query));
        }
        if (!query.ok()) {
            return query.status().error();
        }
    }
    return taken;
}

Status clear(SqliteDb& db, const std::string& kind, const std::string& scope) {
    return SqliteQuery(db, "DELETE FROM entity WHERE kind = ? AND scope = ?")
        .bind_all(kind, scope)
        .run();
}

}  // namespace

void SqliteStore::count_entities(std::string kind, std::string scope,
                                 StoreDone<std::int64_t> done) {
    lister_.submit<std::int64_t>(
        Unit::statement,
        [kind = std::move(kind), scope = std::move(scope)](SqliteDb& db) {
            return count(db, kind, scope);
        },
        std::move(done));
}

void SqliteStore::add_family(EntityRow parent, std::vector<EntityRow> children,
                             StoreDone<bool> done) {
    writer_.submit<bool>(
        Unit::transaction,
        [parent = std::move(parent), children = std::move(children)](SqliteDb& db) {
            return put_family(db, parent, children);
        },
        std::move(done));
}

void SqliteStore::add_children(std::vector<EntityRow> rows, std::size_t most,
                               StoreDone<Added> done) {
    writer_.submit<Added>(
        Unit::transaction,
        [rows = std::move(rows), most](SqliteDb& db) { return put_children(db, rows, most); },
        std::move(done));
}

void SqliteStore::take_children(std::string kind, std::string scope, std::vector<std::string> ids,
                                StoreDone<std::vector<EntityRow>> done) {
    writer_.submit<std::vector<EntityRow>>(
        Unit::transaction,
        [kind = std::move(kind), scope = std::move(scope), ids = std::move(ids)](SqliteDb& db) {
            return take(db, kind, scope, ids);
        },
        std::move(done));
}

void SqliteStore::clear_children(std::string kind, std::string scope,
                                 StoreDone<std::int64_t> done) {
    writer_.submit<std::int64_t>(
        Unit::transaction,
        [kind = std::move(kind), scope = std::move(scope)](SqliteDb& db) -> Result<std::int64_t> {
            const Status status = clear(db, kind, scope);
            return status.ok() ? Result<std::int64_t>(db.changes()) : status.error();
        },
        std::move(done));
}

void SqliteStore::delete_family(std::string kind, std::string id,
                                std::vector<std::string> child_kinds, StoreDone<Done> done) {
    writer_.submit<Done>(
        Unit::transaction,
        [kind = std::move(kind), id = std::move(id),
         child_kinds = std::move(child_kinds)](SqliteDb& db) {
            Status status = remove_entity(db, kind, id);
            for (std::size_t i = 0; i < child_kinds.size() && status.ok(); ++i) {
                status = clear(db, child_kinds[i], id);
            }
            return status;
        },
        std::move(done));
}

void SqliteStore::remove_old_entities(std::string kind, std::int64_t before_ms, std::size_t limit,
                                      StoreDone<std::size_t> done) {
    writer_.submit<std::size_t>(
        Unit::statement,
        [kind = std::move(kind), before_ms, limit](SqliteDb& db) -> Result<std::size_t> {
            const Status status =
                SqliteQuery(db,
                            "DELETE FROM entity WHERE id IN (SELECT id FROM entity WHERE kind = ? "
                            "AND created_ms < ? LIMIT ?)")
                    .bind_all(kind, before_ms, static_cast<std::int64_t>(limit))
                    .run();
            return status.ok() ? Result<std::size_t>(static_cast<std::size_t>(db.changes()))
                               : status.error();
        },
        std::move(done));
}

}  // namespace sallyport::engine
