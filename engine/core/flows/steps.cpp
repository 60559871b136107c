#include "engine/core/flows/steps.hpp"

#include "engine/core/flows/model.hpp"
#include "engine/core/shape.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace sallyport::engine {
namespace {

constexpr std::array<std::string_view, 10> kTextOperators = {
    "TEXT_CONTAINS",        "TEXT_DOES_NOT_CONTAIN",    "TEXT_EXACTLY_MATCHES",
    "TEXT_START_WITH",      "TEXT_DOES_NOT_START_WITH", "TEXT_DOES_NOT_EXACTLY_MATCH",
    "TEXT_ENDS_WITH",       "TEXT_DOES_NOT_END_WITH",   "LIST_CONTAINS",
    "LIST_DOES_NOT_CONTAIN"};
constexpr std::array<std::string_view, 6> kPairOperators = {
    "NUMBER_IS_GREATER_THAN", "NUMBER_IS_LESS_THAN", "NUMBER_IS_EQUAL_TO",
    "DATE_IS_BEFORE",         "DATE_IS_EQUAL",       "DATE_IS_AFTER"};
constexpr std::array<std::string_view, 6> kSingleOperators = {
    "EXISTS",           "DOES_NOT_EXIST", "BOOLEAN_IS_TRUE",
    "BOOLEAN_IS_FALSE", "LIST_IS_EMPTY",  "LIST_IS_NOT_EMPTY"};
constexpr std::array<std::string_view, 6> kNoteColours = {"orange", "red",    "green",
                                                          "blue",   "purple", "yellow"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_condition(const Json& condition) {
    if (!condition.is_object() || !condition["firstValue"].is_string()) {
        return false;
    }
    const Json chosen = condition["operator"];
    if (!chosen.exists()) {
        return true;
    }
    if (!chosen.is_string()) {
        return false;
    }
    if (is_one_of(kSingleOperators, chosen.text())) {
        return true;
    }
    const bool second = condition["secondValue"].is_string();
    if (is_one_of(kTextOperators, chosen.text())) {
        const Json exact = condition["caseSensitive"];
        return second && (!exact.exists() || exact.is_boolean());
    }
    return second && is_one_of(kPairOperators, chosen.text());
}

bool is_branch(const Json& branch) {
    if (!branch.is_object() || !branch["branchName"].is_string()) {
        return false;
    }
    const std::string_view type = branch["branchType"].text();
    return type == "FALLBACK" || (type == "CONDITION" && are_conditions(branch["conditions"]));
}

void copy_member(const Json& from, Json& to, std::string_view name) {
    const Json value = from[name];
    if (value.exists()) {
        to.set(name, value.deep_copy());
    }
}

void hang(Json holder, std::string_view member, const Json& first, std::string_view now_iso) {
    if (first.is_object()) {
        holder.set(member, rebuild_chain(first, now_iso));
    }
}

// Children are set by index: those beyond the branches make the list longer, as the contract has
// it.
void hang_children(Json built, const Json& step, std::string_view now_iso) {
    Json children = built["children"];
    const Json old = step["children"];
    for (std::size_t i = 0; i < old.size(); ++i) {
        if (!old.at(i).is_object()) {
            continue;
        }
        while (children.size() <= i) {
            children.append(Json::null());
        }
        children.set_at(i, rebuild_chain(old.at(i), now_iso));
    }
}

// What should lead to a step leads to one, or to nothing.
bool is_link(const Json& link) {
    return !link.exists() || link.is_null() || link.is_object();
}

Status check_buildable_below(const Json& action) {
    if (action["type"].text() == "ROUTER" && !action["children"].is_array()) {
        return Error{"Router " + std::string(action["name"].text()) + " must have children"};
    }
    const Json branches = action["continueOnFailureBranches"];
    for (const Json& below :
         {action["firstLoopAction"], branches["onSuccess"], branches["onFailure"]}) {
        Status status = check_buildable_tree(below);
        if (!status.ok()) {
            return status;
        }
    }
    Status status = Done{};
    action["children"].each_element([&status](const Json& child) {
        status = status.ok() ? check_buildable_tree(child) : status;
    });
    return status;
}

}  // namespace

bool is_action_type(std::string_view type) {
    return type == "CODE" || type == "PIECE" || type == "LOOP_ON_ITEMS" || type == "ROUTER";
}

bool is_trigger_type(std::string_view type) {
    return type == "EMPTY" || type == "PIECE_TRIGGER";
}

Json with_exact_version(const Json& settings) {
    Json exact = settings.deep_copy();
    const std::string_view version = exact["pieceVersion"].text();
    if (version.starts_with('~') || version.starts_with('^')) {
        exact.set("pieceVersion", Json::string(std::string(version.substr(1))));
    }
    return exact;
}

Json build_action(const Json& request, std::string_view now_iso) {
    const std::string_view type = request["type"].text();
    Json action = Json::object();
    for (const std::string_view name : {"displayName", "name", "type", "skip"}) {
        copy_member(request, action, name);
    }
    action.set("lastUpdatedDate", Json::string(now_iso));
    action.set("settings", type == "PIECE" ? with_exact_version(request["settings"])
                                           : request["settings"].deep_copy());
    action.set("valid",
               Json::boolean(check_action(action).ok() && request["valid"].boolean_or(true)));
    if (type == "ROUTER") {
        Json children = Json::array();
        request["settings"]["branches"].each_element(
            [&children](const Json&) { children.append(Json::null()); });
        action.set("children", children);
    }
    return action;
}

Status check_buildable(const Json& action) {
    const std::string_view type = action["type"].text();
    if (!is_action_type(type)) {
        return Error{"type must be one of CODE, PIECE, LOOP_ON_ITEMS, ROUTER"};
    }
    const std::string name(action["name"].text());
    if (!is_step_name(name)) {
        return Error{"action/name must match ^[a-zA-Z_][a-zA-Z0-9_]*$"};
    }
    const Json settings = action["settings"];
    if (!settings.is_object()) {
        return Error{"Step " + name + " must have settings"};
    }
    if (type == "ROUTER" && !settings["branches"].is_array()) {
        return Error{"Router " + name + " must have branches"};
    }
    if (type == "PIECE" && !settings["pieceVersion"].is_string()) {
        return Error{"Step " + name + " must have a pieceVersion"};
    }
    return Done{};
}

Status check_buildable_tree(const Json& action) {
    if (!is_link(action)) {
        return Error{"what follows a step must be a step"};
    }
    for (Json at = action; at.is_object(); at = at["nextAction"]) {
        if (!is_link(at["nextAction"])) {
            return Error{"what follows a step must be a step"};
        }
        Status status = check_buildable(at);
        status = status.ok() ? check_buildable_below(at) : status;
        if (!status.ok()) {
            return status;
        }
    }
    return Done{};
}

Json rebuild_tree(const Json& step, std::string_view now_iso) {
    Json built = build_action(step, now_iso);
    const std::string_view type = step["type"].text();
    if (type == "LOOP_ON_ITEMS") {
        hang(built, "firstLoopAction", step["firstLoopAction"], now_iso);
    } else if (type == "ROUTER") {
        hang_children(built, step, now_iso);
    } else {
        const Json branches = step["continueOnFailureBranches"];
        if (branches["onSuccess"].is_object() || branches["onFailure"].is_object()) {
            const Json hung = Json::object();
            hang(hung, "onSuccess", branches["onSuccess"], now_iso);
            hang(hung, "onFailure", branches["onFailure"], now_iso);
            built.set("continueOnFailureBranches", hung);
        }
    }
    return built;
}

Json rebuild_chain(const Json& step, std::string_view now_iso) {
    Json first;
    Json last;
    for (Json at = step; at.is_object(); at = at["nextAction"]) {
        const Json built = rebuild_tree(at, now_iso);
        if (last.exists()) {
            last.set("nextAction", built);
        } else {
            first = built;
        }
        last = built;
    }
    return first;
}

bool are_conditions(const Json& conditions) {
    bool all = conditions.is_array();
    conditions.each_element([&all](const Json& group) {
        all = all && group.is_array();
        group.each_element([&all](const Json& one) { all = all && is_condition(one); });
    });
    return all;
}

bool are_branches(const Json& branches) {
    bool all = branches.is_array();
    branches.each_element([&all](const Json& branch) { all = all && is_branch(branch); });
    return all;
}

Status check_note(const Json& note, std::string_view where) {
    constexpr std::array kFields = {Field{"id", Kind::text}, Field{"content", Kind::text},
                                    Field{"color", Kind::text}, Field{"position", Kind::object},
                                    Field{"size", Kind::object}};
    constexpr std::array kPosition = {Field{"x", Kind::number}, Field{"y", Kind::number}};
    constexpr std::array kSize = {Field{"width", Kind::number}, Field{"height", Kind::number}};
    Status shape = check_shape(note, kFields, where);
    shape = shape.ok() ? check_shape(note["position"], kPosition, std::string(where) + "/position")
                       : shape;
    shape = shape.ok() ? check_shape(note["size"], kSize, std::string(where) + "/size") : shape;
    if (shape.ok() && !is_one_of(kNoteColours, note["color"].text())) {
        return Error{std::string(where) + "/color is not a colour of notes"};
    }
    return shape;
}

}  // namespace sallyport::engine
