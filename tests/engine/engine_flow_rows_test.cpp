// What changes of flows leave in the store, and what is written between them: the test looks at the
// database beside the engine, and writes into it as another writer would.
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <sqlite3.h>

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

std::string connection(ApiUser& user, const std::string& name) {
    return std::string(
        user.post("/v1/app-connections",
                  R"({"externalId":")" + name +
                      R"(","displayName":"C","pieceName":"p","projectId":")" + user.project() +
                      R"(","type":"SECRET_TEXT","value":{"type":"SECRET_TEXT","secret_text":"1"}})")
            .body["id"]
            .text());
}

ApiAnswer replace(ApiUser& user, const std::string& from, const std::string& to,
                  const std::string& more = "") {
    return user.post("/v1/app-connections/replace",
                     R"({"sourceAppConnectionId":")" + from + R"(","targetAppConnectionId":")" +
                         to + R"(","projectId":")" + user.project() +
                         R"(","deleteSourceConnection":true)" + more + "}");
}

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

// A version may be made to name another flow's sample, which is not its to take away.
void expect_other_samples_stay(ApiUser& user) {
    const std::string mine = user.make_flow({});
    const std::string other = user.make_flow({});
    const auto save = [&user](const std::string& flow, const std::string& payload) {
        return user
            .operate(flow, "SAVE_SAMPLE_DATA",
                     R"({"stepName":"trigger","type":"OUTPUT","payload":)" + payload + "}")
            .body["version"]["trigger"]["settings"]["sampleData"];
    };
    // What the sample itself holds makes it nobody's.
    const Json kept = save(other, R"({"flowId":")" + mine + "\"}");
    ASSERT_EQ(user.operate(mine, "UPDATE_SAMPLE_DATA_INFO",
                           R"({"stepName":"trigger","sampleDataSettings":)" + kept.dump() + "}")
                  .status,
              200);
    const std::string path =
        "/v1/sample-data?stepName=trigger&type=OUTPUT&projectId=" + user.project() + "&flowId=";
    EXPECT_EQ(user.get(path + mine).body["flowId"].text(), mine) << "it is read through both";
    EXPECT_TRUE(save(mine, "1").is_object());
    EXPECT_EQ(user.get(path + mine).raw.body, "1");
    EXPECT_EQ(user.get(path + other).body["flowId"].text(), mine) << "it is still there";
}

TEST_F(FlowRows, AnotherFlowsSampleStays) {
    expect_other_samples_stay(ann_);
}

// Somebody publishes while a connection is being replaced: the deletion sees it.
TEST_F(FlowRows, AConnectionThatIsPublishedMeanwhileStays) {
    const std::string a = connection(ann_, "a");
    const std::string b = connection(ann_, "b");
    const std::string flow = ann_.make_flow({});
    ApiUser beside(engine_);  // another client, at the same time
    beside.sign_up();
    execute("BEGIN IMMEDIATE");
    execute("UPDATE flow_version SET connection_ids = '[\"a\"]' WHERE flow_id = '" + flow + "'");
    const std::string path = "/v1/app-connections/";
    auto replaced = std::async(std::launch::async, [&] { return replace(beside, a, b); });
    // Reads are answered in order: by then it has looked, and waits to write.
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(ann_.get(path + a).status, 200);
    }
    execute("COMMIT");
    const ApiAnswer answer = replaced.get();
    EXPECT_EQ(answer.status, 409) << answer.raw.body;
    EXPECT_EQ(ann_.get(path + a).status, 200) << "it is still there";
}

