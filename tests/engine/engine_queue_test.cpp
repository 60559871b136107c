// Schedules, turns between projects, refusal before memory grows, and the metrics of it all.
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

HttpResponse fetch(const std::string& url, HeaderList headers = {}) {
    HttpRequest request;
    request.method = "GET";
    request.url = url;
    request.headers = std::move(headers);
    return send(request);
}

std::string start(const EngineProcess& engine, const std::string& flow) {
    return fetch(engine.url("/v1/webhooks/" + flow)).header("x-webhook-id").value_or("");
}

std::string scheduled(ApiUser& ann, const std::string& cron, const std::string& zone = "UTC") {
    const std::string flow = ann.make_flow({});
    EXPECT_EQ(ann.operate(flow, "UPDATE_TRIGGER",
                          R"({"type":"PIECE_TRIGGER","name":"trigger","displayName":"Clock",)"
                          R"("valid":true,"settings":{"pieceName":"@activepieces/piece-schedule",)"
                          R"("pieceVersion":"0.1.5","triggerName":"cron_expression",)"
                          R"("input":{"cronExpression":")" +
                              cron + R"(","timezone":")" + zone + R"("},"propertySettings":{}}})")
                  .status,
              200);
    return flow;
}

ApiAnswer publish(ApiUser& ann, const std::string& flow) {
    return ann.operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})");
}

std::size_t runs_of(ApiUser& ann, const std::string& flow) {
    return ann.get("/v1/flow-runs?limit=100&projectId=" + ann.project() + "&flowId=" + flow)
        .body["data"]
        .size();
}

TEST(EngineSchedule, AFlowRunsByTheClock) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = scheduled(ann, "* * * * * *");
    ASSERT_EQ(publish(ann, flow).status, 200);
    EXPECT_TRUE(wait_until([&] { return runs_of(ann, flow) >= 2; }));
    EXPECT_EQ(fetch(engine.url("/v1/webhooks/" + flow)).status, 404) << "no webhook starts it";
    // Killed and started again it goes on.
    engine.kill();
    const std::size_t before = [&] {
        engine.start();
        return runs_of(ann, flow);
    }();
    EXPECT_TRUE(wait_until([&] { return runs_of(ann, flow) > before; }));
    ASSERT_EQ(ann.operate(flow, "CHANGE_STATUS", R"({"status":"DISABLED"})").status, 200);
    // What was due is over once the next times pass without a run.
    std::size_t count = 0;
    EXPECT_TRUE(wait_until([&] {
        const std::size_t now = runs_of(ann, flow);
        const bool still = now == count;
        count = now;
        std::this_thread::sleep_for(std::chrono::milliseconds(1600));
        return still;
    }));
}

TEST(EngineSchedule, WhatMakesNoSenseIsNotPublished) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const ApiAnswer cron = publish(ann, scheduled(ann, "61 * * * *"));
    EXPECT_EQ(cron.status, 400);
    EXPECT_NE(cron.raw.body.find("'minute' must hold values from 0 to 59"), std::string::npos);
    const ApiAnswer zone = publish(ann, scheduled(ann, "1 * * * *", "Mars/Olympus"));
    EXPECT_EQ(zone.status, 400);
    EXPECT_NE(zone.raw.body.find("Mars/Olympus"), std::string::npos);
    const ApiAnswer never = publish(ann, scheduled(ann, "0 0 30 2 *", "Europe/Berlin"));
    EXPECT_EQ(never.status, 400);
    EXPECT_EQ(publish(ann, scheduled(ann, "0 0 29 2 *", "Europe/Berlin")).status, 200);
}

TEST(EngineSchedule, TwoEnginesFireEachTimeOnce) {
    PostgresServer server;
    const std::string database = server.make_database();
    const std::vector<std::string> settings = {"AP_DB_TYPE=POSTGRES",
                                               "AP_POSTGRES_URL=" + database};
    EngineProcess first(settings);
    EngineProcess second(settings);
    ApiUser ann(first);
    ann.sign_up();
    const std::string flow = scheduled(ann, "* * * * * *");
    ASSERT_EQ(publish(ann, flow).status, 200);
    ASSERT_TRUE(wait_until([&] { return runs_of(ann, flow) >= 4; }));
    EXPECT_EQ(server.query(database,
                           "SELECT count(*) - count(DISTINCT delivery_id) FROM webhook_delivery"),
              "0");
    EXPECT_EQ(server.query(database,
                           "SELECT count(*) FROM run WHERE NOT EXISTS (SELECT 1 FROM "
                           "webhook_delivery d WHERE d.run_id = run.id)"),
              "0")
        << "no run but those of a time";
}

