// Runs that wait for a request, runs that call other runs, many runs at once, on both stores.
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

std::string piece_step(std::string_view name, std::string_view piece, std::string_view action,
                       std::string_view input, std::string_view options = "{}") {
    return R"({"type":"PIECE","displayName":"Step","valid":true,"name":")" + std::string(name) +
           R"(","settings":{"pieceName":"@activepieces/piece-)" + std::string(piece) +
           R"(","pieceVersion":"0.1.0","actionName":")" + std::string(action) +
           R"(","propertySettings":{},"errorHandlingOptions":)" + std::string(options) +
           R"(,"input":)" + std::string(input) + "}}";
}

std::string respond_and_wait(std::string_view name) {
    return piece_step(
        name, "webhook", "return_response_and_wait_for_next_webhook",
        R"({"responseType":"json","fields":{"status":202,"headers":{},"body":{"say":"go on"}}})");
}

HttpResponse post(const std::string& url, const std::string& body = "{}") {
    HttpRequest request;
    request.method = "POST";
    request.url = url;
    request.headers = {{"Content-Type", "application/json"}};
    request.body = body;
    return send(request);
}

// The address as this engine's: answers carry the public one.
std::string at(const EngineProcess& engine, const std::string& url) {
    const std::size_t path = url.find("/api/v1/");
    return engine.url(path == std::string::npos ? "/nowhere" : url.substr(path));
}

class EngineWait : public ::testing::TestWithParam<bool> {
  protected:
    static void SetUpTestSuite() { server_ = std::make_unique<PostgresServer>(); }
    static void TearDownTestSuite() { server_.reset(); }

    EngineWait() {
        if (GetParam()) {
            settings_ = {"AP_DB_TYPE=POSTGRES", "AP_POSTGRES_URL=" + server_->make_database()};
        }
        settings_.emplace_back("AP_FRONTEND_URL=https://flows.example.org/");
        engine_ = std::make_unique<EngineProcess>(settings_);
        ann_ = std::make_unique<ApiUser>(*engine_);
        ann_->sign_up();
    }

    HttpResponse hook(const std::string& path, const std::string& body = "{}") {
        return post(engine_->url("/v1/webhooks/" + path), body);
    }
    std::string start(const std::string& flow, const std::string& body = "{}") {
        return hook(flow, body).header("x-webhook-id").value_or("");
    }
    bool reaches(const std::string& run, std::string_view status) {
        return wait_until(
            [&] { return ann_->get("/v1/flow-runs/" + run).body["status"].text() == status; });
    }
    Json run(const std::string& id) { return ann_->get("/v1/flow-runs/" + id).body; }
    // A callable flow of these actions; its id.
    std::string callable(const std::vector<std::string>& actions) {
        const std::string id = ann_->make_flow(actions);
        EXPECT_EQ(
            ann_->operate(
                    id, "UPDATE_TRIGGER",
                    R"({"type":"PIECE_TRIGGER","name":"trigger","displayName":"Call","valid":true,"settings":{"pieceName":"@activepieces/piece-subflows","pieceVersion":"0.6.3","triggerName":"callableFlow","input":{"mode":"simple","exampleData":{"sampleData":{}}},"propertySettings":{}}})")
                .status,
            200);
        EXPECT_EQ(ann_->operate(id, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})").status, 200);
        return id;
    }

    static std::unique_ptr<PostgresServer> server_;
    std::vector<std::string> settings_;
    std::unique_ptr<EngineProcess> engine_;
    std::unique_ptr<ApiUser> ann_;
};
std::unique_ptr<PostgresServer> EngineWait::server_;

