// What the engine keeps: accounts, flows, runs. Three interfaces, so that each user sees what it
// needs; one database implements them all.
//
// Every call returns at once; `done` is called exactly once on the engine's loop, never from inside
// the call. A success means the change is on disk. An Error is a failure of the store itself (disk,
// connection, overload); what is not there or may not be is part of the result.
#pragma once

#include "common/result.hpp"
#include "engine/core/page_cursor.hpp"
#include "engine/ports/journal_store.hpp"
#include "engine/ports/run_counts.hpp"
#include "engine/ports/store_done.hpp"
#include "engine/ports/store_notice.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::engine {

template <typename Row>
struct Page {
    std::vector<Row> rows;
    std::optional<PageCursor> next;
    std::optional<PageCursor> previous;
};

// ---- accounts

struct UserRow {
    std::string id;
    std::string platform_id;
    std::string email;  // lower case
    std::string first_name;
    std::string last_name;
    std::string password_hash;  // argon2id, encoded form
    std::string platform_role = "ADMIN";
    std::string status = "ACTIVE";
    std::string token_version;  // changes when all sessions end
    std::string external_id;    // what administrators call the user elsewhere; empty: nothing
    bool track_events = false;
    bool news_letter = false;
    std::int64_t created_ms = 0;
    std::int64_t updated_ms = 0;
};

struct ProjectRow {
    std::string id;
    std::string platform_id;
    std::string owner_id;
    std::string display_name;
    std::string type = "PERSONAL";
    std::int64_t created_ms = 0;
    std::int64_t updated_ms = 0;
};

enum class SignUpOutcome { created, existing_user, invitation_only };

class AccountStore {
  public:
    virtual ~AccountStore() = default;
    // The first user makes the platform `user.platform_id` and rules it. Later ones join the
    // platform that is there, as members, and only when `open`. The project is the user's own.
    struct SignUp {
        SignUpOutcome outcome = SignUpOutcome::created;
        UserRow user;
    };
    virtual void sign_up(UserRow user, ProjectRow project, bool open, StoreDone<SignUp> done) = 0;
    virtual void user_by_email(std::string email, StoreDone<std::optional<UserRow>> done) = 0;
    virtual void user_by_id(std::string id, StoreDone<std::optional<UserRow>> done) = 0;
    virtual void has_users(StoreDone<bool> done) = 0;
    virtual void project(std::string id, StoreDone<std::optional<ProjectRow>> done) = 0;
    virtual void projects_of(std::string user_id, StoreDone<std::vector<ProjectRow>> done) = 0;
    // All of the platform, oldest first.
    virtual void projects_on(std::string platform_id, StoreDone<std::vector<ProjectRow>> done) = 0;
    virtual void add_project(ProjectRow project, StoreDone<Done> done) = 0;
    virtual void rename_project(std::string id, std::string display_name, std::int64_t now_ms,
                                StoreDone<Done> done) = 0;
    // Removes the project and all that belongs to it: flows, runs, entities. False, with nothing
    // removed, while a run of it has not ended.
    virtual void delete_project(std::string id, StoreDone<bool> done) = 0;

    // Of the platform, oldest first; those of that external id alone unless it is empty.
    virtual void list_users(std::string platform_id, std::string external_id,
                            std::optional<PageCursor> cursor, std::size_t limit,
                            StoreDone<Page<UserRow>> done) = 0;
    // Stores what `change` makes of all but id, address and password, in one transaction. It runs
    // as FlowStore::Change does; false leaves everything as it was, and so does a new external id
    // that another user of the platform has. `done` gets the user as stored then.
    using UserChange = std::function<bool(UserRow&)>;
    virtual void change_user(std::string id, UserChange change,
                             StoreDone<std::optional<UserRow>> done) = 0;
    // Removes the user together with the project of their own, in one transaction; nothing is
    // removed from one who owns another project or the platform, or whose project has a run that
    // has not ended.
    enum class UserGone { gone, busy, owner };
    virtual void delete_user(std::string id, std::string own_project, StoreDone<UserGone> done) = 0;
};

