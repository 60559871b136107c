// Two engines on one PostgreSQL database: each serves all flows; what one leaves, the other ends.
#include "common/contract.hpp"
#include "tests/engine/engine_process.hpp"
#include "tests/engine/faulty_machine.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

std::vector<std::string> on(const std::string& database, std::vector<std::string> more = {}) {
    more.emplace_back("AP_DB_TYPE=POSTGRES");
    more.push_back("AP_POSTGRES_URL=" + database);
    return more;
}

HttpResponse hook(const EngineProcess& engine, const std::string& path) {
    HttpRequest request;
    request.method = "POST";
    request.url = engine.url("/v1/webhooks/" + path);
    return send(request);
}

std::string delay_step(std::string_view seconds) {
    return R"({"type":"PIECE","displayName":"Delay","valid":true,"name":"wait","settings":{"pieceName":"@activepieces/piece-delay","pieceVersion":"0.3.18","actionName":"delayFor","propertySettings":{},"input":{"unit":"seconds","delayFor":)" +
           std::string(seconds) + "}}}";
}

class EngineShared : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { server_ = std::make_unique<PostgresServer>(); }
    static void TearDownTestSuite() { server_.reset(); }
    static std::unique_ptr<PostgresServer> server_;
};
std::unique_ptr<PostgresServer> EngineShared::server_;

TEST_F(EngineShared, BothServeWhatOneWasGiven) {
    const std::string database = server_->make_database();
    EngineProcess first(on(database));
    EngineProcess second(on(database));
    ApiUser ann(first);
    ann.sign_up();
    const std::string flow = ann.make_flow({code_step("add", "export const code = async () => 1;"),
                                            answer_step("answer", R"({"n":"{{add.output}}"})")});
    for (const EngineProcess* engine : {&first, &second}) {
        const HttpResponse answer = hook(*engine, flow + "/sync");
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, R"({"n":1})");
    }
    // The second keeps the flow compiled; a change at the first reaches it.
    ASSERT_EQ(ann.operate(flow, "CHANGE_STATUS", R"({"status":"DISABLED"})").status, 200);
    EXPECT_TRUE(wait_until([&] { return hook(second, flow).status == 404; }));
}

TEST_F(EngineShared, WhatAKilledEngineLeavesTheOtherEnds) {
    auto open = std::make_shared<std::atomic<bool>>(false);
    Upstream stub([open](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.status = open->load() ? 200 : 503;
        reply.body = "{}";
        return reply;
    });
    const std::string database = server_->make_database();
    EngineProcess first(on(database, {"SALLYPORT_EGRESS_ALLOW=" + stub.address()}));
    EngineProcess second(on(database, {"SALLYPORT_EGRESS_ALLOW=" + stub.address()}));
    ApiUser ann(first);
    ann.sign_up();
    const std::string flow = ann.make_flow(
        {code_step("once", "export const code = async () => Math.random();"),
         http_step("call", R"({"method":"GET","url":"http://)" + stub.address() + R"(/"})",
                   R"({"retryOnFailure":{"value":true}})"),
         delay_step("1")});
    std::vector<std::string> runs;
    for (int i = 0; i < 20; ++i) {
        runs.push_back(hook(first, flow).header("x-webhook-id").value_or(""));
    }
    // All of them wait for their second attempt when the engine dies.
    ASSERT_TRUE(wait_until([&] {
        return server_->query(database,
                              "SELECT count(*) FROM run_journal WHERE entries LIKE "
                              "'%step_failed%'") == "20";
    }));
    const std::string once =
        server_->query(database,
                       "SELECT string_agg(entries, ' ' ORDER BY run_id) FROM run_journal "
                       "WHERE entries LIKE '%once%' AND entries LIKE '%step_succeeded%'");
    open->store(true);
    first.kill();
    ApiUser there(second);
    there.sign_in("ann@example.org", "Password1!");
    for (const std::string& run : runs) {
        EXPECT_EQ(there.finished_run(run)["status"].text(), "SUCCEEDED") << run;
    }
    EXPECT_NE(second.log().find("runs_taken_over"), std::string::npos);
    EXPECT_EQ(server_->query(database,
                             "SELECT string_agg(entries, ' ' ORDER BY run_id) FROM run_journal "
                             "WHERE entries LIKE '%once%' AND entries LIKE '%step_succeeded%'"),
              once)
        << "what was recorded is not done again";
}

