// Small things of many kinds in PostgreSQL.
#include "engine/adapters/like_text.hpp"
#include "engine/adapters/postgres_page.hpp"
#include "engine/adapters/postgres_store.hpp"
#include "engine/adapters/postgres_transaction.hpp"

namespace sallyport::engine {
namespace {

#define SALLYPORT_PG_ENTITY_COLUMNS "id, kind, scope, key, label, body, created_ms, updated_ms"

EntityRow read_entity(const PostgresRows& rows, int at) {
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

std::optional<EntityRow> first_entity(const PostgresRows& rows) {
    return rows.count() > 0 ? std::optional(read_entity(rows, 0)) : std::nullopt;
}

std::function<void(const Result<PostgresRows>&)> give_first(
    StoreDone<std::optional<EntityRow>> done) {
    return [done = std::move(done)](const Result<PostgresRows>& rows) {
        if (rows.ok()) {
            done(first_entity(*rows));
        } else {
            done(rows.error());
        }
    };
}

PostgresStatement put_entity(const EntityRow& row) {
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

PostgresStatement remove_entity(const std::string& kind, const std::string& id) {
    PostgresStatement remove{{}, "DELETE FROM entity WHERE kind = $1 AND id = $2", {}};
    remove.add(kind).add(id);
    return remove;
}

PostgresStatement by_key(const std::string& kind, const std::string& scope,
                         const std::string& key) {
    PostgresStatement query{"entity_by_key",
                            "SELECT " SALLYPORT_PG_ENTITY_COLUMNS
                            " FROM entity WHERE kind = $1 AND scope = $2 AND key = $3",
                            {}};
    query.add(kind).add(scope).add(key);
    return query;
}

}  // namespace

void PostgresStore::entity(std::string kind, std::string id,
                           StoreDone<std::optional<EntityRow>> done) {
    PostgresStatement query{"entity",
                            "SELECT " SALLYPORT_PG_ENTITY_COLUMNS
                            " FROM entity WHERE id = $1 AND kind = $2",
                            {}};
    reader().submit(std::move(query.add(id).add(kind)), give_first(std::move(done)));
}

void PostgresStore::entity_by_key(std::string kind, std::string scope, std::string key,
                                  StoreDone<std::optional<EntityRow>> done) {
    reader().submit(by_key(kind, scope, key), give_first(std::move(done)));
}

void PostgresStore::list_entities(EntityQuery query, StoreDone<Page<EntityRow>> done) {
    PostgresListQuery list("SELECT " SALLYPORT_PG_ENTITY_COLUMNS " FROM entity");
    list.add(" WHERE kind = ?", query.kind).add(" AND scope = ?", query.scope);
    if (!query.label.empty()) {
        list.add(" AND label ILIKE ?", like_text(query.label));
    }
    for (const auto& [name, values] : query.members) {
        list.add_in("body::jsonb ->> '" + name + "'", values);
    }
    PostgresStatement statement =
        std::move(list).page(query.cursor, "created_ms", "id", query.limit, query.oldest_first);
    reader().submit(
        std::move(statement), [cursor = query.cursor, limit = query.limit,
                               done = std::move(done)](const Result<PostgresRows>& rows) {
            if (!rows.ok()) {
                done(rows.error());
                return;
            }
            std::vector<EntityRow> found;
            for (int i = 0; i < rows->count(); ++i) {
                found.push_back(read_entity(*rows, i));
            }
            done(make_page(std::move(found), cursor, limit,
                           [](const EntityRow& row) { return std::pair(row.created_ms, row.id); }));
        });
}

void PostgresStore::change_entity(std::string kind, std::string scope, std::string key,
                                  EntityChange change, StoreDone<std::optional<EntityRow>> done) {
    transact([kind = std::move(kind), scope = std::move(scope), key = std::move(key),
              change = std::move(change),
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        // Serves a key that has no row yet as well; the second statement sees what was committed
        // while the first waited.
        PostgresStatement lock{
            {}, "SELECT pg_advisory_xact_lock(hashtextextended($1, 1396788336))", {}};
        transaction->query(std::move(lock.add(kind + "/" + scope + "/" + key)));
        transaction->query(by_key(kind, scope, key), [transaction, kind, change,
                                                      done](const Result<PostgresRows>& rows) {
            if (!rows.ok()) {
                transaction->end(false,
                                 [done, error = rows.error()](const Status&) { done(error); });
                return;
            }
            std::optional<EntityRow> row = first_entity(*rows);
            const std::string old_id = row ? row->id : std::string();
            const bool changed = change(row);
            if (changed) {
                transaction->query(row ? put_entity(*row) : remove_entity(kind, old_id));
            }
            transaction->end(changed, [done, row](const Status& ended) {
                ended.ok() ? done(row) : done(ended.error());
            });
        });
    });
}

void PostgresStore::delete_entity(std::string kind, std::string id, StoreDone<Done> done) {
    transact([kind = std::move(kind), id = std::move(id),
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        transaction->query(remove_entity(kind, id));
        transaction->end(true, done);
    });
}

}  // namespace sallyport::engine
