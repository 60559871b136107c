// Long operations (an addition of this engine): started by an administrator, watched by their
// progress.
#include "engine/adapters/api_entities.hpp"
#include "engine/adapters/jobs.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

Json job_json(const Api& api, const EntityRow& row) {
    const Json body = entity_body(row);
    Json json = entity_json(row);
    json.set("type", Json::string(row.key));
    json.set("status", Json::string(job_status(row, api.now_ms())));
    for (const std::string_view name : {"total", "done", "failed", "problem"}) {
        json.set(name, body[name]);
    }
    return json;
}

void start_job(Api& api, const CallPtr& call) {
    if (call->body["type"].text() != "ROTATE_KEYS") {
        return call->fail_validation("body/type must be ROTATE_KEYS");
    }
    api.ports.jobs.start(
        call->user.platform_id, "ROTATE_KEYS", rotate_keys(api.ports.entities, api.ports.secrets),
        [&api, call](const Result<std::optional<EntityRow>>& started) {
            if (api.failed(call, started)) {
                return;
            }
            if (!started->has_value()) {
                return call->fail(ApiError::validation,
                                  Json::object({{"message", Json::string("It is under way")}}));
            }
            call->reply(201, job_json(api, **started));
        });
}

void list_jobs(Api& api, const CallPtr& call) {
    EntityQuery wanted;
    wanted.kind = kJobKind;
    wanted.scope = call->user.platform_id;
    reply_with_page(api, call, wanted, [&api](const EntityRow& row) { return job_json(api, row); });
}

void get_job(Api& api, const CallPtr& call) {
    with_platform_entity(api, call, kJobKind, "job", [&api, call](const EntityRow& row) {
        call->reply(200, job_json(api, row));
    });
}

}  // namespace

const std::vector<ApiRoute> kJobRoutes = {
    {"POST", "jobs", ApiRoute::Access::platform, start_job},
    {"GET", "jobs", ApiRoute::Access::platform, list_jobs},
    {"GET", "jobs/:id", ApiRoute::Access::platform, get_job},
};

}  // namespace sallyport::engine
