// `sallyport engine` against a real engine.
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::test {
namespace {

class EngineCommand : public testing::Test {
  protected:
    EngineCommand() {
        ann_.sign_up();
        folder_.write("token", ann_.token + "\n", 0600);
    }
    CommandResult run(std::vector<std::string> arguments) {
        std::vector<std::string> command = {SALLYPORT_CLI_BIN, "engine"};
        command.push_back(arguments.front());
        for (const std::string& word : {std::string("--url"), engine_.url(""),
                                        std::string("--token-file"), folder_.path("token")}) {
            command.push_back(word);
        }
        command.insert(command.end(), arguments.begin() + 1, arguments.end());
        return run_command(command, {.environment = {}});
    }
    std::string first_run() {
        Json runs;
        EXPECT_TRUE(wait_until([&] {
            runs = ann_.get("/v1/flow-runs?projectId=" + ann_.project()).body["data"];
            return runs.size() > 0;
        }));
        return std::string(runs.at(0)["id"].text());
    }

    TempDir folder_{"cli"};
    EngineProcess engine_;
    ApiUser ann_{engine_};
};

TEST_F(EngineCommand, ListsWhatAProjectHas) {
    const std::string flow =
        ann_.make_flow({code_step("step_1", "export const code = async () => 1;")});
    ann_.post(
        "/v1/app-connections",
        R"({"projectId":")" + ann_.project() +
            R"(","externalId":"key","displayName":"K","pieceName":"p","type":"SECRET_TEXT","value":{"type":"SECRET_TEXT","secret_text":"hush"}})");
    ann_.post("/v1/webhooks/" + flow + "/sync", "{}");
    const CommandResult flows = run({"flows", "--project", ann_.project()});
    EXPECT_EQ(flows.exit_code, 0) << flows.output;
    EXPECT_EQ(flows.output, flow + " ENABLED      Test flow\n");
    const CommandResult connections = run({"connections", "--project", ann_.project()});
    EXPECT_NE(connections.output.find("ACTIVE       key (SECRET_TEXT)"), std::string::npos);
    EXPECT_EQ(connections.output.find("hush"), std::string::npos);
    const std::string id = first_run();
    ann_.finished_run(id);
    const CommandResult runs =
        run({"runs", "--project", ann_.project(), "--flow", flow, "--status", "SUCCEEDED"});
    EXPECT_NE(runs.output.find(id + " SUCCEEDED"), std::string::npos) << runs.output;
    EXPECT_EQ(run({"runs", "--project", ann_.project(), "--status", "FAILED"}).output, "");
    const CommandResult whole = run({"run", id});
    EXPECT_NE(whole.output.find("\"step_1\""), std::string::npos) << whole.output;
}

// A run that waits is shown as far as it is; it ends while somebody looks.
TEST_F(EngineCommand, FollowsARunToItsEnd) {
    const std::string wait =
        R"({"type":"PIECE","displayName":"Delay","valid":true,"name":"wait","settings":{"pieceName":"@activepieces/piece-delay","pieceVersion":"0.3.18","actionName":"delayFor","propertySettings":{},"input":{"unit":"seconds","delayFor":1}}})";
    const std::string good = ann_.make_flow({wait});
    ann_.post("/v1/webhooks/" + good, "{}");
    const CommandResult followed = run({"tail", first_run()});
    EXPECT_EQ(followed.exit_code, 0) << followed.output;
    EXPECT_NE(followed.output.find("wait                     SUCCEEDED"), std::string::npos)
        << followed.output;
    EXPECT_TRUE(followed.output.ends_with("(run)                    SUCCEEDED\n"))
        << followed.output;

    const std::string bad = ann_.make_flow(
        {code_step("step_1", "export const code = async () => { throw new Error('cold'); };")});
    ann_.post("/v1/webhooks/" + bad + "/sync", "{}");
    const CommandResult failed = run({"tail", first_run()});
    EXPECT_EQ(failed.exit_code, 1);
    EXPECT_NE(failed.output.find("cold"), std::string::npos) << failed.output;
    const CommandResult again = run({"retry", first_run()});
    EXPECT_EQ(again.exit_code, 0) << again.output;
    EXPECT_EQ(run({"tail", "none"}).exit_code, 1);
}

TEST_F(EngineCommand, ShowsTheProgressOfLongOperations) {
    ann_.post("/v1/variables",
              R"({"projectId":")" + ann_.project() + R"(","name":"V","value":"hush"})");
    const CommandResult rotated = run({"rotate-keys"});
    EXPECT_EQ(rotated.exit_code, 0) << rotated.output;
    EXPECT_NE(rotated.output.find("SUCCEEDED    1 of 1 done, 0 failed"), std::string::npos)
        << rotated.output;
    EXPECT_NE(run({"jobs"}).output.find("ROTATE_KEYS  SUCCEEDED"), std::string::npos);
    folder_.write(
        "flows.json",
        R"({"name":"T","flows":[{"displayName":"One","valid":false,"trigger":)"
        R"({"name":"trigger","type":"EMPTY","displayName":"T","valid":false,)"
        R"("lastUpdatedDate":"2026-01-01T00:00:00.000Z","settings":{}}},{"displayName":"Two"}]})",
        0600);
    const CommandResult imported =
        run({"import-flows", "--project", ann_.project(), folder_.path("flows.json")});
    EXPECT_EQ(imported.exit_code, 1) << "one is no flow";
    EXPECT_NE(imported.output.find("1 of 2 done, 1 failed flow 2: "), std::string::npos)
        << imported.output;
    EXPECT_NE(run({"flows", "--project", ann_.project()}).output.find("One"), std::string::npos);
    const CommandResult retried = run({"retry-runs", "--project", ann_.project()});
    EXPECT_EQ(retried.exit_code, 0) << retried.output;
    EXPECT_NE(retried.output.find("RETRY_RUNS   SUCCEEDED    0 of 0 done"), std::string::npos)
        << retried.output;
    EXPECT_EQ(run({"retention"}).exit_code, 0);
    folder_.write("token", "nobody\n", 0600);
    const CommandResult refused = run({"jobs"});
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_NE(refused.output.find("answered 401: invalid access token"), std::string::npos)
        << refused.output;
}

}  // namespace
}  // namespace sallyport::test