TEST_P(EngineWait, ARunWaitsForTheNextWebhook) {
    const std::string flow = ann_->make_flow(
        {respond_and_wait("wait"), answer_step("answer", R"({"got":"{{wait.output.body.n}}"})")});
    const HttpResponse first = hook(flow + "/sync");
    EXPECT_EQ(first.status, 202);
    EXPECT_EQ(first.body, R"({"say":"go on"})");
    const std::string id = first.header("x-webhook-id").value_or("");
    const std::string url = first.header("x-activepieces-resume-webhook-url").value_or("");
    EXPECT_TRUE(url.starts_with("https://flows.example.org/api/v1/flow-runs/" + id + "/requests/"))
        << url;
    ASSERT_TRUE(reaches(id, "PAUSED"));
    engine_->kill();
    engine_->start();
    // Only the address itself will do.
    std::string forged = url;
    const std::size_t last = forged.find("/sync") - 1;
    forged[last] = forged[last] == '0' ? '1' : '0';
    EXPECT_EQ(post(at(*engine_, forged)).status, 404);
    EXPECT_EQ(run(id)["status"].text(), "PAUSED");
    const HttpResponse second = post(at(*engine_, url), R"({"n":7})");
    EXPECT_EQ(second.status, 200);
    EXPECT_EQ(second.body, R"({"got":7})");
    EXPECT_EQ(ann_->finished_run(id)["status"].text(), "SUCCEEDED");
    const HttpResponse third = post(at(*engine_, url));
    EXPECT_EQ(third.status, 409);
    EXPECT_EQ(third.body, R"({"message":"Flow run is not paused","flowRunStatus":"SUCCEEDED"})");
    EXPECT_EQ(
        post(at(*engine_, url.substr(0, url.find("/sync")))).body,
        R"({"message":"This link has expired. The action may have already been processed."})");
}

TEST_P(EngineWait, AnApprovalMayComeBeforeItIsWaitedFor) {
    const std::string flow = ann_->make_flow(
        {piece_step("links", "approval", "create_approval_links", "{}"),
         piece_step("rest", "delay", "delayFor", R"({"unit":"seconds","delayFor":2})"),
         piece_step("wait", "approval", "wait_for_approval", "{}")});
    for (const bool early : {true, false}) {
        const std::string id = start(flow);
        ASSERT_TRUE(wait_until([&] {
            const std::string status(run(id)["steps"]["wait"]["status"].text());
            return early ? run(id)["steps"]["links"]["output"].exists() : status == "PAUSED";
        }));
        const std::string link(run(id)["steps"]["links"]["output"]["approvalLink"].text());
        const HttpResponse approved = post(at(*engine_, link), "");
        EXPECT_EQ(approved.body,
                  R"({"message":"Your response has been recorded. You can close this page now."})");
        EXPECT_EQ(ann_->finished_run(id)["steps"]["wait"]["output"].dump(), R"({"approved":true})");
    }
}

TEST_P(EngineWait, AFlowCallsAnotherAndHearsFromIt) {
    const std::string child = callable(
        {code_step("double", "export const code = async (inputs) => inputs.n * 2;",
                   R"({"n":"{{trigger.output.data.n}}"})"),
         piece_step("back", "subflows", "returnResponse",
                    R"({"mode":"simple","response":{"response":{"n":"{{double.output}}"}}})")});
    const std::string parent = ann_->make_flow(
        {piece_step(
             "call", "subflows", "callFlow",
             R"({"flowId":")" + child +
                 R"(","mode":"simple","flowProps":{"payload":{"n":21}},"waitForResponse":true})"),
         answer_step("answer", R"({"n":"{{call.output.data.n}}","s":"{{call.output.status}}"})")});
    const HttpResponse answer = hook(parent + "/sync");
    EXPECT_EQ(answer.body, R"({"n":42,"s":"success"})");
    const std::string id = answer.header("x-webhook-id").value_or("");
    const Json children =
        ann_->get("/v1/flow-runs?projectId=" + ann_->project() + "&flowId=" + child).body["data"];
    ASSERT_EQ(children.size(), 1u);
    EXPECT_EQ(children.at(0)["parentRunId"].text(), id);
}

// Before 0.6 the setting was an object, with the flow's external id or, earlier still, its id.
TEST_P(EngineWait, OlderExportsNameTheCalledFlowByAnObject) {
    const std::string child = callable({piece_step(
        "back", "subflows", "returnResponse",
        R"({"mode":"simple","response":{"response":{"n":"{{trigger.output.data.n}}"}}})")});
    for (const std::string_view name : {"externalId", "id"}) {
        const std::string parent = ann_->make_flow(
            {piece_step("call", "subflows", "callFlow",
                        R"({"flow":{")" + std::string(name) + R"(":")" + child +
                            R"(","exampleData":{"sampleData":{}}},"mode":"simple",)"
                            R"("flowProps":{"payload":{"n":21}},"waitForResponse":true})"),
             answer_step("answer", R"("{{call.output.data}}")")});
        EXPECT_EQ(hook(parent + "/sync").body, R"({"n":21})") << name;
    }
    EXPECT_EQ(ann_->finished_run(start(ann_->make_flow(
                  {piece_step("call", "subflows", "callFlow",
                              R"({"flow":{},"flowProps":{}})")})))["failedStep"]["message"]
                  .text(),
              "Please select a flow");
}

