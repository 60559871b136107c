// The life of projects and users in PostgreSQL.
#include "engine/adapters/postgres/account_rows.hpp"
#include "engine/adapters/postgres/page.hpp"
#include "engine/adapters/postgres/store.hpp"
#include "engine/adapters/postgres/transaction.hpp"

#include <array>

namespace sallyport::engine {
namespace {

// What belongs to a project, in an order that foreign keys allow. Children of entities have the
// entity's id as their scope.
constexpr std::array kPostgresRemovals = {
    // First, as what begins runs does: neither waits for the other with what it needs.
    "DELETE FROM run_count WHERE project_id = $1",
    // Objects of files, which are somewhere else (file_keeper.hpp): to be removed next.
    "UPDATE entity SET created_ms = 0 WHERE kind = 'file_object' "
    "AND scope = $1::text || ':objects'",
    "DELETE FROM entity WHERE scope IN (SELECT id FROM flow WHERE project_id = $1)",
    "DELETE FROM flow WHERE project_id = $1",
    "DELETE FROM run_journal WHERE run_id IN (SELECT id FROM run WHERE project_id = $1)",
    "DELETE FROM moved_journal WHERE run_id IN (SELECT id FROM run WHERE project_id = $1)",
    "DELETE FROM webhook_delivery WHERE run_id IN (SELECT id FROM run WHERE project_id = $1)",
    "DELETE FROM run WHERE project_id = $1",
    "DELETE FROM entity WHERE scope IN (SELECT id FROM entity WHERE scope = $1)",
    "DELETE FROM entity WHERE scope = $1",
    "DELETE FROM entity WHERE id = $1",  // what is kept beside it
    "DELETE FROM project WHERE id = $1",
};

PostgresStatement of(const char* sql, const std::string& id) {
    PostgresStatement statement{{}, sql, {}};
    statement.add(id);
    return statement;
}

PostgresStatement update_user(const UserRow& user) {
    PostgresStatement update{
        {},
        "UPDATE \"user\" SET first_name = $1, last_name = $2, platform_role = $3, status = $4, "
        "token_version = $5, track_events = $6::integer::boolean, "
        "news_letter = $7::integer::boolean, updated_ms = $8, external_id = $9 "
        "WHERE id = $10",
        {}};
    update.add(user.first_name).add(user.last_name).add(user.platform_role).add(user.status);
    update.add(user.token_version)
        .add(std::int64_t{user.track_events})
        .add(std::int64_t{user.news_letter})
        .add(user.updated_ms)
        .add(user.external_id)
        .add(user.id);
    return update;
}

// Others of the platform with the user's external id.
PostgresStatement namesakes(const UserRow& user) {
    PostgresStatement count{{},
                            "SELECT count(*) FROM \"user\" WHERE platform_id = $1 "
                            "AND external_id = $2 AND id <> $3",
                            {}};
    count.add(user.platform_id).add(user.external_id).add(user.id);
    return count;
}

}  // namespace

void PostgresStore::projects_on(std::string platform_id, StoreDone<std::vector<ProjectRow>> done) {
    reader().submit(of("SELECT " SALLYPORT_PG_PROJECT_COLUMNS
                       " FROM project WHERE platform_id = $1 ORDER BY created_ms, id",
                       platform_id),
                    [done = std::move(done)](const Result<PostgresRows>& rows) {
                        if (!rows.ok()) {
                            done(rows.error());
                            return;
                        }
                        std::vector<ProjectRow> projects;
                        for (int i = 0; i < rows->count(); ++i) {
                            projects.push_back(read_project(*rows, i));
                        }
                        done(std::move(projects));
                    });
}

void PostgresStore::add_project(ProjectRow project, StoreDone<Done> done) {
    transact([project = std::move(project),
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        transaction->query(insert_project(project));
        transaction->end(true, done);
    });
}

void PostgresStore::rename_project(std::string id, std::string display_name, std::int64_t now_ms,
                                   StoreDone<Done> done) {
    transact([id = std::move(id), display_name = std::move(display_name), now_ms,
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        PostgresStatement update{
            {}, "UPDATE project SET display_name = $1, updated_ms = $2 WHERE id = $3", {}};
        update.add(display_name).add(now_ms).add(id);
        transaction->query(std::move(update));
        transaction->end(true, done);
    });
}

void PostgresStore::delete_project(std::string id, StoreDone<bool> done) {
    transact([id = std::move(id),
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        transaction->query(
            of("SELECT count(*) FROM run WHERE project_id = $1 AND finished_ms = 0", id),
            [transaction, id, done](const Result<PostgresRows>& rows) {
                if (!rows.ok()) {
                    return transaction->end(
                        false, [done, error = rows.error()](const Status&) { done(error); });
                }
                const bool idle = rows->integer(0, 0) == 0;
                if (idle) {
                    for (const char* sql : kPostgresRemovals) {
                        transaction->query(of(sql, id));
                    }
                }
                transaction->end(idle, [done, idle](const Status& ended) {
                    ended.ok() ? done(idle) : done(ended.error());
                });
            });
    });
}

void PostgresStore::list_users(std::string platform_id, std::string external_id,
                               std::optional<PageCursor> cursor, std::size_t limit,
                               StoreDone<Page<UserRow>> done) {
    PostgresListQuery list("SELECT " SALLYPORT_PG_USER_COLUMNS " FROM \"user\"");
    list.add(" WHERE platform_id = ?", platform_id);
    if (!external_id.empty()) {
        list.add(" AND external_id = ?", external_id);
    }
    PostgresStatement statement = std::move(list).page(cursor, "created_ms", "id", limit, true);
    reader().submit(std::move(statement),
                    [cursor, limit, done = std::move(done)](const Result<PostgresRows>& rows) {
                        if (!rows.ok()) {
                            done(rows.error());
                            return;
                        }
                        std::vector<UserRow> users;
                        for (int i = 0; i < rows->count(); ++i) {
                            users.push_back(read_user(*rows, i));
                        }
                        done(make_page(std::move(users), cursor, limit, [](const UserRow& row) {
                            return std::pair(row.created_ms, row.id);
                        }));
                    });
}

void PostgresStore::change_user(std::string id, UserChange change,
                                StoreDone<std::optional<UserRow>> done) {
    transact([id = std::move(id), change = std::move(change),
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        transaction->query(
            of("SELECT " SALLYPORT_PG_USER_COLUMNS " FROM \"user\" WHERE id = $1 FOR UPDATE", id),
            [transaction, change, done](const Result<PostgresRows>& rows) {
                if (!rows.ok()) {
                    return transaction->end(
                        false, [done, error = rows.error()](const Status&) { done(error); });
                }
                const auto end = [transaction, done](bool keep, std::optional<UserRow> user) {
                    if (keep) {
                        transaction->query(update_user(*user));
                    }
                    transaction->end(keep, [done, user = std::move(user)](const Status& ended) {
                        ended.ok() ? done(user) : done(ended.error());
                    });
                };
                if (rows->count() == 0) {
                    return end(false, std::nullopt);
                }
                const UserRow before = read_user(*rows, 0);
                UserRow user = before;
                const bool changed = change(user);
                if (!changed || user.external_id.empty() ||
                    user.external_id == before.external_id) {
                    return end(changed, std::move(user));
                }
                // One after the other on a platform: who comes second sees what the first took.
                transaction->query(
                    of("SELECT id FROM platform WHERE id = $1 FOR UPDATE", user.platform_id));
                transaction->query(namesakes(user), [transaction, done, end, before,
                                                     user](const Result<PostgresRows>& others) {
                    if (!others.ok()) {
                        return transaction->end(
                            false, [done, error = others.error()](const Status&) { done(error); });
                    }
                    others->integer(0, 0) > 0 ? end(false, before) : end(true, user);
                });
            });
    });
}

void PostgresStore::delete_user(std::string id, std::string own_project, StoreDone<UserGone> done) {
    transact([id = std::move(id), own_project = std::move(own_project),
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) {
        PostgresStatement look{
            {},
            "SELECT (SELECT count(*) FROM project WHERE owner_id = $1 AND id <> $2) + "
            "(SELECT count(*) FROM platform WHERE owner_id = $1), "
            "(SELECT count(*) FROM run WHERE project_id = $2 AND finished_ms = 0)",
            {}};
        look.add(id).add(own_project);
        transaction->query(std::move(look), [transaction, id, own_project,
                                             done](const Result<PostgresRows>& rows) {
            if (!rows.ok()) {
                return transaction->end(
                    false, [done, error = rows.error()](const Status&) { done(error); });
            }
            const UserGone outcome = rows->integer(0, 0) > 0   ? UserGone::owner
                                     : rows->integer(0, 1) > 0 ? UserGone::busy
                                                               : UserGone::gone;
            const bool goes = outcome == UserGone::gone;
            if (goes) {
                for (const char* sql : kPostgresRemovals) {
                    transaction->query(of(sql, own_project));
                }
                transaction->query(of("DELETE FROM \"user\" WHERE id = $1", id));
            }
            transaction->end(goes, [done, outcome](const Status& ended) {
                ended.ok() ? done(outcome) : done(ended.error());
            });
        });
    });
}

}  // namespace sallyport::engine
