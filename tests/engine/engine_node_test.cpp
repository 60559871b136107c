// Tier node through the whole engine: code steps with packages, pieces that are installed and
// performed, their waits and connections, and what happens when a sandbox is killed under a step.
#include "tests/engine/engine_node_fixture.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <string>

namespace sallyport::test {
namespace {

using testing::HasSubstr;

TEST_F(EngineNode, CodeStepsHaveTheirPackagesAndNothingElse) {
    EngineProcess engine(environment("SANDBOX_PROCESS"));
    EXPECT_THAT(engine.log(), HasSubstr("node_tier_walled_in"));
    ApiUser user(engine);
    user.sign_up();
    const std::string with_package =
        R"({"type":"CODE","displayName":"Code","valid":true,"name":"step_1","settings":{"sourceCode":{"packageJson":"{\"dependencies\":{\"tiny\":\"1.0.0\"}}","code":"import { twice } from 'tiny'; export const code = async ({ n }) => [twice(n), require('tiny').twice(5), process.env, require('fs').existsSync('/etc')];"},"input":{"n":"{{trigger['output'].body.n}}"},"errorHandlingOptions":{}}})";
    const std::string flow =
        user.make_flow({with_package, answer_step("step_2", "\"{{step_1['output']}}\"")});
    const ApiAnswer answer = user.post("/api/v1/webhooks/" + flow + "/sync", R"({"n":4})");
    EXPECT_EQ(answer.status, 200) << answer.raw.body << engine.log();
    EXPECT_EQ(answer.body.dump(), R"([8,10,{},false])");

    for (const auto& [manifest, problem] :
         {std::pair(R"({\"dependencies\":{\"left-pad\":\"1.0.0\"}})", "E404"),
          std::pair(R"({\"dependencies\":{\"x\":\"file:../../etc\"}})", "name of a package"),
          std::pair(R"({\"dependencies\":{\"../x\":\"1\"}})", "name of a package"),
          std::pair("[", "not a JSON object")}) {
        const std::string step =
            R"({"type":"CODE","displayName":"Code","valid":true,"name":"step_1","settings":{"sourceCode":{"packageJson":")" +
            std::string(manifest) +
            R"(","code":"export const code = async () => 1;"},"input":{},"errorHandlingOptions":{}}})";
        const std::string bad = user.make_flow({step});
        const ApiAnswer run = user.post("/api/v1/webhooks/" + bad, "{}");
        const Json record =
            user.finished_run(std::string(run.raw.header("x-webhook-id").value_or("")));
        EXPECT_EQ(record["status"].text(), "FAILED");
        EXPECT_THAT(record["steps"]["step_1"]["errorMessage"].text_or(record.dump()),
                    HasSubstr(problem));
    }
}

TEST_F(EngineNode, LimitsGiveTheirOwnRunStates) {
    auto settings = environment("SANDBOX_PROCESS");
    settings.push_back("SALLYPORT_NODE_MEMORY_MB=64");
    settings.push_back("SALLYPORT_CODE_TIMEOUT_SECONDS=8");
    EngineProcess engine(settings);
    ApiUser user(engine);
    user.sign_up();
    for (const auto& [body, status] :
         {std::pair("const a = []; for (;;) a.push({})", "MEMORY_LIMIT_EXCEEDED"),
          std::pair("for (;;);", "TIMEOUT"),
          std::pair("await new Promise((done) => setTimeout(done, 60000))", "TIMEOUT")}) {
        const std::string flow = user.make_flow({code_step(
            "step_1", std::string("export const code = async () => { ") + body + " }", "{}",
            R"({"continueOnFailure":{"value":true},"retryOnFailure":{"value":true}})")});
        const ApiAnswer run = user.post("/api/v1/webhooks/" + flow, "{}");
        const std::string id(run.raw.header("x-webhook-id").value_or(""));
        EXPECT_EQ(user.finished_run(id)["status"].text(), status) << body;
    }
}

