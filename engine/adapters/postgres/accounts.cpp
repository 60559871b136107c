// Users and projects in PostgreSQL.
#include "engine/adapters/postgres/account_rows.hpp"
#include "engine/adapters/postgres/store.hpp"
#include "engine/adapters/postgres/transaction.hpp"

namespace sallyport::engine {
namespace {

PostgresStatement insert_user(const UserRow& user) {
    PostgresStatement insert{{},
                             "INSERT INTO \"user\" (" SALLYPORT_PG_USER_COLUMNS
                             ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::integer::boolean, "
                             "$11::integer::boolean, $12, $13, $14)",
                             {}};
    insert.add(user.id).add(user.platform_id).add(user.email).add(user.first_name);
    insert.add(user.last_name).add(user.password_hash).add(user.platform_role).add(user.status);
    insert.add(user.token_version).add(std::int64_t{user.track_events});
    insert.add(std::int64_t{user.news_letter}).add(user.created_ms).add(user.updated_ms);
    insert.add(user.external_id);
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

void PostgresStore::has_users(StoreDone<bool> done) {
    PostgresStatement query{"has_users", "SELECT 1 FROM \"user\" LIMIT 1", {}};
    reader().submit(std::move(query), [done = std::move(done)](const Result<PostgresRows>& rows) {
        done(rows.ok() ? Result<bool>(rows->count() > 0) : Result<bool>(rows.error()));
    });
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
