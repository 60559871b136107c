// Small things of many kinds in PostgreSQL.
#include "engine/adapters/json_member.hpp"
#include "engine/adapters/like_text.hpp"
#include "engine/adapters/postgres/entity_rows.hpp"
#include "engine/adapters/postgres/page.hpp"
#include "engine/adapters/postgres/store.hpp"
#include "engine/adapters/postgres/transaction.hpp"

namespace sallyport::engine {
namespace {

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

PostgresStatement by_key(const std::string& kind, const std::string& scope,
                         const std::string& key) {
    PostgresStatement query{"entity_by_key",
                            "SELECT " SALLYPORT_PG_ENTITY_COLUMNS
                            " FROM entity WHERE kind = $1 AND scope = $2 AND key = $3",
                            {}};
    query.add(kind).add(scope).add(key);
    return query;
}

// Serves a key that has no row yet as well; the next statement sees what was committed while this
// one waited.
PostgresStatement lock_of(const std::string& kind, const std::string& scope,
                          const std::string& key) {
    PostgresStatement lock{
        {}, "SELECT pg_advisory_xact_lock(hashtextextended($1, 1396788336))", {}};
    lock.add(kind + "/" + scope + "/" + key);
    return lock;
}

std::string row_id_in_postgres(const std::optional<EntityRow>& row) {
    return row ? row->id : std::string();
}

PostgresListQuery listed(const std::string& select, const EntityQuery& query) {
    PostgresListQuery list(select + " FROM entity");
    list.add(" WHERE kind = ?", query.kind);
    if (!query.every_scope) {
        list.add(" AND scope = ?", query.scope);
    }
    if (!query.label.empty()) {
        list.add(" AND label ILIKE ?", like_text(query.label));
    }
    for (const auto& [name, values] : query.members) {
        list.add_in(json_without_nul("body") + "::jsonb ->> '" + name + "'", values);
    }
    list.add_in("key", query.keys);
    if (query.created_after_ms) {
        list.add(" AND created_ms >= ?::bigint", *query.created_after_ms);
    }
    if (query.created_before_ms) {
        list.add(" AND created_ms <= ?::bigint", *query.created_before_ms);
    }
    return list;
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
    PostgresListQuery list = listed("SELECT " SALLYPORT_PG_ENTITY_COLUMNS, query);
    const std::string order = query.oldest_first ? " ASC" : " DESC";
    PostgresStatement statement =
        query.by_label
            ? std::move(list).ordered("lower(label)" + order + ", id" + order, query.limit)
            : std::move(list).page(query.cursor, "created_ms", "id", query.limit,
                                   query.oldest_first);
    reader().submit(std::move(statement),
                    [query, done = std::move(done)](const Result<PostgresRows>& rows) {
                        if (rows.ok()) {
                            done(entity_page(read_entities(*rows), query));
                        } else {
                            done(rows.error());
                        }
                    });
}

void PostgresStore::count_listed(EntityQuery query, StoreDone<std::int64_t> done) {
    reader().submit(listed("SELECT count(*)", query).all(),
                    [done = std::move(done)](const Result<PostgresRows>& rows) {
                        rows.ok() ? done(rows->integer(0, 0)) : done(rows.error());
                    });
}

void PostgresStore::change_entity(std::string kind, std::string scope, std::string key,
                                  EntityChange change, StoreDone<std::optional<EntityRow>> done) {
    transact([kind = std::move(kind), scope = std::move(scope), key = std::move(key),
              change = std::move(change),
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        transaction->query(lock_of(kind, scope, key));
        transaction->query(by_key(kind, scope, key), [transaction, kind, change,
                                                      done](const Result<PostgresRows>& rows) {
            if (!rows.ok()) {
                transaction->end(false,
                                 [done, error = rows.error()](const Status&) { done(error); });
                return;
            }
            std::optional<EntityRow> row = first_entity(*rows);
            const std::string old_id = row_id_in_postgres(row);
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

void PostgresStore::change_pair(EntityKey row, EntityKey beside, PairChange change,
                                StoreDone<Done> done) {
    transact([row = std::move(row), beside = std::move(beside), change = std::move(change),
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        transaction->query(lock_of(row.kind, row.scope, row.key));
        const auto first = std::make_shared<Result<PostgresRows>>(Error{"not read"});
        transaction->query(by_key(row.kind, row.scope, row.key),
                           [first](const Result<PostgresRows>& rows) { *first = rows; });
        const auto put_left = [transaction](const EntityKey& key, const std::string& old_id,
                                            const std::optional<EntityRow>& left) {
            if (left || !old_id.empty()) {
                transaction->query(left ? put_entity(*left) : remove_entity(key.kind, old_id));
            }
        };
        transaction->query(
            by_key(beside.kind, beside.scope, beside.key),
            [transaction, row, beside, change, done, first,
             put_left](const Result<PostgresRows>& second) {
                if (!first->ok() || !second.ok()) {
                    const Error error = first->ok() ? second.error() : first->error();
                    transaction->end(false, [done, error](const Status&) { done(error); });
                    return;
                }
                std::optional<EntityRow> one = first_entity(**first);
                std::optional<EntityRow> other = first_entity(*second);
                const std::string one_id = row_id_in_postgres(one);
                const std::string other_id = row_id_in_postgres(other);
                const bool changed = change(one, other);
                if (changed) {
                    put_left(row, one_id, one);
                    put_left(beside, other_id, other);
                }
                transaction->end(changed, done);
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
