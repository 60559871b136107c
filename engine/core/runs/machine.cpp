#include "engine/core/runs/machine.hpp"

#include "engine/core/pieces/delay.hpp"
#include "engine/core/pieces/table.hpp"
#include "engine/core/pieces/wait.hpp"
#include "engine/core/pieces/webhook.hpp"
#include "engine/core/runs/router.hpp"
#include "engine/core/runs/turns.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

std::int64_t retry_wait_ms(std::uint32_t failed_attempt) {
    return kRetryBaseMs << failed_attempt;
}

RunStatus status_of(FailureKind kind) {
    switch (kind) {
        case FailureKind::error:
            return RunStatus::failed;
        case FailureKind::timeout:
            return RunStatus::timeout;
        case FailureKind::memory_limit:
            return RunStatus::memory_limit_exceeded;
        case FailureKind::internal:
            return RunStatus::internal_error;
        case FailureKind::log_size:
            return RunStatus::log_size_exceeded;
    }
    return RunStatus::failed;
}

bool holds(const Json& texts, std::string_view text) {
    bool found = false;
    texts.each_element([&](const Json& one) { found = found || one.text() == text; });
    return found;
}

// Most runs never need these objects: made when they do.
void set_in(Json& object, const std::string& key, const Json& value) {
    if (!object.exists()) {
        object = Json::object();
    }
    object.set(key, value);
}

// One transition in the making.
class Machine {
  public:
    Machine(const Program& program, RunState state, std::int64_t now_ms)
        : program_(program), now_ms_(now_ms) {
        out_.state = std::move(state);
    }

    Transition take() && { return std::move(out_); }

    void on(const RunStarted& event) {
        if (state().status != RunStatus::queued) {
            return;
        }
        accept();
        state().status = RunStatus::running;
        state().started_ms = now_ms_;
        state().deadline_ms = event.deadline_ms;
        state().records.resize(program_.steps.size());
        state().cursor = 0;
        begin_record();
        record(StepStatus::succeeded).attempt = 1;
        record().started_ms = now_ms_;
        record().finished_ms = now_ms_;
        record().input = Json::object();
        record().output = event.payload;
        publish_output(event.payload);
        if (event.deadline_ms > 0) {
            act(SetTimer{TimerKind::deadline, 0, event.deadline_ms});
        }
        enter(program_.trigger().next);
    }

    void on(const StepStarted& event) {
        if (!is_current(event) || state().phase != Phase::preparing) {
            return;
        }
        accept();
        state().phase = Phase::running;
        begin_record();
        record(StepStatus::running).input = event.input;
        record().attempt = event.attempt;
        if (record().started_ms == 0) {
            record().started_ms = now_ms_;
        }
        act(PerformStep{state().cursor, event.attempt, state().path},
            has_external_effect(current()));
    }

    void on(const StepSucceeded& event) {
        if (!is_current(event) || state().phase != Phase::running) {
            return;
        }
        accept();
        record(StepStatus::succeeded).finished_ms = now_ms_;
        record().error.clear();
        if (current().kind == StepKind::loop) {
            open({state().cursor, event.output, {}, 0});
            return;
        }
        record().output = event.output;
        add_tags(event.tags);
        publish_output(event.output);
        if (event.response.exists() && !state().response.exists()) {
            state().response = event.response;
            act(ReplyToCaller{event.response}, true);
        }
        if (event.stop) {
            finish(RunStatus::succeeded);
        } else if (current().kind == StepKind::router) {
            open({state().cursor, {}, branches_to_run(current().settings, event.output), 0});
        } else {
            go_on(Step::kOnSuccess);
        }
    }

    void on(const StepFailed& event) {
        if (!is_current(event) ||
            (state().phase != Phase::running && state().phase != Phase::preparing)) {
            return;
        }
        accept();
        begin_record();
        if (event.input.exists()) {
            record().input = event.input;
        }
        if (record().started_ms == 0) {
            record().started_ms = now_ms_;
        }
        record(StepStatus::failed).error = event.message;
        record().attempt = event.attempt;
        record().finished_ms = now_ms_;
        const bool ordinary = event.kind == FailureKind::error;
        if (ordinary && current().retry_on_failure &&
            event.attempt < state().first_attempt + kAttemptsMax - 1) {
            wait_for_retry();
        } else {
            end_failed(event.message, event.kind);
        }
    }

    void on(const TimerFired& event) {
        if (state().status != RunStatus::running) {
            return;
        }
        if (event.timer == TimerKind::deadline) {
            accept();
            stop_current("The flow took longer than it may");
            finish(RunStatus::timeout);
        } else if (state().phase == Phase::waiting && event.attempt == state().attempt &&
                   event.path == state().path) {
            accept();
            prepare();
        }
    }

    void on(const RunCanceled&) {
        if (is_terminal(state().status)) {
            return;
        }
        accept();
        stop_current("The run was canceled");
        finish(RunStatus::canceled);
    }

