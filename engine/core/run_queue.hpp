// Which of the runs that are accepted may go on now. Projects take turns, so that a thousand runs
// of one delay its own, not the others'; each has a limit of its own. Runs of a better class go
// first. Pure bookkeeping: ids, no runs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace sallyport::engine {

class RunQueue {
  public:
    struct Limits {
        std::size_t active_max = 4000;          // of all projects
        std::size_t project_active_max = 3200;  // of one
    };
    // Classes of the contract (1 critical … 6 lowest).
    static constexpr std::size_t kPriorities = 7;

    explicit RunQueue(Limits limits) : limits_(limits) {}

    // True: the run goes on now. False: it waits its turn.
    bool enter(const std::string& run_id, const std::string& project_id, int priority,
               std::int64_t now_ms);
    // As `enter`, past the line and the limits: for a run that has had its turn.
    void take(const std::string& run_id, const std::string& project_id) {
        waiting_.erase(run_id);
        take_place(run_id, project_id);
    }
    // Whether a run of this project would wait.
    bool is_full(const std::string& project_id) const { return !has_room(project_id); }
    // The run needs its place no longer (it ended, rests, or is another process's), or waits no
    // longer. Unknown ids are ignored.
    void leave(const std::string& run_id);
    // The next that goes on; nothing when nobody waits who may.
    std::optional<std::string> next();

    bool waits(const std::string& run_id) const { return waiting_.contains(run_id); }
    std::size_t active() const { return active_.size(); }
    std::size_t waiting() const { return waiting_.size(); }
    // How long the one that waits longest has waited.
    std::int64_t oldest_ms(std::int64_t now_ms) const;

  private:
    struct Line {
        std::map<std::string, std::deque<std::string>> runs;  // by project
        std::deque<std::string> turns;                        // projects with a run that waits
    };
    struct Waiting {
        std::string project;
        std::int64_t since_ms = 0;
    };
    bool has_room(const std::string& project) const;
    void take_place(const std::string& run_id, const std::string& project);

    Limits limits_;
    std::array<Line, kPriorities> lines_;
    std::unordered_map<std::string, Waiting> waiting_;
    std::deque<std::pair<std::int64_t, std::string>> by_age_;  // with some that wait no longer
    std::unordered_map<std::string, std::string> active_;      // run -> project
    std::unordered_map<std::string, std::size_t> project_active_;
};

}  // namespace sallyport::engine
