// A flow's versions, its export as a template, and the samples of its steps (engine contract 1.5).
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/core/flows/diff.hpp"
#include "engine/core/flows/model.hpp"
#include "engine/core/time_text.hpp"

#include <set>
#include <utility>

namespace sallyport::engine {
namespace {

Json version_summary(const VersionRow& version) {
    return Json::object({{"id", Json::string(version.id)},
                         {"created", Json::string(iso_time(version.created_ms))},
                         {"updated", Json::string(iso_time(version.updated_ms))},
                         {"flowId", Json::string(version.flow_id)},
                         {"displayName", Json::string(version.display_name)},
                         {"valid", Json::boolean(version.valid)},
                         {"state", Json::string(version.state)},
                         {"updatedBy", text_or_null(version.updated_by)},
                         {"schemaVersion", Json::string(version.schema_version)}});
}

void list_versions(Api& api, const CallPtr& call) {
    std::optional<PageCursor> cursor;
    if (!read_cursor(call, cursor)) {
        return;
    }
    with_flow(api, call, FlowStore::Which::latest, {}, [&api, call, cursor](const StoredFlow&) {
        api.ports.flows.list_versions(call->params[0], cursor, call->limit(10),
                                      [&api, call](const Result<Page<VersionRow>>& page) {
                                          if (!api.failed(call, page)) {
                                              call->reply(200, page_json(*page, version_summary));
                                          }
                                      });
    });
}

// As a template holds it: nothing of this engine's ids and samples.
Json exported(const VersionRow& version) {
    const Json trigger = json_or(version.trigger, Json::object());
    visit_steps(trigger, [](const Json& step) {
        if (step["settings"].is_object()) {
            step["settings"].erase("sampleData");
        }
    });
    return Json::object({{"displayName", Json::string(version.display_name)},
                         {"trigger", trigger},
                         {"valid", Json::boolean(version.valid)},
                         {"schemaVersion", Json::string(version.schema_version)},
                         {"notes", json_or(version.notes, Json::array())}});
}

Json pieces_of(const VersionRow& version) {
    Json pieces = Json::array();
    std::set<std::string> seen;
    visit_steps(json_or(version.trigger, Json::object()), [&](const Json& step) {
        const Json name = step["settings"]["pieceName"];
        if (name.is_string() && seen.insert(std::string(name.text())).second) {
            pieces.append(name);
        }
    });
    return pieces;
}

void export_template(Api& api, const CallPtr& call) {
    const std::string version_id = call->query_text("versionId");
    const auto which = version_id.empty() ? FlowStore::Which::latest : FlowStore::Which::by_id;
    with_flow(api, call, which, version_id, [call](const StoredFlow& flow) {
        Json flows = Json::array();
        flows.append(exported(flow.version));
        const std::string author = call->user.first_name + " " + call->user.last_name;
        call->reply(200, Json::object({{"name", Json::string(flow.version.display_name)},
                                       {"type", Json::string("SHARED")},
                                       {"summary", Json::string("")},
                                       {"description", Json::string("")},
                                       {"tags", Json::array()},
                                       {"blogUrl", Json::null()},
                                       {"metadata", Json::null()},
                                       {"author", Json::string(author)},
                                       {"categories", Json::array()},
                                       {"pieces", pieces_of(flow.version)},
                                       {"flows", flows},
                                       {"status", Json::string("PUBLISHED")}}));
    });
}

// What changed from the second parameter's version to the third's.
void compare_versions(Api& api, const CallPtr& call) {
    with_flow(api, call, FlowStore::Which::by_id, call->params[1],
              [&api, call](const StoredFlow& before) {
                  with_flow(api, call, FlowStore::Which::by_id, call->params[2],
                            [call, before](const StoredFlow& after) {
                                call->reply(200, flow_diff(json_or(before.version.trigger, {}),
                                                           json_or(after.version.trigger, {})));
                            });
              });
}

void get_sample(Api& api, const CallPtr& call) {
    call->params = {call->query_text("flowId")};
    const std::string version_id = call->query_text("flowVersionId");
    const std::string type = call->query_text("type");
    if (type != "INPUT" && type != "OUTPUT") {
        return call->fail_validation("querystring/type must be INPUT or OUTPUT");
    }
    const auto which = version_id.empty() ? FlowStore::Which::latest : FlowStore::Which::by_id;
    with_flow(api, call, which, version_id, [&api, call, type](const StoredFlow& flow) {
        const Json step =
            find_step(json_or(flow.version.trigger, Json::object()), call->query_text("stepName"));
        const std::string_view member =
            type == "OUTPUT" ? "sampleDataFileId" : "sampleDataInputFileId";
        const std::string id(step["settings"]["sampleData"][member].text());
        api.ports.entities.entity("sample_data", id,
                                  [&api, call, id, project = flow.flow.project_id](
                                      const Result<std::optional<EntityRow>>& found) {
                                      if (api.failed(call, found)) {
                                          return;
                                      }
                                      if (!found->has_value() || (*found)->scope != project) {
                                          return call->fail_not_found("sample_data", id);
                                      }
                                      call->reply(200, entity_body(**found)["payload"]);
                                  });
    });
}

}  // namespace

const std::vector<ApiRoute> kFlowVersionRoutes = {
    {"GET", "flows/:id/versions", ApiRoute::Access::user, list_versions},
    {"GET", "flows/:id/template", ApiRoute::Access::user, export_template},
    {"GET", "flows/:id/versions/:from/compare/:to", ApiRoute::Access::user, compare_versions},
    {"GET", "sample-data", ApiRoute::Access::user, get_sample},
};

}  // namespace sallyport::engine
