// Rows of users and projects in PostgreSQL: for the sources of that store alone.
#pragma once

#include "engine/adapters/postgres/lane.hpp"
#include "engine/ports/store.hpp"

#include <optional>
#include <utility>

namespace sallyport::engine {

#define SALLYPORT_PG_USER_COLUMNS                                                           \
    "id, platform_id, email, first_name, last_name, password_hash, platform_role, status, " \
    "token_version, track_events, news_letter, created_ms, updated_ms, external_id"
#define SALLYPORT_PG_PROJECT_COLUMNS \
    "id, platform_id, owner_id, display_name, type, created_ms, updated_ms"

inline UserRow read_user(const PostgresRows& rows, int row) {
    UserRow user;
    user.id = rows.text(row, 0);
    user.platform_id = rows.text(row, 1);
    user.email = rows.text(row, 2);
    user.first_name = rows.text(row, 3);
    user.last_name = rows.text(row, 4);
    user.password_hash = rows.text(row, 5);
    user.platform_role = rows.text(row, 6);
    user.status = rows.text(row, 7);
    user.token_version = rows.text(row, 8);
    user.track_events = rows.boolean(row, 9);
    user.news_letter = rows.boolean(row, 10);
    user.created_ms = rows.integer(row, 11);
    user.updated_ms = rows.integer(row, 12);
    user.external_id = rows.text(row, 13);
    return user;
}

inline ProjectRow read_project(const PostgresRows& rows, int row) {
    ProjectRow project;
    project.id = rows.text(row, 0);
    project.platform_id = rows.text(row, 1);
    project.owner_id = rows.text(row, 2);
    project.display_name = rows.text(row, 3);
    project.type = rows.text(row, 4);
    project.created_ms = rows.integer(row, 5);
    project.updated_ms = rows.integer(row, 6);
    return project;
}

// The first row, or nothing.
template <typename Row>
PostgresLane::Reply first_row(Row (*read)(const PostgresRows&, int),
                              StoreDone<std::optional<Row>> done) {
    return [read, done = std::move(done)](const Result<PostgresRows>& rows) {
        if (!rows.ok()) {
            done(rows.error());
        } else {
            done(rows->count() > 0 ? std::optional(read(*rows, 0)) : std::optional<Row>());
        }
    };
}

inline PostgresStatement insert_project(const ProjectRow& project) {
    PostgresStatement insert{{},
                             "INSERT INTO project (" SALLYPORT_PG_PROJECT_COLUMNS
                             ") VALUES ($1, $2, $3, $4, $5, $6, $7)",
                             {}};
    insert.add(project.id).add(project.platform_id).add(project.owner_id);
    insert.add(project.display_name).add(project.type);
    insert.add(project.created_ms).add(project.updated_ms);
    return insert;
}

}  // namespace sallyport::engine
