// Beyond the runs that a project may begin in a month, on both stores: who asks hears 402, flows
// whose triggers want more are switched off, and with the next month all of it goes on.
#include "engine/core/calendar_month.hpp"
#include "tests/engine/services_fixture.hpp"
#include "tests/engine/store_contract_fixture.hpp"
#include "tests/integration/fixtures/wait.hpp"
#include "tests/store/sqlite_query.hpp"

#include <gmock/gmock.h>

#include <array>
#include <chrono>
#include <future>
#include <vector>

namespace sallyport::test {
namespace {

std::size_t occurrences(const std::string& text, std::string_view part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        ++count;
    }
    return count;
}

class Quota : public StoreContract {
  protected:
    Quota() : StoreContract({"SALLYPORT_PROJECT_RUNS_PER_MONTH=3"}) {}

    HttpResponse hook(const std::string& flow, const std::string& more = "") {
        return deliver_webhook(engine_, flow, "{}", more);
    }
    void use_up() {
        const std::string flow = ann_.make_flow({});
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(hook(flow).status, 200);
        }
    }
    std::string status_of(const std::string& flow) {
        return std::string(ann_.get("/v1/flows/" + flow).body["status"].text());
    }
    bool is_switched_off(const std::string& flow) {
        return wait_until([&] { return status_of(flow) == "DISABLED"; });
    }
    ApiAnswer switch_to(const std::string& flow, const std::string& status) {
        return ann_.operate(flow, "CHANGE_STATUS", R"({"status":")" + status + "\"}");
    }
    std::size_t runs_of(const std::string& flow) {
        return ann_.get("/v1/flow-runs?" + project_query() + "&flowId=" + flow).body["data"].size();
    }
    std::string metric(const std::string& name) {
        HttpRequest request;
        request.method = "GET";
        request.url = engine_.url("/metrics");
        const std::string text = "\n" + send(request).body;
        const std::size_t at = text.find("\n" + name + " ") + name.size() + 2;
        return text.substr(at, text.find('\n', at) - at);
    }
    // What is counted was begun in the month before.
    void let_a_month_go_by() {
        const std::int64_t now = std::chrono::duration_cast<std::chrono::milliseconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count();
        const std::string sql =
            "UPDATE run_count SET month = " + std::to_string(engine::month_before(now));
        if (on_postgres()) {
            query_postgres(sql);
        } else {
            sqlite_query(engine_.folder().path("data/engine.db"), sql);
        }
    }
    // A flow whose trigger is of that piece, switched on.
    std::string flow_of(const std::string& piece, const std::string& trigger,
                        const std::string& input) {
        const std::string flow = ann_.make_flow({});
        expect(ann_.operate(
                   flow, "UPDATE_TRIGGER",
                   R"({"type":"PIECE_TRIGGER","name":"trigger","displayName":"T","valid":true,)"
                   R"("settings":{"pieceName":"@activepieces/piece-)" +
                       piece + R"(","pieceVersion":"0.6.3","triggerName":")" + trigger +
                       R"(","propertySettings":{},"input":)" + input + "}}"),
               200);
        expect(ann_.operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})"), 200);
        return flow;
    }
};

void expect_refused(const HttpResponse& answer) {
    EXPECT_EQ(answer.status, 402) << answer.body;
    const Result<Json> body = Json::parse(answer.body);
    ASSERT_TRUE(body.ok()) << answer.body;
    EXPECT_EQ((*body)["code"].text(), "QUOTA_EXCEEDED");
    EXPECT_EQ((*body)["params"]["metric"].text(), "tasks");
    EXPECT_NE((*body)["params"]["message"].text().find("SALLYPORT_PROJECT_RUNS_PER_MONTH"),
              std::string_view::npos);
}

TEST_P(Quota, AWebhookBeyondItIsRefusedAndItsFlowSwitchedOff) {
    const std::string flow = ann_.make_flow({answer_step("answer", R"({"ok":true})")});
    const std::string other = ann_.make_flow({});
    EXPECT_EQ(hook(flow).status, 200);
    EXPECT_EQ(hook(flow, "/sync").body, R"({"ok":true})");
    EXPECT_EQ(hook(flow, "/draft/sync").body, R"({"ok":true})") << "a test does not count";
    EXPECT_EQ(hook(other).status, 200);
    expect_refused(hook(flow));
    ASSERT_TRUE(is_switched_off(flow)) << engine_.log();
    EXPECT_EQ(hook(flow).status, 404) << "as of every flow that is off";
    EXPECT_EQ(status_of(other), "ENABLED") << "it has wanted nothing";
    expect_refused(hook(other, "/sync"));
    ASSERT_TRUE(is_switched_off(other));
    EXPECT_EQ(hook(flow, "/draft/sync").body, R"({"ok":true})") << "tests go on";
    EXPECT_EQ(runs_of(flow), 2U);
    EXPECT_EQ(runs_of(other), 1U);
    EXPECT_EQ(metric("sallyport_runs_over_quota_total"), "2");
    EXPECT_EQ(metric("sallyport_runs_refused_total"), "0");
    EXPECT_EQ(occurrences(engine_.log(), "\"event\":\"quota_exceeded\""), 1U) << engine_.log();

    const Json events = expect(ann_.get("/v1/audit-events?action=flow.deactivated"), 200)["data"];
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events.at(0)["source"].text(), "QUOTA");
    EXPECT_EQ(events.at(1)["data"]["flow"]["id"].text(), flow);

    // Switched on in the same month, it is switched off again by what it wants next.
    expect(switch_to(flow, "ENABLED"), 200, "PopulatedFlow");
    ASSERT_TRUE(wait_until([&] {
        const HttpResponse answer = hook(flow);
        EXPECT_THAT((std::array{402, 404}), testing::Contains(answer.status));
        return answer.status == 404;
    }));
    let_a_month_go_by();
    expect(switch_to(flow, "ENABLED"), 200, "PopulatedFlow");
    EXPECT_EQ(hook(flow, "/sync").body, R"({"ok":true})");
    EXPECT_EQ(runs_of(flow), 3U);
}

