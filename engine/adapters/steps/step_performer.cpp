#include "engine/adapters/steps/step_performer.hpp"

#include "common/crypto.hpp"
#include "engine/adapters/steps/http_calls.hpp"
#include "engine/adapters/time_zones.hpp"
#include "engine/core/pieces/delay.hpp"
#include "engine/core/pieces/flow_helper.hpp"
#include "engine/core/pieces/http.hpp"
#include "engine/core/pieces/tags.hpp"
#include "engine/core/pieces/wait.hpp"
#include "engine/core/pieces/webhook.hpp"
#include "engine/core/runs/record.hpp"
#include "engine/core/runs/router.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <memory>

namespace sallyport::engine {
namespace {

// What the journal could not read back must not get into it.
StepResult checked(StepResult result) {
    if (is_too_deep(result.output) || is_too_deep(result.response)) {
        return step_failed("The result is nested deeper than " + std::to_string(kValueDepthMax) +
                           " levels");
    }
    return result;
}

StepResult from_http(const Json& input, const HttpOutcome& outcome) {
    if (const auto* failure = std::get_if<HttpFailure>(&outcome)) {
        if (failure->error == HttpError::overloaded) {
            return step_overloaded();
        }
        if (auto output = http_failure_output(input, failure->message)) {
            StepResult result;
            result.output = std::move(*output);
            return result;
        }
        return step_failed(std::string(to_string(failure->error)) + ": " + failure->message);
    }
    const auto& response = std::get<HttpResponse>(outcome);
    std::vector<WebHeader> headers;
    for (const HttpHeader& header : response.headers) {
        headers.push_back({header.name, header.value});
    }
    HttpCallOutcome read = http_call_outcome(input, response.status, headers, response.body);
    if (!read.ok) {
        return step_failed(std::move(read.message));
    }
    StepResult result;
    result.output = std::move(read.output);
    result.place = response.place;
    return result;
}

StepResult answer_caller(Result<WebhookReply> reply) {
    if (!reply.ok()) {
        return step_failed(reply.message());
    }
    StepResult result;
    result.output = reply->response;
    result.response = reply->response;
    result.stop = reply->stop;
    return result;
}

StepResult wait_for_request(const StepCall& call) {
    StepResult result;
    result.kind = StepResult::Kind::paused;
    result.request_id = call.request_id;
    result.resume_at_ms = call.wait_until_ms;
    result.output = Json::object();
    return result;
}

// The caller is answered and told where to go on.
StepResult respond_and_wait(const StepCall& call) {
    Result<WebhookReply> reply = webhook_reply(call.input);
    if (!reply.ok()) {
        return step_failed(reply.message());
    }
    const std::string url = call.resume_url + "/sync?created=" + iso_time(call.now_ms);
    StepResult result = wait_for_request(call);
    result.response = reply->response;
    result.response["headers"].set(kResumeHeader, Json::string(url));
    result.output.set("nextWebhookUrl", Json::string(url));
    return result;
}

// `failFlow` is a plain action.
StepResult flow_helper(const StepCall& call) {
    if (call.step.action != kStopFlow) {
        return step_succeeded(run_info(call.public_url, call.project_id, call.run_id));
    }
    StepResult result = step_succeeded(stopped_output());
    result.response = stopped_response();
    result.stop = true;
    return result;
}

StepResult take(Result<Json> output) {
    if (!output.ok()) {
        return step_failed(output.message());
    }
    return step_succeeded(*std::move(output));
}

PieceWorld world_at(std::int64_t now_ms) {
    return {now_ms, [](std::size_t size) { return random_bytes(size); },
            [](const std::string& name) { return find_zone(name); }};
}

Result<Json> loop_items(const Json& input) {
    if (!input["items"].is_array()) {
        return Error{"The items you have selected must be a list."};
    }
    return input["items"];
}

}  // namespace

bool waits_for_request(const Step& step) {
    return (step.piece == kWebhookPiece && step.action == kRespondAndWait) ||
           (step.piece == kApprovalPiece && step.action == kWaitForApproval);
}

StepResult step_failed(std::string message, FailureKind kind) {
    StepResult result;
    result.kind = StepResult::Kind::failed;
    result.message = std::move(message);
    result.failure = kind;
    return result;
}

StepResult step_succeeded(Json output) {
    StepResult result;
    result.output = std::move(output);
    return result;
}

StepResult tagged(StepResult result, const Json& tags) {
    bool good = true;
    tags.each_element([&good](const Json& name) {
        good = good && !name.text().empty() && name.text().size() <= kRunTagBytesMax;
    });
    if (!good) {
        return step_failed("A tag must be a text of 1 to " + std::to_string(kRunTagBytesMax) +
                           " bytes");
    }
    if (tags.size() > 0) {
        result.tags = tags;
    }
    return result;
}

StepResult step_overloaded() {
    StepResult result;
    result.kind = StepResult::Kind::overloaded;
    return result;
}

StepResult step_result_from(SandboxResult ran) {
    switch (ran.status) {
        case SandboxStatus::ok: {
            StepResult result;
            result.output = std::move(ran.value);
            return result;
        }
        case SandboxStatus::error:
        case SandboxStatus::output_limit:
            return step_failed(std::move(ran.error));
        case SandboxStatus::timeout:
            return step_failed("The code took longer than it may", FailureKind::timeout);
        case SandboxStatus::memory_limit:
            return step_failed("The code used more memory than it may", FailureKind::memory_limit);
        case SandboxStatus::crashed: {
            StepResult result =
                step_failed("The sandbox ended before the code did", FailureKind::internal);
            result.kind = StepResult::Kind::crashed;
            return result;
        }
        case SandboxStatus::cancelled:
            return step_failed("The sandbox ended before the code did", FailureKind::internal);
        case SandboxStatus::overloaded:
            return step_overloaded();
    }
    return step_failed("The sandbox gave no result", FailureKind::internal);
}

bool StepPerformer::is_hosted(const Step& step) const {
    return pieces_.other && step.kind == StepKind::piece &&
           find_native_action(step.piece, step.action) == nullptr;
}

std::string StepPerformer::unsupported(const Step& step) const {
    const bool known = step.kind != StepKind::piece || pieces_.other ||
                       find_native_action(step.piece, step.action) != nullptr;
    return known ? std::string()
                 : "This engine has no action '" + step.action + "' of '" + step.piece + "'";
}

StepPerformer::Cancel StepPerformer::perform(const StepCall& call, Done done) {
    switch (call.step.kind) {
        case StepKind::code:
            if (pieces_.code) {
                return pieces_.code(call, [done = std::move(done)](StepResult result) {
                    done(checked(std::move(result)));
                });
            }
            return run_code(call, call.step.settings["sourceCode"]["code"].text(), std::move(done));
        case StepKind::loop:
            done(take(loop_items(call.input)));
            return {};
        case StepKind::router:
            done(take(evaluate_router(call.input)));
            return {};
        case StepKind::trigger:
        case StepKind::piece:
            break;
    }
    if (const NativeAction* action = find_native_action(call.step.piece, call.step.action)) {
        return perform_piece(call, *action, std::move(done));
    }
    return pieces_.other(
        call, [done = std::move(done)](StepResult result) { done(checked(std::move(result))); });
}

StepPerformer::Cancel StepPerformer::perform_piece(const StepCall& call, const NativeAction& action,
                                                   Done done) {
    if (action.run != nullptr && !action.slow) {
        StepResult result = checked(take(action.run(call.input, world_at(call.now_ms))));
        if (call.step.piece == kTagsPiece && result.kind == StepResult::Kind::succeeded) {
            Json tags = Json::array();
            tags.append(call.input["name"]);
            result = tagged(std::move(result), tags);
        }
        done(std::move(result));
        return {};
    }
    if (!action.script.empty()) {
        return run_code(call, action.script, std::move(done));
    }
    if (action.reply != nullptr) {
        done(checked(answer_caller(action.reply(call.input))));
        return {};
    }
    if (call.step.piece == kHttpPiece) {
        return send_request(call, std::move(done));
    }
    if (call.step.piece == kDelayPiece) {
        done(delay(call));
        return {};
    }
    if (call.step.piece == kApprovalPiece) {
        done(call.step.action == kApprovalLinks ? take(approval_links(call.resume_url))
                                                : wait_for_request(call));
        return {};
    }
    if (call.step.piece == kFlowHelperPiece) {
        done(flow_helper(call));
        return {};
    }
    if (waits_for_request(call.step)) {
        done(checked(respond_and_wait(call)));
        return {};
    }
    const auto performer = pieces_.native.find(call.step.piece);
    if (performer == pieces_.native.end()) {
        done(step_failed("This engine cannot perform '" + call.step.action + "' of '" +
                         call.step.piece + "' here"));
        return {};
    }
    return performer->second(
        call, [done = std::move(done)](StepResult result) { done(checked(std::move(result))); });
}

StepResult StepPerformer::delay(const StepCall& call) const {
    Result<Delay> wanted =
        delay_of(call.step.action, call.input, call.now_ms, limits_.pause_ms_max);
    if (!wanted.ok()) {
        return step_failed(wanted.message());
    }
    StepResult result;
    result.kind = StepResult::Kind::paused;
    result.resume_at_ms = wanted->resume_at_ms;
    result.output = std::move(wanted->output);
    return result;
}

StepPerformer::Cancel StepPerformer::run_code(const StepCall& call, std::string_view code,
                                              Done done) {
    CodeRequest request;
    request.tenant = call.project_id;
    request.code = code;
    request.input = call.input;
    request.limits.memory_bytes = limits_.code_memory_bytes;
    request.limits.time_ms = static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(call.time_left_ms, 1, limits_.code_timeout_ms));
    const auto id =
        sandbox_.run_code(std::move(request), [done = std::move(done)](SandboxResult ran) {
            done(checked(step_result_from(std::move(ran))));
        });
    return [this, id] { sandbox_.cancel(id); };
}

StepPerformer::Cancel StepPerformer::send_request(const StepCall& call, Done done) {
    Result<HttpCall> wanted = http_call(call.input);
    if (!wanted.ok()) {
        done(step_failed(wanted.message()));
        return {};
    }
    HttpRequest request =
        request_of(*std::move(wanted), call.project_id, limits_.http_timeout_ms, call.time_left_ms);
    request.idempotency_key = call.idempotency_key;
    request.response_bytes_max = limits_.http_response_bytes_max;
    const auto id =
        http_.send(std::move(request),
                   [input = call.input, done = std::move(done)](const HttpOutcome& outcome) {
                       done(checked(from_http(input, outcome)));
                   });
    return [this, id] { http_.cancel(id); };
}

}  // namespace sallyport::engine
