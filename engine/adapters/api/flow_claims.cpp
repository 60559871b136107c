// Flows that are one call's for a while. The claim lies in the flow's row, so that it holds for
// every engine of the database; the time at which it ends is its name.
#include "engine/adapters/api/flow_parts.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

// Two hooks, one after the other, and what is stored around them.
std::int64_t claim_ms(const ApiOptions& options) {
    return 2 * options.trigger_hooks_ms + 60'000;
}

}  // namespace

bool is_anothers(const FlowRow& flow, const FlowClaim& claim, std::int64_t now_ms) {
    return flow.claimed_until_ms != claim.until_ms && now_ms < flow.claimed_until_ms;
}

void fail_in_progress(const CallPtr& call, const std::string& flow_id) {
    call->fail(ApiError::flow_operation_in_progress,
               Json::object({{"flowId", Json::string(flow_id)},
                             {"message", Json::string("Another call is switching the flow on or "
                                                      "off; try again when it is done")}}));
}

void claim_flow(Api& api, const CallPtr& call, const std::string& id,
                std::function<void(const StoredFlow&, const FlowClaim&)> then) {
    const std::int64_t now = api.now_ms();
    const FlowClaim claim{id, now + claim_ms(api.options)};
    auto held = std::make_shared<bool>(false);
    api.ports.flows.change_flow(
        id,
        [held, now, claim](StoredFlow& stored) {
            *held = !is_anothers(stored.flow, FlowClaim(), now);
            if (*held) {
                stored.flow.claimed_until_ms = claim.until_ms;
            }
            return *held;
        },
        [&api, call, claim, held,
         then = std::move(then)](const Result<std::optional<StoredFlow>>& flow) {
            if (api.failed(call, flow)) {
                return;
            }
            if (!flow->has_value()) {
                return call->fail_not_found("flow", claim.flow_id);
            }
            *held ? then(**flow, claim) : fail_in_progress(call, claim.flow_id);
        });
}

void end_claim(Api& api, const FlowClaim& claim, std::function<void()> then) {
    api.ports.flows.change_flow(
        claim.flow_id,
        [claim](StoredFlow& stored) {
            const bool held = stored.flow.claimed_until_ms == claim.until_ms;
            if (held) {
                stored.flow.claimed_until_ms = 0;
            }
            return held;
        },
        // Where that fails it ends by its time.
        [then = std::move(then)](const Result<std::optional<StoredFlow>>&) { then(); });
}

void hold_until_answered(Api& api, const CallPtr& call, const std::shared_ptr<FlowClaim>& claim) {
    call->answer_after([&api, claim](std::function<void()> send) {
        claim->until_ms == 0 ? send() : end_claim(api, *claim, std::move(send));
    });
}

}  // namespace sallyport::engine
