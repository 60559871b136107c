// Flows, payloads and crowds as large as they may be: the right result or a clear error.
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

std::string mapping_step(int number, const std::string& value, const std::string& next) {
    return R"({"type":"PIECE","displayName":"Map","valid":true,"name":"s)" +
           std::to_string(number) +
           R"(","settings":{"pieceName":"@activepieces/piece-data-mapper","pieceVersion":"0.3.19","actionName":"advanced_mapping","propertySettings":{},"input":{"mapping":{"n":")" +
           value + R"("}}})" + (next.empty() ? "" : ",\"nextAction\":" + next) + "}";
}

// Steps that each add one to what the one before has.
std::string chain(int steps) {
    std::string first = answer_step("answer", "\"{{s" + std::to_string(steps) + ".output.n}}\"");
    for (int i = steps; i > 0; --i) {
        first = mapping_step(
            i, i == 1 ? "{{1}}" : "{{s" + std::to_string(i - 1) + ".output.n + 1}}", first);
    }
    return first;
}

std::string import_of(const std::string& action) {
    return R"({"displayName":"Long","schemaVersion":"22","trigger":{"name":"trigger","type":"PIECE_TRIGGER","displayName":"T","lastUpdatedDate":"2026-01-01T00:00:00.000Z","valid":true,"settings":{"pieceName":"@activepieces/piece-webhook","pieceVersion":"0.1.29","triggerName":"catch_webhook","input":{"authType":"none","authFields":{}},"propertySettings":{}},"nextAction":)" +
           action + "}}";
}

// The value, from where the step says it is.
Json output_of(const Json& step) {
    if (step["outputType"].text() != "slice") {
        return step["output"];
    }
    HttpRequest request;
    request.url = step["output"]["url"].text();
    const HttpResponse answer = send(request);
    EXPECT_EQ(answer.status, 200) << answer.body.substr(0, 300);
    EXPECT_EQ(answer.body.size(), static_cast<std::size_t>(step["output"]["size"].integer_or(0)));
    const Result<Json> value = Json::parse_flow(answer.body);
    return value.ok() ? *value : Json();
}

bool all_are(ApiUser& user, const std::string& status, int runs) {
    const std::string counts =
        user.get("/v1/flow-runs/count-by-status?projectId=" + user.project()).raw.body;
    return counts.find(R"("status":")" + status + R"(","count":)" + std::to_string(runs)) !=
           std::string::npos;
}

TEST(EngineLarge, AFlowOfAThousandStepsRuns) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({});
    const ApiAnswer imported = ann.operate(flow, "IMPORT_FLOW", import_of(chain(1000)));
    ASSERT_EQ(imported.status, 200) << imported.raw.body.substr(0, 500);
    ASSERT_EQ(ann.operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})").status, 200);
    const HttpResponse answer = deliver_webhook(engine, flow, "{}", "/sync");
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.body, "1000");
    const Json run = ann.finished_run(answer.header("x-webhook-id").value_or(""));
    EXPECT_EQ(run["status"].text(), "SUCCEEDED");
    EXPECT_EQ(run["steps"].size(), 1002u);
    EXPECT_EQ(run["steps"]["s777"]["output"]["n"].integer_or(0), 777);
    // Changed, read, copied and read again by the next process.
    EXPECT_EQ(ann.operate(flow, "DUPLICATE_ACTION", R"({"stepName":"s500"})").status, 200);
    EXPECT_EQ(ann.get("/v1/flows/" + flow).status, 200);
    engine.kill();
    engine.start();
    EXPECT_EQ(deliver_webhook(engine, flow, "{}", "/sync").body, "1000");
    const ApiAnswer longer = ann.operate(flow, "IMPORT_FLOW", import_of(chain(1600)));
    EXPECT_EQ(longer.status, 400);
    EXPECT_NE(longer.raw.body.find("1500"), std::string::npos) << longer.raw.body.substr(0, 500);
}

