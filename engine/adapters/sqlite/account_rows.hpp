// Rows of users and projects in SQLite: for the sources of that store alone.
#pragma once

#include "engine/adapters/sqlite/db.hpp"
#include "engine/ports/store.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

#define SALLYPORT_USER_COLUMNS                                                              \
    "id, platform_id, email, first_name, last_name, password_hash, platform_role, status, " \
    "token_version, track_events, news_letter, created_ms, updated_ms, external_id"
#define SALLYPORT_PROJECT_COLUMNS \
    "id, platform_id, owner_id, display_name, type, created_ms, updated_ms"

inline UserRow read_user(const SqliteQuery& query) {
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
    user.external_id = query.text(13);
    return user;
}

inline ProjectRow read_project(const SqliteQuery& query) {
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

inline Result<std::optional<UserRow>> find_user(SqliteDb& db, std::string_view sql,
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

inline Status insert_project(SqliteDb& db, const ProjectRow& project) {
    return SqliteQuery(db, "INSERT INTO project (" SALLYPORT_PROJECT_COLUMNS
                           ") VALUES (?, ?, ?, ?, ?, ?, ?)")
        .bind_all(project.id, project.platform_id, project.owner_id, project.display_name,
                  project.type, project.created_ms, project.updated_ms)
        .run();
}

inline Result<std::vector<ProjectRow>> find_projects(SqliteDb& db, std::string_view sql,
                                                     const std::string& key) {
    SqliteQuery query(db, sql);
    query.bind(key);
    std::vector<ProjectRow> projects;
    while (query.row()) {
        projects.push_back(read_project(query));
    }
    if (!query.ok()) {
        return query.status().error();
    }
    return projects;
}

}  // namespace sallyport::engine