TEST(EngineQueue, AProjectAtItsLimitWaitsAndTheOtherGoesOn) {
    const auto gate = std::make_shared<Gate>();
    Upstream stub([gate](const UpstreamRequest& request) {
        UpstreamReply reply;
        reply.body = "{}";
        if (request.target == "/slow") {
            reply.gate = gate;
        }
        return reply;
    });
    EngineProcess engine({"AP_ALLOW_OPEN_SIGN_UP=true", "AP_PROJECT_RATE_LIMITER_ENABLED=true",
                          "AP_DEFAULT_CONCURRENT_JOBS_LIMIT=2",
                          "SALLYPORT_EGRESS_ALLOW=" + stub.address()});
    ApiUser ann(engine);
    ApiUser bob(engine);
    ann.sign_up("ann@example.org");
    bob.sign_up("bob@example.org");
    const auto flow = [&](ApiUser& user, const std::string& path) {
        return user.make_flow({http_step(
            "call", R"({"method":"GET","url":"http://)" + stub.address() + path + R"("})")});
    };
    const std::string slow = flow(ann, "/slow");
    std::vector<std::string> runs;
    for (int i = 0; i < 6; ++i) {
        runs.push_back(start(engine, slow));
    }
    ASSERT_TRUE(wait_until([&] { return engine.metric("sallyport_queue_depth") == 4; }));
    EXPECT_EQ(engine.metric("sallyport_runs_active"), 2);
    EXPECT_EQ(ann.get("/v1/flow-runs/" + runs[5]).body["status"].text(), "QUEUED");
    const std::string quick = start(engine, flow(bob, "/quick"));
    EXPECT_EQ(bob.finished_run(quick)["status"].text(), "SUCCEEDED") << "not held up";
    // One that waits can be canceled, and a kill forgets none of them.
    EXPECT_EQ(ann.post("/v1/flow-runs/cancel", R"({"projectId":")" + ann.project() +
                                                   R"(","flowRunIds":[")" + runs[4] + R"("]})")
                  .status,
              200);
    EXPECT_EQ(ann.finished_run(runs[4])["status"].text(), "CANCELED");
    engine.kill();
    engine.start();
    ASSERT_TRUE(wait_until([&] { return engine.metric("sallyport_queue_depth") == 3; }));
    gate->open();
    for (const std::string& run : runs) {
        EXPECT_EQ(ann.finished_run(run)["status"].text(),
                  run == runs[4] ? "CANCELED" : "SUCCEEDED");
    }
    EXPECT_TRUE(wait_until([&] { return engine.metric("sallyport_runs_live") == 0; }));
}

// What a project says of itself counts without the limit of all, at once and after a start.
TEST(EngineQueue, AProjectsOwnLimitIsKept) {
    const auto gate = std::make_shared<Gate>();
    Upstream stub([gate](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.body = "{}";
        reply.gate = gate;
        return reply;
    });
    EngineProcess engine({"SALLYPORT_EGRESS_ALLOW=" + stub.address()});
    ApiUser ann(engine);
    ann.sign_up();
    const std::string project = "/v1/projects/" + ann.project();
    ASSERT_EQ(ann.post(project, R"({"maxConcurrentJobs":1})").status, 200);
    const std::string slow = ann.make_flow(
        {http_step("call", R"({"method":"GET","url":"http://)" + stub.address() + R"(/"})")});
    std::vector<std::string> runs;
    for (int i = 0; i < 5; ++i) {
        runs.push_back(start(engine, slow));
    }
    ASSERT_TRUE(wait_until([&] { return engine.metric("sallyport_queue_depth") == 4; }));
    EXPECT_EQ(engine.metric("sallyport_runs_active"), 1);
    ASSERT_EQ(ann.post(project, R"({"maxConcurrentJobs":3})").status, 200);
    ASSERT_TRUE(wait_until([&] { return engine.metric("sallyport_queue_depth") == 2; }));
    EXPECT_EQ(engine.metric("sallyport_runs_active"), 3);
    engine.kill();
    engine.start();
    ASSERT_TRUE(wait_until([&] { return engine.metric("sallyport_runs_active") == 3; }));
    gate->open();
    for (const std::string& run : runs) {
        EXPECT_EQ(ann.finished_run(run)["status"].text(), "SUCCEEDED");
    }
}

TEST(EngineQueue, BeyondItsRoomTheEngineRefusesBeforeItAccepts) {
    const auto gate = std::make_shared<Gate>();
    Upstream stub([gate](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.gate = gate;
        return reply;
    });
    EngineProcess engine({"SALLYPORT_RUNS_MAX=10", "SALLYPORT_EGRESS_ALLOW=" + stub.address()});
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow(
        {http_step("call", R"({"method":"GET","url":"http://)" + stub.address() + R"(/"})")});
    std::size_t accepted = 0;
    for (int i = 0; i < 15; ++i) {
        const HttpResponse answer = fetch(engine.url("/v1/webhooks/" + flow));
        accepted += answer.status == 200 ? 1 : 0;
        if (answer.status != 200) {
            EXPECT_EQ(answer.status, 503);
            EXPECT_TRUE(answer.header("retry-after"));
        }
    }
    EXPECT_EQ(accepted, 10u);
    EXPECT_EQ(engine.metric("sallyport_runs_refused_total"), 5);
    EXPECT_EQ(runs_of(ann, flow), 10u) << "what was refused is not there";
    gate->open();
    EXPECT_TRUE(wait_until([&] { return engine.metric("sallyport_runs_live") == 0; }));
    EXPECT_EQ(fetch(engine.url("/v1/webhooks/" + flow)).status, 200);
}

TEST(EngineMetrics, AreForThisMachineOrTheTokensHolder) {
    EngineProcess open;
    const HttpResponse text = fetch(open.url("/metrics"));
    EXPECT_EQ(text.status, 200);
    EXPECT_NE(text.header("content-type").value_or("").find("version=0.0.4"), std::string::npos);
    for (const std::string_view name :
         {"sallyport_runs_ended_total{status=\"FAILED\"}",
          "sallyport_run_seconds_bucket{le=\"+Inf\"}",
          "sallyport_step_seconds_count{kind=\"code\"}", "sallyport_queue_age_seconds",
          "sallyport_store_commits_total", "sallyport_sandbox_killed_total",
          "sallyport_engine_info{version="}) {
        EXPECT_NE(text.body.find(name), std::string::npos) << name;
    }
    EXPECT_EQ(fetch(open.url("/metrics"), {{"X-Forwarded-For", "192.0.2.1"}}).status, 404)
        << "somebody behind a proxy is not this machine";
    EngineProcess closed({"SALLYPORT_METRICS_TOKEN=0123456789abcdefgh"});
    EXPECT_EQ(fetch(closed.url("/metrics")).status, 404);
    EXPECT_EQ(
        fetch(closed.url("/metrics"), {{"Authorization", "Bearer 0123456789abcdefgx"}}).status,
        404);
    EXPECT_EQ(
        fetch(closed.url("/metrics"), {{"Authorization", "Bearer 0123456789abcdefgh"}}).status,
        200);
}

TEST(EngineMetrics, CountWhatHappens) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string good = ann.make_flow({code_step("s", "export const code = async () => 1;")});
    const std::string bad =
        ann.make_flow({code_step("s", "export const code = async () => { throw 1; };")});
    for (int i = 0; i < 3; ++i) {
        ann.finished_run(start(engine, good));
    }
    ann.finished_run(start(engine, bad));
    EXPECT_TRUE(wait_until([&] {
        return engine.metric("sallyport_runs_ended_total{status=\"SUCCEEDED\"}") == 3 &&
               engine.metric("sallyport_runs_ended_total{status=\"FAILED\"}") == 1;
    }));
    EXPECT_EQ(engine.metric("sallyport_runs_started_total"), 4);
    EXPECT_EQ(engine.metric("sallyport_step_seconds_count{kind=\"code\"}"), 4);
    EXPECT_GE(engine.metric("sallyport_store_changes_total"),
              engine.metric("sallyport_store_commits_total"));
    EXPECT_EQ(engine.metric("sallyport_sandbox_runs_total"), 4);
}

}  // namespace
}  // namespace sallyport::test
