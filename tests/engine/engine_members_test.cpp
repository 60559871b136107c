// Members of projects, their roles and invitations, the platform, alerts, the audit log and jobs of
// a project, on both stores, held against the contract's published types.
#include "tests/engine/members_fixture.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <string>

namespace sallyport::test {
namespace {

class Members : public MembersContract {};

TEST_P(Members, MayDoWhatTheirRoleSays) {
    const std::string flow(
        ann_.post("/v1/flows", of_project(R"("displayName":"F")")).body["id"].text());
    const std::string flow_path = "/v1/flows/" + flow;
    invite_bob("Viewer");
    EXPECT_EQ(member()["user"]["email"].text(), "bob@example.org");
    EXPECT_EQ(
        expect(bob_.get("/v1/project-members/role?" + project_query()), 200, "ProjectRole")["name"]
            .text(),
        "Viewer");
    EXPECT_EQ(expect(ann_.get("/v1/project-members/role?" + project_query()), 200)["name"].text(),
              "Admin");
    // He sees it beside his own, may read, and nothing else.
    EXPECT_EQ(bob_.get("/v1/projects").body["data"].size(), 2U);
    EXPECT_EQ(bob_.get("/v1/projects/" + ann_.project()).status, 200);
    EXPECT_EQ(bob_.get(flow_path).status, 200);
    EXPECT_EQ(bob_.get("/v1/flows?" + project_query()).body["data"].size(), 1U);
    EXPECT_EQ(refused_for(bob_.operate(flow, "CHANGE_NAME", R"({"displayName":"G"})")),
              "PERMISSION_DENIED WRITE_FLOW");
    EXPECT_EQ(refused_for(bob_.operate(flow, "CHANGE_STATUS", R"({"status":"ENABLED"})")),
              "PERMISSION_DENIED UPDATE_FLOW_STATUS");
    EXPECT_EQ(refused_for(bob_.call("DELETE", flow_path)), "PERMISSION_DENIED WRITE_FLOW");
    EXPECT_EQ(refused_for(bob_.post("/v1/variables", of_project(R"("name":"V","value":"x")"))),
              "PERMISSION_DENIED WRITE_VARIABLE");
    EXPECT_EQ(refused_for(bob_.get("/v1/alerts?" + project_query())),
              "PERMISSION_DENIED READ_ALERT");
    EXPECT_EQ(refused_for(bob_.post("/v1/jobs", of_project(R"("type":"IMPORT_FLOWS","flows":[])"))),
              "PERMISSION_DENIED WRITE_FLOW");

    set_role("Editor");
    EXPECT_EQ(bob_.operate(flow, "CHANGE_NAME", R"({"displayName":"G"})").status, 200);
    EXPECT_EQ(bob_.post("/v1/variables", of_project(R"("name":"V","value":"x")")).status, 201);
    EXPECT_EQ(refused_for(bob_.post("/v1/projects/" + ann_.project(), R"({"displayName":"H"})")),
              "PERMISSION_DENIED WRITE_PROJECT");
    EXPECT_EQ(
        refused_for(bob_.post("/v1/project-members/" + id_of(member()), R"({"role":"Admin"})")),
        "PERMISSION_DENIED WRITE_PROJECT_MEMBER");
    EXPECT_EQ(refused_for(bob_.post(
                  "/v1/user-invitations",
                  of_project(R"("type":"PROJECT","email":"eve@x.org","projectRole":"Admin")"))),
              "PERMISSION_DENIED WRITE_INVITATION");
    set_role("Admin");
    EXPECT_EQ(bob_.get("/v1/alerts?" + project_query()).status, 200);
    // An administrator of the project is none of the platform.
    EXPECT_EQ(bob_.get("/v1/users").status, 403);
    EXPECT_EQ(bob_.get("/v1/project-roles").status, 403);
    EXPECT_EQ(bob_.get("/v1/audit-events").status, 403);
    EXPECT_EQ(bob_.call("DELETE", "/v1/projects/" + ann_.project()).status, 403);

    EXPECT_EQ(ann_.call("DELETE", "/v1/project-members/" + id_of(member())).status, 204);
    EXPECT_EQ(bob_.get(flow_path).body["code"].text(), "AUTHORIZATION");
    EXPECT_EQ(bob_.get("/v1/projects").body["data"].size(), 1U);
}

TEST_P(Members, AreTheOwnersOfWhatTheyMade) {
    const std::string of = "/owners?" + project_query();
    EXPECT_EQ(expect(ann_.get("/v1/variables" + of), 200)["data"].dump(), "[]");
    invite_bob("Editor");
    for (const std::string_view name : {"a", "b"}) {
        const std::string secret = R"({"type":"SECRET_TEXT","secret_text":"s"})";
        EXPECT_EQ(bob_.post("/v1/app-connections", connection(std::string(name), secret)).status,
                  201);
    }
    const std::string variable = R"("value":"x","name":)";
    EXPECT_EQ(ann_.post("/v1/variables", of_project(variable + "\"A\"")).status, 201);
    EXPECT_EQ(bob_.post("/v1/variables", of_project(variable + "\"B\"")).status, 201);
    const Json connections = expect(ann_.get("/v1/app-connections" + of), 200);
    EXPECT_EQ(connections["data"].size(), 1U) << "each once: " << connections.dump();
    EXPECT_EQ(connections["data"].at(0)["email"].text(), "bob@example.org");
    EXPECT_TRUE(connections["next"].is_null());
    const Json variables = expect(ann_.get("/v1/variables" + of), 200)["data"];
    EXPECT_EQ(variables.size(), 2U);
    EXPECT_EQ(variables.at(0)["email"].text(), "ann@example.org");
    EXPECT_EQ(variables.at(1)["email"].text(), "bob@example.org");
    ApiUser eve(engine_);
    eve.sign_up("eve@example.org");
    EXPECT_EQ(eve.get("/v1/variables" + of).status, 403);
}

TEST_P(Members, HaveRolesOfThePlatformsOwn) {
    const Json made =
        expect(ann_.post("/v1/project-roles",
                         R"({"name":"Clerk","permissions":["READ_FLOW"],"type":"CUSTOM"})"),
               201, "ProjectRole");
    const std::string path = "/v1/project-roles/" + id_of(made);
    const Json all = expect(ann_.get("/v1/project-roles"), 200);
    ASSERT_EQ(all["data"].size(), 4U);
    EXPECT_EQ(all["data"].at(0)["permissions"].size(), 27U);
    EXPECT_EQ(all["data"].at(1)["permissions"].size(), 22U);
    EXPECT_EQ(all["data"].at(2)["permissions"].size(), 11U);
    EXPECT_EQ(expect(ann_.get(path), 200, "ProjectRole").dump(), made.dump());
    for (const char* bad :
         {R"({"name":"Clerk","permissions":[],"type":"CUSTOM"})",
          R"({"name":"Admin","permissions":[],"type":"CUSTOM"})",
          R"({"name":"X","permissions":["FLY"],"type":"CUSTOM"})", R"({"name":"X"})"}) {
        EXPECT_GE(ann_.post("/v1/project-roles", bad).status, 400) << bad;
    }
    invite_bob("Clerk");
    EXPECT_EQ(bob_.get("/v1/flows?" + project_query()).status, 200);
    EXPECT_EQ(refused_for(bob_.get("/v1/folders?" + project_query())),
              "PERMISSION_DENIED READ_FOLDER");
    expect(ann_.post(path, R"({"name":"Librarian","permissions":["READ_FOLDER"]})"), 200,
           "ProjectRole");
    EXPECT_EQ(bob_.get("/v1/folders?" + project_query()).status, 200);
    EXPECT_EQ(refused_for(bob_.get("/v1/flows?" + project_query())), "PERMISSION_DENIED READ_FLOW");
    EXPECT_EQ(ann_.call("DELETE", "/v1/project-roles/Librarian").status, 409) << "Bob has it";
    EXPECT_EQ(ann_.call("DELETE", "/v1/project-members/" + id_of(member())).status, 204);
    EXPECT_EQ(ann_.call("DELETE", "/v1/project-roles/Librarian").status, 204);
    EXPECT_EQ(ann_.call("DELETE", "/v1/project-roles/Viewer").status, 404);
    EXPECT_EQ(ann_.get(path).status, 404);
}

TEST_P(Members, AreInvited) {
    const auto to_platform = [](const std::string& email, const std::string& role) {
        return R"({"type":"PLATFORM","email":")" + email + R"(","platformRole":")" + role + "\"}";
    };
    const Json first =
        expect(ann_.post("/v1/user-invitations", to_platform("bob@example.org", "OPERATOR")), 201,
               "UserInvitationWithLink");
    // Asked again the earlier link is void.
    const Json second =
        expect(ann_.post("/v1/user-invitations", to_platform("bob@example.org", "ADMIN")), 201,
               "UserInvitationWithLink");
    const auto accept = [this](const std::string& token) {
        ApiUser nobody(engine_);
        return nobody.post("/v1/user-invitations/accept", R"({"invitationToken":")" + token + "\"}")
            .status;
    };
    EXPECT_EQ(accept(token_of(first)), 404);
    EXPECT_EQ(accept(token_of(second) + "x"), 401);
    EXPECT_EQ(accept(ann_.token), 401) << "a session is no invitation";
    EXPECT_EQ(accept(token_of(second)), 200);
    const Json pages = expect(ann_.get("/v1/user-invitations?type=PLATFORM&status=ACCEPTED"), 200);
    ASSERT_EQ(pages["data"].size(), 1U);
    EXPECT_EQ(oracle_->problems("UserInvitation", pages["data"].at(0)), "");
    EXPECT_EQ(sign_up_with(bob_, "bob@example.org", token_of(second)).body["platformRole"].text(),
              "ADMIN");
    EXPECT_EQ(ann_.get("/v1/user-invitations?type=PLATFORM").body["data"].size(), 0U) << "used up";

