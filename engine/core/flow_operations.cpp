#include "engine/core/flow_operations.hpp"

#include "engine/core/flow_model.hpp"
#include "engine/core/shape.hpp"

#include <array>
#include <string>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::array<std::pair<std::string_view, OperationScope>, 26> kOperations = {{
    {"CHANGE_NAME", OperationScope::version},
    {"UPDATE_TRIGGER", OperationScope::version},
    {"ADD_ACTION", OperationScope::version},
    {"UPDATE_ACTION", OperationScope::version},
    {"DELETE_ACTION", OperationScope::version},
    {"SET_SKIP_ACTION", OperationScope::version},
    {"LOCK_AND_PUBLISH", OperationScope::flow},
    {"CHANGE_STATUS", OperationScope::flow},
    {"LOCK_FLOW", OperationScope::unsupported},
    {"MOVE_ACTION", OperationScope::unsupported},
    {"DUPLICATE_ACTION", OperationScope::unsupported},
    {"ADD_BRANCH", OperationScope::unsupported},
    {"DELETE_BRANCH", OperationScope::unsupported},
    {"DUPLICATE_BRANCH", OperationScope::unsupported},
    {"MOVE_BRANCH", OperationScope::unsupported},
    {"USE_AS_DRAFT", OperationScope::unsupported},
    {"IMPORT_FLOW", OperationScope::unsupported},
    {"CHANGE_FOLDER", OperationScope::unsupported},
    {"UPDATE_METADATA", OperationScope::unsupported},
    {"UPDATE_MINUTES_SAVED", OperationScope::unsupported},
    {"UPDATE_OWNER", OperationScope::unsupported},
    {"SAVE_SAMPLE_DATA", OperationScope::unsupported},
    {"UPDATE_SAMPLE_DATA_INFO", OperationScope::unsupported},
    {"ADD_NOTE", OperationScope::unsupported},
    {"UPDATE_NOTE", OperationScope::unsupported},
    {"DELETE_NOTE", OperationScope::unsupported},
}};

void copy_member(const Json& from, Json& to, std::string_view name) {
    const Json value = from[name];
    if (value.exists()) {
        to.set(name, value.deep_copy());
    }
}

// The settings as sent, with an exact piece version: ranges would let a run change under its flow.
Json settings_of(const Json& request) {
    Json settings = request["settings"].deep_copy();
    const std::string_view version = settings["pieceVersion"].text();
    if (version.starts_with('~') || version.starts_with('^')) {
        settings.set("pieceVersion", Json::string(std::string(version.substr(1))));
    }
    return settings;
}

// The parts every step has. `valid` is what the client says, unless the step is not complete.
Json step_from(const Json& request, std::string_view now_iso) {
    Json step = Json::object();
    copy_member(request, step, "displayName");
    copy_member(request, step, "name");
    copy_member(request, step, "type");
    copy_member(request, step, "skip");
    step.set("lastUpdatedDate", Json::string(now_iso));
    step.set("settings", settings_of(request));
    return step;
}

void set_valid(Json& step, const Json& request, bool complete) {
    step.set("valid", Json::boolean(complete && request["valid"].boolean_or(true)));
}

Json new_action(const Json& request, const Json& next, std::string_view now_iso) {
    Json action = step_from(request, now_iso);
    set_valid(action, request, check_action(action).ok());
    if (request["type"].text() == "ROUTER") {
        Json children = Json::array();
        request["settings"]["branches"].each_element(
            [&children](const Json&) { children.append(Json::null()); });
        action.set("children", children);
    }
    if (next.is_object()) {
        action.set("nextAction", next);
    }
    return action;
}

Error invalid_location(std::string_view kind, std::string_view location) {
    return Error{std::string(kind) + " step parent " +
                 std::string(location.empty() ? "undefined" : location) + " not found"};
}

void put_before(Json holder, std::string_view member, const Json& request,
                std::string_view now_iso) {
    const Json next = holder[member];
    holder.set(member, new_action(request, next, now_iso));
}

Status add_to_router(const Json& parent, const Json& request, std::string_view now_iso) {
    const std::string_view location = request["stepLocationRelativeToParent"].text();
    if (location == "AFTER") {
        put_before(parent, "nextAction", request["action"], now_iso);
        return Done{};
    }
    const Json index = request["branchIndex"];
    if (location != "INSIDE_BRANCH" || !index.is_number()) {
        return invalid_location("Router", location);
    }
    const std::int64_t at = index.integer_or(-1);
    Json children = parent["children"];
    if (at < 0 || static_cast<std::size_t>(at) >= children.size()) {
        return Error{"Router branch " + std::to_string(at) + " not found"};
    }
    const auto branch = static_cast<std::size_t>(at);
    children.set_at(branch, new_action(request["action"], children.at(branch), now_iso));
    return Done{};
}

