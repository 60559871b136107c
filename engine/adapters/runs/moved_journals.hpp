// The journals of runs that have ended, in an object store: moved there when the run has been over
// for a while, fetched when somebody reads the run, and put back before a run goes on. To everybody
// else this is the store of runs; what is under way has its journal in the database.
//
// The object is kept before the database lets go of the journal: while the object store is away,
// journals stay where they are.
#pragma once

#include "engine/adapters/steps/file_keeper.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/log.hpp"
#include "engine/ports/loop.hpp"
#include "engine/ports/object_store.hpp"
#include "engine/ports/store.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::engine {

class MovedJournals final : public RunStore {
  public:
    struct Ports {
        Loop& loop;
        const Clock& clock;
        RunStore& runs;
        JournalStore& journals;
        FileKeeper& files;
        ObjectStore* objects = nullptr;  // null: there is none; moved journals cannot be read
        Log& log;
    };
    struct Options {
        bool move = false;  // REQUIRES: ports.objects, when set
        std::int64_t after_ms = 60'000;
    };

    MovedJournals(Ports ports, Options options) : ports_(ports), options_(options) {}
    ~MovedJournals() override { stop(); }
    MovedJournals(const MovedJournals&) = delete;
    MovedJournals& operator=(const MovedJournals&) = delete;

    void start();
    void stop();

    // Of the store, unless said otherwise here.
    bool shared() const override { return ports_.runs.shared(); }
    void create_run(NewRun run, StoreDone<RunAccepted> done) override {
        ports_.runs.create_run(std::move(run), std::move(done));
    }
    void append(JournalCommit commit, StoreDone<Appended> done) override;
    void run(std::string id, StoreDone<std::optional<StoredRun>> done) override;
    void list_runs(RunQuery query, StoreDone<Page<RunRow>> done) override {
        ports_.runs.list_runs(std::move(query), std::move(done));
    }
    void count_runs(RunQuery query, StoreDone<std::vector<StatusCount>> done) override {
        ports_.runs.count_runs(std::move(query), std::move(done));
    }
    void archive_runs(std::string project_id, std::vector<std::string> ids, std::int64_t now_ms,
                      StoreDone<Done> done) override {
        ports_.runs.archive_runs(std::move(project_id), std::move(ids), now_ms, std::move(done));
    }
    void remove_old_runs(std::int64_t before_ms, std::size_t limit,
                         StoreDone<std::size_t> done) override {
        ports_.runs.remove_old_runs(before_ms, limit, std::move(done));
    }
    void claim_run(std::string id, StoreDone<ClaimedRun> done) override;
    void release_run(std::string id) override;
    void waiting_lines(StoreDone<std::vector<WaitingLine>> done) override {
        ports_.runs.waiting_lines(std::move(done));
    }
    void claim_waiting(std::vector<LineClaim> lines, std::size_t bytes_max,
                       StoreDone<std::vector<StoredRun>> done) override {
        ports_.runs.claim_waiting(std::move(lines), bytes_max, std::move(done));
    }
    void requeue_orphans(StoreDone<std::vector<WaitingLine>> done) override {
        ports_.runs.requeue_orphans(std::move(done));
    }
    void queue_due_runs(std::int64_t now_ms, std::size_t limit,
                        StoreDone<std::vector<WaitingLine>> done) override {
        ports_.runs.queue_due_runs(now_ms, limit, std::move(done));
    }

  private:
    using Commits = std::vector<std::string>;
    struct Fetched {
        std::optional<Commits> commits;  // nothing, and not lost: the run's journal was not moved
        bool lost = false;               // the bucket has it no more
    };
    void fetch(const std::string& id, StoreDone<Fetched> done);
    void read(const std::string& id, int tries_left, StoreDone<std::optional<StoredRun>> done);
    void claim(const std::string& id, StoreDone<ClaimedRun> done);
    void put_back(ClaimedRun claimed, StoreDone<ClaimedRun> done);
    void after_move(const std::string& id, std::function<void()> task);

    void after(std::int64_t delay_ms);
    void look();
    void move_more();
    void move(const std::string& id);
    void send(const StoredRun& run);
    void let_go(const RunRow& row, std::size_t commits, MovedJournal to);
    void end(const std::string& id, const Status& status);

    Ports ports_;
    Options options_;
    Loop::TimerId timer_ = 0;
    std::string cursor_;  // runs up to here have been looked at
    bool last_page_ = false;
    bool troubled_ = false;
    std::deque<std::string> found_;
    std::size_t under_way_ = 0;
    std::uint64_t moved_ = 0;
    // Ended runs that this process may take up again: their journal stays.
    std::set<std::string> claimed_;
    // Whose journal the database is letting go of, and who waits for that.
    std::map<std::string, std::vector<std::function<void()>>> leaving_;
};

}  // namespace sallyport::engine
