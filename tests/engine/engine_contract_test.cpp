// The contract's families on the real engine. Every answer that has a type in the contract's
// published package is checked against it.
#include "tests/engine/contract_fixture.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::test {
namespace {

// The calls of Gauzy's plugin, with the key it has been given, in the order its service makes them.
TEST_F(Contract, GauzysEightCalls) {
    const Json key = expect(ann_.post("/api/v1/api-keys", R"({"displayName":"Gauzy"})"), 201,
                            "ApiKeyResponseWithValue");
    ASSERT_EQ(key["value"].text().size(), 64U);
    ApiUser gauzy(engine_);
    gauzy.token = key["value"].text();

    const std::string body = of_project(
        R"("externalId":"gauzy-tenant-t1-org-o1","displayName":"Gauzy","pieceName":"Ever-gauzy","metadata":{"tenantId":"t1","organizationId":"o1","createdAt":"2026-01-01","gauzyVersion":"1.0.0"},"type":"SECRET_TEXT","value":{"type":"SECRET_TEXT","secret_text":"tenant-token"})");
    const Json made = expect(gauzy.post("/api/v1/app-connections", body), 201,
                             "AppConnectionWithoutSensitiveData");
    const std::string id(made["id"].text());
    EXPECT_EQ(made["projectIds"].dump(), "[\"" + ann_.project() + "\"]");
    const Json list = expect(gauzy.get("/api/v1/app-connections?" + project_query() +
                                       "&pieceName=Ever-gauzy&scope=PROJECT&limit=10"),
                             200, "ConnectionPage");
    ASSERT_EQ(list["data"].size(), 1U);
    EXPECT_EQ(list["data"].at(0)["metadata"]["tenantId"].text(), "t1");
    const Json one = expect(gauzy.get("/api/v1/app-connections/" + id), 200,
                            "AppConnectionWithoutSensitiveData");
    EXPECT_EQ(one["metadata"]["organizationId"].text(), "o1");
    EXPECT_EQ(gauzy.call("DELETE", "/api/v1/app-connections/" + id).status, 204);
    EXPECT_EQ(gauzy.get("/api/v1/app-connections/" + id).status, 404);

    expect(gauzy.post("/api/v1/mcp-servers", of_project(R"("name":"gauzy t1")")), 200);
    const Json servers =
        expect(gauzy.get("/api/v1/mcp-servers?" + project_query() + "&limit=10&name=GAUZY"), 200);
    ASSERT_EQ(servers["data"].size(), 1U);
    EXPECT_TRUE(servers["next"].is_null());
    const std::string server(servers["data"].at(0)["id"].text());
    const Json before = expect(gauzy.get("/api/v1/mcp-servers/" + server), 200);
    EXPECT_EQ(before["token"].text().size(), 21U);
    const Json renamed = expect(
        gauzy.post(
            "/api/v1/mcp-servers/" + server,
            R"({"name":"gauzy t2","tools":[{"type":"FLOW","externalId":"f","flowId":"f"}]})"),
        200);
    EXPECT_EQ(renamed["name"].text(), "gauzy t2");
    EXPECT_EQ(renamed["tools"].at(0)["mcpId"].text(), server);
    const Json rotated = expect(gauzy.post("/api/v1/mcp-servers/" + server + "/rotate", "{}"), 200);
    EXPECT_EQ(rotated["token"].text().size(), 21U);
    EXPECT_NE(rotated["token"].text(), before["token"].text());

    // A key makes no keys, and one that is deleted opens nothing.
    EXPECT_EQ(gauzy.post("/api/v1/api-keys", R"({"displayName":"x"})").status, 403);
    const Json keys = expect(ann_.get("/v1/api-keys"), 200);
    EXPECT_FALSE(keys["data"].at(0).has("value"));
    EXPECT_EQ(keys["data"].at(0)["truncatedValue"].text(),
              key["value"].text().substr(key["value"].text().size() - 4));
    EXPECT_EQ(ann_.call("DELETE", "/v1/api-keys/" + std::string(key["id"].text())).status, 200);
    const ApiAnswer refused = gauzy.get("/api/v1/mcp-servers/" + server);
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(refused.body["code"].text(), "INVALID_API_KEY");
}

class Bounded : public Contract {
  protected:
    Bounded() : Contract({"AP_MAX_FLOW_STEPS=3", "AP_MAX_STORE_ENTRY_VALUE_SIZE_KB=1"}) {}
};

TEST_F(Bounded, FlowsAndEntriesOfTheStoreAreHeldToTheirSettings) {
    const std::string flow(
        ann_.post("/v1/flows", of_project(R"("displayName":"F")")).body["id"].text());
    const auto add = [&](const std::string& after, const std::string& name) {
        return ann_.operate(flow, "ADD_ACTION",
                            R"({"parentStep":")" + after + R"(","action":)" +
                                R"({"type":"CODE","name":")" + name +
                                R"(","displayName":"C","valid":true,"settings":{"sourceCode":)" +
                                R"({"code":"","packageJson":"{}"},"input":{}}}})");
    };
    expect(add("trigger", "a"), 200, "PopulatedFlow");
    expect(add("a", "b"), 200, "PopulatedFlow");
    const Json refused = expect(add("b", "c"), 400);
    EXPECT_EQ(refused["code"].text(), "FLOW_OPERATION_INVALID");
    EXPECT_EQ(refused["params"]["message"].text(), "A flow may have 3 steps (AP_MAX_FLOW_STEPS)");
    expect(ann_.operate(flow, "CHANGE_NAME", R"({"displayName":"G"})"), 200, "PopulatedFlow");

