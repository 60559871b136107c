// Runs that rest, runs that are tried again, runs that are canceled, on the real engine; a kill in
// between changes nothing.
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

std::string start(const EngineProcess& engine, const std::string& flow) {
    HttpRequest hook;
    hook.method = "POST";
    hook.url = engine.url("/v1/webhooks/" + flow);
    return send(hook).header("x-webhook-id").value_or("");
}

ApiAnswer retry(ApiUser& user, const std::string& run, std::string_view strategy) {
    return user.post("/v1/flow-runs/" + run + "/retry", R"({"strategy":")" + std::string(strategy) +
                                                            R"(","projectId":")" + user.project() +
                                                            R"("})");
}

TEST(EnginePause, ADelayEndsByItselfAndAfterAKill) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow =
        ann.make_flow({delay_step("wait", "delayFor", R"({"unit":"seconds","delayFor":2})"),
                       code_step("after", "export const code = async (inputs) => inputs.waited;",
                                 R"({"waited":"{{wait.output.success}}"})")});
    const std::string first = start(engine, flow);
    ASSERT_TRUE(ann.run_reaches(first, "PAUSED"));
    EXPECT_EQ(ann.get("/v1/flow-runs/" + first).body["steps"]["wait"]["status"].text(), "PAUSED");
    const Json run = ann.finished_run(first);
    EXPECT_EQ(run["status"].text(), "SUCCEEDED");
    EXPECT_EQ(run["steps"]["wait"]["output"].dump(), R"({"delayForInMs":2000,"success":true})");
    EXPECT_EQ(run["steps"]["after"]["output"].dump(), "true");

    const std::string second = start(engine, flow);
    ASSERT_TRUE(ann.run_reaches(second, "PAUSED"));
    engine.kill();
    engine.start();
    EXPECT_EQ(ann.finished_run(second)["status"].text(), "SUCCEEDED");
}

TEST(EnginePause, ALongRestNeedsNoPlaceAndCanBeCanceled) {
    EngineProcess engine({"AP_ALLOW_OPEN_SIGN_UP=true"});
    ApiUser ann(engine);
    ApiUser bob(engine);
    ann.sign_up("ann@example.org");
    bob.sign_up("bob@example.org");
    const std::string flow =
        ann.make_flow({delay_step("wait", "delayFor", R"({"unit":"days","delayFor":3})")});
    const std::string run = start(engine, flow);
    ASSERT_TRUE(ann.run_reaches(run, "PAUSED"));
    EXPECT_EQ(retry(ann, run, "FROM_FAILED_STEP").status, 400) << "it has not failed";
    const auto cancel = [&](ApiUser& user) {
        return user
            .post("/v1/flow-runs/cancel",
                  R"({"projectId":")" + user.project() + R"(","flowRunIds":[")" + run + R"("]})")
            .status;
    };
    EXPECT_EQ(cancel(bob), 200) << "passed over: not of his project";
    EXPECT_EQ(ann.get("/v1/flow-runs/" + run).body["status"].text(), "PAUSED");
    engine.kill();
    engine.start();
    EXPECT_EQ(cancel(ann), 200);
    EXPECT_EQ(ann.finished_run(run)["status"].text(), "CANCELED");
    EXPECT_EQ(cancel(ann), 200);
    EXPECT_EQ(ann.post("/v1/flow-runs/cancel", R"({"projectId":"x"})").status, 403);
    EXPECT_EQ(ann.post("/v1/flow-runs/cancel", R"({"flowRunIds":[]})").status, 400);
}

TEST(EnginePause, AFailedRunIsRetried) {
    auto healthy = std::make_shared<std::atomic<bool>>(false);
    Upstream stub([healthy](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.status = healthy->load() ? 200 : 500;
        reply.body = "{}";
        return reply;
    });
    EngineProcess engine(
        {"AP_ALLOW_OPEN_SIGN_UP=true", "SALLYPORT_EGRESS_ALLOW=" + stub.address()});
    ApiUser ann(engine);
    ApiUser bob(engine);
    ann.sign_up("ann@example.org");
    bob.sign_up("bob@example.org");
    const std::string flow = ann.make_flow(
        {code_step("first", "export const code = async () => Math.random();", "{}"),
         http_step("call", R"({"method":"GET","url":"http://)" + stub.address() + R"(/"})")});
    const std::string run = start(engine, flow);
    const Json failed = ann.finished_run(run);
    ASSERT_EQ(failed["status"].text(), "FAILED");
    EXPECT_EQ(retry(bob, run, "FROM_FAILED_STEP").status, 403);
    EXPECT_EQ(retry(ann, run, "SOMEHOW").status, 400);
    EXPECT_EQ(retry(ann, "nothing", "FROM_FAILED_STEP").status, 404);
    healthy->store(true);
    const ApiAnswer again = retry(ann, run, "FROM_FAILED_STEP");
    EXPECT_EQ(again.status, 200) << again.raw.body;
    EXPECT_EQ(again.body["id"].text(), run);
    ASSERT_TRUE(ann.run_reaches(run, "SUCCEEDED"));
    const Json done = ann.finished_run(run);
    EXPECT_EQ(done["steps"]["first"]["output"].dump(), failed["steps"]["first"]["output"].dump())
        << "what was recorded is not done again";
    EXPECT_FALSE(done["failedStep"].is_object());
    EXPECT_EQ(stub.last_request().header("idempotency-key"), run + ":call:2");

    const ApiAnswer fresh = retry(ann, run, "ON_LATEST_VERSION");
    EXPECT_EQ(fresh.status, 200) << fresh.raw.body;
    const std::string next(fresh.body["id"].text());
    EXPECT_NE(next, run);
    EXPECT_EQ(ann.finished_run(next)["status"].text(), "SUCCEEDED");
}

}  // namespace
}  // namespace sallyport::test
