#include "engine/core/flow_migration.hpp"

#include "common/bytes.hpp"
#include "engine/core/flow_model.hpp"
#include "engine/core/flow_steps.hpp"
#include "engine/core/template_tokens.hpp"

#include <functional>

namespace sallyport::engine {
namespace {

// From this version on a step's name means {output, error}, no longer the output itself.
constexpr std::uint64_t kOutputVersion = 22;

// A condition with two ways became a router.
void branch_to_router(Json step) {
    if (step["type"].text() != "BRANCH") {
        return;
    }
    Json branches = Json::array();
    branches.append(Json::object({{"conditions", step["settings"]["conditions"]},
                                  {"branchType", Json::string("CONDITION")},
                                  {"branchName", Json::string("On Success")}}));
    branches.append(Json::object(
        {{"branchType", Json::string("FALLBACK")}, {"branchName", Json::string("On Failure")}}));
    Json children = Json::array();
    for (const std::string_view side : {"onSuccessAction", "onFailureAction"}) {
        children.append(step[side].is_object() ? step[side] : Json::null());
        step.erase(side);
    }
    step.set("type", Json::string("ROUTER"));
    step.set("settings", Json::object({{"branches", branches},
                                       {"executionType", Json::string("EXECUTE_FIRST_MATCH")}}));
    step.set("children", children);
}

void settle_piece(Json step) {
    const std::string_view type = step["type"].text();
    if ((type != "PIECE" && type != "PIECE_TRIGGER") || !step["settings"].is_object()) {
        return;
    }
    Json settings = with_exact_version(step["settings"]);
    settings.erase("inputUiInfo");
    if (!settings["propertySettings"].is_object()) {
        Json properties = Json::object();
        settings["input"].each_member([&properties](std::string_view name, const Json&) {
            properties.set(name, Json::object({{"type", Json::string("MANUAL")}}));
        });
        settings.set("propertySettings", properties);
    }
    step.set("settings", settings);
}

std::string rewritten(std::string_view text, const std::vector<std::string>& steps) {
    std::string out;
    std::size_t from = 0;
    for (const TemplateToken& token : find_template_tokens(text)) {
        const auto body = static_cast<std::size_t>(token.body.data() - text.data());
        out += text.substr(from, body - from);
        out += with_output_references(token.body, steps);
        from = body + token.body.size();
    }
    out += text.substr(from);
    return out;
}

Json rewritten_value(const Json& value, const std::vector<std::string>& steps) {
    if (value.is_string()) {
        return Json::string(rewritten(value.text(), steps));
    }
    if (value.is_array()) {
        Json out = Json::array();
        value.each_element([&](const Json& item) { out.append(rewritten_value(item, steps)); });
        return out;
    }
    if (value.is_object()) {
        Json out = Json::object();
        value.each_member([&](std::string_view key, const Json& member) {
            const bool code = key == "sourceCode" || key == "sampleData";
            out.set(key, code ? member : rewritten_value(member, steps));
        });
        return out;
    }
    return value;
}

void nest_outputs(const Json& trigger) {
    std::vector<std::string> names;
    visit_steps(trigger, [&names](const Json& step) { names.emplace_back(step["name"].text()); });
    visit_steps(trigger, [&names](Json step) {
        if (step["settings"].is_object()) {
            step.set("settings", rewritten_value(step["settings"], names));
        }
    });
}

}  // namespace

Json migrated_import(const Json& request, std::string_view now_iso) {
    const auto version = parse_u64(request["schemaVersion"].text());
    const Json trigger = request["trigger"];
    if (!request["schemaVersion"].is_string() || !version || *version >= kOutputVersion ||
        !trigger.is_object()) {
        return request;
    }
    Json migrated = request.deep_copy();
    const Json tree = migrated["trigger"];
    visit_steps(tree, branch_to_router);
    visit_steps(tree, settle_piece);
    visit_steps(tree, [now_iso](Json step) {
        if (!step["lastUpdatedDate"].is_string()) {
            step.set("lastUpdatedDate", Json::string(now_iso));
        }
        if (!step["valid"].is_boolean()) {
            step.set("valid", Json::boolean(true));
        }
    });
    nest_outputs(tree);
    migrated.set("schemaVersion", Json::string(kFlowSchemaVersion));
    return migrated;
}

}  // namespace sallyport::engine