    ApiUser engine(engine_);
    engine.token = engine_token(ann_.project());
    const auto put = [&engine](std::size_t bytes) {
        return engine
            .post("/v1/store-entries",
                  R"({"key":"k","value":")" + std::string(bytes - 2, 'x') + "\"}")
            .status;
    };
    EXPECT_EQ(put(1024), 200);
    EXPECT_EQ(put(1025), 413);
}

TEST_F(Contract, ConnectionsOfEveryType) {
    struct Case {
        std::string value;
        std::string_view status;
    };
    const std::vector<Case> cases = {
        {R"({"type":"SECRET_TEXT","secret_text":"hush-1"})", "ACTIVE"},
        {R"({"type":"BASIC_AUTH","username":"u","password":"hush-2"})", "ACTIVE"},
        {R"({"type":"CUSTOM_AUTH","props":{"api_key":"hush-3"}})", "ACTIVE"},
        {R"({"type":"NO_AUTH"})", "ACTIVE"},
        {R"({"type":"OIDC","props":{}})", "ACTIVE"},
        {R"({"type":"OAUTH2","client_id":"c","client_secret":"hush-4","code":"x","scope":"a","redirect_url":"https://h/redirect"})",
         "MISSING"},
        {R"({"type":"CLOUD_OAUTH2","client_id":"c","code":"hush-5","scope":"a"})", "MISSING"},
        {R"({"type":"PLATFORM_OAUTH2","client_id":"c","code":"hush-6","scope":"a","redirect_url":"https://h"})",
         "MISSING"},
    };
    int number = 0;
    for (const Case& test : cases) {
        const Json made = expect(ann_.post("/v1/app-connections",
                                           connection("c" + std::to_string(number++), test.value)),
                                 201, "AppConnectionWithoutSensitiveData");
        EXPECT_EQ(made["status"].text(), test.status) << test.value;
        EXPECT_FALSE(made.has("value"));
    }
    const ApiAnswer list = ann_.get("/v1/app-connections?limit=100&" + project_query());
    expect(list, 200, "ConnectionPage");
    EXPECT_EQ(list.body["data"].size(), cases.size());
    EXPECT_EQ(list.raw.body.find("hush-"), std::string::npos);
    const Json missing =
        expect(ann_.get("/v1/app-connections?status[]=MISSING&" + project_query()), 200);
    EXPECT_EQ(missing["data"].size(), 3U);
    // What lies in the store is sealed.
    EXPECT_EQ(engine_.folder().read("data/engine.db").find("hush-"), std::string::npos);
    EXPECT_EQ(engine_.folder().read("data/engine.db-wal").find("hush-"), std::string::npos);
    EXPECT_EQ(engine_.log().find("hush-"), std::string::npos);

    const std::vector<std::string> wrong = {
        connection("x", R"({"type":"SECRET_TEXT","secret_text":""})"),
        connection("x", R"({"type":"SECRET_TEXT"})"),
        connection("x", R"({"type":"TELEPATHY"})"),
        connection("x", R"({"type":"BASIC_AUTH","username":"u"})"),
        of_project(R"("type":"SECRET_TEXT","value":{"type":"SECRET_TEXT","secret_text":"a"})"),
    };
    for (const std::string& body : wrong) {
        EXPECT_EQ(ann_.post("/v1/app-connections", body).status, 400) << body;
    }
}