    // What a program vouches for needs nobody's consent.
    ApiUser program(engine_);
    program.token = ann_.post("/v1/api-keys", R"({"displayName":"K"})").body["value"].text();
    const Json at_once = expect(
        program.post(
            "/v1/user-invitations",
            of_project(
                R"("type":"PROJECT","email":"bob@example.org","projectRole":"Viewer","accepted":true)")),
        201, "UserInvitation");
    EXPECT_EQ(at_once["status"].text(), "ACCEPTED");
    EXPECT_FALSE(at_once.has("link"));
    EXPECT_EQ(member()["projectRole"]["name"].text(), "Viewer");

    const Json third = expect(
        ann_.post("/v1/user-invitations",
                  of_project(R"("type":"PROJECT","email":"eve@x.org","projectRole":"Viewer")")),
        201);
    EXPECT_EQ(bob_.get("/v1/user-invitations?type=PROJECT&" + project_query()).body["data"].size(),
              1U);
    EXPECT_EQ(refused_for(bob_.call("DELETE", "/v1/user-invitations/" + id_of(third))),
              "PERMISSION_DENIED WRITE_INVITATION");
    EXPECT_EQ(ann_.call("DELETE", "/v1/user-invitations/" + id_of(third)).status, 204);
    EXPECT_EQ(accept(token_of(third)), 404);
    EXPECT_EQ(ann_.post("/v1/user-invitations", to_platform("nobody", "ADMIN")).status, 400);
    EXPECT_EQ(ann_.post("/v1/user-invitations",
                        of_project(R"("type":"PROJECT","email":"e@x.org","projectRole":"Boss")"))
                  .status,
              404);
}

