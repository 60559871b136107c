// Disks that are full, closed or broken; flows and loops as large as they may be; expressions that
// pass their limits or lose their worker. A clear error or the right result, and nothing lost.
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/wait.hpp"
#include "tests/store/sqlite_query.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::test {
namespace {

// No file may grow beyond this: writes fail as they do on a full disk.
std::vector<std::string> with_small_files(int kilobytes) {
    return {"sh", "-c",
            "trap '' XFSZ; ulimit -f " + std::to_string(kilobytes * 2) + "; exec \"$@\"", "sh"};
}

TEST(EngineFault, AFullDiskRefusesWebhooksAndLosesNothing) {
    EngineProcess engine({}, with_small_files(4096));
    ApiUser ann(engine);
    ann.sign_up();
    // No code: the limit would end the sandbox as well, whose memory is a file of a kind.
    const std::string flow = ann.make_flow({answer_step("s", "{}")});
    const std::string body = R"({"x":")" + std::string(100'000, 'x') + "\"}";
    std::vector<std::string> acknowledged;
    int refused = 0;
    for (int i = 0; i < 400 && refused < 5; ++i) {
        const HttpResponse answer = deliver_webhook(engine, flow, body);
        if (answer.status == 200) {
            acknowledged.push_back(answer.header("x-webhook-id").value_or(""));
        } else {
            EXPECT_EQ(answer.status, 503) << answer.body;
            ++refused;
        }
    }
    EXPECT_EQ(refused, 5) << "the disk was never full";
    ASSERT_FALSE(acknowledged.empty());
    HttpRequest health;
    health.url = engine.url("/api/v1/health");
    EXPECT_EQ(send(health).status, 200) << "what can be read is served";
    // With room again, every run that was acknowledged ends.
    engine.kill();
    engine.set_wrapper({});
    engine.start();
    for (const std::string& run : acknowledged) {
        EXPECT_EQ(ann.finished_run(run)["status"].text(), "SUCCEEDED");
    }
    EXPECT_EQ(deliver_webhook(engine, flow, body).status, 200);
}

TEST(EngineFault, ADataFolderThatIsClosedIsSaid) {
    const TempDir folder("closed");
    const std::string data = folder.path("data");
    std::filesystem::create_directory(data);
    ::chmod(data.c_str(), 0500);
    std::vector<std::string> command;
    if (geteuid() == 0) {
        ::chmod(folder.path().c_str(), 0755);
        ::chmod(data.c_str(), 0555);
        command = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"};
    }
    for (const char* word : {SALLYPORT_ENGINE_BIN, "--listen", "127.0.0.1:0", "--data"}) {
        command.emplace_back(word);
    }
    command.push_back(data);
    const CommandResult result = run_command(command, {.environment = engine_environment(),
                                                       .directory = "/",
                                                       .output_path = {},
                                                       .parent_death_signal = SIGKILL});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_NE(result.output.find("check that its folder exists and is writable"), std::string::npos)
        << result.output;
}

TEST(EngineFault, TwoEnginesDoNotShareAFolder) {
    EngineProcess engine;
    const CommandResult second = run_command(
        {SALLYPORT_ENGINE_BIN, "--listen", "127.0.0.1:0", "--data", engine.folder().path("data")},
        {.environment = engine_environment(),
         .directory = {},
         .output_path = {},
         .parent_death_signal = SIGKILL});
    EXPECT_EQ(second.exit_code, 1);
    EXPECT_NE(second.output.find("another engine uses the data folder"), std::string::npos)
        << second.output;
}

void damage(const std::string& path, std::size_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file << std::string(512, '\xA5');
    ASSERT_TRUE(file.flush());
}

TEST(EngineFault, ABrokenDatabaseIsNotServed) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    engine.stop();
    damage(engine.folder().path("data/engine.db"), 0);
    const CommandResult result = run_command(
        {SALLYPORT_ENGINE_BIN, "--listen", "127.0.0.1:0", "--data", engine.folder().path("data")},
        {.environment = engine_environment(),
         .directory = {},
         .output_path = {},
         .parent_death_signal = SIGKILL});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_NE(result.output.find("engine.db"), std::string::npos) << result.output;
    EXPECT_NE(result.output.find("not a database"), std::string::npos) << result.output;
}

