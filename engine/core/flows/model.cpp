#include "engine/core/flows/model.hpp"

#include "common/bytes.hpp"
#include "engine/core/expressions/js_text.hpp"
#include "engine/core/expressions/template_tokens.hpp"
#include "engine/core/flows/steps.hpp"
#include "engine/core/shape.hpp"

#include <algorithm>
#include <array>

namespace sallyport::engine {
namespace {

bool is_name_char(char c, bool first) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

// Members that may be missing, but when they are there, null included, must be of the kind.
bool is_text_or_absent(const Json& value) {
    return !value.exists() || value.is_string();
}
bool is_boolean_or_absent(const Json& value) {
    return !value.exists() || value.is_boolean();
}

bool is_switch_or_absent(const Json& value) {
    return !value.exists() || (value.is_object() && is_boolean_or_absent(value["value"]));
}

bool are_property_settings(const Json& settings) {
    bool all = settings.is_object();
    settings.each_member([&all](std::string_view, const Json& one) {
        const std::string_view type = one["type"].text();
        all = all && (type == "MANUAL" || type == "DYNAMIC");
    });
    return all;
}

// What the settings of every step may have.
Status check_common_settings(const Json& settings) {
    const Json sample = settings["sampleData"];
    const bool sample_ok =
        !sample.exists() || (sample.is_object() && is_text_or_absent(sample["sampleDataFileId"]) &&
                             is_text_or_absent(sample["sampleDataInputFileId"]) &&
                             is_text_or_absent(sample["lastTestDate"]));
    if (!sample_ok || !is_text_or_absent(settings["customLogoUrl"])) {
        return Error{"settings/sampleData or settings/customLogoUrl is not of its kind"};
    }
    return Done{};
}

Status check_error_handling(const Json& settings) {
    const Json options = settings["errorHandlingOptions"];
    if (options.exists() &&
        !(options.is_object() && is_switch_or_absent(options["continueOnFailure"]) &&
          is_switch_or_absent(options["retryOnFailure"]))) {
        return Error{"settings/errorHandlingOptions is not of its kind"};
    }
    return Done{};
}

Status check_piece(const Json& settings, std::string_view name_of) {
    constexpr std::array kFields = {Field{"pieceName", Kind::text},
                                    Field{"pieceVersion", Kind::text}, Field{"input", Kind::object},
                                    Field{"propertySettings", Kind::object}};
    Status shape = check_shape(settings, kFields, "settings");
    if (!shape.ok()) {
        return shape;
    }
    if (!is_piece_version(settings["pieceVersion"].text())) {
        return Error{"settings/pieceVersion must be a version such as 1.2.3"};
    }
    if (!are_property_settings(settings["propertySettings"])) {
        return Error{"settings/propertySettings must have type MANUAL or DYNAMIC each"};
    }
    if (!is_text_or_absent(settings[name_of])) {
        return Error{"settings/" + std::string(name_of) + " must be a string"};
    }
    return check_common_settings(settings);
}

Status check_code(const Json& settings) {
    constexpr std::array kFields = {Field{"sourceCode", Kind::object},
                                    Field{"input", Kind::object}};
    constexpr std::array kSource = {Field{"code", Kind::text}, Field{"packageJson", Kind::text}};
    Status shape = check_shape(settings, kFields, "settings");
    return shape.ok() ? check_shape(settings["sourceCode"], kSource, "settings/sourceCode") : shape;
}

Status check_router(const Json& settings) {
    constexpr std::array kFields = {Field{"branches", Kind::array},
                                    Field{"executionType", Kind::text}};
    Status shape = check_shape(settings, kFields, "settings");
    if (!shape.ok()) {
        return shape;
    }
    const std::string_view type = settings["executionType"].text();
    if (type != "EXECUTE_ALL_MATCH" && type != "EXECUTE_FIRST_MATCH") {
        return Error{
            "settings/executionType must be one of EXECUTE_ALL_MATCH, EXECUTE_FIRST_MATCH"};
    }
    return are_branches(settings["branches"])
               ? Status(Done{})
               : Error{"settings/branches must be CONDITION or FALLBACK each"};
}

Status check_action_settings(std::string_view type, const Json& settings) {
    Status status = Error{"type must be one of CODE, PIECE, LOOP_ON_ITEMS, ROUTER"};
    if (type == "CODE" || type == "PIECE") {
        status = type == "CODE" ? check_code(settings) : check_piece(settings, "actionName");
        status = status.ok() ? check_error_handling(settings) : status;
    } else if (type == "LOOP_ON_ITEMS") {
        constexpr std::array kFields = {Field{"items", Kind::text}};
        status = check_shape(settings, kFields, "settings");
    } else if (type == "ROUTER") {
        status = check_router(settings);
    }
    return status.ok() ? check_common_settings(settings) : status;
}

// What a run would read as one. `connections['a','b']`, an older form, names two.
void collect_connections(std::string_view text, std::vector<std::string>& ids) {
    constexpr std::string_view kWord = "connections";
    constexpr std::string_view kBetween = "','";
    for (std::size_t at = text.find(kWord); at != std::string_view::npos;
         at = text.find(kWord, at + 1)) {
        const auto reference = secret_reference(text.substr(at));
        std::string_view rest = reference ? std::string_view(reference->name) : std::string_view();
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find(kBetween), rest.size());
            const std::string_view id = rest.substr(0, end);
            if (!id.empty() && std::find(ids.begin(), ids.end(), id) == ids.end()) {
                ids.emplace_back(id);
            }
            rest.remove_prefix(std::min(end + kBetween.size(), rest.size()));
        }
    }
}

