// The store for several engine processes on one PostgreSQL database.
//
// Changes of runs go through one connection that gathers them into transactions; reads through a
// few others; what has to read before it writes (accounts, flows) through one of its own. All on
// the loop, no threads. Each run has an owner: the number of the process that works on it, 0 when
// it rests or has ended. A commit counts only while its process is the owner.
#pragma once

#include "common/result.hpp"
#include "engine/adapters/postgres/lane.hpp"
#include "engine/adapters/postgres/presence.hpp"
#include "engine/ports/answer_bus.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/log.hpp"
#include "engine/ports/loop.hpp"
#include "engine/ports/store.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::engine {

struct PostgresStoreOptions {
    PostgresOptions connection;
    std::size_t readers = 2;  // connections that read
    // Tells of runs that are done in place of the database, when it is up. Null: the database does.
    // Outlives the store.
    AnswerBus* bus = nullptr;
    // Told the database's time, unix milliseconds, at the opening and every second; may be empty.
    std::function<void(std::int64_t)> tell_time = {};
};

class PostgresStore final : public Store {
  public:
    ~PostgresStore() override;
    // Waits until the database answers and its schema is up to date.
    static Result<std::unique_ptr<PostgresStore>> open(PostgresStoreOptions options, Loop& loop,
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

    bool shared() const override { return true; }
    void counted_runs(std::vector<std::string> project_ids, std::int64_t month,
                      StoreDone<RunCounts> done) override;
    void forget_counts(std::int64_t before_month, StoreDone<Done> done) override;
    void create_run(NewRun run, StoreDone<RunAccepted> done) override;
    void append(JournalCommit commit, StoreDone<Appended> done) override;
    void run(std::string id, StoreDone<std::optional<StoredRun>> done) override;
    void list_runs(RunQuery query, StoreDone<Page<RunRow>> done) override;
    void count_runs(RunQuery query, StoreDone<std::vector<StatusCount>> done) override;
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
    void release_run(std::string id) override;
    void waiting_lines(StoreDone<std::vector<WaitingLine>> done) override;
    void claim_waiting(std::vector<LineClaim> lines, std::size_t bytes_max,
                       StoreDone<std::vector<StoredRun>> done) override;
    void requeue_orphans(StoreDone<std::vector<WaitingLine>> done) override;
    void queue_due_runs(std::int64_t now_ms, std::size_t limit,
                        StoreDone<std::vector<WaitingLine>> done) override;

    CommitCounters commits() const override {
        return {commits_.groups, commits_.changes, writer_->waiting()};
    }
    void on_notice(std::function<void(const StoreNotice&)> notice) override;

  private:
    using Reply = PostgresLane::Reply;
    // Statements between BEGIN and COMMIT, one after the other.
    class Transaction;
    using Work = std::function<void(const std::shared_ptr<Transaction>&)>;

    PostgresStore(PostgresStoreOptions options, Loop& loop, std::int64_t number, Log& log);
    PostgresLane& reader();
    void tell_done(const std::string& run_id);
    void transact(Work work);
    void next_transaction();
    // Adds the journals to the runs that `rows` holds.
    void with_commits(const Result<PostgresRows>& rows, StoreDone<std::vector<StoredRun>> done);
    // As with_commits, until the database answers: what is claimed is nobody else's.
    void read_claimed(const Result<PostgresRows>& rows, StoreDone<std::vector<StoredRun>> done);
    void move_to_lines(PostgresStatement statement, StoreDone<std::vector<WaitingLine>> done);

    Loop& loop_;
    std::int64_t number_;
    std::int64_t claims_ = 0;  // of lines, so far
    CommitCounters commits_;
    AnswerBus* bus_;
    std::unique_ptr<PostgresPresence> presence_;
    std::unique_ptr<PostgresLane> writer_;
    std::unique_ptr<PostgresLane> session_;
    std::vector<std::unique_ptr<PostgresLane>> readers_;
    std::size_t next_reader_ = 0;
    std::deque<Work> transactions_;
    bool transacting_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // watched by timers
};

}  // namespace sallyport::engine
