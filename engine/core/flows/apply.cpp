// One operation on a copy of a version.
#include "engine/core/flows/changes.hpp"
#include "engine/core/flows/model.hpp"
#include "engine/core/flows/operations.hpp"

#include <array>
#include <utility>

namespace sallyport::engine {
namespace {

namespace changes = flow_changes;

changes::Outcome change_name(Json version, const Json& request, std::string_view) {
    version.set("displayName", request["displayName"]);
    return {};
}

changes::Outcome lock(Json version, const Json&, std::string_view) {
    version.set("state", Json::string("LOCKED"));
    return {};
}

using ChangeFunction = changes::Outcome (*)(Json, const Json&, std::string_view);
constexpr std::array<std::pair<std::string_view, ChangeFunction>, 18> kChanges = {{
    {"CHANGE_NAME", change_name},
    {"UPDATE_TRIGGER", changes::update_trigger},
    {"ADD_ACTION", changes::add_action},
    {"UPDATE_ACTION", changes::update_action},
    {"DELETE_ACTION", changes::delete_actions},
    {"SET_SKIP_ACTION", changes::set_skip},
    {"MOVE_ACTION", changes::move_action},
    {"DUPLICATE_ACTION", changes::duplicate_action},
    {"ADD_BRANCH", changes::add_branch},
    {"DELETE_BRANCH", changes::delete_branch},
    {"DUPLICATE_BRANCH", changes::duplicate_branch},
    {"MOVE_BRANCH", changes::move_branch},
    {"IMPORT_FLOW", changes::import_flow},
    {"LOCK_FLOW", lock},
    {"UPDATE_SAMPLE_DATA_INFO", changes::update_sample_data_info},
    {"ADD_NOTE", changes::add_note},
    {"UPDATE_NOTE", changes::update_note},
    {"DELETE_NOTE", changes::delete_note},
}};

changes::Outcome change(const Json& version, std::string_view type, const Json& request,
                        std::string_view now_iso) {
    for (const auto& [name, function] : kChanges) {
        if (name == type) {
            return function(version, request, now_iso);
        }
    }
    return changes::Problem{
        "Operation " + std::string(type) + " does not change the version of a flow", {}};
}

Json texts(const std::vector<std::string>& values) {
    Json list = Json::array();
    for (const std::string& value : values) {
        list.append(Json::string(value));
    }
    return list;
}

}  // namespace

OperationOutcome apply_operation(const Json& version, std::string_view type, const Json& request,
                                 std::string_view now_iso) {
    OperationOutcome outcome;
    Json changed = version.deep_copy();
    if (!changed["notes"].is_array()) {
        changed.set("notes", Json::array());
    }
    if (changes::Outcome problem = change(changed, type, request, now_iso)) {
        outcome.problem = std::move(problem->message);
        outcome.missing_step = std::move(problem->missing_step);
        return outcome;
    }
    const Json trigger = changed["trigger"];
    if (count_steps(trigger) > kFlowStepsMax) {
        outcome.problem = "A flow can have at most " + std::to_string(kFlowStepsMax) + " steps";
        return outcome;
    }
    changed.set("valid", Json::boolean(flow_is_valid(trigger)));
    changed.set("connectionIds", texts(connection_ids(trigger)));
    changed.set("agentIds", texts(agent_ids(trigger)));
    outcome.version = std::move(changed);
    return outcome;
}

}  // namespace sallyport::engine