TEST_F(Contract, ConnectionsAreUpsertedAndHeldByPlaceholders) {
    const std::string placeholder =
        of_project(R"("externalId":"a","displayName":"P","pieceName":"p","type":"PLACEHOLDER")");
    const Json held = expect(ann_.post("/v1/app-connections", placeholder), 201,
                             "AppConnectionWithoutSensitiveData");
    EXPECT_EQ(held["type"].text(), "NO_AUTH");
    EXPECT_EQ(held["status"].text(), "MISSING");
    const std::string secret = connection("a", R"({"type":"SECRET_TEXT","secret_text":"s"})");
    const Json real = expect(ann_.post("/v1/app-connections", secret), 201);
    EXPECT_EQ(real["id"].text(), held["id"].text());
    EXPECT_EQ(real["status"].text(), "ACTIVE");
    const Json again = expect(ann_.post("/v1/app-connections", placeholder), 201);
    EXPECT_EQ(again["status"].text(), "ACTIVE");
    EXPECT_EQ(again["displayName"].text(), "C");
    const std::string path = "/v1/app-connections/" + std::string(real["id"].text());
    EXPECT_EQ(expect(ann_.post(path, R"({"displayName":"New","metadata":{"a":1}})"), 200,
                     "AppConnectionWithoutSensitiveData")["displayName"]
                  .text(),
              "New");
    EXPECT_EQ(
        ann_.post("/v1/app-connections/aaaaaaaaaaaaaaaaaaaaa", R"({"displayName":"x"})").status,
        404);
    expect(ann_.get("/v1/app-connections/owners?" + project_query()), 200);
}

