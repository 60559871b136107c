// The run machine, one transition at a time.
#include "engine/core/runs/journal.hpp"
#include "engine/core/runs/machine.hpp"
#include "engine/core/runs/record.hpp"
#include "tests/unit/engine_flows.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

struct Namer {
    const Program& program;
    std::string operator()(const PrepareStep& a) const {
        return "prepare " + program.steps[a.step].name + ":" + std::to_string(a.attempt);
    }
    std::string operator()(const PerformStep& a) const {
        return "perform " + program.steps[a.step].name + ":" + std::to_string(a.attempt);
    }
    std::string operator()(const SetTimer& a) const {
        return (a.timer == TimerKind::retry ? "retry:" + std::to_string(a.attempt) : "deadline") +
               " at " + std::to_string(a.due_ms);
    }
    std::string operator()(const ReplyToCaller& a) const { return "reply " + a.response.dump(); }
    std::string operator()(const ParkRun& a) const {
        return "park until " + std::to_string(a.resume_at_ms);
    }
    std::string operator()(const FinishRun& a) const {
        return "finish " + std::string(to_string(a.status));
    }
};

// Drives a machine by hand and keeps the journal beside it.
class Machine {
  public:
    explicit Machine(std::shared_ptr<const Program> program) : program_(std::move(program)) {}

    // The actions as text; `+` marks those that wait for the commit. `refused` when not accepted.
    std::string feed(const Event& event, std::int64_t now = 1000) {
        Transition next = step(*program_, std::move(state_), event, now);
        state_ = std::move(next.state);
        if (!next.accepted) {
            EXPECT_TRUE(next.actions.empty());
            return "refused";
        }
        Json entries = Json::array();
        entries.append(journal_entry_json(event, now));
        journal_.push_back(entries.dump());
        return describe(next.actions);
    }

    std::string crash() {
        Result<RunState> rebuilt = replay(*program_, journal_);
        EXPECT_TRUE(rebuilt.ok());
        Transition next = resume(*program_, *std::move(rebuilt));
        state_ = std::move(next.state);
        return describe(next.actions);
    }

    const RunState& state() const { return state_; }
    const Program& program() const { return *program_; }

  private:
    std::string describe(const std::vector<Action>& actions) const {
        std::string out;
        for (const Action& action : actions) {
            out += (out.empty() ? "" : ", ") + std::string(action.after_commit ? "+" : "") +
                   std::visit(Namer{*program_}, action.what);
        }
        return out;
    }

    std::shared_ptr<const Program> program_;
    RunState state_;
    std::vector<std::string> journal_;
};

Json text(std::string_view value) {
    return Json::string(value);
}

TEST(RunMachine, WalksTheStepsInOrder) {
    Machine run(test_program({code_action("a"), http_action("b")}));
    EXPECT_EQ(run.feed(RunStarted{text("in"), 9000}), "deadline at 9000, prepare a:1");
    EXPECT_EQ(run.feed(StepStarted{"a", 1, {}}), "perform a:1");
    EXPECT_EQ(run.feed(StepSucceeded{"a", 1, text("x"), {}, false}), "prepare b:1");
    // What happens outside happens after its cause is on disk.
    EXPECT_EQ(run.feed(StepStarted{"b", 1, {}}), "+perform b:1");
    EXPECT_EQ(run.feed(StepSucceeded{"b", 1, text("y"), {}, false}), "+finish SUCCEEDED");
    EXPECT_EQ(run.state().scope.dump(),
              R"({"trigger":{"output":"in"},"a":{"output":"x"},"b":{"output":"y"}})");
}

TEST(RunMachine, EndsAtOnceWithoutSteps) {
    Machine run(test_program({}));
    EXPECT_EQ(run.feed(RunStarted{text("in"), 0}), "+finish SUCCEEDED");
}

TEST(RunMachine, SkipsSkippedSteps) {
    std::string skipped = code_action("a");
    skipped.insert(skipped.size() - 1, R"(,"skip":true)");
    Machine run(test_program({skipped, code_action("b")}));
    EXPECT_EQ(run.feed(RunStarted{text("in"), 0}), "prepare b:1");
}

