// The main job on the real engine: an account, a flow, a webhook, its answer and its record.
#include "common/contract.hpp"
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

HttpResponse deliver(const EngineProcess& engine, const std::string& path, std::string body,
                     HeaderList headers = {{"Content-Type", "application/json"}}) {
    HttpRequest request;
    request.method = "POST";
    request.url = engine.url(path);
    request.headers = std::move(headers);
    request.body = std::move(body);
    return send(request);
}

std::string egress_to(const Upstream& upstream) {
    return "SALLYPORT_EGRESS_ALLOW=" + upstream.address();
}

UpstreamReply json_reply(std::string body, int status = 200) {
    UpstreamReply reply;
    reply.status = status;
    reply.headers = {{"Content-Type", "application/json"}};
    reply.body = std::move(body);
    return reply;
}

TEST(EngineFlow, WebhookRunsCodeThenHttpThenAnswers) {
    Upstream stub([](const UpstreamRequest&) { return json_reply(R"({"ticket":7})"); });
    EngineProcess engine({egress_to(stub)});
    ApiUser ann(engine);
    ASSERT_EQ(ann.sign_up().status, 200);
    const std::string flow = ann.make_flow(
        {code_step("step_1", "export const code = async (inputs) => ({n: inputs.a * 2});",
                   R"({"a":"{{trigger['output']['body']['a']}}"})"),
         http_step(
             "step_2",
             R"({"method":"POST","url":"http://)" + stub.address() +
                 R"(/t","headers":{},"queryParams":{"n":"{{step_1.output.n}}"},"authType":"NONE","body_type":"json","body":{"data":{"n":"{{step_1.output.n}}"}}})"),
         answer_step("step_3",
                     R"({"ticket":"{{step_2.output.body.ticket}}","n":"{{step_1.output.n}}"})")});

    const HttpResponse answer =
        deliver(engine, "/api/v1/webhooks/" + flow + "/sync", R"({"a":21})");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, R"({"ticket":7,"n":42})");
    EXPECT_EQ(answer.header("x-flow"), "yes");
    ASSERT_EQ(stub.request_count(), 1U);
    const UpstreamRequest sent = stub.last_request();
    EXPECT_EQ(sent.target, "/t?n=42");
    EXPECT_EQ(sent.body, R"({"n":42})");
    const std::string run_id = answer.header("x-webhook-id").value_or("");
    EXPECT_EQ(sent.header("idempotency-key"), run_id + ":step_2:1");

    const Json run = ann.finished_run(run_id);
    EXPECT_EQ(run["status"].text(), "SUCCEEDED");
    EXPECT_EQ(run["stepsCount"].integer_or(0), 4);
    const Json steps = run["steps"];
    EXPECT_EQ(steps["trigger"]["output"]["body"].dump(), R"({"a":21})");
    EXPECT_EQ(steps["step_1"]["input"].dump(), R"({"a":21})");
    EXPECT_EQ(steps["step_1"]["output"].dump(), R"({"n":42})");
    EXPECT_EQ(steps["step_2"]["output"]["status"].integer_or(0), 200);
    EXPECT_EQ(steps["step_3"]["status"].text(), "SUCCEEDED");

    const ApiAnswer list =
        ann.get("/v1/flow-runs?projectId=" + ann.project() + "&status[]=SUCCEEDED");
    ASSERT_EQ(list.body["data"].size(), 1U);
    EXPECT_EQ(list.body["data"].at(0)["id"].text(), run_id);
    EXPECT_FALSE(list.body["data"].at(0).has("steps"));
}

