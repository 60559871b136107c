#include "engine/adapters/api/flow_parts.hpp"

#include "engine/core/flows/model.hpp"
#include "engine/core/time_text.hpp"

#include <utility>

namespace sallyport::engine {

Json text_or_null(const std::string& text) {
    return text.empty() ? Json::null() : Json::string(text);
}

Json json_or(const std::string& text, const Json& fallback) {
    const Result<Json> parsed = text.empty() ? Result<Json>(Error{}) : Json::parse_flow(text);
    return parsed.ok() ? *parsed : fallback;
}

Json version_json(const VersionRow& version) {
    const Json trigger = json_or(version.trigger, Json::object());
    Json agents = Json::array();
    for (const std::string& id : agent_ids(trigger)) {
        agents.append(Json::string(id));
    }
    return Json::object({{"id", Json::string(version.id)},
                         {"created", Json::string(iso_time(version.created_ms))},
                         {"updated", Json::string(iso_time(version.updated_ms))},
                         {"flowId", Json::string(version.flow_id)},
                         {"displayName", Json::string(version.display_name)},
                         {"trigger", trigger},
                         {"updatedBy", text_or_null(version.updated_by)},
                         {"valid", Json::boolean(version.valid)},
                         {"schemaVersion", Json::string(version.schema_version)},
                         {"agentIds", agents},
                         {"state", Json::string(version.state)},
                         {"connectionIds", json_or(version.connection_ids, Json::array())},
                         {"backupFiles", Json::null()},
                         {"notes", json_or(version.notes, Json::array())}});
}

Json flow_json(const StoredFlow& stored) {
    const FlowRow& flow = stored.flow;
    return Json::object({{"id", Json::string(flow.id)},
                         {"created", Json::string(iso_time(flow.created_ms))},
                         {"updated", Json::string(iso_time(flow.updated_ms))},
                         {"projectId", Json::string(flow.project_id)},
                         {"externalId", Json::string(flow.external_id)},
                         {"ownerId", text_or_null(flow.owner_id)},
                         {"folderId", text_or_null(flow.folder_id)},
                         {"status", Json::string(flow.status)},
                         {"publishedVersionId", text_or_null(flow.published_version_id)},
                         {"metadata", json_or(flow.metadata, Json::null())},
                         {"operationStatus", Json::string("NONE")},
                         {"timeSavedPerRun", json_or(flow.time_saved, Json::null())},
                         {"templateId", text_or_null(flow.template_id)},
                         {"createdBy", Json::null()},
                         {"version", version_json(stored.version)}});
}

void with_flow(Api& api, const CallPtr& call, FlowStore::Which which, const std::string& version_id,
               std::function<void(StoredFlow)> then) {
    api.ports.flows.flow(
        call->params[0], which, version_id,
        [&api, call, then = std::move(then)](Result<std::optional<StoredFlow>> flow) {
            if (api.failed(call, flow)) {
                return;
            }
            if (!flow->has_value()) {
                return call->fail_not_found("flow", call->params[0]);
            }
            if (call->on_reply) {
                call->subject = flow_json(**flow);
            }
            const std::string project_id = (*flow)->flow.project_id;
            api.with_project(call, project_id,
                             [then, found = **std::move(flow)](const ProjectRow&) { then(found); });
        });
}

bool read_cursor(const CallPtr& call, std::optional<PageCursor>& out) {
    const std::string cursor = call->query_text("cursor");
    if (cursor.empty()) {
        return true;
    }
    out = decode_cursor(cursor);
    if (!out) {
        call->fail_validation("querystring/cursor is not a cursor of this list");
    }
    return out.has_value();
}

}  // namespace sallyport::engine