// A step reads the value; the run's record does not have it.
TEST_F(Contract, StepsReadConnectionsAndVariables) {
    ASSERT_EQ(ann_.post("/v1/app-connections",
                        connection("key", R"({"type":"SECRET_TEXT","secret_text":"hush-key"})"))
                  .status,
              201);
    ASSERT_EQ(ann_.post("/v1/app-connections",
                        connection("own", R"({"type":"CUSTOM_AUTH","props":{"n":"hush-own"}})"))
                  .status,
              201);
    const Json variable =
        expect(ann_.post("/v1/variables", of_project(R"("name":"V","value":"hush-var")")), 201,
               "VariableWithoutSensitiveData");
    const std::string flow = ann_.make_flow(
        {code_step(
             "step_1", "export const code = async (i) => [i.a.length, i.b.length, i.c.length];",
             R"({"a":"{{connections['key']}}","b":"{{connections.own.n}}","c":"{{variables['V']}}"})"),
         answer_step("step_2", R"("{{step_1['output']}}")")});
    const ApiAnswer answered = ann_.post("/v1/webhooks/" + flow + "/sync", "{}");
    EXPECT_EQ(answered.raw.body, "[8,8,8]");
    const Json runs = expect(ann_.get("/v1/flow-runs?" + project_query()), 200, "FlowRunPage");
    const std::string run_id(runs["data"].at(0)["id"].text());
    const Json run = ann_.finished_run(run_id);
    EXPECT_EQ(oracle_->problems("FlowRun", run), "");
    EXPECT_EQ(run["steps"]["step_1"]["input"]["a"].text(), "**REDACTED**");
    EXPECT_EQ(run.dump().find("hush-"), std::string::npos);
    EXPECT_EQ(engine_.log().find("hush-"), std::string::npos);

    const std::string path = "/v1/variables/" + std::string(variable["id"].text());
    EXPECT_EQ(ann_.post(path + "/reveal", "{}").body["value"].text(), "hush-var");
    EXPECT_EQ(ann_.post("/v1/variables", of_project(R"("name":"V","value":"x")")).status, 409);
    expect(ann_.post(path, R"({"value":"changed"})"), 200, "VariableWithoutSensitiveData");
    EXPECT_EQ(ann_.post(path + "/reveal", "{}").body["value"].text(), "changed");
    EXPECT_EQ(ann_.get("/v1/variables?" + project_query()).raw.body.find("changed"),
              std::string::npos);
    EXPECT_EQ(ann_.call("DELETE", path).status, 204);

    // Without the connection the step fails.
    const Json all = ann_.get("/v1/app-connections?" + project_query()).body;
    all["data"].each_element([this](const Json& one) {
        ann_.call("DELETE", "/v1/app-connections/" + std::string(one["id"].text()));
    });
    EXPECT_EQ(ann_.post("/v1/webhooks/" + flow + "/sync", "{}").status, 500);
}

TEST_F(Contract, FoldersHoldFlows) {
    const Json folder =
        expect(ann_.post("/v1/folders", of_project(R"("displayName":"Work")")), 200, "FolderDto");
    const std::string id(folder["id"].text());
    EXPECT_EQ(
        expect(ann_.post("/v1/folders", of_project(R"("displayName":"Work")")), 200)["id"].text(),
        id);
    const std::string flow = ann_.make_flow({});
    expect(ann_.operate(flow, "CHANGE_FOLDER", R"({"folderId":")" + id + "\"}"), 200,
           "PopulatedFlow");
    EXPECT_EQ(ann_.operate(flow, "CHANGE_FOLDER", R"({"folderId":"nowhere"})").status, 404);
    expect(ann_.get("/v1/folders?" + project_query()), 200, "FolderPage");
    EXPECT_EQ(ann_.get("/v1/folders/" + id).body["numberOfFlows"].integer_or(0), 1);
    EXPECT_EQ(ann_.get("/v1/flows?folderId=" + id + "&" + project_query()).body["data"].size(), 1U);
    EXPECT_EQ(ann_.get("/v1/flows?folderId=NULL&" + project_query()).body["data"].size(), 0U);
    EXPECT_EQ(ann_.get("/v1/flows/count?folderId=" + id + "&" + project_query()).raw.body, "1");
    EXPECT_EQ(
        expect(ann_.post("/v1/folders/" + id, R"({"displayName":"Play"})"), 200)["displayName"]
            .text(),
        "Play");
    EXPECT_EQ(ann_.call("DELETE", "/v1/folders/" + id).status, 204);
    EXPECT_TRUE(ann_.get("/v1/flows/" + flow).body["folderId"].is_null());
}

