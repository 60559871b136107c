// Who is told of failed runs (engine contract 1.3).
#include "engine/adapters/alerts.hpp"

#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/persons.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

Json alert_json(const EntityRow& row) {
    Json json = entity_json(row);
    json.set("projectId", Json::string(row.scope));
    json.set("channel", Json::string("EMAIL"));
    json.set("receiver", Json::string(row.key));
    return json;
}

void create_alert(Api& api, const CallPtr& call) {
    const std::string receiver = email_of(call->body["receiver"]);
    if (call->body["channel"].text() != "EMAIL" || receiver.empty()) {
        return call->fail_validation(
            "body must have projectId, channel EMAIL and receiver, an e-mail address");
    }
    const std::string project(call->body["projectId"].text());
    api.with_project(call, project, [&api, call, project, receiver](const ProjectRow&) {
        const EntityRow row =
            new_entity(api, kAlertKind, project, receiver, receiver, Json::object());
        create_and_reply(api, call, row, 200, alert_json, [call](const EntityRow& there) {
            call->fail(ApiError::existing_alert_channel,
                       Json::object({{"email", Json::string(there.key)}}));
        });
    });
}

void list_alerts(Api& api, const CallPtr& call) {
    EntityQuery wanted;
    wanted.kind = kAlertKind;
    wanted.scope = call->query_text("projectId");
    wanted.oldest_first = true;
    const std::string project = wanted.scope;
    api.with_project(call, project, [&api, call, wanted](const ProjectRow&) {
        reply_with_page(api, call, wanted, alert_json);
    });
}

void delete_alert(Api& api, const CallPtr& call) {
    with_project_entity(api, call, kAlertKind, "alert", [&api, call](const EntityRow& row) {
        delete_and_reply(api, call, row, 200);
    });
}

}  // namespace

const std::vector<ApiRoute> kAlertRoutes = {
    {"GET", "alerts", ApiRoute::Access::user, list_alerts},
    {"POST", "alerts", ApiRoute::Access::user, create_alert},
    {"DELETE", "alerts/:id", ApiRoute::Access::user, delete_alert},
};

}  // namespace sallyport::engine