TEST_P(EngineWait, AFailureOfTheCalledFlowIsTheCallers) {
    const std::string child =
        callable({code_step("bad", "export const code = async () => { throw new Error('no'); };")});
    const auto parent = [&](std::string_view wait, std::string_view options) {
        return ann_->make_flow({piece_step(
            "call", "subflows", "callFlow",
            R"({"flowId":")" + child + R"(","flowProps":{"payload":{}},"waitForResponse":)" +
                std::string(wait) + "}",
            options)});
    };
    const Json failed = ann_->finished_run(start(parent("true", "{}")));
    EXPECT_EQ(failed["status"].text(), "FAILED");
    EXPECT_NE(failed["failedStep"]["message"].text().find("Subflow execution failed"),
              std::string_view::npos);
    EXPECT_EQ(ann_->finished_run(start(parent("false", "{}")))["status"].text(), "SUCCEEDED");
    const Json went_on =
        ann_->finished_run(start(parent("true", R"({"continueOnFailure":{"value":true}})")));
    EXPECT_EQ(went_on["status"].text(), "SUCCEEDED");
    EXPECT_EQ(went_on["steps"]["call"]["status"].text(), "FAILED");
    const Json nobody = ann_->finished_run(start(ann_->make_flow(
        {piece_step("call", "subflows", "callFlow", R"({"flowId":"nothing","flowProps":{}})")})));
    EXPECT_EQ(nobody["failedStep"]["message"].text(), "Flow not found");
}

TEST_P(EngineWait, ManyRunsAreRetriedCanceledAndCounted) {
    const std::string broken =
        ann_->make_flow({code_step("bad", "export const code = async () => { throw 1; };")});
    const std::string resting = ann_->make_flow(
        {piece_step("rest", "delay", "delayFor", R"({"unit":"days","delayFor":1})")});
    std::vector<std::string> failed;
    std::vector<std::string> paused;
    for (int i = 0; i < 3; ++i) {
        failed.push_back(start(broken));
        paused.push_back(start(resting));
    }
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(reaches(failed[static_cast<std::size_t>(i)], "FAILED"));
        ASSERT_TRUE(reaches(paused[static_cast<std::size_t>(i)], "PAUSED"));
    }
    const std::string project = R"({"projectId":")" + ann_->project() + R"(",)";
    EXPECT_EQ(
        ann_->get("/v1/flow-runs/count-by-status?projectId=" + ann_->project()).body["data"].dump(),
        R"([{"status":"FAILED","count":3},{"status":"PAUSED","count":3}])");
    const auto counted = [&](const std::string& times) {
        return ann_->get("/v1/flow-runs/count-by-status?projectId=" + ann_->project() + "&" + times)
            .body["data"];
    };
    EXPECT_EQ(counted("createdAfter=2001-01-01T00:00:00Z").size(), 2u);
    EXPECT_EQ(counted("createdAfter=2901-01-01T00:00:00Z").dump(), "[]");
    EXPECT_EQ(counted("createdBefore=2001-01-01T00:00:00Z").dump(), "[]");
    EXPECT_FALSE(counted("createdAfter=yesterday").exists());
    const ApiAnswer again = ann_->post(
        "/v1/flow-runs/retry", project + R"("strategy":"ON_LATEST_VERSION","flowId":[")" + broken +
                                   R"("],"excludeFlowRunIds":[")" + failed[0] + R"("]})");
    EXPECT_EQ(again.status, 200) << again.raw.body;
    EXPECT_EQ(again.body.size(), 2u) << again.raw.body;
    EXPECT_EQ(ann_->post("/v1/flow-runs/cancel", project + R"("status":["RUNNING"]})").status, 200);
    EXPECT_EQ(run(paused[0])["status"].text(), "PAUSED") << "what runs is not canceled";
    EXPECT_EQ(
        ann_->post("/v1/flow-runs/cancel", project + R"("flowId":")" + resting + "\"}").status,
        200);
    for (const std::string& id : paused) {
        EXPECT_EQ(run(id)["status"].text(), "CANCELED");
    }
    // One id is that run, and what can be no choice is refused: neither is all runs.
    const auto archive = [&](const std::string& chosen) {
        return ann_->post("/v1/flow-runs/archive", project + chosen + "}").status;
    };
    const std::string ids = R"("flowRunIds":)";
    EXPECT_EQ(archive(ids + "{}"), 400);
    EXPECT_EQ(archive(R"("excludeFlowRunIds":7)"), 400);
    EXPECT_EQ(archive(R"("failedStepName":5)"), 400);
    EXPECT_EQ(archive(R"("failedStepMessage":["x"])"), 400);
    EXPECT_EQ(archive(R"("status":["FALLEN"])"), 400);
    const std::string other = "[\"" + paused[1] + "\"]";
    EXPECT_EQ(archive(ids + other + R"(,"excludeFlowRunIds":)" + other), 200);
    EXPECT_EQ(archive(ids + "\"" + paused[0] + "\""), 200);
    EXPECT_TRUE(run(paused[0])["archivedAt"].is_string());
    const std::string list =
        "/v1/flow-runs?limit=100&flowId=" + resting + "&projectId=" + ann_->project();
    EXPECT_EQ(ann_->get(list).body["data"].size(), 2u);
    EXPECT_EQ(ann_->get(list + "&includeArchived=true").body["data"].size(), 3u);
}

