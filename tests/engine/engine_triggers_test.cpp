// Triggers that fetch a list on a schedule: what is new starts a run each, once, on both stores.
#include "tests/engine/store_contract_fixture.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <mutex>

namespace sallyport::test {
namespace {

// A service with a list. Made before the engine, which must know its address.
struct ListService {
    UpstreamReply answer() {
        const std::lock_guard lock(mutex);
        UpstreamReply reply;
        reply.status = status_;
        reply.body = R"({"data":{"items":[)" + items_ + "]}}";
        return reply;
    }
    void set(const std::string& list, int status = 200) {
        const std::lock_guard lock(mutex);
        items_ = list;
        status_ = status;
    }
    // After two more looks at what there is now nothing of it is news.
    [[nodiscard]] bool looked_twice() {
        return service.wait_for_requests(service.request_count() + 2);
    }

    std::mutex mutex;
    std::string items_;
    int status_ = 200;
    Upstream service{[this](const UpstreamRequest&) { return answer(); }};
    Upstream forbidden;
};

class Items : protected ListService, public StoreContract {
  protected:
    Items()
        : StoreContract({"SALLYPORT_EGRESS_ALLOW=" + service.address(),
                         "AP_TRIGGER_DEFAULT_POLL_INTERVAL=4"}) {}

    static std::string trigger(const std::string& input) {
        return R"({"type":"PIECE_TRIGGER","name":"trigger","displayName":"Items","valid":true,)"
               R"("settings":{"pieceName":"@activepieces/piece-http","pieceVersion":"0.11.0",)"
               R"("triggerName":"new_items","propertySettings":{},"input":)" +
               input + "}}";
    }
    std::string every_second(const std::string& more) {
        return R"({"url":"http://)" + service.address() +
               R"(/list","cronExpression":"* * * * * *","listPath":"data.items",)" + more + "}";
    }
    std::string flow_with(const std::string& input) {
        const std::string flow = ann_.make_flow({});
        EXPECT_EQ(ann_.operate(flow, "UPDATE_TRIGGER", trigger(input)).status, 200);
        return flow;
    }
    ApiAnswer publish(const std::string& flow) {
        return ann_.operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})");
    }
    void switch_to(const std::string& flow, const std::string& status) {
        EXPECT_EQ(ann_.operate(flow, "CHANGE_STATUS", R"({"status":")" + status + "\"}").status,
                  200);
    }
    // What the runs of the flow began with.
    std::string outputs(const std::string& flow) { return ann_.run_beginnings(flow); }
    bool comes_to(const std::string& flow, const std::string& expected) {
        return wait_until([&] { return outputs(flow) == expected; });
    }
};

TEST_P(Items, NewIdsStartARunEachWhateverHappens) {
    set(R"({"id":1},{"id":2})");
    const std::string flow = flow_with(every_second(R"("idPath":"id")"));
    ASSERT_EQ(publish(flow).status, 200);
    ASSERT_TRUE(looked_twice());
    EXPECT_EQ(outputs(flow), "") << "the first look only remembers";
    set(R"({"id":3,"new":true},{"id":1},{"id":2})");
    ASSERT_TRUE(comes_to(flow, R"({"id":3,"new":true} )")) << engine_.log();
    ASSERT_TRUE(looked_twice());
    EXPECT_EQ(outputs(flow), R"({"id":3,"new":true} )");
    // What is known outlives the process, and what came meanwhile is news.
    engine_.kill();
    set(R"({"id":4},{"id":3,"new":true},{"id":2})");
    engine_.start();
    const std::string both = R"({"id":3,"new":true} {"id":4} )";
    ASSERT_TRUE(comes_to(flow, both));
    ASSERT_TRUE(looked_twice());
    EXPECT_EQ(outputs(flow), both);
    // Published again it goes on; switched off and on it begins again.
    ASSERT_EQ(ann_.operate(flow, "CHANGE_NAME", R"({"displayName":"Again"})").status, 200);
    set(R"({"id":5},{"id":4})");
    ASSERT_EQ(publish(flow).status, 200);
    const std::string three = both + R"({"id":5} )";
    ASSERT_TRUE(comes_to(flow, three));
    switch_to(flow, "DISABLED");
    set(R"({"id":6},{"id":5})");
    switch_to(flow, "ENABLED");
    ASSERT_TRUE(looked_twice());
    EXPECT_EQ(outputs(flow), three);
    set(R"({"id":7},{"id":6},{"id":5})");
    EXPECT_TRUE(comes_to(flow, three + R"({"id":7} )"));
    EXPECT_EQ(ann_.call("DELETE", "/v1/flows/" + flow).status, 204);
}

TEST_P(Items, NewerTimesStartARunEach) {
    set(R"({"n":1,"at":"2026-01-01T00:00:00Z"})");
    const std::string flow = flow_with(every_second(R"("deduplication":"TIME","timePath":"at")"));
    ASSERT_EQ(publish(flow).status, 200);
    ASSERT_TRUE(looked_twice());
    set(R"({"n":1,"at":"2026-01-01T00:00:00Z"},{"n":2,"at":"2026-01-02T00:00:00Z"},
           {"n":0,"at":"2025-01-01T00:00:00Z"})");
    ASSERT_TRUE(comes_to(flow, R"({"n":2,"at":"2026-01-02T00:00:00Z"} )"));
    ASSERT_TRUE(looked_twice());
    EXPECT_EQ(outputs(flow), R"({"n":2,"at":"2026-01-02T00:00:00Z"} )");
}

