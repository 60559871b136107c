// The addresses that make a paused run go on (engine contract 1.6), and making one. They are open
// to whoever knows one: its last part is a proof that this engine made it.
#include "engine/adapters/api/api.hpp"
#include "engine/adapters/api/run_parts.hpp"
#include "engine/core/pieces/webhook.hpp"
#include "engine/core/shape.hpp"
#include "engine/core/time_text.hpp"

#include <array>

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

// ---- making one: for the step that is under way, with the engine's own token

constexpr std::array kWaitpointFields = {Field{"flowRunId", Kind::text},
                                         Field{"projectId", Kind::text},
                                         Field{"stepName", Kind::text},
                                         Field{"type", Kind::text},
                                         Field{"version", Kind::text},
                                         Field{"resumeDateTime", Kind::text, Need::optional},
                                         Field{"responseToSend", Kind::object, Need::optional},
                                         Field{"workerHandlerId", Kind::text, Need::optional},
                                         Field{"httpRequestId", Kind::text, Need::optional}};

Result<WaitpointWish> wish_of(const Json& body) {
    const Status shape = check_shape(body, kWaitpointFields, "body");
    if (!shape.ok()) {
        return shape.error();
    }
    const std::string_view type = body["type"].text();
    if (type != "WEBHOOK" && type != "DELAY") {
        return Error{"body/type must be WEBHOOK or DELAY"};
    }
    if (body["version"].text() != "V0" && body["version"].text() != "V1") {
        return Error{"body/version must be V0 or V1"};
    }
    WaitpointWish wish;
    wish.request = type == "WEBHOOK";
    const auto at = parse_iso_time(body["resumeDateTime"].text());
    if (!at && (!wish.request || body["resumeDateTime"].is_string())) {
        return Error{"body/resumeDateTime must be an ISO 8601 time"};
    }
    wish.resume_at_ms = at.value_or(0);
    wish.response = body["responseToSend"];
    return wish;
}

void reply_with_waitpoint(Api& api, const CallPtr& call, const WaitpointWish& wish) {
    const std::string run(call->body["flowRunId"].text());
    const auto made = api.ports.driver.make_waitpoint(run, call->engine_project,
                                                      call->body["stepName"].text(), wish);
    if (!made) {
        return call->fail_not_found("flow_run", run);
    }
    if (made->too_late) {
        return call->fail(ApiError::paused_flow_timeout_exceeded,
                          Json::object({{"flowRunId", Json::string(run)}}));
    }
    call->reply(201, Json::object(
                         {{"id", Json::string(made->id)}, {"resumeUrl", Json::string(made->url)}}));
}

void make_waitpoint(Api& api, const CallPtr& call) {
    const Result<WaitpointWish> wish = wish_of(call->body);
    if (!wish.ok()) {
        return call->fail_validation(wish.message());
    }
    api.with_project(
        call, std::string(call->body["projectId"].text()),
        [&api, call, wish = *wish](const ProjectRow&) { reply_with_waitpoint(api, call, wish); });
}

void resume_async(Api& api, const CallPtr& call) {
    resume(api, call, false);
}

void resume_sync(Api& api, const CallPtr& call) {
    resume(api, call, true);
}

}  // namespace

const std::vector<ApiRoute> kResumeRoutes = {
    {"POST", "waitpoints", ApiRoute::Access::engine, make_waitpoint},
    {"*", "flow-runs/:id/requests/:requestId", ApiRoute::Access::open, resume_async},
    {"*", "flow-runs/:id/requests/:requestId/sync", ApiRoute::Access::open, resume_sync},
    {"*", "flow-runs/:id/waitpoints/:waitpointId", ApiRoute::Access::open, resume_async},
    {"*", "flow-runs/:id/waitpoints/:waitpointId/sync", ApiRoute::Access::open, resume_sync},
};

}  // namespace sallyport::engine
