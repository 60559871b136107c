// Users and projects in PostgreSQL.
#include "engine/adapters/postgres_store.hpp"
#include "engine/adapters/postgres_transaction.hpp"

namespace sallyport::engine {
namespace {

#define SALLYPORT_PG_USER_COLUMNS                                                           \
    "id, platform_id, email, first_name, last_name, password_hash, platform_role, status, " \
    "token_version, track_events, news_letter, created_ms, updated_ms"
#define SALLYPORT_PG_PROJECT_COLUMNS \
    "id, platform_id, owner_id, display_name, type, created_ms, updated_ms"

UserRow read_user(const PostgresRows& rows, int row) {
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
    return user;
}

ProjectRow read_project(const PostgresRows& rows, int row) {
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

PostgresStatement insert_user(const UserRow& user) {
    PostgresStatement insert{{},
                             "INSERT INTO \"user\" (" SALLYPORT_PG_USER_COLUMNS
                             ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::integer::boolean, "
                             "$11::integer::boolean, $12, $13)",
                             {}};
    insert.add(user.id).add(user.platform_id).add(user.email).add(user.first_name);
    insert.add(user.last_name).add(user.password_hash).add(user.platform_role).add(user.status);
    insert.add(user.token_version).add(std::int64_t{user.track_events});
    insert.add(std::int64_t{user.news_letter}).add(user.created_ms).add(user.updated_ms);
    return insert;
}

PostgresStatement insert_project(const ProjectRow& project) {
    PostgresStatement insert{{},
                             "INSERT INTO project (" SALLYPORT_PG_PROJECT_COLUMNS
                             ") VALUES ($1, $2, $3, $4, $5, $6, $7)",
                             {}};
    insert.add(project.id).add(project.platform_id).add(project.owner_id);
    insert.add(project.display_name).add(project.type);
    insert.add(project.created_ms).add(project.updated_ms);
    return insert;
}

}  // namespace

// The one lock serves all sign-ups: who comes first makes the platform.
void PostgresStore::sign_up(UserRow user, ProjectRow project, bool open, StoreDone<SignUp> done) {
    transact([user = std::move(user), project = std::move(project), open,
              done = std::move(done)](const std::shared_ptr<Transaction>& transaction) mutable {
        transaction->query({{}, "LOCK TABLE platform IN EXCLUSIVE MODE", {}});
        PostgresStatement look{{},
                               "SELECT (SELECT id FROM platform ORDER BY created_ms LIMIT 1), "
                               "EXISTS (SELECT 1 FROM \"user\" WHERE email = $1)",
                               {}};
        look.add(user.email);
        transaction->query(std::move(look), [transaction, user = std::move(user),
                                             project = std::move(project), open,
                                             done = std::move(done)](
                                                const Result<PostgresRows>& rows) mutable {
            const auto refuse = [&](SignUpOutcome outcome) {
                transaction->end(false, [done, outcome](const Status& ended) {
                    ended.ok() ? done(SignUp{outcome, {}}) : done(ended.error());
                });
            };
            if (!rows.ok()) {
                transaction->end(false,
                                 [done, error = rows.error()](const Status&) { done(error); });
                return;
            }
            const std::string platform = rows->text(0, 0);
            if (rows->boolean(0, 1)) {
                return refuse(SignUpOutcome::existing_user);
            }
            if (!platform.empty() && !open) {
                return refuse(SignUpOutcome::invitation_only);
            }
            if (platform.empty()) {
                PostgresStatement insert{
                    {}, "INSERT INTO platform (id, owner_id, created_ms) VALUES ($1, $2, $3)", {}};
                insert.add(user.platform_id).add(user.id).add(user.created_ms);
                transaction->query(std::move(insert));
            } else {
                user.platform_id = platform;
                user.platform_role = "MEMBER";
            }
            project.platform_id = user.platform_id;
            transaction->query(insert_user(user));
            transaction->query(insert_project(project));
            transaction->end(true, [done, user](const Status& ended) {
                ended.ok() ? done(SignUp{SignUpOutcome::created, user}) : done(ended.error());
            });
        });
    });
}

void PostgresStore::user_by_email(std::string email, StoreDone<std::optional<UserRow>> done) {
    PostgresStatement query{
        "user_by_email", "SELECT " SALLYPORT_PG_USER_COLUMNS " FROM \"user\" WHERE email = $1", {}};
    reader().submit(std::move(query.add(email)), first_row(read_user, std::move(done)));
}

void PostgresStore::user_by_id(std::string id, StoreDone<std::optional<UserRow>> done) {
    PostgresStatement query{
        "user_by_id", "SELECT " SALLYPORT_PG_USER_COLUMNS " FROM \"user\" WHERE id = $1", {}};
    reader().submit(std::move(query.add(id)), first_row(read_user, std::move(done)));
}

void PostgresStore::project(std::string id, StoreDone<std::optional<ProjectRow>> done) {
    PostgresStatement query{
        "project", "SELECT " SALLYPORT_PG_PROJECT_COLUMNS " FROM project WHERE id = $1", {}};
    reader().submit(std::move(query.add(id)), first_row(read_project, std::move(done)));
}

void PostgresStore::projects_of(std::string user_id, StoreDone<std::vector<ProjectRow>> done) {
    PostgresStatement query{"projects_of",
                            "SELECT " SALLYPORT_PG_PROJECT_COLUMNS
                            " FROM project WHERE owner_id = $1 ORDER BY created_ms, id",
                            {}};
    reader().submit(std::move(query.add(user_id)),
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

}  // namespace sallyport::engine
