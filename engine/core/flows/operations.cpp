// The operations that there are and the shapes of their requests.
#include "engine/core/flows/operations.hpp"

#include "engine/core/flows/model.hpp"
#include "engine/core/flows/steps.hpp"
#include "engine/core/shape.hpp"

#include <array>
#include <span>
#include <utility>
#include <vector>

namespace sallyport::engine {
namespace {

constexpr std::array<std::pair<std::string_view, OperationScope>, 26> kOperations = {{
    {"CHANGE_NAME", OperationScope::version},
    {"UPDATE_TRIGGER", OperationScope::version},
    {"ADD_ACTION", OperationScope::version},
    {"UPDATE_ACTION", OperationScope::version},
    {"DELETE_ACTION", OperationScope::version},
    {"SET_SKIP_ACTION", OperationScope::version},
    {"MOVE_ACTION", OperationScope::version},
    {"DUPLICATE_ACTION", OperationScope::version},
    {"ADD_BRANCH", OperationScope::version},
    {"DELETE_BRANCH", OperationScope::version},
    {"DUPLICATE_BRANCH", OperationScope::version},
    {"MOVE_BRANCH", OperationScope::version},
    {"IMPORT_FLOW", OperationScope::version},
    {"LOCK_FLOW", OperationScope::version},
    {"UPDATE_SAMPLE_DATA_INFO", OperationScope::version},
    {"ADD_NOTE", OperationScope::version},
    {"UPDATE_NOTE", OperationScope::version},
    {"DELETE_NOTE", OperationScope::version},
    {"LOCK_AND_PUBLISH", OperationScope::flow},
    {"CHANGE_STATUS", OperationScope::flow},
    {"CHANGE_FOLDER", OperationScope::flow},
    {"USE_AS_DRAFT", OperationScope::flow},
    {"UPDATE_METADATA", OperationScope::flow},
    {"UPDATE_MINUTES_SAVED", OperationScope::flow},
    {"UPDATE_OWNER", OperationScope::flow},
    {"SAVE_SAMPLE_DATA", OperationScope::flow},
}};

constexpr std::string_view kWhere = "body/request";

constexpr std::array kNameFields = {Field{"displayName", Kind::text}};
constexpr std::array kNamesFields = {Field{"names", Kind::text_array}};
constexpr std::array kSkipFields = {Field{"names", Kind::text_array}, Field{"skip", Kind::boolean}};
constexpr std::array kStepFields = {Field{"stepName", Kind::text}};
constexpr std::array kBranchFields = {Field{"stepName", Kind::text},
                                      Field{"branchIndex", Kind::number}};
constexpr std::array kAddBranchFields = {Field{"stepName", Kind::text},
                                         Field{"branchIndex", Kind::number},
                                         Field{"branchName", Kind::text}};
constexpr std::array kMoveBranchFields = {Field{"stepName", Kind::text},
                                          Field{"sourceBranchIndex", Kind::number},
                                          Field{"targetBranchIndex", Kind::number}};
constexpr std::array kAddFields = {Field{"parentStep", Kind::text}, Field{"action", Kind::object}};
constexpr std::array kMoveFields = {Field{"name", Kind::text}, Field{"newParentStep", Kind::text}};
constexpr std::array kImportFields = {Field{"displayName", Kind::text},
                                      Field{"trigger", Kind::object},
                                      Field{"schemaVersion", Kind::text, Need::optional},
                                      Field{"notes", Kind::array, Need::optional}};
constexpr std::array kTemplateFields = {Field{"valid", Kind::boolean},
                                        Field{"description", Kind::text, Need::optional}};
constexpr std::array kValidFields = {Field{"valid", Kind::boolean}};
constexpr std::array kDatedFields = {Field{"lastUpdatedDate", Kind::text}};
constexpr std::array kNoteTimeFields = {Field{"createdAt", Kind::text},
                                        Field{"updatedAt", Kind::text}};
constexpr std::array kIdFields = {Field{"id", Kind::text}};
constexpr std::array kVersionFields = {Field{"versionId", Kind::text}};
constexpr std::array kFolderFields = {Field{"folderId", Kind::text, Need::optional}};
constexpr std::array kMetadataFields = {Field{"metadata", Kind::object, Need::optional}};
constexpr std::array kMinutesFields = {Field{"timeSavedPerRun", Kind::number, Need::optional}};
constexpr std::array kOwnerFields = {Field{"ownerId", Kind::text}};
constexpr std::array kSampleFields = {Field{"stepName", Kind::text}, Field{"type", Kind::text}};
constexpr std::array kSampleInfoFields = {
    Field{"stepName", Kind::text}, Field{"sampleDataSettings", Kind::object, Need::optional}};

// The requests whose whole shape is a table.
const std::vector<std::pair<std::string_view, std::span<const Field>>> kTables = {
    {"CHANGE_NAME", kNameFields},         {"DELETE_ACTION", kNamesFields},
    {"SET_SKIP_ACTION", kSkipFields},     {"DUPLICATE_ACTION", kStepFields},
    {"DELETE_BRANCH", kBranchFields},     {"DUPLICATE_BRANCH", kBranchFields},
    {"MOVE_BRANCH", kMoveBranchFields},   {"DELETE_NOTE", kIdFields},
    {"USE_AS_DRAFT", kVersionFields},     {"CHANGE_FOLDER", kFolderFields},
    {"UPDATE_METADATA", kMetadataFields}, {"UPDATE_MINUTES_SAVED", kMinutesFields},
    {"UPDATE_OWNER", kOwnerFields},       {"LOCK_FLOW", {}},
};

// Where a step goes: members that may be missing but not null.
Status check_place(const Json& request, std::string_view location) {
    constexpr std::array<std::string_view, 5> kLocations = {"AFTER", "INSIDE_LOOP", "INSIDE_BRANCH",
                                                            "INSIDE_ON_SUCCESS_BRANCH",
                                                            "INSIDE_ON_FAILURE_BRANCH"};
    const Json wanted = request[location];
    bool known = !wanted.exists();
    for (const std::string_view name : kLocations) {
        known = known || (wanted.is_string() && wanted.text() == name);
    }
    if (!known) {
        return Error{std::string(kWhere) + "/" + std::string(location) + " is not a location"};
    }
    const Json index = request["branchIndex"];
    if (index.exists() && !index.is_number()) {
        return Error{std::string(kWhere) + "/branchIndex must be a number"};
    }
    return Done{};
}

// Sample data is the server's: what a client sends of it does not count.
Json without_sample_data(const Json& step) {
    if (!step["settings"]["sampleData"].exists()) {
        return step;
    }
    Json copy = step.deep_copy();
    copy["settings"].erase("sampleData");
    return copy;
}

Status check_add_action(const Json& request) {
    Status shape = check_shape(request, kAddFields, kWhere);
    shape = shape.ok() ? check_place(request, "stepLocationRelativeToParent") : shape;
    return shape.ok() ? check_action(without_sample_data(request["action"])) : shape;
}

Status check_add_branch(const Json& request) {
    Status shape = check_shape(request, kAddBranchFields, kWhere);
    const Json conditions = request["conditions"];
    if (shape.ok() && conditions.exists() && !are_conditions(conditions)) {
        return Error{"body/request/conditions must be a list of lists of conditions"};
    }
    return shape;
}

Status check_owner(const Json& note, std::string_view where) {
    const Json owner = note["ownerId"];
    return !owner.exists() || owner.is_null() || owner.is_string()
               ? Status(Done{})
               : Error{std::string(where) + "/ownerId must be a string"};
}

Status check_import(const Json& flow, const std::string& where) {
    const std::string notes = where + "/notes";
    Status shape = check_shape(flow, kImportFields, where);
    shape = shape.ok() ? check_trigger(flow["trigger"]) : shape;
    shape = shape.ok() ? check_shape(flow["trigger"], kDatedFields, where + "/trigger") : shape;
    flow["notes"].each_element([&shape, &notes](const Json& note) {
        shape = shape.ok() ? check_note(note, notes) : shape;
        shape = shape.ok() ? check_owner(note, notes) : shape;
        shape = shape.ok() ? check_shape(note, kNoteTimeFields, notes) : shape;
    });
    return shape;
}

Status check_sample_info(const Json& request) {
    Status shape = check_shape(request, kSampleInfoFields, kWhere);
    for (const std::string_view name : {"sampleDataFileId", "sampleDataInputFileId"}) {
        const Json id = request["sampleDataSettings"][name];
        if (shape.ok() && id.exists() && !id.is_string()) {
            return Error{"body/request/sampleDataSettings/" + std::string(name) +
                         " must be a string"};
        }
    }
    return shape;
}

Status check_status(const Json& request, bool required) {
    const std::array fields = {
        Field{"status", Kind::text, required ? Need::required : Need::optional}};
    Status shape = check_shape(request, fields, kWhere);
    const Json status = request["status"];
    if (shape.ok() && status.exists() && status.text() != "ENABLED" &&
        status.text() != "DISABLED") {
        return Error{"body/request/status must be ENABLED or DISABLED"};
    }
    return shape;
}

Status check_sample(const Json& request) {
    Status shape = check_shape(request, kSampleFields, kWhere);
    const std::string_view type = request["type"].text();
    if (shape.ok() && type != "INPUT" && type != "OUTPUT") {
        return Error{"body/request/type must be INPUT or OUTPUT"};
    }
    return shape;
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
    for (const auto& [name, fields] : kTables) {
        if (name == type) {
            return check_shape(request, fields, kWhere);
        }
    }
    if (type == "UPDATE_TRIGGER") {
        return check_trigger(without_sample_data(request));
    }
    if (type == "UPDATE_ACTION") {
        return check_action(without_sample_data(request));
    }
    if (type == "ADD_ACTION") {
        return check_add_action(request);
    }
    if (type == "MOVE_ACTION") {
        Status shape = check_shape(request, kMoveFields, kWhere);
        return shape.ok() ? check_place(request, "stepLocationRelativeToNewParent") : shape;
    }
    if (type == "ADD_BRANCH") {
        return check_add_branch(request);
    }
    if (type == "IMPORT_FLOW") {
        return check_import(request, std::string(kWhere));
    }
    if (type == "UPDATE_SAMPLE_DATA_INFO") {
        return check_sample_info(request);
    }
    if (type == "ADD_NOTE" || type == "UPDATE_NOTE") {
        const Status note = check_note(request, kWhere);
        return note.ok() && type == "UPDATE_NOTE" ? check_owner(request, kWhere) : note;
    }
    if (type == "SAVE_SAMPLE_DATA") {
        return check_sample(request);
    }
    if (type == "CHANGE_STATUS" || type == "LOCK_AND_PUBLISH") {
        return check_status(request, type == "CHANGE_STATUS");
    }
    return Error{"body/type is not an operation on flows"};
}

Status check_template_flow(const Json& flow, const std::string& where) {
    Status shape = check_import(flow, where);
    shape = shape.ok() ? check_shape(flow, kTemplateFields, where) : shape;
    return shape.ok() ? check_shape(flow["trigger"], kValidFields, where + "/trigger") : shape;
}

}  // namespace sallyport::engine
