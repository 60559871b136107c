// Projects and users over their lives on the real engine, on both stores, held against the
// contract's published types.
#include "tests/engine/store_contract_fixture.hpp"
#include "tests/integration/fixtures/wait.hpp"

namespace sallyport::test {
namespace {

class Projects : public StoreContract {
  protected:
    std::string names(ApiUser& user, const std::string& query) {
        std::string all;
        expect(user.get("/v1/projects?" + query), 200, "ProjectPage")["data"].each_element(
            [&all](const Json& one) { all += std::string(one["displayName"].text()) + ","; });
        return all;
    }
};

TEST_P(Projects, AreMadeChangedAndDeleted) {
    const Json made = expect(
        ann_.post(
            "/v1/projects",
            R"({"displayName":"Shop","externalId":"shop-1","metadata":{"k":"v"},"maxConcurrentJobs":3})"),
        201, "ProjectWithLimits");
    EXPECT_EQ(made["type"].text(), "TEAM");
    EXPECT_EQ(made["externalId"].text(), "shop-1");
    const std::string path = "/v1/projects/" + id_of(made);
    EXPECT_EQ(ann_.post("/v1/projects", R"({"displayName":"Twin","externalId":"shop-1"})")
                  .body["code"]
                  .text(),
              "PROJECT_EXTERNAL_ID_ALREADY_EXISTS");
    const Json changed = expect(
        ann_.post(
            path,
            R"({"displayName":"Store","externalId":"shop-2","icon":{"color":"PINK"},"plan":{"piecesFilterType":"ALLOWED","pieces":["a"]}})"),
        200, "ProjectWithLimits");
    EXPECT_EQ(changed["displayName"].text(), "Store");
    EXPECT_EQ(changed["metadata"]["k"].text(), "v");
    EXPECT_EQ(changed["icon"]["color"].text(), "PINK");
    EXPECT_EQ(changed["plan"]["pieces"].dump(), R"(["a"])");
    EXPECT_EQ(expect(ann_.get(path), 200, "ProjectWithLimits").dump(), changed.dump());
    // The external id that it had is free again.
    expect(ann_.post("/v1/projects", R"({"displayName":"Shop","externalId":"shop-1"})"), 201,
           "ProjectWithLimits");
    EXPECT_EQ(names(ann_, ""), "Ann's Project,Store,Shop,");
    EXPECT_EQ(names(ann_, "types[]=TEAM&displayName=STO"), "Store,");
    EXPECT_EQ(names(ann_, "externalId=shop-2"), "Store,");
    const Json first = ann_.get("/v1/projects?limit=2").body;
    const Json second =
        ann_.get("/v1/projects?limit=2&cursor=" + std::string(first["next"].text())).body;
    EXPECT_EQ(second["data"].size(), 1U);
    EXPECT_TRUE(second["next"].is_null());
    EXPECT_EQ(ann_.get("/v1/projects?limit=2&cursor=" + std::string(second["previous"].text()))
                  .body["data"]
                  .dump(),
              first["data"].dump());
    for (const char* bad : {R"({})", R"({"displayName":"a.b"})", R"({"displayName":""})",
                            R"({"displayName":"x","icon":{"color":"MOOD"}})",
                            R"({"displayName":"x","maxConcurrentJobs":0})"}) {
        EXPECT_EQ(ann_.post("/v1/projects", bad).status, 400) << bad;
    }

    // All that is in it goes with it.
    const auto in = [&made](const std::string& members) {
        return R"({"projectId":")" + std::string(made["id"].text()) + "\"," + members + "}";
    };
    const std::string flow(ann_.post("/v1/flows", in(R"("displayName":"F")")).body["id"].text());
    const std::string table(ann_.post("/v1/tables", in(R"("name":"T")")).body["id"].text());
    ann_.post("/v1/records", R"({"tableId":")" + table + R"(","records":[[]]})");
    EXPECT_EQ(ann_.call("DELETE", path).status, 204);
    EXPECT_EQ(ann_.get(path).status, 403);
    EXPECT_EQ(ann_.get("/v1/flows/" + flow).status, 404);
    EXPECT_EQ(ann_.get("/v1/tables/" + table).status, 404);
    EXPECT_EQ(names(ann_, ""), "Ann's Project,Shop,");
    const ApiAnswer personal = ann_.call("DELETE", "/v1/projects/" + ann_.project());
    EXPECT_EQ(personal.status, 409);
    EXPECT_EQ(personal.body["params"]["message"].text(), "Personal projects cannot be deleted");

