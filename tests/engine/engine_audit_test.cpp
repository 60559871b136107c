// The audit log on both stores: who changed what, one event each, in the order in which it
// happened.
#include "tests/engine/members_fixture.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

class Audit : public MembersContract {
  protected:
    // Everything recorded after the first `skip` events, the oldest first.
    std::vector<Json> events() {
        const Json all = ann_.get("/v1/audit-events?limit=100").body["data"];
        std::vector<Json> list;
        for (std::size_t i = all.size(); i > 0; --i) {
            list.push_back(all.at(i - 1));
        }
        return {list.begin() + static_cast<std::ptrdiff_t>(std::min(seen_, list.size())),
                list.end()};
    }
    void skip_so_far() { seen_ += events().size(); }
    std::vector<std::string> actions() {
        std::vector<std::string> names;
        for (const Json& event : events()) {
            names.emplace_back(event["action"].text());
        }
        return names;
    }
    using Names = std::vector<std::string>;

    std::size_t seen_ = 0;
};

TEST_P(Audit, WhatTheyDoIsRecorded) {
    const std::string flow(
        ann_.post("/v1/flows", of_project(R"("displayName":"F")")).body["id"].text());
    ann_.operate(flow, "CHANGE_NAME", R"({"displayName":"G"})");
    ann_.call("DELETE", "/v1/flows/" + flow);
    const std::string variable =
        id_of(ann_.post("/v1/variables", of_project(R"("name":"V","value":"hush")")).body);
    ann_.post("/v1/variables/" + variable + "/reveal", "{}");
    ann_.post("/v1/app-connections",
              connection("c", R"({"type":"SECRET_TEXT","secret_text":"hush"})"));
    EXPECT_EQ(ann_.post("/v1/flows", "{}").status, 400);  // was not done: is not recorded
    // At once: they are stored before the answers go out, and in that order.
    const Json events = ann_.get("/v1/audit-events?limit=50").body["data"];
    std::vector<std::string> actions;
    Json deleted;
    for (std::size_t i = 0; i < events.size(); ++i) {
        EXPECT_EQ(oracle_->problems("ApplicationEvent", events.at(i)), "") << events.at(i).dump();
        const std::string action(events.at(i)["action"].text());
        actions.insert(actions.begin(), action);
        deleted = action == "flow.deleted" ? events.at(i) : deleted;
    }
    EXPECT_EQ(actions, (std::vector<std::string>{
                           "user.signed.up", "flow.created", "flow.updated", "flow.deleted",
                           "variable.upserted", "variable.value.revealed", "connection.upserted"}));
    EXPECT_EQ(events.dump().find("hush"), std::string::npos);
    EXPECT_EQ(deleted["data"]["flowVersion"]["displayName"].text(), "G");
    EXPECT_EQ(deleted["projectId"].text(), ann_.project());
    EXPECT_EQ(deleted["userEmail"].text(), "ann@example.org");
    const auto count = [this](const std::string& query) {
        return ann_.get("/v1/audit-events?limit=50&" + query).body["data"].size();
    };
    EXPECT_EQ(count("action[]=flow.created&action[]=flow.deleted"), 2U);
    EXPECT_EQ(count("projectId=" + ann_.project()), 6U);
    EXPECT_EQ(count("createdAfter=2100-01-01T00:00:00Z"), 0U);
    EXPECT_EQ(count("createdBefore=2100-01-01T00:00:00Z"), 7U);
    EXPECT_EQ(ann_.get("/v1/audit-events?createdAfter=soon").status, 400);
}