Status add_to_failure_branch(Json parent, const Json& request, std::string_view now_iso) {
    const std::string_view type = parent["type"].text();
    if (type != "CODE" && type != "PIECE") {
        return Error{"Branches for failure exist on CODE and PIECE actions, not on " +
                     std::string(type)};
    }
    if (!parent["continueOnFailureBranches"].is_object()) {
        parent.set("continueOnFailureBranches", Json::object());
    }
    const bool success =
        request["stepLocationRelativeToParent"].text() == "INSIDE_ON_SUCCESS_BRANCH";
    put_before(parent["continueOnFailureBranches"], success ? "onSuccess" : "onFailure",
               request["action"], now_iso);
    return Done{};
}

Status add_action(const Json& trigger, const Json& request, std::string_view now_iso) {
    const Json parent = find_step(trigger, request["parentStep"].text());
    if (!parent.exists()) {
        return Error{"Parent step " + std::string(request["parentStep"].text()) + " not found"};
    }
    // Names are keys: of outputs, of journal entries and of idempotency keys.
    const std::string_view name = request["action"]["name"].text();
    if (find_step(trigger, name).exists()) {
        return Error{"A step named " + std::string(name) + " exists already"};
    }
    if (count_steps(trigger) >= kFlowStepsMax) {
        return Error{"A flow can have at most " + std::to_string(kFlowStepsMax) + " steps"};
    }
    const std::string_view location = request["stepLocationRelativeToParent"].text();
    if (location == "INSIDE_ON_SUCCESS_BRANCH" || location == "INSIDE_ON_FAILURE_BRANCH") {
        return add_to_failure_branch(parent, request, now_iso);
    }
    const std::string_view type = parent["type"].text();
    if (type == "ROUTER") {
        return add_to_router(parent, request, now_iso);
    }
    if (type == "LOOP_ON_ITEMS" && location == "INSIDE_LOOP") {
        put_before(parent, "firstLoopAction", request["action"], now_iso);
        return Done{};
    }
    if (type == "LOOP_ON_ITEMS" && location != "AFTER") {
        return invalid_location("Loop", location);
    }
    put_before(parent, "nextAction", request["action"], now_iso);
    return Done{};
}

// Sample data belongs to the server: the stored one stays as long as the step keeps its type.
void keep_sample_data(const Json& before, Json& after) {
    Json settings = after["settings"];
    settings.erase("sampleData");
    if (before["type"].text() == after["type"].text()) {
        copy_member(before["settings"], settings, "sampleData");
    }
}

// Replaces the members of `step` in place, so that whoever points at it keeps pointing.
void replace_members(Json step, const Json& with) {
    json_object_clear(step.get());
    with.each_member([&step](std::string_view key, const Json& value) { step.set(key, value); });
}

void update_action(Json step, const Json& request, std::string_view now_iso) {
    const std::string_view old_type = step["type"].text();
    const std::string_view type = request["type"].text();
    Json action = step_from(request, now_iso);
    keep_sample_data(step, action);
    set_valid(action, request, check_action(action).ok());
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
    replace_members(step, action);
}

Status update_trigger(const Json& trigger, const Json& request, std::string_view now_iso) {
    const Json step = find_step(trigger, request["name"].text());
    const std::string_view type = step["type"].text();
    if (type != "EMPTY" && type != "PIECE_TRIGGER") {
        return Error{"Trigger " + std::string(request["name"].text()) + " not found"};
    }
    Json changed = step_from(request, now_iso);
    changed.erase("skip");
    if (request["type"].text() == "PIECE_TRIGGER") {
        keep_sample_data(step, changed);
    }
    set_valid(changed, request, check_trigger(changed).ok());
    copy_member(step, changed, "nextAction");
    replace_members(step, changed);
    return Done{};
}

