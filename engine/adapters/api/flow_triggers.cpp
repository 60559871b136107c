// What a flow's trigger can be asked: to start by hand, and when its schedule comes next. Additions
// to the contract, where both go over a socket or not at all.
#include "common/bytes.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/quota.hpp"
#include "engine/adapters/time_zones.hpp"
#include "engine/core/pieces/triggers.hpp"
#include "engine/core/time_text.hpp"
#include "engine/core/trigger_schedule.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kPreviewMax = 50;

void start_by_hand(Api& api, const CallPtr& call, const RunnableFlow& flow) {
    if (flow.program == nullptr || flow.program->trigger().piece != kManualPiece) {
        return call->fail_validation("the flow's trigger is no manual trigger");
    }
    if (!flow.enabled) {
        return call->fail(ApiError::flow_operation_invalid,
                          Json::object({{"message", Json::string("The flow is not enabled")}}));
    }
    StartRun run;
    run.program = flow.program;
    run.project_id = flow.project_id;
    run.payload = call->body["payload"].exists() ? call->body["payload"] : Json::object();
    api.ports.driver.start(std::move(run), [&api, call](const Result<StartedRun>& started) {
        if (is_over_quota(started)) {
            return fail_over_quota(call);
        }
        if (!api.failed(call, started)) {
            call->reply(201, Json::object({{"id", Json::string(started->run_id)}}));
        }
    });
}

void run_flow(Api& api, const CallPtr& call) {
    with_flow(api, call, FlowStore::Which::latest, {}, [&api, call](const StoredFlow& flow) {
        api.ports.catalog.published(flow.flow.id,
                                    [&api, call](const Result<std::optional<RunnableFlow>>& found) {
                                        if (api.failed(call, found)) {
                                            return;
                                        }
                                        if (!found->has_value()) {
                                            return call->fail_not_found("flow", call->params[0]);
                                        }
                                        start_by_hand(api, call, **found);
                                    });
    });
}

Result<Json> preview(const Schedule& schedule, std::int64_t now_ms, std::size_t count) {
    Json times = Json::array();
    std::int64_t at = now_ms;
    while (times.size() < count) {
        const auto next = next_fire_ms(schedule.cron, schedule.timezone, at);
        if (!next.ok()) {
            // The first says what is wrong; a schedule may also simply end.
            return times.size() == 0 ? Result<Json>(next.error()) : times;
        }
        at = *next;
        times.append(Json::string(iso_time(at)));
    }
    return times;
}

// Of the latest version, so that a schedule is seen before it is published.
void preview_schedule(Api& api, const CallPtr& call) {
    const std::string text = call->query_text("count");
    const auto count = text.empty() ? std::optional<std::uint64_t>(5) : parse_u64(text);
    if (!count || *count < 1 || *count > kPreviewMax) {
        return call->fail_validation("querystring/count must be a number from 1 to 50");
    }
    with_flow(api, call, FlowStore::Which::latest, {}, [&api, call, count](const StoredFlow& flow) {
        const Json settings = json_or(flow.version.trigger, Json::object())["settings"];
        const auto found = trigger_schedule(settings, api.options.poll_minutes);
        if (found.ok() && !found->has_value()) {
            return call->fail_validation("the flow's trigger is no schedule");
        }
        const auto schedule = found.ok() ? Result<Schedule>(**found) : found.error();
        const auto times = schedule.ok() ? preview(*schedule, api.now_ms(), *count)
                                         : Result<Json>(schedule.error());
        if (!times.ok()) {
            return call->fail(ApiError::flow_operation_invalid,
                              Json::object({{"message", Json::string(times.message())}}));
        }
        call->reply(200, Json::object({{"cronExpression", Json::string(schedule->cron)},
                                       {"timezone", Json::string(schedule->timezone)},
                                       {"missedRuns", Json::string(to_string(schedule->missed))},
                                       {"nextRuns", *times}}));
    });
}

}  // namespace

const std::vector<ApiRoute> kFlowTriggerRoutes = {
    {"POST", "flows/:id/run", ApiRoute::Access::user, run_flow},
    {"GET", "flows/:id/schedule", ApiRoute::Access::user, preview_schedule},
};

}  // namespace sallyport::engine