TEST_P(Audit, ChangesOfWhoMayDoWhatAreRecorded) {
    skip_so_far();
    invite_bob("Viewer");
    set_role("Editor");
    const std::string role = id_of(
        ann_.post("/v1/project-roles", R"({"name":"C","permissions":[],"type":"CUSTOM"})").body);
    ann_.post("/v1/project-roles/" + role, R"({"name":"D"})");
    ann_.call("DELETE", "/v1/project-roles/D");
    ann_.call("DELETE", "/v1/project-members/" + id_of(member()));
    const std::string invited = id_of(
        ann_.post("/v1/user-invitations",
                  of_project(R"("type":"PROJECT","email":"eve@x.org","projectRole":"Viewer")"))
            .body);
    ann_.call("DELETE", "/v1/user-invitations/" + invited);
    EXPECT_EQ(actions(),
              (Names{"user.invitation.created", "user.invitation.accepted", "project.member.added",
                     "user.signed.up", "project.member.updated", "project.role.created",
                     "project.role.updated", "project.role.deleted", "project.member.removed",
                     "user.invitation.created", "user.invitation.deleted"}));
    const std::vector<Json> all = events();
    const std::string bob(bob_.get("/v1/users/me").body["id"].text());
    EXPECT_EQ(all[0]["data"]["invitation"]["email"].text(), "bob@example.org");
    EXPECT_EQ(all[1]["userEmail"].text(), "bob@example.org");
    EXPECT_EQ(all[2]["data"]["projectMember"]["userId"].text(), bob);
    EXPECT_EQ(all[2]["projectId"].text(), ann_.project());
    EXPECT_EQ(all[4]["data"]["projectMember"]["projectRoleId"].text(), "projectRoleEditor0001");
    EXPECT_EQ(all[8]["data"]["projectMember"]["userId"].text(), bob);
    EXPECT_EQ(all[10]["data"]["invitation"]["email"].text(), "eve@x.org");
    for (const Json& event : all) {
        EXPECT_EQ(event.dump().find("token="), std::string::npos) << event.dump();
        EXPECT_EQ(event["ip"].text(), "127.0.0.1");
    }
    skip_so_far();
    EXPECT_EQ(bob_.post("/v1/project-members/x", R"({"role":"Admin"})").status, 404);
    EXPECT_EQ(actions(), Names{}) << "refused: nothing happened";
}

TEST_P(Audit, ProjectsAlertsUsersAndKeysAreRecorded) {
    bob_.sign_up("bob@example.org");
    skip_so_far();
    const std::string project = id_of(ann_.post("/v1/projects", R"({"displayName":"Team"})").body);
    ann_.post("/v1/projects/" + project, R"({"displayName":"Crew"})");
    ann_.call("DELETE", "/v1/projects/" + project);
    const std::string alert = id_of(
        ann_.post("/v1/alerts", of_project(R"("channel":"EMAIL","receiver":"ops@x.org")")).body);
    ann_.call("DELETE", "/v1/alerts/" + alert);
    const std::string bob(bob_.get("/v1/users/me").body["id"].text());
    ann_.post("/v1/users/" + bob, R"({"status":"INACTIVE"})");
    ann_.call("DELETE", "/v1/users/" + bob);
    const Json key = ann_.post("/v1/api-keys", R"({"displayName":"K"})").body;
    ann_.call("DELETE", "/v1/api-keys/" + id_of(key));
    EXPECT_EQ(actions(), (Names{"project.created", "project.updated", "project.deleted",
                                "alert.created", "alert.deleted", "user.updated", "user.deleted",
                                "api.key.created", "api.key.deleted"}));
    const std::vector<Json> all = events();
    EXPECT_EQ(all[2]["data"]["project"]["displayName"].text(), "Crew");
    EXPECT_EQ(all[4]["data"]["alert"]["receiver"].text(), "ops@x.org");
    EXPECT_EQ(all[5]["data"]["user"]["status"].text(), "INACTIVE");
    EXPECT_EQ(all[6]["data"]["user"]["id"].text(), bob);
    for (const Json& event : all) {
        EXPECT_EQ(event.dump().find(key["value"].text()), std::string::npos);
        EXPECT_EQ(event["userEmail"].text(), "ann@example.org");
    }
}