// ---- flows

struct EntityRow;

struct FlowRow {
    std::string id;
    std::string project_id;
    std::string external_id;
    std::string owner_id;
    std::string folder_id;             // empty: none
    std::string status = "DISABLED";   // ENABLED or DISABLED
    std::string published_version_id;  // empty: never published
    std::string metadata;              // JSON; empty: null
    std::string time_saved;            // minutes a run saves, as JSON; empty: null
    std::string template_id;           // what it was made from, by its maker's word; empty: null
    std::int64_t created_ms = 0;
    std::int64_t updated_ms = 0;
    std::int64_t claimed_until_ms = 0;  // one call's until then (claim_flow()); 0: nobody's
};

struct VersionRow {
    std::string id;
    std::string flow_id;
    std::string display_name;
    std::string trigger;  // JSON: the step tree
    bool valid = false;
    std::string schema_version;
    std::string state = "DRAFT";  // or LOCKED
    std::string connection_ids;   // JSON array
    std::string notes;            // JSON array; empty: none
    std::string updated_by;       // user id
    std::int64_t created_ms = 0;
    std::int64_t updated_ms = 0;
};

// When a published flow whose trigger is a schedule fires next.
struct ScheduleRow {
    static constexpr std::int64_t kNever = INT64_MAX;
    std::string flow_id;
    std::string cron;
    std::string timezone;
    std::int64_t next_ms = 0;
};

struct StoredFlow {
    FlowRow flow;
    VersionRow version;
    // For changes: what becomes of the flow's schedule. Reading leaves them as they are.
    bool schedule_changed = false;
    std::optional<ScheduleRow> schedule;  // nothing: it has none any more
    // The sample that the change took from a step: it goes, unless a version of the flow names it.
    // Empty: none.
    std::string dropped_sample = {};
};

struct FlowQuery {
    std::string project_id;
    std::vector<std::string> statuses;      // empty: all
    std::vector<std::string> external_ids;  // empty: all
    std::string name;                       // part of the display name; empty: all
    bool uncategorised_only = false;
    std::vector<std::string> folder_ids;  // empty: all
    // Their version uses one of these connections (external ids), one of these agents; empty: all.
    std::vector<std::string> connection_ids;
    std::vector<std::string> agent_ids;
    bool published =
        false;  // with the published version instead of the latest, those that have one
    std::optional<PageCursor> cursor;
    std::size_t limit = 10;
};

class FlowStore {
  public:
    virtual ~FlowStore() = default;
    virtual void create_flow(StoredFlow flow, StoreDone<Done> done) = 0;

    enum class Which { latest, published_or_latest, by_id };
    // `version_id` matters for by_id alone.
    virtual void flow(std::string id, Which which, std::string version_id,
                      StoreDone<std::optional<StoredFlow>> done) = 0;
    virtual void list_flows(FlowQuery query, StoreDone<Page<StoredFlow>> done) = 0;
    // Of one folder, of all when `folder_id` is empty, of those in none when it is "NULL".
    virtual void count_flows(std::string project_id, std::string folder_id,
                             StoreDone<std::int64_t> done) = 0;
    // Every flow in the folder is in none afterwards.
    virtual void leave_folder(std::string project_id, std::string folder_id,
                              StoreDone<Done> done) = 0;
    // Newest first.
    virtual void list_versions(std::string flow_id, std::optional<PageCursor> cursor,
                               std::size_t limit, StoreDone<Page<VersionRow>> done) = 0;

    // Changes a flow and its latest version in one transaction. `change` runs on the store's
    // thread, alone for this flow; it must not touch anything but its argument and what it owns.
    // False leaves everything as it was. A changed version id adds a version instead of replacing
    // one.
    using Change = std::function<bool(StoredFlow&)>;
    virtual void change_flow(std::string id, Change change,
                             StoreDone<std::optional<StoredFlow>> done) = 0;
    virtual void delete_flow(std::string id, StoreDone<Done> done) = 0;
    // Deletes the connection, unless a published version in its scope uses it: false. What is
    // published before the deletion is seen by it.
    virtual void delete_unused_connection(EntityRow connection, StoreDone<bool> done) = 0;
    // {external id, flow id}, each once: the flows of the project whose latest or published version
    // uses one of these connections, the flow that was changed last first.
    using ConnectionUses = std::vector<std::pair<std::string, std::string>>;
    virtual void connection_uses(std::string project_id, std::vector<std::string> connections,
                                 StoreDone<ConnectionUses> done) = 0;