// A version of before `?.` was a reference does not name its connection: the next start puts it
// right, and nobody takes the connection away from under what is published.
void expect_optional_references_found(EngineProcess& engine, ApiUser& user,
                                      const std::function<void(const std::string&)>& execute,
                                      const std::string& version) {
    const std::string a = connection(user, "opt");
    const std::string b = connection(user, "other");
    const std::string kept = connection(user, "kept");
    const auto ids = [&user](const std::string& flow) {
        return user.get("/v1/flows/" + flow).body["version"]["connectionIds"].dump();
    };
    const std::string input = R"({"a":"{{connections?.opt}}","b":"{{connections['kept']}}"})";
    const std::string code = "export const code = async (inputs) => inputs;";
    const std::string flow = user.make_flow({code_step("step_1", code, input)});
    const std::string by_index =
        user.make_flow({code_step("step_1", code, R"({"a":"{{connections?.[\"opt\"]}}"})")});
    const std::string none = user.make_flow({code_step("step_1", code, R"({"a":"opt"})")});
    execute("UPDATE flow_version SET connection_ids = '[\"kept\"]' WHERE flow_id = '" + flow + "'");
    execute("UPDATE flow_version SET connection_ids = '[]' WHERE flow_id = '" + by_index + "'");
    execute("DELETE FROM schema_migration WHERE version >= " + version);
    execute("ALTER TABLE flow DROP COLUMN template_id");
    execute("ALTER TABLE flow DROP COLUMN claimed_until_ms");
    execute("ALTER TABLE \"user\" DROP COLUMN external_id");
    execute("DROP INDEX IF EXISTS flow_version_connections");
    execute("DROP INDEX run_flow");
    execute("DROP INDEX run_failed");
    execute("DROP TABLE run_count");
    engine.stop();
    engine.start();
    EXPECT_EQ(ids(flow), R"(["kept","opt"])");
    EXPECT_EQ(ids(by_index), R"(["opt"])");
    EXPECT_EQ(ids(none), "[]");
    EXPECT_EQ(replace(user, a, b).status, 409) << "published flows use it";
    EXPECT_TRUE(user.get("/v1/flows/" + flow).body["templateId"].is_null());
}

// Each state of a flow has a tag, and an operation may say of which it is.
void expect_tags_decide(const EngineProcess& engine, ApiUser& user) {
    const std::string flow = user.make_flow({});
    const auto tag = [](const ApiAnswer& answer) { return answer.raw.header("etag").value_or(""); };
    const auto operate = [&](std::string_view type, const std::string& request,
                             const std::string& seen) {
        ApiUser caller(engine);
        caller.token = user.token;
        if (!seen.empty()) {
            caller.more_headers = [seen] { return HeaderList{{"If-Match", seen}}; };
        }
        return caller.operate(flow, type, request);
    };
    const auto rename = [&operate](const std::string& name, const std::string& seen) {
        return operate("CHANGE_NAME", R"({"displayName":")" + name + R"("})", seen);
    };
    const std::string first = tag(user.get("/v1/flows/" + flow));
    ASSERT_GT(first.size(), 23u) << first;
    const ApiAnswer changed = rename("One", first);
    EXPECT_EQ(changed.status, 200) << changed.raw.body;
    const std::string second = tag(changed);
    EXPECT_NE(second, first);
    EXPECT_EQ(tag(user.get("/v1/flows/" + flow)), second);
    const ApiAnswer refused = rename("Two", first);
    EXPECT_EQ(refused.status, 412);
    EXPECT_EQ(refused.body["code"].text(), "FLOW_VERSION_CONFLICT");
    EXPECT_EQ(rename("Two", "W/" + second).status, 412) << "weak tags match nothing here";
    EXPECT_EQ(user.get("/v1/flows/" + flow).body["version"]["displayName"].text(), "One");
    EXPECT_EQ(operate("LOCK_AND_PUBLISH", "{}", first).status, 412);
    EXPECT_EQ(rename("Three", first + " , " + second).status, 200);
    EXPECT_EQ(rename("Four", "*").status, 200);
    EXPECT_EQ(rename("Five", "").status, 200);
    EXPECT_EQ(user.operate(flow, "LOCK_AND_PUBLISH", "{}").status, 200) << "claims are let go";
    // Of many at once with one tag one is made.
    const std::string seen = tag(user.get("/v1/flows/" + flow));
    std::vector<std::future<int>> all;
    for (int i = 0; i < 8; ++i) {
        all.push_back(std::async(std::launch::async, [&rename, &seen, i] {
            return rename("At once " + std::to_string(i), seen).status;
        }));
    }
    std::map<int, int> statuses;
    for (std::future<int>& one : all) {
        ++statuses[one.get()];
    }
    EXPECT_EQ(statuses, (std::map<int, int>{{200, 1}, {412, 7}}));
    EXPECT_TRUE(wait_until([&] { return engine.metric("sallyport_calls_live") == 1; }));
}

TEST_F(FlowRows, TagsDecideWhoseChangeIsMade) {
    expect_tags_decide(engine_, ann_);
}

TEST_F(FlowRows, OptionalReferencesOfBeforeAreFound) {
    expect_optional_references_found(
        engine_, ann_, [this](const std::string& sql) { execute(sql); }, "9");
}

// The same with several writers at once: the deletion waits for who is publishing.
TEST(SharedFlowRows, AConnectionThatIsPublishedMeanwhileStays) {
    PostgresServer server;
    const std::string url = server.make_database();
    EngineProcess engine({"AP_DB_TYPE=POSTGRES", "AP_POSTGRES_URL=" + url});
    ApiUser ann(engine);
    ann.sign_up();
    expect_other_samples_stay(ann);
    const std::string a = connection(ann, "a");
    const std::string b = connection(ann, "b");
    const std::string flow =
        ann.make_flow({code_step("step_1", "export const code = async (inputs) => inputs;",
                                 R"({"auth":"{{connections['a']}}"})")});
    const std::unique_ptr<PGconn, decltype(&PQfinish)> writer(PQconnectdb(url.c_str()), &PQfinish);
    const auto execute = [&writer](const std::string& sql) {
        const std::unique_ptr<PGresult, decltype(&PQclear)> result(
            PQexec(writer.get(), sql.c_str()), &PQclear);
        EXPECT_NE(PQresultStatus(result.get()), PGRES_FATAL_ERROR) << PQerrorMessage(writer.get());
        return PQntuples(result.get());
    };
    const std::string uses = "UPDATE flow_version SET connection_ids = '[\"a\"]' WHERE flow_id = '";
    const std::string uses_none = "UPDATE flow_version SET connection_ids = '[]' WHERE flow_id = '";
    expect_optional_references_found(engine, ann, execute, "8");
    expect_tags_decide(engine, ann);
    // `replace`, and before it deletes something the flow is published by somebody else.
    const auto replaced_meanwhile = [&](const std::string& more) {
        execute(uses_none + flow + "'");
        execute("BEGIN");
        execute("UPDATE flow SET updated_ms = updated_ms + 1 WHERE id = '" + flow + "'");
        execute(uses + flow + "'");
        auto replaced = std::async(std::launch::async, [&] { return replace(ann, a, b, more); });
        EXPECT_TRUE(wait_until([&] {
            return execute(
                       "SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'ShareLock' AND "
                       "relation = 'flow'::regclass") == 1;
        }));
        execute("COMMIT");
        return replaced.get();
    };
    const ApiAnswer refused = replaced_meanwhile("");
    EXPECT_EQ(refused.status, 409) << refused.raw.body;
    EXPECT_EQ(ann.get("/v1/app-connections/" + a).status, 200) << "it is still there";
    const ApiAnswer done = replaced_meanwhile(R"(,"applyToPublishedVersions":true)");
    EXPECT_EQ(done.status, 204) << done.raw.body;
    EXPECT_EQ(ann.get("/v1/app-connections/" + a).status, 404);
    const std::string published(ann.get("/v1/flows/" + flow).body["publishedVersionId"].text());
    EXPECT_EQ(ann.get("/v1/flows/" + flow + "?versionId=" + published)
                  .body["version"]["connectionIds"]
                  .dump(),
              R"(["b"])")
        << "what was published meanwhile is published anew";
}

}  // namespace
}  // namespace sallyport::test