TEST_F(EngineNode, PiecesAreInstalledDescribedAndPerformed) {
    EngineProcess engine(environment("SANDBOX_CODE_AND_PROCESS"));
    ApiUser user(engine);
    user.sign_up();
    EXPECT_EQ(user.get("/api/v1/pieces/@acme/piece-acme").status, 404);
    const ApiAnswer installed = user.post(
        "/api/v1/pieces",
        R"({"packageType":"REGISTRY","scope":"PLATFORM","pieceName":"@acme/piece-acme","pieceVersion":"1.2.3"})");
    EXPECT_EQ(installed.status, 201) << installed.raw.body;
    const ApiAnswer described = user.get("/api/v1/pieces/@acme/piece-acme");
    EXPECT_EQ(described.status, 200);
    EXPECT_EQ(described.body["version"].text(), "1.2.3");
    EXPECT_EQ(described.body["actions"]["ask"]["props"]["text"]["type"].text(), "SHORT_TEXT");
    EXPECT_THAT(user.get("/api/v1/pieces?searchQuery=acme").raw.body, HasSubstr("piece-acme"));
    const ApiAnswer unknown =
        user.post("/api/v1/pieces", R"({"pieceName":"left-pad","pieceVersion":"9.9.9"})");
    EXPECT_EQ(unknown.status, 409) << unknown.raw.body;
    EXPECT_THAT(unknown.raw.body, HasSubstr("E404"));
    EXPECT_EQ(user.post("/api/v1/pieces", R"({"pieceName":"../../x","pieceVersion":"1"})").status,
              409);
    EXPECT_EQ(user.post("/api/v1/pieces", R"({"pieceVersion":"1"})").status, 400);

    const std::string flow =
        user.make_flow({piece_step("step_1", "count"), piece_step("step_2", "answer")});
    for (int i = 0; i < 2; ++i) {
        const ApiAnswer answer = user.post("/api/v1/webhooks/" + flow + "/sync", "{}");
        EXPECT_EQ(answer.status, 299) << answer.raw.body << engine.log();
        EXPECT_EQ(answer.raw.header("x-piece").value_or(""), "yes");
        const Json run = user.finished_run(std::string(answer.body["run"].text()));
        EXPECT_EQ(run["steps"]["step_1"]["output"].integer_or(0), i + 1) << run.dump();
        EXPECT_EQ(run["status"].text(), "SUCCEEDED");
        EXPECT_EQ(run["tags"].dump(), R"(["counted"])");
    }
}

// Those that were installed without a version follow the newest, and go again.
TEST_F(EngineNode, InstalledPiecesAreSyncedAndDeleted) {
    EngineProcess engine(environment("SANDBOX_CODE_AND_PROCESS"));
    ApiUser user(engine);
    user.sign_up();
    const std::string path = "/api/v1/pieces/@acme/piece-acme";
    const auto version = [&] { return std::string(user.get(path).body["version"].text()); };
    const auto release = [this](const std::string& number) {
        std::ofstream(files_.path("acme/piece-acme") + "/package.json")
            << R"({"name":"@acme/piece-acme","version":")" + number + R"(","main":"index.js"})";
    };
    ASSERT_EQ(user.post("/api/v1/pieces", R"({"pieceName":"@acme/piece-acme"})").status, 201);
    EXPECT_EQ(version(), "1.2.3");
    release("1.3.0");
    EXPECT_EQ(version(), "1.2.3");
    const ApiAnswer synced = user.post("/api/v1/pieces/sync", "{}");
    EXPECT_EQ(synced.status, 200) << synced.raw.body;
    EXPECT_EQ(version(), "1.3.0") << engine.log();
    const Json shown = user.get(path).body;
    EXPECT_FALSE(shown.has("followsNewest"));
    // What POST takes for the newest is that, too.
    release("1.4.0");
    ASSERT_EQ(user.post("/api/v1/pieces", R"({"pieceName":"@acme/piece-acme"})").status, 201);
    EXPECT_EQ(version(), "1.4.0");
    ASSERT_EQ(
        user.post("/api/v1/pieces", R"({"pieceName":"@acme/piece-acme","pieceVersion":"1.4.0"})")
            .status,
        201);
    release("1.5.0");
    EXPECT_EQ(user.post("/api/v1/pieces/sync", "{}").status, 200);
    EXPECT_EQ(version(), "1.4.0") << "an administrator chose it";

    const std::string id(shown["id"].text());
    EXPECT_EQ(user.call("DELETE", "/api/v1/pieces/" + id).status, 204);
    EXPECT_EQ(user.get(path).status, 404);
    EXPECT_EQ(user.call("DELETE", "/api/v1/pieces/" + id).status, 404);
    const Json events =
        user.get("/api/v1/audit-events?action[]=piece.installed&action[]=piece.deleted")
            .body["data"];
    ASSERT_EQ(events.size(), 4U) << events.dump();
    EXPECT_EQ(events.at(0)["action"].text(), "piece.deleted");
    EXPECT_EQ(events.at(0)["data"]["piece"]["version"].text(), "1.4.0");
    EXPECT_EQ(events.at(0)["data"]["piece"]["id"].text(), id);
}