    // A member makes none, and sees no other's; a key sees the platform's.
    ApiUser bob(engine_);
    bob.sign_up("bob@example.org");
    EXPECT_EQ(bob.post("/v1/projects", R"({"displayName":"Mine"})").status, 403);
    EXPECT_EQ(names(bob, ""), "Ann's Project,");
    EXPECT_NE(bob.project(), ann_.project());
    ApiUser program(engine_);
    program.token = ann_.post("/v1/api-keys", R"({"displayName":"K"})").body["value"].text();
    EXPECT_EQ(names(program, ""), "Ann's Project,Shop,Ann's Project,");
}

// Runs that have not ended hold their project.
TEST_P(Projects, TellWhomTheyAreToldOf) {
    const Json made = expect(
        ann_.post(
            "/v1/projects",
            R"({"displayName":"Shop","alertReceiverEmail":" Ops@Example.org","globalConnectionExternalIds":[]})"),
        201, "ProjectWithLimits");
    const Json alerts = ann_.get("/v1/alerts?projectId=" + id_of(made)).body["data"];
    ASSERT_EQ(alerts.size(), 1U);
    EXPECT_EQ(alerts.at(0)["receiver"].text(), "ops@example.org");
    EXPECT_EQ(
        ann_.post("/v1/alerts", R"({"channel":"EMAIL","receiver":"ops@example.org","projectId":")" +
                                    id_of(made) + "\"}")
            .status,
        409);
    for (const char* bad : {R"({"displayName":"x","alertReceiverEmail":"nobody"})",
                            R"({"displayName":"x","globalConnectionExternalIds":"c"})"}) {
        EXPECT_EQ(ann_.post("/v1/projects", bad).status, 400) << bad;
    }
    const Json quiet =
        expect(ann_.post("/v1/projects", R"({"displayName":"Quiet","alertReceiverEmail":null})"),
               201, "ProjectWithLimits");
    EXPECT_EQ(ann_.get("/v1/alerts?projectId=" + id_of(quiet)).body["data"].size(), 0U);
    const ApiAnswer shared = ann_.post(
        "/v1/projects", R"({"displayName":"X","globalConnectionExternalIds":["everywhere"]})");
    EXPECT_EQ(shared.status, 404) << shared.raw.body;
    EXPECT_EQ(ann_.get("/v1/projects?displayName=X").body["data"].size(), 0U);
}

TEST_P(Projects, StayWhileRunsGoOn) {
    const Json made =
        expect(ann_.post("/v1/projects", R"({"displayName":"Busy"})"), 201, "ProjectWithLimits");
    const std::string project = id_of(made);
    const std::string flow(
        ann_.post("/v1/flows", R"({"displayName":"F","projectId":")" + project + "\"}")
            .body["id"]
            .text());
    const std::string trigger =
        R"({"type":"PIECE_TRIGGER","name":"trigger","displayName":"Hook","valid":true,"settings":{"pieceName":"@activepieces/piece-webhook","pieceVersion":"0.1.29","triggerName":"catch_webhook","input":{"authType":"none"},"propertySettings":{}}})";
    const std::string wait =
        R"({"parentStep":"trigger","action":{"type":"PIECE","displayName":"Delay","valid":true,"name":"wait","settings":{"pieceName":"@activepieces/piece-delay","pieceVersion":"0.3.18","actionName":"delayFor","propertySettings":{},"input":{"unit":"hours","delayFor":1}}}})";
    ASSERT_EQ(ann_.operate(flow, "UPDATE_TRIGGER", trigger).status, 200);
    ASSERT_EQ(ann_.operate(flow, "ADD_ACTION", wait).status, 200);
    ASSERT_EQ(ann_.operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})").status, 200);
    ASSERT_EQ(ann_.post("/v1/webhooks/" + flow, "{}").status, 200);
    const std::string runs = "/v1/flow-runs?projectId=" + project;
    ASSERT_TRUE(
        wait_until([&] { return ann_.get(runs + "&status=PAUSED").body["data"].size() == 1; }));
    EXPECT_EQ(ann_.call("DELETE", "/v1/projects/" + project).status, 409);
    EXPECT_EQ(ann_.get("/v1/flows/" + flow).status, 200);
    EXPECT_EQ(ann_.post("/v1/flow-runs/cancel", R"({"projectId":")" + project + "\"}").status, 200);
    ASSERT_TRUE(
        wait_until([&] { return ann_.call("DELETE", "/v1/projects/" + project).status == 204; }));
    EXPECT_EQ(ann_.post("/v1/webhooks/" + flow, "{}").status, 410);
}