TEST_F(Contract, FlowsChangeAsAWhole) {
    const std::string flow = ann_.make_flow({code_step("step_1", "1")});
    expect(ann_.operate(flow, "UPDATE_METADATA", R"({"metadata":{"k":"v"}})"), 200,
           "PopulatedFlow");
    expect(ann_.operate(flow, "UPDATE_MINUTES_SAVED", R"({"timeSavedPerRun":2.5})"), 200,
           "PopulatedFlow");
    expect(
        ann_.operate(
            flow, "ADD_NOTE",
            R"({"id":"n","content":"c","color":"blue","position":{"x":1,"y":2},"size":{"width":3,"height":4}})"),
        200, "PopulatedFlow");
    const Json owner = ann_.get("/v1/users/me").body;
    expect(ann_.operate(flow, "UPDATE_OWNER",
                        R"({"ownerId":")" + std::string(owner["id"].text()) + "\"}"),
           200, "PopulatedFlow");
    EXPECT_EQ(ann_.operate(flow, "UPDATE_OWNER", R"({"ownerId":"nobody"})").status, 404);
    const Json now = expect(ann_.get("/v1/flows/" + flow), 200, "PopulatedFlow");
    EXPECT_EQ(now["metadata"]["k"].text(), "v");
    EXPECT_EQ(now["timeSavedPerRun"].dump(), "2.5");
    EXPECT_EQ(now["version"]["notes"].size(), 1U);

    // Sample data is kept, and comes back.
    const std::string step = R"({"stepName":"step_1","type":"OUTPUT","payload":{"deep":[1]}})";
    expect(ann_.operate(flow, "SAVE_SAMPLE_DATA", step), 200, "PopulatedFlow");
    EXPECT_EQ(ann_.get("/v1/sample-data?stepName=step_1&type=OUTPUT&flowId=" + flow + "&" +
                       project_query())
                  .raw.body,
              R"({"deep":[1]})");
    EXPECT_EQ(ann_.operate(flow, "DELETE_ACTION", R"({"names":["step_1"]})").status, 200);
    EXPECT_EQ(ann_.operate(flow, "SAVE_SAMPLE_DATA", step).status, 404);
    // What is refused leaves nothing behind.
    EXPECT_EQ(ann_.operate(flow, "SAVE_SAMPLE_DATA",
                           R"({"stepName":"step_9","type":"INPUT","payload":"left-behind"})")
                  .status,
              404);
    EXPECT_EQ(stored_bytes().find("left-behind"), std::string::npos);
    ASSERT_EQ(ann_.operate(flow, "SAVE_SAMPLE_DATA",
                           R"({"stepName":"trigger","type":"OUTPUT","payload":"left-here"})")
                  .status,
              200);
    EXPECT_NE(stored_bytes().find("left-here"), std::string::npos);
    EXPECT_EQ(
        ann_.operate(flow, "DUPLICATE_ACTION", R"({"stepName":"step_1"})").body["code"].text(),
        "ENTITY_NOT_FOUND");
}

TEST_F(Contract, VersionsAreListedComparedAndRolledBack) {
    const std::string flow = ann_.make_flow({code_step("step_1", "1", R"({"password":"hush"})")});
    const std::string first(ann_.get("/v1/flows/" + flow).body["publishedVersionId"].text());
    ann_.operate(flow, "UPDATE_ACTION", code_step("step_1", "2", R"({"password":"hush2"})"));
    ann_.operate(flow, "ADD_ACTION",
                 R"({"parentStep":"trigger","action":)" + code_step("step_2", "3") + "}");
    ann_.operate(flow, "LOCK_AND_PUBLISH", "{}");
    const Json versions =
        expect(ann_.get("/v1/flows/" + flow + "/versions"), 200, "FlowVersionMetadataPage");
    ASSERT_EQ(versions["data"].size(), 2U);
    const std::string second(versions["data"].at(0)["id"].text());
    const ApiAnswer compared =
        ann_.get("/v1/flows/" + flow + "/versions/" + first + "/compare/" + second);
    EXPECT_EQ(compared.body["added"].dump(), R"(["step_2"])");
    EXPECT_EQ(compared.body["moved"].at(0)["after"].text(), "after step_2");
    EXPECT_EQ(compared.body["changed"].at(0)["name"].text(), "step_1");
    EXPECT_EQ(compared.raw.body.find("hush"), std::string::npos);
    expect(ann_.operate(flow, "USE_AS_DRAFT", R"({"versionId":")" + first + "\"}"), 200,
           "PopulatedFlow");
    expect(ann_.operate(flow, "LOCK_AND_PUBLISH", "{}"), 200, "PopulatedFlow");
    const Json back = ann_.get("/v1/flows/" + flow).body["version"]["trigger"];
    EXPECT_EQ(back["nextAction"]["settings"]["sourceCode"]["code"].text(), "1");
    EXPECT_FALSE(back["nextAction"].has("nextAction"));
    EXPECT_EQ(ann_.operate(flow, "USE_AS_DRAFT", R"({"versionId":"none"})").status, 404);
}