TEST(EngineFault, ABrokenPageIsAnErrorAndNotAnAnswer) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({code_step("s", "export const code = async () => 1;")});
    std::vector<std::string> runs;
    for (int i = 0; i < 200; ++i) {
        runs.push_back(deliver_webhook(engine, flow, R"({"x":")" + std::string(2000, 'x') + "\"}")
                           .header("x-webhook-id")
                           .value_or(""));
    }
    for (const std::string& run : runs) {
        ann.finished_run(run);
    }
    engine.stop();
    const std::string path = engine.folder().path("data/engine.db");
    const auto size = std::filesystem::file_size(path);
    for (std::size_t page = size / 4096 / 2; page < size / 4096 - 10; page += 3) {
        damage(path, page * 4096);
    }
    engine.start();
    int good = 0;
    int bad = 0;
    for (const std::string& run : runs) {
        const ApiAnswer answer = ann.get("/v1/flow-runs/" + run);
        if (answer.status == 200 && answer.body["steps"].is_object()) {
            EXPECT_EQ(answer.body["steps"]["s"]["output"].dump(), "1");
            ++good;
        } else {
            EXPECT_TRUE(answer.status == 503 || answer.status == 404 || answer.status == 200 ||
                        answer.status == 403)
                << answer.status;
            ++bad;
        }
    }
    EXPECT_GT(bad, 0) << "nothing was broken";
    EXPECT_GT(good, 0) << "everything was broken";
    EXPECT_NE(engine.log().find("malformed"), std::string::npos);
}

// A backup, or an operator with a shell, opens the database and closes it while the engine runs.
// Were the engine's locks not there, that process would take the log for its own and remove it.
TEST(EngineFault, AnotherProcessThatReadsTheDatabaseTakesNothingAway) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({answer_step("s", "{}")});
    const std::string path = engine.folder().path("data/engine.db");
    std::vector<std::string> runs;
    for (int i = 1; i <= 5; ++i) {
        runs.push_back(deliver_webhook(engine, flow).header("x-webhook-id").value_or(""));
        EXPECT_EQ(sqlite_query(path, "SELECT count(*) FROM run"), std::to_string(i));
        EXPECT_TRUE(std::filesystem::exists(path + "-wal"));
    }
    engine.kill();
    engine.start();
    for (const std::string& run : runs) {
        EXPECT_EQ(ann.finished_run(run)["status"].text(), "SUCCEEDED");
    }
}

// docs/runbooks/engine-backup.md, step by step.
TEST(EngineFault, ACopyMadeUnderLoadBringsItBack) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({code_step("s", "export const code = async () => 7;")});
    std::vector<std::string> runs;
    std::atomic<bool> copied{false};
    std::atomic<int> meanwhile{0};
    const auto deliver = [&] {
        return deliver_webhook(engine, flow).header("x-webhook-id").value_or("");
    };
    for (int i = 0; i < 50; ++i) {
        runs.push_back(deliver());
    }
    std::thread load([&] {
        while (!copied && meanwhile < 100'000) {
            meanwhile += deliver().empty() ? 0 : 1;
        }
    });
    EXPECT_TRUE(wait_until([&] { return meanwhile > 5; }));
    const std::string path = engine.folder().path("data/engine.db");
    const std::string copy = engine.folder().path("copy.db");
    sqlite_query(path, "VACUUM INTO '" + copy + "'");
    copied = true;
    load.join();
    EXPECT_EQ(sqlite_query(copy, "PRAGMA integrity_check"), "ok");

    engine.kill();
    for (const char* suffix : {"", "-wal", "-shm"}) {
        std::filesystem::remove(path + suffix);
    }
    std::filesystem::rename(copy, path);
    engine.start();
    for (const std::string& run : runs) {
        EXPECT_EQ(ann.finished_run(run)["steps"]["s"]["output"].dump(), "7");
    }
    EXPECT_FALSE(deliver().empty());
}