    // Schedules whose time has come by `now_ms`, the longest due first.
    virtual void due_schedules(std::int64_t now_ms, std::size_t limit,
                               StoreDone<std::vector<ScheduleRow>> done) = 0;
    // Of the next `limit` schedules by flow, those whose time has not come by `now_ms`.
    virtual void coming_schedules(std::string after_flow_id, std::int64_t now_ms, std::size_t limit,
                                  StoreDone<std::vector<ScheduleRow>> done) = 0;
    // Sets the next time, unless it is not `from_ms` any more.
    virtual void advance_schedule(ScheduleRow row, std::int64_t from_ms, StoreDone<Done> done) = 0;
};

// ---- runs

struct RunRow {
    std::string id;
    std::string project_id;
    std::string flow_id;
    std::string version_id;
    std::string display_name;                // of the version
    std::string environment = "PRODUCTION";  // or TESTING
    std::string status = "QUEUED";
    std::string failed_step;  // JSON; empty: none
    std::string tags;         // a JSON array of texts; empty: none
    std::int64_t steps_count = 0;
    std::int64_t created_ms = 0;
    std::int64_t updated_ms = 0;
    std::int64_t started_ms = 0;   // 0: not yet
    std::int64_t finished_ms = 0;  // 0: not yet
    std::int64_t resume_ms = 0;    // of a paused run: when it goes on; 0: not paused
    std::string parent_run_id;     // the run whose step started this one; empty: none
    bool fail_parent = true;       // a failure of this run is the parent step's
    std::int64_t archived_ms = 0;  // 0: not
    // The line in which it waits for its turn: a class of StartRun's, or kInterrupted. 0: in none.
    std::int64_t queue_class = 0;
    static constexpr std::int64_t kInterrupted = 1;  // it was under way when its process ended
    static constexpr std::int64_t kDue = 3;          // it has rested: in line with webhooks, by age
};

struct NewRun {
    RunRow row;
    std::string commit;       // the journal's first commit
    std::string delivery_id;  // empty: none; otherwise runs once a flow
    RunQuota quota;
};

struct RunAccepted {
    std::string run_id;       // of the earlier run when duplicate
    bool duplicate = false;   // nothing was stored
    bool over_quota = false;  // nor was it: the project has begun as many as it may
};

struct JournalCommit {
    std::string run_id;
    std::int64_t sequence = 0;  // from 1; 0 is the commit of create_run
    std::string text;
    // What lists show; the journal stays the truth.
    std::string status;
    std::string failed_step;
    std::string tags;
    std::int64_t steps_count = 0;
    std::int64_t updated_ms = 0;
    std::int64_t finished_ms = 0;
    std::int64_t resume_ms = 0;
    bool announce = false;  // callers of other processes may wait for this: tell them
};

// `lost`: the run is another process's by now; what this one knows of it is void.
enum class Appended { stored, lost };

struct StoredRun {
    RunRow row;
    std::vector<std::string> commits;
    bool journal_lost = false;  // it ended, and where its journal was kept it is no more
};

struct StatusCount {
    std::string status;
    std::int64_t count = 0;
};

struct RunQuery {
    std::string project_id;
    std::vector<std::string> flow_ids;
    std::vector<std::string> statuses;
    std::vector<std::string> tags;  // all of them; empty: whatever they are
    std::optional<std::int64_t> created_after_ms;
    std::optional<std::int64_t> created_before_ms;
    std::string failed_step_name;
    std::string failed_step_message;  // part of it; empty: all
    std::vector<std::string> ids;     // empty: all
    bool include_archived = false;
    std::optional<PageCursor> cursor;
    std::size_t limit = 10;
};

