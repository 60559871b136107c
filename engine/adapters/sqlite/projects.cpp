// The life of projects and users in SQLite.
#include "engine/adapters/sqlite/account_rows.hpp"
#include "engine/adapters/sqlite/page.hpp"
#include "engine/adapters/sqlite/store.hpp"

#include <array>

namespace sallyport::engine {
namespace {

// What belongs to a project, in an order that foreign keys allow. Children of entities have the
// entity's id as their scope.
constexpr std::array kSqliteRemovals = {
    "DELETE FROM run_count WHERE project_id = ?",
    // Objects of files, which are somewhere else (file_keeper.hpp): to be removed next.
    "UPDATE entity SET created_ms = 0 WHERE kind = 'file_object' AND scope = ? || ':objects'",
    "DELETE FROM entity WHERE scope IN (SELECT id FROM flow WHERE project_id = ?)",
    "DELETE FROM flow WHERE project_id = ?",
    "DELETE FROM run_journal WHERE run_id IN (SELECT id FROM run WHERE project_id = ?)",
    "DELETE FROM moved_journal WHERE run_id IN (SELECT id FROM run WHERE project_id = ?)",
    "DELETE FROM webhook_delivery WHERE run_id IN (SELECT id FROM run WHERE project_id = ?)",
    "DELETE FROM run WHERE project_id = ?",
    "DELETE FROM entity WHERE scope IN (SELECT id FROM entity WHERE scope = ?)",
    "DELETE FROM entity WHERE scope = ?",
    "DELETE FROM entity WHERE id = ?",  // what is kept beside it
    "DELETE FROM project WHERE id = ?",
};

Result<std::int64_t> count_rows(SqliteDb& db, std::string_view sql, const std::string& key) {
    SqliteQuery query(db, sql);
    query.bind(key);
    const std::int64_t number = query.row() ? query.integer(0) : 0;
    if (!query.ok()) {
        return query.status().error();
    }
    return number;
}

Result<bool> remove_project(SqliteDb& db, const std::string& id) {
    const auto under_way =
        count_rows(db, "SELECT count(*) FROM run WHERE project_id = ? AND finished_ms = 0", id);
    if (!under_way.ok() || *under_way > 0) {
        return under_way.ok() ? Result<bool>(false) : under_way.error();
    }
    Status status = Done{};
    for (std::size_t i = 0; i < kSqliteRemovals.size() && status.ok(); ++i) {
        status = SqliteQuery(db, kSqliteRemovals[i]).bind(id).run();
    }
    return status.ok() ? Result<bool>(true) : status.error();
}

using UserGone = AccountStore::UserGone;

Result<UserGone> remove_user(SqliteDb& db, const std::string& id, const std::string& own_project) {
    SqliteQuery query(db,
                      "SELECT (SELECT count(*) FROM project WHERE owner_id = ? AND id <> ?) + "
                      "(SELECT count(*) FROM platform WHERE owner_id = ?)");
    query.bind_all(id, own_project, id);
    const std::int64_t owned = query.row() ? query.integer(0) : 0;
    if (!query.ok()) {
        return query.status().error();
    }
    if (owned > 0) {
        return UserGone::owner;
    }
    const Result<bool> gone = remove_project(db, own_project);
    if (!gone.ok() || !*gone) {
        return gone.ok() ? Result<UserGone>(UserGone::busy) : gone.error();
    }
    const Status status = SqliteQuery(db, "DELETE FROM user WHERE id = ?").bind(id).run();
    return status.ok() ? Result<UserGone>(UserGone::gone) : status.error();
}

// Others of the platform with the user's external id.
Result<std::int64_t> count_namesakes(SqliteDb& db, const UserRow& user) {
    SqliteQuery query(db,
                      "SELECT count(*) FROM user WHERE platform_id = ? AND external_id = ? "
                      "AND id <> ?");
    query.bind_all(user.platform_id, user.external_id, user.id);
    const std::int64_t count = query.row() ? query.integer(0) : 0;
    return query.ok() ? Result<std::int64_t>(count) : query.status().error();
}

Result<std::optional<UserRow>> change_stored(SqliteDb& db, const std::string& id,
                                             const AccountStore::UserChange& change) {
    Result<std::optional<UserRow>> found =
        find_user(db, "SELECT " SALLYPORT_USER_COLUMNS " FROM user WHERE id = ?", id);
    if (!found.ok() || !found->has_value()) {
        return found;
    }
    const UserRow before = **found;
    if (!change(**found)) {
        return found;
    }
    const UserRow& user = **found;
    if (!user.external_id.empty() && user.external_id != before.external_id) {
        const Result<std::int64_t> others = count_namesakes(db, user);
        if (!others.ok() || *others > 0) {
            return others.ok() ? std::optional(before)
                               : Result<std::optional<UserRow>>(others.error());
        }
    }
    const Status status =
        SqliteQuery(
            db,
            "UPDATE user SET first_name = ?, last_name = ?, platform_role = ?, status = ?, "
            "token_version = ?, track_events = ?, news_letter = ?, updated_ms = ?, external_id = ? "
            "WHERE id = ?")
            .bind_all(user.first_name, user.last_name, user.platform_role, user.status,
                      user.token_version, user.track_events, user.news_letter, user.updated_ms,
                      user.external_id, user.id)
            .run();
    return status.ok() ? found : Result<std::optional<UserRow>>(status.error());
}

}  // namespace

void SqliteStore::projects_on(std::string platform_id, StoreDone<std::vector<ProjectRow>> done) {
    lister_.submit<std::vector<ProjectRow>>(
        Unit::statement,
        [platform_id = std::move(platform_id)](SqliteDb& db) {
            return find_projects(db,
                                 "SELECT " SALLYPORT_PROJECT_COLUMNS
                                 " FROM project WHERE platform_id = ? ORDER BY created_ms, id",
                                 platform_id);
        },
        std::move(done));
}

void SqliteStore::add_project(ProjectRow project, StoreDone<Done> done) {
    writer_.submit<Done>(
        Unit::statement,
        [project = std::move(project)](SqliteDb& db) { return insert_project(db, project); },
        std::move(done));
}

void SqliteStore::rename_project(std::string id, std::string display_name, std::int64_t now_ms,
                                 StoreDone<Done> done) {
    writer_.submit<Done>(
        Unit::statement,
        [id = std::move(id), display_name = std::move(display_name), now_ms](SqliteDb& db) {
            return SqliteQuery(db,
                               "UPDATE project SET display_name = ?, updated_ms = ? WHERE id = ?")
                .bind_all(display_name, now_ms, id)
                .run();
        },
        std::move(done));
}

void SqliteStore::delete_project(std::string id, StoreDone<bool> done) {
    writer_.submit<bool>(
        Unit::transaction, [id = std::move(id)](SqliteDb& db) { return remove_project(db, id); },
        std::move(done));
}

void SqliteStore::list_users(std::string platform_id, std::string external_id,
                             std::optional<PageCursor> cursor, std::size_t limit,
                             StoreDone<Page<UserRow>> done) {
    lister_.submit<Page<UserRow>>(
        Unit::statement,
        [platform_id = std::move(platform_id), external_id = std::move(external_id),
         cursor = std::move(cursor), limit](SqliteDb& db) -> Result<Page<UserRow>> {
            std::string sql = "SELECT " SALLYPORT_USER_COLUMNS " FROM user WHERE platform_id = ?";
            sql += external_id.empty() ? "" : " AND external_id = ?";
            sql += page_clause(cursor, "created_ms", "id", true);
            SqliteQuery query(db, sql);
            query.bind(platform_id);
            if (!external_id.empty()) {
                query.bind(external_id);
            }
            bind_page(query, cursor, limit);
            std::vector<UserRow> users;
            while (query.row()) {
                users.push_back(read_user(query));
            }
            if (!query.ok()) {
                return query.status().error();
            }
            return make_page(std::move(users), cursor, limit,
                             [](const UserRow& row) { return std::pair(row.created_ms, row.id); });
        },
        std::move(done));
}

void SqliteStore::change_user(std::string id, UserChange change,
                              StoreDone<std::optional<UserRow>> done) {
    writer_.submit<std::optional<UserRow>>(
        Unit::transaction,
        [id = std::move(id), change = std::move(change)](SqliteDb& db) {
            return change_stored(db, id, change);
        },
        std::move(done));
}

void SqliteStore::delete_user(std::string id, std::string own_project, StoreDone<UserGone> done) {
    writer_.submit<UserGone>(
        Unit::transaction,
        [id = std::move(id), own_project = std::move(own_project)](SqliteDb& db) {
            return remove_user(db, id, own_project);
        },
        std::move(done));
}

}  // namespace sallyport::engine
