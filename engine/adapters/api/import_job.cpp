// Flows of an export or a template made in a project, as a job: each whole or not at all.
#include "engine/adapters/api/audit.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/job_works.hpp"
#include "engine/core/flows/migration.hpp"
#include "engine/core/flows/model.hpp"
#include "engine/core/flows/operations.hpp"
#include "engine/core/time_text.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kFlowsMax = 1000;  // of one request

struct Import : std::enable_shared_from_this<Import> {
    Api& api;
    AuditActor actor;  // of the project
    Json flows;        // its own copy
    JobPtr job;
    std::size_t at = 0;
    std::string first_problem;

    Import(Api& of, AuditActor who, Json what, JobPtr in)
        : api(of), actor(std::move(who)), flows(std::move(what)), job(std::move(in)) {}

    void next();
    void note(const FlowRow& flow);
    void count(const std::string& problem);
};

// A flow as IMPORT_FLOW would leave a new one.
Result<StoredFlow> imported(Api& api, const Json& given, const std::string& project_id,
                            const std::string& user_id) {
    const std::int64_t now = api.now_ms();
    const Json request = migrated_import(given, iso_time(now));
    const Status shape = check_operation("IMPORT_FLOW", request);
    if (!shape.ok()) {
        return shape.error();
    }
    const Json empty = Json::object({{"displayName", request["displayName"]},
                                     {"trigger", empty_trigger(iso_time(now))},
                                     {"valid", Json::boolean(false)},
                                     {"state", Json::string("DRAFT")},
                                     {"notes", Json::array()}});
    const OperationOutcome made = apply_operation(empty, "IMPORT_FLOW", request, iso_time(now));
    if (!made.ok()) {
        return Error{made.message()};
    }
    if (count_steps((*made)["trigger"]) > api.options.flow_steps_max) {
        return Error{"A flow may have " + std::to_string(api.options.flow_steps_max) +
                     " steps (AP_MAX_FLOW_STEPS)"};
    }
    StoredFlow stored;
    FlowRow& flow = stored.flow;
    flow.id = flow.external_id = api.ports.entropy.id();
    flow.project_id = project_id;
    flow.owner_id = user_id;
    flow.created_ms = flow.updated_ms = now;
    VersionRow& version = stored.version;
    version.id = api.ports.entropy.id();
    version.flow_id = flow.id;
    version.display_name = (*made)["displayName"].text();
    version.trigger = (*made)["trigger"].dump();
    version.valid = (*made)["valid"].is_true();
    version.schema_version = kFlowSchemaVersion;
    version.connection_ids = (*made)["connectionIds"].dump();
    version.notes = (*made)["notes"].dump();
    version.updated_by = user_id;
    version.created_ms = version.updated_ms = now;
    return stored;
}

void Import::next() {
    if (at == flows.size()) {
        return job->finish(first_problem);
    }
    Result<StoredFlow> flow = imported(api, flows.at(at++), actor.project_id, actor.user_id);
    if (!flow.ok()) {
        return count(flow.message());
    }
    const FlowRow row = flow->flow;
    api.ports.flows.create_flow(
        *std::move(flow), [self = shared_from_this(), row](const Result<Done>& stored) {
            stored.ok() ? self->note(row) : self->job->finish(stored.message());
        });
}

void Import::note(const FlowRow& flow) {
    const Json about = Json::object({{"id", Json::string(flow.id)},
                                     {"externalId", Json::string(flow.external_id)},
                                     {"created", Json::string(iso_time(flow.created_ms))},
                                     {"updated", Json::string(iso_time(flow.updated_ms))}});
    const Json project = Json::object({{"displayName", Json::string(actor.project_name)}});
    record_event(api, actor, "flow.created", Json::object({{"flow", about}, {"project", project}}),
                 [self = shared_from_this()] { self->count(""); });
}

// What is wrong with one flow is no reason to leave out the others.
void Import::count(const std::string& problem) {
    if (!problem.empty() && first_problem.empty()) {
        first_problem = "flow " + std::to_string(at) + ": " + problem;
    }
    job->count(problem.empty() ? 1 : 0, problem.empty() ? 0 : 1);
    job->advance([self = shared_from_this()] { self->next(); });
}

}  // namespace

std::optional<Jobs::Work> import_work(Api& api, const CallPtr& call) {
    const Json flows = call->body["flows"];
    if (!flows.is_array() || flows.size() == 0 || flows.size() > kFlowsMax) {
        call->fail_validation("body/flows must be a list of 1 to 1000 flows, as a template has it");
        return std::nullopt;
    }
    return [&api, actor = audit_actor(*call), own = flows.deep_copy()](const JobPtr& job) {
        job->expect(static_cast<std::int64_t>(own.size()));
        std::make_shared<Import>(api, actor, own, job)->next();
    };
}

}  // namespace sallyport::engine
