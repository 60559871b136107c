// Webhooks: what starts runs (engine contract 1.7). Open to everyone who knows the flow's id; the
// gateway in front verifies signatures, the trigger may ask for a password or a header.
#include "common/bytes.hpp"
#include "common/contract.hpp"
#include "engine/adapters/api/api.hpp"
#include "engine/adapters/api/files.hpp"
#include "engine/adapters/api/quota.hpp"
#include "engine/adapters/api/run_parts.hpp"
#include "engine/adapters/api/trigger_events.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/pieces/webhook.hpp"
#include "engine/core/trigger_intake.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

struct Mode {
    bool sync = false;
    bool draft = false;
    bool test = false;  // nothing runs: what came is kept for whoever makes the flow
};

WebResponse with_id(WebResponse response, const std::string& run_id) {
    response.headers.push_back({"x-webhook-id", run_id});
    return response;
}

WebResponse message(int status, std::string_view text) {
    return json_response(status, Json::object({{"message", Json::string(text)}}));
}

// What a caller hears of a run that ended without an answer of its own.
WebResponse answer_for(RunStatus status) {
    switch (status) {
        case RunStatus::failed:
        case RunStatus::memory_limit_exceeded:
        case RunStatus::log_size_exceeded:
        case RunStatus::canceled:
            return message(500, "The flow has failed and there is no response returned");
        case RunStatus::internal_error:
            return message(500, "An internal error has occurred");
        case RunStatus::timeout:
            return message(504, "The request took too long to reply");
        case RunStatus::queued:
        case RunStatus::running:
        case RunStatus::paused:
        case RunStatus::succeeded:
        case RunStatus::quota_exceeded:
            return json_response(204, Json::object());
    }
    return json_response(204, Json::object());
}

}  // namespace

WebResponse run_reply_response(const RunReply& reply) {
    switch (reply.kind) {
        case RunReply::Kind::response:
            return to_web_response(reply.response);
        case RunReply::Kind::finished:
            return answer_for(reply.status);
        case RunReply::Kind::timed_out:
            return json_response(204, Json::object());
    }
    return json_response(204, Json::object());
}

void remove_gateway_headers(WebRequest& request) {
    std::erase_if(request.headers, [](const WebHeader& header) {
        return ascii_lower(header.name).starts_with(contract::kHeaderPrefix);
    });
}

