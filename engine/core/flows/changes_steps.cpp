// Changes of single steps.
#include "engine/core/flows/changes.hpp"
#include "engine/core/flows/model.hpp"
#include "engine/core/flows/steps.hpp"

#include <cmath>

namespace sallyport::engine::flow_changes {
namespace {

// Branches beyond this are no flow but an attack on memory.
constexpr double kBranchesMax = 1000;

void copy_member(const Json& from, Json& to, std::string_view name) {
    const Json value = from[name];
    if (value.exists()) {
        to.set(name, value.deep_copy());
    }
}

// Replaces the members of `step` in place, so that whoever points at it keeps pointing.
void replace_members(Json step, const Json& with) {
    json_object_clear(step.get());
    with.each_member([&step](std::string_view key, const Json& value) { step.set(key, value); });
}

// Sample data belongs to the server: the stored one stays as long as the step keeps its type.
void keep_sample_data(const Json& before, const Json& after) {
    Json settings = after["settings"];
    settings.erase("sampleData");
    if (before["type"].text() == after["type"].text()) {
        copy_member(before["settings"], settings, "sampleData");
    }
}

// `step` goes before what `holder[member]` begins with.
void put_before(Json holder, std::string_view member, const Json& step) {
    const Json next = holder[member];
    if (next.is_object()) {
        Json(step).set("nextAction", next);
    }
    holder.set(member, step);
}

Outcome not_a_place(std::string_view kind, std::string_view location) {
    return Problem{std::string(kind) + " step parent " +
                       std::string(location.empty() ? "undefined" : location) + " not found",
                   {}};
}

Outcome hang_in_router(const Json& parent, const Place& place, const Json& step) {
    if (place.location == "AFTER") {
        put_before(parent, "nextAction", step);
        return {};
    }
    if (place.location != "INSIDE_BRANCH" || !place.index.is_number()) {
        return not_a_place("Router", place.location);
    }
    const double index = place.index.number_or(-1);
    if (index >= kBranchesMax) {
        return Problem{"A router can have at most 1000 branches", {}};
    }
    if (index < 0 || index != std::floor(index)) {
        return {};  // no element of a list: the contract's implementation loses it
    }
    const auto at = static_cast<std::size_t>(index);
    Json children = parent["children"];
    while (children.size() <= at) {
        children.append(Json::null());
    }
    const Json before = children.at(at);
    if (before.is_object()) {
        Json(step).set("nextAction", before);
    }
    children.set_at(at, step);
    return {};
}

Outcome hang_in_outcome_branch(Json parent, const Place& place, const Json& step) {
    const std::string_view type = parent["type"].text();
    if (type != "CODE" && type != "PIECE") {
        return Problem{
            "Continue-on-failure branches are only available on Code and Piece actions, got " +
                std::string(type),
            {}};
    }
    if (!parent["continueOnFailureBranches"].is_object()) {
        parent.set("continueOnFailureBranches", Json::object());
    }
    const bool success = place.location == "INSIDE_ON_SUCCESS_BRANCH";
    put_before(parent["continueOnFailureBranches"], success ? "onSuccess" : "onFailure", step);
    return {};
}

// Takes the step called `name` out of `holder[member]`; what follows it moves up.
void unlink(Json holder, std::string_view member, std::string_view name) {
    const Json step = holder[member];
    if (!step.is_object() || step["name"].text() != name) {
        return;
    }
    const Json next = step["nextAction"];
    if (next.is_object()) {
        holder.set(member, next);
    } else {
        holder.erase(member);
    }
}

Json updated_action(const Json& step, const Json& request, std::string_view now) {
    const std::string_view old_type = step["type"].text();
    const std::string_view type = request["type"].text();
    Json action = build_action(request, now);
    keep_sample_data(step, action);
    action.set("valid",
               Json::boolean(check_action(action).ok() && request["valid"].boolean_or(true)));
    if ((type == "CODE" || type == "PIECE") && (old_type == "CODE" || old_type == "PIECE")) {
        copy_member(step, action, "continueOnFailureBranches");
    }
    if (type == "LOOP_ON_ITEMS" && old_type == type) {
        copy_member(step, action, "firstLoopAction");
    }
    if (type == "ROUTER") {
        Json children = step["children"];
        if (old_type != type) {
            children = Json::array();
            children.append(Json::null());
            children.append(Json::null());
        }
        action.set("children", children);
    }
    copy_member(step, action, "nextAction");
    return action;
}

bool names_has(const Json& names, std::string_view name) {
    bool has = false;
    names.each_element([&](const Json& one) { has = has || one.text() == name; });
    return has;
}

}  // namespace

Outcome hang_step(const Json& trigger, const Place& place, const Json& step) {
    const Json parent = find_step(trigger, place.parent);
    if (!parent.exists()) {
        return {};
    }
    if (place.location == "INSIDE_ON_SUCCESS_BRANCH" ||
        place.location == "INSIDE_ON_FAILURE_BRANCH") {
        return hang_in_outcome_branch(parent, place, step);
    }
    const std::string_view type = parent["type"].text();
    if (type == "ROUTER") {
        return hang_in_router(parent, place, step);
    }
    if (type == "LOOP_ON_ITEMS" && place.location == "INSIDE_LOOP") {
        put_before(parent, "firstLoopAction", step);
        return {};
    }
    if (type == "LOOP_ON_ITEMS" && place.location != "AFTER") {
        return not_a_place("Loop", place.location);
    }
    put_before(parent, "nextAction", step);
    return {};
}

void unlink_step_named(const Json& trigger, std::string_view name) {
    visit_steps(trigger, [name](const Json& step) {
        unlink(step, "nextAction", name);
        unlink(step, "firstLoopAction", name);
        const Json branches = step["continueOnFailureBranches"];
        if (branches.is_object()) {
            unlink(branches, "onSuccess", name);
            unlink(branches, "onFailure", name);
        }
        Json children = step["children"];
        for (std::size_t i = 0; i < children.size(); ++i) {
            const Json child = children.at(i);
            if (child.is_object() && child["name"].text() == name) {
                const Json next = child["nextAction"];
                children.set_at(i, next.is_object() ? next : Json::null());
            }
        }
    });
}

Outcome add_action(Json version, const Json& request, std::string_view now) {
    const Json trigger = version["trigger"];
    const Json action = request["action"];
    // Names are keys: of outputs, of journal entries and of idempotency keys.
    const std::string name(action["name"].text());
    if (find_step(trigger, name).exists()) {
        return Problem{"A step named " + name + " exists already", {}};
    }
    const Place place{request["parentStep"].text(), request["stepLocationRelativeToParent"].text(),
                      request["branchIndex"]};
    return hang_step(trigger, place, build_action(action, now));
}

Outcome update_action(Json version, const Json& request, std::string_view now) {
    const Json step = find_step(version["trigger"], request["name"].text());
    if (!step.exists()) {
        return {};  // as the contract has it
    }
    if (!is_action_type(step["type"].text())) {
        return Problem{"A trigger cannot be replaced by an action", {}};
    }
    replace_members(step, updated_action(step, request, now));
    return {};
}

Outcome update_trigger(Json version, const Json& request, std::string_view now) {
    const std::string name(request["name"].text());
    const Json step = find_step(version["trigger"], name);
    if (!step.exists()) {
        return Problem{"Step not found", name};
    }
    if (!is_trigger_type(step["type"].text())) {
        return Problem{"An action cannot be replaced by a trigger", {}};
    }
    const bool piece = request["type"].text() == "PIECE_TRIGGER";
    Json changed = Json::object();
    for (const std::string_view member : {"displayName", "name", "type"}) {
        copy_member(request, changed, member);
    }
    changed.set("lastUpdatedDate", Json::string(now));
    if (piece) {
        changed.set("settings", with_exact_version(request["settings"]));
        keep_sample_data(step, changed);
    } else {
        copy_member(request, changed, "settings");
    }
    changed.set("valid",
                Json::boolean(check_trigger(changed).ok() && request["valid"].boolean_or(true)));
    copy_member(step, changed, "nextAction");
    replace_members(step, changed);
    return {};
}

Outcome delete_actions(Json version, const Json& request, std::string_view) {
    request["names"].each_element(
        [&version](const Json& name) { unlink_step_named(version["trigger"], name.text()); });
    return {};
}

Outcome set_skip(Json version, const Json& request, std::string_view) {
    visit_steps(version["trigger"], [&request](Json step) {
        if (names_has(request["names"], step["name"].text())) {
            step.set("skip", request["skip"]);
        }
    });
    return {};
}

Outcome update_sample_data_info(Json version, const Json& request, std::string_view now) {
    visit_steps(version["trigger"], [&](Json step) {
        if (step["name"].text() != request["stepName"].text()) {
            return;
        }
        Json settings = step["settings"];
        if (!settings.is_object()) {
            settings = Json::object();
            step.set("settings", settings);
        }
        settings.erase("sampleData");
        if (request["sampleDataSettings"].is_object()) {
            Json sample = request["sampleDataSettings"].deep_copy();
            sample.set("lastTestDate", Json::string(now));
            settings.set("sampleData", sample);
        }
    });
    return {};
}

}  // namespace sallyport::engine::flow_changes
