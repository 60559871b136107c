// Rows of the table `entity` in SQLite: for the sources of that store alone.
#pragma once

#include "engine/adapters/sqlite/db.hpp"
#include "engine/ports/store.hpp"

#include <string>

namespace sallyport::engine {

#define SALLYPORT_ENTITY_COLUMNS "id, kind, scope, key, label, body, created_ms, updated_ms"

inline EntityRow read_entity(const SqliteQuery& query) {
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

inline Status put_entity(SqliteDb& db, const EntityRow& row) {
    return SqliteQuery(db, "INSERT INTO entity (" SALLYPORT_ENTITY_COLUMNS
                           ") VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
                           "key = excluded.key, label = excluded.label, body = excluded.body, "
                           "updated_ms = excluded.updated_ms")
        .bind_all(row.id, row.kind, row.scope, row.key, row.label, row.body, row.created_ms,
                  row.updated_ms)
        .run();
}

inline Status remove_entity(SqliteDb& db, const std::string& kind, const std::string& id) {
    return SqliteQuery(db, "DELETE FROM entity WHERE kind = ? AND id = ?").bind_all(kind, id).run();
}

}  // namespace sallyport::engine