TEST(EngineLarge, APayloadOfTenMegabytesComesThrough) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow =
        ann.make_flow({code_step("s", "export const code = async (i) => ({ size: i.text.length });",
                                 R"({"text":"{{trigger.output.body.text}}"})"),
                       answer_step("a", R"("{{s.output.size}}")")});
    constexpr std::size_t kSize = 10u << 20;
    const std::string body = R"({"text":")" + std::string(kSize, 'x') + "\"}";
    for (int i = 0; i < 3; ++i) {
        const HttpResponse answer = deliver_webhook(engine, flow, body, "/sync");
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, std::to_string(kSize));
    }
    const std::string id = deliver_webhook(engine, flow, body).header("x-webhook-id").value_or("");
    const Json run = ann.finished_run(id);
    EXPECT_EQ(run["status"].text(), "SUCCEEDED");
    EXPECT_EQ(output_of(run["steps"]["trigger"])["body"]["text"].text().size(), kSize);
    EXPECT_EQ(run["steps"]["s"]["input"]["text"].text(), "(truncated, original size 10.0 MB)");
    const std::string larger = R"({"text":")" + std::string(26u << 20, 'x') + "\"}";
    EXPECT_EQ(deliver_webhook(engine, flow, larger).status, 413);
}

// Twelve megabytes of body each are made of 300 KB: resolved all at once they would take 700 MB.
TEST(EngineLarge, InputsThatRepeatAValueAreNotAllMadeAtOnce) {
    constexpr int kRuns = 30;
    auto gate = std::make_shared<Gate>();
    Upstream stub([gate](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.gate = gate;
        return reply;
    });
    EngineProcess engine({"SALLYPORT_EGRESS_ALLOW=" + stub.address()});
    ApiUser ann(engine);
    ann.sign_up();
    std::string repeated;
    for (int i = 0; i < 40; ++i) {
        repeated += "{{trigger.output.body.text}}";
    }
    const std::string flow = ann.make_flow(
        {http_step("call", R"({"method":"POST","url":"http://)" + stub.address() +
                               R"(/","body_type":"raw","body":{"data":")" + repeated + R"("}})")});
    const std::string body = R"({"text":")" + std::string(300u << 10, 'x') + R"("})";
    for (int i = 0; i < kRuns; ++i) {
        EXPECT_EQ(deliver_webhook(engine, flow, body).status, 200);
    }
    EXPECT_TRUE(wait_until([&] { return all_are(ann, "RUNNING", kRuns); }));
    gate->open();
    EXPECT_TRUE(wait_until([&] { return all_are(ann, "SUCCEEDED", kRuns); }, 6 * kDeadline));
    // 480 to 515 were seen, by machine; the bodies alone would be 700.
    EXPECT_LT(engine.memory_peak_mb(), 600);
}

// Half a gigabyte of answers at once, each of which is in memory several times over until its run
// has it on disk.
TEST(EngineLarge, LargeAnswersAreNotAllHeldAtOnce) {
    constexpr int kRuns = 24;
    constexpr std::size_t kSize = 20U << 20U;
    auto gate = std::make_shared<Gate>();
    Upstream stub([gate, body = std::string(kSize, 'x')](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.body = body;
        reply.gate = gate;
        return reply;
    });
    EngineProcess engine({"SALLYPORT_EGRESS_ALLOW=" + stub.address()});
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow(
        {http_step("call", R"({"method":"GET","url":"http://)" + stub.address() + R"(/"})")});
    for (int i = 0; i < kRuns; ++i) {
        EXPECT_EQ(deliver_webhook(engine, flow).status, 200);
    }
    EXPECT_TRUE(stub.wait_for_requests(kRuns));
    gate->open();
    EXPECT_TRUE(wait_until([&] { return all_are(ann, "SUCCEEDED", kRuns); }, 6 * kDeadline));
    EXPECT_LT(engine.memory_peak_mb(), 600);
}

// What is too large to be shown is an address: the value is read there, whole, by who has it.
// A hundred calls of two megabytes each, for runs of a project that is somebody else's.
TEST(EngineLarge, RefusedCallsForManyRunsKeepNothing) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up("ann@example.org");
    for (const std::string action : {"cancel", "archive", "retry"}) {
        for (int i = 0; i < 34; ++i) {
            EXPECT_EQ(
                ann.post("/v1/flow-runs/" + action,
                         R"({"projectId":"x","strategy":"FROM_FAILED_STEP","failedStepMessage":")" +
                             std::string(2'000'000, 'm') + R"("})")
                    .status,
                403);
        }
    }
    EXPECT_LT(engine.memory_peak_mb(), 200);
}

TEST(EngineLarge, OutputsAreShownByReference) {
    EngineProcess engine(
        {"AP_FLOW_RUN_LOG_SLICE_THRESHOLD_KB=1", "AP_FLOW_RUN_LOG_INPUT_TRUNCATE_THRESHOLD_KB=1"});
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow =
        ann.make_flow({code_step("s", "export const code = async (i) => i.text + '!';",
                                 R"({"text":"{{trigger.output.body.text}}"})"),
                       answer_step("a", R"("{{s.output.length}}")")});
    const std::string text(1500, 'x');
    const std::string id = deliver_webhook(engine, flow, R"({"text":")" + text + "\"}")
                               .header("x-webhook-id")
                               .value_or("");
    const Json run = ann.finished_run(id);
    const Json step = run["steps"]["s"];
    EXPECT_EQ(step["status"].text(), "SUCCEEDED") << run.dump();
    EXPECT_EQ(step["outputType"].text(), "slice");
    EXPECT_EQ(step["output"]["size"].integer_or(0), 1503);
    EXPECT_EQ(step["output"]["fileId"].text().size(), 21u);
    EXPECT_EQ(output_of(step).text(), text + "!");
    EXPECT_EQ(step["input"]["text"].text(), "(truncated, original size 2 KB)");
    EXPECT_EQ(output_of(run["steps"]["trigger"])["body"]["text"].text(), text);
    EXPECT_FALSE(run["steps"]["a"].has("outputType"));
    // Another file's address, and no address at all.
    const std::string url(step["output"]["url"].text());
    const std::string token = url.substr(url.find("?token="));
    const auto status = [&](const std::string& path) {
        HttpRequest request;
        request.url = engine.url(path);
        return send(request).status;
    };
    EXPECT_EQ(status("/v1/files/aaaaaaaaaaaaaaaaaaaaa" + token), 401);
    EXPECT_EQ(status("/v1/step-files/signed" + token), 401);
    EXPECT_EQ(status("/v1/files/" + std::string(step["output"]["fileId"].text())), 401);
    // What cannot be had is asked for in vain, once the run is gone.
    ann.call("DELETE", "/v1/flows/" + flow);
    HttpRequest request;
    request.url = url;
    EXPECT_EQ(send(request).status, 404);
}