// Three items, of which a router sorts each into one of two branches; the answer comes from what
// the loop left.
TEST(EngineFlow, LoopsAndRoutersRun) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow(
        {R"({"type":"LOOP_ON_ITEMS","displayName":"Each","valid":true,"name":"each","settings":{"items":"{{trigger['output']['body']['items']}}"}})",
         answer_step(
             "answer",
             R"({"count":"{{each.output.index}}","kinds":"{{each.output.iterations.map(t => (t.big ?? t.small).output)}}"})")});
    const auto add = [&](std::string_view parent, std::string_view location, int branch,
                         const std::string& action) {
        const ApiAnswer added = ann.operate(
            flow, "ADD_ACTION",
            R"({"parentStep":")" + std::string(parent) + R"(","stepLocationRelativeToParent":")" +
                std::string(location) + R"(","branchIndex":)" + std::to_string(branch) +
                R"(,"action":)" + action + "}");
        ASSERT_EQ(added.status, 200) << added.raw.body;
    };
    add("each", "INSIDE_LOOP", 0,
        R"({"type":"ROUTER","displayName":"Sort","valid":true,"name":"sort","settings":{"executionType":"EXECUTE_FIRST_MATCH","branches":[{"branchName":"Big","branchType":"CONDITION","conditions":[[{"operator":"NUMBER_IS_GREATER_THAN","firstValue":"{{each.output.item}}","secondValue":"10"}]]},{"branchName":"Otherwise","branchType":"FALLBACK"}]}})");
    add("sort", "INSIDE_BRANCH", 0,
        code_step("big", "export const code = async (inputs) => 'big ' + inputs.n;",
                  R"({"n":"{{each.output.item}}"})"));
    add("sort", "INSIDE_BRANCH", 1,
        code_step("small", "export const code = async (inputs) => 'small ' + inputs.n;",
                  R"({"n":"{{each['output'].item}}"})"));
    ASSERT_EQ(ann.operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})").status, 200);

    const HttpResponse answer =
        deliver(engine, "/v1/webhooks/" + flow + "/sync", R"({"items":[5,50,7]})");
    EXPECT_EQ(answer.body, R"({"count":3,"kinds":["small 5","big 50","small 7"]})");
    const Json run = ann.finished_run(answer.header("x-webhook-id").value_or(""));
    EXPECT_EQ(run["stepsCount"].integer_or(0), 9);
    const Json turns = run["steps"]["each"]["output"]["iterations"];
    ASSERT_EQ(turns.size(), 3U);
    EXPECT_EQ(turns.at(1)["big"]["output"].text(), "big 50");
    EXPECT_EQ(turns.at(1)["sort"]["output"]["branches"].at(0)["evaluation"].dump(), "true");
    EXPECT_FALSE(turns.at(1).has("small"));

    const HttpResponse wrong =
        deliver(engine, "/v1/webhooks/" + flow + "/sync", R"({"items":"none"})");
    const Json failed = ann.finished_run(wrong.header("x-webhook-id").value_or(""));
    EXPECT_EQ(failed["status"].text(), "FAILED");
    EXPECT_EQ(failed["failedStep"]["message"].text(),
              "The items you have selected must be a list.");
}

