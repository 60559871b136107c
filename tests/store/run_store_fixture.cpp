#include "tests/store/run_store_fixture.hpp"

#include "engine/adapters/postgres/store.hpp"
#include "engine/adapters/sqlite/store.hpp"

namespace sallyport::test {

PostgresServer& shared_postgres() {
    static PostgresServer server;
    return server;
}

StoreHome::StoreHome(StoreKind kind) : kind_(kind) {
    if (kind == StoreKind::postgres) {
        database_ = shared_postgres().make_database();
    }
}

Result<std::unique_ptr<engine::Store>> StoreHome::open(engine::Loop& loop) {
    using Opened = Result<std::unique_ptr<engine::Store>>;
    if (kind_ == StoreKind::sqlite) {
        auto store = engine::SqliteStore::open(folder_.path("engine.db"),
                                               engine::SqliteDurability::full, loop, clock_, log_);
        return store.ok() ? Opened(*std::move(store)) : Opened(store.error());
    }
    engine::PostgresStoreOptions options;
    options.connection = {{"dbname", database_}, {"application_name", "sallyport-test"}};
    auto store = engine::PostgresStore::open(std::move(options), loop, clock_, log_);
    return store.ok() ? Opened(*std::move(store)) : Opened(store.error());
}

engine::UserRow a_user(const std::string& id, const std::string& email) {
    engine::UserRow user;
    user.id = id;
    user.platform_id = "platform-of-" + id;
    user.email = email;
    user.first_name = "Ann";
    user.last_name = "Léger \xf0\x9f\x9a\xaa";
    user.password_hash = "$argon2id$x";
    user.token_version = "1";
    user.news_letter = true;
    user.created_ms = 1000;
    user.updated_ms = 1001;
    return user;
}

engine::ProjectRow a_project(const std::string& id, const std::string& owner) {
    engine::ProjectRow project;
    project.id = id;
    project.owner_id = owner;
    project.display_name = "Ann's Project";
    project.created_ms = 1000;
    project.updated_ms = 1000;
    return project;
}

engine::StoredFlow a_flow(const std::string& id, const std::string& project) {
    engine::StoredFlow stored;
    stored.flow.id = id;
    stored.flow.project_id = project;
    stored.flow.external_id = id;
    stored.flow.created_ms = stored.flow.updated_ms = 2000;
    stored.version.id = "version-of-" + id;
    stored.version.flow_id = id;
    stored.version.display_name = "Flow " + id;
    stored.version.trigger = R"({"name":"trigger","text":"\u0000"})";
    stored.version.schema_version = "22";
    stored.version.connection_ids = "[]";
    stored.version.created_ms = stored.version.updated_ms = 2000;
    return stored;
}

engine::NewRun a_run(const std::string& id, const std::string& delivery) {
    engine::NewRun run;
    run.row.id = id;
    run.row.project_id = "p";
    run.row.flow_id = "f";
    run.row.version_id = "v";
    run.row.display_name = "Flow";
    run.row.status = "RUNNING";
    run.row.steps_count = 1;
    run.row.created_ms = run.row.updated_ms = run.row.started_ms = 3000;
    run.commit = R"([{"type":"run_started"}])";
    run.delivery_id = delivery;
    return run;
}

engine::JournalCommit a_commit(const std::string& run, std::int64_t sequence) {
    engine::JournalCommit commit;
    commit.run_id = run;
    commit.sequence = sequence;
    commit.text = "[" + std::to_string(sequence) + "]";
    commit.status = "RUNNING";
    commit.steps_count = 1 + sequence;
    commit.updated_ms = 3000 + sequence;
    return commit;
}

}  // namespace sallyport::test