TEST_P(Projects, UsersAreLookedAfter) {
    ApiUser bob(engine_);
    const std::string id = id_of(bob.sign_up("bob@example.org").body);
    const Json users = expect(ann_.get("/v1/users"), 200, "UserPage");
    ASSERT_EQ(users["data"].size(), 2U);
    EXPECT_EQ(users["data"].at(1)["email"].text(), "bob@example.org");
    const std::string path = "/v1/users/" + id;
    EXPECT_EQ(bob.get("/v1/users").status, 403);
    EXPECT_EQ(bob.post(path, R"({"platformRole":"ADMIN"})").status, 403);
    EXPECT_EQ(bob.call("DELETE", path).status, 403);
    // Shut out: the session ends, and signing in does not help.
    EXPECT_EQ(expect(ann_.post(path, R"({"status":"INACTIVE"})"), 200,
                     "UserWithMetaInformation")["status"]
                  .text(),
              "INACTIVE");
    EXPECT_EQ(bob.get("/v1/users/me").status, 403);
    EXPECT_NE(bob.sign_in("bob@example.org", "Password1!").status, 200);
    expect(ann_.post(path, R"({"status":"ACTIVE","platformRole":"ADMIN"})"), 200,
           "UserWithMetaInformation");
    EXPECT_EQ(bob.sign_in("bob@example.org", "Password1!").status, 200);
    EXPECT_EQ(bob.get("/v1/users").status, 200);
    EXPECT_EQ(ann_.post(path, R"({"status":"ASLEEP"})").status, 400);
    EXPECT_EQ(ann_.post("/v1/users/none", R"({"status":"ACTIVE"})").status, 404);
    const std::string own = "/v1/users/" + id_of(ann_.get("/v1/users/me").body);
    EXPECT_EQ(ann_.post(own, R"({"platformRole":"MEMBER"})").status, 409);
    EXPECT_EQ(ann_.call("DELETE", own).status, 409);
    EXPECT_EQ(bob.call("DELETE", own).status, 409);  // she owns the platform
    EXPECT_EQ(ann_.get("/v1/projects/" + ann_.project()).status, 200);
    EXPECT_EQ(ann_.get(own.substr(0, 9) + "/me").status, 200);
    const std::string flow(
        bob.post("/v1/flows", R"({"displayName":"F","projectId":")" + bob.project() + "\"}")
            .body["id"]
            .text());
    EXPECT_EQ(ann_.call("DELETE", path).status, 204);
    EXPECT_EQ(ann_.get("/v1/users").body["data"].size(), 1U);
    EXPECT_EQ(bob.get("/v1/users/me").status, 403);
    EXPECT_EQ(ann_.get("/v1/flows/" + flow).status, 404);
}

TEST_P(Projects, AreFoundByWhatTheirOwnerIsCalledElsewhere) {
    ApiUser bob(engine_);
    const std::string path = "/v1/users/" + id_of(bob.sign_up("bob@example.org").body);
    EXPECT_EQ(expect(ann_.post(path, R"({"externalId":"crm-7"})"), 200,
                     "UserWithMetaInformation")["externalId"]
                  .text(),
              "crm-7");
    const Json me = bob.get("/v1/users/me").body;
    EXPECT_EQ(me["externalId"].text(), "crm-7") << "and the session goes on";
    const Json found = expect(ann_.get("/v1/users?externalId=crm-7"), 200, "UserPage");
    ASSERT_EQ(found["data"].size(), 1U);
    EXPECT_EQ(found["data"].at(0)["email"].text(), "bob@example.org");
    EXPECT_EQ(ann_.get("/v1/users?externalId=crm").body["data"].size(), 0U);
    const std::string own = "/v1/users/" + id_of(ann_.get("/v1/users/me").body);
    const ApiAnswer taken = ann_.post(own, R"({"externalId":"crm-7"})");
    EXPECT_EQ(taken.status, 409);
    EXPECT_EQ(taken.body["params"]["message"].text(), "Another user has that externalId");
    EXPECT_EQ(ann_.post(path, R"({"externalId":"crm-7","status":"ACTIVE"})").status, 200);
    EXPECT_EQ(ann_.post(path, R"({"externalId":7})").status, 400);
    ApiUser program(engine_);
    program.token = ann_.post("/v1/api-keys", R"({"displayName":"K"})").body["value"].text();
    EXPECT_EQ(program.get("/v1/projects?externalUserId=crm-7").body["data"].at(0)["id"].text(),
              bob.project());
    EXPECT_EQ(names(program, "externalUserId=nobody"), "");
    EXPECT_EQ(names(ann_, "externalUserId=crm-7"), "") << "no project of hers";
    EXPECT_EQ(ann_.post(path, R"({"externalId":""})").status, 200);
    EXPECT_EQ(ann_.get("/v1/users?externalId=crm-7").body["data"].size(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Stores, Projects, testing::Values("sqlite", "postgres"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace sallyport::test
