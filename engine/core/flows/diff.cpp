#include "engine/core/flows/diff.hpp"

#include "common/bytes.hpp"
#include "engine/core/expressions/template.hpp"
#include "engine/core/flows/model.hpp"

#include <array>
#include <map>
#include <string>

namespace sallyport::engine {
namespace {

// Members that hold other steps, or that change with every edit.
bool is_own(std::string_view name) {
    constexpr std::array<std::string_view, 6> kOthers = {
        "nextAction", "firstLoopAction", "children", "continueOnFailureBranches", "lastUpdatedDate",
        "name"};
    for (const std::string_view other : kOthers) {
        if (other == name) {
            return false;
        }
    }
    return true;
}

bool sounds_secret(std::string_view name) {
    const std::string lower = ascii_lower(name);
    for (const std::string_view word :
         {"password", "secret", "token", "apikey", "api_key", "authorization", "credential"}) {
        if (lower.find(word) != std::string::npos) {
            return true;
        }
    }
    return false;
}

struct Placed {
    Json step;
    std::string place;
};
using Steps = std::map<std::string, Placed, std::less<>>;

void place(const Json& first, std::string where, Steps& steps) {
    for (Json at = first; at.is_object(); at = at["nextAction"]) {
        const std::string name(at["name"].text());
        steps[name] = {at, where};
        place(at["firstLoopAction"], "in " + name, steps);
        std::size_t branch = 0;
        at["children"].each_element([&](const Json& child) {
            place(child, "in " + name + ", branch " + std::to_string(branch++), steps);
        });
        const Json sides = at["continueOnFailureBranches"];
        place(sides["onSuccess"], "in " + name + ", on success", steps);
        place(sides["onFailure"], "in " + name + ", on failure", steps);
        where = "after " + name;
    }
}

void compare(const std::string& path, const Json& before, const Json& after, bool secret,
             Json& changes) {
    if (before.exists() && after.exists() && before.equals(after)) {
        return;
    }
    if (before.is_object() && after.is_object()) {
        const auto below = [&](std::string_view name) {
            compare(path + "/" + std::string(name), before[name], after[name],
                    secret || sounds_secret(name), changes);
        };
        before.each_member([&](std::string_view name, const Json&) { below(name); });
        after.each_member([&](std::string_view name, const Json&) {
            if (!before.has(name)) {
                below(name);
            }
        });
        return;
    }
    const auto shown = [secret](const Json& value) {
        return secret && value.exists() ? Json::string(kRedactedText) : value;
    };
    Json change = Json::object({{"path", Json::string(path)}});
    if (before.exists()) {
        change.set("before", shown(before));
    }
    if (after.exists()) {
        change.set("after", shown(after));
    }
    changes.append(change);
}

Json own_members(const Json& step) {
    Json own = Json::object();
    step.each_member([&own](std::string_view name, const Json& value) {
        if (is_own(name)) {
            own.set(name, value);
        }
    });
    return own;
}

}  // namespace

Json flow_diff(const Json& before, const Json& after) {
    Steps old_steps;
    Steps new_steps;
    place(before, "start", old_steps);
    place(after, "start", new_steps);
    Json added = Json::array();
    Json removed = Json::array();
    Json moved = Json::array();
    Json changed = Json::array();
    for (const auto& [name, old_step] : old_steps) {
        const auto found = new_steps.find(name);
        if (found == new_steps.end()) {
            removed.append(Json::string(name));
            continue;
        }
        if (found->second.place != old_step.place) {
            moved.append(Json::object({{"name", Json::string(name)},
                                       {"before", Json::string(old_step.place)},
                                       {"after", Json::string(found->second.place)}}));
        }
        Json changes = Json::array();
        compare("", own_members(old_step.step), own_members(found->second.step), false, changes);
        if (changes.size() > 0) {
            changed.append(Json::object({{"name", Json::string(name)}, {"changes", changes}}));
        }
    }
    for (const auto& [name, step] : new_steps) {
        if (old_steps.find(name) == old_steps.end()) {
            added.append(Json::string(name));
        }
    }
    return Json::object(
        {{"added", added}, {"removed", removed}, {"moved", moved}, {"changed", changed}});
}

}  // namespace sallyport::engine
