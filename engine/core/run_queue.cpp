#include "engine/core/run_queue.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {

bool RunQueue::has_room(const std::string& project) const {
    const auto found = project_active_.find(project);
    const std::size_t used = found == project_active_.end() ? 0 : found->second;
    return active_.size() < limits_.active_max && used < limits_.project_active_max;
}

void RunQueue::take_place(const std::string& run_id, const std::string& project) {
    if (active_.emplace(run_id, project).second) {
        project_active_[project] += 1;
    }
}

bool RunQueue::enter(const std::string& run_id, const std::string& project_id, int priority,
                     std::int64_t now_ms) {
    if (active_.contains(run_id)) {
        return true;
    }
    if (waiting_.contains(run_id)) {
        return false;
    }
    Line& line = lines_[static_cast<std::size_t>(
        std::clamp(priority, 0, static_cast<int>(kPriorities) - 1))];
    const bool others_wait = line.runs.contains(project_id);
    if (has_room(project_id) && !others_wait) {
        take_place(run_id, project_id);
        return true;
    }
    std::deque<std::string>& runs = line.runs[project_id];
    if (runs.empty()) {
        line.turns.push_back(project_id);
    }
    runs.push_back(run_id);
    waiting_.emplace(run_id, Waiting{project_id, now_ms});
    by_age_.emplace_back(now_ms, run_id);
    return false;
}

void RunQueue::leave(const std::string& run_id) {
    waiting_.erase(run_id);  // its place in the line is passed over
    while (!by_age_.empty() && !waiting_.contains(by_age_.front().second)) {
        by_age_.pop_front();
    }
    const auto active = active_.find(run_id);
    if (active == active_.end()) {
        return;
    }
    const auto project = project_active_.find(active->second);
    if (--project->second == 0) {
        project_active_.erase(project);
    }
    active_.erase(active);
}

std::optional<std::string> RunQueue::next() {
    if (waiting_.empty() || active_.size() >= limits_.active_max) {
        return std::nullopt;
    }
    for (Line& line : lines_) {
        for (std::size_t turn = line.turns.size(); turn > 0; --turn) {
            const std::string project = std::move(line.turns.front());
            line.turns.pop_front();
            std::deque<std::string>& runs = line.runs[project];
            while (!runs.empty() && !waiting_.contains(runs.front())) {
                runs.pop_front();
            }
            if (runs.empty()) {
                line.runs.erase(project);
                continue;
            }
            if (!has_room(project)) {
                line.turns.push_back(project);
                continue;
            }
            std::string run = std::move(runs.front());
            runs.pop_front();
            if (runs.empty()) {
                line.runs.erase(project);
            } else {
                line.turns.push_back(project);
            }
            leave(run);
            take_place(run, project);
            return run;
        }
    }
    return std::nullopt;
}

std::int64_t RunQueue::oldest_ms(std::int64_t now_ms) const {
    for (const auto& [since_ms, run] : by_age_) {
        if (waiting_.contains(run)) {
            return now_ms - since_ms;
        }
    }
    return 0;
}

}  // namespace sallyport::engine
