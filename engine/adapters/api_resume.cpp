// The addresses that make a paused run go on (engine contract 1.6). Open to whoever knows one: its
// last part is a proof that this engine made it.
#include "engine/adapters/api.hpp"
#include "engine/adapters/api_run_parts.hpp"
#include "engine/core/piece_webhook.hpp"

namespace sallyport::engine {
namespace {

WebResponse say(int status, std::string_view text) {
    return json_response(status, Json::object({{"message", Json::string(text)}}));
}

// What went wrong, for a caller who waits: the run's status says why.
void answer_not_paused(Api& api, const CallPtr& call) {
    api.ports.runs.run(call->params[0], [&api, call](const Result<std::optional<StoredRun>>& run) {
        if (api.failed(call, run)) {
            return;
        }
        const std::string status = run->has_value() ? (*run)->row.status : "";
        call->reply(409, Json::object({{"message", Json::string("Flow run is not paused")},
                                       {"flowRunStatus", Json::string(status)}}));
    });
}

void answer(Api& api, const CallPtr& call, bool sync, const Result<Runs::Outcome>& outcome) {
    if (api.failed(call, outcome)) {
        return;
    }
    switch (*outcome) {
        case Runs::Outcome::unknown:
            return call->fail_not_found("flow_run", call->params[0]);
        case Runs::Outcome::refused:
            return sync ? answer_not_paused(api, call)
                        : call->reply(say(200,
                                          "This link has expired. The action may have already "
                                          "been processed."));
        case Runs::Outcome::accepted:
            break;
    }
    if (!sync) {
        return call->reply(
            say(200, "Your response has been recorded. You can close this page now."));
    }
    api.ports.driver.wait(
        call->params[0], api.options.webhook_timeout_ms,
        [call](const RunReply& reply) { call->reply(run_reply_response(reply)); });
}

void resume(Api& api, const CallPtr& call, bool sync) {
    const WebhookPayload read = webhook_payload(call->request);
    if (!read.payload.exists()) {
        return call->fail_framework(read.refusal.status, read.refusal.code, read.refusal.message);
    }
    const Json payload = Json::object({{"body", read.payload["body"]},
                                       {"headers", read.payload["headers"]},
                                       {"queryParams", read.payload["queryParams"]}});
    api.ports.driver.resume(call->params[0], call->params[1], payload,
                            [&api, call, sync](const Result<Runs::Outcome>& outcome) {
                                answer(api, call, sync, outcome);
                            });
}

void resume_async(Api& api, const CallPtr& call) {
    resume(api, call, false);
}

void resume_sync(Api& api, const CallPtr& call) {
    resume(api, call, true);
}

}  // namespace

const std::vector<ApiRoute> kResumeRoutes = {
    {"*", "flow-runs/:id/requests/:requestId", ApiRoute::Access::open, resume_async},
    {"*", "flow-runs/:id/requests/:requestId/sync", ApiRoute::Access::open, resume_sync},
    {"*", "flow-runs/:id/waitpoints/:waitpointId", ApiRoute::Access::open, resume_async},
    {"*", "flow-runs/:id/waitpoints/:waitpointId/sync", ApiRoute::Access::open, resume_sync},
};

}  // namespace sallyport::engine
