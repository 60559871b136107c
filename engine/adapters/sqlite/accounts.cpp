// Users and projects in SQLite.
#include "engine/adapters/sqlite/account_rows.hpp"
#include "engine/adapters/sqlite/store.hpp"

namespace sallyport::engine {
namespace {

Status insert_user(SqliteDb& db, const UserRow& user) {
    return SqliteQuery(db, "INSERT INTO user (" SALLYPORT_USER_COLUMNS
                           ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind_all(user.id, user.platform_id, user.email, user.first_name, user.last_name,
                  user.password_hash, user.platform_role, user.status, user.token_version,
                  user.track_events, user.news_letter, user.created_ms, user.updated_ms,
                  user.external_id)
        .run();
}

// The platform there is, or nothing.
Result<std::optional<std::string>> find_platform(SqliteDb& db) {
    SqliteQuery query(db, "SELECT id FROM platform ORDER BY created_ms LIMIT 1");
    std::optional<std::string> id;
    if (query.row()) {
        id = query.text(0);
    }
    if (!query.ok()) {
        return query.status().error();
    }
    return id;
}

Result<AccountStore::SignUp> store_sign_up(SqliteDb& db, UserRow user, ProjectRow project,
                                           bool open) {
    const auto known =
        find_user(db, "SELECT " SALLYPORT_USER_COLUMNS " FROM user WHERE email = ?", user.email);
    if (!known.ok()) {
        return known.error();
    }
    if (known->has_value()) {
        return AccountStore::SignUp{SignUpOutcome::existing_user, {}};
    }
    const auto platform = find_platform(db);
    if (!platform.ok()) {
        return platform.error();
    }
    Status status = Done{};
    if (platform->has_value()) {
        if (!open) {
            return AccountStore::SignUp{SignUpOutcome::invitation_only, {}};
        }
        user.platform_id = **platform;
        user.platform_role = "MEMBER";
    } else {
        status = SqliteQuery(db, "INSERT INTO platform (id, owner_id, created_ms) VALUES (?, ?, ?)")
                     .bind_all(user.platform_id, user.id, user.created_ms)
                     .run();
    }
    project.platform_id = user.platform_id;
    status = status.ok() ? insert_user(db, user) : status;
    status = status.ok() ? insert_project(db, project) : status;
    if (!status.ok()) {
        return status.error();
    }
    return AccountStore::SignUp{SignUpOutcome::created, user};
}

}  // namespace

void SqliteStore::sign_up(UserRow user, ProjectRow project, bool open, StoreDone<SignUp> done) {
    writer_.submit<SignUp>(
        Unit::transaction,
        [user = std::move(user), project = std::move(project), open](SqliteDb& db) {
            return store_sign_up(db, user, project, open);
        },
        std::move(done));
}

void SqliteStore::user_by_email(std::string email, StoreDone<std::optional<UserRow>> done) {
    reader_.submit<std::optional<UserRow>>(
        Unit::statement,
        [email = std::move(email)](SqliteDb& db) {
            return find_user(db, "SELECT " SALLYPORT_USER_COLUMNS " FROM user WHERE email = ?",
                             email);
        },
        std::move(done));
}

void SqliteStore::user_by_id(std::string id, StoreDone<std::optional<UserRow>> done) {
    reader_.submit<std::optional<UserRow>>(
        Unit::statement,
        [id = std::move(id)](SqliteDb& db) {
            return find_user(db, "SELECT " SALLYPORT_USER_COLUMNS " FROM user WHERE id = ?", id);
        },
        std::move(done));
}

void SqliteStore::has_users(StoreDone<bool> done) {
    reader_.submit<bool>(
        Unit::statement,
        [](SqliteDb& db) -> Result<bool> {
            SqliteQuery query(db, "SELECT 1 FROM user LIMIT 1");
            const bool some = query.row();
            return query.ok() ? Result<bool>(some) : query.status().error();
        },
        std::move(done));
}

void SqliteStore::project(std::string id, StoreDone<std::optional<ProjectRow>> done) {
    reader_.submit<std::optional<ProjectRow>>(
        Unit::statement,
        [id = std::move(id)](SqliteDb& db) -> Result<std::optional<ProjectRow>> {
            SqliteQuery query(db, "SELECT " SALLYPORT_PROJECT_COLUMNS " FROM project WHERE id = ?");
            query.bind(id);
            std::optional<ProjectRow> project;
            if (query.row()) {
                project = read_project(query);
            }
            if (!query.ok()) {
                return query.status().error();
            }
            return project;
        },
        std::move(done));
}

void SqliteStore::projects_of(std::string user_id, StoreDone<std::vector<ProjectRow>> done) {
    reader_.submit<std::vector<ProjectRow>>(
        Unit::statement,
        [user_id = std::move(user_id)](SqliteDb& db) {
            return find_projects(db,
                                 "SELECT " SALLYPORT_PROJECT_COLUMNS
                                 " FROM project WHERE owner_id = ? ORDER BY created_ms, id",
                                 user_id);
        },
        std::move(done));
}

}  // namespace sallyport::engine