TEST_F(EngineNode, PiecesWaitAndGoOn) {
    EngineProcess engine(environment("SANDBOX_CODE_AND_PROCESS"));
    ApiUser user(engine);
    user.sign_up();
    const std::string flow =
        user.make_flow({piece_step("step_1", "rest"),
                        piece_step("step_2", "ask", R"({"text":"{{step_1['output']}}"})")});
    const ApiAnswer started = user.post("/api/v1/webhooks/" + flow, "{}");
    const std::string id(started.raw.header("x-webhook-id").value_or(""));
    Json run;
    ASSERT_TRUE(wait_until([&] {
        run = user.get("/api/v1/flow-runs/" + id).body;
        return run["steps"]["step_2"]["status"].text() == "PAUSED";
    })) << run.dump()
        << engine.log();
    const std::string url(run["steps"]["step_2"]["output"]["url"].text());
    const std::size_t path = url.find("/api/v1/");
    ASSERT_NE(path, std::string::npos) << url;
    engine.kill();  // what rests rests on disk
    engine.start();
    EXPECT_EQ(user.get(url.substr(path)).status, 200);
    const Json ended = user.finished_run(id);
    EXPECT_EQ(ended["status"].text(), "SUCCEEDED") << ended.dump();
    EXPECT_EQ(ended["steps"]["step_2"]["output"].dump(), R"({"asked":"rested","said":"yes"})");
}

TEST_F(EngineNode, PiecesSeeWhatIsTheirs) {
    EngineProcess engine(environment("SANDBOX_PROCESS"));
    ApiUser user(engine);
    user.sign_up();
    const std::string connection =
        R"({"externalId":"secret-1","displayName":"S","pieceName":"@acme/piece-acme","projectId":")" +
        user.project() +
        R"(","type":"SECRET_TEXT","value":{"type":"SECRET_TEXT","secret_text":"s3cret"}})";
    EXPECT_EQ(user.post("/api/v1/app-connections", connection).status, 201);
    const std::string flow =
        user.make_flow({piece_step("step_1", "know", R"({"auth":"{{connections['secret-1']}}"})"),
                        answer_step("step_2", "\"{{step_1['output']}}\"")});
    const ApiAnswer answer = user.post("/api/v1/webhooks/" + flow + "/sync", "{}");
    EXPECT_EQ(answer.status, 200) << answer.raw.body << engine.log();
    const std::string whole = R"({"type":"SECRET_TEXT","secret_text":"s3cret"})";
    EXPECT_EQ(answer.body["auth"].dump(), whole) << answer.raw.body;
    EXPECT_EQ(answer.body["other"].dump(), whole);
    EXPECT_TRUE(answer.body["none"].is_null());
    EXPECT_EQ(answer.body["project"].text(), user.project());
    EXPECT_EQ(answer.body["flow"].text(), flow);
    EXPECT_EQ(answer.body["listed"].integer_or(0), 1);
    EXPECT_EQ(answer.body["file"].text(), "data:text/plain;name=a.txt;base64,aGk=");
    // Addresses of the engine itself are nobody's but the pieces' own.
    const std::string code =
        user.make_flow({code_step("step_1",
                                  "export const code = async () => { try { const r = await "
                                  "fetch('http://engine.internal/api/v1/worker/project'); return "
                                  "r.status } catch (e) { return String(e.cause || e) } }"),
                        answer_step("step_2", "\"{{step_1['output']}}\"")});
    EXPECT_THAT(user.post("/api/v1/webhooks/" + code + "/sync", "{}").raw.body,
                HasSubstr("resolve_failed"));
}

// The process that performs a step of this engine: a child of it with that name.
pid_t worker_of(const EngineProcess& engine, const std::string& name) {
    std::ifstream list("/proc/" + std::to_string(engine.pid()) + "/task/" +
                       std::to_string(engine.pid()) + "/children");
    pid_t found = 0;
    for (pid_t pid = 0; list >> pid;) {
        std::ifstream command("/proc/" + std::to_string(pid) + "/cmdline");
        std::string line;
        std::getline(command, line);
        // The one that works: it has had the most processor time of those that are alike.
        if (line.find(name) != std::string::npos) {
            found = found == 0 ? pid : found;
        }
    }
    return found;
}

