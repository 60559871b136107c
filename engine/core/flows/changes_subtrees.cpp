// Changes of whole subtrees: moved, duplicated, imported.
#include "engine/core/expressions/js_text.hpp"
#include "engine/core/flows/changes.hpp"
#include "engine/core/flows/model.hpp"
#include "engine/core/flows/steps.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

namespace sallyport::engine::flow_changes {
namespace {

Outcome find_action(const Json& trigger, std::string_view name, Json& out) {
    out = find_step(trigger, name);
    if (!out.exists()) {
        return Problem{"Step not found", std::string(name)};
    }
    if (!is_action_type(out["type"].text())) {
        return Problem{"Step is not an action", std::string(name)};
    }
    return {};
}

Json without_next(const Json& step) {
    Json alone = step.deep_copy();
    alone.erase("nextAction");
    return alone;
}

// ---- renaming

using Names = std::vector<std::pair<std::string, std::string>>;  // old and new

// Every step of `subtree` gets the next name that is free in the whole flow.
Names fresh_names(const Json& trigger, const Json& subtree) {
    std::set<std::string, std::less<>> taken;
    visit_steps(trigger, [&taken](const Json& step) { taken.emplace(step["name"].text()); });
    Names names;
    std::size_t number = 1;
    visit_steps(subtree, [&](const Json& step) {
        std::string name = "step_" + std::to_string(number);
        while (taken.count(name) != 0) {
            name = "step_" + std::to_string(++number);
        }
        taken.insert(name);
        names.emplace_back(step["name"].text(), name);
    });
    return names;
}

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string_view renamed(const Names& names, std::string_view word) {
    for (const auto& [old_name, new_name] : names) {
        if (old_name == word) {
            return new_name;
        }
    }
    return word;
}

// Whole words only. New names are free ones, so one pass does what one pass a name would.
void append_renamed(std::string_view text, const Names& names, std::string& out) {
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at;
        while (end < text.size() && is_word(text[end])) {
            ++end;
        }
        out += renamed(names, text.substr(at, end - at));
        if (end < text.size()) {
            out += text[end++];
        }
        at = end;
    }
}

// Whether the contract's /{{(.*?)}}/ could not reach over `text`: `.` stops at ends of lines.
bool has_line_end(std::string_view text) {
    return text.find_first_of("\r\n") != std::string_view::npos ||
           text.find("\xE2\x80\xA8") != std::string_view::npos ||
           text.find("\xE2\x80\xA9") != std::string_view::npos;
}

std::string rename_in_tokens(std::string_view text, const Names& names) {
    std::string out;
    std::size_t from = 0;
    for (std::size_t at = 0; (at = text.find("{{", at)) != std::string_view::npos;) {
        const std::size_t close = text.find("}}", at + 2);
        if (close == std::string_view::npos) {
            break;
        }
        const std::string_view token = text.substr(at + 2, close - at - 2);
        if (has_line_end(token)) {
            ++at;
            continue;
        }
        out += text.substr(from, at + 2 - from);
        append_renamed(token, names, out);
        out += "}}";
        at = from = close + 2;
    }
    out += text.substr(from);
    return out;
}

Json rename_in_value(const Json& value, const Names& names) {
    if (value.is_string()) {
        return Json::string(rename_in_tokens(value.text(), names));
    }
    if (value.is_array()) {
        Json out = Json::array();
        value.each_element([&](const Json& item) { out.append(rename_in_value(item, names)); });
        return out;
    }
    if (value.is_object()) {
        Json out = Json::object();
        value.each_member([&](std::string_view key, const Json& member) {
            out.set(key, rename_in_value(member, names));
        });
        return out;
    }
    return value;
}

// A copy under new names, with references among its steps following.
Json copied_subtree(const Json& trigger, const Json& subtree) {
    const Json copy = subtree.deep_copy();
    const Names names = fresh_names(trigger, copy);
    visit_steps(copy, [&names](Json step) {
        step.set("displayName", Json::string(std::string(step["displayName"].text()) + " Copy"));
        step.set("name", Json::string(renamed(names, step["name"].text())));
        Json settings = step["settings"];
        if (settings["input"].exists()) {
            settings.set("input", rename_in_value(settings["input"], names));
        }
        if (js_truth(settings["sampleData"])) {
            settings.set("sampleData", Json::object());
        }
    });
    return copy;
}

Status unique_names(const Json& trigger) {
    std::set<std::string, std::less<>> seen;
    Status status = Done{};
    visit_steps(trigger, [&](const Json& step) {
        if (!seen.emplace(step["name"].text()).second && status.ok()) {
            status = Error{"A step named " + std::string(step["name"].text()) + " exists already"};
        }
    });
    return status;
}

void import_notes(Json version, const Json& notes, std::string_view now) {
    version.set("notes", Json::array());
    notes.each_element([&](const Json& note) { add_note(version, note, now); });
}

}  // namespace