TEST(RunMachine, AnswersTheCallerOnceAndStops) {
    Machine run(test_program({code_action("a"), code_action("b"), code_action("c")}));
    run.feed(RunStarted{text("in"), 0});
    run.feed(StepStarted{"a", 1, {}});
    EXPECT_EQ(run.feed(StepSucceeded{"a", 1, {}, text("r1"), false}), "+reply \"r1\", prepare b:1");
    run.feed(StepStarted{"b", 1, {}});
    EXPECT_EQ(run.feed(StepSucceeded{"b", 1, {}, text("r2"), true}), "+finish SUCCEEDED");
    EXPECT_EQ(run.state().response.dump(), "\"r1\"");
}

TEST(RunMachine, FailsTheRun) {
    Machine run(test_program({code_action("a"), code_action("b")}));
    run.feed(RunStarted{text("in"), 0});
    run.feed(StepStarted{"a", 1, {}});
    EXPECT_EQ(run.feed(StepFailed{"a", 1, "broken", FailureKind::error, {}}), "+finish FAILED");
    EXPECT_EQ(failed_step_json(run.program(), run.state()).dump(),
              R"({"name":"a","displayName":"Code","message":"broken"})");
}

TEST(RunMachine, FailureKindsAreRunStates) {
    for (const auto& [kind, status] :
         {std::pair(FailureKind::timeout, "TIMEOUT"),
          std::pair(FailureKind::memory_limit, "MEMORY_LIMIT_EXCEEDED"),
          std::pair(FailureKind::internal, "INTERNAL_ERROR")}) {
        // None of them is retried or passed over.
        Machine run(
            test_program({code_action("a", std::string(kRetry) + "," + std::string(kContinue))}));
        run.feed(RunStarted{text("in"), 0});
        run.feed(StepStarted{"a", 1, {}});
        EXPECT_EQ(run.feed(StepFailed{"a", 1, "", kind, {}}), "+finish " + std::string(status));
    }
}

TEST(RunMachine, ContinuesOnFailureWhenAsked) {
    Machine run(test_program({code_action("a", kContinue), code_action("b")}));
    run.feed(RunStarted{text("in"), 0});
    run.feed(StepStarted{"a", 1, {}});
    EXPECT_EQ(run.feed(StepFailed{"a", 1, "broken", FailureKind::error, {}}), "prepare b:1");
    EXPECT_EQ(run.state().scope["a"].dump(), R"({"output":null,"error":{"message":"broken"}})");
    run.feed(StepStarted{"b", 1, {}});
    EXPECT_EQ(run.feed(StepSucceeded{"b", 1, {}, {}, false}), "+finish SUCCEEDED");
}

TEST(RunMachine, RetriesFourTimesWithGrowingWaits) {
    Machine run(test_program({code_action("a", kRetry)}));
    run.feed(RunStarted{text("in"), 0}, 0);
    const std::vector<std::string> waits = {"+retry:2 at 4000", "+retry:3 at 8000",
                                            "+retry:4 at 16000", "+finish FAILED"};
    for (std::uint32_t attempt = 1; attempt <= kAttemptsMax; ++attempt) {
        EXPECT_EQ(run.feed(StepStarted{"a", attempt, {}}, 0),
                  "perform a:" + std::to_string(attempt));
        EXPECT_EQ(run.feed(StepFailed{"a", attempt, "no", FailureKind::error, {}}, 0),
                  waits[attempt - 1]);
        if (attempt < kAttemptsMax) {
            EXPECT_EQ(run.feed(TimerFired{TimerKind::retry, attempt + 1}, 0),
                      "prepare a:" + std::to_string(attempt + 1));
        }
    }
}

