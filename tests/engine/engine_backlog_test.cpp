// A hundred thousand runs that wait and a million that rest cost rows, not memory, nor the next
// acknowledgement, nor a start. The rows are copies of a run that the engine made itself.
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <chrono>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

constexpr auto kLong = std::chrono::seconds(200);

// The engine's database while no engine has it.
class Database {
  public:
    explicit Database(const EngineProcess& engine) {
        EXPECT_EQ(sqlite3_open(engine.folder().path("data/engine.db").c_str(), &db_), SQLITE_OK);
        execute("PRAGMA synchronous=OFF");
    }
    ~Database() { sqlite3_close(db_); }
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    void execute(const std::string& sql) {
        char* problem = nullptr;
        EXPECT_EQ(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, &problem), SQLITE_OK)
            << problem << "\n"
            << sql;
        sqlite3_free(problem);
    }
    long number(const std::string& sql) {
        sqlite3_stmt* query = nullptr;
        EXPECT_EQ(sqlite3_prepare_v2(db_, sql.c_str(), -1, &query, nullptr), SQLITE_OK) << sql;
        const long value = sqlite3_step(query) == SQLITE_ROW ? sqlite3_column_int64(query, 0) : -1;
        sqlite3_finalize(query);
        return value;
    }
    // `count` copies of a run with its first `commits` commits, in the state that `changes` sets.
    void copy_run(const std::string& run, int count, int commits, const std::string& changes) {
        const std::string numbers =
            "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 "
            "FROM number WHERE n < " +
            std::to_string(count) + ") ";
        execute("BEGIN; CREATE TEMP TABLE copy AS SELECT * FROM run WHERE id = '" + run +
                "'; UPDATE copy SET " + changes + ";");
        execute("CREATE TEMP TABLE copies AS " + numbers + "SELECT substr('" + run +
                "', 1, 8) || printf('w%012d', n) AS id FROM number");
        execute(
            "INSERT INTO run (id, project_id, flow_id, version_id, display_name, environment, "
            "status, failed_step, steps_count, created_ms, updated_ms, started_ms, finished_ms, "
            "resume_ms, parent_run_id, fail_parent, archived_ms, queue_class) "
            "SELECT copies.id, project_id, flow_id, version_id, display_name, environment, status, "
            "failed_step, steps_count, created_ms, updated_ms, started_ms, finished_ms, resume_ms, "
            "parent_run_id, fail_parent, archived_ms, queue_class FROM copies, copy");
        execute(
            "INSERT INTO run_journal (run_id, sequence, entries) "
            "SELECT copies.id, sequence, entries FROM copies, run_journal "
            "WHERE run_id = '" +
            run + "' AND sequence < " + std::to_string(commits) +
            "; DROP TABLE copy; DROP TABLE copies; COMMIT;");
    }

  private:
    sqlite3* db_ = nullptr;
};

HttpResponse fetch(const std::string& url) {
    HttpRequest request;
    request.method = "GET";
    request.url = url;
    return send(request);
}

std::string start(const EngineProcess& engine, const std::string& flow) {
    return fetch(engine.url("/v1/webhooks/" + flow)).header("x-webhook-id").value_or("");
}

// A step that touches nothing outside the engine.
std::string mapping_step(const std::string& name) {
    return R"({"type":"PIECE","displayName":"Map","valid":true,"name":")" + name +
           R"(","settings":{"pieceName":"@activepieces/piece-data-mapper","pieceVersion":"0.3.19","actionName":"advanced_mapping","propertySettings":{},"input":{"mapping":{"a":"{{trigger.output.method}}"}}}})";
}

TEST(EngineBacklog, AHundredThousandRunsWaitInTheStore) {
    constexpr int kWaiting = 100'000;
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({mapping_step("map")});
    const std::string first = start(engine, flow);
    ASSERT_EQ(ann.finished_run(first)["status"].text(), "SUCCEEDED");
    engine.stop();
    Database(engine).copy_run(first, kWaiting, 1,
                              "status = 'QUEUED', finished_ms = 0, steps_count = 1, "
                              "queue_class = 3");
    engine.start();
    EXPECT_GT(engine.metric("sallyport_queue_depth"), kWaiting * 9 / 10) << "no load at the start";
    // Acknowledged while the others wait, and behind them in the line.
    std::vector<std::string> later;
    for (int i = 0; i < 50; ++i) {
        later.push_back(start(engine, flow));
        EXPECT_FALSE(later.back().empty());
    }
    EXPECT_GT(engine.metric("sallyport_queue_depth"), kWaiting / 2) << "too quick for this test";
    EXPECT_EQ(ann.get("/v1/flow-runs/" + later.back()).body["status"].text(), "QUEUED");
    EXPECT_GT(engine.metric("sallyport_queue_age_seconds"), -1);
    // A kill in the middle costs nothing.
    ASSERT_TRUE(wait_until(
        [&] { return engine.metric("sallyport_queue_depth") < kWaiting * 9 / 10; }, kLong));
    EXPECT_LT(engine.memory_peak_mb(), 150);
    engine.kill();
    engine.start();
    ASSERT_TRUE(wait_until(
        [&] {
            return engine.metric("sallyport_queue_depth") == 0 &&
                   engine.metric("sallyport_runs_live") == 0;
        },
        kLong));
    EXPECT_LT(engine.memory_peak_mb(), 150);
    engine.stop();
    Database database(engine);
    EXPECT_EQ(database.number("SELECT count(*) FROM run WHERE status = 'SUCCEEDED'"),
              kWaiting + 1 + 50);
    EXPECT_EQ(database.number("SELECT count(*) FROM run WHERE status <> 'SUCCEEDED'"), 0);
    EXPECT_EQ(
        database.number("SELECT count(*) FROM (SELECT run_id FROM run_journal GROUP BY run_id "
                        "HAVING sum(instr(entries, '\"step_succeeded\"') > 0) <> 1)"),
        0)
        << "each step once";
}