// Runs of one project and class that wait for their turn.
struct WaitingLine {
    std::string project_id;
    std::int64_t queue_class = 0;
    std::size_t count = 0;
    std::int64_t oldest_ms = 0;  // when the first of them was made
};

struct LineClaim {
    std::string project_id;
    std::int64_t queue_class = 0;
    std::size_t limit = 0;
};

// A run that one process may work on. Processes that share a store each own the runs they work on;
// a run that rests or has ended belongs to nobody, and so does one whose process is gone.
struct ClaimedRun {
    enum class Outcome { claimed, elsewhere, unknown };
    Outcome outcome = Outcome::unknown;
    StoredRun run;  // when claimed
};

class RunStore {
  public:
    virtual ~RunStore() = default;
    // Whether other processes work on the same runs.
    virtual bool shared() const = 0;
    // The run is this process's.
    virtual void create_run(NewRun run, StoreDone<RunAccepted> done) = 0;
    // The same commit may be given twice: it is stored once.
    virtual void append(JournalCommit commit, StoreDone<Appended> done) = 0;
    virtual void run(std::string id, StoreDone<std::optional<StoredRun>> done) = 0;
    virtual void list_runs(RunQuery query, StoreDone<Page<RunRow>> done) = 0;
    // Runs of the query's project and times, by status; neither archived ones nor tests.
    virtual void count_runs(RunQuery query, StoreDone<std::vector<StatusCount>> done) = 0;
    // Runs of other projects are passed over.
    virtual void archive_runs(std::string project_id, std::vector<std::string> ids,
                              std::int64_t now_ms, StoreDone<Done> done) = 0;
    // Removes runs that ended, with their journals, and ids of deliveries, all from before
    // `before_ms` (of their start); at most `limit` runs. Answers how many runs went.
    virtual void remove_old_runs(std::int64_t before_ms, std::size_t limit,
                                 StoreDone<std::size_t> done) = 0;
    virtual void claim_run(std::string id, StoreDone<ClaimedRun> done) = 0;
    // A claimed run that nothing was appended to belongs to nobody again, or waits on.
    virtual void release_run(std::string id) = 0;

    // Lines: a run made with a class waits in the store until somebody claims it. What is appended
    // to takes a run out of its line.
    virtual void waiting_lines(StoreDone<std::vector<WaitingLine>> done) = 0;
    // Claims the oldest of each line, the lines in this order, until their journals have so many
    // bytes: one more than fits.
    virtual void claim_waiting(std::vector<LineClaim> lines, std::size_t bytes_max,
                               StoreDone<std::vector<StoredRun>> done) = 0;
    // The next two put runs into lines and answer what each line got.
    // Runs that have neither ended nor rest nor wait, and that no living process works on. Not
    // shared: all of them, so to be called before the first run is made.
    virtual void requeue_orphans(StoreDone<std::vector<WaitingLine>> done) = 0;
    // Paused runs whose time has come by `now_ms`, at most so many, the longest due first.
    virtual void queue_due_runs(std::int64_t now_ms, std::size_t limit,
                                StoreDone<std::vector<WaitingLine>> done) = 0;
};

// ---- entities: small things of many kinds, each a JSON object

struct EntityRow {
    std::string kind;   // folder, connection, ...; part of every key
    std::string id;     // unique over all kinds
    std::string scope;  // the project or platform it belongs to
    std::string key;    // unique within kind and scope
    std::string label;  // what lists are searched by; may be empty
    std::string body;   // a JSON object
    std::int64_t created_ms = 0;
    std::int64_t updated_ms = 0;
};

struct EntityKey {
    std::string kind;
    std::string scope;
    std::string key;
};