// Only the text between `{{` and `}}` can refer to a connection.
void collect_from_value(const Json& value, std::vector<std::string>& ids) {
    if (value.is_string()) {
        std::string_view text = value.text();
        while (true) {
            const std::size_t open = text.find("{{");
            const std::size_t close = open == std::string_view::npos ? open : text.find("}}", open);
            if (close == std::string_view::npos) {
                return;
            }
            collect_connections(text.substr(open, close - open), ids);
            text.remove_prefix(close + 2);
        }
    }
    if (value.is_object()) {
        value.each_member(
            [&ids](std::string_view, const Json& member) { collect_from_value(member, ids); });
    }
    value.each_element([&ids](const Json& item) { collect_from_value(item, ids); });
}

}  // namespace

Json empty_trigger(std::string_view now_iso) {
    return Json::object({{"name", Json::string("trigger")},
                         {"displayName", Json::string("Select Trigger")},
                         {"valid", Json::boolean(false)},
                         {"type", Json::string("EMPTY")},
                         {"settings", Json::object()},
                         {"lastUpdatedDate", Json::string(now_iso)}});
}

void visit_steps(const Json& step, const std::function<void(Json)>& visit) {
    for (Json at = step; at.is_object(); at = at["nextAction"]) {
        visit(at);
        visit_steps(at["firstLoopAction"], visit);
        at["children"].each_element([&visit](const Json& child) { visit_steps(child, visit); });
        const Json branches = at["continueOnFailureBranches"];
        visit_steps(branches["onSuccess"], visit);
        visit_steps(branches["onFailure"], visit);
    }
}

Json find_step(const Json& trigger, std::string_view name) {
    Json found;
    visit_steps(trigger, [&](const Json& step) {
        if (!found.exists() && step["name"].text() == name) {
            found = step;
        }
    });
    return found;
}

std::size_t count_steps(const Json& trigger) {
    std::size_t count = 0;
    visit_steps(trigger, [&count](const Json&) { ++count; });
    return count;
}

bool is_step_name(std::string_view name) {
    if (name.empty() || !is_name_char(name.front(), true)) {
        return false;
    }
    return std::all_of(name.begin(), name.end(), [](char c) { return is_name_char(c, false); });
}

bool is_piece_version(std::string_view version) {
    if (version.starts_with('~') || version.starts_with('^')) {
        version.remove_prefix(1);
    }
    int parts = 0;
    bool digits_only = true;
    for_each_split(version, '.', [&](std::string_view part) {
        ++parts;
        digits_only = digits_only && !part.empty() &&
                      part.find_first_not_of("0123456789") == std::string_view::npos;
    });
    return parts == 3 && digits_only;
}

Status check_action(const Json& action) {
    constexpr std::array kFields = {Field{"name", Kind::text}, Field{"displayName", Kind::text},
                                    Field{"type", Kind::text}, Field{"settings", Kind::object}};
    Status shape = check_shape(action, kFields, "action");
    if (!shape.ok()) {
        return shape;
    }
    if (!is_boolean_or_absent(action["skip"]) || !is_boolean_or_absent(action["valid"])) {
        return Error{"action/skip and action/valid must be booleans"};
    }
    if (!is_step_name(action["name"].text())) {
        return Error{"action/name must match ^[a-zA-Z_][a-zA-Z0-9_]*$"};
    }
    return check_action_settings(action["type"].text(), action["settings"]);
}

Status check_trigger(const Json& trigger) {
    constexpr std::array kFields = {Field{"name", Kind::text}, Field{"displayName", Kind::text},
                                    Field{"type", Kind::text}};
    Status shape = check_shape(trigger, kFields, "trigger");
    if (!shape.ok()) {
        return shape;
    }
    if (!is_boolean_or_absent(trigger["valid"])) {
        return Error{"trigger/valid must be a boolean"};
    }
    if (!is_step_name(trigger["name"].text())) {
        return Error{"trigger/name must match ^[a-zA-Z_][a-zA-Z0-9_]*$"};
    }
    const std::string_view type = trigger["type"].text();
    if (type == "PIECE_TRIGGER") {
        return check_piece(trigger["settings"], "triggerName");
    }
    if (type != "EMPTY") {
        return Error{"type must be one of EMPTY, PIECE_TRIGGER"};
    }
    return Done{};
}

bool flow_is_valid(const Json& trigger) {
    bool valid = true;
    visit_steps(trigger, [&valid](const Json& step) {
        const std::string_view type = step["type"].text();
        const bool is_trigger = type == "EMPTY" || type == "PIECE_TRIGGER";
        const bool skipped = !is_trigger && js_truth(step["skip"]);
        valid = valid && (js_truth(step["valid"]) || skipped);
    });
    return valid;
}

std::vector<std::string> connection_ids(const Json& trigger) {
    std::vector<std::string> ids;
    visit_steps(trigger, [&ids](const Json& step) {
        collect_from_value(step["settings"]["input"], ids);
        if (step["type"].text() == "LOOP_ON_ITEMS" || step["type"].text() == "ROUTER") {
            collect_from_value(step["settings"], ids);
        }
    });
    return ids;
}

std::vector<std::string> agent_ids(const Json& trigger) {
    std::vector<std::string> ids;
    visit_steps(trigger, [&ids](const Json& step) {
        const Json settings = step["settings"];
        const std::string_view id = settings["input"]["agentId"].text();
        if (step["type"].text() == "PIECE" && !id.empty() &&
            settings["pieceName"].text() == "@activepieces/piece-ai") {
            ids.emplace_back(id);
        }
    });
    return ids;
}

}  // namespace sallyport::engine
