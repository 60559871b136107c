#include "engine/core/flows/migration.hpp"

#include "common/bytes.hpp"
#include "engine/core/expressions/template_tokens.hpp"
#include "engine/core/flows/model.hpp"
#include "engine/core/flows/steps.hpp"

#include <functional>
#include <optional>

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

// Until then the HTTP piece answered webhooks; up to its 0.5 the body was the answer itself, then
// it lay below `data`.
constexpr std::uint64_t kWebhookAnswersVersion = 6;

bool wraps_body(std::string_view piece_version) {
    while (piece_version.starts_with('~') || piece_version.starts_with('^')) {
        piece_version.remove_prefix(1);
    }
    const std::size_t dot = piece_version.find('.');
    const auto major = parse_u64(piece_version.substr(0, dot));
    const std::string_view rest =
        dot == std::string_view::npos ? std::string_view() : piece_version.substr(dot + 1);
    const auto minor = parse_u64(rest.substr(0, rest.find('.')));
    return (major && *major > 0) || (minor && *minor >= 5);
}

void answer_by_webhook(Json step) {
    Json settings = step["settings"];
    if (step["type"].text() != "PIECE" ||
        settings["pieceName"].text() != "@activepieces/piece-http" ||
        settings["actionName"].text() != "return_response") {
        return;
    }
    const Json input = settings["input"];
    Json fields = Json::object();
    if (const Json body = input["body"]; body.is_object()) {
        const Json answer = wraps_body(settings["pieceVersion"].text()) ? body["data"] : body;
        if (answer.exists()) {
            fields.set("body", answer);
        }
    }
    for (const std::string_view name : {"status", "headers"}) {
        if (input[name].exists()) {
            fields.set(name, input[name]);
        }
    }
    settings.set("input",
                 Json::object({{"respond", Json::string("stop")},
                               {"responseType", Json::string(input["body_type"].text_or("json"))},
                               {"fields", fields}}));
    settings.set("pieceName", Json::string("@activepieces/piece-webhook"));
    settings.set("pieceVersion", Json::string("0.1.20"));
    settings.erase("propertySettings");
}

// The first exports had no schema version. What a client of today leaves out of a request is known
// by what it has not: `inputUiInfo` alone, or a BRANCH.
bool is_of_the_first(const Json& trigger) {
    bool old = false;
    visit_steps(trigger, [&old](const Json& step) {
        const Json settings = step["settings"];
        old = old || step["type"].text() == "BRANCH" ||
              (settings["inputUiInfo"].exists() && !settings["propertySettings"].exists());
    });
    return old;
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
    const Json trigger = request["trigger"];
    if (!trigger.is_object()) {
        return request;
    }
    const bool named = request["schemaVersion"].is_string();
    const auto version = named                      ? parse_u64(request["schemaVersion"].text())
                         : is_of_the_first(trigger) ? std::optional<std::uint64_t>(0)
                                                    : std::nullopt;
    if (!version || *version >= kOutputVersion) {
        return request;
    }
    Json migrated = request.deep_copy();
    const Json tree = migrated["trigger"];
    visit_steps(tree, branch_to_router);
    if (*version < kWebhookAnswersVersion) {
        visit_steps(tree, answer_by_webhook);
    }
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
