// Users and projects in SQLite.
#include "engine/adapters/sqlite_store.hpp"

namespace sallyport::engine {
namespace {

#define SALLYPORT_USER_COLUMNS                                                              \
    "id, platform_id, email, first_name, last_name, password_hash, platform_role, status, " \
    "token_version, track_events, news_letter, created_ms, updated_ms"
#define SALLYPORT_PROJECT_COLUMNS \
    "id, platform_id, owner_id, display_name, type, created_ms, updated_ms"

UserRow read_user(const SqliteQuery& query) {
    UserRow user;
    user.id = query.text(0);
    user.platform_id = query.text(1);
    user.email = query.text(2);
    user.first_name = query.text(3);
    user.last_name = query.text(4);
    user.password_hash = query.text(5);
    user.platform_role = query.text(6);
    user.status = query.text(7);
    user.token_version = query.text(8);
    user.track_events = query.integer(9) != 0;
    user.news_letter = query.integer(10) != 0;
    user.created_ms = query.integer(11);
    user.updated_ms = query.integer(12);
    return user;
}

ProjectRow read_project(const SqliteQuery& query) {
    ProjectRow project;
    project.id = query.text(0);
    project.platform_id = query.text(1);
    project.owner_id = query.text(2);
    project.display_name = query.text(3);
    project.type = query.text(4);
    project.created_ms = query.integer(5);
    project.updated_ms = query.integer(6);
    return project;
}

Result<std::optional<UserRow>> find_user(SqliteDb& db, std::string_view sql,
                                         const std::string& key) {
    SqliteQuery query(db, sql);
    query.bind(key);
    std::optional<UserRow> user;
    if (query.row()) {
        user = read_user(query);
    }
    if (!query.ok()) {
        return query.status().error();
    }
    return user;
}

Status insert_user(SqliteDb& db, const UserRow& user) {
    return SqliteQuery(db, "INSERT INTO user (" SALLYPORT_USER_COLUMNS
                           ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind_all(user.id, user.platform_id, user.email, user.first_name, user.last_name,
                  user.password_hash, user.platform_role, user.status, user.token_version,
                  user.track_events, user.news_letter, user.created_ms, user.updated_ms)
        .run();
}

Status insert_project(SqliteDb& db, const ProjectRow& project) {
    return SqliteQuery(db, "INSERT INTO project (" SALLYPORT_PROJECT_COLUMNS
                           ") VALUES (?, ?, ?, ?, ?, ?, ?)")
        .bind_all(project.id, project.platform_id, project.owner_id, project.display_name,
                  project.type, project.created_ms, project.updated_ms)
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
        [user_id = std::move(user_id)](SqliteDb& db) -> Result<std::vector<ProjectRow>> {
            SqliteQuery query(db, "SELECT " SALLYPORT_PROJECT_COLUMNS
                                  " FROM project WHERE owner_id = ? ORDER BY created_ms, id");
            query.bind(user_id);
            std::vector<ProjectRow> projects;
            while (query.row()) {
                projects.push_back(read_project(query));
            }
            if (!query.ok()) {
                return query.status().error();
            }
            return projects;
        },
        std::move(done));
}

}  // namespace sallyport::engine