TEST_P(Members, ThePlatformAndTheUserAreDescribed) {
    const std::string platform(ann_.get("/v1/users/me").body["platformId"].text());
    const std::string path = "/v1/platforms/" + platform;
    const Json before = expect(ann_.get(path), 200, "PlatformWithoutSensitiveData");
    EXPECT_EQ(before["ownerId"].text(), ann_.get("/v1/users/me").body["id"].text());
    const Json after = expect(ann_.post(path, R"({"name":"Works","pinnedPieces":["p"]})"), 200,
                              "PlatformWithoutSensitiveData");
    EXPECT_EQ(after["name"].text(), "Works");
    EXPECT_EQ(ann_.get(path).body["pinnedPieces"].dump(), R"(["p"])");
    EXPECT_EQ(ann_.post(path, R"({"name":"a/b"})").status, 400);
    EXPECT_EQ(ann_.post(path, R"({"enforceAllowedAuthDomains":true})").status, 400);
    EXPECT_EQ(ann_.get("/v1/platforms/aaaaaaaaaaaaaaaaaaaaa").status, 403);
    bob_.sign_up("bob@example.org");
    EXPECT_EQ(bob_.get(path).status, 200);
    EXPECT_EQ(bob_.post(path, R"({"name":"Mine"})").status, 403);
    const Json me = expect(bob_.post("/v1/users/me", R"({"firstName":"Rob","newsLetter":true})"),
                           200, "UpdateMeResponse");
    EXPECT_EQ(me["firstName"].text(), "Rob");
    EXPECT_TRUE(bob_.get("/v1/users/me").body["newsLetter"].is_true());
    EXPECT_EQ(bob_.post("/v1/users/me", R"({"firstName":"a/b"})").status, 400);
}

