// Flows and the operations on them (engine contract 1.5).
#include "engine/adapters/api.hpp"
#include "engine/core/flow_model.hpp"
#include "engine/core/flow_operations.hpp"
#include "engine/core/shape.hpp"
#include "engine/core/time_text.hpp"

#include <array>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kDisplayNameBytesMax = 1000;

Json text_or_null(const std::string& text) {
    return text.empty() ? Json::null() : Json::string(text);
}

Json json_or(const std::string& text, const Json& fallback) {
    const Result<Json> parsed = text.empty() ? Result<Json>(Error{}) : Json::parse(text);
    return parsed.ok() ? *parsed : fallback;
}

Json version_json(const VersionRow& version) {
    return Json::object({{"id", Json::string(version.id)},
                         {"created", Json::string(iso_time(version.created_ms))},
                         {"updated", Json::string(iso_time(version.updated_ms))},
                         {"flowId", Json::string(version.flow_id)},
                         {"displayName", Json::string(version.display_name)},
                         {"trigger", json_or(version.trigger, Json::object())},
                         {"updatedBy", text_or_null(version.updated_by)},
                         {"valid", Json::boolean(version.valid)},
                         {"schemaVersion", Json::string(version.schema_version)},
                         {"agentIds", Json::array()},
                         {"state", Json::string(version.state)},
                         {"connectionIds", json_or(version.connection_ids, Json::array())},
                         {"backupFiles", Json::null()},
                         {"notes", Json::array()}});
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
                         {"timeSavedPerRun", Json::null()},
                         {"templateId", Json::null()},
                         {"createdBy", Json::null()},
                         {"version", version_json(stored.version)}});
}

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

void create_flow(Api& api, const CallPtr& call) {
    constexpr std::array kFields = {Field{"displayName", Kind::text},
                                    Field{"projectId", Kind::text},
                                    Field{"metadata", Kind::object, Need::optional}};
    const Status shape = check_shape(call->body, kFields, "body");
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    if (!is_display_name(call->body["displayName"].text())) {
        return call->fail_validation("body/displayName must have 1 to 1000 bytes");
    }
    api.with_project(call, std::string(call->body["projectId"].text()),
                     [&api, call](const ProjectRow&) {
                         StoredFlow flow = new_flow(api, *call);
                         const Json json = flow_json(flow);
                         api.ports.flows.create_flow(
                             std::move(flow), [&api, call, json](const Result<Done>& stored) {
                                 if (!api.failed(call, stored)) {
                                     call->reply(201, json);
                                 }
                             });
                     });
}

void list_flows(Api& api, const CallPtr& call) {
    FlowQuery wanted;
    wanted.project_id = call->query_text("projectId");
    wanted.statuses = form_values(call->query, "status");
    wanted.external_ids = form_values(call->query, "externalIds");
    wanted.name = call->query_text("name");
    wanted.uncategorised_only = call->query_text("folderId") == "NULL";
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
        api.ports.flows.count_flows(project.id, [&api, call](const Result<std::int64_t>& count) {
            if (!api.failed(call, count)) {
                call->reply(200, Json::integer(*count));
            }
        });
    });
}

// Goes on with the flow when it is there and the caller's.
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
            const std::string project_id = (*flow)->flow.project_id;
            api.with_project(call, project_id,
                             [then, found = **std::move(flow)](const ProjectRow&) { then(found); });
        });
}

void get_flow(Api& api, const CallPtr& call) {
    const std::string version_id = call->query_text("versionId");
    const auto which = version_id.empty() ? FlowStore::Which::latest : FlowStore::Which::by_id;
    with_flow(api, call, which, version_id,
              [call](const StoredFlow& flow) { call->reply(200, flow_json(flow)); });
}

void delete_flow(Api& api, const CallPtr& call) {
    with_flow(api, call, FlowStore::Which::latest, {}, [&api, call](const StoredFlow& flow) {
        api.ports.flows.delete_flow(flow.flow.id,
                                    [&api, call, id = flow.flow.id](const Result<Done>& deleted) {
                                        api.ports.catalog.forget(id);
                                        if (!api.failed(call, deleted)) {
                                            call->reply(204, {});
                                        }
                                    });
    });
}

// What an operation needs on the store's thread, and what it has to say afterwards.
struct Operation {
    std::string type;
    Json request;
    std::string user_id;
    std::string new_version_id;
    std::int64_t now_ms = 0;
    bool enable_on_publish = true;
    std::string problem;  // why the flow was left as it was
};

// The version as the operations see it.
Json editable(const VersionRow& version) {
    return Json::object({{"displayName", Json::string(version.display_name)},
                         {"trigger", json_or(version.trigger, Json::object())},
                         {"valid", Json::boolean(version.valid)}});
}