// Takes the step called `name` out of the chain that starts in `holder[member]`, with all below it.
void unlink_step(Json holder, std::string_view member, std::string_view name) {
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

void delete_action(const Json& trigger, std::string_view name) {
    visit_steps(trigger, [name](const Json& step) {
        unlink_step(step, "nextAction", name);
        unlink_step(step, "firstLoopAction", name);
        const Json branches = step["continueOnFailureBranches"];
        if (branches.is_object()) {
            unlink_step(branches, "onSuccess", name);
            unlink_step(branches, "onFailure", name);
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

void set_skip(const Json& trigger, const Json& request) {
    request["names"].each_element([&](const Json& name) {
        Json step = find_step(trigger, name.text());
        const std::string_view type = step["type"].text();
        if (step.exists() && type != "EMPTY" && type != "PIECE_TRIGGER") {
            step.set("skip", request["skip"]);
        }
    });
}

Status change_tree(Json version, std::string_view type, const Json& request,
                   std::string_view now_iso) {
    const Json trigger = version["trigger"];
    if (type == "CHANGE_NAME") {
        version.set("displayName", request["displayName"]);
        return Done{};
    }
    if (type == "UPDATE_TRIGGER") {
        return update_trigger(trigger, request, now_iso);
    }
    if (type == "ADD_ACTION") {
        return add_action(trigger, request, now_iso);
    }
    if (type == "UPDATE_ACTION") {
        const Json step = find_step(trigger, request["name"].text());
        // An action that is not there (or is the trigger) leaves the flow as it is.
        const std::string_view step_type = step["type"].text();
        if (step.exists() && step_type != "EMPTY" && step_type != "PIECE_TRIGGER") {
            update_action(step, request, now_iso);
        }
        return Done{};
    }
    if (type == "DELETE_ACTION") {
        request["names"].each_element(
            [&trigger](const Json& name) { delete_action(trigger, name.text()); });
        return Done{};
    }
    if (type == "SET_SKIP_ACTION") {
        set_skip(trigger, request);
        return Done{};
    }
    return Error{"Operation " + std::string(type) + " does not change the steps of a flow"};
}

}  // namespace

std::optional<OperationScope> operation_scope(std::string_view type) {
    for (const auto& [name, scope] : kOperations) {
        if (name == type) {
            return scope;
        }
    }
    return std::nullopt;
}

Status check_operation(std::string_view type, const Json& request) {
    constexpr std::string_view kWhere = "body/request";
    if (type == "CHANGE_NAME") {
        constexpr std::array kFields = {Field{"displayName", Kind::text}};
        return check_shape(request, kFields, kWhere);
    }
    if (type == "UPDATE_TRIGGER") {
        return check_trigger(request);
    }
    if (type == "UPDATE_ACTION") {
        return check_action(request);
    }
    if (type == "ADD_ACTION") {
        constexpr std::array kFields = {
            Field{"parentStep", Kind::text}, Field{"action", Kind::object},
            Field{"branchIndex", Kind::number, Need::optional},
            Field{"stepLocationRelativeToParent", Kind::text, Need::optional}};
        Status shape = check_shape(request, kFields, kWhere);
        return shape.ok() ? check_action(request["action"]) : shape;
    }
    if (type == "DELETE_ACTION") {
        constexpr std::array kFields = {Field{"names", Kind::text_array}};
        return check_shape(request, kFields, kWhere);
    }
    if (type == "SET_SKIP_ACTION") {
        constexpr std::array kFields = {Field{"names", Kind::text_array},
                                        Field{"skip", Kind::boolean}};
        return check_shape(request, kFields, kWhere);
    }
    if (type == "CHANGE_STATUS" || type == "LOCK_AND_PUBLISH") {
        const std::array fields = {
            Field{"status", Kind::text, type == "CHANGE_STATUS" ? Need::required : Need::optional}};
        Status shape = check_shape(request, fields, kWhere);
        const Json status = request["status"];
        if (shape.ok() && status.is_string() && status.text() != "ENABLED" &&
            status.text() != "DISABLED") {
            return Error{"body/request/status must be ENABLED or DISABLED"};
        }
        return shape;
    }
    return check_shape(request, {}, kWhere);
}

Result<Json> apply_operation(const Json& version, std::string_view type, const Json& request,
                             std::string_view now_iso) {
    Json changed = version.deep_copy();
    const Status status = change_tree(changed, type, request, now_iso);
    if (!status.ok()) {
        return status.error();
    }
    const Json trigger = changed["trigger"];
    changed.set("valid", Json::boolean(flow_is_valid(trigger)));
    Json connections = Json::array();
    for (const std::string& id : connection_ids(trigger)) {
        connections.append(Json::string(id));
    }
    changed.set("connectionIds", connections);
    return changed;
}

}  // namespace sallyport::engine
