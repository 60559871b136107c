// Long operations (an addition of this engine), watched by their progress: an administrator's for
// the platform, and those of one project.
#include "engine/adapters/jobs.hpp"

#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/job_works.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

Json job_json(const Api& api, const EntityRow& row) {
    const Json body = entity_body(row);
    Json json = entity_json(row);
    json.set("type", Json::string(row.label));
    json.set("status", Json::string(job_status(row, api.now_ms())));
    for (const std::string_view name : {"total", "done", "failed", "problem"}) {
        json.set(name, body[name]);
    }
    json.set("projectId", body["projectId"].exists() ? body["projectId"] : Json::null());
    return json;
}

void start_work(Api& api, const CallPtr& call, const std::string& project_id, Jobs::Work work) {
    api.ports.jobs.start(
        call->user.platform_id, std::string(call->body["type"].text()), project_id, std::move(work),
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

// Of a project: for who may do the same by hand.
void start_project_job(Api& api, const CallPtr& call,
                       std::optional<Jobs::Work> (*make)(Api& api, const CallPtr& call)) {
    api.with_project(call, std::string(call->body["projectId"].text()),
                     [&api, call, make](const ProjectRow& project) {
                         if (std::optional<Jobs::Work> work = make(api, call)) {
                             start_work(api, call, project.id, *std::move(work));
                         }
                     });
}

void start_job(Api& api, const CallPtr& call) {
    const std::string_view type = call->body["type"].text();
    if (type == "RETRY_RUNS") {
        return start_project_job(api, call, retry_work);
    }
    if (type == "IMPORT_FLOWS") {
        return start_project_job(api, call, import_work);
    }
    if (type != "ROTATE_KEYS" && type != "RETENTION") {
        return call->fail_validation(
            "body/type must be one of ROTATE_KEYS, RETENTION, RETRY_RUNS, IMPORT_FLOWS");
    }
    if (!call->is_admin_person()) {
        return call->fail_not_allowed();
    }
    const std::int64_t before_ms = api.now_ms() - api.options.file_seconds * 1000;
    start_work(api, call, "",
               type == "ROTATE_KEYS" ? rotate_keys(api.ports.entities, api.ports.secrets)
                                     : remove_old(api.ports.runs, api.ports.files, before_ms));
}

// A project's, or all of the platform for its administrator.
void list_jobs(Api& api, const CallPtr& call) {
    EntityQuery wanted;
    wanted.kind = kJobKind;
    wanted.scope = call->user.platform_id;
    const std::string project = call->query_text("projectId");
    const auto reply = [&api, call](const EntityQuery& query) {
        reply_with_page(api, call, query,
                        [&api](const EntityRow& row) { return job_json(api, row); });
    };
    if (project.empty()) {
        return call->is_admin_person() ? reply(wanted) : call->fail_not_allowed();
    }
    wanted.members = {{"projectId", {project}}};
    api.with_project(call, project, [wanted, reply](const ProjectRow&) { reply(wanted); });
}

void get_job(Api& api, const CallPtr& call) {
    with_platform_entity(api, call, kJobKind, "job", [&api, call](const EntityRow& row) {
        const std::string project(entity_body(row)["projectId"].text());
        if (call->is_admin_person()) {
            return call->reply(200, job_json(api, row));
        }
        api.with_project(call, project, [&api, call, row](const ProjectRow&) {
            call->reply(200, job_json(api, row));
        });
    });
}

}  // namespace

const std::vector<ApiRoute> kJobRoutes = {
    {"POST", "jobs", ApiRoute::Access::user, start_job},
    {"GET", "jobs", ApiRoute::Access::user, list_jobs},
    {"GET", "jobs/:id", ApiRoute::Access::user, get_job},
};

}  // namespace sallyport::engine