// What is exported can be imported, and runs.
TEST_F(Contract, TemplatesGoOutAndComeBack) {
    const std::string flow = ann_.make_flow({answer_step("step_1", R"({"ok":true})")});
    const Json exported =
        expect(ann_.get("/v1/flows/" + flow + "/template"), 200, "SharedTemplate");
    const Json made = expect(ann_.post("/v1/templates", exported.dump()), 201, "Template");
    EXPECT_EQ(made["pieces"].dump(), R"(["@activepieces/piece-webhook"])");
    const std::string path = "/v1/templates/" + std::string(made["id"].text());
    expect(ann_.post(path, R"({"summary":"s"})"), 200, "Template");
    const Json kept = expect(ann_.get(path), 200, "Template");
    EXPECT_EQ(ann_.get("/v1/templates").body["data"].size(), 1U);
    const std::string target(
        ann_.post("/v1/flows", of_project(R"("displayName":"Copy")")).body["id"].text());
    expect(ann_.operate(target, "IMPORT_FLOW", kept["flows"].at(0).dump()), 200, "PopulatedFlow");
    expect(ann_.operate(target, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})"), 200,
           "PopulatedFlow");
    EXPECT_EQ(ann_.post("/v1/webhooks/" + target + "/sync", "{}").raw.body, R"({"ok":true})");
    EXPECT_EQ(ann_.call("DELETE", path).status, 204);

    const Json older = expect(
        ann_.operate(
            target, "IMPORT_FLOW",
            R"({"displayName":"Old","schemaVersion":"9","trigger":{"name":"trigger","type":"PIECE_TRIGGER","displayName":"T","valid":true,"settings":{"pieceName":"@activepieces/piece-webhook","pieceVersion":"~0.1.0","triggerName":"catch_webhook","input":{"authType":"none"}},"nextAction":)" +
                answer_step("step_1", R"("{{trigger.body.n}}")") + "}}"),
        200, "PopulatedFlow");
    EXPECT_EQ(older["version"]["valid"].is_true(), true);
    ann_.operate(target, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})");
    EXPECT_EQ(ann_.post("/v1/webhooks/" + target + "/sync", R"({"n":"seven"})").raw.body, "seven");
}

TEST_F(Contract, StoreEntriesAreTheEngines) {
    EXPECT_EQ(ann_.post("/v1/store-entries", R"({"key":"k","value":1})").status, 403);
    ApiUser piece(engine_);
    piece.token = engine_token(ann_.project());
    expect(piece.post("/v1/store-entries", R"({"key":"k","value":{"n":1}})"), 200, "StoreEntry");
    const Json changed =
        expect(piece.post("/v1/store-entries", R"({"key":"k","value":[2]})"), 200, "StoreEntry");
    EXPECT_EQ(expect(piece.get("/v1/store-entries?key=k"), 200)["value"].dump(), "[2]");
    EXPECT_EQ(changed["projectId"].text(), ann_.project());
    ApiUser other(engine_);
    other.token = engine_token("aaaaaaaaaaaaaaaaaaaaa");
    EXPECT_EQ(other.get("/v1/store-entries?key=k").status, 404);
    EXPECT_EQ(piece.call("DELETE", "/v1/store-entries?key=k").status, 200);
    EXPECT_EQ(piece.get("/v1/store-entries?key=k").raw.body, "Value not found!");
    EXPECT_EQ(piece
                  .post("/v1/store-entries",
                        R"({"key":"k","value":")" + std::string(600 * 1024, 'x') + "\"}")
                  .status,
              413);
    EXPECT_EQ(piece.post("/v1/store-entries", R"({"key":")" + std::string(129, 'k') + "\"}").status,
              400);
    EXPECT_EQ(piece.get("/v1/flows?" + project_query()).status, 403);
}