TEST(RunMachine, DropsWhatIsLateOrTwice) {
    Machine run(test_program({code_action("a", kRetry), code_action("b")}));
    EXPECT_EQ(run.feed(StepStarted{"a", 1, {}}), "refused");
    run.feed(RunStarted{text("in"), 0});
    EXPECT_EQ(run.feed(RunStarted{text("in"), 0}), "refused");
    EXPECT_EQ(run.feed(StepSucceeded{"a", 1, {}, {}, false}), "refused");  // not started
    run.feed(StepStarted{"a", 1, {}});
    EXPECT_EQ(run.feed(StepStarted{"a", 1, {}}), "refused");
    EXPECT_EQ(run.feed(StepSucceeded{"b", 1, {}, {}, false}), "refused");
    run.feed(StepFailed{"a", 1, "no", FailureKind::error, {}});
    EXPECT_EQ(run.feed(StepSucceeded{"a", 1, {}, {}, false}), "refused");  // of an earlier attempt
    EXPECT_EQ(run.feed(TimerFired{TimerKind::retry, 3}), "refused");
    run.feed(TimerFired{TimerKind::retry, 2});
    EXPECT_EQ(run.feed(TimerFired{TimerKind::retry, 2}), "refused");
    run.feed(RunCanceled{});
    EXPECT_EQ(run.feed(RunCanceled{}), "refused");
    EXPECT_EQ(run.feed(TimerFired{TimerKind::deadline, 0}), "refused");
}

TEST(RunMachine, DeadlineEndsTheRun) {
    Machine run(test_program({code_action("a")}));
    run.feed(RunStarted{text("in"), 5000});
    run.feed(StepStarted{"a", 1, {}});
    EXPECT_EQ(run.feed(TimerFired{TimerKind::deadline, 0}), "+finish TIMEOUT");
    EXPECT_EQ(run.state().failed_step, "a");
}

TEST(RunMachine, ResumesWhereTheJournalEnds) {
    Machine run(test_program({code_action("a"), http_action("b", kRetry), code_action("c")}));
    run.feed(RunStarted{text("in"), 0});
    EXPECT_EQ(run.crash(), "prepare a:1");
    run.feed(StepStarted{"a", 1, {}});
    EXPECT_EQ(run.crash(), "prepare a:1");  // started, no result: again, the same attempt
    run.feed(StepStarted{"a", 1, {}});
    run.feed(StepSucceeded{"a", 1, text("x"), {}, false});
    EXPECT_EQ(run.crash(), "prepare b:1");  // a has a result: never again
    run.feed(StepStarted{"b", 1, {}});
    run.feed(StepFailed{"b", 1, "no", FailureKind::error, {}});
    EXPECT_EQ(run.crash(), "retry:2 at 5000");
    run.feed(TimerFired{TimerKind::retry, 2});
    run.feed(StepStarted{"b", 2, {}});
    run.feed(StepSucceeded{"b", 2, text("y"), {}, false});
    run.feed(StepStarted{"c", 1, {}});
    run.feed(StepSucceeded{"c", 1, text("z"), {}, false});
    EXPECT_EQ(run.crash(), "");
    EXPECT_EQ(run.state().status, RunStatus::succeeded);
}

TEST(RunMachine, KeysTellAttemptsApart) {
    EXPECT_EQ(idempotency_key("run", "step_1", 2), "run:step_1:2");
}

TEST(RunRecord, ShowsStepsAsTheApiDoes) {
    Machine run(test_program({code_action("a"), code_action("b")}));
    run.feed(RunStarted{text("in"), 0}, 10);
    run.feed(StepStarted{"a", 1, Json::object({{"k", text("v")}})}, 20);
    run.feed(StepSucceeded{"a", 1, text("x"), {}, false}, 32);
    run.feed(StepStarted{"b", 1, Json::object()}, 33);
    run.feed(StepFailed{"b", 1, "broken", FailureKind::error, {}}, 34);
    const std::string wanted =
        R"({"trigger":{"type":"PIECE_TRIGGER","status":"SUCCEEDED","input":{},"output":"in"},)"
        R"("a":{"type":"CODE","status":"SUCCEEDED","input":{"k":"v"},"output":"x","duration":12},)"
        R"("b":{"type":"CODE","status":"FAILED","input":{},"errorMessage":"broken",)"
        R"("duration":1}})";
    EXPECT_EQ(steps_json(run.program(), run.state()).dump(), wanted);
    EXPECT_EQ(recorded_steps(run.state()), 3U);
}

// ---- pauses and retries

Json list(std::initializer_list<std::string_view> items) {
    Json out = Json::array();
    for (const std::string_view item : items) {
        out.append(Json::string(item));
    }
    return out;
}