TEST_P(Members, AlertsNameWhoIsTold) {
    const std::string body = of_project(R"("channel":"EMAIL","receiver":"Ops@example.org")");
    const Json made = expect(ann_.post("/v1/alerts", body), 200, "Alert");
    EXPECT_EQ(made["receiver"].text(), "ops@example.org");
    const ApiAnswer again = ann_.post("/v1/alerts", body);
    EXPECT_EQ(again.status, 409);
    EXPECT_EQ(again.body["code"].text(), "EXISTING_ALERT_CHANNEL");
    EXPECT_EQ(ann_.get("/v1/alerts?" + project_query()).body["data"].size(), 1U);
    EXPECT_EQ(
        ann_.post("/v1/alerts", of_project(R"("channel":"PIGEON","receiver":"a@b.co")")).status,
        400);
    EXPECT_EQ(ann_.call("DELETE", "/v1/alerts/" + id_of(made)).status, 200);
    EXPECT_EQ(ann_.get("/v1/alerts?" + project_query()).body["data"].size(), 0U);
}

TEST_P(Members, LongWorkOfAProjectIsAJob) {
    const std::string tree =
        R"({"name":"trigger","type":"EMPTY","displayName":"T","valid":false,"lastUpdatedDate":"2026-01-01T00:00:00.000Z","settings":{}})";
    const auto ended = [this](const Json& job) {
        Json now;
        EXPECT_TRUE(wait_until([&] {
            now = ann_.get("/v1/jobs/" + id_of(job)).body;
            return now["status"].text() != "RUNNING";
        }));
        return now;
    };
    const auto flow = [&tree](const std::string& name) {
        return R"({"displayName":")" + name + R"(","valid":false,"schemaVersion":"22","trigger":)" +
               tree + "}";
    };
    const Json imported = ended(
        expect(ann_.post("/v1/jobs", of_project(R"("type":"IMPORT_FLOWS","flows":[)" + flow("A") +
                                                "," + R"({"displayName":"B"},)" + flow("C") + "]")),
               201));
    EXPECT_EQ(imported["status"].text(), "FAILED");
    EXPECT_TRUE(imported["problem"].text().starts_with("flow 2: ")) << imported.dump();
    EXPECT_EQ(imported["total"].integer_or(0), 3);
    EXPECT_EQ(imported["done"].integer_or(0), 2);
    EXPECT_EQ(imported["failed"].integer_or(0), 1);
    EXPECT_EQ(ann_.get("/v1/flows?" + project_query()).body["data"].size(), 2U);

    const std::string failing =
        ann_.make_flow({code_step("step_1", "export const code = async () => { throw 1; };")});
    for (int i = 0; i < 3; ++i) {
        ann_.post("/v1/webhooks/" + failing + "/sync", "{}");
    }
    const auto failed_runs = [&] {
        return ann_.get("/v1/flow-runs?limit=50&status=FAILED&" + project_query())
            .body["data"]
            .size();
    };
    ASSERT_TRUE(wait_until([&] { return failed_runs() == 3; }));
    const Json retried = ended(expect(
        ann_.post("/v1/jobs", of_project(R"("type":"RETRY_RUNS","strategy":"ON_LATEST_VERSION")")),
        201));
    EXPECT_EQ(retried["status"].text(), "SUCCEEDED") << retried.dump();
    EXPECT_EQ(retried["done"].integer_or(0), 3);
    EXPECT_EQ(retried["projectId"].text(), ann_.project());
    EXPECT_TRUE(wait_until([&] { return failed_runs() == 6; }));
    EXPECT_EQ(ended(expect(ann_.post("/v1/jobs", R"({"type":"RETENTION"})"), 201))["status"].text(),
              "SUCCEEDED");
    EXPECT_EQ(failed_runs(), 6U) << "nothing is old";
    EXPECT_EQ(ann_.get("/v1/jobs").body["data"].size(), 3U);
    EXPECT_EQ(ann_.get("/v1/jobs?" + project_query()).body["data"].size(), 2U);
    EXPECT_EQ(
        ann_.post("/v1/jobs", of_project(R"("type":"RETRY_RUNS","strategy":"HARDER")")).status,
        400);
    bob_.sign_up("bob@example.org");
    EXPECT_EQ(bob_.get("/v1/jobs/" + id_of(retried)).status, 403);
    EXPECT_EQ(bob_.post("/v1/jobs", R"({"type":"RETENTION"})").status, 403);
    EXPECT_EQ(
        bob_.post("/v1/jobs", of_project(R"("type":"RETRY_RUNS","strategy":"ON_LATEST_VERSION")"))
            .status,
        403);
}

INSTANTIATE_TEST_SUITE_P(Stores, Members, testing::Values("sqlite", "postgres"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace sallyport::test