    void on(const StepPaused& event) {
        if (!is_current(event) || state().phase != Phase::running) {
            return;
        }
        accept();
        record(StepStatus::paused).output = event.output;
        add_tags(event.tags);
        if (event.response.exists()) {
            state().response = event.response;
            act(ReplyToCaller{event.response}, true);
        }
        const Json early = state().early[event.request_id];
        state().status = RunStatus::paused;
        state().phase = Phase::paused;
        state().resume_at_ms = event.resume_at_ms;
        state().request_id = event.request_id;
        state().perform_again = event.again;
        if (!event.request_id.empty() && early.exists()) {
            state().early.erase(event.request_id);
            take_request(event.request_id, early, state().deadline_ms);
        } else {
            act(ParkRun{event.resume_at_ms}, true);
        }
    }

    void on(const RunResumed& event) {
        if (state().status != RunStatus::paused) {
            return;
        }
        accept();
        if (state().perform_again && event.error.empty()) {
            perform_again(Json::object(), event.deadline_ms);
        } else {
            wake(event.output, event.error, event.deadline_ms);
        }
    }

    void on(const RequestArrived& event) {
        if (is_terminal(state().status) || state().status == RunStatus::queued ||
            state().answered.has(event.request_id) || state().early.has(event.request_id)) {
            return;
        }
        if (state().status == RunStatus::paused && state().request_id == event.request_id) {
            accept();
            take_request(event.request_id, event.payload, event.deadline_ms);
        } else if (state().early.size() < kEarlyRequestsMax) {
            accept();
            set_in(state().early, event.request_id, event.payload);
        }
    }

    void on(const LogFull&) {
        if (state().status != RunStatus::running) {
            return;
        }
        accept();
        stop_current("The log of the run is larger than AP_MAX_FLOW_RUN_LOG_SIZE_MB allows");
        finish(RunStatus::log_size_exceeded);
    }

    void on(const RunRetried& event) {
        if (!is_retriable(state().status) || state().records.empty()) {
            return;
        }
        accept();
        run_again(event.deadline_ms);
        state().finished_ms = 0;
        state().failed_step.clear();
        state().answered = {};
        state().resume_payload = {};
        // Its keys are used: the attempts count on, and have their number anew.
        state().attempt += 1;
        state().first_attempt = state().attempt;
        prepare(true);
    }

    // Not an event: a crash ended what was under way.
    void restart() {
        if (state().status == RunStatus::paused) {
            act(ParkRun{state().resume_at_ms});
        }
        if (state().status != RunStatus::running) {
            return;
        }
        if (state().deadline_ms > 0) {
            act(SetTimer{TimerKind::deadline, 0, state().deadline_ms});
        }
        if (state().phase == Phase::waiting) {
            act(SetTimer{TimerKind::retry, state().attempt, state().retry_at_ms, state().path});
        } else if (state().phase != Phase::idle) {
            prepare();
        }
    }

  private:
    RunState& state() { return out_.state; }
    const Step& current() { return program_.steps[state().cursor]; }
    StepRecord& record() { return state().records[state().cursor]; }
    StepRecord& record(StepStatus status) {
        record().status = status;
        return record();
    }
    void accept() { out_.accepted = true; }

    template <typename What>
    void act(What what, bool after_commit = false) {
        // In place: GCC 12 sees uninitialized members in a variant that is moved in.
        Action& action = out_.actions.emplace_back();
        action.what.template emplace<What>(std::move(what));
        action.after_commit = after_commit;
    }

    template <typename StepEvent>
    bool is_current(const StepEvent& event) {
        return state().status == RunStatus::running && state().cursor < program_.steps.size() &&
               current().name == event.step && state().attempt == event.attempt &&
               state().path == event.path;
    }

    void add_tags(const Json& names) {
        names.each_element([this](const Json& name) {
            const bool fits = !name.text().empty() && name.text().size() <= kRunTagBytesMax;
            if (!fits || state().tags.size() >= kRunTagsMax || holds(state().tags, name.text())) {
                return;
            }
            if (!state().tags.exists()) {
                state().tags = Json::array();
            }
            state().tags.append(name);
        });
    }

    void begin_record() { state().executed += record().status == StepStatus::not_reached ? 1 : 0; }

    // The end of a step that is not tried again.
    void end_failed(const std::string& message, FailureKind kind) {
        if (kind == FailureKind::error && current().continue_on_failure) {
            publish_error(message);
            go_on(Step::kOnFailure);
        } else {
            state().failed_step = current().name;
            finish(status_of(kind));
        }
    }

    void take_request(const std::string& id, const Json& payload, std::int64_t deadline_ms) {
        set_in(state().answered, id, Json::boolean(true));
        // Whoever asked may wait for an answer of its own.
        state().response = {};
        if (state().perform_again) {
            perform_again(payload, deadline_ms);
            return;
        }
        const WaitOutcome outcome = wait_outcome(current(), payload);
        wake(outcome.output, outcome.error, deadline_ms);
    }

