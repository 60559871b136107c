// What changes of flows leave in the store, and what is written between them: the test looks at the
// database beside the engine, and writes into it as another writer would.
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <future>
#include <string>

namespace sallyport::test {
namespace {

class FlowRows : public testing::Test {
  protected:
    FlowRows() {
        ann_.sign_up();
        EXPECT_EQ(sqlite3_open(engine_.folder().path("data/engine.db").c_str(), &db_), SQLITE_OK);
        sqlite3_busy_timeout(db_, 10'000);
    }
    ~FlowRows() override { sqlite3_close(db_); }

    void execute(const std::string& sql) {
        EXPECT_EQ(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
            << sqlite3_errmsg(db_) << "\n"
            << sql;
    }
    std::int64_t samples() {
        sqlite3_stmt* query = nullptr;
        EXPECT_EQ(sqlite3_prepare_v2(db_, "SELECT count(*) FROM entity WHERE kind = 'sample_data'",
                                     -1, &query, nullptr),
                  SQLITE_OK);
        const std::int64_t count =
            sqlite3_step(query) == SQLITE_ROW ? sqlite3_column_int64(query, 0) : -1;
        sqlite3_finalize(query);
        return count;
    }
    std::string connection(const std::string& name) {
        return std::string(
            ann_.post(
                    "/v1/app-connections",
                    R"({"externalId":")" + name +
                        R"(","displayName":"C","pieceName":"p","projectId":")" + ann_.project() +
                        R"(","type":"SECRET_TEXT","value":{"type":"SECRET_TEXT","secret_text":"1"}})")
                .body["id"]
                .text());
    }
    void save(const std::string& flow, const std::string& type, const std::string& payload) {
        const ApiAnswer saved = ann_.operate(
            flow, "SAVE_SAMPLE_DATA",
            R"({"stepName":"trigger","type":")" + type + R"(","payload":")" + payload + "\"}");
        EXPECT_EQ(saved.status, 200) << saved.raw.body;
    }
    std::string sample(const std::string& flow, const std::string& version) {
        return ann_
            .get("/v1/sample-data?stepName=trigger&type=OUTPUT&projectId=" + ann_.project() +
                 "&flowId=" + flow + (version.empty() ? "" : "&flowVersionId=" + version))
            .raw.body;
    }

    EngineProcess engine_;
    ApiUser ann_{engine_};
    sqlite3* db_ = nullptr;
};

TEST_F(FlowRows, ASampleTakesTheOldOnesPlace) {
    const std::string flow = ann_.make_flow({});
    save(flow, "OUTPUT", "first");
    save(flow, "INPUT", "other");
    save(flow, "OUTPUT", "second");
    EXPECT_EQ(samples(), 2) << "one of each";
    EXPECT_EQ(sample(flow, ""), "\"second\"");
    // What is published goes on naming its own.
    ASSERT_EQ(ann_.operate(flow, "LOCK_AND_PUBLISH", "{}").status, 200);
    const std::string published(ann_.get("/v1/flows/" + flow).body["publishedVersionId"].text());
    save(flow, "OUTPUT", "third");
    EXPECT_EQ(samples(), 3);
    EXPECT_EQ(sample(flow, published), "\"second\"");
    save(flow, "OUTPUT", "fourth");
    EXPECT_EQ(samples(), 3) << "the draft's alone went";
    EXPECT_EQ(sample(flow, ""), "\"fourth\"");
    EXPECT_EQ(sample(flow, published), "\"second\"");
}

// Somebody publishes while a connection is being replaced: the deletion sees it.
TEST_F(FlowRows, AConnectionThatIsPublishedMeanwhileStays) {
    const std::string a = connection("a");
    const std::string b = connection("b");
    const std::string flow = ann_.make_flow({});
    execute("BEGIN IMMEDIATE");
    execute("UPDATE flow_version SET connection_ids = '[\"a\"]' WHERE flow_id = '" + flow + "'");
    const std::string path = "/v1/app-connections/";
    ApiUser beside(engine_);  // a connection of its own
    beside.token = ann_.token;
    auto replaced = std::async(std::launch::async, [&] {
        return beside.post(path + "replace", R"({"sourceAppConnectionId":")" + a +
                                                 R"(","targetAppConnectionId":")" + b +
                                                 R"(","projectId":")" + ann_.project() +
                                                 R"(","deleteSourceConnection":true})");
    });
    // Reads are answered in order: by then it has looked, and waits to write.
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(ann_.get(path + a).status, 200);
    }
    execute("COMMIT");
    const ApiAnswer answer = replaced.get();
    EXPECT_EQ(answer.status, 409) << answer.raw.body;
    EXPECT_EQ(ann_.get(path + a).status, 200) << "it is still there";
}

}  // namespace
}  // namespace sallyport::test