TEST(RunPauses, AStepRestsAndGoesOnWithItsResult) {
    Machine run(test_program({code_action("a"), code_action("b")}));
    run.feed(RunStarted{text("in"), 5000});
    EXPECT_EQ(run.feed(StepPaused{"a", 1, 90'000, text("rested")}), "refused") << "not begun";
    run.feed(StepStarted{"a", 1, {}});
    EXPECT_EQ(run.feed(StepPaused{"a", 1, 90'000, text("rested")}), "+park until 90000");
    EXPECT_EQ(to_string(run.state().status), "PAUSED");
    EXPECT_EQ(steps_json(run.program(), run.state())["a"]["status"].text(), "PAUSED");
    EXPECT_EQ(run.feed(TimerFired{TimerKind::deadline, 0}), "refused") << "rest is not run time";
    EXPECT_EQ(run.crash(), "park until 90000");
    EXPECT_EQ(run.feed(RunResumed{99'000, text("rested")}), "deadline at 99000, prepare b:1");
    EXPECT_EQ(run.state().scope["a"]["output"].text(), "rested");
    EXPECT_EQ(run.feed(RunResumed{99'000, text("again")}), "refused");
    EXPECT_EQ(run.crash(), "deadline at 99000, prepare b:1");
}

TEST(RunPauses, AStepWaitsForItsRequestAndTakesItOnce) {
    Machine run(test_program({code_action("a"), code_action("b")}));
    run.feed(RunStarted{});
    run.feed(StepStarted{"a", 1, {}});
    EXPECT_EQ(run.feed(StepPaused{"a", 1, 90'000, {}, "", "q1", text("hello")}),
              "+reply \"hello\", +park until 90000");
    EXPECT_EQ(run.feed(RequestArrived{"q2", text("for later"), 0}), "") << "kept";
    EXPECT_EQ(run.feed(RequestArrived{"q2", text("twice"), 0}), "refused");
    EXPECT_EQ(run.feed(RequestArrived{"q1", Json::object({{"body", text("yes")}}), 0}),
              "prepare b:1");
    EXPECT_EQ(run.state().scope["a"]["output"]["body"].text(), "yes");
    EXPECT_FALSE(run.state().response.exists()) << "who asked may be answered anew";
    EXPECT_EQ(run.feed(RequestArrived{"q1", Json::object(), 0}), "refused") << "not twice";
    EXPECT_EQ(run.crash(), "prepare b:1");
    run.feed(StepStarted{"b", 1, {}});
    EXPECT_EQ(run.feed(StepPaused{"b", 1, 90'000, {}, "", "q2"}), "+finish SUCCEEDED")
        << "its request was there before it";
    EXPECT_EQ(run.feed(RequestArrived{"q3", Json::object(), 0}), "refused") << "it has ended";
}

TEST(RunPauses, AWaitInVainFailsItsStep) {
    Machine run(test_program({code_action("a", kContinue), code_action("b")}));
    run.feed(RunStarted{});
    run.feed(StepStarted{"a", 1, {}});
    run.feed(StepPaused{"a", 1, 90'000, {}, "", "q1"});
    EXPECT_EQ(run.feed(RunResumed{0, {}, "nobody came"}), "prepare b:1") << "it may go on";
    EXPECT_EQ(run.state().scope["a"]["error"]["message"].text(), "nobody came");
    run.feed(StepStarted{"b", 1, {}});
    run.feed(StepPaused{"b", 1, 90'000, {}, "", "q2"});
    EXPECT_EQ(run.feed(RunResumed{0, {}, "nobody came"}), "+finish FAILED");
    EXPECT_EQ(run.state().failed_step, "b");
}

TEST(RunPauses, EarlyRequestsAreBounded) {
    Machine run(test_program({code_action("a")}));
    EXPECT_EQ(run.feed(RequestArrived{"q", Json::object(), 0}), "refused") << "not begun";
    run.feed(RunStarted{});
    for (std::size_t i = 0; i < kEarlyRequestsMax; ++i) {
        EXPECT_EQ(run.feed(RequestArrived{"q" + std::to_string(i), Json::object(), 0}), "");
    }
    EXPECT_EQ(run.feed(RequestArrived{"one more", Json::object(), 0}), "refused");
}

TEST(RunMachine, ALogThatIsFullEndsTheRun) {
    Machine run(test_program({code_action("a")}));
    run.feed(RunStarted{});
    run.feed(StepStarted{"a", 1, {}});
    EXPECT_EQ(run.feed(LogFull{}), "+finish LOG_SIZE_EXCEEDED");
    EXPECT_EQ(run.feed(RunRetried{0}), "refused") << "it would be full again";
    EXPECT_EQ(run.feed(LogFull{}), "refused");
}

TEST(RunPauses, ARestingRunCanBeCanceled) {
    Machine run(test_program({code_action("a")}));
    run.feed(RunStarted{});
    run.feed(StepStarted{"a", 1, {}});
    run.feed(StepPaused{"a", 1, 90'000, {}});
    EXPECT_EQ(run.feed(RunCanceled{}), "+finish CANCELED");
    EXPECT_EQ(run.feed(RunResumed{0, {}}), "refused");
    EXPECT_EQ(run.feed(RunRetried{0}), "refused") << "it ended as it was meant to";
}

TEST(RunRetries, AFailedRunGoesOnWithItsFailedStepUnderNewKeys) {
    Machine run(test_program({loop_action("loop", "[]", http_action("a", kRetry))}));
    run.feed(RunStarted{});
    EXPECT_EQ(run.feed(RunRetried{0}), "refused") << "it has not failed";
    run.feed(StepStarted{"loop", 1, {}});
    run.feed(StepSucceeded{"loop", 1, list({"p", "q"}), {}, false});
    run.feed(StepStarted{"a", 1, {}, "0"});
    run.feed(StepSucceeded{"a", 1, text("kept"), {}, false, "0"});
    for (std::uint32_t attempt = 1; attempt <= kAttemptsMax; ++attempt) {
        run.feed(StepStarted{"a", attempt, {}, "1"});
        run.feed(StepFailed{"a", attempt, "no", FailureKind::error, {}, "1"});
        run.feed(TimerFired{TimerKind::retry, attempt + 1, "1"});
    }
    ASSERT_EQ(to_string(run.state().status), "FAILED");
    EXPECT_EQ(run.feed(RunRetried{0}), "+prepare a:5");
    EXPECT_EQ(run.crash(), "prepare a:5");
    EXPECT_EQ(run.state().finished_ms, 0);
    run.feed(StepStarted{"a", 5, {}, "1"});
    EXPECT_EQ(run.feed(StepFailed{"a", 5, "no", FailureKind::error, {}, "1"}, 0),
              "+retry:6 at 4000")
        << "its attempts begin anew";
    run.feed(TimerFired{TimerKind::retry, 6, "1"});
    run.feed(StepStarted{"a", 6, {}, "1"});
    EXPECT_EQ(run.feed(StepSucceeded{"a", 6, text("at last"), {}, false, "1"}),
              "+finish SUCCEEDED");
    const Json turns = steps_json(run.program(), run.state())["loop"]["output"]["iterations"];
    EXPECT_EQ(turns.at(0)["a"]["output"].text(), "kept");
    EXPECT_EQ(turns.at(1)["a"]["output"].text(), "at last");
}

// ---- loops and routers

TEST(RunTurns, ALoopRunsItsBodyForEachItem) {
    Machine run(test_program(
        {loop_action("loop", R"("{{x}}")", followed_by(code_action("a"), code_action("b"))),
         code_action("after")}));
    EXPECT_EQ(run.feed(RunStarted{}), "prepare loop:1");
    EXPECT_EQ(run.feed(StepStarted{"loop", 1, {}}), "perform loop:1");
    EXPECT_EQ(run.feed(StepSucceeded{"loop", 1, list({"p", "q"}), {}, false}), "prepare a:1");
    EXPECT_EQ(run.state().path, "0");
    EXPECT_EQ(run.state().scope["loop"]["output"].dump(), R"({"item":"p","index":1})");
    EXPECT_EQ(run.feed(StepStarted{"a", 1, {}}), "refused") << "without its path";
    EXPECT_EQ(run.feed(StepStarted{"a", 1, {}, "0"}), "perform a:1");
    EXPECT_EQ(run.feed(StepSucceeded{"a", 1, text("a0"), {}, false, "0"}), "prepare b:1");
    run.feed(StepStarted{"b", 1, {}, "0"});
    EXPECT_EQ(run.feed(StepSucceeded{"b", 1, text("b0"), {}, false, "0"}), "prepare a:1");
    EXPECT_EQ(run.state().path, "1");
    EXPECT_FALSE(run.state().scope.has("a")) << "a turn does not see the one before";
    EXPECT_EQ(run.feed(StepStarted{"a", 1, {}, "0"}), "refused") << "of an earlier turn";
    run.feed(StepStarted{"a", 1, {}, "1"});
    EXPECT_EQ(run.crash(), "prepare a:1");
    EXPECT_EQ(run.state().path, "1");
    run.feed(StepStarted{"a", 1, {}, "1"});
    run.feed(StepSucceeded{"a", 1, text("a1"), {}, false, "1"});
    run.feed(StepStarted{"b", 1, {}, "1"});
    EXPECT_EQ(run.feed(StepSucceeded{"b", 1, text("b1"), {}, false, "1"}), "prepare after:1");
    EXPECT_EQ(run.state().path, "");
    const Json output = steps_json(run.program(), run.state())["loop"]["output"];
    EXPECT_EQ(output["item"].text(), "q");
    EXPECT_EQ(output["index"].integer_or(0), 2);
    ASSERT_EQ(output["iterations"].size(), 2U);
    EXPECT_EQ(output["iterations"].at(0)["b"]["output"].text(), "b0");
    EXPECT_EQ(output["iterations"].at(1)["a"]["output"].text(), "a1");
    EXPECT_FALSE(steps_json(run.program(), run.state()).has("a")) << "only inside iterations";
    EXPECT_TRUE(run.state().scope["loop"]["output"]["iterations"].is_array());
    run.feed(StepStarted{"after", 1, {}});
    EXPECT_EQ(run.feed(StepSucceeded{"after", 1, {}, {}, false}), "+finish SUCCEEDED");
    EXPECT_EQ(recorded_steps(run.state()), 7U);
}

TEST(RunTurns, EmptyLoopsAndBodiesArePassed) {
    for (const std::size_t items : {0U, 3U}) {
        Machine run(test_program({loop_action("loop", "[]", ""), code_action("after")}));
        run.feed(RunStarted{});
        run.feed(StepStarted{"loop", 1, {}});
        EXPECT_EQ(run.feed(StepSucceeded{
                      "loop", 1, items == 0 ? list({}) : list({"x", "y", "z"}), {}, false}),
                  "prepare after:1");
        EXPECT_EQ(run.state().scope["loop"]["output"]["index"].integer_or(-1),
                  static_cast<std::int64_t>(items));
    }
}

TEST(RunTurns, LoopsNest) {
    Machine run(test_program(
        {loop_action("outer", "[]", loop_action("inner", "[]", http_action("a", kRetry)))}));
    run.feed(RunStarted{});
    run.feed(StepStarted{"outer", 1, {}});
    EXPECT_EQ(run.feed(StepSucceeded{"outer", 1, list({"p", "q"}), {}, false}), "prepare inner:1");
    run.feed(StepStarted{"inner", 1, {}, "0"});
    EXPECT_EQ(run.feed(StepSucceeded{"inner", 1, list({"x"}), {}, false, "0"}), "prepare a:1");
    EXPECT_EQ(run.state().path, "0.0");
    EXPECT_EQ(run.feed(StepStarted{"a", 1, {}, "0.0"}), "+perform a:1");
    EXPECT_EQ(run.feed(StepFailed{"a", 1, "no", FailureKind::error, {}, "0.0"}, 0),
              "+retry:2 at 4000");
    EXPECT_EQ(run.feed(TimerFired{TimerKind::retry, 2}), "refused") << "of a step elsewhere";
    EXPECT_EQ(run.feed(TimerFired{TimerKind::retry, 2, "0.0"}), "prepare a:2");
    run.feed(StepStarted{"a", 2, {}, "0.0"});
    EXPECT_EQ(run.feed(StepSucceeded{"a", 2, text("done"), {}, false, "0.0"}), "prepare inner:1");
    EXPECT_EQ(run.state().path, "1");
    run.feed(StepStarted{"inner", 1, {}, "1"});
    EXPECT_EQ(run.feed(StepSucceeded{"inner", 1, list({}), {}, false, "1"}), "+finish SUCCEEDED");
    const Json outer = steps_json(run.program(), run.state())["outer"]["output"]["iterations"];
    ASSERT_EQ(outer.size(), 2U);
    EXPECT_EQ(outer.at(0)["inner"]["output"]["iterations"].at(0)["a"]["output"].text(), "done");
    EXPECT_EQ(outer.at(1)["inner"]["output"]["iterations"].size(), 0U);
    EXPECT_EQ(idempotency_key("run", "a", 2, "0.0"), "run:a[0.0]:2");
}

TEST(RunTurns, AFailureInsideALoopEndsTheRunAndKeepsWhatWasDone) {
    Machine run(test_program({loop_action("loop", "[]", code_action("a"))}));
    run.feed(RunStarted{});
    run.feed(StepStarted{"loop", 1, {}});
    run.feed(StepSucceeded{"loop", 1, list({"p", "q", "r"}), {}, false});
    run.feed(StepStarted{"a", 1, {}, "0"});
    run.feed(StepSucceeded{"a", 1, text("ok"), {}, false, "0"});
    run.feed(StepStarted{"a", 1, {}, "1"});
    // While it runs, the turn under way is shown as the last one.
    const Json live = steps_json(run.program(), run.state())["loop"]["output"]["iterations"];
    ASSERT_EQ(live.size(), 2U);
    EXPECT_EQ(live.at(1)["a"]["status"].text(), "RUNNING");
    EXPECT_EQ(run.feed(StepFailed{"a", 1, "broken", FailureKind::error, {}, "1"}),
              "+finish FAILED");
    const Json kept = steps_json(run.program(), run.state())["loop"]["output"]["iterations"];
    ASSERT_EQ(kept.size(), 2U);
    EXPECT_EQ(kept.at(1)["a"]["errorMessage"].text(), "broken");
    EXPECT_EQ(failed_step_json(run.program(), run.state())["message"].text(), "broken");
}

TEST(RunTurns, SuccessAndFailureHaveBranchesOfTheirOwn) {
    std::string risky = code_action("risky", kContinue);
    risky.pop_back();
    risky += R"(,"continueOnFailureBranches":{"onSuccess":)" + code_action("well") +
             R"(,"onFailure":)" + code_action("badly") + "}}";
    for (const bool works : {true, false}) {
        Machine run(test_program({risky, code_action("after")}));
        run.feed(RunStarted{});
        run.feed(StepStarted{"risky", 1, {}});
        const std::string branch = works ? "well" : "badly";
        EXPECT_EQ(works ? run.feed(StepSucceeded{"risky", 1, {}, {}, false})
                        : run.feed(StepFailed{"risky", 1, "no", FailureKind::error, {}}),
                  "prepare " + branch + ":1");
        run.feed(StepStarted{branch, 1, {}});
        EXPECT_EQ(run.feed(StepSucceeded{branch, 1, {}, {}, false}), "prepare after:1");
    }
}

TEST(RunTurns, ARouterRunsItsBranchesInOrder) {
    const std::string any = R"({"branchName":"b","branchType":"CONDITION","conditions":[]})";
    Machine run(test_program({router_action("route", "EXECUTE_ALL_MATCH", {any, any, any},
                                            {code_action("a"), "", code_action("c")}),
                              code_action("after")}));
    EXPECT_EQ(run.feed(RunStarted{}), "prepare route:1");
    run.feed(StepStarted{"route", 1, {}});
    const Json yes = Json::object({{"evaluation", Json::boolean(true)}});
    Json branches = Json::array();
    branches.append(yes);
    branches.append(yes);
    branches.append(yes);
    EXPECT_EQ(
        run.feed(StepSucceeded{"route", 1, Json::object({{"branches", branches}}), {}, false}),
        "prepare a:1");
    EXPECT_EQ(run.state().path, "") << "a router has no turns that repeat a step";
    run.feed(StepStarted{"a", 1, {}});
    EXPECT_EQ(run.feed(StepSucceeded{"a", 1, {}, {}, false}), "prepare c:1");
    run.feed(StepStarted{"c", 1, {}});
    EXPECT_EQ(run.feed(StepSucceeded{"c", 1, {}, {}, false}), "prepare after:1");
    EXPECT_TRUE(steps_json(run.program(), run.state()).has("c"));
}

}  // namespace
}  // namespace sallyport::engine
