// What steps that wait make of a request, and the addresses it comes by.
#include "engine/core/ids.hpp"
#include "engine/core/piece_wait.hpp"
#include "engine/core/resume_id.hpp"

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

}  // namespace
}  // namespace sallyport::engine