TEST(EngineFault, ALockThatAnotherProgramHoldsIsSaidAndLosesNothing) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({answer_step("s", "{}")});
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open(engine.folder().path("data/engine.db").c_str(), &other), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
    EXPECT_EQ(deliver_webhook(engine, flow).status, 503);
    EXPECT_NE(engine.log().find("database is locked"), std::string::npos) << engine.log();
    ASSERT_EQ(sqlite3_exec(other, "COMMIT", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(other);
    EXPECT_EQ(deliver_webhook(engine, flow, "{}", "/sync").status, 200);
}

TEST(EngineFault, ALoopOfTenThousandTurnsRunsToItsEnd) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow(
        {code_step("list",
                   "export const code = async () => Array.from({length: 10000}, (x, i) => i);"),
         R"({"type":"LOOP_ON_ITEMS","name":"each","displayName":"Each","valid":true,"settings":{"items":"{{list.output}}"}})"});
    ASSERT_EQ(
        ann.operate(
               flow, "ADD_ACTION",
               R"({"parentStep":"each","stepLocationRelativeToParent":"INSIDE_LOOP","action":{"type":"ROUTER","name":"sort","displayName":"Sort","valid":true,"settings":{"executionType":"EXECUTE_FIRST_MATCH","branches":[{"branchName":"Big","branchType":"CONDITION","conditions":[[{"operator":"NUMBER_IS_GREATER_THAN","firstValue":"{{each.output.item}}","secondValue":"5000"}]]},{"branchName":"Otherwise","branchType":"FALLBACK"}]},"children":[null,null]}})")
            .status,
        200);
    ASSERT_EQ(ann.operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})").status, 200);
    const std::string id = deliver_webhook(engine, flow).header("x-webhook-id").value_or("");
    Json run;
    ASSERT_TRUE(wait_until(
        [&] {
            run = ann.get("/v1/flow-runs/" + id).body;
            return run["finishTime"].is_string();
        },
        std::chrono::seconds(90)));
    EXPECT_EQ(run["status"].text(), "SUCCEEDED");
    const Json each = run["steps"]["each"]["output"];
    EXPECT_EQ(each["iterations"].size(), 10'000u);
    EXPECT_EQ(each["iterations"].at(9999)["sort"]["output"]["branches"].at(0)["evaluation"].dump(),
              "true");
}

// The sandbox evaluates what the templates' own evaluator does not know.
std::string step_with_expression(const std::string& expression) {
    return code_step("step_1", "export const code = async (inputs) => inputs.value;",
                     R"({"value":"{{)" + expression + R"(}}"})",
                     R"({"continueOnFailure":{"value":true},"retryOnFailure":{"value":true}})");
}

TEST(EngineFault, ExpressionsThatPassTheirLimitsEndTheRunAsCodeDoes) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    struct Case {
        std::string expression;
        std::string_view status;
        std::string_view message;
    };
    const std::vector<Case> cases = {
        {"(() => { for (;;); })()", "TIMEOUT",
         "The expressions of this step's input took longer than they may"},
        {"(() => { const a = []; for (;;) a.push(new Uint8Array(4e6).fill(1)); })()",
         "MEMORY_LIMIT_EXCEEDED",
         "The expressions of this step's input used more memory than they may"},
    };
    for (const Case& test : cases) {
        const HttpResponse answer =
            deliver_webhook(engine, ann.make_flow({step_with_expression(test.expression)}), "{}");
        const Json run = ann.finished_run(answer.header("x-webhook-id").value_or(""));
        EXPECT_EQ(run["status"].text(), test.status);
        EXPECT_EQ(run["failedStep"]["message"].text(), test.message);
    }
}

std::int64_t processor_ticks(pid_t pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string field;
    std::int64_t user = 0;
    for (int i = 0; i < 13; ++i) {  // the program's name has no blanks
        stat >> field;
    }
    stat >> user;
    return user;
}

TEST(EngineFault, AnExpressionWhoseWorkerDiesIsEvaluatedAgain) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({step_with_expression(
        "(() => { const end = Date.now() + 1500; while (Date.now() < end); return 7; })()")});
    std::map<pid_t, std::int64_t> rested;
    for (const ChildProcess& child : children_of(engine.pid())) {
        rested[child.pid] = processor_ticks(child.pid);
    }
    const HttpResponse answer = deliver_webhook(engine, flow, "{}");
    ASSERT_TRUE(wait_until([&] {
        for (const auto& [pid, ticks] : rested) {
            if (processor_ticks(pid) - ticks > 20) {
                return ::kill(pid, SIGKILL) == 0;
            }
        }
        return false;
    })) << "no worker was at work";
    const Json run = ann.finished_run(answer.header("x-webhook-id").value_or(""));
    EXPECT_EQ(run["status"].text(), "SUCCEEDED");
    EXPECT_EQ(run["steps"]["step_1"]["output"].integer_or(0), 7);
}

}  // namespace
}  // namespace sallyport::test