struct EntityQuery {
    std::string kind;
    std::string scope;
    bool every_scope = false;  // instead of the one; for the engine itself, never for a client
    std::string label;         // part of the label, upper and lower case alike; empty: all
    // Members of the body, each one of these texts. Names are the program's own, never a client's.
    std::vector<std::pair<std::string, std::vector<std::string>>> members;
    std::vector<std::string> keys;  // empty: all
    std::optional<std::int64_t> created_after_ms;
    std::optional<std::int64_t> created_before_ms;
    bool oldest_first = false;
    // By label instead of by time, `oldest_first` meaning A before Z. REQUIRES: no cursor; the page
    // has none either.
    bool by_label = false;
    std::optional<PageCursor> cursor;
    std::size_t limit = 10;
};

class EntityStore {
  public:
    virtual ~EntityStore() = default;
    virtual void entity(std::string kind, std::string id,
                        StoreDone<std::optional<EntityRow>> done) = 0;
    virtual void entity_by_key(std::string kind, std::string scope, std::string key,
                               StoreDone<std::optional<EntityRow>> done) = 0;
    virtual void list_entities(EntityQuery query, StoreDone<Page<EntityRow>> done) = 0;
    // How many there are on all of its pages.
    virtual void count_listed(EntityQuery query, StoreDone<std::int64_t> done) = 0;
    // Reads the row of that key and stores what `change` makes of it, in one transaction. `change`
    // runs as FlowStore::Change does; an empty optional going in is no row, coming out is to delete
    // it. False leaves everything as it was. `done` gets what `change` left.
    using EntityChange = std::function<bool(std::optional<EntityRow>&)>;
    virtual void change_entity(std::string kind, std::string scope, std::string key,
                               EntityChange change, StoreDone<std::optional<EntityRow>> done) = 0;
    // The same of two rows, both or neither; what others make of the first comes before or after.
    using PairChange =
        std::function<bool(std::optional<EntityRow>& row, std::optional<EntityRow>& beside)>;
    virtual void change_pair(EntityKey row, EntityKey beside, PairChange change,
                             StoreDone<Done> done) = 0;
    virtual void delete_entity(std::string kind, std::string id, StoreDone<Done> done) = 0;

    // An entity may have children: those whose scope is its id. Each call is one transaction.
    // An empty scope counts all of the kind.
    virtual void count_entities(std::string kind, std::string scope,
                                StoreDone<std::int64_t> done) = 0;
    // False, with nothing stored, when another row has the key.
    virtual void add_family(EntityRow parent, std::vector<EntityRow> children,
                            StoreDone<bool> done) = 0;
    enum class Added { all, full, taken, no_parent };
    // REQUIRES: rows of one kind and one scope, at least one. Stores them all, or nothing when
    // there would be more than `most` of them, when another row has a key, or when the parent is
    // gone.
    virtual void add_children(std::vector<EntityRow> rows, std::size_t most,
                              StoreDone<Added> done) = 0;
    // Removes those of the ids that are in the scope and answers what they were.
    virtual void take_children(std::string kind, std::string scope, std::vector<std::string> ids,
                               StoreDone<std::vector<EntityRow>> done) = 0;
    // Removes all children of the kind; answers how many.
    virtual void clear_children(std::string kind, std::string scope,
                                StoreDone<std::int64_t> done) = 0;
    // Removes at most `limit` of the kind, whatever their scope, made before `before_ms`; answers
    // how many went.
    virtual void remove_old_entities(std::string kind, std::int64_t before_ms, std::size_t limit,
                                     StoreDone<std::size_t> done) = 0;
    // Removes an entity and its children of these kinds.
    virtual void delete_family(std::string kind, std::string id,
                               std::vector<std::string> child_kinds, StoreDone<Done> done) = 0;
};

// How changes of runs reached the disk so far.
struct CommitCounters {
    std::uint64_t groups = 0;   // commits
    std::uint64_t changes = 0;  // what they held together
    std::size_t waiting = 0;    // now
};

class Store : public AccountStore,
              public FlowStore,
              public RunStore,
              public JournalStore,
              public RunCountStore,
              public EntityStore {
  public:
    virtual CommitCounters commits() const = 0;
    // `notice` is called on the loop, of what this process did itself as well.
    virtual void on_notice(std::function<void(const StoreNotice&)> notice) = 0;
};

}  // namespace sallyport::engine
