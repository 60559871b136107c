#include "engine/adapters/steps/hosted_steps.hpp"

#include "engine/core/time_text.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace sallyport::engine {
namespace {

// What of a call is needed when the answer comes; the call itself is gone by then.
struct Waiting {
    std::shared_ptr<const std::optional<WaitpointWish>> asked;
    std::string request_id;
    std::int64_t wait_until_ms = 0;
    std::int64_t now_ms = 0;
    std::int64_t pause_ms_max = 0;
};

// {status, headers, body}, with what the piece left out.
Json response_from(const Json& given) {
    const Json status = given["status"];
    return Json::object(
        {{"status", status.is_integer() ? status : Json::integer(200)},
         {"headers", given["headers"].is_object() ? given["headers"] : Json::object()},
         {"body", given["body"].exists() ? given["body"] : Json::null()}});
}

// Waits for what it has made a waitpoint for (POST waitpoints).
StepResult waits_as_asked(StepResult result, const WaitpointWish& wish, const Waiting& waiting) {
    if (wish.request) {
        result.request_id = waiting.request_id;
    }
    result.resume_at_ms =
        wish.request ? waiting.wait_until_ms : std::max(wish.resume_at_ms, waiting.now_ms);
    if (wish.response.is_object()) {
        result.response = response_from(wish.response);
    }
    return result;
}

// Of frameworks that know no waitpoints: what the piece says is all there is.
StepResult paused(const Json& value, const Waiting& waiting) {
    const Json waitpoint = value["hooks"]["waitpoint"];
    StepResult result;
    result.kind = StepResult::Kind::paused;
    result.perform_again = true;
    result.output = value["output"];
    if (waitpoint["id"].exists()) {
        return waiting.asked && *waiting.asked
                   ? waits_as_asked(std::move(result), **waiting.asked, waiting)
                   : step_failed("The piece waits for a waitpoint that it has not made");
    }
    if (waitpoint["type"].text() == "DELAY") {
        const auto at = parse_iso_time(waitpoint["resumeDateTime"].text());
        if (!at || *at - waiting.now_ms > waiting.pause_ms_max) {
            return step_failed(
                at ? "PAUSED_FLOW_TIMEOUT_EXCEEDED: the piece wants to wait longer than "
                     "AP_PAUSED_FLOW_TIMEOUT_DAYS allows"
                   : "The piece wants to wait until a time that is none");
        }
        result.resume_at_ms = std::max(*at, waiting.now_ms);
    } else {
        result.request_id = waiting.request_id;
        result.resume_at_ms = waiting.wait_until_ms;
    }
    if (waitpoint["response"].is_object()) {
        result.response = response_from(waitpoint["response"]);
    }
    return result;
}

StepResult from_piece(SandboxResult ran, const Waiting& waiting) {
    if (ran.status != SandboxStatus::ok) {
        return step_result_from(std::move(ran));
    }
    const Json hooks = ran.value["hooks"];
    const std::string_view kind = hooks["kind"].text();
    if (kind == "paused") {
        return tagged(paused(ran.value, waiting), hooks["tags"]);
    }
    StepResult result;
    result.output = ran.value["output"];
    if (kind == "stopped" || kind == "respond") {
        result.response = response_from(hooks["response"]);
        result.stop = kind == "stopped";
    }
    return tagged(std::move(result), hooks["tags"]);
}

}  // namespace

PiecePerformers HostedSteps::performers() {
    PiecePerformers performers;
    performers.other = [this](const StepCall& call, StepDone done) {
        return run_piece(call, std::move(done));
    };
    if (options_.code) {
        performers.code = [this](const StepCall& call, StepDone done) {
            return run_code(call, std::move(done));
        };
    }
    return performers;
}

StepCancel HostedSteps::run_code(const StepCall& call, StepDone done) {
    const Result<NpmPackages> packages =
        npm_dependencies(call.step.settings["sourceCode"]["packageJson"].text());
    if (!packages.ok()) {
        done(step_failed(packages.message()));
        return {};
    }
    NodeRequest request;
    request.tenant = call.project_id;
    request.code = call.step.settings["sourceCode"]["code"].text();
    request.input = call.input;
    request.limits.memory_bytes = options_.memory_bytes;
    request.limits.time_ms = static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(call.time_left_ms, 1, options_.code_timeout_ms));
    struct Under {
        NodeHost::RunId run = 0;
        bool cancelled = false;
    };
    const auto under = std::make_shared<Under>();
    auto finish = [done = std::move(done)](SandboxResult ran) {
        done(step_result_from(std::move(ran)));
    };
    folders_.prepare(*packages, [this, under, request, finish](const Result<std::string>& folder) {
        if (under->cancelled) {
            return;
        }
        if (!folder.ok()) {
            SandboxResult failure;
            failure.error = folder.message();
            return finish(std::move(failure));
        }
        NodeRequest ready = request;
        ready.packages = *folder;
        under->run = host_.run(std::move(ready), finish);
    });
    return [this, under] {
        under->cancelled = true;
        host_.cancel(under->run);
    };
}

StepCancel HostedSteps::run_piece(const StepCall& call, StepDone done) {
    PieceTask task;
    task.piece = call.step.piece;
    task.version = call.step.settings["pieceVersion"].text();
    task.project_id = call.project_id;
    task.flow_id = call.flow_id;
    task.version_id = call.version_id;
    task.run_id = call.run_id;
    task.step = call.step.name;
    task.raw_auth = call.step.settings["input"]["auth"];
    task.input = call.input;
    task.time_ms_max = call.time_left_ms;
    const bool again = call.resume_payload.exists();
    task.task =
        Json::object({{"do", Json::string("action")},
                      {"action", Json::string(call.step.action)},
                      {"execution", Json::string(again ? "RESUME" : "BEGIN")},
                      // Going on is not repeating.
                      {"idempotencyKey", Json::string(call.idempotency_key + (again ? ":on" : ""))},
                      {"resumePayload", again ? call.resume_payload : Json::null()},
                      {"propertySettings", call.step.settings["propertySettings"]},
                      {"waitpoint", Json::object({{"id", Json::string(call.request_id)},
                                                  {"url", Json::string(call.resume_url)}})}});
    const Waiting waiting{call.waitpoint, call.request_id, call.wait_until_ms, call.now_ms,
                          options_.pause_ms_max};
    return pieces_.run(std::move(task), [waiting, done = std::move(done)](SandboxResult ran) {
        done(from_piece(std::move(ran), waiting));
    });
}

}  // namespace sallyport::engine