class EngineLargeCrowd : public ::testing::TestWithParam<std::string> {};

TEST_P(EngineLargeCrowd, MoreConnectionsThanDescriptorsEndWell) {
    if (kSanitized) {
        GTEST_SKIP() << "UndefinedBehaviorSanitizer takes a descriptor to look at an object's type";
    }
    EngineProcess engine({"AP_WORKER_CONCURRENCY=" + GetParam()},
                         {"sh", "-c", "ulimit -n 48; exec \"$@\"", "sh"});
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({code_step("s", "export const code = async () => 7;"),
                                            answer_step("a", R"("{{s.output}}")")});
    {
        std::vector<std::unique_ptr<RawSocket>> crowd;
        for (int i = 0; i < 100; ++i) {
            crowd.push_back(std::make_unique<RawSocket>(engine.port()));
        }
        crowd.back()->send("GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n");
        EXPECT_NE(crowd.back()->receive_until("200 OK").find("200"), std::string::npos)
            << "who asks has the place of one that says nothing";
    }
    EXPECT_EQ(deliver_webhook(engine, flow, "{}", "/sync").body, "7")
        << "and so is the next who comes";
}

// Twelve sandboxes leave fewer descriptors than the server reckons with.
INSTANTIATE_TEST_SUITE_P(Sandboxes, EngineLargeCrowd, ::testing::Values("1", "12"));

}  // namespace
}  // namespace sallyport::test
