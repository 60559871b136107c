// Triggers of pieces from npm through the whole engine: subscribed, asked, renewed, tried, and sent
// the events of an app.
#include "tests/engine/engine_node_fixture.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"
#include "tests/integration/fixtures/wait.hpp"
#include "tests/store/sqlite_query.hpp"

#include <gmock/gmock.h>

#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::test {
namespace {

using testing::HasSubstr;

TEST_F(EngineNode, TriggersSubscribeReceiveAndLeave) {
    EngineProcess engine(environment("SANDBOX_CODE_AND_PROCESS"));
    ApiUser user(engine);
    user.sign_up();
    std::string flow;
    const ApiAnswer published = publish(user, trigger("hook"), flow);
    ASSERT_EQ(published.status, 200) << published.raw.body << engine.log();
    const ApiAnswer received =
        user.post("/api/v1/webhooks/" + flow, R"({"items":[{"n":1},{"n":2}]})");
    EXPECT_EQ(received.status, 200) << received.raw.body << engine.log();
    EXPECT_EQ(runs_of(user, flow), 2u);
    EXPECT_EQ(user.post("/api/v1/webhooks/" + flow, R"({"items":[]})").status, 200);
    EXPECT_EQ(runs_of(user, flow), 2u);
    EXPECT_EQ(user.post("/api/v1/webhooks/" + flow, R"({"items":7})").status, 500);
    EXPECT_EQ(user.operate(flow, "CHANGE_STATUS", R"({"status":"DISABLED"})").status, 200);
    EXPECT_EQ(user.post("/api/v1/webhooks/" + flow, R"({"items":[{}]})").status, 404);
    EXPECT_EQ(user.operate(flow, "CHANGE_STATUS", R"({"status":"ENABLED"})").status, 200);

    std::string refused;
    const ApiAnswer answer = publish(user, trigger("refuse"), refused);
    EXPECT_EQ(answer.status, 400) << answer.raw.body;
    EXPECT_THAT(answer.raw.body, HasSubstr("the service says no"));

    std::string polled;
    EXPECT_EQ(publish(user, trigger("poll"), polled).status, 200);
    EXPECT_TRUE(wait_until([&] { return runs_of(user, polled) == 1; })) << engine.log();
    // The second look finds the same item; the third none.
    EXPECT_EQ(user.operate(polled, "CHANGE_STATUS", R"({"status":"DISABLED"})").status, 200);
    EXPECT_EQ(runs_of(user, polled), 1u);
}

class ToldTrigger : public EngineNode {
  protected:
    // The service answers once the gate is open.
    std::shared_ptr<Gate> hold_answers() {
        const auto gate = std::make_shared<Gate>();
        world_.set_handler([gate](const UpstreamRequest&) {
            UpstreamReply reply;
            reply.gate = gate;
            return reply;
        });
        return gate;
    }
    // Of a flow whose trigger tells the service; its id is there once the service was asked.
    std::future<ApiAnswer> publish_meanwhile(const EngineProcess& engine, std::string& flow) {
        return std::async(std::launch::async, [this, &engine, &flow] {
            ApiUser publisher(engine);
            publisher.sign_up();
            const std::string input = R"({"text":"http://)" + world_.address() + "\"}";
            return publish(publisher, trigger("tell", input), flow);
        });
    }
};

// What a service is told of a flow's trigger is of the version that is published afterwards: until
// it is stored, the flow is the publisher's.
TEST_F(ToldTrigger, AFlowIsNotChangedWhileItsTriggerIsTold) {
    EngineProcess engine(environment("SANDBOX_CODE_AND_PROCESS"));
    ApiUser user(engine);
    user.sign_up();
    const auto gate = hold_answers();
    std::string flow;
    auto published = publish_meanwhile(engine, flow);
    ASSERT_TRUE(world_.wait_for_requests(1)) << engine.log();
    const auto expect_in_progress = [&](const ApiAnswer& answer) {
        EXPECT_EQ(answer.status, 409) << answer.raw.body;
        EXPECT_EQ(answer.body["code"].text(), "FLOW_OPERATION_IN_PROGRESS");
        EXPECT_EQ(answer.body["params"]["flowId"].text(), flow);
    };
    expect_in_progress(user.operate(flow, "UPDATE_TRIGGER", trigger("hook")));
    expect_in_progress(user.operate(flow, "CHANGE_NAME", R"({"displayName":"N"})"));
    expect_in_progress(user.operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})"));
    expect_in_progress(user.call("DELETE", "/api/v1/flows/" + flow));
    EXPECT_EQ(user.get("/api/v1/flows/" + flow).status, 200);
    gate->open();
    const ApiAnswer answer = published.get();
    ASSERT_EQ(answer.status, 200) << answer.raw.body;
    EXPECT_EQ(answer.body["version"]["trigger"]["settings"]["triggerName"].text(), "tell");
    EXPECT_EQ(world_.request_count(), 1u);
    // It is everybody's again, after a refusal of the service as well.
    EXPECT_EQ(user.operate(flow, "UPDATE_TRIGGER", trigger("refuse")).status, 200);
    EXPECT_EQ(user.operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})").status, 400);
    EXPECT_EQ(user.operate(flow, "CHANGE_NAME", R"({"displayName":"N"})").status, 200);
    EXPECT_EQ(user.call("DELETE", "/api/v1/flows/" + flow).status, 204);
}

