// Flows and the operations on them (engine contract 1.5).
#include "engine/adapters/api/api.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/flow_tags.hpp"
#include "engine/adapters/api/tables.hpp"
#include "engine/adapters/folder_filter.hpp"
#include "engine/core/flows/model.hpp"
#include "engine/core/item_memory.hpp"
#include "engine/core/shape.hpp"
#include "engine/core/time_text.hpp"

#include <array>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kDisplayNameBytesMax = 1000;

bool is_display_name(std::string_view name) {
    return !name.empty() && name.size() <= kDisplayNameBytesMax;
}

StoredFlow new_flow(Api& api, const ApiCall& call) {
    const std::int64_t now = api.now_ms();
    StoredFlow stored;
    FlowRow& flow = stored.flow;
    flow.id = api.ports.entropy.id();
    flow.project_id = call.body["projectId"].text();
    flow.external_id = flow.id;
    flow.owner_id = call.user.id;
    flow.metadata = call.body["metadata"].is_object() ? call.body["metadata"].dump() : "";
    flow.template_id = call.body["templateId"].text();
    flow.created_ms = flow.updated_ms = now;
    VersionRow& version = stored.version;
    version.id = api.ports.entropy.id();
    version.flow_id = flow.id;
    version.display_name = call.body["displayName"].text();
    version.trigger = empty_trigger(iso_time(now)).dump();
    version.schema_version = kFlowSchemaVersion;
    version.connection_ids = "[]";
    version.updated_by = call.user.id;
    version.created_ms = version.updated_ms = now;
    return stored;
}

constexpr std::array kCreateFields = {Field{"displayName", Kind::text},
                                      Field{"projectId", Kind::text},
                                      Field{"folderId", Kind::text, Need::optional},
                                      Field{"folderName", Kind::text, Need::optional},
                                      Field{"templateId", Kind::text, Need::optional},
                                      Field{"metadata", Kind::object, Need::optional}};

void create_flow(Api& api, const CallPtr& call) {
    const Status shape = check_shape(call->body, kCreateFields, "body");
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    if (!is_display_name(call->body["displayName"].text())) {
        return call->fail_validation("body/displayName must have 1 to 1000 bytes");
    }
    const std::string project(call->body["projectId"].text());
    if (call->body["templateId"].text().size() > kLabelBytesMax) {
        return call->fail_validation("body/templateId must have at most 1000 bytes");
    }
    api.with_project(call, project, [&api, call, project](const ProjectRow&) {
        with_named_folder(api, call, project, [&api, call](const std::string& folder) {
            StoredFlow flow = new_flow(api, *call);
            flow.flow.folder_id = folder;
            const Json json = flow_json(flow);
            api.ports.flows.create_flow(std::move(flow),
                                        [&api, call, json](const Result<Done>& stored) {
                                            if (!api.failed(call, stored)) {
                                                call->reply(201, json);
                                            }
                                        });
        });
    });
}

void list_flows(Api& api, const CallPtr& call) {
    FlowQuery wanted;
    wanted.project_id = call->query_text("projectId");
    wanted.statuses = form_values(call->query, "status");
    wanted.external_ids = form_values(call->query, "externalIds");
    wanted.name = call->query_text("name");
    wanted.folder_ids = form_values(call->query, "folderIds");
    wanted.connection_ids = form_values(call->query, "connectionExternalIds");
    wanted.agent_ids = form_values(call->query, "agentExternalIds");
    wanted.published = call->query_text("versionState") == "LOCKED";
    const std::string folder = call->query_text("folderId");
    wanted.uncategorised_only = folder == kNoFolder;
    if (!folder.empty() && !wanted.uncategorised_only) {
        wanted.folder_ids.push_back(folder);
    }
    wanted.limit = call->limit(10);
    const std::string cursor = call->query_text("cursor");
    if (!cursor.empty()) {
        wanted.cursor = decode_cursor(cursor);
        if (!wanted.cursor) {
            return call->fail_validation("querystring/cursor is not a cursor of this list");
        }
    }
    const std::string project_id = wanted.project_id;
    api.with_project(call, project_id, [&api, call, wanted](const ProjectRow&) {
        api.ports.flows.list_flows(wanted, [&api, call](const Result<Page<StoredFlow>>& page) {
            if (!api.failed(call, page)) {
                call->reply(200, page_json(*page, flow_json));
            }
        });
    });
}

void count_flows(Api& api, const CallPtr& call) {
    api.with_project(call, call->query_text("projectId"), [&api, call](const ProjectRow& project) {
        api.ports.flows.count_flows(project.id, call->query_text("folderId"),
                                    [&api, call](const Result<std::int64_t>& count) {
                                        if (!api.failed(call, count)) {
                                            call->reply(200, Json::integer(*count));
                                        }
                                    });
    });
}

void get_flow(Api& api, const CallPtr& call) {
    const std::string version_id = call->query_text("versionId");
    const auto which = version_id.empty() ? FlowStore::Which::latest : FlowStore::Which::by_id;
    with_flow(api, call, which, version_id,
              [call](const StoredFlow& flow) { reply_with_flow(*call, flow); });
}

// What was kept beside the flow, then the answer.
void clear_kinds(Api& api, const CallPtr& call, const std::string& id,
                 std::vector<std::string> kinds) {
    if (kinds.empty()) {
        return call->reply(204, {});
    }
    const std::string kind = std::move(kinds.back());
    kinds.pop_back();
    api.ports.entities.clear_children(
        kind, id, [&api, call, id, kinds = std::move(kinds)](const Result<std::int64_t>& gone) {
            if (!api.failed(call, gone)) {
                clear_kinds(api, call, id, kinds);
            }
        });
}

void remove_flow(Api& api, const CallPtr& call, const std::string& id) {
    api.ports.flows.delete_flow(id, [&api, call, id](const Result<Done>& deleted) {
        api.ports.catalog.forget(id);
        if (api.failed(call, deleted)) {
            return;
        }
        clear_kinds(api, call, id, {kPublicationKind, kItemMemoryKind, kAppListenerKind});
    });
}

void delete_flow(Api& api, const CallPtr& call) {
    const auto let_go = [&api, call](const StoredFlow& flow, const FlowClaim& claim) {
        hold_until_answered(api, call, std::make_shared<FlowClaim>(claim));
        // A trigger that listens elsewhere has to stop first.
        switch_trigger(api, call, flow, false, false, [&api, call, gone = flow](const auto&) {
            StoredFlow off = gone;
            off.flow.status = "DISABLED";
            tidy_table_triggers(api, call, off,
                                [&api, call, id = off.flow.id] { remove_flow(api, call, id); });
        });
    };
    with_flow(api, call, FlowStore::Which::latest, {},
              [&api, call, let_go](const StoredFlow& flow) {
                  claim_flow(api, call, flow.flow.id, let_go);
              });
}

}  // namespace

const std::vector<ApiRoute> kFlowRoutes = {
    {"POST", "flows", ApiRoute::Access::user, create_flow},
    {"GET", "flows", ApiRoute::Access::user, list_flows},
    {"GET", "flows/count", ApiRoute::Access::user, count_flows},
    {"GET", "flows/:id", ApiRoute::Access::user, get_flow},
    {"POST", "flows/:id", ApiRoute::Access::user, operate_on_flow},
    {"DELETE", "flows/:id", ApiRoute::Access::user, delete_flow},
};

}  // namespace sallyport::engine
