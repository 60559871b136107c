// What steps that wait make of a request, and the addresses it comes by.
#include "engine/core/ids.hpp"
#include "engine/core/pieces/wait.hpp"
#include "engine/core/runs/journal.hpp"
#include "engine/core/runs/machine.hpp"
#include "engine/core/runs/resume_id.hpp"
#include "tests/unit/engine_flows.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

struct WaitCase {
    std::string_view piece;
    std::string_view payload;
    std::string_view output;
    std::string_view error;
};

TEST(Waits, GiveWhatTheRequestSaid) {
    const std::vector<WaitCase> cases = {
        {kApprovalPiece, R"({"queryParams":{"action":"approve"}})", R"({"approved":true})", ""},
        {kApprovalPiece, R"({"queryParams":{"action":"Approve"}})", R"({"approved":false})", ""},
        {kApprovalPiece, R"({})", R"({"approved":false})", ""},
        {"@activepieces/piece-webhook", R"({"body":1,"headers":{"a":"b"},"queryParams":{}})",
         R"({"body":1,"headers":{"a":"b"},"queryParams":{}})", ""},
        {kSubflowsPiece, R"({"body":{"status":"success","data":[1]}})",
         R"({"status":"success","data":[1]})", ""},
        {kSubflowsPiece, R"({"body":{"status":"error","data":"x"}})", "", R"("x")"},
    };
    for (const WaitCase& one : cases) {
        Step step;
        step.piece = one.piece;
        const WaitOutcome outcome = wait_outcome(step, Json::parse(one.payload).value());
        EXPECT_EQ(outcome.output.dump(), one.output) << one.payload;
        EXPECT_EQ(outcome.error, one.error);
    }
}

TEST(Waits, AddressesAreProofsOfTheirOwn) {
    const HmacKey key(DigestAlgorithm::sha256, "a secret of sixteen");
    const HmacKey other(DigestAlgorithm::sha256, "another of sixteen..");
    const std::string id = resume_id(key, "run1", "step_1", 1, "");
    EXPECT_TRUE(is_id(id)) << id;
    EXPECT_TRUE(is_resume_id_of(key, "run1", id));
    EXPECT_FALSE(is_resume_id_of(key, "run2", id));
    EXPECT_FALSE(is_resume_id_of(other, "run1", id));
    EXPECT_FALSE(is_resume_id_of(key, "run1", ""));
    EXPECT_FALSE(is_resume_id_of(key, "run1", id.substr(0, 20)));
    EXPECT_NE(id, resume_id(key, "run1", "step_1", 2, ""));
    EXPECT_NE(id, resume_id(key, "run1", "step_1", 1, "0"));
    EXPECT_NE(resume_id(key, "run1", "a", 1, "b"), resume_id(key, "run1", "a[b", 1, ""));
    const CallbackTarget target =
        callback_target("https://x/api/v1/flow-runs/run1/waitpoints/" + id + "?a=b");
    EXPECT_EQ(target.run_id, "run1");
    EXPECT_EQ(target.request_id, id);
    EXPECT_EQ(callback_target("https://x/elsewhere").run_id, "");
}

// A step that goes on itself when the run does: its next attempt, with what arrived.
class GoesOn : public ::testing::Test {
  protected:
    // What the step is prepared for next, or nothing.
    std::string feed(const Event& event) {
        Transition next = step(*program_, std::move(state_), event, 1000);
        EXPECT_TRUE(next.accepted);
        state_ = std::move(next.state);
        Json entries = Json::array();
        entries.append(journal_entry_json(event, 1000));
        journal_.push_back(entries.dump());
        for (const Action& action : next.actions) {
            if (const auto* prepare = std::get_if<PrepareStep>(&action.what)) {
                return program_->steps[prepare->step].name + std::to_string(prepare->attempt);
            }
        }
        return {};
    }

    std::shared_ptr<const Program> program_ =
        test_program({code_action("a", kRetry), code_action("b")});
    RunState state_;
    std::vector<std::string> journal_;
};

TEST_F(GoesOn, WithWhatArrivedAndAgainUnderAnotherId) {
    feed(RunStarted{});
    feed(StepStarted{"a", 1, {}});
    feed(StepPaused{"a", 1, 90'000, Json::string("link"), "", "q1", {}, true});
    EXPECT_EQ(feed(RequestArrived{"q1", Json::string("yes"), 0}), "a2");
    EXPECT_EQ(state_.resume_payload.text(), "yes");
    EXPECT_EQ(replay(*program_, journal_)->resume_payload.text(), "yes") << "the journal has it";
    feed(StepStarted{"a", 2, {}});
    feed(StepPaused{"a", 2, 80'000, {}, "", "", {}, true});
    EXPECT_EQ(feed(RunResumed{0, {}}), "a3");
    EXPECT_TRUE(state_.resume_payload.is_object());
    feed(StepStarted{"a", 3, {}});
    feed(StepFailed{"a", 3, "no", FailureKind::error});
    EXPECT_EQ(feed(TimerFired{TimerKind::retry, 4}), "a4") << "going on is no failed attempt";
    feed(StepStarted{"a", 4, {}});
    EXPECT_EQ(feed(StepSucceeded{"a", 4, Json::string("done"), {}, false}), "b1");
    EXPECT_FALSE(state_.resume_payload.exists());
}

}  // namespace
}  // namespace sallyport::engine