TEST_P(Items, AFailureLosesNothing) {
    set(R"({"id":1})");
    const std::string flow = flow_with(every_second(R"("idPath":"id")"));
    ASSERT_EQ(publish(flow).status, 200);
    ASSERT_TRUE(looked_twice());
    for (const auto& [items, status, problem] :
         {std::tuple(R"({"id":2})", 500, "the address answered 500"),
          std::tuple(R"({"name":2})", 200, "item 0 of the list has no id at 'id'"),
          std::tuple("]", 200, "the answer is no JSON")}) {
        set(items, status);
        EXPECT_TRUE(wait_until([&] { return engine_.log().find(problem) != std::string::npos; }))
            << problem;
    }
    EXPECT_EQ(outputs(flow), "");
    set(R"({"id":2},{"id":1})");
    EXPECT_TRUE(comes_to(flow, R"({"id":2} )"));
}

TEST_P(Items, GoThroughTheEgressGuard) {
    const std::string flow = flow_with(R"({"url":"http://)" + forbidden.address() +
                                       R"(/","cronExpression":"* * * * * *"})");
    ASSERT_EQ(publish(flow).status, 200);
    EXPECT_TRUE(
        wait_until([&] { return engine_.log().find("refused_address") != std::string::npos; }));
    EXPECT_EQ(forbidden.request_count(), 0U);
}

TEST_P(Items, AreTriedPreviewedAndChecked) {
    set(R"(1,2,3,4,5,6)");
    const std::string flow =
        flow_with(R"({"url":"http://)" + service.address() + R"(/","listPath":"data.items"})");
    const auto try_it = [&] {
        const std::string version = id_of(ann_.get("/v1/flows/" + flow).body["version"]);
        return ann_.post("/v1/test-trigger",
                         of_project(R"("flowId":")" + flow + R"(","flowVersionId":")" + version +
                                    R"(","testStrategy":"TEST_FUNCTION")"));
    };
    const Json events = expect(try_it(), 200)["data"];
    ASSERT_EQ(events.size(), 5U);
    EXPECT_EQ(events.at(4)["payload"].dump(), "5");
    EXPECT_EQ(
        ann_.get("/v1/trigger-events?" + project_query() + "&flowId=" + flow).body["data"].size(),
        5U);
    set("", 404);
    const ApiAnswer failed = try_it();
    EXPECT_EQ(failed.status, 400);
    EXPECT_NE(failed.raw.body.find("the address answered 404"), std::string::npos);
    EXPECT_EQ(ann_.get("/v1/flows/" + flow + "/schedule").body["cronExpression"].text(),
              "*/4 * * * *");
    const ApiAnswer refused = publish(flow_with(every_second(R"("deduplication":"TIME")")));
    EXPECT_EQ(refused.status, 400);
    EXPECT_NE(refused.raw.body.find("timePath"), std::string::npos);
    const Json piece = expect(ann_.get("/v1/pieces/@activepieces/piece-http"), 200);
    EXPECT_EQ(piece["triggers"]["new_items"]["type"].text(), "POLLING");
}

INSTANTIATE_TEST_SUITE_P(Stores, Items, testing::Values("sqlite", "postgres"),
                         [](const auto& one) { return std::string(one.param); });

// Engines that share a database look by turns, and each item starts one run.
TEST(SharedItems, StartOneRunEach) {
    ListService list;
    list.set(R"({"id":1})");
    PostgresServer server;
    const std::string database = server.make_database();
    const std::vector<std::string> settings = {"AP_DB_TYPE=POSTGRES", "AP_POSTGRES_URL=" + database,
                                               "SALLYPORT_EGRESS_ALLOW=" + list.service.address()};
    EngineProcess first(settings);
    EngineProcess second(settings);
    ApiUser ann(first);
    ann.sign_up();
    const std::string flow = ann.make_flow({});
    ASSERT_EQ(ann.operate(flow, "UPDATE_TRIGGER",
                          R"({"type":"PIECE_TRIGGER","name":"trigger","displayName":"Items",)"
                          R"("valid":true,"settings":{"pieceName":"@activepieces/piece-http",)"
                          R"("pieceVersion":"0.11.0","triggerName":"new_items",)"
                          R"("propertySettings":{},"input":{"cronExpression":"* * * * * *",)"
                          R"("listPath":"data.items","idPath":"id","url":"http://)" +
                              list.service.address() + R"(/"}}})")
                  .status,
              200);
    ASSERT_EQ(ann.operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})").status, 200);
    ASSERT_TRUE(list.looked_twice());
    std::string items = R"({"id":1})";
    for (int i = 2; i < 6; ++i) {
        items += R"(,{"id":)" + std::to_string(i) + "}";
        list.set(items);
        ASSERT_TRUE(list.looked_twice());
    }
    const auto runs = [&] { return server.query(database, "SELECT count(*) FROM run"); };
    EXPECT_TRUE(wait_until([&] { return runs() == "4"; }));
    ASSERT_TRUE(list.looked_twice());
    EXPECT_EQ(runs(), "4");
    EXPECT_EQ(ann.call("DELETE", "/v1/flows/" + flow).status, 204);
    EXPECT_EQ(server.query(database, "SELECT count(*) FROM entity WHERE kind = 'item_memory'"), "0")
        << "nothing is left of it";
}

}  // namespace
}  // namespace sallyport::test
