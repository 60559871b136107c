#include "engine/core/runs/queue.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sallyport::engine {

RunQueue::Class& RunQueue::class_of(std::array<Class, kPriorities>& classes, int priority) {
    return classes[static_cast<std::size_t>(
        std::clamp(priority, 0, static_cast<int>(kPriorities) - 1))];
}

void RunQueue::subtract(ProjectCounts& counts, const std::string& project, std::size_t count) {
    const auto found = counts.find(project);
    if (found != counts.end()) {
        found->second -= std::min(found->second, count);
        if (found->second == 0) {
            counts.erase(found);
        }
    }
}

void RunQueue::limit_project(const std::string& project_id, std::size_t active_max) {
    if (active_max == 0) {
        project_limits_.erase(project_id);
    } else {
        project_limits_[project_id] = active_max;
    }
}

std::size_t RunQueue::limit_of(const std::string& project) const {
    const auto own = project_limits_.find(project);
    return own == project_limits_.end() ? limits_.project_active_max : own->second;
}

std::size_t RunQueue::room(const std::string& project) const {
    const auto count = [&project](const ProjectCounts& counts) {
        const auto found = counts.find(project);
        return found == counts.end() ? std::size_t{0} : found->second;
    };
    const std::size_t used = active_.size() + reserved_;
    const std::size_t of_project = count(project_active_) + count(project_reserved_);
    const std::size_t most = limit_of(project);
    if (used >= limits_.active_max || of_project >= most) {
        return 0;
    }
    return std::min(limits_.active_max - used, most - of_project);
}

bool RunQueue::enter(const std::string& run_id, const std::string& project_id, int priority) {
    if (active_.contains(run_id)) {
        return true;
    }
    const bool others_wait = class_of(classes_, priority).lines.contains(project_id);
    if (others_wait || room(project_id) == 0) {
        return false;
    }
    take(run_id, project_id);
    return true;
}

void RunQueue::take(const std::string& run_id, const std::string& project_id) {
    if (active_.emplace(run_id, project_id).second) {
        project_active_[project_id] += 1;
    }
}

void RunQueue::leave(const std::string& run_id) {
    const auto active = active_.find(run_id);
    if (active != active_.end()) {
        subtract(project_active_, active->second, 1);
        active_.erase(active);
    }
}

// ---- lines

void RunQueue::join(const std::string& project_id, int priority, std::size_t count,
                    std::int64_t since_ms) {
    if (count == 0) {
        return;
    }
    Class& of = class_of(classes_, priority);
    const auto [entry, added] = of.lines.try_emplace(project_id);
    Line& line = entry->second;
    if (added) {
        line.oldest_ms = since_ms;
        line.turn_mark = ++next_mark_;
        of.turns.emplace_back(project_id, line.turn_mark);
    }
    change_count(line, line.count + count);
    line.oldest_ms = std::min(line.oldest_ms, since_ms);
    line.joined_since = true;
}

void RunQueue::set_count(const std::string& project_id, int priority, std::size_t count,
                         std::int64_t oldest_ms) {
    join(project_id, priority, count, oldest_ms);
    Class& of = class_of(classes_, priority);
    const auto found = of.lines.find(project_id);
    if (found != of.lines.end()) {
        change_count(found->second, count);
    }
}

std::size_t RunQueue::lines() const {
    std::size_t lines = 0;
    for (const Class& of : classes_) {
        lines += of.lines.size();
    }
    return lines;
}

std::vector<RunQueue::Draw> RunQueue::draw(std::size_t runs_max) {
    std::vector<Draw> draws;
    std::size_t places = 0;
    for (std::size_t i = 0; i < classes_.size(); ++i) {
        while (places < runs_max && draw_one(classes_[i], static_cast<int>(i), draws)) {
            ++places;
        }
    }
    for (const Draw& draw : draws) {
        class_of(classes_, draw.priority).lines.at(draw.project).joined_since = false;
    }
    return draws;
}