// The caller waits at the first; the second is asked to go on, and ends the run.
TEST_F(EngineShared, ACallerIsAnsweredByWhicheverEngineEndsTheRun) {
    const std::string database = server_->make_database();
    EngineProcess first(on(database));
    EngineProcess second(on(database));
    ApiUser ann(first);
    ann.sign_up();
    const std::string flow = ann.make_flow(
        {R"({"type":"PIECE","displayName":"Links","valid":true,"name":"links","settings":{"pieceName":"@activepieces/piece-approval","pieceVersion":"0.1.0","actionName":"create_approval_links","propertySettings":{},"input":{}}})",
         R"({"type":"PIECE","displayName":"Wait","valid":true,"name":"wait","settings":{"pieceName":"@activepieces/piece-approval","pieceVersion":"0.1.0","actionName":"wait_for_approval","propertySettings":{},"input":{}}})",
         answer_step("answer", R"({"ok":"{{wait.output.approved}}"})")});
    auto waiting = std::async(std::launch::async, [&] { return hook(first, flow + "/sync").body; });
    Json runs;
    ASSERT_TRUE(wait_until([&] {
        runs = ann.get("/v1/flow-runs?projectId=" + ann.project()).body["data"];
        return runs.size() == 1 && runs.at(0)["status"].text() == "PAUSED";
    }));
    const std::string id(runs.at(0)["id"].text());
    const Json run = ann.get("/v1/flow-runs/" + id).body;
    const std::string link(run["steps"]["links"]["output"]["approvalLink"].text());
    HttpRequest approve;
    approve.method = "GET";
    approve.url = second.url(link.substr(link.find("/api/v1/")));
    EXPECT_EQ(send(approve).status, 200);
    EXPECT_EQ(waiting.get(), R"({"ok":true})");
}

TEST_F(EngineShared, ADatabaseThatGoesAndComesBackCostsNoRun) {
    const std::string database = server_->make_database();
    EngineProcess engine(on(database));
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({delay_step("2")});
    std::vector<std::string> runs;
    for (int i = 0; i < 10; ++i) {
        runs.push_back(hook(engine, flow).header("x-webhook-id").value_or(""));
    }
    server_->crash();
    EXPECT_TRUE(wait_until([&] { return hook(engine, flow).status == 503; }))
        << "no acknowledgement without a database";
    server_->start();
    EXPECT_TRUE(wait_until([&] { return hook(engine, flow).status == 200; }));
    for (const std::string& run : runs) {
        EXPECT_EQ(ann.finished_run(run)["status"].text(), "SUCCEEDED");
    }
}

std::string put_step(std::string_view name, std::string_view key) {
    return R"({"type":"PIECE","displayName":"Put","valid":true,"name":")" + std::string(name) +
           R"(","settings":{"pieceName":"@activepieces/piece-store","pieceVersion":"0.6.20","actionName":"put","propertySettings":{},"input":{"key":")" +
           std::string(key) + R"(","value":"kept","store_scope":"COLLECTION"}}})";
}

// One run is in the middle of a storage step when the database dies, and another resolves an input
// that names a connection while it is away; a third looks into a table.
TEST_F(EngineShared, StepsThatNeedTheDatabaseWaitForIt) {
    auto asked = std::make_shared<std::atomic<bool>>(false);
    auto open = std::make_shared<std::atomic<bool>>(false);
    Upstream stub([asked, open](const UpstreamRequest&) {
        asked->store(true);
        static_cast<void>(wait_until([open] { return open->load(); }));
        UpstreamReply reply;
        reply.body = "{}";
        return reply;
    });
    const std::string database = server_->make_database();
    EngineProcess engine(on(database, {"SALLYPORT_EGRESS_ALLOW=" + stub.address()}));
    ApiUser ann(engine);
    ann.sign_up();
    ASSERT_EQ(
        ann.post(
               "/v1/app-connections",
               R"({"externalId":"c1","displayName":"c1","pieceName":"@activepieces/piece-http","projectId":")" +
                   ann.project() +
                   R"(","type":"SECRET_TEXT","value":{"type":"SECRET_TEXT","secret_text":"s"}})")
            .status,
        201);
    const std::string keeps = ann.make_flow({put_step("keep", "k")});
    const std::string names = ann.make_flow(
        {http_step("call", R"({"method":"GET","url":"http://)" + stub.address() + R"(/"})"),
         code_step("use", "export const code = async (i) => i.c;",
                   R"({"c":"{{connections['c1']}}"})")});
    ASSERT_EQ(ann.post("/v1/tables", R"({"name":"T","externalId":"t","fields":[],"projectId":")" +
                                         ann.project() + "\"}")
                  .status,
              200);
    const std::string finds = ann.make_flow(
        {http_step("call", R"({"method":"GET","url":"http://)" + stub.address() + R"(/"})"),
         R"({"type":"PIECE","displayName":"Find","valid":true,"name":"find","settings":{"pieceName":"@activepieces/piece-tables","pieceVersion":"0.4.2","actionName":"tables-find-records","propertySettings":{},"input":{"table_id":"t"}}})"});
    // The storage step's transaction waits for this one.
    const std::string lock =
        "pg_advisory_lock(hashtextextended('store_entry/" + ann.project() + "/k', 1396788336))";
    Process holder = Process::spawn(
        {"psql", "-X", "-d", database, "-c", "SELECT " + lock + ", pg_sleep(600)"}, {});
    const auto locks = [&](std::string_view granted) {
        return server_->query(
            database,
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND " +
                std::string(granted));
    };
    ASSERT_TRUE(wait_until([&] { return locks("granted") == "1"; }));
    const std::string kept = hook(engine, keeps).header("x-webhook-id").value_or("");
    const std::string named = hook(engine, names).header("x-webhook-id").value_or("");
    const std::string found = hook(engine, finds).header("x-webhook-id").value_or("");
    ASSERT_TRUE(wait_until([&] { return asked->load() && locks("NOT granted") == "1"; }));
    server_->crash();
    open->store(true);
    EXPECT_TRUE(wait_until([&] {
        return ann.get("/v1/flow-runs?projectId=" + ann.project()).status >= 500;
    })) << "so long that what waits for the database is told so";
    server_->start();
    for (const std::string& run : {kept, named, found}) {
        const Json ended = ann.finished_run(run);
        EXPECT_EQ(ended["status"].text(), "SUCCEEDED") << ended["failedStep"].dump();
    }
}