TEST_P(Audit, ToolsOfModelsAreRecordedAsSuch) {
    const std::string token(
        ann_.get("/v1/projects/" + ann_.project() + "/mcp-server").body["token"].text());
    skip_so_far();
    ApiUser model(engine_);
    model.token = token;
    const auto use = [&model](const std::string& tool, const std::string& arguments) {
        return model
            .post("/mcp", R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":")" +
                              tool + R"(","arguments":)" + arguments + "}}")
            .body["result"];
    };
    const Json made = use("ap_create_flow", R"({"flowName":"F"})");
    const Result<Json> flow = Json::parse(made["content"].at(0)["text"].text());
    ASSERT_TRUE(flow.ok()) << made.dump();
    use("ap_rename_flow", R"({"flowId":")" + id_of(*flow) + R"(","displayName":"G"})");
    EXPECT_TRUE(
        use("ap_rename_flow", R"({"flowId":"nope","displayName":"G"})")["isError"].is_true());
    use("ap_list_flows", "{}");
    EXPECT_EQ(actions(), (Names{"flow.created", "flow.updated"}));
    for (const Json& event : events()) {
        EXPECT_EQ(event["source"].text(), "MCP");
        EXPECT_EQ(event["userEmail"].text(), "ann@example.org");
        EXPECT_EQ(event["projectId"].text(), ann_.project());
        EXPECT_EQ(event["ip"].text(), "127.0.0.1");
    }
}

TEST_P(Audit, EachOfManyHasItsEvent) {
    const std::string failing =
        ann_.make_flow({code_step("step_1", "export const code = async () => { throw 1; };")});
    for (int i = 0; i < 3; ++i) {
        ann_.post("/v1/webhooks/" + failing + "/sync", "{}");
    }
    Json runs;
    ASSERT_TRUE(wait_until([&] {
        runs = ann_.get("/v1/flow-runs?limit=50&status=FAILED&" + project_query()).body["data"];
        return runs.size() == 3;
    }));
    skip_so_far();
    const auto ids = [&runs](std::size_t n) {
        std::string list;
        for (std::size_t i = 0; i < n; ++i) {
            list += (i == 0 ? "\"" : ",\"") + id_of(runs.at(i)) + "\"";
        }
        return list;
    };
    const std::string selected =
        of_project(R"("strategy":"ON_LATEST_VERSION","flowRunIds":[)" + ids(2) + "]");
    EXPECT_EQ(ann_.post("/v1/flow-runs/retry", selected).body.size(), 2U);
    EXPECT_EQ(actions(), (Names{"flow.run.retried", "flow.run.retried"}));
    EXPECT_EQ(oracle_->problems("ApplicationEvent", events()[0]), "") << events()[0].dump();
    skip_so_far();
    EXPECT_EQ(ann_.post("/v1/flow-runs/archive",
                        of_project(R"("flowRunIds":["nobodysrunnobodysrun0",)" + ids(3) + "]"))
                  .status,
              200);
    EXPECT_EQ(actions(), (Names(3, "flow.run.archived")));
    skip_so_far();
    EXPECT_EQ(
        ann_.post("/v1/flow-runs/cancel", of_project(R"("flowRunIds":[)" + ids(3) + "]")).status,
        200);
    EXPECT_EQ(actions(), Names{}) << "they had ended";

    const auto ended = [this](const ApiAnswer& job) {
        EXPECT_EQ(job.status, 201) << job.raw.body;
        EXPECT_TRUE(wait_until([&] {
            return ann_.get("/v1/jobs/" + id_of(job.body)).body["status"].text() != "RUNNING";
        }));
    };
    ended(ann_.post("/v1/jobs", of_project(R"("type":"RETRY_RUNS","strategy":"ON_LATEST_VERSION",)"
                                           R"("flowRunIds":[)" +
                                           ids(3) + "]")));
    EXPECT_EQ(actions(), (Names(3, "flow.run.retried")));
    skip_so_far();
    const std::string flow =
        R"({"displayName":"A","valid":false,"schemaVersion":"22","trigger":{"name":"trigger","type":"EMPTY","displayName":"T","valid":false,"lastUpdatedDate":"2026-01-01T00:00:00.000Z","settings":{}}})";
    ended(ann_.post("/v1/jobs",
                    of_project(R"("type":"IMPORT_FLOWS","flows":[)" + flow + "," + flow + "]")));
    EXPECT_EQ(actions(), (Names(2, "flow.created")));
    EXPECT_EQ(oracle_->problems("ApplicationEvent", events()[0]), "") << events()[0].dump();
    EXPECT_EQ(events()[0]["userEmail"].text(), "ann@example.org");
}

INSTANTIATE_TEST_SUITE_P(Stores, Audit, testing::Values("sqlite", "postgres"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace sallyport::test