// Due while the engine was down, and soon after it is back; killed in the middle of it.
TEST(EngineBacklog, AHundredThousandDelaysEndOnceEachOverARestart) {
    constexpr int kResting = 100'000;
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow(
        {delay_step("rest", "delayFor", R"({"unit":"days","delayFor":2})"), mapping_step("map")});
    const std::string first = start(engine, flow);
    ASSERT_TRUE(ann.run_reaches(first, "PAUSED"));
    engine.stop();
    {
        Database database(engine);
        database.copy_run(first, kResting, 100, "archived_ms = 0");
        const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count();
        database.execute("UPDATE run SET resume_ms = " + std::to_string(now) +
                         " + abs(random() % 10000) - 5000 WHERE id LIKE '%w0%'");
    }
    engine.start();
    const auto ended = [&] {
        return engine.metric("sallyport_runs_ended_total{status=\"SUCCEEDED\"}");
    };
    ASSERT_TRUE(wait_until([&] { return ended() > kResting / 10; }, kLong));
    engine.kill();
    engine.start();
    ASSERT_TRUE(wait_until(
        [&] {
            return engine.metric("sallyport_queue_depth") == 0 &&
                   engine.metric("sallyport_runs_live") == 0 &&
                   ann.get("/v1/flow-runs/count-by-status?projectId=" + ann.project())
                           .raw.body.find("\"SUCCEEDED\",\"count\":" + std::to_string(kResting)) !=
                       std::string::npos;
        },
        kLong));
    EXPECT_LT(engine.memory_peak_mb(), 150);
    engine.stop();
    Database database(engine);
    EXPECT_EQ(database.number("SELECT count(*) FROM run WHERE status = 'SUCCEEDED'"), kResting);
    EXPECT_EQ(database.number("SELECT count(*) FROM run WHERE status = 'PAUSED'"), 1);
    EXPECT_EQ(
        database.number("SELECT count(*) FROM (SELECT run_id FROM run_journal WHERE run_id LIKE "
                        "'%w0%' GROUP BY run_id HAVING sum(instr(entries, '\"run_resumed\"') > 0) "
                        "<> 1 OR sum(instr(entries, '\"step\":\"map\"') > 0) < 1)"),
        0)
        << "each delay ended once";
}

TEST(EngineBacklog, AMillionRunsRest) {
    constexpr int kResting = 1'000'000;
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow(
        {R"({"type":"PIECE","displayName":"Rest","valid":true,"name":"rest","settings":{"pieceName":"@activepieces/piece-delay","pieceVersion":"0.3.26","actionName":"delayFor","propertySettings":{},"input":{"unit":"days","delayFor":2}}})"});
    const std::string first = start(engine, flow);
    ASSERT_TRUE(wait_until([&] {
        return ann.get("/v1/flow-runs/" + first).body["status"].text() == "PAUSED" &&
               engine.metric("sallyport_runs_live") == 0;
    }));
    engine.stop();
    {
        Database database(engine);
        database.copy_run(first, kResting, 100, "archived_ms = 0");
        database.execute(
            "UPDATE run SET resume_ms = 1000 WHERE id IN "
            "(SELECT id FROM run WHERE id LIKE '%777')");
    }
    const auto begin = std::chrono::steady_clock::now();
    engine.start();
    EXPECT_EQ(fetch(engine.url("/api/v1/health")).status, 200);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
    // Those whose time has come go on, the others sleep on.
    ASSERT_TRUE(wait_until(
        [&] {
            return engine.metric("sallyport_runs_ended_total{status=\"SUCCEEDED\"}") == 1000 &&
                   engine.metric("sallyport_runs_live") == 0;
        },
        kLong));
    EXPECT_LT(engine.memory_peak_mb(), 150);
    EXPECT_FALSE(start(engine, flow).empty());
    engine.stop();
    Database database(engine);
    EXPECT_EQ(database.number("SELECT count(*) FROM run WHERE status = 'SUCCEEDED'"), 1000);
    EXPECT_EQ(database.number("SELECT count(*) FROM run WHERE status = 'PAUSED'"),
              kResting + 2 - 1000);
}

}  // namespace
}  // namespace sallyport::test