Outcome move_action(Json version, const Json& request, std::string_view now) {
    const Json trigger = version["trigger"];
    const std::string parent(request["newParentStep"].text());
    Json step;
    if (Outcome problem = find_action(trigger, request["name"].text(), step)) {
        return problem;
    }
    if (!find_step(trigger, parent).exists()) {
        return Problem{"Step not found", parent};
    }
    const Json moved = rebuild_tree(step, now);
    unlink_step_named(trigger, request["name"].text());
    // Below itself there is no parent any more, and the step is gone: the contract's own answer.
    return hang_step(
        trigger,
        {parent, request["stepLocationRelativeToNewParent"].text(), request["branchIndex"]}, moved);
}

Outcome duplicate_action(Json version, const Json& request, std::string_view now) {
    const Json trigger = version["trigger"];
    Json step;
    if (Outcome problem = find_action(trigger, request["stepName"].text(), step)) {
        return problem;
    }
    const Json copy = copied_subtree(trigger, without_next(step));
    return hang_step(trigger, {request["stepName"].text(), "AFTER", Json()},
                     rebuild_tree(copy, now));
}

Outcome duplicate_branch(Json version, const Json& request, std::string_view now) {
    const Json trigger = version["trigger"];
    Json router;
    if (Outcome problem = find_action(trigger, request["stepName"].text(), router)) {
        return problem;
    }
    const std::int64_t index = request["branchIndex"].integer_or(-1);
    const Json branches = router["settings"]["branches"];
    if (index < 0 || static_cast<std::size_t>(index) >= branches.size()) {
        return Problem{"Branch not found", {}};
    }
    const auto at = static_cast<std::size_t>(index);
    const Json branch = branches.at(at);
    const Json child = router["children"].at(at);
    const Json copy = child.is_object() ? copied_subtree(trigger, child) : Json();
    Json add = Json::object(
        {{"stepName", request["stepName"]},
         {"branchIndex", Json::integer(index + 1)},
         {"branchName", Json::string(std::string(branch["branchName"].text()) + " Copy")}});
    if (branch["branchType"].text() == "CONDITION") {
        add.set("conditions", branch["conditions"].deep_copy());
    }
    Outcome added = add_branch(version, add, now);
    if (added || !copy.exists()) {
        return added;
    }
    return hang_step(trigger,
                     {request["stepName"].text(), "INSIDE_BRANCH", Json::integer(index + 1)},
                     rebuild_chain(copy, now));
}

Outcome import_flow(Json version, const Json& request, std::string_view now) {
    const Json wanted = request["trigger"];
    const std::string start(wanted["name"].text());
    if (start != version["trigger"]["name"].text()) {
        return Problem{"Step not found", start};
    }
    const Status buildable = check_buildable_tree(wanted["nextAction"]);
    const Status unique = buildable.ok() ? unique_names(wanted) : buildable;
    if (!unique.ok()) {
        return Problem{"This flow cannot be imported: " + unique.message(), {}};
    }
    Json trigger = version["trigger"];
    trigger.erase("nextAction");
    if (Outcome problem = update_trigger(version, wanted, now)) {
        return problem;
    }
    version.set("displayName", request["displayName"]);
    trigger = version["trigger"];
    if (wanted["nextAction"].is_object()) {
        trigger.set("nextAction", rebuild_chain(wanted["nextAction"], now));
    }
    import_notes(version, request["notes"], now);
    return {};
}

}  // namespace sallyport::engine::flow_changes
