// Exports and templates as they were written over time, imported over the API and run: flows of our
// own in each of those shapes (tests/vectors/exported-flows.json).
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

Json exports() {
    std::ifstream file(std::string(SALLYPORT_VECTORS_DIR) + "/exported-flows.json");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const Result<Json> parsed = Json::parse(text);
    EXPECT_TRUE(parsed.ok());
    return parsed.ok() ? (*parsed)["exports"] : Json::array();
}

// What a front end takes out of the file to import it.
std::vector<Json> flows_of(const Json& file) {
    std::vector<Json> flows;
    file["flows"].each_element([&flows](const Json& flow) { flows.push_back(flow); });
    if (flows.empty()) {
        flows.push_back(file["template"].is_object() ? file["template"] : file);
    }
    return flows;
}

class Exports : public ::testing::Test {
  protected:
    Exports() { ann_.sign_up(); }

    std::string imported(const Json& flow) {
        const ApiAnswer made =
            ann_.post("/v1/flows", R"({"displayName":"F","projectId":")" + ann_.project() + "\"}");
        const std::string id(made.body["id"].text());
        const ApiAnswer into = ann_.operate(id, "IMPORT_FLOW", flow.dump());
        EXPECT_EQ(into.status, 200) << into.raw.body;
        EXPECT_TRUE(into.body["version"]["valid"].is_true()) << into.raw.body;
        EXPECT_EQ(into.body["version"]["displayName"].dump(), flow["displayName"].dump());
        return id;
    }
    void publish(const std::string& id) {
        const ApiAnswer published = ann_.operate(id, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})");
        EXPECT_EQ(published.status, 200) << published.raw.body;
    }
    void expect_run(const std::string& id, const Json& run) {
        ApiUser anyone(engine_);
        const ApiAnswer answer = anyone.post("/v1/webhooks/" + id + "/sync", run["body"].dump());
        EXPECT_EQ(answer.status, run["status"].integer_or(0)) << answer.raw.body;
        EXPECT_EQ(answer.body.dump(), run["answer"].dump());
    }

    EngineProcess engine_;
    ApiUser ann_{engine_};
};

TEST_F(Exports, OfEveryAgeAreImportedAndRun) {
    std::size_t ran = 0;
    exports().each_element([&](const Json& one) {
        SCOPED_TRACE(one["name"].text());
        std::vector<std::string> ids;
        for (const Json& flow : flows_of(one["file"])) {
            ids.push_back(imported(flow));
            publish(ids.back());
        }
        one["runs"].each_element([&](const Json& run) {
            expect_run(ids.at(static_cast<std::size_t>(run["flow"].integer_or(0))), run);
            ++ran;
        });
    });
    EXPECT_EQ(ran, 7U);
}

// A template of today is kept as it is, and its flows run from there.
TEST_F(Exports, SharedOnesAreKeptAsTemplates) {
    const Json all = exports();
    const Json one = all.at(all.size() - 1);
    const ApiAnswer kept = ann_.post("/v1/templates", one["file"].dump());
    ASSERT_EQ(kept.status, 201) << kept.raw.body;
    const Json back = ann_.get("/v1/templates/" + std::string(kept.body["id"].text())).body;
    EXPECT_EQ(back["flows"].dump(), one["file"]["flows"].dump());
    const std::string id = imported(back["flows"].at(1));
    publish(id);
    expect_run(id, one["runs"].at(1));
}

TEST_F(Exports, ManyAreImportedByOneJob) {
    Json list = Json::array();
    exports().each_element([&list](const Json& one) {
        for (const Json& flow : flows_of(one["file"])) {
            list.append(flow);
        }
    });
    const ApiAnswer job =
        ann_.post("/v1/jobs", R"({"type":"IMPORT_FLOWS","projectId":")" + ann_.project() +
                                  R"(","flows":)" + list.dump() + "}");
    ASSERT_EQ(job.status, 201) << job.raw.body;
    Json now;
    ASSERT_TRUE(wait_until([&] {
        now = ann_.get("/v1/jobs/" + std::string(job.body["id"].text())).body;
        return now["status"].text() != "RUNNING";
    }));
    EXPECT_EQ(now["status"].text(), "SUCCEEDED") << now.dump();
    const Json made = ann_.get("/v1/flows?limit=50&projectId=" + ann_.project()).body["data"];
    EXPECT_EQ(made.size(), list.size());
    for (std::size_t i = 0; i < made.size(); ++i) {
        EXPECT_TRUE(made.at(i)["version"]["valid"].is_true()) << made.at(i).dump();
    }
}

// What leaves this engine comes back as it was.
TEST_F(Exports, OursComeBack) {
    const Json one = exports().at(1);
    const std::string id = imported(flows_of(one["file"]).front());
    const Json exported = ann_.get("/v1/flows/" + id + "/template").body;
    const std::string again = imported(exported["flows"].at(0));
    publish(again);
    one["runs"].each_element([&](const Json& run) { expect_run(again, run); });
}

}  // namespace
}  // namespace sallyport::test
