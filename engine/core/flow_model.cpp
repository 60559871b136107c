#include "engine/core/flow_model.hpp"

#include "common/bytes.hpp"
#include "engine/core/shape.hpp"

#include <algorithm>
#include <array>

namespace sallyport::engine {
namespace {

bool is_name_char(char c, bool first) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

Status check_piece(const Json& settings, std::string_view where) {
    constexpr std::array kFields = {Field{"pieceName", Kind::text},
                                    Field{"pieceVersion", Kind::text}, Field{"input", Kind::object},
                                    Field{"propertySettings", Kind::object},
                                    Field{"errorHandlingOptions", Kind::object, Need::optional}};
    Status shape = check_shape(settings, kFields, where);
    if (shape.ok() && !is_piece_version(settings["pieceVersion"].text())) {
        return Error{std::string(where) + "/pieceVersion must be a version such as 1.2.3"};
    }
    return shape;
}

Status check_action_settings(std::string_view type, const Json& settings) {
    if (type == "CODE") {
        constexpr std::array kFields = {
            Field{"sourceCode", Kind::object}, Field{"input", Kind::object},
            Field{"errorHandlingOptions", Kind::object, Need::optional}};
        constexpr std::array kSource = {Field{"code", Kind::text},
                                        Field{"packageJson", Kind::text}};
        Status shape = check_shape(settings, kFields, "settings");
        return shape.ok() ? check_shape(settings["sourceCode"], kSource, "settings/sourceCode")
                          : shape;
    }
    if (type == "PIECE") {
        constexpr std::array kAction = {Field{"actionName", Kind::text, Need::optional}};
        Status shape = check_piece(settings, "settings");
        return shape.ok() ? check_shape(settings, kAction, "settings") : shape;
    }
    if (type == "LOOP_ON_ITEMS") {
        constexpr std::array kFields = {Field{"items", Kind::text}};
        return check_shape(settings, kFields, "settings");
    }
    if (type == "ROUTER") {
        constexpr std::array kFields = {Field{"branches", Kind::array},
                                        Field{"executionType", Kind::text}};
        return check_shape(settings, kFields, "settings");
    }
    return Error{"type must be one of CODE, PIECE, LOOP_ON_ITEMS, ROUTER"};
}

void collect_connections(std::string_view text, std::vector<std::string>& ids) {
    constexpr std::string_view kWord = "connections";
    for (std::size_t at = text.find(kWord); at != std::string_view::npos;
         at = text.find(kWord, at + 1)) {
        std::string_view rest = text.substr(at + kWord.size());
        std::string_view id;
        if (rest.starts_with("['") || rest.starts_with("[\"")) {
            const std::size_t end = rest.find(rest[1], 2);
            id = end == std::string_view::npos ? std::string_view() : rest.substr(2, end - 2);
        } else if (rest.starts_with(".")) {
            rest.remove_prefix(1);
            const auto end = std::find_if_not(rest.begin(), rest.end(), [](char c) {
                return is_name_char(c, false) || c == '-';
            });
            id = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
        }
        if (!id.empty() && std::find(ids.begin(), ids.end(), id) == ids.end()) {
            ids.emplace_back(id);
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
                                    Field{"type", Kind::text}, Field{"settings", Kind::object},
                                    Field{"skip", Kind::boolean, Need::optional}};
    Status shape = check_shape(action, kFields, "action");
    if (!shape.ok()) {
        return shape;
    }
    if (!is_step_name(action["name"].text())) {
        return Error{"action/name must match ^[a-zA-Z_][a-zA-Z0-9_]*$"};
    }
    return check_action_settings(action["type"].text(), action["settings"]);
}

Status check_trigger(const Json& trigger) {
    constexpr std::array kFields = {Field{"name", Kind::text}, Field{"displayName", Kind::text},
                                    Field{"type", Kind::text}, Field{"settings", Kind::any}};
    Status shape = check_shape(trigger, kFields, "trigger");
    if (!shape.ok()) {
        return shape;
    }
    if (!is_step_name(trigger["name"].text())) {
        return Error{"trigger/name must match ^[a-zA-Z_][a-zA-Z0-9_]*$"};
    }
    const std::string_view type = trigger["type"].text();
    if (type == "PIECE_TRIGGER") {
        return check_piece(trigger["settings"], "settings");
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
        const bool skipped = !is_trigger && step["skip"].is_true();
        valid = valid && (step["valid"].is_true() || skipped);
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

}  // namespace sallyport::engine
