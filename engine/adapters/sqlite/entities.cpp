// Small things of many kinds in SQLite.
#include "engine/adapters/json_member.hpp"
#include "engine/adapters/like_text.hpp"
#include "engine/adapters/sqlite/entity_rows.hpp"
#include "engine/adapters/sqlite/page.hpp"
#include "engine/adapters/sqlite/store.hpp"

#include <algorithm>
#include <iterator>

namespace sallyport::engine {
namespace {

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

std::string conditions(const EntityQuery& wanted) {
    std::string sql = " FROM entity WHERE kind = ?";
    sql += wanted.every_scope ? "" : " AND scope = ?";
    sql += wanted.label.empty() ? "" : " AND label LIKE ? ESCAPE '\\'";
    for (const auto& [name, values] : wanted.members) {
        sql +=
            in_clause("json_extract(" + json_without_nul("body") + ", '$." + name + "')", values);
    }
    sql += in_clause("key", wanted.keys);
    sql += wanted.created_after_ms ? " AND created_ms >= ?" : "";
    sql += wanted.created_before_ms ? " AND created_ms <= ?" : "";
    return sql;
}

// What the conditions compare with: bound texts have to stay as long as the query.
struct Compared {
    explicit Compared(const EntityQuery& wanted) : label(like_text(wanted.label)) {
        for (const auto& member : wanted.members) {
            std::transform(member.second.begin(), member.second.end(), std::back_inserter(values),
                           text_without_nul);
        }
    }
    std::string label;
    std::vector<std::string> values;  // of all members
};

void bind_conditions(SqliteQuery& query, const EntityQuery& wanted, const Compared& compared) {
    query.bind(wanted.kind);
    if (!wanted.every_scope) {
        query.bind(wanted.scope);
    }
    if (!wanted.label.empty()) {
        query.bind(compared.label);
    }
    bind_list(query, compared.values);
    bind_list(query, wanted.keys);
    for (const auto& at_ms : {wanted.created_after_ms, wanted.created_before_ms}) {
        if (at_ms) {
            query.bind(*at_ms);
        }
    }
}

Result<Page<EntityRow>> read_page(SqliteDb& db, const EntityQuery& wanted) {
    std::string sql = "SELECT " SALLYPORT_ENTITY_COLUMNS + conditions(wanted);
    if (wanted.by_label) {
        const std::string order = wanted.oldest_first ? " ASC" : " DESC";
        sql += " ORDER BY lower(label)" + order + ", id" + order + " LIMIT ?";
    } else {
        sql += page_clause(wanted.cursor, "created_ms", "id", wanted.oldest_first);
    }
    const Compared compared(wanted);
    SqliteQuery query(db, sql);
    bind_conditions(query, wanted, compared);
    bind_page(query, wanted.cursor, wanted.limit);
    std::vector<EntityRow> rows;
    while (query.row()) {
        rows.push_back(read_entity(query));
    }
    if (!query.ok()) {
        return query.status().error();
    }
    return entity_page(std::move(rows), wanted);
}

Result<std::int64_t> count_all(SqliteDb& db, const EntityQuery& wanted) {
    const Compared compared(wanted);
    SqliteQuery query(db, "SELECT count(*)" + conditions(wanted));
    bind_conditions(query, wanted, compared);
    const std::int64_t count = query.row() ? query.integer(0) : 0;
    if (!query.ok()) {
        return query.status().error();
    }
    return count;
}

// What a change has left of the row that had this id; none: there was no row.
Status store_left(SqliteDb& db, const std::string& kind, const std::string& old_id,
                  const std::optional<EntityRow>& left) {
    if (left) {
        return put_entity(db, *left);
    }
    return old_id.empty() ? Status(Done{}) : remove_entity(db, kind, old_id);
}

std::string row_id_in_sqlite(const std::optional<EntityRow>& row) {
    return row ? row->id : std::string();
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
    lister_.submit<Page<EntityRow>>(
        Unit::statement, [query = std::move(query)](SqliteDb& db) { return read_page(db, query); },
        std::move(done));
}

void SqliteStore::count_listed(EntityQuery query, StoreDone<std::int64_t> done) {
    lister_.submit<std::int64_t>(
        Unit::statement, [query = std::move(query)](SqliteDb& db) { return count_all(db, query); },
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
            const std::string old_id = row_id_in_sqlite(*found);
            if (!change(*found)) {
                return found;
            }
            const Status stored = store_left(db, kind, old_id, *found);
            if (!stored.ok()) {
                return stored.error();
            }
            return found;
        },
        std::move(done));
}

void SqliteStore::change_pair(EntityKey row, EntityKey beside, PairChange change,
                              StoreDone<Done> done) {
    writer_.submit<Done>(
        Unit::transaction,
        [row = std::move(row), beside = std::move(beside),
         change = std::move(change)](SqliteDb& db) -> Result<Done> {
            auto first = find_by_key(db, row.kind, row.scope, row.key);
            auto second = find_by_key(db, beside.kind, beside.scope, beside.key);
            if (!first.ok() || !second.ok()) {
                return first.ok() ? second.error() : first.error();
            }
            const std::string first_id = row_id_in_sqlite(*first);
            const std::string second_id = row_id_in_sqlite(*second);
            if (!change(*first, *second)) {
                return Done{};
            }
            const Status stored = store_left(db, row.kind, first_id, *first);
            return stored.ok() ? store_left(db, beside.kind, second_id, *second) : stored;
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
