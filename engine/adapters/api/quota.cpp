#include "engine/adapters/api/quota.hpp"

#include "engine/adapters/api/audit.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/core/calendar_month.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

// A flow that could not be switched off (another call has it, the store did not answer) is tried
// again by what is refused after this: a storm of refusals is not one of attempts.
constexpr std::int64_t kTryAgainMs = 2000;
constexpr std::size_t kTriedMax = 10'000;

constexpr ApiRoute kOperate = {"POST", "flows/:id", ApiRoute::Access::user, operate_on_flow};

}  // namespace

// `tasks` is what the contract has called them; its newest list of metrics has no word for runs.
void fail_over_quota(const CallPtr& call) {
    call->fail(ApiError::quota_exceeded, Json::object({{"metric", Json::string("tasks")},
                                                       {"message", Json::string(kOverQuota)}}));
}

void with_runs_begun(Api& api, const CallPtr& call, std::vector<std::string> ids,
                     std::function<void(const RunsBegun&)> then) {
    if (api.options.project_runs_per_month == 0 || ids.empty()) {
        return then({});
    }
    api.ports.counts.counted_runs(
        std::move(ids), calendar_month(api.now_ms()),
        [&api, call, then = std::move(then)](const Result<RunCountStore::RunCounts>& counts) {
            if (!api.failed(call, counts)) {
                then(RunsBegun(counts->begin(), counts->end()));
            }
        });
}

Json with_usage(const Api& api, Json project, const RunsBegun& begun) {
    if (api.options.project_runs_per_month > 0) {
        const auto found = begun.find(std::string(project["id"].text()));
        const std::int64_t count = found == begun.end() ? 0 : found->second;
        project["plan"].set("tasks", Json::integer(api.options.project_runs_per_month));
        project.set("usage", Json::object({{"tasks", Json::integer(count)}}));
    }
    return project;
}

void QuotaKeeper::refused(const RunRow& run) {
    say_once(run.project_id);
    const std::int64_t now = api_.ports.clock.steady_ms();
    if (tried_ms_.size() > kTriedMax) {
        tried_ms_.clear();
    }
    const auto [tried, first] = tried_ms_.try_emplace(run.flow_id, now);
    if (!first && now - tried->second < kTryAgainMs) {
        return;
    }
    tried->second = now;
    switch_off(run.project_id, run.flow_id);
}

void QuotaKeeper::say_once(const std::string& project_id) {
    const std::int64_t month = calendar_month(api_.now_ms());
    if (std::exchange(told_[project_id], month) != month) {
        api_.ports.log.write(
            LogLevel::warn, "quota_exceeded",
            {{"project", Json::string(project_id)},
             {"runs", Json::integer(api_.options.project_runs_per_month)},
             {"problem", Json::string("The project has begun as many runs as it may in this month: "
                                      "flows whose triggers want more are switched off. Raise "
                                      "SALLYPORT_PROJECT_RUNS_PER_MONTH and switch them on")}});
    }
}

void QuotaKeeper::note_failure(const std::string& flow_id, const std::string& problem) {
    api_.ports.log.write(LogLevel::warn, "flow_not_switched_off",
                         {{"flow", Json::string(flow_id)}, {"problem", Json::string(problem)}});
}

// The flow is looked at first: what another engine, or the refusal before, has switched off is
// neither told again nor audited twice.
void QuotaKeeper::switch_off(const std::string& project_id, const std::string& flow_id) {
    api_.ports.flows.flow(
        flow_id, FlowStore::Which::latest, {},
        [this, project_id, flow_id](const Result<std::optional<StoredFlow>>& flow) {
            if (!flow.ok()) {
                return note_failure(flow_id, flow.message());
            }
            if (!flow->has_value() || (*flow)->flow.status != "ENABLED") {
                return api_.ports.catalog.forget(flow_id);
            }
            api_.ports.accounts.project(
                project_id, [this, flow_id](const Result<std::optional<ProjectRow>>& project) {
                    if (!project.ok() || !project->has_value()) {
                        return note_failure(
                            flow_id, project.ok() ? "its project is gone" : project.message());
                    }
                    api_.ports.accounts.user_by_id(
                        (*project)->owner_id,
                        [this, flow_id](const Result<std::optional<UserRow>>& owner) {
                            owner.ok() && owner->has_value()
                                ? switch_off_for(**owner, flow_id)
                                : note_failure(flow_id,
                                               owner.ok() ? "its owner is gone" : owner.message());
                        });
                });
        });
}

// In the owner's name, as the audit log says together with what acted for him.
void QuotaKeeper::switch_off_for(const UserRow& owner, const std::string& flow_id) {
    const auto call = std::make_shared<ApiCall>(
        WebRequest{std::string(kOperate.method), "/v1/flows/" + flow_id, {}, {}, {}},
        [this, flow_id](const WebResponse& response) {
            if (response.status != 200) {
                return note_failure(flow_id, response.body);
            }
            api_.ports.log.write(
                LogLevel::info, "flow_switched_off",
                {{"flow", Json::string(flow_id)}, {"reason", Json::string("quota_exceeded")}});
        });
    call->user = owner;
    call->acting = "QUOTA";
    call->params = {flow_id};
    call->body = Json::object({{"type", Json::string("CHANGE_STATUS")},
                               {"request", Json::object({{"status", Json::string("DISABLED")}})}});
    call->route = &kOperate;
    listen_for_audit(api_, *call);
    kOperate.handler(api_, call);
}

}  // namespace sallyport::engine
