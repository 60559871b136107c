// What the contract lets pieces from npm ask of the engine and the engine of them: waitpoints over
// HTTP, and whether a connection is any good.
#include "tests/engine/contract_oracle.hpp"
#include "tests/engine/engine_node_fixture.hpp"
#include "tests/engine/engine_token.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gmock/gmock.h>

#include <optional>
#include <string>

namespace sallyport::test {
namespace {

using testing::HasSubstr;

class EngineNodeContract : public EngineNode {
  protected:
    void SetUp() override {
        EngineNode::SetUp();
        if (!IsSkipped()) {
            engine_.emplace(environment("SANDBOX_CODE_AND_PROCESS"));
            user_.emplace(*engine_);
            user_->sign_up();
        }
    }
    void install() {
        const ApiAnswer made =
            user_->post("/v1/pieces", R"({"pieceName":"@acme/piece-acme","pieceVersion":"1.2.3"})");
        ASSERT_EQ(made.status, 201) << made.raw.body;
    }
    ApiAnswer connect(const std::string& type, const std::string& value,
                      const std::string& piece = "@acme/piece-acme") {
        return user_->post("/v1/app-connections",
                           R"({"externalId":"c","displayName":"C","pieceName":")" + piece +
                               R"(","projectId":")" + user_->project() + R"(","type":")" + type +
                               R"(","value":)" + value + "}");
    }
    ApiAnswer connect_text(const std::string& text) {
        return connect("SECRET_TEXT", R"({"type":"SECRET_TEXT","secret_text":")" + text + R"("})");
    }
    std::size_t connections() {
        return user_->get("/v1/app-connections?projectId=" + user_->project()).body["data"].size();
    }

    std::optional<EngineProcess> engine_;
    std::optional<ApiUser> user_;
};

TEST_F(EngineNodeContract, AStepMakesItsWaitpointOverHttp) {
    const std::string flow = user_->make_flow({piece_step("step_1", "mint")});
    const ApiAnswer started = user_->post("/v1/webhooks/" + flow, "{}");
    const std::string id(started.raw.header("x-webhook-id").value_or(""));
    Json run;
    ASSERT_TRUE(wait_until([&] {
        run = user_->get("/v1/flow-runs/" + id).body;
        return run["status"].text() == "PAUSED" || run["status"].text() == "FAILED";
    })) << run.dump();
    const Json answers = run["steps"]["step_1"]["output"]["answers"];
    ASSERT_EQ(answers.size(), 11U) << run.dump() << engine_->log();
    const std::string point(answers.at(0)["id"].text());
    const std::string url(answers.at(0)["resumeUrl"].text());
    EXPECT_EQ(answers.at(0)["status"].integer_or(0), 201) << answers.dump();
    EXPECT_THAT(url, HasSubstr("/api/v1/flow-runs/" + id + "/waitpoints/" + point));
    EXPECT_EQ(answers.at(1)["id"].text(), point) << "one a step, however often it asks";
    EXPECT_EQ(answers.at(2)["status"].integer_or(0), 404) << "not the step that is under way";
    EXPECT_EQ(answers.at(3)["status"].integer_or(0), 404);
    EXPECT_EQ(answers.at(4)["status"].integer_or(0), 403) << "another project";
    for (const std::size_t bad : {5U, 6U, 8U, 9U, 10U}) {
        EXPECT_EQ(answers.at(bad)["status"].integer_or(0), 400) << answers.at(bad).dump();
    }
    EXPECT_EQ(answers.at(7)["status"].integer_or(0), 422);
    EXPECT_EQ(answers.at(7)["code"].text(), "PAUSED_FLOW_TIMEOUT_EXCEEDED");
    // Nobody makes one for a run that has paused.
    ApiUser piece(*engine_);
    piece.token = token_of_engine(user_->project());
    const std::string body = R"({"flowRunId":")" + id + R"(","projectId":")" + user_->project() +
                             R"(","stepName":"step_1","type":"WEBHOOK","version":"V1"})";
    EXPECT_EQ(piece.post("/v1/waitpoints", body).status, 404);
    EXPECT_EQ(user_->post("/v1/waitpoints", body).status, 403)
        << "for the engine's own token alone";
    engine_->kill();
    engine_->start();
    EXPECT_EQ(user_->post(url.substr(url.find("/api/")), R"({"word":"yes"})").status, 200);
    const Json ended = user_->finished_run(id);
    EXPECT_EQ(ended["status"].text(), "SUCCEEDED") << ended.dump();
    EXPECT_EQ(ended["steps"]["step_1"]["output"].dump(), R"({"said":{"word":"yes"}})");
}