// Beyond its project's quota a flow goes off as by its owner's hand: the trigger leaves its
// service.
TEST_F(ToldTrigger, BeyondTheQuotaATriggerLeaves) {
    std::vector<std::string> settings = environment("SANDBOX_CODE_AND_PROCESS");
    settings.emplace_back("SALLYPORT_PROJECT_RUNS_PER_MONTH=2");
    EngineProcess engine(settings);
    ApiUser user(engine);
    user.sign_up();
    world_.set_handler([](const UpstreamRequest&) { return UpstreamReply(); });
    std::string flow;
    const std::string input = R"({"text":"http://)" + world_.address() + "\"}";
    const ApiAnswer published = publish(user, trigger("tell", input), flow);
    ASSERT_EQ(published.status, 200) << published.raw.body << engine.log();
    ASSERT_EQ(world_.last_request().body, "on");
    const ApiAnswer refused =
        user.post("/api/v1/webhooks/" + flow, R"({"items":[{"n":1},{"n":2},{"n":3}]})");
    EXPECT_EQ(refused.status, 402) << refused.raw.body;
    EXPECT_EQ(refused.body["code"].text(), "QUOTA_EXCEEDED");
    EXPECT_EQ(runs_of(user, flow), 2u) << "those that there was room for";
    EXPECT_TRUE(wait_until([&] {
        return user.get("/api/v1/flows/" + flow).body["status"].text() == "DISABLED";
    })) << engine.log();
    EXPECT_EQ(world_.request_count(), 2u);
    EXPECT_EQ(world_.last_request().body, "off");
}

// The claim of an engine that ended ends by its time.
TEST_F(ToldTrigger, AFlowIsEverybodysAgainAfterACrash) {
    EngineProcess engine(environment("SANDBOX_CODE_AND_PROCESS"));
    ApiUser user(engine);
    user.sign_up();
    const auto gate = hold_answers();
    std::string flow;
    auto published = publish_meanwhile(engine, flow);
    ASSERT_TRUE(world_.wait_for_requests(1)) << engine.log();
    engine.kill();
    published.wait();
    gate->open();
    engine.start();
    EXPECT_EQ(user.operate(flow, "CHANGE_NAME", R"({"displayName":"N"})").status, 409);
    sqlite_query(engine.folder().path("data/engine.db"),
                 "UPDATE flow SET claimed_until_ms = claimed_until_ms - 3600000");
    EXPECT_EQ(user.operate(flow, "CHANGE_NAME", R"({"displayName":"N"})").status, 200);
    EXPECT_EQ(user.operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})").status, 200);
}

TEST_F(EngineNode, TriggersAnswerHandshakes) {
    EngineProcess engine(environment("SANDBOX_CODE_AND_PROCESS"));
    ApiUser user(engine);
    user.sign_up();
    std::string flow;
    ASSERT_EQ(publish(user, trigger("shake"), flow).status, 200) << engine.log();
    const std::string hook = "/api/v1/webhooks/" + flow;
    const ApiAnswer shaken = user.post(hook + "?challenge=a1", R"({"items":[{}]})");
    EXPECT_EQ(shaken.status, 201) << shaken.raw.body;
    EXPECT_EQ(shaken.body.dump(), R"({"challenge":"a1"})");
    EXPECT_EQ(shaken.raw.header("x-shaken").value_or(""), "yes");
    EXPECT_EQ(runs_of(user, flow), 0u);
    EXPECT_EQ(user.post(hook, R"({"items":[{}]})").status, 200);
    EXPECT_EQ(runs_of(user, flow), 1u);
}