TEST_F(EngineNode, AStepWhoseSandboxIsKilledIsPerformedAgain) {
    for (const auto& [mode, program, workers] :
         {std::tuple("SANDBOX_CODE_ONLY", "sallyport-jsbox", "AP_WORKER_CONCURRENCY=1"),
          std::tuple("SANDBOX_PROCESS", "sallyport-nodebox", "AP_WORKER_CONCURRENCY=1")}) {
        auto gate = std::make_shared<Gate>();
        world_.clear();
        world_.set_handler([gate](const UpstreamRequest&) {
            UpstreamReply reply;
            reply.gate = gate;
            return reply;
        });
        auto settings = environment(mode);
        settings.push_back(workers);
        EngineProcess engine(settings);
        ApiUser user(engine);
        user.sign_up();
        const std::string flow = user.make_flow(
            {code_step("step_1", "export const code = async () => (await fetch('http://" +
                                     world_.address() + "/x')).status;")});
        const ApiAnswer started = user.post("/api/v1/webhooks/" + flow, "{}");
        ASSERT_TRUE(world_.wait_for_requests(1)) << mode << engine.log();
        const pid_t worker = worker_of(engine, program);
        ASSERT_NE(worker, 0) << mode;
        ::kill(worker, SIGKILL);
        ASSERT_TRUE(world_.wait_for_requests(2)) << mode << engine.log();
        gate->open();
        const Json run =
            user.finished_run(std::string(started.raw.header("x-webhook-id").value_or("")));
        EXPECT_EQ(run["status"].text(), "SUCCEEDED") << mode << run.dump();
        EXPECT_EQ(run["steps"]["step_1"]["output"].integer_or(0), 200) << mode << run.dump();
    }
}

// Of this engine or of one that was: it is told by the memory that only this test gives.
std::size_t processes_of_runs_with(const std::string& memory_mb) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        std::ifstream command(entry.path().string() + "/cmdline");
        std::string line;
        std::getline(command, line);
        count += line.find("--max-old-space-size=" + memory_mb) != std::string::npos ? 1 : 0;
    }
    return count;
}

TEST_F(EngineNode, WhatWaitsForARunEndsWithTheEngine) {
    auto settings = environment("SANDBOX_PROCESS");
    settings.push_back("SALLYPORT_NODE_MEMORY_MB=97");
    EngineProcess engine(settings);
    ApiUser user(engine);
    user.sign_up();
    const std::string flow =
        user.make_flow({code_step("step_1", "export const code = async () => 5;"),
                        answer_step("step_2", "\"{{step_1['output']}}\"")});
    const auto waits = [] { return processes_of_runs_with("97") == 1; };
    const auto none = [] { return processes_of_runs_with("97") == 0; };
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(user.post("/api/v1/webhooks/" + flow + "/sync", "{}").raw.body, "5");
        ASSERT_TRUE(wait_until(waits)) << engine.log();
    }
    engine.kill();
    EXPECT_TRUE(wait_until(none)) << "killed with the engine";

    // While the engine still answers for a run, none waits for the next.
    auto gate = std::make_shared<Gate>();
    world_.set_handler([gate](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.gate = gate;
        return reply;
    });
    engine.start();
    const std::string slow = user.make_flow(
        {code_step("step_1", "export const code = async () => (await fetch('http://" +
                                 world_.address() + "/x')).status;")});
    EXPECT_EQ(user.post("/api/v1/webhooks/" + flow + "/sync", "{}").raw.body, "5");
    ASSERT_TRUE(wait_until(waits));
    EXPECT_EQ(user.post("/api/v1/webhooks/" + slow, "{}").status, 200);
    ASSERT_TRUE(world_.wait_for_requests(1)) << engine.log();
    EXPECT_EQ(user.post("/api/v1/webhooks/" + flow + "/sync", "{}").raw.body, "5");
    ASSERT_TRUE(wait_until([] { return processes_of_runs_with("97") == 2; }));
    ::kill(engine.pid(), SIGTERM);
    EXPECT_TRUE(wait_until(waits)) << "the run's own is left";
    gate->open();
    EXPECT_TRUE(wait_until(none));
}

TEST_F(EngineNode, StartsOnlyWhereItCanKeepItsWord) {
    auto settings = environment("SANDBOX_PROCESS");
    settings.push_back("SALLYPORT_NODE=/does/not/exist");
    EXPECT_THROW(
        {
            try {
                EngineProcess engine(settings);
            } catch (const std::runtime_error& error) {
                EXPECT_THAT(error.what(), HasSubstr("SALLYPORT_NODE: there is no program"));
                throw;
            }
        },
        std::runtime_error);
    EngineProcess open(environment("UNSANDBOXED"));
    EXPECT_THAT(open.log(), HasSubstr("node_tier_without_walls"));
    ApiUser user(open);
    user.sign_up();
    const std::string flow = user.make_flow(
        {code_step("step_1",
                   "export const code = async () => [require('fs').existsSync('/etc'), "
                   "process.env.PLANTED];"),
         answer_step("step_2", "\"{{step_1['output']}}\"")});
    EXPECT_EQ(user.post("/api/v1/webhooks/" + flow + "/sync", "{}").raw.body, R"([true,null])");
}

}  // namespace
}  // namespace sallyport::test
