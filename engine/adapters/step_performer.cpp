#include "engine/adapters/step_performer.hpp"

#include "engine/core/piece_delay.hpp"
#include "engine/core/piece_http.hpp"
#include "engine/core/piece_store.hpp"
#include "engine/core/piece_wait.hpp"
#include "engine/core/piece_webhook.hpp"
#include "engine/core/router.hpp"
#include "engine/core/run_record.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>

namespace sallyport::engine {
namespace {

constexpr std::string_view kDataMapperPiece = "@activepieces/piece-data-mapper";
constexpr std::string_view kAdvancedMapping = "advanced_mapping";

StepResult failed(std::string message, FailureKind kind = FailureKind::error) {
    StepResult result;
    result.kind = StepResult::Kind::failed;
    result.message = std::move(message);
    result.failure = kind;
    return result;
}

StepResult overloaded() {
    StepResult result;
    result.kind = StepResult::Kind::overloaded;
    return result;
}

// What the journal could not read back must not get into it.
StepResult checked(StepResult result) {
    if (is_too_deep(result.output) || is_too_deep(result.response)) {
        return failed("The result is nested deeper than " + std::to_string(kValueDepthMax) +
                      " levels");
    }
    return result;
}

StepResult from_sandbox(SandboxResult ran) {
    switch (ran.status) {
        case SandboxStatus::ok: {
            StepResult result;
            result.output = std::move(ran.value);
            return result;
        }
        case SandboxStatus::error:
        case SandboxStatus::output_limit:
            return failed(std::move(ran.error));
        case SandboxStatus::timeout:
            return failed("The code took longer than it may");
        case SandboxStatus::memory_limit:
            return failed("The code used more memory than it may", FailureKind::memory_limit);
        case SandboxStatus::crashed:
        case SandboxStatus::cancelled:
            return failed("The sandbox ended before the code did", FailureKind::internal);
        case SandboxStatus::overloaded:
            return overloaded();
    }
    return failed("The sandbox gave no result", FailureKind::internal);
}

StepResult from_http(const Json& input, HttpOutcome outcome) {
    if (const auto* failure = std::get_if<HttpFailure>(&outcome)) {
        if (failure->error == HttpError::overloaded) {
            return overloaded();
        }
        if (http_failure_continues(input)) {
            StepResult result;
            result.output = Json::object(
                {{"error", Json::object({{"message", Json::string(failure->message)}})}});
            return result;
        }
        return failed(std::string(to_string(failure->error)) + ": " + failure->message);
    }
    const auto& response = std::get<HttpResponse>(outcome);
    std::vector<WebHeader> headers;
    for (const HttpHeader& header : response.headers) {
        headers.push_back({header.name, header.value});
    }
    HttpCallOutcome read = http_call_outcome(input, response.status, headers, response.body);
    if (!read.ok) {
        return failed(std::move(read.message));
    }
    StepResult result;
    result.output = std::move(read.output);
    return result;
}

StepResult answer_caller(const Json& input) {
    Result<WebhookReply> reply = webhook_reply(input);
    if (!reply.ok()) {
        return failed(reply.message());
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
        return failed(reply.message());
    }
    const std::string url = call.resume_url + "/sync?created=" + iso_time(call.now_ms);
    StepResult result = wait_for_request(call);
    result.response = reply->response;
    result.response["headers"].set(kResumeHeader, Json::string(url));
    result.output.set("nextWebhookUrl", Json::string(url));
    return result;
}

StepResult take(Result<Json> output) {
    if (!output.ok()) {
        return failed(output.message());
    }
    StepResult result;
    result.output = *std::move(output);
    return result;
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

std::string StepPerformer::unsupported(const Step& step) {
    if (step.kind == StepKind::piece) {
        const bool known =
            waits_for_request(step) ||
            (step.piece == kApprovalPiece && step.action == kApprovalLinks) ||
            (step.piece == kSubflowsPiece &&
             (step.action == kCallFlow || step.action == kReturnResponse)) ||
            (step.piece == kStorePiece && is_store_action(step.action)) ||
            (step.piece == kDataMapperPiece && step.action == kAdvancedMapping) ||
            (step.piece == kHttpPiece && step.action == "send_request") ||
            (step.piece == kWebhookPiece && step.action == "return_response") ||
            (step.piece == kDelayPiece && (step.action == kDelayFor || step.action == kDelayUntil));
        return known ? std::string()
                     : "This engine has no action '" + step.action + "' of '" + step.piece + "'";
    }
    return {};
}

StepPerformer::Cancel StepPerformer::perform(const StepCall& call, Done done) {
    if (call.step.kind == StepKind::code) {
        return run_code(call, std::move(done));
    }
    if (call.step.kind == StepKind::loop) {
        done(take(loop_items(call.input)));
        return {};
    }
    if (call.step.kind == StepKind::router) {
        done(take(evaluate_router(call.input)));
        return {};
    }
    if (call.step.piece == kHttpPiece) {
        return send_request(call, std::move(done));
    }
    if (call.step.piece == kStorePiece) {
        store_(call, std::move(done));
        return {};
    }
    if (call.step.piece == kDataMapperPiece) {
        const Json mapping = call.input["mapping"];
        done(take(mapping.exists() ? mapping : Json::null()));
        return {};
    }
    if (call.step.piece == kApprovalPiece) {
        done(call.step.action == kApprovalLinks ? take(approval_links(call.resume_url))
                                                : wait_for_request(call));
        return {};
    }
    if (waits_for_request(call.step)) {
        done(checked(respond_and_wait(call)));
        return {};
    }
    done(call.step.piece == kDelayPiece ? delay(call) : checked(answer_caller(call.input)));
    return {};
}

StepResult StepPerformer::delay(const StepCall& call) const {
    Result<Delay> wanted =
        delay_of(call.step.action, call.input, call.now_ms, limits_.pause_ms_max);
    if (!wanted.ok()) {
        return failed(wanted.message());
    }
    StepResult result;
    result.kind = StepResult::Kind::paused;
    result.resume_at_ms = wanted->resume_at_ms;
    result.output = std::move(wanted->output);
    return result;
}

StepPerformer::Cancel StepPerformer::run_code(const StepCall& call, Done done) {
    CodeRequest request;
    request.tenant = call.project_id;
    request.code = call.step.settings["sourceCode"]["code"].text();
    request.input = call.input;
    request.limits.memory_bytes = limits_.code_memory_bytes;
    request.limits.time_ms = static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(call.time_left_ms, 1, limits_.code_timeout_ms));
    const auto id =
        sandbox_.run_code(std::move(request), [done = std::move(done)](SandboxResult ran) {
            done(checked(from_sandbox(std::move(ran))));
        });
    return [this, id] { sandbox_.cancel(id); };
}

StepPerformer::Cancel StepPerformer::send_request(const StepCall& call, Done done) {
    Result<HttpCall> wanted = http_call(call.input);
    if (!wanted.ok()) {
        done(failed(wanted.message()));
        return {};
    }
    HttpRequest request;
    request.method = wanted->method;
    request.url = wanted->url;
    for (WebHeader& header : wanted->headers) {
        request.headers.push_back({std::move(header.name), std::move(header.value)});
    }
    request.body = std::move(wanted->body);
    request.tenant = call.project_id;
    request.idempotency_key = call.idempotency_key;
    const std::int64_t asked =
        wanted->timeout_ms > 0 ? wanted->timeout_ms : limits_.http_timeout_ms;
    request.timeout_ms =
        static_cast<std::uint32_t>(std::max<std::int64_t>(1, std::min(asked, call.time_left_ms)));
    request.response_bytes_max = limits_.http_response_bytes_max;
    if (!wanted->follow_redirects) {
        request.redirects_max = 0;
    }
    const auto id = http_.send(std::move(request),
                               [input = call.input, done = std::move(done)](HttpOutcome outcome) {
                                   done(checked(from_http(input, std::move(outcome))));
                               });
    return [this, id] { http_.cancel(id); };
}

}  // namespace sallyport::engine
