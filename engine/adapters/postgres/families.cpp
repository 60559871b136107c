// Entities with children in PostgreSQL.
#include "engine/adapters/postgres/entity_rows.hpp"
#include "engine/adapters/postgres/page.hpp"
#include "engine/adapters/postgres/store.hpp"
#include "engine/adapters/postgres/transaction.hpp"

namespace sallyport::engine {
namespace {

PostgresStatement count_of(const std::string& kind, const std::string& scope) {
    PostgresListQuery list("SELECT count(*) FROM entity");
    list.add(" WHERE kind = ?", kind);
    if (!scope.empty()) {
        list.add(" AND scope = ?", scope);
    }
    return std::move(list).all();
}

// Held until the transaction ends: whoever adds to the parent, or takes it away, waits.
PostgresStatement lock_parent(const std::string& id) {
    PostgresStatement lock{{}, "SELECT id FROM entity WHERE id = $1 FOR UPDATE", {}};
    lock.add(id);
    return lock;
}

PostgresStatement rows_of_keys(const std::vector<EntityRow>& rows) {
    std::vector<std::string> keys;
    for (const EntityRow& row : rows) {
        keys.push_back(row.key);
    }
    PostgresListQuery list("SELECT id FROM entity");
    list.add(" WHERE kind = ?", rows.front().kind)
        .add(" AND scope = ?", rows.front().scope)
        .add_in("key", keys);
    return std::move(list).all();
}

PostgresStatement clear(const std::string& kind, const std::string& scope) {
    PostgresStatement remove{{}, "DELETE FROM entity WHERE kind = $1 AND scope = $2", {}};
    remove.add(kind).add(scope);
    return remove;
}

PostgresStatement insert_unless_taken(const EntityRow& row) {
    PostgresStatement put{{},
                          "INSERT INTO entity (" SALLYPORT_PG_ENTITY_COLUMNS
                          ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
                          "ON CONFLICT (kind, scope, key) DO NOTHING RETURNING id",
                          {}};
    put.add(row.id).add(row.kind).add(row.scope).add(row.key).add(row.label).add(row.body);
    put.add(row.created_ms).add(row.updated_ms);
    return put;
}

}  // namespace

void PostgresStore::count_entities(std::string kind, std::string scope,
                                   StoreDone<std::int64_t> done) {
    reader().submit(count_of(kind, scope),
                    [done = std::move(done)](const Result<PostgresRows>& rows) {
                        if (rows.ok()) {
                            done(rows->integer(0, 0));
                        } else {
                            done(rows.error());
                        }
                    });
}

void PostgresStore::add_family(EntityRow parent, std::vector<EntityRow> children,
                               StoreDone<bool> done) {
    transact([parent = std::move(parent), children = std::move(children),
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        transaction->query(insert_unless_taken(parent), [transaction, children,
                                                         done](const Result<PostgresRows>& rows) {
            if (!rows.ok()) {
                return transaction->end(
                    false, [done, error = rows.error()](const Status&) { done(error); });
            }
            const bool free = rows->count() > 0;
            if (free) {
                for (const EntityRow& child : children) {
                    transaction->query(put_entity(child));
                }
            }
            transaction->end(free, [done, free](const Status& ended) {
                ended.ok() ? done(free) : done(ended.error());
            });
        });
    });
}

void PostgresStore::add_children(std::vector<EntityRow> rows, std::size_t most,
                                 StoreDone<Added> done) {
    transact([rows = std::move(rows), most,
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        const auto parents = std::make_shared<int>(0);
        transaction->query(lock_parent(rows.front().scope),
                           [parents](const Result<PostgresRows>& found) {
                               *parents = found.ok() ? found->count() : 0;
                           });
        const auto taken = std::make_shared<int>(0);
        transaction->query(rows_of_keys(rows), [taken](const Result<PostgresRows>& found) {
            *taken = found.ok() ? found->count() : 0;
        });
        const auto add = [transaction, rows, most, parents, taken,
                          done](const Result<PostgresRows>& found) {
            if (!found.ok()) {
                return transaction->end(
                    false, [done, error = found.error()](const Status&) { done(error); });
            }
            const auto there = static_cast<std::size_t>(found->integer(0, 0));
            const Added added = *parents == 0                ? Added::no_parent
                                : there + rows.size() > most ? Added::full
                                : *taken > 0                 ? Added::taken
                                                             : Added::all;
            if (added == Added::all) {
                for (const EntityRow& row : rows) {
                    transaction->query(put_entity(row));
                }
            }
            transaction->end(added == Added::all, [done, added](const Status& ended) {
                ended.ok() ? done(added) : done(ended.error());
            });
        };
        transaction->query(count_of(rows.front().kind, rows.front().scope), add);
    });
}

void PostgresStore::take_children(std::string kind, std::string scope, std::vector<std::string> ids,
                                  StoreDone<std::vector<EntityRow>> done) {
    if (ids.empty()) {
        loop_.post([done = std::move(done)] { done(std::vector<EntityRow>()); });
        return;
    }
    transact([kind = std::move(kind), scope = std::move(scope), ids = std::move(ids),
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        PostgresListQuery list("DELETE FROM entity");
        list.add(" WHERE kind = ?", kind).add(" AND scope = ?", scope).add_in("id", ids);
        const auto give = [transaction, done](const Result<PostgresRows>& rows) {
            const bool ok = rows.ok();
            std::vector<EntityRow> taken = ok ? read_entities(*rows) : std::vector<EntityRow>();
            const Error problem = ok ? Error{} : rows.error();
            transaction->end(ok, [done, ok, taken, problem](const Status& ended) {
                if (ok && ended.ok()) {
                    done(taken);
                } else {
                    done(ok ? ended.error() : problem);
                }
            });
        };
        transaction->query(std::move(list).returning(SALLYPORT_PG_ENTITY_COLUMNS), give);
    });
}

void PostgresStore::clear_children(std::string kind, std::string scope,
                                   StoreDone<std::int64_t> done) {
    transact([kind = std::move(kind), scope = std::move(scope),
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        PostgresStatement lock = lock_parent(scope);
        transaction->query(std::move(lock));
        const auto there = std::make_shared<std::int64_t>(0);
        transaction->query(count_of(kind, scope), [there](const Result<PostgresRows>& rows) {
            *there = rows.ok() ? rows->integer(0, 0) : 0;
        });
        transaction->query(clear(kind, scope));
        transaction->end(true, [done, there](const Status& ended) {
            ended.ok() ? done(*there) : done(ended.error());
        });
    });
}

void PostgresStore::delete_family(std::string kind, std::string id,
                                  std::vector<std::string> child_kinds, StoreDone<Done> done) {
    transact([kind = std::move(kind), id = std::move(id), child_kinds = std::move(child_kinds),
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        transaction->query(remove_entity(kind, id));
        for (const std::string& child : child_kinds) {
            transaction->query(clear(child, id));
        }
        transaction->end(true, done);
    });
}

void PostgresStore::remove_old_entities(std::string kind, std::int64_t before_ms, std::size_t limit,
                                        StoreDone<std::size_t> done) {
    transact([kind = std::move(kind), before_ms, limit,
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        PostgresStatement remove{
            {},
            "DELETE FROM entity WHERE id IN (SELECT id FROM entity WHERE kind = $1 AND "
            "created_ms < $2::bigint LIMIT $3::bigint) RETURNING id",
            {}};
        remove.add(kind).add(before_ms).add(static_cast<std::int64_t>(limit));
        const auto gone = std::make_shared<std::size_t>(0);
        transaction->query(std::move(remove), [gone](const Result<PostgresRows>& rows) {
            *gone = rows.ok() ? static_cast<std::size_t>(rows->count()) : 0;
        });
        transaction->end(true, [done, gone](const Status& ended) {
            ended.ok() ? done(*gone) : done(ended.error());
        });
    });
}

}  // namespace sallyport::engine
