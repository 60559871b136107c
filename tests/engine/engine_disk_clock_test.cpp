// A disk that turns read-only under the engine, and a wall clock that is set: what was acknowledged
// is kept, what runs goes on.
#include "tests/engine/engine_process.hpp"
#include "tests/engine/faulty_machine.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::test {
namespace {

std::string run_of(const HttpResponse& answer) {
    return answer.header("x-webhook-id").value_or("");
}

std::string slow_step(std::string_view name) {
    return code_step(name,
                     "export const code = async () => { await new Promise((done) => "
                     "setTimeout(done, 2500)); return 'whole'; };");
}

TEST(EngineDisk, ThatTurnsReadOnlyRefusesAndComesBack) {
    FaultyMachine machine;
    EngineProcess engine({}, machine.wrapper());
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({answer_step("s", "{}")});
    std::vector<std::string> acknowledged;
    for (int i = 0; i < 20; ++i) {
        const HttpResponse answer = deliver_webhook(engine, flow);
        ASSERT_EQ(answer.status, 200);
        acknowledged.push_back(run_of(answer));
    }
    machine.turn_read_only(true);
    for (int i = 0; i < 5; ++i) {
        const HttpResponse answer = deliver_webhook(engine, flow);
        EXPECT_EQ(answer.status, 503) << answer.body;
    }
    EXPECT_EQ(ann.get("/v1/flow-runs/" + acknowledged.front()).status, 200)
        << "what can be read is served";
    machine.turn_read_only(false);
    EXPECT_TRUE(wait_until([&] { return deliver_webhook(engine, flow).status == 200; }))
        << "without a new start";
    engine.kill();
    engine.start();
    for (const std::string& run : acknowledged) {
        EXPECT_EQ(ann.finished_run(run)["status"].text(), "SUCCEEDED");
    }
}

TEST(EngineClock, ThatIsSetTakesNoTimeFromARun) {
    FaultyMachine machine;
    EngineProcess engine({"AP_FLOW_TIMEOUT_SECONDS=60"}, machine.wrapper());
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({slow_step("slow")});
    const std::string resting =
        ann.make_flow({delay_step("rest", "delayFor", R"({"unit":"hours","delayFor":1})")});
    const std::string rests = run_of(deliver_webhook(engine, resting));
    ASSERT_TRUE(ann.run_reaches(rests, "PAUSED"));
    for (const std::int64_t hours : {2, -4, 0}) {
        const std::string run = run_of(deliver_webhook(engine, flow));
        ASSERT_TRUE(ann.run_reaches(run, "RUNNING"));
        machine.set_clock(hours);
        const Json record = ann.finished_run(run);
        EXPECT_EQ(record["status"].text(), "SUCCEEDED") << hours << ": " << record.dump();
        EXPECT_EQ(record["steps"]["slow"]["output"].text(), "whole");
        // What rests until a time goes by the clock on the wall.
        EXPECT_EQ(ann.finished_run(rests)["status"].text(), "SUCCEEDED") << hours;
    }
}

// Made by a clock that was hours ahead: set right, the schedule goes by it, with no run twice.
TEST(EngineClock, ThatIsSetBackHoldsNoSchedule) {
    FaultyMachine machine;
    machine.set_clock(5);
    EngineProcess engine({}, machine.wrapper());
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({answer_step("s", "{}")});
    const std::string trigger =
        R"({"type":"PIECE_TRIGGER","name":"trigger","displayName":"Each second","valid":true,)"
        R"("settings":{"pieceName":"@activepieces/piece-schedule","pieceVersion":"0.1.5",)"
        R"("triggerName":"cron_expression","propertySettings":{},)"
        R"("input":{"cronExpression":"* * * * * *","timezone":"UTC"}}})";
    ASSERT_EQ(ann.operate(flow, "UPDATE_TRIGGER", trigger).status, 200);
    ASSERT_EQ(ann.operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})").status, 200);
    const auto runs = [&] {
        return ann.get("/v1/flow-runs?limit=100&projectId=" + ann.project()).body["data"].size();
    };
    const auto goes_on = [&] {
        const std::size_t before = runs();
        return wait_until([&] { return runs() > before + 1; });
    };
    ASSERT_TRUE(goes_on());
    machine.set_clock(2);
    EXPECT_TRUE(goes_on()) << "while it ran";
    engine.kill();
    machine.set_clock(0);
    engine.start();
    EXPECT_TRUE(goes_on()) << "while it did not";
}

TEST(EngineClock, ThatIsSetBackEndsNoRunLate) {
    FaultyMachine machine;
    EngineProcess engine({"AP_FLOW_TIMEOUT_SECONDS=3"}, machine.wrapper());
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({slow_step("slow"), slow_step("slower")});
    const std::string run = run_of(deliver_webhook(engine, flow));
    ASSERT_TRUE(ann.run_reaches(run, "RUNNING"));
    machine.set_clock(-4);
    EXPECT_EQ(ann.finished_run(run)["status"].text(), "TIMEOUT");
}

}  // namespace
}  // namespace sallyport::test
