// The run driver's fourth part: runs that start other runs and hear from them, and the addresses by
// which a paused run is told to go on.
//
// A called flow runs once for each attempt of the step that calls it: the attempt's idempotency key
// is its delivery id. The step waits under an id that does not change when it is performed again.
#include "engine/adapters/runs/run_driver_impl.hpp"
#include "engine/core/pieces/flow_helper.hpp"
#include "engine/core/pieces/wait.hpp"
#include "engine/core/runs/resume_id.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

// A rest that is nearly over when it begins would end before anybody could answer.
constexpr std::int64_t kWaitMsMin = 60'000;

// When the store did not answer.
constexpr std::int64_t kTellAgainMs = 1000;

Json with_body(const Json& body) {
    return Json::object(
        {{"body", body}, {"headers", Json::object()}, {"queryParams", Json::object()}});
}

bool has_failed(RunStatus status) {
    return is_terminal(status) && status != RunStatus::succeeded;
}

}  // namespace

bool RunDriver::Impl::is_resume_id(std::string_view run_id, std::string_view id) const {
    return options_.resume_key != nullptr && is_resume_id_of(*options_.resume_key, run_id, id);
}

std::string RunDriver::Impl::resume_url(const RunPtr& run, std::string_view kind,
                                        const std::string& request_id) const {
    return options_.public_url + "/api/v1/flow-runs/" + run->row.id + "/" + std::string(kind) +
           "/" + request_id;
}

StepCall RunDriver::Impl::call_of(const RunPtr& run, const PerformStep& action) const {
    const Step& at = run->program->steps[action.step];
    const std::int64_t now = ports_.clock.now_ms();
    StepCall call{at,
                  run->input,
                  run->row.project_id,
                  run->row.flow_id,
                  run->row.id,
                  idempotency_key(run->row.id, at.name, action.attempt, action.path),
                  run->deadline_ms - ports_.clock.steady_ms(),
                  now};
    call.waitpoint = run->waitpoint;
    if (at.piece == kFlowHelperPiece) {
        call.public_url = options_.public_url;
    }
    call.version_id = run->row.version_id;
    call.resume_payload = run->state.resume_payload;
    const bool links = at.piece == kApprovalPiece;
    if (options_.resume_key != nullptr &&
        (links || waits_for_request(at) || at.piece == kSubflowsPiece ||
         performer_.is_hosted(at))) {
        // Approvals: the links are made by one step and waited for by another.
        call.request_id = links ? resume_id(*options_.resume_key, run->row.id, {}, 0, action.path)
                                : resume_id(*options_.resume_key, run->row.id, at.name,
                                            action.attempt, action.path);
        call.resume_url = resume_url(run, "requests", call.request_id);
        call.wait_until_ms =
            std::max(run->row.created_ms + options_.pause_ms_max, now + kWaitMsMin);
    }
    return call;
}

std::optional<Waitpoint> RunDriver::Impl::make_waitpoint(const std::string& run_id,
                                                         const std::string& project_id,
                                                         std::string_view step,
                                                         WaitpointWish wish) {
    const auto found = live_.find(run_id);
    if (found == live_.end() || found->second->row.project_id != project_id) {
        return std::nullopt;
    }
    const RunPtr& run = found->second;
    const RunState& state = run->state;
    if (run->lost || state.phase != Phase::running || run->waitpoint == nullptr ||
        run->program->steps[state.cursor].name != step) {
        return std::nullopt;
    }
    const StepCall call = call_of(run, PerformStep{state.cursor, state.attempt, state.path});
    if (call.request_id.empty()) {
        return std::nullopt;
    }
    Waitpoint made{call.request_id, resume_url(run, "waitpoints", call.request_id), false};
    made.too_late = wish.resume_at_ms > call.wait_until_ms;
    if (!made.too_late) {
        *run->waitpoint = std::move(wish);
    }
    return made;
}

void RunDriver::Impl::perform_link(const RunPtr& run, const PerformStep& action) {
    const std::string& name = run->program->steps[action.step].action;
    if (name == kCallFlow) {
        call_flow(run, action);
    } else if (name == kStreamCsv) {
        stream_csv(run, action);
    } else {
        return_response(run, action);
    }
}

// ---- calling

void RunDriver::Impl::with_callable(const RunPtr& run, const PerformStep& action,
                                    const std::string& name,
                                    std::function<void(std::shared_ptr<const Program>)> then) {
    if (name.empty()) {
        on_result(run, action, step_failed("Please select a flow"));
        return;
    }
    const auto judge = [self = shared_from_this(), run, action,
                        then = std::move(then)](const Result<std::optional<RunnableFlow>>& flow) {
        if (!flow.ok()) {
            self->on_result(run, action, step_overloaded());
            return;
        }
        const bool callable = flow->has_value() && (*flow)->program != nullptr &&
                              (*flow)->program->trigger().piece == kSubflowsPiece;
        if (!callable || !(*flow)->enabled) {
            self->on_result(run, action,
                            step_failed(callable ? "The selected subflow is disabled. Enable it "
                                                   "before calling it from a parent flow."
                                                 : "Flow not found"));
            return;
        }
        then((*flow)->program);
    };
    ports_.flows.find(
        run->row.project_id, name,
        [self = shared_from_this(), run, action, judge](const Result<std::string>& id) {
            if (!id.ok()) {
                self->on_result(run, action, step_overloaded());
            } else if (id->empty()) {
                self->on_result(run, action, step_failed("Flow not found"));
            } else {
                self->ports_.flows.published(*id, judge);
            }
        });
}

