// How many runs of a project may go on at once, where the project says so itself
// (maxConcurrentJobs): read from the projects' settings at start, and again now and then, since
// other processes on the same database change them too.
#pragma once

#include "engine/ports/log.hpp"
#include "engine/ports/loop.hpp"
#include "engine/ports/runs.hpp"
#include "engine/ports/store.hpp"

#include <functional>
#include <optional>
#include <string>

namespace sallyport::engine {

// What is kept beside a project: a row under the project's id.
inline constexpr const char* kProjectSettingsKind = "project_settings";

// Tells the driver what the project's settings say.
void limit_project(Runs& driver, const EntityRow& settings);

class ProjectLimits {
  public:
    ProjectLimits(EntityStore& store, Runs& driver, Log& log)
        : store_(store), driver_(driver), log_(log) {}
    ~ProjectLimits() { stop(); }
    ProjectLimits(const ProjectLimits&) = delete;
    ProjectLimits& operator=(const ProjectLimits&) = delete;

    // `ready` once they are known: before the first run goes on.
    void start(Loop& loop, std::function<void()> ready);
    void stop();

  private:
    void look(std::optional<PageCursor> cursor);
    void look_again();

    EntityStore& store_;
    Runs& driver_;
    Log& log_;
    Loop* loop_ = nullptr;  // while started
    Loop::TimerId timer_ = 0;
    std::function<void()> ready_;
};

}  // namespace sallyport::engine
