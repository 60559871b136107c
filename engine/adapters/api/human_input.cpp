// What forms and chats show to people (engine contract 1.3): open to everyone who knows the flow's
// id, as the webhook behind them is.
#include "engine/adapters/api/api.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/platforms.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::string_view kFormsPiece = "@activepieces/piece-forms";

void fail_form(const CallPtr& call, std::string_view what) {
    call->fail(ApiError::entity_not_found,
               Json::object({{"entityType", Json::string("flow_form")},
                             {"entityId", Json::string(call->params[0])},
                             {"message", Json::string("Flow " + std::string(what) +
                                                      " not found in draft version of flow.")}}));
}

// The published version, or the draft when asked for; a flow that was never published shows
// nothing else.
void with_form_flow(Api& api, const CallPtr& call, std::string_view what,
                    std::function<void(const StoredFlow&)> then) {
    const bool draft = call->query_text("useDraft") == "true";
    api.ports.flows.flow(
        call->params[0], draft ? FlowStore::Which::latest : FlowStore::Which::published_or_latest,
        {},
        [&api, call, draft, what = std::string(what),
         then = std::move(then)](const Result<std::optional<StoredFlow>>& flow) {
            if (api.failed(call, flow)) {
                return;
            }
            const bool shown =
                flow->has_value() && (draft || !(*flow)->flow.published_version_id.empty());
            if (!shown) {
                return fail_form(call, what);
            }
            then(**flow);
        });
}

Json file_props() {
    Json inputs = Json::array();
    inputs.append(Json::object({{"displayName", Json::string("File")},
                                {"description", Json::string("")},
                                {"type", Json::string("file")},
                                {"required", Json::boolean(true)}}));
    return Json::object({{"inputs", inputs}, {"waitForResponse", Json::boolean(true)}});
}

// What the trigger says, in the contract's shape whatever was saved.
Json form_props(const Json& input) {
    Json inputs = Json::array();
    input["inputs"].each_element([&inputs](const Json& one) {
        const std::string_view type = one["type"].text();
        const bool known =
            type == "text" || type == "file" || type == "text_area" || type == "toggle";
        inputs.append(Json::object({{"displayName", Json::string(one["displayName"].text())},
                                    {"required", Json::boolean(one["required"].is_true())},
                                    {"description", Json::string(one["description"].text())},
                                    {"type", Json::string(known ? type : "text")}}));
    });
    return Json::object({{"inputs", inputs},
                         {"waitForResponse", Json::boolean(input["waitForResponse"].is_true())}});
}

Json head(const StoredFlow& flow) {
    return Json::object({{"id", Json::string(flow.flow.id)},
                         {"title", Json::string(flow.version.display_name)},
                         {"projectId", Json::string(flow.flow.project_id)}});
}

void get_form(Api& api, const CallPtr& call) {
    with_form_flow(api, call, "form", [call](const StoredFlow& flow) {
        const Json settings = json_or(flow.version.trigger, Json::object())["settings"];
        const std::string_view name = settings["triggerName"].text();
        if (settings["pieceName"].text() != kFormsPiece ||
            (name != "form_submission" && name != "file_submission")) {
            return fail_form(call, "form");
        }
        std::string_view version = settings["pieceVersion"].text();
        while (version.starts_with('~') || version.starts_with('^')) {
            version.remove_prefix(1);
        }
        Json json = head(flow);
        json.set("props", name == "file_submission" ? file_props() : form_props(settings["input"]));
        json.set("version", Json::string(version));
        call->reply(200, json);
    });
}

// Who asks: the platform of the flow's project.
void reply_with_chat(Api& api, const CallPtr& call, const StoredFlow& flow, const Json& settings) {
    Json json = head(flow);
    json.set("props",
             Json::object({{"botName", Json::string(settings["input"]["botName"].text())}}));
    json.set("platformLogoUrl", Json::string(""));
    api.ports.accounts.project(
        flow.flow.project_id,
        [&api, call, json](const Result<std::optional<ProjectRow>>& project) mutable {
            if (api.failed(call, project)) {
                return;
            }
            if (!project->has_value()) {
                return fail_form(call, "chat ui");
            }
            with_platform_name(api, call, (*project)->platform_id,
                               [call, json](const std::string& name) mutable {
                                   json.set("platformName", Json::string(name));
                                   call->reply(200, json);
                               });
        });
}

void get_chat(Api& api, const CallPtr& call) {
    with_form_flow(api, call, "chat ui", [&api, call](const StoredFlow& flow) {
        const Json settings = json_or(flow.version.trigger, Json::object())["settings"];
        if (settings["pieceName"].text() != kFormsPiece ||
            settings["triggerName"].text() != "chat_submission") {
            return fail_form(call, "chat ui");
        }
        reply_with_chat(api, call, flow, settings);
    });
}

}  // namespace

const std::vector<ApiRoute> kHumanInputRoutes = {
    {"GET", "human-input/form/:flowId", ApiRoute::Access::open, get_form},
    {"GET", "human-input/chat/:flowId", ApiRoute::Access::open, get_chat},
};

}  // namespace sallyport::engine
