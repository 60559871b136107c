// Which of the runs that are accepted may go on now. Projects take turns, so that a thousand runs
// of one delay its own, not the others'; each has a limit of its own. Runs of a better class go
// first. Pure bookkeeping: the runs that wait lie in the store, and only their lines are known here
// (one a project and class); a line is drawn from until it gives less than it was asked for.
//
// What is known of a line may be wrong for a while (other processes draw from it too): asking it is
// what counts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sallyport::engine {

class RunQueue {
  public:
    struct Limits {
        std::size_t active_max = 4000;          // of all projects
        std::size_t project_active_max = 3200;  // of one
    };
    // Classes of the contract (1 critical … 6 lowest).
    static constexpr std::size_t kPriorities = 7;

    // So many runs of a line are to be claimed.
    struct Draw {
        std::string project;
        int priority = 0;
        std::size_t places = 0;
    };
    struct Drawn {
        std::string run_id;
        std::string project;
        std::int64_t created_ms = 0;
    };

    explicit RunQueue(Limits limits) : limits_(limits) {}

    // A limit of the project's own, which may be above the one of all projects; 0: that one again.
    void limit_project(const std::string& project_id, std::size_t active_max);

    // True: the run goes on now. False: it has to wait in the store, and `join` is called once it
    // is there.
    bool enter(const std::string& run_id, const std::string& project_id, int priority);
    // As `enter`, past the lines and the limits: for a run that has had its turn.
    void take(const std::string& run_id, const std::string& project_id);
    // The run needs its place no longer: it ended, rests, or is another process's. Unknown ids are
    // ignored.
    void leave(const std::string& run_id);

    // So many more wait in a line, the first of them since `since_ms`.
    void join(const std::string& project_id, int priority, std::size_t count,
              std::int64_t since_ms);
    // What the store says of a line that others put runs in as well.
    void set_count(const std::string& project_id, int priority, std::size_t count,
                   std::int64_t oldest_ms);
    // Makes places for what waits, by turns, at most `runs_max`; nothing when nobody waits who may.
    // Every answer that is not empty is followed by `drawn` before the next.
    std::vector<Draw> draw(std::size_t runs_max);
    // What the lines gave; these runs have places now. Not `ok`: they could not be asked. `cut`:
    // they may have more than they gave, and those that gave nothing come first the next time.
    void drawn(const std::vector<Draw>& draws, const std::vector<Drawn>& runs, bool ok,
               bool cut = false);

    // Lines that may have something.
    std::size_t lines() const;
    std::size_t active() const { return active_.size(); }
    std::size_t waiting() const { return waiting_; }
    // How long the one that waits longest has waited; 0 when nobody waits.
    std::int64_t oldest_ms(std::int64_t now_ms) const;

  private:
    struct Line {
        std::size_t count = 0;  // as far as is known
        std::size_t guess = 1;  // what to ask for when none are known
        std::int64_t oldest_ms = 0;
        std::size_t asked = 0;        // by the draw under way
        bool joined_since = false;    // while it was under way
        std::uint64_t turn_mark = 0;  // of its entry in `turns`
    };
    struct Class {
        std::map<std::string, Line> lines;  // by project
        std::deque<std::pair<std::string, std::uint64_t>>
            turns;  // with entries of lines that ended
    };
    using ProjectCounts = std::unordered_map<std::string, std::size_t>;

    static Class& class_of(std::array<Class, kPriorities>& classes, int priority);
    static void subtract(ProjectCounts& counts, const std::string& project, std::size_t count);
    std::size_t room(const std::string& project) const;
    std::size_t limit_of(const std::string& project) const;
    bool draw_one(Class& of, int priority, std::vector<Draw>& draws);
    void settle(const Draw& draw, std::size_t got, bool whole);
    void come_first(const Draw& draw);
    void change_count(Line& line, std::size_t count);

    Limits limits_;
    std::unordered_map<std::string, std::size_t> project_limits_;  // of those that have their own
    std::array<Class, kPriorities> classes_;
    std::uint64_t next_mark_ = 0;
    std::size_t waiting_ = 0;                              // of all lines
    std::unordered_map<std::string, std::string> active_;  // run -> project
    ProjectCounts project_active_;
    std::size_t reserved_ = 0;  // places of the draw under way
    ProjectCounts project_reserved_;
};

}  // namespace sallyport::engine
