// What flows are made from and what they use, as connections and flows say it, on both stores.
#include "tests/engine/store_contract_fixture.hpp"

#include <string>

namespace sallyport::test {
namespace {

class FlowUses : public StoreContract {};

TEST_P(FlowUses, ConnectionsSayWhichFlowsUseThem) {
    const auto make = [this](const std::string& name) {
        const Json made =
            expect(ann_.post("/v1/app-connections",
                             connection(name, R"({"type":"SECRET_TEXT","secret_text":"s"})")),
                   201, "AppConnectionWithoutSensitiveData");
        EXPECT_EQ(made["flowIds"].dump(), "[]");
        return id_of(made);
    };
    const std::string one = make("one");
    const std::string two = make("two");
    const std::string none = make("none");
    const std::string flow = ann_.make_flow(
        {code_step("step_1", "1", R"({"a":"{{connections['one']}}","b":"{{connections.two}}"})")});
    const std::string ids = "[\"" + flow + "\"]";
    const auto flows_of = [this](const std::string& id) {
        return expect(ann_.get("/v1/app-connections/" + id), 200,
                      "AppConnectionWithoutSensitiveData")["flowIds"]
            .dump();
    };
    EXPECT_EQ(flows_of(one), ids);
    EXPECT_EQ(flows_of(none), "[]");
    const Json page =
        expect(ann_.get("/v1/app-connections?" + project_query()), 200, "ConnectionPage")["data"];
    ASSERT_EQ(page.size(), 3U);
    EXPECT_EQ(page.at(0)["flowIds"].dump(), ids);
    EXPECT_EQ(page.at(1)["flowIds"].dump(), ids);
    EXPECT_EQ(page.at(2)["flowIds"].dump(), "[]");
    // The draft lets go of it; what is published does not.
    ASSERT_EQ(ann_.operate(flow, "UPDATE_ACTION", code_step("step_1", "1", "{}")).status, 200);
    EXPECT_EQ(flows_of(two), ids);
    const Json renamed = expect(ann_.post("/v1/app-connections/" + two, R"({"displayName":"Two"})"),
                                200, "AppConnectionWithoutSensitiveData");
    EXPECT_EQ(renamed["flowIds"].dump(), ids);
    const Json again =
        expect(ann_.post("/v1/app-connections",
                         connection("one", R"({"type":"SECRET_TEXT","secret_text":"t"})")),
               201, "AppConnectionWithoutSensitiveData");
    EXPECT_EQ(again["flowIds"].dump(), ids);
    ASSERT_EQ(ann_.operate(flow, "LOCK_AND_PUBLISH", "{}").status, 200);
    EXPECT_EQ(flows_of(two), "[]");
}

TEST_P(FlowUses, FlowsKeepTheirTemplate) {
    const Json made =
        expect(ann_.post("/v1/flows", of_project(R"("displayName":"F","templateId":"from-there")")),
               201, "PopulatedFlow");
    EXPECT_EQ(made["templateId"].text(), "from-there");
    const std::string id = id_of(made);
    ASSERT_EQ(ann_.operate(id, "CHANGE_NAME", R"({"displayName":"G"})").status, 200);
    EXPECT_EQ(expect(ann_.get("/v1/flows/" + id), 200, "PopulatedFlow")["templateId"].text(),
              "from-there");
    EXPECT_EQ(ann_.get("/v1/flows?" + project_query()).body["data"].at(0)["templateId"].text(),
              "from-there");
    EXPECT_EQ(ann_.post("/v1/flows", of_project(R"("displayName":"F","templateId":7)")).status,
              400);
    EXPECT_EQ(ann_.post("/v1/flows", of_project(R"("displayName":"F","templateId":")" +
                                                std::string(1001, 'x') + "\""))
                  .status,
              400);
}

INSTANTIATE_TEST_SUITE_P(Stores, FlowUses, testing::Values("sqlite", "postgres"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace sallyport::test