TEST_F(EngineNode, TriggersRenewWhatTheySubscribedTo) {
    EngineProcess engine(environment("SANDBOX_CODE_AND_PROCESS"));
    ApiUser user(engine);
    user.sign_up();
    std::string flow;
    ASSERT_EQ(publish(user, trigger("renew"), flow).status, 200) << engine.log();
    const auto renewed = [&] {
        const ApiAnswer hook = user.post("/api/v1/webhooks/" + flow, "{}");
        const Json run =
            user.finished_run(std::string(hook.raw.header("x-webhook-id").value_or("")));
        return run["steps"]["trigger"]["output"]["renewed"].integer_or(-1);
    };
    EXPECT_TRUE(wait_until([&] { return renewed() >= 2; })) << engine.log();
    const std::size_t before = runs_of(user, flow);
    EXPECT_EQ(user.operate(flow, "CHANGE_STATUS", R"({"status":"DISABLED"})").status, 200);
    EXPECT_EQ(runs_of(user, flow), before) << "renewing starts no run";
}

// Who listens is kept in the store: on both of them.
class EngineNodeApps : public EngineNode, public ::testing::WithParamInterface<const char*> {
  protected:
    std::vector<std::string> settings_of_store() {
        auto settings = environment("SANDBOX_CODE_AND_PROCESS");
        if (GetParam() == std::string_view("postgres")) {
            server_ = std::make_unique<PostgresServer>();
            settings.emplace_back("AP_DB_TYPE=POSTGRES");
            settings.push_back("AP_POSTGRES_URL=" + server_->make_database());
        }
        return settings;
    }

  private:
    std::unique_ptr<PostgresServer> server_;
};

TEST_P(EngineNodeApps, SendTheEventsOfAllAccountsToOneAddress) {
    auto settings = settings_of_store();
    settings.push_back(R"(AP_APP_WEBHOOK_SECRETS={"@acme/piece-acme":{"webhookSecret":"shared"}})");
    EngineProcess engine(settings);
    ApiUser user(engine);
    user.sign_up();
    const auto send = [&](const std::string& body, const std::string& signature = "shared") {
        user.more_headers = [&] { return HeaderList{{"X-Signature", signature}}; };
        const ApiAnswer answer = user.post("/api/v1/app-events/acme", body);
        user.more_headers = {};
        return answer;
    };
    const ApiAnswer asked = send(R"({"ask":"anybody?"})");
    EXPECT_EQ(asked.status, 200) << asked.raw.body << engine.log();
    EXPECT_EQ(asked.raw.body, "anybody?");
    EXPECT_EQ(asked.raw.header("x-asked").value_or(""), "yes");
    std::string first;
    std::string second;
    std::string other;
    ASSERT_EQ(publish(user, trigger("app", R"({"text":"T1"})"), first).status, 200) << engine.log();
    ASSERT_EQ(publish(user, trigger("app", R"({"text":"T1"})"), second).status, 200);
    ASSERT_EQ(publish(user, trigger("app", R"({"text":"T2"})"), other).status, 200);
    const auto runs = [&] {
        return std::to_string(runs_of(user, first)) + std::to_string(runs_of(user, second)) +
               std::to_string(runs_of(user, other));
    };
    EXPECT_EQ(send(R"({"event":"made","team":"T1","n":1})").status, 200) << engine.log();
    EXPECT_EQ(runs(), "110") << "acknowledged is on disk";
    EXPECT_EQ(send(R"({"event":"made","team":"T1","n":1})").status, 200);
    EXPECT_EQ(runs(), "110") << "sent again it is the same event";
    EXPECT_EQ(send(R"({"event":"gone","team":"T2"})").status, 200);
    EXPECT_EQ(send(R"({"event":"made","team":"T3"})").status, 200) << "nobody listens";
    EXPECT_EQ(send(R"({"event":"unheard","team":"T1"})").status, 200);
    EXPECT_EQ(runs(), "111");
    EXPECT_EQ(send(R"({"event":"made","team":"T1","n":2})", "forged").status, 401);
    EXPECT_EQ(send(R"({"team":"T1"})").status, 400);
    EXPECT_EQ(send("{").status, 400);
    EXPECT_EQ(user.post("/api/v1/app-events/slack", "{}").status, 404) << "has no secret";
    EXPECT_EQ(send(R"({"event":"made","team":"T2","fail":true})").status, 200)
        << "a flow's own fault is not the app's to know";
    EXPECT_EQ(runs(), "111");
    EXPECT_EQ(user.operate(first, "CHANGE_STATUS", R"({"status":"DISABLED"})").status, 200);
    EXPECT_EQ(user.call("DELETE", "/v1/flows/" + other).status, 204);
    engine.kill();  // who listens outlives the process
    engine.start();
    EXPECT_EQ(send(R"({"event":"made","team":"T1","n":3})").status, 200);
    EXPECT_EQ(runs(), "121");
    EXPECT_EQ(engine.log().find("\"shared\""), std::string::npos);

    EngineProcess silent(environment("SANDBOX_CODE_AND_PROCESS"));
    ApiUser nobody(silent);
    nobody.sign_up();
    const ApiAnswer refused = publish(nobody, trigger("app", R"({"text":"T1"})"), first);
    EXPECT_EQ(refused.status, 400);
    EXPECT_THAT(refused.raw.body, HasSubstr("AP_APP_WEBHOOK_SECRETS has no secret"));
    EXPECT_EQ(nobody.post("/api/v1/app-events/acme", "{}").status, 404);
}