TEST_P(EngineWait, ARunThatWritesTooMuchIsStopped) {
    engine_->stop();
    settings_.emplace_back("AP_MAX_FLOW_RUN_LOG_SIZE_MB=1");
    EngineProcess small(settings_);
    ApiUser bob(small);
    bob.sign_up();
    const std::string code = "export const code = async () => 'x'.repeat(400000);";
    std::vector<std::string> steps;
    for (int i = 0; i < 6; ++i) {
        steps.push_back(code_step("s" + std::to_string(i), code));
        steps.push_back(piece_step("d" + std::to_string(i), "delay", "delayFor",
                                   R"({"unit":"seconds","delayFor":0})"));
    }
    const std::string flow = bob.make_flow(steps);
    const std::string id =
        post(small.url("/v1/webhooks/" + flow)).header("x-webhook-id").value_or("");
    const Json ended = bob.finished_run(id);
    EXPECT_EQ(ended["status"].text(), "LOG_SIZE_EXCEEDED");
    EXPECT_NE(ended["failedStep"]["message"].text().find("AP_MAX_FLOW_RUN_LOG_SIZE_MB"),
              std::string_view::npos);
}

TEST_P(EngineWait, RunsStopFailAndSayWhichTheyAre) {
    const std::string never = code_step("never", "export const code = async () => 1;");
    const std::string stopping =
        ann_->make_flow({piece_step("info", "flow-helper", "getRunId", "{}"),
                         piece_step("stop", "flow-helper", "stopFlow", "{}"), never});
    const HttpResponse stopped = post(engine_->url("/v1/webhooks/" + stopping + "/sync"));
    EXPECT_EQ(stopped.status, 200);
    EXPECT_EQ(stopped.body, "{}");
    const std::string id =
        post(engine_->url("/v1/webhooks/" + stopping)).header("x-webhook-id").value_or("");
    const Json ended = ann_->finished_run(id);
    EXPECT_EQ(ended["status"].text(), "SUCCEEDED") << ended.dump();
    EXPECT_FALSE(ended["steps"].has("never"));
    EXPECT_EQ(ended["steps"]["info"]["output"]["id"].text(), id);
    EXPECT_EQ(ended["steps"]["info"]["output"]["url"].text(),
              "https://flows.example.org/projects/" + ann_->project() + "/runs/" + id);
    EXPECT_EQ(ended["steps"]["stop"]["output"].dump(),
              R"({"success":true,"message":"Flow stopped successfully."})");
    const std::string failing = ann_->make_flow(
        {piece_step("fail", "flow-helper", "failFlow", R"({"message":"too late"})"), never});
    const std::string other =
        post(engine_->url("/v1/webhooks/" + failing)).header("x-webhook-id").value_or("");
    const Json failed = ann_->finished_run(other);
    EXPECT_EQ(failed["status"].text(), "FAILED");
    EXPECT_EQ(failed["failedStep"]["message"].text(), "too late");
    EXPECT_FALSE(failed["steps"].has("never"));
}

INSTANTIATE_TEST_SUITE_P(Sqlite, EngineWait, ::testing::Values(false));
INSTANTIATE_TEST_SUITE_P(Postgres, EngineWait, ::testing::Values(true));

}  // namespace
}  // namespace sallyport::test