// While the step has made its waitpoint and does not wait yet.
TEST_F(EngineNodeContract, ARequestThatComesBeforeTheWaitIsKept) {
    auto gate = std::make_shared<Gate>();
    world_.set_handler([gate](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.gate = gate;
        return reply;
    });
    const std::string flow = user_->make_flow(
        {piece_step("step_1", "mint", R"({"text":"http://)" + world_.address() + R"(/x"})")});
    const ApiAnswer started = user_->post("/v1/webhooks/" + flow, "{}");
    const std::string id(started.raw.header("x-webhook-id").value_or(""));
    ASSERT_TRUE(world_.wait_for_requests(1)) << engine_->log();
    const Json told = *Json::parse(world_.requests().front().body);
    const std::string url(told["resumeUrl"].text());
    const auto body = [&](const std::string& project) {
        return R"({"flowRunId":")" + id + R"(","projectId":")" + project +
               R"(","stepName":"step_1","type":"WEBHOOK","version":"V0"})";
    };
    // Whoever has the project's engine token is told the same one; another project's is not.
    ApiUser piece(*engine_);
    piece.token = token_of_engine(user_->project());
    const ApiAnswer same = piece.post("/v1/waitpoints", body(user_->project()));
    EXPECT_EQ(same.status, 201) << same.raw.body;
    EXPECT_EQ(ContractOracle().problems("CreateWaitpointResponse", same.body), "");
    EXPECT_EQ(same.body["id"].text(), told["id"].text());
    ApiUser other(*engine_);
    other.token = token_of_engine("another-project");
    EXPECT_EQ(other.post("/v1/waitpoints", body(user_->project())).status, 403);
    EXPECT_EQ(user_->post(url.substr(url.find("/api/")), R"({"word":"early"})").status, 200);
    EXPECT_EQ(user_->get("/v1/flow-runs/" + id).body["status"].text(), "RUNNING");
    gate->open();
    const Json ended = user_->finished_run(id);
    EXPECT_EQ(ended["steps"]["step_1"]["output"].dump(), R"({"said":{"word":"early"}})")
        << ended.dump();
}

TEST_F(EngineNodeContract, WaitpointsAreForATimeToo) {
    const std::string flow = user_->make_flow({piece_step("step_1", "nap")});
    const ApiAnswer answer = user_->post("/v1/webhooks/" + flow + "/sync", "{}");
    EXPECT_EQ(answer.status, 203) << answer.raw.body << engine_->log();
    EXPECT_EQ(answer.raw.header("x-nap").value_or(""), "yes");
    EXPECT_EQ(answer.raw.body, R"({"later":true})");
    const std::string late = user_->make_flow({piece_step("step_1", "late")});
    const ApiAnswer started = user_->post("/v1/webhooks/" + late, "{}");
    const Json run =
        user_->finished_run(std::string(started.raw.header("x-webhook-id").value_or("")));
    EXPECT_EQ(run["status"].text(), "FAILED");
    EXPECT_THAT(std::string(run["steps"]["step_1"]["errorMessage"].text()),
                HasSubstr("PAUSED_FLOW_TIMEOUT_EXCEEDED"));
}

TEST_F(EngineNodeContract, ConnectionsAreShownToTheirPiece) {
    EXPECT_EQ(connect_text("bad").status, 201) << "nobody is asked that is not installed";
    install();
    const ApiAnswer refused = connect_text("worse");
    EXPECT_EQ(refused.status, 400) << refused.raw.body;
    EXPECT_EQ(refused.raw.body,
              R"({"code":"INVALID_APP_CONNECTION","params":{"error":"no good"}})");
    const ApiAnswer made = connect_text("s3cret");
    EXPECT_EQ(made.status, 201) << made.raw.body << engine_->log();
    EXPECT_EQ(ContractOracle().problems("AppConnectionWithoutSensitiveData", made.body), "");
    EXPECT_EQ(connections(), 1U);
    const ApiAnswer failed = connect_text("throws");
    EXPECT_EQ(failed.status, 400);
    EXPECT_EQ(failed.body["code"].text(), "ENGINE_OPERATION_FAILURE");
    EXPECT_THAT(failed.raw.body, HasSubstr("the service is away"));
    EXPECT_EQ(connect("CUSTOM_AUTH", R"({"type":"CUSTOM_AUTH","props":{"key":"bad"}})")
                  .body["params"]["error"]
                  .text(),
              "wrong key");
    EXPECT_EQ(connect("CUSTOM_AUTH", R"({"type":"CUSTOM_AUTH","props":{"key":"good"}})").status,
              201);
    EXPECT_EQ(
        connect("BASIC_AUTH", R"({"type":"BASIC_AUTH","username":"u","password":"p"})").status, 201)
        << "the piece does not look at these";
    EXPECT_EQ(connect("NO_AUTH", R"({"type":"NO_AUTH"})").status, 201);
    EXPECT_EQ(
        connect("SECRET_TEXT", R"({"type":"SECRET_TEXT","secret_text":"x"})", "Ever-gauzy").status,
        201)
        << "a piece that nobody has";
    EXPECT_EQ(engine_->log().find("worse"), std::string::npos);
}

// What it asks on the way is held to the egress policy.
TEST_F(EngineNodeContract, ValidationIsBehindTheEgressGuard) {
    install();
    world_.set_handler([](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.body = "s3cret";
        return reply;
    });
    EXPECT_EQ(connect_text("http://" + world_.address() + "/x").status, 201) << engine_->log();
    const ApiAnswer inside = connect_text("http://127.0.0.1:1/x");
    EXPECT_EQ(inside.status, 400) << inside.raw.body;
    EXPECT_EQ(inside.body["code"].text(), "ENGINE_OPERATION_FAILURE");
}

TEST_F(EngineNodeContract, TestInstallationsAskNoPiece) {
    auto settings = environment("SANDBOX_CODE_AND_PROCESS");
    settings.push_back("AP_ENVIRONMENT=test");
    EngineProcess engine(settings);
    ApiUser user(engine);
    user.sign_up();
    ASSERT_EQ(user.post("/v1/pieces", R"({"pieceName":"@acme/piece-acme","pieceVersion":"1.2.3"})")
                  .status,
              201);
    EXPECT_EQ(
        user.post(
                "/v1/app-connections",
                R"({"externalId":"c","displayName":"C","pieceName":"@acme/piece-acme","projectId":")" +
                    user.project() +
                    R"(","type":"SECRET_TEXT","value":{"type":"SECRET_TEXT","secret_text":"bad"}})")
            .status,
        201);
}

}  // namespace
}  // namespace sallyport::test