// Each engine would take the other's delays for due an hour early, or an hour late.
TEST_F(EngineShared, EnginesWhoseClocksAreAnHourApartRestAsLongAsTheyShould) {
    const std::string database = server_->make_database();
    FaultyMachine machine;
    machine.set_clock(1);
    EngineProcess right(on(database));
    EngineProcess ahead(on(database), machine.wrapper());
    EXPECT_NE(ahead.log().find("clock_differs"), std::string::npos) << ahead.log();
    EXPECT_EQ(right.log().find("clock_differs"), std::string::npos);
    ApiUser ann(right);
    ann.sign_up();
    // Longer than what an engine keeps in memory under a timer of its own.
    const std::string soon = ann.make_flow({delay_step("32")});
    const std::string late = ann.make_flow({delay_step("1800")});
    const auto begin = std::chrono::steady_clock::now();
    std::vector<std::string> sooner;
    std::vector<std::string> later;
    for (const EngineProcess* engine : {&right, &ahead}) {
        sooner.push_back(hook(*engine, soon).header("x-webhook-id").value_or(""));
        later.push_back(hook(*engine, late).header("x-webhook-id").value_or(""));
    }
    for (const std::string& run : later) {
        ASSERT_TRUE(ann.run_reaches(run, "PAUSED"));
    }
    // The one that is ahead dies: the other ends its delays, when they are due.
    ahead.kill();
    for (const std::string& run : sooner) {
        EXPECT_TRUE(wait_until(
            [&] { return ann.get("/v1/flow-runs/" + run).body["status"].text() == "SUCCEEDED"; },
            std::chrono::seconds(60)));
    }
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
    for (const std::string& run : later) {
        EXPECT_EQ(ann.get("/v1/flow-runs/" + run).body["status"].text(), "PAUSED");
    }
    // A clock that is set while the engine runs is noticed too.
    ahead.start();
    machine.set_clock(0);
    EXPECT_TRUE(wait_until([&] { return ahead.log().find("clock_agrees") != std::string::npos; }));
}

// The gateway signs with the clock of the machine that both are on.
TEST_F(EngineShared, TheGatewayIsBelievedByTheMachinesOwnClock) {
    constexpr std::string_view kSecret = "verdict-secret-of-this-test";
    FaultyMachine machine;
    machine.set_clock(1);
    EngineProcess ahead(
        on(server_->make_database(), {"SALLYPORT_VERDICT_SECRET=" + std::string(kSecret)}),
        machine.wrapper());
    ASSERT_NE(ahead.log().find("clock_differs"), std::string::npos) << ahead.log();
    const auto status_of = [&](std::chrono::hours gateways_clock) {
        contract::GatewayVerdict verdict;
        verdict.time_s = std::chrono::duration_cast<std::chrono::seconds>(
                             (std::chrono::system_clock::now() + gateways_clock).time_since_epoch())
                             .count();
        verdict.client_address = "192.0.2.7";
        verdict.scheme = "https";
        verdict.method = "GET";
        verdict.target = "/";
        HttpRequest request;
        request.url = ahead.url("/v1/flags");
        request.headers = {
            {std::string(contract::kVerdictHeader),
             contract::sign_verdict(verdict, contract::verdict_key(Secret(kSecret)))}};
        return send(request).status;
    };
    EXPECT_EQ(status_of(std::chrono::hours(1)), 200);
    EXPECT_EQ(status_of(std::chrono::hours(0)), 403);
}

TEST_F(EngineShared, AStartWithoutADatabaseSaysSo) {
    const CommandResult result =
        run_command({SALLYPORT_ENGINE_BIN, "--listen", "127.0.0.1:0"},
                    {.environment = {"AP_JWT_SECRET=0123456789abcdef0123456789abcdef",
                                     "AP_ENCRYPTION_KEY=0123456789abcdef0123456789abcdef",
                                     "AP_DB_TYPE=POSTGRES",
                                     "AP_POSTGRES_URL=postgres://u:topsecret@127.0.0.1:1/x"},
                     .directory = "/tmp",
                     .output_path = {},
                     .parent_death_signal = SIGKILL});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_NE(result.output.find("cannot reach PostgreSQL"), std::string::npos) << result.output;
    EXPECT_EQ(result.output.find("topsecret"), std::string::npos) << "no password in a message";
}

}  // namespace
}  // namespace sallyport::test