    // The current step goes on itself, under a key of its own.
    void perform_again(const Json& payload, std::int64_t deadline_ms) {
        run_again(deadline_ms);
        state().resume_payload = payload;
        state().attempt += 1;
        state().first_attempt += 1;
        prepare();
    }

    // The rest of the current step is over.
    void wake(const Json& output, const std::string& error, std::int64_t deadline_ms) {
        run_again(deadline_ms);
        record().finished_ms = now_ms_;
        if (!error.empty()) {
            record(StepStatus::failed).error = error;
            end_failed(error, FailureKind::error);
            return;
        }
        record(StepStatus::succeeded).output = output;
        publish_output(output);
        go_on(Step::kOnSuccess);
    }

    void run_again(std::int64_t deadline_ms) {
        state().status = RunStatus::running;
        state().resume_at_ms = 0;
        state().request_id.clear();
        state().perform_again = false;
        state().deadline_ms = deadline_ms;
        if (deadline_ms > 0) {
            act(SetTimer{TimerKind::deadline, 0, deadline_ms});
        }
    }

    void publish_output(const Json& output) {
        state().scope.set(current().name, Json::object({{"output", output}}));
    }

    void publish_error(const std::string& message) {
        state().scope.set(
            current().name,
            Json::object({{"output", Json::null()},
                          {"error", Json::object({{"message", Json::string(message)}})}}));
    }

    // After a step that is neither loop nor router: into its branch for this outcome, if it has
    // any.
    void go_on(std::size_t branch) {
        if (current().branches.empty() || current().kind == StepKind::loop ||
            current().kind == StepKind::router) {
            enter(current().next);
        } else {
            open({state().cursor, {}, {branch}, 0});
        }
    }

    void open(Frame frame) {
        state().frames.push_back(std::move(frame));
        enter(begin_turn(program_, state(), now_ms_));
    }

    // At the end of a chain the loop or router around it has its next turn, or its own successor
    // follows.
    void enter(std::size_t at) {
        at = program_.skip_from(at);
        while (at == Step::kNone && !state().frames.empty()) {
            at = program_.skip_from(end_turn(program_, state(), now_ms_));
        }
        if (at == Step::kNone) {
            finish(RunStatus::succeeded);
            return;
        }
        state().cursor = at;
        state().resume_payload = {};
        state().attempt = 1;
        state().first_attempt = 1;
        prepare();
    }

    void prepare(bool after_commit = false) {
        state().phase = Phase::preparing;
        state().retry_at_ms = 0;
        act(PrepareStep{state().cursor, state().attempt, state().path}, after_commit);
    }

    void wait_for_retry() {
        state().retry_at_ms = now_ms_ + retry_wait_ms(state().attempt - state().first_attempt + 1);
        state().attempt += 1;
        state().phase = Phase::waiting;
        // After the commit: a retry that a crash forgets would begin to count anew.
        act(SetTimer{TimerKind::retry, state().attempt, state().retry_at_ms, state().path}, true);
    }

    void stop_current(std::string_view reason) {
        if (state().phase == Phase::idle || state().records.empty()) {
            return;
        }
        if (record().status != StepStatus::succeeded) {
            begin_record();
            record(StepStatus::failed).error = reason;
            record().attempt = std::max(record().attempt, 1U);
            record().finished_ms = now_ms_;
            state().failed_step = current().name;
        }
    }

    void finish(RunStatus status) {
        state().status = status;
        state().phase = Phase::idle;
        state().finished_ms = now_ms_;
        act(FinishRun{status}, true);
    }

    const Program& program_;
    std::int64_t now_ms_;
    Transition out_;
};

}  // namespace

Transition step(const Program& program, RunState state, const Event& event, std::int64_t now_ms) {
    Machine machine(program, std::move(state), now_ms);
    std::visit([&machine](const auto& what) { machine.on(what); }, event);
    return std::move(machine).take();
}

Transition resume(const Program& program, RunState state) {
    Machine machine(program, std::move(state), 0);
    machine.restart();
    return std::move(machine).take();
}

std::string idempotency_key(std::string_view run_id, std::string_view step, std::uint32_t attempt,
                            std::string_view path) {
    std::string key(run_id);
    key += ':';
    key += step;
    if (!path.empty()) {
        key += '[';
        key += path;
        key += ']';
    }
    key += ':';
    key += std::to_string(attempt);
    return key;
}

bool has_external_effect(const Step& step) {
    if (step.kind != StepKind::piece || step.piece == kWebhookPiece || step.piece == kDelayPiece ||
        step.piece == kApprovalPiece) {
        return false;
    }
    const NativeAction* const action = find_native_action(step.piece, step.action);
    return action == nullptr || !action->stays_inside();
}

}  // namespace sallyport::engine
