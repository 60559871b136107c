// The embedded store: one SQLite file in WAL mode, one writer with group commit, one reader
// of rows that are known, and one of lists.
#pragma once

#include "common/result.hpp"
#include "engine/adapters/sqlite/worker.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/log.hpp"
#include "engine/ports/store.hpp"

#include <memory>
#include <string>

namespace sallyport::engine {

class SqliteStore final : public Store {
  public:
    // Opens or creates the file, and brings its schema up to date.
    static Result<std::unique_ptr<SqliteStore>> open(const std::string& path,
                                                     SqliteDurability durability, Loop& loop,
                                                     const Clock& clock, Log& log);

    void sign_up(UserRow user, ProjectRow project, bool open, StoreDone<SignUp> done) override;
    void user_by_email(std::string email, StoreDone<std::optional<UserRow>> done) override;
    void user_by_id(std::string id, StoreDone<std::optional<UserRow>> done) override;
    void has_users(StoreDone<bool> done) override;
    void project(std::string id, StoreDone<std::optional<ProjectRow>> done) override;
    void projects_of(std::string user_id, StoreDone<std::vector<ProjectRow>> done) override;
    void projects_on(std::string platform_id, StoreDone<std::vector<ProjectRow>> done) override;
    void add_project(ProjectRow project, StoreDone<Done> done) override;
    void rename_project(std::string id, std::string display_name, std::int64_t now_ms,
                        StoreDone<Done> done) override;
    void delete_project(std::string id, StoreDone<bool> done) override;
    void list_users(std::string platform_id, std::string external_id,
                    std::optional<PageCursor> cursor, std::size_t limit,
                    StoreDone<Page<UserRow>> done) override;
    void change_user(std::string id, UserChange change,
                     StoreDone<std::optional<UserRow>> done) override;
    void delete_user(std::string id, std::string own_project, StoreDone<UserGone> done) override;

    void create_flow(StoredFlow flow, StoreDone<Done> done) override;
    void flow(std::string id, Which which, std::string version_id,
              StoreDone<std::optional<StoredFlow>> done) override;
    void list_flows(FlowQuery query, StoreDone<Page<StoredFlow>> done) override;
    void count_flows(std::string project_id, std::string folder_id,
                     StoreDone<std::int64_t> done) override;
    void leave_folder(std::string project_id, std::string folder_id, StoreDone<Done> done) override;
    void change_flow(std::string id, Change change,
                     StoreDone<std::optional<StoredFlow>> done) override;
    void delete_flow(std::string id, StoreDone<Done> done) override;
    void delete_unused_connection(EntityRow connection, StoreDone<bool> done) override;
    void connection_uses(std::string project_id, std::vector<std::string> connections,
                         StoreDone<ConnectionUses> done) override;
    void list_versions(std::string flow_id, std::optional<PageCursor> cursor, std::size_t limit,
                       StoreDone<Page<VersionRow>> done) override;
    void due_schedules(std::int64_t now_ms, std::size_t limit,
                       StoreDone<std::vector<ScheduleRow>> done) override;
    void coming_schedules(std::string after_flow_id, std::int64_t now_ms, std::size_t limit,
                          StoreDone<std::vector<ScheduleRow>> done) override;
    void advance_schedule(ScheduleRow row, std::int64_t from_ms, StoreDone<Done> done) override;

    void entity(std::string kind, std::string id,
                StoreDone<std::optional<EntityRow>> done) override;
    void entity_by_key(std::string kind, std::string scope, std::string key,
                       StoreDone<std::optional<EntityRow>> done) override;
    void list_entities(EntityQuery query, StoreDone<Page<EntityRow>> done) override;
    void count_listed(EntityQuery query, StoreDone<std::int64_t> done) override;
    void change_entity(std::string kind, std::string scope, std::string key, EntityChange change,
                       StoreDone<std::optional<EntityRow>> done) override;
    void change_pair(EntityKey row, EntityKey beside, PairChange change,
                     StoreDone<Done> done) override;
    void delete_entity(std::string kind, std::string id, StoreDone<Done> done) override;
    void count_entities(std::string kind, std::string scope, StoreDone<std::int64_t> done) override;
    void add_family(EntityRow parent, std::vector<EntityRow> children,
                    StoreDone<bool> done) override;
    void add_children(std::vector<EntityRow> rows, std::size_t most,
                      StoreDone<Added> done) override;
    void take_children(std::string kind, std::string scope, std::vector<std::string> ids,
                       StoreDone<std::vector<EntityRow>> done) override;
    void clear_children(std::string kind, std::string scope, StoreDone<std::int64_t> done) override;
    void remove_old_entities(std::string kind, std::int64_t before_ms, std::size_t limit,
                             StoreDone<std::size_t> done) override;
    void delete_family(std::string kind, std::string id, std::vector<std::string> child_kinds,
                       StoreDone<Done> done) override;

    void counted_runs(std::vector<std::string> project_ids, std::int64_t month,
                      StoreDone<RunCounts> done) override;
    void forget_counts(std::int64_t before_month, StoreDone<Done> done) override;
    void create_run(NewRun run, StoreDone<RunAccepted> done) override;
    bool shared() const override { return false; }
    void append(JournalCommit commit, StoreDone<Appended> done) override;
    void run(std::string id, StoreDone<std::optional<StoredRun>> done) override;
    void list_runs(RunQuery query, StoreDone<Page<RunRow>> done) override;
    void count_runs(RunQuery wanted, StoreDone<std::vector<StatusCount>> done) override;
    void archive_runs(std::string project_id, std::vector<std::string> ids, std::int64_t now_ms,
                      StoreDone<Done> done) override;
    void remove_old_runs(std::int64_t before_ms, std::size_t limit,
                         StoreDone<std::size_t> done) override;
    void ended_with_journals(std::string after_id, std::int64_t before_ms, std::size_t limit,
                             StoreDone<EndedRuns> done) override;
    void move_journal(std::string run_id, std::int64_t updated_ms, std::size_t commits,
                      MovedJournal to, StoreDone<bool> done) override;
    void moved_journal(std::string run_id, StoreDone<std::optional<MovedJournal>> done) override;
    void restore_journal(std::string run_id, std::vector<std::string> commits,
                         StoreDone<Done> done) override;
    void claim_run(std::string id, StoreDone<ClaimedRun> done) override;
    void release_run(std::string) override {}
    void waiting_lines(StoreDone<std::vector<WaitingLine>> done) override;
    void claim_waiting(std::vector<LineClaim> lines, std::size_t bytes_max,
                       StoreDone<std::vector<StoredRun>> done) override;
    void requeue_orphans(StoreDone<std::vector<WaitingLine>> done) override;
    void queue_due_runs(std::int64_t now_ms, std::size_t limit,
                        StoreDone<std::vector<WaitingLine>> done) override;

    CommitCounters commits() const override { return writer_.commits(); }
    void on_notice(std::function<void(const StoreNotice&)>) override {}

  private:
    using Unit = SqliteWorker::Unit;
    struct Connections {
        std::unique_ptr<SqliteDb> writer, checkpointer, reader, lister;
    };
    SqliteStore(Connections db, Loop& loop)
        : checkpointer_(std::move(db.checkpointer), {}),
          writer_(std::move(db.writer), loop, &checkpointer_),
          reader_(std::move(db.reader), loop, nullptr),
          lister_(std::move(db.lister), loop, nullptr) {}

    SqliteCheckpointer checkpointer_;
    SqliteWorker writer_;
    SqliteWorker reader_;
    SqliteWorker lister_;  // of what may look at many rows: nobody's sign-in waits for it
};

}  // namespace sallyport::engine