TEST(EngineFlow, AsyncWebhookIsAcknowledgedAtOnce) {
    auto gate = std::make_shared<Gate>();
    Upstream stub([gate](const UpstreamRequest&) {
        UpstreamReply reply = json_reply("{}");
        reply.gate = gate;
        return reply;
    });
    EngineProcess engine({egress_to(stub)});
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow(
        {http_step("step_1", R"({"method":"GET","url":"http://)" + stub.address() + R"(/"})")});
    const HttpResponse answer = deliver(engine, "/v1/webhooks/" + flow, "{}");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "{}");
    ASSERT_TRUE(stub.wait_for_requests(1));
    const std::string run_id = answer.header("x-webhook-id").value_or("");
    EXPECT_EQ(ann.get("/v1/flow-runs/" + run_id).body["status"].text(), "RUNNING");
    gate->open();
    EXPECT_EQ(ann.finished_run(run_id)["status"].text(), "SUCCEEDED");
}

TEST(EngineFlow, AFailureModeTriesAgain) {
    std::atomic<int> good_from = 3;
    std::atomic<int> asked = 0;
    Upstream stub([&](const UpstreamRequest&) {
        UpstreamReply reply = json_reply("{}");
        reply.status = ++asked < good_from ? 503 : 200;
        return reply;
    });
    EngineProcess engine({egress_to(stub)});
    ApiUser ann(engine);
    ann.sign_up();
    const auto ends = [&](const std::string& mode, int good) {
        good_from = good;
        asked = 0;
        const std::string flow = ann.make_flow({http_step(
            "step_1", R"({"method":"POST","url":"http://)" + stub.address() +
                          R"(/","body_type":"json","body":{"data":{"a":1}},"failureMode":")" +
                          mode + "\"}")});
        const HttpResponse answer = deliver(engine, "/v1/webhooks/" + flow, "{}");
        const Json run = ann.finished_run(answer.header("x-webhook-id").value_or(""));
        return std::string(run["status"].text()) + " " + std::to_string(asked);
    };
    EXPECT_EQ(ends("retry_5xx", 3), "SUCCEEDED 3");
    EXPECT_EQ(ends("retry_all", 4), "FAILED 3");
    EXPECT_EQ(ends("retry_none", 2), "FAILED 1");
    EXPECT_EQ(ends("", 2), "FAILED 1");
    const auto requests = stub.requests();
    EXPECT_EQ(requests[2].body, R"({"a":1})");
    EXPECT_EQ(requests[0].header("idempotency-key"), requests[2].header("idempotency-key"));
    EXPECT_NE(requests[2].header("idempotency-key"), requests[3].header("idempotency-key"));
}

TEST(EngineFlow, SyncAnswersOfRunsWithoutAResponse) {
    EngineProcess engine({"SALLYPORT_CODE_TIMEOUT_SECONDS=1"});
    ApiUser ann(engine);
    ann.sign_up();
    struct Case {
        std::string name;
        std::string code;
        int status;
        std::string_view run_status;
    };
    const std::vector<Case> cases = {
        {"no answer", "export const code = async () => 1;", 204, "SUCCEEDED"},
        {"failure", "export const code = async () => { throw new Error('broken'); };", 500,
         "FAILED"},
        {"memory",
         "export const code = async () => { const a = []; for (;;) a.push(new "
         "Uint8Array(4e6).fill(1)); };",
         500, "MEMORY_LIMIT_EXCEEDED"},
        {"time", "export const code = async () => { for (;;); };", 504, "TIMEOUT"},
        {"waiting", "export const code = () => new Promise((done) => setTimeout(done, 60000));",
         504, "TIMEOUT"},
    };
    for (const Case& test : cases) {
        const std::string flow = ann.make_flow({code_step("step_1", test.code)});
        const HttpResponse answer = deliver(engine, "/v1/webhooks/" + flow + "/sync", "{}");
        EXPECT_EQ(answer.status, test.status) << test.name;
        const std::string run_id = answer.header("x-webhook-id").value_or("");
        EXPECT_EQ(ann.finished_run(run_id)["status"].text(), test.run_status) << test.name;
    }
}

// As with the run's own time: nothing of the flow takes it for a step that has failed.
TEST(EngineFlow, CodeThatTakesTooLongIsNeitherTriedAgainNorPassedOver) {
    EngineProcess engine({"SALLYPORT_CODE_TIMEOUT_SECONDS=1"});
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow(
        {code_step("step_1", "export const code = async () => { for (;;) await null; };", "{}",
                   R"({"continueOnFailure":{"value":true},"retryOnFailure":{"value":true}})"),
         answer_step("step_2", R"({"went":"on"})")});
    const HttpResponse answer = deliver(engine, "/v1/webhooks/" + flow + "/sync", "{}");
    EXPECT_EQ(answer.status, 504);
    const Json run = ann.finished_run(answer.header("x-webhook-id").value_or(""));
    EXPECT_EQ(run["status"].text(), "TIMEOUT");
    EXPECT_EQ(run["failedStep"]["name"].text(), "step_1");
    EXPECT_EQ(run["failedStep"]["message"].text(), "The code took longer than it may");
    EXPECT_FALSE(run["steps"].has("step_2"));
    // It may be tried again by hand, as other runs that have failed.
    EXPECT_EQ(ann.post("/v1/flow-runs/" + std::string(run["id"].text()) + "/retry",
                       R"({"strategy":"FROM_FAILED_STEP","projectId":")" + ann.project() + "\"}")
                  .status,
              200);
}

TEST(EngineFlow, SyncCallersWaitOnlySoLong) {
    auto gate = std::make_shared<Gate>();
    Upstream stub([gate](const UpstreamRequest&) {
        UpstreamReply reply = json_reply("{}");
        reply.gate = gate;
        return reply;
    });
    EngineProcess engine({egress_to(stub), "AP_WEBHOOK_TIMEOUT_SECONDS=1"});
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow(
        {http_step("step_1", R"({"method":"GET","url":"http://)" + stub.address() + R"(/"})")});
    const HttpResponse answer = deliver(engine, "/v1/webhooks/" + flow + "/sync", "{}");
    EXPECT_EQ(answer.status, 204);
    gate->open();  // the run goes on without its caller
    const std::string run_id = answer.header("x-webhook-id").value_or("");
    EXPECT_EQ(ann.finished_run(run_id)["status"].text(), "SUCCEEDED");
}

TEST(EngineFlow, FailedStepIsNamed) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({code_step(
        "step_1", "export const code = async () => { throw new Error('out of paper'); };")});
    const HttpResponse answer = deliver(engine, "/v1/webhooks/" + flow + "/sync", "{}");
    EXPECT_EQ(answer.body,
              R"({"message":"The flow has failed and there is no response returned"})");
    const Json run = ann.finished_run(answer.header("x-webhook-id").value_or(""));
    EXPECT_EQ(run["failedStep"]["name"].text(), "step_1");
    EXPECT_NE(run["failedStep"]["message"].text().find("out of paper"), std::string::npos);
    EXPECT_EQ(run["steps"]["step_1"]["status"].text(), "FAILED");
}

TEST(EngineFlow, EgressGuardKeepsStepsFromPrivateAddresses) {
    Upstream stub;
    EngineProcess engine;  // nothing allowed
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow(
        {http_step("step_1", R"({"method":"GET","url":"http://)" + stub.address() + R"(/"})")});
    const HttpResponse answer = deliver(engine, "/v1/webhooks/" + flow + "/sync", "{}");
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(stub.request_count(), 0U);
    const Json run = ann.finished_run(answer.header("x-webhook-id").value_or(""));
    EXPECT_NE(run["failedStep"]["message"].text().find("refused"), std::string::npos);
}

TEST(EngineFlow, TemplatesBeyondTheNativeSubsetRunInTheSandbox) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({answer_step(
        "step_1",
        R"j({"x":"{{trigger.output.body.list.map((v) => v * 2).filter((v) => v > 2)}}","y":"sum {{trigger.output.body.list.reduce((a, b) => a + b, 0)}}"})j")});
    const HttpResponse answer =
        deliver(engine, "/v1/webhooks/" + flow + "/sync", R"({"list":[1,2,3]})");
    EXPECT_EQ(answer.body, R"({"x":[4,6],"y":"sum 6"})");
}

TEST(EngineFlow, FormulasAreEvaluatedOrFailTheirStep) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({answer_step(
        "step_1",
        R"j({"n":"ap-formula-v1::{divide({{trigger.output.body.n}};2)}::ap-formula-v1","t":"Dear ap-formula-v1::{titlecase({{trigger['output']['body']['who']}})}::ap-formula-v1!"})j")});
    const std::string hook = "/v1/webhooks/" + flow + "/sync";
    EXPECT_EQ(deliver(engine, hook, R"({"n":5,"who":"ada lovelace"})").body,
              R"({"n":2.5,"t":"Dear Ada Lovelace!"})");
    const std::string failing = ann.make_flow({answer_step(
        "step_1",
        R"j({"n":"ap-formula-v1::{divide(1;{{trigger.output.body.n}})}::ap-formula-v1"})j")});
    const HttpResponse answer = deliver(engine, "/v1/webhooks/" + failing + "/sync", R"({"n":0})");
    const Json run = ann.finished_run(answer.header("x-webhook-id").value_or(""));
    EXPECT_NE(run["failedStep"]["message"].text().find("Cannot divide by zero"), std::string::npos)
        << run.dump();
}

// What is taken in must come back out of the journal, however deep it is.
TEST(EngineFlow, DepthIsBoundedWhereItComesIn) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow(
        {code_step("step_1",
                   "export const code = async (i) => { let v = 1; for (let k = 0; k < "
                   "i.depth; k++) v = [v]; return v; };",
                   R"({"depth":"{{trigger.output.queryParams.depth}}"})")});
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    const std::string hook = "/v1/webhooks/" + flow + "/sync?depth=";
    EXPECT_EQ(deliver(engine, hook + "1", nested(481)).status, 400);
    for (const auto& [depth, status] : {std::pair(470, "SUCCEEDED"), std::pair(490, "FAILED")}) {
        const HttpResponse answer = deliver(engine, hook + std::to_string(depth), nested(480));
        const Json run = ann.finished_run(answer.header("x-webhook-id").value_or(""));
        EXPECT_EQ(run["status"].text(), status) << depth;
        EXPECT_EQ(run["steps"].size(), 2U) << "the journal can be read";
    }
}

TEST(EngineFlow, DraftRunsTheLatestVersion) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({answer_step("step_1", "1")});
    ASSERT_EQ(ann.operate(flow, "UPDATE_ACTION", answer_step("step_1", "2")).status, 200);
    EXPECT_EQ(deliver(engine, "/v1/webhooks/" + flow + "/sync", "{}").body, "1");
    EXPECT_EQ(deliver(engine, "/v1/webhooks/" + flow + "/draft/sync", "{}").body, "2");
    // Only production runs are listed.
    EXPECT_EQ(ann.get("/v1/flow-runs?projectId=" + ann.project()).body["data"].size(), 1U);
    ASSERT_EQ(ann.operate(flow, "LOCK_AND_PUBLISH", "{}").status, 200);
    EXPECT_EQ(deliver(engine, "/v1/webhooks/" + flow + "/sync", "{}").body, "2");
}

TEST(EngineFlow, StatusDecidesWhoIsServed) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({answer_step("step_1", "1")});
    EXPECT_EQ(deliver(engine, "/v1/webhooks/aaaaaaaaaaaaaaaaaaaaa/sync", "{}").status, 410);
    ASSERT_EQ(ann.operate(flow, "CHANGE_STATUS", R"({"status":"DISABLED"})").status, 200);
    EXPECT_EQ(deliver(engine, "/v1/webhooks/" + flow + "/sync", "{}").status, 404);
    EXPECT_EQ(deliver(engine, "/v1/webhooks/" + flow, "{}").status, 404);
    ASSERT_EQ(ann.operate(flow, "CHANGE_STATUS", R"({"status":"ENABLED"})").status, 200);
    EXPECT_EQ(deliver(engine, "/v1/webhooks/" + flow + "/sync", "{}").status, 200);
    ASSERT_EQ(ann.call("DELETE", "/v1/flows/" + flow).status, 204);
    EXPECT_EQ(deliver(engine, "/v1/webhooks/" + flow + "/sync", "{}").status, 410);
    EXPECT_EQ(ann.get("/v1/flows/" + flow).status, 404);
}

// The first attempt's key goes with each: who has done the work knows it again.
TEST(EngineFlow, WhoSaysLaterIsAskedAgain) {
    std::atomic<int> asked{0};
    Upstream stub([&asked](const UpstreamRequest&) {
        UpstreamReply reply = json_reply(R"({"n":1})", ++asked == 1 ? 429 : 200);
        reply.headers.emplace_back("Retry-After", "0");
        reply.headers.emplace_back("Set-Cookie", "a=1");
        reply.headers.emplace_back("Set-Cookie", "b=2");
        return reply;
    });
    EngineProcess engine({egress_to(stub)});
    ApiUser ann(engine);
    ASSERT_EQ(ann.sign_up().status, 200);
    const std::string url = R"("url":"http://)" + stub.address() + R"(/")";
    const std::string patient = ann.make_flow(
        {http_step("step_1", R"({"method":"POST","body_type":"json","body":{},)" + url + "}"),
         answer_step("step_2", R"("{{step_1['output'].headers['set-cookie']}}")")});
    EXPECT_EQ(deliver_webhook(engine, patient, "{}", "/sync").body, R"(["a=1","b=2"])");
    ASSERT_EQ(stub.request_count(), 2U);
    EXPECT_EQ(stub.requests()[0].header("idempotency-key"),
              stub.requests()[1].header("idempotency-key"));

    asked = 0;
    stub.clear();
    const std::string hasty = ann.make_flow(
        {http_step("step_1", R"({"method":"GET","failureMode":"retry_none",)" + url + "}")});
    EXPECT_EQ(deliver_webhook(engine, hasty, "{}", "/sync").status, 500);
    EXPECT_EQ(stub.request_count(), 1U);
}

class VerdictTest : public ::testing::Test {
  protected:
    static constexpr std::string_view kSecret = "verdict-secret-of-this-test";
    static std::string verdict(const std::string& delivery, std::int64_t age_s = 0) {
        contract::GatewayVerdict verdict;
        verdict.time_s = std::chrono::duration_cast<std::chrono::seconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count() -
                         age_s;
        verdict.client_address = "192.0.2.7";
        verdict.scheme = "https";
        verdict.method = "POST";
        verdict.target = "/";
        verdict.delivery_id = delivery;
        verdict.policy = "github";
        return contract::sign_verdict(verdict, contract::verdict_key(Secret(kSecret)));
    }
};

TEST_F(VerdictTest, RequestsAroundTheGatewayAreRefused) {
    EngineProcess engine({"SALLYPORT_VERDICT_SECRET=" + std::string(kSecret)});
    const std::string name(contract::kVerdictHeader);
    const std::string path = "/v1/authentication/sign-in";
    EXPECT_EQ(deliver(engine, path, "{}").status, 403);
    EXPECT_EQ(deliver(engine, path, "{}", {{name, "v1;t=1;sig=00"}}).status, 403);
    EXPECT_EQ(deliver(engine, path, "{}", {{name, verdict("", 60)}}).status, 403);
    EXPECT_EQ(
        deliver(engine, path, "{}", {{name, verdict("")}, {"Content-Type", "application/json"}})
            .status,
        400);  // got in; the body is at fault
    EXPECT_EQ(get(engine.url("/v1/health")).status, 200);
    EXPECT_EQ(engine.log().find(kSecret), std::string::npos);
}

TEST_F(VerdictTest, OneDeliveryRunsOnceAndIsAnsweredAlike) {
    Upstream stub([](const UpstreamRequest&) { return json_reply("{}"); });
    EngineProcess engine({egress_to(stub), "SALLYPORT_VERDICT_SECRET=" + std::string(kSecret)});
    const std::string name(contract::kVerdictHeader);
    ApiUser ann(engine);
    ann.more_headers = [&name] { return HeaderList{{name, verdict("")}}; };
    ASSERT_EQ(ann.sign_up().status, 200);
    const std::string flow = ann.make_flow(
        {http_step("step_1", R"({"method":"GET","url":"http://)" + stub.address() + R"(/"})"),
         answer_step("step_2", R"({"id":"{{trigger.output.body.id}}"})")});
    const auto deliver_as = [&](const std::string& delivery, const std::string& body) {
        return deliver(engine, "/v1/webhooks/" + flow + "/sync", body,
                       {{name, verdict(delivery)}, {"Content-Type", "application/json"}});
    };
    const HttpResponse first = deliver_as("delivery-1", R"({"id":1})");
    const HttpResponse again = deliver_as("delivery-1", R"({"id":1})");
    const HttpResponse other = deliver_as("delivery-2", R"({"id":2})");
    EXPECT_EQ(first.body, R"({"id":1})");
    EXPECT_EQ(again.body, first.body);
    EXPECT_EQ(again.header("x-webhook-id"), first.header("x-webhook-id"));
    EXPECT_EQ(other.body, R"({"id":2})");
    EXPECT_EQ(stub.request_count(), 2U);
    // What the doors say to each other is not the flow's business.
    const Json run = ann.finished_run(first.header("x-webhook-id").value_or(""));
    EXPECT_FALSE(run["steps"]["trigger"]["output"]["headers"].has("x-sallyport-verdict"));
}

}  // namespace
}  // namespace sallyport::test