// What one run puts, the next one finds; flows and runs have keys of their own.
TEST_F(Contract, StepsKeepValues) {
    const auto step = [](std::string_view name, std::string_view action, std::string_view input,
                         std::string_view piece = "store") {
        return R"({"type":"PIECE","displayName":"S","valid":true,"name":")" + std::string(name) +
               R"(","settings":{"pieceName":"@activepieces/piece-)" + std::string(piece) +
               R"(","pieceVersion":"0.6.20","actionName":")" + std::string(action) +
               R"(","propertySettings":{},"input":)" + std::string(input) + "}}";
    };
    const std::string flow = ann_.make_flow({
        step("step_1", "add_to_list",
             R"({"key":"k","value":["{{trigger['output'].body.n}}"],"store_scope":"COLLECTION"})"),
        step("step_2", "append",
             R"({"key":"k","value":"x","separator":"\\n","store_scope":"FLOW"})"),
        step("step_3", "get", R"({"key":"k","defaultValue":"none","store_scope":"RUN"})"),
        step(
            "step_4", "advanced_mapping",
            R"({"mapping":{"l":"{{step_1['output']}}","t":"{{step_2['output']}}","r":"{{step_3['output']}}"}})",
            "data-mapper"),
        answer_step("step_5", R"("{{step_4['output']}}")"),
    });
    const std::string path = "/v1/webhooks/" + flow + "/sync";
    EXPECT_EQ(ann_.post(path, R"({"n":1})").raw.body, R"({"l":[1],"t":"x","r":"none"})");
    EXPECT_EQ(ann_.post(path, R"({"n":2})").raw.body, R"({"l":[1,2],"t":"x\nx","r":"none"})");
    // The same entries as pieces see them.
    ApiUser piece(engine_);
    piece.token = engine_token(ann_.project());
    EXPECT_EQ(piece.get("/v1/store-entries?key=k").body["value"].dump(), "[1,2]");
    EXPECT_EQ(piece.get("/v1/store-entries?key=flow_" + flow + "/k").body["value"].text(), "x\nx");
    const std::string wrong = ann_.make_flow(
        {step("step_1", "append", R"({"key":"k","value":"x","store_scope":"COLLECTION"})")});
    EXPECT_EQ(ann_.post("/v1/webhooks/" + wrong + "/sync", "{}").status, 500);
}

TEST_F(Contract, AccountsTagsPiecesFlags) {
    expect(ann_.get("/v1/projects"), 200, "ProjectPage");
    expect(ann_.get("/v1/projects/" + ann_.project()), 200, "ProjectWithLimits");
    ApiUser again(engine_);
    expect(again.sign_in("ann@example.org", "Password1!"), 200, "AuthenticationResponse");
    expect(ann_.post("/v1/tags", R"({"name":"one"})"), 201, "Tag");
    expect(ann_.post("/v1/tags", R"({"name":"one"})"), 201, "Tag");
    EXPECT_EQ(ann_.get("/v1/tags").body["data"].size(), 1U);
    const Json pieces = expect(ann_.get("/v1/pieces?searchQuery=send%20http"), 200);
    bool listed = false;
    pieces.each_element([&listed](const Json& piece) {
        listed = listed || (piece["name"].text() == "@activepieces/piece-http" &&
                            piece["actions"].integer_or(0) == 2);
    });
    EXPECT_TRUE(listed) << pieces.dump();
    const Json http = expect(ann_.get("/v1/pieces/@activepieces/piece-http"), 200);
    EXPECT_TRUE(http["actions"]["send_request"]["props"]["url"]["required"].is_true());
    EXPECT_EQ(ann_.get("/v1/pieces/@activepieces/piece-none").status, 404);
    expect(ann_.get("/v1/flows?" + project_query()), 200, "FlowPage");
    expect(ann_.get("/v1/flows/count?" + project_query()), 200, "Count");
}

}  // namespace
}  // namespace sallyport::test