namespace {

void start(Api& api, const CallPtr& call, Mode mode, const RunnableFlow& flow, Json payload) {
    StartRun run;
    run.program = flow.program;
    run.project_id = flow.project_id;
    run.environment = mode.draft ? "TESTING" : "PRODUCTION";
    run.payload = std::move(payload);
    run.priority = mode.sync || mode.draft ? StartRun::kSync : StartRun::kWebhook;
    run.delivery_id = mode.draft ? std::string() : call->delivery_id;
    if (const std::string_view parent = call->request.header("ap-parent-run-id"); is_id(parent)) {
        run.parent_run_id = parent;
        run.fail_parent = call->request.header("ap-fail-parent-on-failure") == "true";
    }
    api.ports.driver.start(std::move(run), [&api, call, mode](const Result<StartedRun>& started) {
        if (is_over_quota(started)) {
            return fail_over_quota(call);
        }
        if (api.failed(call, started)) {
            return;
        }
        if (!mode.sync) {
            return call->reply(with_id(json_response(200, Json::object()), started->run_id));
        }
        api.ports.driver.wait(started->run_id, api.options.webhook_timeout_ms,
                              [call, id = started->run_id](const RunReply& reply) {
                                  call->reply(with_id(run_reply_response(reply), id));
                              });
    });
}

void keep_event(Api& api, const CallPtr& call, const RunnableFlow& flow, const Json& output) {
    const TriggerEventPlace place{flow.project_id, flow.program->flow_id,
                                  trigger_source_name(flow.program->trigger())};
    keep_trigger_event(api, call, place, output, [&api, call](const EntityRow&) {
        call->reply(with_id(json_response(200, Json::object()), api.ports.entropy.id()));
    });
}

// A trigger of a piece from npm says what the delivery means: no run, one, or several. Acknowledged
// once they are on disk; a sync caller hears the first.
void ask_trigger(Api& api, const CallPtr& call, Mode mode, const RunnableFlow& flow, Json payload) {
    if (mode.test) {
        return keep_event(api, call, flow, payload);
    }
    HostedTriggers::Occasion occasion;
    occasion.payload = std::move(payload);
    occasion.delivery_id = mode.draft ? std::string() : call->delivery_id;
    occasion.environment = mode.draft ? "TESTING" : "PRODUCTION";
    occasion.priority = mode.sync || mode.draft ? StartRun::kSync : StartRun::kWebhook;
    occasion.on_handshake = [call](const Json& response) {
        call->reply(to_web_response(response));
    };
    api.ports.triggers->fire(
        flow, std::move(occasion),
        [&api, call, mode](const Result<std::vector<StartedRun>>& started) {
            if (is_over_quota(started)) {
                return fail_over_quota(call);
            }
            if (!started.ok()) {
                return call->reply(message(500, "The trigger has failed"));
            }
            const bool none = started->empty();
            const std::string id = none ? api.ports.entropy.id() : started->front().run_id;
            if (!mode.sync || none) {
                return call->reply(
                    with_id(json_response(mode.sync ? 204 : 200, Json::object()), id));
            }
            api.ports.driver.wait(id, api.options.webhook_timeout_ms,
                                  [call, id](const RunReply& reply) {
                                      call->reply(with_id(run_reply_response(reply), id));
                                  });
        });
}

// With `ap-raw-payload` the body is all that the trigger gets, when the caller may run the flow;
// from anybody else the header says nothing.
void judge_raw(Api& api, const CallPtr& call, const std::string& project_id, const Json& payload,
               const std::function<void(const Json&)>& then) {
    if (call->request.header("ap-raw-payload") != "true" || !payload["body"].is_object()) {
        return then(payload);
    }
    static constexpr ApiRoute kRun = {"POST", "flows/:id/run", ApiRoute::Access::user, nullptr};
    WebRequest asks;
    asks.method = kRun.method;
    asks.headers = call->request.headers;
    // Refused: the header is nothing. A store that does not answer has refused nobody.
    const auto caller =
        std::make_shared<ApiCall>(std::move(asks), [call, then, payload](WebResponse refusal) {
            refusal.status == 503 ? call->reply(std::move(refusal)) : then(payload);
        });
    caller->route = &kRun;
    api.authenticate(caller, [&api, caller, project_id, payload, then] {
        api.with_project(caller, project_id,
                         [payload, then](const ProjectRow&) { then(payload["body"]); });
    });
}

void take(Api& api, const CallPtr& call, Mode mode, const RunnableFlow& flow,
          const std::vector<NewFile>& files, const Json& payload) {
    if (is_hosted_trigger(flow.program->trigger().piece)) {
        return store_files(api, call, flow.project_id, files, [&api, call, mode, flow, payload] {
            ask_trigger(api, call, mode, flow, payload);
        });
    }
    Intake intake = trigger_intake(flow.program->trigger(), payload);
    switch (intake.kind) {
        case Intake::Kind::run:
            return store_files(api, call, flow.project_id, files,
                               [&api, call, mode, flow, output = intake.output] {
                                   mode.test ? keep_event(api, call, flow, output)
                                             : start(api, call, mode, flow, output);
                               });
        case Intake::Kind::silent:
            // As the contract has it: an answer that does not tell whether the secret was right.
            return call->reply(with_id(json_response(mode.sync ? 204 : 200, Json::object()),
                                       api.ports.entropy.id()));
        case Intake::Kind::refused:
            return call->reply(message(400, intake.problem));
        case Intake::Kind::closed:
            return call->reply(404, Json::object());
    }
}

void on_flow(Api& api, const CallPtr& call, Mode mode,
             const Result<std::optional<RunnableFlow>>& found) {
    if (api.failed(call, found)) {
        return;
    }
    if (!found->has_value()) {
        return call->reply(410, Json::object());
    }
    const RunnableFlow& flow = **found;
    if (!mode.draft && !flow.enabled) {
        return call->reply(404, Json::object());
    }
    const bool hosted = api.ports.triggers != nullptr && flow.program != nullptr &&
                        is_hosted_trigger(flow.program->trigger().piece);
    if (flow.program == nullptr || (!hosted && !takes_requests(flow.program->trigger()))) {
        return call->reply(404, Json::object());
    }
    remove_gateway_headers(call->request);
    const auto carried = webhook_files(call->request);
    if (!carried.ok()) {
        return call->reply(message(400, carried.message()));
    }
    // Named here, kept once it is known that the caller may start anything.
    CarriedFiles files = carried_files(api, *carried);
    WebhookPayload read = webhook_payload(call->request, files.urls);
    if (!read.payload.exists()) {
        return call->fail_framework(read.refusal.status, read.refusal.code, read.refusal.message);
    }
    judge_raw(api, call, flow.project_id, read.payload,
              [&api, call, mode, flow, files = std::move(files.files)](const Json& payload) {
                  take(api, call, mode, flow, files, payload);
              });
}

void receive(Api& api, const CallPtr& call, Mode mode) {
    if (call->request.body.size() > api.options.webhook_payload_bytes_max) {
        return call->reply(message(413, "Payload too large"));
    }
    auto done = [&api, call, mode](const Result<std::optional<RunnableFlow>>& flow) {
        on_flow(api, call, mode, flow);
    };
    if (mode.draft) {
        api.ports.catalog.latest(call->params[0], std::move(done));
    } else {
        api.ports.catalog.published(call->params[0], std::move(done));
    }
}

void receive_async(Api& api, const CallPtr& call) {
    receive(api, call, {});
}

void receive_sync(Api& api, const CallPtr& call) {
    receive(api, call, {.sync = true});
}

void receive_draft(Api& api, const CallPtr& call) {
    receive(api, call, {.draft = true});
}

void receive_test(Api& api, const CallPtr& call) {
    receive(api, call, {.draft = true, .test = true});
}

void receive_draft_sync(Api& api, const CallPtr& call) {
    receive(api, call, {.sync = true, .draft = true});
}

}  // namespace

const std::vector<ApiRoute> kWebhookRoutes = {
    {"*", "webhooks/:flowId", ApiRoute::Access::open, receive_async},
    {"*", "webhooks/:flowId/sync", ApiRoute::Access::open, receive_sync},
    {"*", "webhooks/:flowId/draft", ApiRoute::Access::open, receive_draft},
    {"*", "webhooks/:flowId/test", ApiRoute::Access::open, receive_test},
    {"*", "webhooks/:flowId/draft/sync", ApiRoute::Access::open, receive_draft_sync},
};

}  // namespace sallyport::engine
