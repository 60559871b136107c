// The journals of ended runs in a bucket, with the real engine on both stores: they go there, are
// read from there, come back for a retry, and are gone with their run. While the bucket is away
// nothing is lost and nobody waits.
#include "tests/engine/engine_process.hpp"
#include "tests/engine/s3_server.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"
#include "tests/integration/fixtures/wait.hpp"
#include "tests/store/sqlite_query.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

using Trouble = S3Server::Trouble;

class EngineS3Journals : public testing::TestWithParam<const char*> {
  protected:
    EngineS3Journals() {
        if (GetParam() == std::string_view("Postgres")) {
            server_ = std::make_unique<PostgresServer>();
            database_ = server_->make_database();
        }
        engine_ = std::make_unique<EngineProcess>(settings());
        ann_ = std::make_unique<ApiUser>(*engine_);
        ann_->sign_up();
        flow_ = ann_->make_flow(
            {code_step("first",
                       "export const code = async () => [Math.random(), 'x'.repeat(20000)];"),
             http_step("call", R"({"method":"GET","url":"http://)" + world_.address() + R"(/"})")});
    }
    ~EngineS3Journals() override { engine_.reset(); }  // before its database

    std::vector<std::string> settings() const {
        std::vector<std::string> all = bucket_.settings();
        all.insert(all.end(), {"SALLYPORT_RUN_LOGS_TO_S3_AFTER_SECONDS=1",
                               "AP_FLOW_RUN_LOG_SLICE_THRESHOLD_KB=4096",
                               "SALLYPORT_EGRESS_ALLOW=" + world_.address()});
        if (server_) {
            all.insert(all.end(), {"AP_DB_TYPE=POSTGRES", "AP_POSTGRES_URL=" + database_});
        }
        return all;
    }
    // The first column of the first row.
    std::string query(const std::string& sql) const {
        if (server_) {
            return server_->query(database_, sql);
        }
        return sqlite_query(engine_->folder().path("data/engine.db"), sql);
    }
    std::string start_run() {
        return deliver_webhook(*engine_, flow_).header("x-webhook-id").value_or("");
    }
    bool is_moved(const std::string& run) const {
        return query("SELECT count(*) FROM run_journal WHERE run_id = '" + run + "'") == "0" &&
               query("SELECT count(*) FROM moved_journal WHERE run_id = '" + run + "'") == "1";
    }
    // A run that has ended, its journal in the bucket.
    std::string moved_run() {
        const std::string run = start_run();
        record_ = ann_->finished_run(run);
        EXPECT_TRUE(wait_until([&] { return is_moved(run); })) << engine_->log();
        return run;
    }
    ApiAnswer retry(const std::string& run) {
        return ann_->post(
            "/v1/flow-runs/" + run + "/retry",
            R"({"strategy":"FROM_FAILED_STEP","projectId":")" + ann_->project() + R"("})");
    }
    std::string retention() {
        const ApiAnswer job = ann_->post("/v1/jobs", R"({"type":"RETENTION"})");
        EXPECT_EQ(job.status, 201) << job.raw.body;
        std::string status;
        EXPECT_TRUE(wait_until([&] {
            status =
                ann_->get("/v1/jobs/" + std::string(job.body["id"].text())).body["status"].text();
            return status != "RUNNING" && status != "QUEUED";
        }));
        return status;
    }

    std::shared_ptr<std::atomic<int>> status_ = std::make_shared<std::atomic<int>>(200);
    Upstream world_{[status = status_](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.status = status->load();
        reply.body = "{}";
        return reply;
    }};
    S3Server bucket_;
    std::unique_ptr<PostgresServer> server_;
    std::string database_;
    std::unique_ptr<EngineProcess> engine_;
    std::unique_ptr<ApiUser> ann_;
    std::string flow_;
    Json record_;  // of moved_run, as it was read from the database
};

INSTANTIATE_TEST_SUITE_P(On, EngineS3Journals, testing::Values("Sqlite", "Postgres"),
                         [](const auto& tested) { return std::string(tested.param); });

TEST_P(EngineS3Journals, GoThereAreReadAndGoWithTheirRun) {
    const std::string run = moved_run();
    EXPECT_EQ(record_["status"].text(), "SUCCEEDED");
    const auto objects = bucket_.objects();
    ASSERT_EQ(objects.size(), 1u);
    EXPECT_TRUE(objects.begin()->first.starts_with("journals/" + ann_->project() + "/"));
    EXPECT_LT(objects.begin()->second.size(), 5'000u) << "packed";
    EXPECT_EQ(ann_->get("/v1/flow-runs/" + run).body.dump(), record_.dump());
    engine_->kill();
    engine_->start();
    EXPECT_EQ(ann_->get("/v1/flow-runs/" + run).body.dump(), record_.dump());
    EXPECT_EQ(query("SELECT count(*) FROM run_journal"), "0");

    query("UPDATE run SET id = '000000000000000000old', created_ms = 1000");
    query("UPDATE moved_journal SET run_id = '000000000000000000old'");
    query("UPDATE entity SET created_ms = 1000 WHERE kind = 'file_object'");
    EXPECT_EQ(retention(), "SUCCEEDED");
    EXPECT_TRUE(bucket_.objects().empty());
    EXPECT_EQ(query("SELECT count(*) FROM moved_journal"), "0");
    EXPECT_TRUE(bucket_.refusals().empty());
}

TEST_P(EngineS3Journals, ComeBackForARetryAndGoAgain) {
    status_->store(500);
    const std::string run = moved_run();
    ASSERT_EQ(record_["status"].text(), "FAILED") << record_.dump();
    const std::string recorded = record_["steps"]["first"]["output"].dump();
    bucket_.fail(Trouble::denied, -1);
    EXPECT_EQ(retry(run).status, 503) << "and the run stays what it is";
    bucket_.fail(Trouble::none, 0);
    EXPECT_EQ(ann_->get("/v1/flow-runs/" + run).body.dump(), record_.dump());

    status_->store(200);
    ASSERT_EQ(retry(run).status, 200) << engine_->log();
    ASSERT_TRUE(ann_->run_reaches(run, "SUCCEEDED")) << engine_->log();
    ASSERT_TRUE(wait_until([&] { return is_moved(run); })) << engine_->log();
    const Json done = ann_->get("/v1/flow-runs/" + run).body;
    EXPECT_EQ(done["steps"]["first"]["output"].dump(), recorded) << "not performed again";
    EXPECT_EQ(done["steps"]["call"]["status"].text(), "SUCCEEDED") << done.dump();
    EXPECT_EQ(bucket_.objects().size(), 2u) << "the first goes when it is old";
}

// Nobody goes on from what is not there, or goes at any moment; those beside it do.
TEST_P(EngineS3Journals, OutsideTheirRetentionAreNotTriedAgain) {
    status_->store(500);
    const std::string lost = moved_run();
    bucket_.lose(bucket_.objects().begin()->first);
    const std::string old = moved_run();
    const std::string young = moved_run();
    query("UPDATE run SET created_ms = 1000 WHERE id = '" + old + "'");
    const ApiAnswer shown = ann_->get("/v1/flow-runs/" + lost);
    EXPECT_EQ(shown.status, 200) << shown.raw.body;
    EXPECT_EQ(shown.body["status"].text(), "FAILED");
    EXPECT_TRUE(shown.body["steps"].is_null());
    EXPECT_TRUE(ann_->get("/v1/flow-runs/" + old).body["steps"].is_object());
    for (const std::string& run : {lost, old}) {
        const ApiAnswer refused = retry(run);
        EXPECT_EQ(refused.status, 410) << refused.raw.body;
        EXPECT_EQ(refused.body.dump(),
                  R"({"code":"FLOW_RUN_RETRY_OUTSIDE_RETENTION","params":{"flowRunId":")" + run +
                      R"(","failedJobRetentionDays":30}})");
    }
    status_->store(200);
    const ApiAnswer all =
        ann_->post("/v1/flow-runs/retry",
                   R"({"strategy":"FROM_FAILED_STEP","projectId":")" + ann_->project() + R"("})");
    ASSERT_EQ(all.status, 200) << all.raw.body;
    ASSERT_EQ(all.body.size(), 1u) << all.raw.body;
    EXPECT_EQ(all.body.at(0)["id"].text(), young);
    EXPECT_TRUE(ann_->run_reaches(young, "SUCCEEDED"));
}

TEST_P(EngineS3Journals, NothingIsLostAndNobodyWaitsWhileTheBucketIsAway) {
    const std::string moved = moved_run();
    bucket_.fail(Trouble::busy, -1);
    const std::string run = start_run();
    const Json record = ann_->finished_run(run);
    EXPECT_EQ(record["status"].text(), "SUCCEEDED");
    ASSERT_TRUE(
        wait_until([&] { return engine_->log().find("journal_not_moved") != std::string::npos; }));
    EXPECT_FALSE(is_moved(run));
    EXPECT_EQ(ann_->get("/v1/flow-runs/" + run).body.dump(), record.dump());
    EXPECT_EQ(ann_->get("/v1/flow-runs?limit=10&projectId=" + ann_->project()).status, 200);
    const ApiAnswer away = ann_->get("/v1/flow-runs/" + moved);
    EXPECT_EQ(away.status, 503) << away.raw.body;
    EXPECT_NE(engine_->log().find("SlowDown"), std::string::npos);

    bucket_.fail(Trouble::none, 0);
    EXPECT_EQ(ann_->get("/v1/flow-runs/" + moved).body.dump(), record_.dump());
    // A kill between the object and the row leaves both: the next start moves it.
    engine_->kill();
    engine_->start();
    EXPECT_TRUE(wait_until([&] { return is_moved(run); })) << engine_->log();
    EXPECT_EQ(ann_->get("/v1/flow-runs/" + run).body.dump(), record.dump());
}

TEST_P(EngineS3Journals, StayWhereTheyAreUnlessFilesGoToTheBucket) {
    std::vector<std::string> at_home = settings();
    for (std::string& setting : at_home) {
        if (setting == "AP_FILE_STORAGE_LOCATION=S3") {
            setting = "AP_FILE_STORAGE_LOCATION=DB";
        }
    }
    const std::string moved = moved_run();
    engine_->stop();
    engine_->set_environment(at_home);
    engine_->start();
    EXPECT_EQ(ann_->get("/v1/flow-runs/" + moved).body.dump(), record_.dump());
    const std::string run = start_run();
    ann_->finished_run(run);
    EXPECT_FALSE(wait_until([&] { return is_moved(run); }, std::chrono::seconds(5)));
    EXPECT_EQ(bucket_.objects().size(), 1u);
}

}  // namespace
}  // namespace sallyport::test