bool change_version(Operation& operation, VersionRow& version) {
    Result<Json> changed = apply_operation(editable(version), operation.type, operation.request,
                                           iso_time(operation.now_ms));
    if (!changed.ok()) {
        operation.problem = changed.message();
        return false;
    }
    // A version that was published is history: the change begins a new draft.
    if (version.state == "LOCKED") {
        version.id = operation.new_version_id;
        version.state = "DRAFT";
        version.created_ms = operation.now_ms;
    }
    version.display_name = (*changed)["displayName"].text();
    version.trigger = (*changed)["trigger"].dump();
    version.valid = (*changed)["valid"].is_true();
    version.connection_ids = (*changed)["connectionIds"].dump();
    return true;
}

bool publish(Operation& operation, StoredFlow& stored) {
    if (!stored.version.valid) {
        operation.problem = "The flow has steps that are not complete and cannot be published";
        return false;
    }
    stored.version.state = "LOCKED";
    stored.flow.published_version_id = stored.version.id;
    const std::string_view status = operation.request["status"].text();
    if (!status.empty()) {
        stored.flow.status = status;
    } else if (operation.enable_on_publish) {
        stored.flow.status = "ENABLED";
    }
    return true;
}

bool change_status(Operation& operation, StoredFlow& stored) {
    if (stored.flow.published_version_id.empty()) {
        operation.problem = "The flow has no published version";
        return false;
    }
    stored.flow.status = operation.request["status"].text();
    return true;
}

bool perform(Operation& operation, StoredFlow& stored) {
    const bool changed = operation.type == "LOCK_AND_PUBLISH" ? publish(operation, stored)
                         : operation.type == "CHANGE_STATUS"
                             ? change_status(operation, stored)
                             : change_version(operation, stored.version);
    if (changed) {
        stored.version.updated_by = operation.user_id;
        stored.version.updated_ms = operation.now_ms;
        stored.flow.updated_ms = operation.now_ms;
    }
    return changed;
}

void answer_operation(Api& api, const CallPtr& call, const Operation& operation,
                      const Result<std::optional<StoredFlow>>& flow) {
    api.ports.catalog.forget(call->params[0]);
    if (api.failed(call, flow)) {
        return;
    }
    if (!operation.problem.empty()) {
        return call->fail(ApiError::flow_operation_invalid,
                          Json::object({{"message", Json::string(operation.problem)}}));
    }
    if (!flow->has_value()) {
        return call->fail_not_found("flow", call->params[0]);
    }
    call->reply(200, flow_json(**flow));
}

void operate(Api& api, const CallPtr& call) {
    constexpr std::array kFields = {Field{"type", Kind::text}, Field{"request", Kind::object}};
    const Status shape = check_shape(call->body, kFields, "body");
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    auto operation = std::make_shared<Operation>();
    operation->type = call->body["type"].text();
    operation->request = call->body["request"];
    const auto scope = operation_scope(operation->type);
    if (!scope) {
        return call->fail_validation("body/type is not an operation on flows");
    }
    if (*scope == OperationScope::unsupported) {
        return call->fail(ApiError::flow_operation_invalid,
                          Json::object({{"message", Json::string("This engine does not perform " +
                                                                 operation->type + " yet")}}));
    }
    const Status request = check_operation(operation->type, operation->request);
    if (!request.ok()) {
        return call->fail_validation(request.message());
    }
    operation->user_id = call->user.id;
    operation->new_version_id = api.ports.entropy.id();
    operation->now_ms = api.now_ms();
    operation->enable_on_publish = api.options.enable_flow_on_publish;
    with_flow(api, call, FlowStore::Which::latest, {}, [&api, call, operation](const StoredFlow&) {
        api.ports.flows.change_flow(
            call->params[0],
            [operation](StoredFlow& stored) { return perform(*operation, stored); },
            [&api, call, operation](const Result<std::optional<StoredFlow>>& flow) {
                answer_operation(api, call, *operation, flow);
            });
    });
}

}  // namespace

const std::vector<ApiRoute> kFlowRoutes = {
    {"POST", "flows", ApiRoute::Access::user, create_flow},
    {"GET", "flows", ApiRoute::Access::user, list_flows},
    {"GET", "flows/count", ApiRoute::Access::user, count_flows},
    {"GET", "flows/:id", ApiRoute::Access::user, get_flow},
    {"POST", "flows/:id", ApiRoute::Access::user, operate},
    {"DELETE", "flows/:id", ApiRoute::Access::user, delete_flow},
};

}  // namespace sallyport::engine