// As a webhook's: each is kept for each flow, and stands as an address in what the piece gets.
TEST_P(EngineNodeApps, MaySendFiles) {
    auto settings = settings_of_store();
    settings.push_back(R"(AP_APP_WEBHOOK_SECRETS={"@acme/piece-acme":{"webhookSecret":"shared"}})");
    settings.push_back("AP_MAX_FILE_SIZE_MB=1");
    EngineProcess engine(settings);
    ApiUser user(engine);
    user.sign_up();
    const std::string bytes("\x00\xff\xfe file\r\n--X", 14);
    const auto send = [&](const std::string& signature, const std::string& data,
                          const std::string& end = "--XX--") {
        HttpRequest request;
        request.method = "POST";
        request.url = engine.url("/api/v1/app-events/acme");
        request.headers = {{"Content-Type", "multipart/form-data; boundary=XX"},
                           {"X-Signature", signature}};
        std::string body;
        for (const auto& [name, value] :
             {std::pair("event", std::string("made")), std::pair("team", std::string("T1")),
              std::pair("doc\"; filename=\"a.bin", data)}) {
            body += "--XX\r\nContent-Disposition: form-data; name=\"" + std::string(name) +
                    "\"\r\n\r\n" + value + "\r\n";
        }
        request.body = body + end;
        return test::send(request).status;
    };
    std::vector<std::string> flows(2);
    for (std::string& flow : flows) {
        ASSERT_EQ(publish(user, trigger("app", R"({"text":"T1"})"), flow).status, 200);
    }
    EXPECT_EQ(send("forged", bytes), 401);
    EXPECT_EQ(send("shared", std::string((1 << 20) + 1, 'x')), 413);
    EXPECT_EQ(send("shared", bytes, "--XX\r\nbroken"), 400);
    EXPECT_EQ(send("shared", bytes), 200) << engine.log();
    std::vector<std::string> urls;
    for (const std::string& flow : flows) {
        const Json runs =
            user.get("/v1/flow-runs?flowId=" + flow + "&projectId=" + user.project()).body["data"];
        ASSERT_EQ(runs.size(), 1U);
        const Json output =
            user.finished_run(std::string(runs.at(0)["id"].text()))["steps"]["trigger"]["output"];
        EXPECT_EQ(output["team"].text(), "T1");
        urls.emplace_back(output["doc"].text());
        HttpRequest read;
        read.url = urls.back();
        EXPECT_EQ(test::send(read).body, bytes) << output.dump();
    }
    EXPECT_NE(urls[0], urls[1]);
}

INSTANTIATE_TEST_SUITE_P(Stores, EngineNodeApps, ::testing::Values("sqlite", "postgres"),
                         [](const auto& one) { return std::string(one.param); });

TEST_F(EngineNode, TriggersAreTried) {
    EngineProcess engine(environment("SANDBOX_CODE_AND_PROCESS"));
    ApiUser user(engine);
    user.sign_up();
    std::string flow;
    ASSERT_EQ(publish(user, trigger("renew"), flow).status, 200) << engine.log();
    const auto try_it = [&](const std::string& strategy) {
        const std::string version(user.get("/v1/flows/" + flow).body["version"]["id"].text());
        return user.post("/v1/test-trigger", R"({"projectId":")" + user.project() +
                                                 R"(","flowId":")" + flow +
                                                 R"(","flowVersionId":")" + version +
                                                 R"(","testStrategy":")" + strategy + "\"}");
    };
    EXPECT_EQ(try_it("SIMULATION").status, 200);
    const ApiAnswer tried = try_it("TEST_FUNCTION");
    EXPECT_EQ(tried.status, 200) << tried.raw.body;
    EXPECT_TRUE(tried.body["data"].at(0)["payload"]["renewed"].is_number()) << tried.raw.body;
}

TEST_F(EngineNode, TriggersLeaveWithTheirFlow) {
    EngineProcess engine(environment("SANDBOX_CODE_AND_PROCESS"));
    ApiUser user(engine);
    user.sign_up();
    std::string flow;
    ASSERT_EQ(publish(user, trigger("loud"), flow).status, 200) << engine.log();
    EXPECT_EQ(engine.log().find("left with the flow"), std::string::npos);
    EXPECT_EQ(user.call("DELETE", "/v1/flows/" + flow).status, 204) << "a failure holds nothing up";
    EXPECT_NE(engine.log().find("left with the flow"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::test