// One place for the next project in turn that waits and has room.
bool RunQueue::draw_one(Class& of, int priority, std::vector<Draw>& draws) {
    for (std::size_t turn = of.turns.size(); turn > 0; --turn) {
        const auto turn_of = std::move(of.turns.front());
        const std::string& project = turn_of.first;
        of.turns.pop_front();
        const auto found = of.lines.find(project);
        if (found == of.lines.end() || found->second.turn_mark != turn_of.second) {
            continue;
        }
        Line& line = found->second;
        of.turns.push_back(turn_of);
        // Not more than wait: the places would be kept from others in vain.
        if (line.asked >= std::max(line.count, line.guess) || room(project) == 0) {
            continue;
        }
        if (line.asked++ == 0) {
            draws.push_back({project, priority, 0});
        }
        const auto draw = std::find_if(draws.begin(), draws.end(), [&](const Draw& one) {
            return one.priority == priority && one.project == project;
        });
        draw->places += 1;
        reserved_ += 1;
        project_reserved_[project] += 1;
        return true;
    }
    return false;
}

void RunQueue::drawn(const std::vector<Draw>& draws, const std::vector<Drawn>& runs, bool ok,
                     bool cut) {
    for (const Draw& draw : draws) {
        reserved_ -= draw.places;
        subtract(project_reserved_, draw.project, draw.places);
    }
    for (const Drawn& run : runs) {
        take(run.run_id, run.project);
    }
    // From the last to the first, so that those who come first do so in their order.
    for (auto at = draws.rbegin(); at != draws.rend(); ++at) {
        const Draw& draw = *at;
        // Of a project with several lines the better class was served first.
        const auto got = static_cast<std::size_t>(
            std::count_if(runs.begin(), runs.end(),
                          [&draw](const Drawn& run) { return run.project == draw.project; }));
        settle(draw, std::min(got, draw.places), ok && !cut);
        if (cut && got == 0) {
            come_first(draw);
        }
    }
    for (const Drawn& run : runs) {
        for (Class& of : classes_) {
            const auto line = of.lines.find(run.project);
            if (line != of.lines.end()) {
                // Lines are in order of age: the next is younger.
                line->second.oldest_ms = std::max(line->second.oldest_ms, run.created_ms);
            }
        }
    }
}

void RunQueue::come_first(const Draw& draw) {
    Class& of = class_of(classes_, draw.priority);
    const auto line = of.lines.find(draw.project);
    const auto turn = std::find_if(of.turns.begin(), of.turns.end(), [&](const auto& one) {
        return line != of.lines.end() && one.first == draw.project &&
               one.second == line->second.turn_mark;
    });
    if (turn != of.turns.end()) {
        std::rotate(of.turns.begin(), turn, std::next(turn));
    }
}

// Not `whole`: a line may have more though it gave less than it was asked for.
void RunQueue::settle(const Draw& draw, std::size_t got, bool whole) {
    Class& of = class_of(classes_, draw.priority);
    const auto found = of.lines.find(draw.project);
    if (found == of.lines.end()) {
        return;
    }
    Line& line = found->second;
    line.asked = 0;
    const bool over = whole && got < draw.places && !line.joined_since;
    change_count(line, over ? 0 : line.count - std::min(line.count, got));
    if (over) {
        of.lines.erase(found);
    } else {
        line.guess = got == draw.places ? 2 * draw.places : 1;  // there may be more
    }
}

void RunQueue::change_count(Line& line, std::size_t count) {
    waiting_ = waiting_ - line.count + count;
    line.count = count;
}

std::int64_t RunQueue::oldest_ms(std::int64_t now_ms) const {
    std::int64_t oldest = now_ms;
    for (const Class& of : classes_) {
        for (const auto& [project, line] : of.lines) {
            oldest = std::min(oldest, line.oldest_ms);
        }
    }
    return now_ms - oldest;
}

}  // namespace sallyport::engine