TEST_P(Quota, IsShownWithTheProject) {
    const auto usage = [](const Json& project) {
        return project["usage"]["tasks"].dump() + " of " + project["plan"]["tasks"].dump();
    };
    const std::string path = "/v1/projects/" + ann_.project();
    EXPECT_EQ(usage(expect(ann_.get(path), 200, "ProjectWithLimits")), "0 of 3");
    const std::string flow = ann_.make_flow({});
    EXPECT_EQ(hook(flow).status, 200);
    EXPECT_EQ(hook(flow, "/draft").status, 200);
    EXPECT_EQ(usage(expect(ann_.get(path), 200, "ProjectWithLimits")), "1 of 3");
    const Json page = expect(ann_.get("/v1/projects"), 200, "ProjectPage");
    EXPECT_EQ(usage(page["data"].at(0)), "1 of 3");
    let_a_month_go_by();
    EXPECT_EQ(usage(expect(ann_.get(path), 200, "ProjectWithLimits")), "0 of 3");
}

// However many ask at once.
TEST_P(Quota, IsExactAtTheBound) {
    const std::string flow = ann_.make_flow({});
    std::vector<std::future<int>> answers;
    for (int i = 0; i < 24; ++i) {
        answers.push_back(std::async(std::launch::async, [&] { return hook(flow).status; }));
    }
    int begun = 0;
    for (auto& answer : answers) {
        const int status = answer.get();
        begun += status == 200 ? 1 : 0;
        EXPECT_THAT((std::array{200, 402, 404}), testing::Contains(status));
    }
    EXPECT_EQ(begun, 3);
    EXPECT_EQ(runs_of(flow), 3U);
    EXPECT_TRUE(is_switched_off(flow));
}

TEST_P(Quota, RetriesDoNotCountAgain) {
    const std::string flow =
        ann_.make_flow({code_step("bad", "export const code = async () => { throw 1; };")});
    std::string run;
    for (int i = 0; i < 3; ++i) {
        run = hook(flow).header("x-webhook-id").value_or("");
        EXPECT_EQ(ann_.finished_run(run)["status"].text(), "FAILED");
    }
    for (const std::string_view strategy : {"FROM_FAILED_STEP", "ON_LATEST_VERSION"}) {
        expect(ann_.post("/v1/flow-runs/" + run + "/retry",
                         of_project(R"("strategy":")" + std::string(strategy) + "\"")),
               200, "FlowRun");
    }
    EXPECT_EQ(runs_of(flow), 4U);
    expect_refused(hook(flow));
}

TEST_P(Quota, AFlowThatIsCalledFailsTheStepAndStaysOn) {
    const std::string child =
        flow_of("subflows", "callableFlow", R"({"mode":"simple","exampleData":{"sampleData":{}}})");
    const std::string parent = ann_.make_flow({piece_step(
        "call", "subflows", "callFlow",
        R"({"flowId":")" + child + R"(","flowProps":{"payload":{}},"waitForResponse":false})")});
    const auto run = [&] {
        return ann_.finished_run(hook(parent).header("x-webhook-id").value_or(""));
    };
    EXPECT_EQ(run()["status"].text(), "SUCCEEDED");
    const Json failed = run();
    EXPECT_EQ(failed["status"].text(), "FAILED");
    EXPECT_NE(failed["failedStep"]["message"].text().find("SALLYPORT_PROJECT_RUNS_PER_MONTH"),
              std::string_view::npos)
        << failed.dump();
    EXPECT_EQ(runs_of(child), 1U);
    EXPECT_EQ(status_of(child), "ENABLED");
    EXPECT_EQ(status_of(parent), "ENABLED") << "its own trigger has been refused nothing";
}

