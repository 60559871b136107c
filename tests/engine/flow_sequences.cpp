#include "tests/engine/flow_sequences.hpp"

#include "engine/core/flows/model.hpp"

#include <array>

namespace sallyport::test {
namespace {

using namespace std::string_view_literals;

constexpr std::array kTypes = {
    "CHANGE_NAME"sv,   "UPDATE_TRIGGER"sv,   "ADD_ACTION"sv,
    "ADD_ACTION"sv,    "ADD_ACTION"sv,       "ADD_ACTION"sv,
    "ADD_ACTION"sv,    "UPDATE_ACTION"sv,    "UPDATE_ACTION"sv,
    "DELETE_ACTION"sv, "SET_SKIP_ACTION"sv,  "MOVE_ACTION"sv,
    "MOVE_ACTION"sv,   "DUPLICATE_ACTION"sv, "ADD_BRANCH"sv,
    "DELETE_BRANCH"sv, "DUPLICATE_BRANCH"sv, "MOVE_BRANCH"sv,
    "IMPORT_FLOW"sv,   "LOCK_FLOW"sv,        "UPDATE_SAMPLE_DATA_INFO"sv,
    "ADD_NOTE"sv,      "UPDATE_NOTE"sv,      "DELETE_NOTE"sv,
};
constexpr std::array kActionTypes = {"CODE"sv, "PIECE"sv, "LOOP_ON_ITEMS"sv, "ROUTER"sv};
constexpr std::array kLocations = {"AFTER"sv, "INSIDE_LOOP"sv, "INSIDE_BRANCH"sv,
                                   "INSIDE_ON_SUCCESS_BRANCH"sv, "INSIDE_ON_FAILURE_BRANCH"sv};
constexpr std::array kVersions = {"1.2.3"sv, "~0.1.0"sv, "^10.20.30"sv, "1.2"sv, "latest"sv, ""sv};
constexpr std::array kTexts = {
    ""sv,
    "plain"sv,
    "{{step_1.x}}"sv,
    "{{ step_1['output'].a + step_12.b }} and {{step_2}}"sv,
    "{{a\nstep_1}} {{step_3}}"sv,
    "{{ 'step_1' + my_step_1 + step_1_x }}"sv,
    "{{{step_1}}} }} {{"sv,
    "{{connections['one']}}"sv,
    "step_1 outside"sv,
    "\xC3\xA9 {{\xC3\xA9step_1\xC3\xA9 step_2}} \xE2\x80\xA8"sv,
    "{{a\xE2\x80\xA8 step_1}}{{step_1}}"sv,
};
constexpr std::array kOperators = {
    "TEXT_CONTAINS"sv, "NUMBER_IS_LESS_THAN"sv, "DATE_IS_AFTER"sv,   "EXISTS"sv,
    "LIST_IS_EMPTY"sv, "LIST_CONTAINS"sv,       "TEXT_START_WITH"sv, "NO_SUCH"sv};

Json text(std::string_view value) {
    return Json::string(value);
}

}  // namespace

std::string FlowSequence::step_name(const Json& version) {
    std::vector<std::string> names;
    engine::visit_steps(version["trigger"],
                        [&names](const Json& step) { names.emplace_back(step["name"].text()); });
    return one_in(15) ? "step_99" : pick(names);
}

std::string FlowSequence::new_name(const Json& version) {
    const std::string name =
        one_in(8) ? "named_" + std::to_string(below(50)) : "step_" + std::to_string(1 + below(25));
    return engine::find_step(version["trigger"], name).exists() && !one_in(30) ? new_name(version)
                                                                               : name;
}

Json FlowSequence::index() {
    switch (below(12)) {
        case 0:
            return Json::integer(-1 - static_cast<int>(below(3)));
        case 1:
            return Json::integer(5 + static_cast<int>(below(4)));
        case 2:
            return Json::real(0.5);
        default:
            return Json::integer(static_cast<int>(below(3)));
    }
}

Json FlowSequence::text_value() {
    return text(pick(kTexts));
}

Json FlowSequence::input(std::size_t depth) {
    Json object = Json::object();
    for (std::size_t i = below(4); i > 0; --i) {
        const std::string name = "k" + std::to_string(i);
        switch (below(depth < 2 ? 6 : 4)) {
            case 0:
                object.set(name, Json::integer(static_cast<int>(below(9))));
                break;
            case 1:
                object.set(name, Json::null());
                break;
            case 4:
                object.set(name, input(depth + 1));
                break;
            case 5: {
                Json list = Json::array();
                list.append(text_value());
                list.append(input(depth + 1));
                object.set(name, list);
                break;
            }
            default:
                object.set(name, text_value());
        }
    }
    return object;
}

Json FlowSequence::condition() {
    Json one = Json::object({{"firstValue", text_value()}});
    if (!one_in(5)) {
        one.set("operator", text(pick(kOperators)));
    }
    if (!one_in(5)) {
        one.set("secondValue", text_value());
    }
    if (one_in(3)) {
        one.set("caseSensitive", one_in(6) ? Json::null() : Json::boolean(one_in(2)));
    }
    return one;
}

Json FlowSequence::conditions() {
    Json groups = Json::array();
    for (std::size_t i = below(3); i > 0; --i) {
        Json group = Json::array();
        for (std::size_t j = below(3); j > 0; --j) {
            group.append(condition());
        }
        groups.append(group);
    }
    return groups;
}

Json FlowSequence::branches() {
    Json list = Json::array();
    for (std::size_t i = 1 + below(3); i > 0; --i) {
        list.append(Json::object({{"branchName", text("Branch " + std::to_string(i))},
                                  {"branchType", text("CONDITION")},
                                  {"conditions", conditions()}}));
    }
    if (!one_in(6)) {
        list.append(
            Json::object({{"branchName", text("Otherwise")}, {"branchType", text("FALLBACK")}}));
    }
    return list;
}

Json FlowSequence::settings(std::string_view type) {
    Json object = Json::object();
    if (type == "CODE") {
        object.set("sourceCode", Json::object({{"code", text("x")}, {"packageJson", text("{}")}}));
        object.set("input", input());
    } else if (type == "PIECE" || type == "PIECE_TRIGGER") {
        object.set("pieceName", text("@activepieces/piece-x"));
        object.set("pieceVersion", text(one_in(6) ? pick(kVersions) : kVersions[below(3)]));
        object.set("input", input());
        object.set("propertySettings",
                   Json::object({{"k1", Json::object({{"type", text("MANUAL")}})}}));
        object.set(type == "PIECE" ? "actionName" : "triggerName", text("go"));
    } else if (type == "LOOP_ON_ITEMS") {
        object.set("items", text_value());
    } else if (type == "ROUTER") {
        object.set("executionType", text(one_in(10)  ? "EXECUTE_SOME"
                                         : one_in(2) ? "EXECUTE_ALL_MATCH"
                                                     : "EXECUTE_FIRST_MATCH"));
        object.set("branches", branches());
    }
    if (one_in(6)) {
        object.set("sampleData", Json::object({{"sampleDataFileId", text("f1")}}));
    }
    if (one_in(8)) {
        object.set("customLogoUrl", text("https://logo"));
    }
    if (one_in(6)) {
        object.set(
            "errorHandlingOptions",
            Json::object({{"continueOnFailure", Json::object({{"value", Json::boolean(true)}})}}));
    }
    return object;
}

Json FlowSequence::action(const std::string& name, std::string_view type) {
    Json step = Json::object({{"name", text(name)},
                              {"displayName", text("Step " + name)},
                              {"type", text(type)},
                              {"valid", Json::boolean(!one_in(6))},
                              {"settings", settings(type)}});
    if (one_in(6)) {
        step.set("skip", Json::boolean(one_in(2)));
    }
    return step;
}

Json FlowSequence::any_action(const std::string& name) {
    return action(name, pick(kActionTypes));
}

Json FlowSequence::trigger() {
    const bool empty = one_in(4);
    Json step = Json::object({{"name", text(one_in(20) ? "step_1" : "trigger")},
                              {"displayName", text("Start")},
                              {"type", text(empty ? "EMPTY" : "PIECE_TRIGGER")},
                              {"valid", Json::boolean(!one_in(5))}});
    if (!empty || !one_in(3)) {
        step.set("settings", empty ? Json::object() : settings("PIECE_TRIGGER"));
    }
    return step;
}

Json FlowSequence::chain(std::size_t length, std::size_t depth, int& number) {
    Json first;
    Json last;
    for (std::size_t i = 0; i < length; ++i) {
        Json step = any_action("step_" + std::to_string(++number));
        step.set("lastUpdatedDate", text("2020-01-01T00:00:00.000Z"));
        const std::string_view type = step["type"].text();
        if (type == "LOOP_ON_ITEMS" && depth < 2 && one_in(2)) {
            step.set("firstLoopAction", chain(1 + below(2), depth + 1, number));
        }
        if (type == "ROUTER") {
            Json children = Json::array();
            for (std::size_t at = below(4); at > 0; --at) {
                children.append(depth < 2 && one_in(2) ? chain(1 + below(2), depth + 1, number)
                                                       : Json::null());
            }
            step.set("children", children);
        }
        if ((type == "CODE" || type == "PIECE") && depth < 2 && one_in(3)) {
            step.set("continueOnFailureBranches",
                     Json::object({{"onFailure", chain(1, depth + 1, number)}}));
        }
        if (last.exists()) {
            last.set("nextAction", step);
        } else {
            first = step;
        }
        last = step;
    }
    return first;
}

Json FlowSequence::note() {
    return Json::object(
        {{"id", text("note_" + std::to_string(below(4)))},
         {"content", text_value()},
         {"color", text(one_in(8) ? "pink" : "blue")},
         {"position", Json::object({{"x", Json::integer(1)}, {"y", Json::real(2.5)}})},
         {"size", Json::object({{"width", Json::integer(3)}, {"height", Json::integer(4)}})}});
}

Json FlowSequence::place(Json request, std::string_view location_name) {
    if (!one_in(10)) {
        request.set(location_name, text(pick(kLocations)));
    }
    if (!one_in(4)) {
        request.set("branchIndex", index());
    }
    return request;
}

Json FlowSequence::import_request() {
    int number = 0;
    Json start = trigger();
    start.set("lastUpdatedDate", text("2020-01-01T00:00:00.000Z"));
    const Json first = chain(below(4), 0, number);
    if (first.exists()) {
        start.set("nextAction", first);
    }
    Json notes = Json::array();
    Json dated = note();
    dated.set("createdAt", text("a"));
    dated.set("updatedAt", text("b"));
    notes.append(dated);
    Json wanted = Json::object({{"displayName", text("Imported")}, {"trigger", start}});
    if (!one_in(3)) {
        wanted.set("notes", one_in(4) ? Json::null() : notes);
    }
    if (one_in(2)) {
        wanted.set("schemaVersion", text("22"));
    }
    return wanted;
}

Json FlowSequence::step_request(const Json& step, std::string_view type) {
    Json wanted = Json::object({{"stepName", step}});
    if (type == "UPDATE_SAMPLE_DATA_INFO") {
        if (!one_in(3)) {
            wanted.set("sampleDataSettings",
                       one_in(4) ? Json::null() : Json::object({{"sampleDataFileId", text("s")}}));
        }
    } else if (type == "MOVE_BRANCH") {
        wanted.set("sourceBranchIndex", index());
        wanted.set("targetBranchIndex", index());
    } else if (type == "ADD_BRANCH") {
        wanted.set("branchIndex", index());
        wanted.set("branchName", text("New"));
        if (!one_in(3)) {
            wanted.set("conditions", conditions());
        }
    } else if (type != "DUPLICATE_ACTION") {
        wanted.set("branchIndex", index());
    }
    return wanted;
}

Json FlowSequence::request(const Json& version, std::string_view type) {
    const Json step = text(step_name(version));
    if (type == "CHANGE_NAME") {
        return Json::object({{"displayName", text_value()}});
    }
    if (type == "UPDATE_TRIGGER") {
        return trigger();
    }
    if (type == "ADD_ACTION") {
        return place(
            Json::object({{"parentStep", step}, {"action", any_action(new_name(version))}}),
            "stepLocationRelativeToParent");
    }
    if (type == "UPDATE_ACTION") {
        const Json old = engine::find_step(version["trigger"], step.text());
        const std::string_view old_type = old["type"].text();
        const bool keep =
            !one_in(3) && old.exists() && old_type != "EMPTY" && old_type != "PIECE_TRIGGER";
        return keep ? action(std::string(step.text()), old_type)
                    : any_action(std::string(step.text()));
    }
    if (type == "DELETE_ACTION" || type == "SET_SKIP_ACTION") {
        Json names = Json::array();
        for (std::size_t i = 1 + below(2); i > 0; --i) {
            names.append(text(step_name(version)));
        }
        Json wanted = Json::object({{"names", names}});
        if (type == "SET_SKIP_ACTION") {
            wanted.set("skip", Json::boolean(one_in(2)));
        }
        return wanted;
    }
    if (type == "MOVE_ACTION") {
        return place(Json::object({{"name", step}, {"newParentStep", text(step_name(version))}}),
                     "stepLocationRelativeToNewParent");
    }
    if (type == "IMPORT_FLOW") {
        return import_request();
    }
    if (type == "LOCK_FLOW") {
        return Json::object();
    }
    if (type == "ADD_NOTE" || type == "UPDATE_NOTE") {
        return note();
    }
    if (type == "DELETE_NOTE") {
        return Json::object({{"id", text("note_" + std::to_string(below(4)))}});
    }
    return step_request(step, type);
}

// One member, anywhere, becomes something else or goes.
void FlowSequence::spoil(Json value) {
    std::vector<std::string> names;
    value.each_member([&](std::string_view name, const Json&) {
        // Its absence is forgiven, since older clients leave it out.
        if (name != "valid") {
            names.emplace_back(name);
        }
    });
    if (names.empty()) {
        return;
    }
    const std::string name = pick(names);
    const Json member = value[name];
    if (member.is_object() && member.size() > 0 && !one_in(3)) {
        return spoil(member);
    }
    switch (below(4)) {
        case 0:
            value.erase(name);
            break;
        case 1:
            value.set(name, Json::null());
            break;
        case 2:
            value.set(name, Json::array());
            break;
        default:
            value.set(name, Json::integer(7));
    }
}

Json FlowSequence::next(const Json& version) {
    const std::string_view type = pick(kTypes);
    const Json wanted = request(version, type).deep_copy();
    if (one_in(10)) {
        spoil(wanted);
    }
    return Json::object({{"type", text(type)}, {"request", wanted}});
}

}  // namespace sallyport::test
