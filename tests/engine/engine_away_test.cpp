// A database that is away, or does not take what a run gives it: the run waits, and ends.
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::test {
namespace {

std::string piece_step(std::string_view name, std::string_view piece, std::string_view action,
                       std::string_view input) {
    return R"({"type":"PIECE","displayName":"Step","valid":true,"name":")" + std::string(name) +
           R"(","settings":{"pieceName":"@activepieces/piece-)" + std::string(piece) +
           R"(","pieceVersion":"0.1.0","actionName":")" + std::string(action) +
           R"(","propertySettings":{},"input":)" + std::string(input) + "}}";
}

class EngineAway : public ::testing::Test {
  protected:
    EngineAway() { ann_.sign_up(); }

    std::string query(const std::string& sql) { return server_.query(database_, sql); }
    std::string metrics() {
        HttpRequest request;
        request.url = engine_.url("/metrics");
        return send(request).body;
    }
    std::string start(const std::string& flow) {
        return deliver_webhook(engine_, flow).header("x-webhook-id").value_or("");
    }

    PostgresServer server_;
    std::string database_ = server_.make_database();
    EngineProcess engine_{{"AP_DB_TYPE=POSTGRES", "AP_POSTGRES_URL=" + database_}};
    ApiUser ann_{engine_};
};

// The step is keeping its file when the database dies.
TEST_F(EngineAway, AFileThatAStepKeepsWaitsForTheDatabase) {
    const std::string flow = ann_.make_flow(
        {piece_step("make", "csv", "create_csv_file", R"({"json_array":[{"name":"Ann"}]})"),
         piece_step("read", "csv", "read_csv_file", R"({"file":"{{make['output']['url']}}"})")});
    Process holder =
        Process::spawn({"psql", "-X", "-d", database_, "-c",
                        "BEGIN; LOCK TABLE entity IN EXCLUSIVE MODE; SELECT pg_sleep(600)"},
                       {});
    const auto locks = [&](std::string_view what) {
        return query("SELECT count(*) FROM pg_locks WHERE relation = 'entity'::regclass AND " +
                     std::string(what));
    };
    ASSERT_TRUE(wait_until([&] { return locks("mode = 'ExclusiveLock'") == "1"; }));
    const std::string run = start(flow);
    ASSERT_TRUE(wait_until([&] { return locks("NOT granted") != "0"; }));
    server_.crash();
    EXPECT_TRUE(wait_until([&] {
        return ann_.get("/v1/flow-runs?projectId=" + ann_.project()).status >= 500;
    })) << "so long that what waits for the database is told so";
    server_.start();
    const Json ended = ann_.finished_run(run);
    EXPECT_EQ(ended["status"].text(), "SUCCEEDED") << ended["failedStep"].dump();
    EXPECT_EQ(ended["steps"]["read"]["output"]["rows"].dump(), R"([{"name":"Ann"}])");
}

// Its flow is gone, and its end is not taken at first.
TEST_F(EngineAway, ARunThatCannotGoOnEndsWhenTheDatabaseTakesIt) {
    const std::string called = ann_.make_flow(
        {piece_step("rest", "delay", "delayFor", R"({"unit":"days","delayFor":1})")});
    const std::string trigger =
        R"({"type":"PIECE_TRIGGER","name":"trigger","displayName":"Call","valid":true,"settings":{"pieceName":"@activepieces/piece-subflows","pieceVersion":"0.6.3","triggerName":"callableFlow","input":{"mode":"simple","exampleData":{"sampleData":{}}},"propertySettings":{}}})";
    ASSERT_EQ(ann_.operate(called, "UPDATE_TRIGGER", trigger).status, 200);
    ASSERT_EQ(ann_.operate(called, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})").status, 200);
    const std::string caller = ann_.make_flow({piece_step(
        "call", "subflows", "callFlow",
        R"({"flowId":")" + called + R"(","flowProps":{"payload":{}},"waitForResponse":true})")});
    const std::string run = start(caller);
    ASSERT_TRUE(ann_.run_reaches(run, "PAUSED"));
    const std::string child = "flow_id = '" + called + "'";
    ASSERT_TRUE(wait_until(
        [&] { return query("SELECT count(*) FROM run WHERE resume_ms > 0 AND " + child) == "1"; }));
    engine_.stop();
    query("DELETE FROM flow_version WHERE " + child);
    query(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'not now'; END $$");
    query(
        "CREATE TRIGGER refuse BEFORE INSERT ON run_journal FOR EACH ROW "
        "WHEN (NEW.entries LIKE '%run_canceled%') EXECUTE FUNCTION refuse()");
    query("UPDATE run SET resume_ms = 1 WHERE " + child);
    engine_.start();
    EXPECT_TRUE(wait_until([&] {
        return metrics().find("\nsallyport_journal_write_failures_total 0\n") == std::string::npos;
    })) << "it is tried";
    EXPECT_NE(query("SELECT status FROM run WHERE " + child), "INTERNAL_ERROR");
    query("DROP TRIGGER refuse ON run_journal");
    EXPECT_TRUE(wait_until(
        [&] { return query("SELECT status FROM run WHERE " + child) == "INTERNAL_ERROR"; }));
    ann_.sign_in("ann@example.org", "Password1!");
    const Json ended = ann_.finished_run(run);
    EXPECT_EQ(ended["status"].text(), "FAILED");
    EXPECT_NE(ended["failedStep"]["message"].text().find("Subflow execution failed"),
              std::string_view::npos)
        << "and who waits for it hears of it";
}

}  // namespace
}  // namespace sallyport::test