void RunDriver::Impl::call_flow(const RunPtr& run, const PerformStep& action) {
    const Json& input = run->input;
    const Json flow = input["flowId"].exists() ? input["flowId"] : input["flow"];  // before 0.6
    with_callable(run, action, std::string(named_flow(flow)),
                  [self = shared_from_this(), run, action](std::shared_ptr<const Program> program) {
                      self->start_called(run, action, std::move(program));
                  });
}

void RunDriver::Impl::start_called(const RunPtr& run, const PerformStep& action,
                                   std::shared_ptr<const Program> program) {
    const StepCall call = call_of(run, action);
    const bool waits = run->input["waitForResponse"].is_true();
    StartRun child;
    child.program = std::move(program);
    child.project_id = run->row.project_id;
    child.environment = run->row.environment;
    child.parent_run_id = run->row.id;
    child.fail_parent = waits;
    child.delivery_id = call.idempotency_key;
    child.by_step = true;
    child.payload = call_payload(run->input["flowProps"]["payload"],
                                 waits ? resume_url(run, "waitpoints", call.request_id) : "");
    start(std::move(child),
          [self = shared_from_this(), run, action, call, waits](const Result<StartedRun>& started) {
              if (!started.ok()) {
                  self->on_result(run, action,
                                  is_over_quota(started) ? step_failed(std::string(kOverQuota))
                                                         : step_overloaded());
                  return;
              }
              StepResult result = step_succeeded(Json::object());
              if (waits) {
                  result.kind = StepResult::Kind::paused;
                  result.request_id = call.request_id;
                  result.resume_at_ms = call.wait_until_ms;
              }
              self->on_result(run, action, std::move(result));
          });
}

// ---- answering

void RunDriver::Impl::return_response(const RunPtr& run, const PerformStep& action) {
    const std::string url(run->state.scope["trigger"]["output"]["callbackUrl"].text());
    const CallbackTarget target = callback_target(url);
    if (url.empty() || url == "MOCK") {
        on_result(run, action, step_succeeded(run->input["response"]["response"]));
        return;
    }
    if (target.run_id != run->row.parent_run_id ||
        !is_resume_id(target.run_id, target.request_id)) {
        send_response(run, action, url);
        return;
    }
    const Json answer = run->input["response"]["response"];
    const Json body = Json::object({{"status", Json::string("success")}, {"data", answer}});
    resume_by(
        target.run_id, RequestArrived{target.request_id, with_body(body), 0},
        [self = shared_from_this(), run, action, answer](const Result<Runs::Outcome>& outcome) {
            // Refused: it was told before, or is over.
            self->on_result(run, action, outcome.ok() ? step_succeeded(answer) : step_overloaded());
        },
        0);
}

// A callback of another engine.
void RunDriver::Impl::send_response(const RunPtr& run, const PerformStep& action,
                                    const std::string& url) {
    const Json answer = run->input["response"]["response"];
    HttpRequest request;
    request.method = "POST";
    request.url = url;
    request.headers.push_back({"Content-Type", "application/json"});
    request.body = Json::object({{"status", Json::string("success")}, {"data", answer}}).dump();
    request.tenant = run->row.project_id;
    request.idempotency_key = call_of(run, action).idempotency_key;
    request.timeout_ms = options_.http_timeout_ms;
    const auto id = ports_.http.send(
        std::move(request), [self = shared_from_this(), run, action, answer](HttpOutcome outcome) {
            const auto* response = std::get_if<HttpResponse>(&outcome);
            const bool taken = response != nullptr && response->status < 400;
            self->on_result(run, action,
                            taken ? step_succeeded(answer)
                                  : step_failed("The calling flow could not be reached"));
        });
    run->cancel_effect = [self = shared_from_this(), id] { self->ports_.http.cancel(id); };
}

// The step that called this run and waits must hear that it failed, before the failure is on disk:
// a crash in between repeats the failure, the other order would lose it. True: the commit follows.
bool RunDriver::Impl::tells_parent(const RunPtr& run) {
    if (run->parent_told || run->row.parent_run_id.empty() || !run->row.fail_parent ||
        !has_failed(run->state.status)) {
        return false;
    }
    run->parent_told = true;
    const auto goes_on = [self = shared_from_this(), run](const Result<Runs::Outcome>& outcome) {
        if (outcome.ok()) {
            run->committing = false;
            self->commit(run);
            return;
        }
        self->ports_.loop.after(kTellAgainMs, [self, run] {
            run->parent_told = false;
            run->committing = false;
            self->commit(run);
        });
    };
    return tell_parent(run->row, run->state.scope["trigger"]["output"]["callbackUrl"].text(),
                       goes_on);
}

bool RunDriver::Impl::tell_parent(const RunRow& row, std::string_view callback_url,
                                  Runs::OutcomeDone done) {
    const CallbackTarget target = callback_target(callback_url);
    if (row.parent_run_id.empty() || target.run_id != row.parent_run_id ||
        !is_resume_id(target.run_id, target.request_id)) {
        return false;
    }
    const Json body =
        Json::object({{"status", Json::string("error")},
                      {"data", Json::object({{"message", Json::string("Subflow execution failed")},
                                             {"runId", Json::string(row.id)}})}});
    resume_by(target.run_id, RequestArrived{target.request_id, with_body(body), 0}, std::move(done),
              20);
    return true;
}

}  // namespace sallyport::engine
