// Rows of the table `entity` in PostgreSQL: for the sources of that store alone.
#pragma once

#include "engine/adapters/postgres/connection.hpp"
#include "engine/ports/store.hpp"

#include <string>
#include <vector>

namespace sallyport::engine {

#define SALLYPORT_PG_ENTITY_COLUMNS "id, kind, scope, key, label, body, created_ms, updated_ms"

inline EntityRow read_entity(const PostgresRows& rows, int at) {
    EntityRow row;
    row.id = rows.text(at, 0);
    row.kind = rows.text(at, 1);
    row.scope = rows.text(at, 2);
    row.key = rows.text(at, 3);
    row.label = rows.text(at, 4);
    row.body = rows.text(at, 5);
    row.created_ms = rows.integer(at, 6);
    row.updated_ms = rows.integer(at, 7);
    return row;
}

inline std::vector<EntityRow> read_entities(const PostgresRows& rows) {
    std::vector<EntityRow> found;
    for (int i = 0; i < rows.count(); ++i) {
        found.push_back(read_entity(rows, i));
    }
    return found;
}

inline PostgresStatement put_entity(const EntityRow& row) {
    PostgresStatement put{{},
                          "INSERT INTO entity (" SALLYPORT_PG_ENTITY_COLUMNS
                          ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE "
                          "SET key = excluded.key, label = excluded.label, body = excluded.body, "
                          "updated_ms = excluded.updated_ms",
                          {}};
    put.add(row.id).add(row.kind).add(row.scope).add(row.key).add(row.label).add(row.body);
    put.add(row.created_ms).add(row.updated_ms);
    return put;
}

inline PostgresStatement remove_entity(const std::string& kind, const std::string& id) {
    PostgresStatement remove{{}, "DELETE FROM entity WHERE kind = $1 AND id = $2", {}};
    remove.add(kind).add(id);
    return remove;
}

}  // namespace sallyport::engine