TEST_P(Quota, FilesFansOutNoFurther) {
    const std::string child =
        flow_of("subflows", "callableFlow", R"({"mode":"simple","exampleData":{"sampleData":{}}})");
    const std::string parent = ann_.make_flow(
        {piece_step("rows", "subflows", "streamCsvToSubflows",
                    R"({"subflow":{"externalId":")" + child +
                        R"("},"file":"data:text/csv;base64,bgoxCjIKMwo0Cg==","batchSize":1})")});
    const Json failed = ann_.finished_run(hook(parent).header("x-webhook-id").value_or(""));
    EXPECT_EQ(failed["status"].text(), "FAILED");
    const std::string message(failed["failedStep"]["message"].text());
    EXPECT_NE(message.find("SALLYPORT_PROJECT_RUNS_PER_MONTH"), std::string::npos) << message;
    EXPECT_EQ(runs_of(child), 2U);
}

TEST_P(Quota, SchedulesAndStartsByHandObeyIt) {
    use_up();
    const std::string by_hand = flow_of("manual-trigger", "manual_trigger", "{}");
    const ApiAnswer refused = ann_.post("/v1/flows/" + by_hand + "/run", "{}");
    expect_refused(refused.raw);
    EXPECT_TRUE(is_switched_off(by_hand));
    const std::string clock = flow_of("schedule", "cron_expression",
                                      R"({"cronExpression":"* * * * * *","timezone":"UTC"})");
    EXPECT_TRUE(is_switched_off(clock)) << engine_.log();
    EXPECT_EQ(runs_of(clock), 0U);
    let_a_month_go_by();
    expect(switch_to(clock, "ENABLED"), 200);
    EXPECT_TRUE(wait_until([&] { return runs_of(clock) > 0; }));
}

TEST_P(Quota, ToolsOfModelsObeyIt) {
    use_up();
    const std::string flow = flow_of(
        "mcp", "mcp_tool",
        R"({"toolName":"t","toolDescription":"T","inputSchema":[],"returnsResponse":false})");
    ApiUser model(engine_);
    const std::string server = "/v1/projects/" + ann_.project() + "/mcp-server";
    model.token = ann_.get(server).body["token"].text();
    const Json result =
        model
            .post(server + "/http",
                  R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t_)" +
                      flow.substr(0, 4) + R"(","arguments":{}}})")
            .body["result"];
    EXPECT_TRUE(result["isError"].is_true()) << result.dump();
    EXPECT_NE(result["content"].at(0)["text"].text().find("SALLYPORT_PROJECT_RUNS_PER_MONTH"),
              std::string_view::npos);
    EXPECT_TRUE(is_switched_off(flow));
    EXPECT_EQ(runs_of(flow), 0U);
}

TEST_P(Quota, EventsOfTablesObeyIt) {
    const std::string table(ann_.post("/v1/tables", of_project(R"("name":"T")")).body["id"].text());
    const std::string flow = ann_.make_flow({});
    expect(ann_.post("/v1/tables/" + table + "/webhooks",
                     R"({"events":["RECORD_CREATED"],"webhookUrl":"x","flowId":")" + flow + "\"}"),
           200);
    const auto add = [&] {
        expect(ann_.post("/v1/records", R"({"tableId":")" + table + R"(","records":[[]]})"), 201);
    };
    for (int i = 0; i < 4; ++i) {
        add();
    }
    EXPECT_TRUE(is_switched_off(flow));
    EXPECT_EQ(runs_of(flow), 3U);
    EXPECT_EQ(occurrences(engine_.log(), "table_event_lost"), 0U) << engine_.log();
}

INSTANTIATE_TEST_SUITE_P(Engine, Quota, testing::Values("sqlite", "postgres"),
                         [](const auto& tested) { return std::string(tested.param); });

TEST_F(Contract, TheDescriptionSaysWhereARunMayBeRefused) {
    const Json paths = ann_.get("/v1/openapi.json").body["paths"];
    EXPECT_TRUE(paths["/v1/webhooks/{flowId}"]["post"]["responses"].has("402"));
    EXPECT_TRUE(paths["/v1/webhooks/{flowId}/sync"]["get"]["responses"].has("402"));
    EXPECT_TRUE(paths["/v1/flows/{id}/run"]["post"]["responses"].has("402"));
    EXPECT_FALSE(paths["/v1/webhooks/{flowId}/draft"]["post"]["responses"].has("402"));
}

// Without one nothing is counted, and projects show none.
TEST_F(Contract, WithoutAQuotaNothingIsCounted) {
    const std::string flow = ann_.make_flow({});
    EXPECT_EQ(deliver_webhook(engine_, flow).status, 200);
    EXPECT_EQ(
        sqlite_query(engine_.folder().path("data/engine.db"), "SELECT count(*) FROM run_count"),
        "0");
    EXPECT_FALSE(ann_.get("/v1/projects/" + ann_.project()).body.has("usage"));
}

}  // namespace
}  // namespace sallyport::test
