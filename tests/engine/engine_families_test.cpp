// Smaller families and the filters of lists on the real engine, held against the contract's types.
#include "tests/engine/store_contract_fixture.hpp"
#include "tests/integration/fixtures/wait.hpp"

namespace sallyport::test {
namespace {

class Families : public Contract {};

std::string forms_trigger(std::string_view name, std::string_view input) {
    return R"({"type":"PIECE_TRIGGER","name":"trigger","displayName":"T","valid":true,"settings":{"pieceName":"@activepieces/piece-forms","pieceVersion":"~0.4.1","triggerName":")" +
           std::string(name) + R"(","propertySettings":{},"input":)" + std::string(input) + "}}";
}

TEST_F(Families, FormsAndChatsAreShown) {
    const std::string flow(
        ann_.post("/v1/flows", of_project(R"("displayName":"Ask me")")).body["id"].text());
    const std::string form = "/v1/human-input/form/" + flow;
    EXPECT_EQ(ann_.get(form + "?useDraft=true").body["params"]["entityType"].text(), "flow_form");
    const std::string inputs =
        R"({"inputs":[{"displayName":"Name","type":"text","required":true,"description":"d"},{"displayName":"Photo","type":"file","required":false}],"waitForResponse":true})";
    EXPECT_EQ(ann_.operate(flow, "UPDATE_TRIGGER", forms_trigger("form_submission", inputs)).status,
              200);
    EXPECT_EQ(ann_.get(form).status, 404);  // not published
    ApiUser nobody(engine_);
    const Json shown = expect(nobody.get(form + "?useDraft=true"), 200, "FormResponse");
    EXPECT_EQ(shown["title"].text(), "Ask me");
    EXPECT_EQ(shown["version"].text(), "0.4.1");
    EXPECT_EQ(shown["props"]["inputs"].at(1)["type"].text(), "file");
    EXPECT_EQ(ann_.operate(flow, "LOCK_AND_PUBLISH", "{}").status, 200);
    expect(nobody.get(form), 200, "FormResponse");
    EXPECT_EQ(nobody.get("/v1/human-input/chat/" + flow).status, 404);
    ann_.operate(flow, "UPDATE_TRIGGER", forms_trigger("file_submission", "{}"));
    EXPECT_EQ(expect(nobody.get(form + "?useDraft=true"), 200, "FormResponse")["props"]["inputs"]
                  .at(0)["displayName"]
                  .text(),
              "File");
    ann_.operate(flow, "UPDATE_TRIGGER", forms_trigger("chat_submission", R"({"botName":"Bot"})"));
    const std::string chat = "/v1/human-input/chat/" + flow + "?useDraft=true";
    EXPECT_EQ(expect(nobody.get(chat), 200, "ChatUIResponse")["props"]["botName"].text(), "Bot");
    const std::string platform(ann_.get("/v1/users/me").body["platformId"].text());
    ann_.post("/v1/platforms/" + platform, R"({"name":"Acme"})");
    EXPECT_EQ(nobody.get(chat).body["platformName"].text(), "Acme");
    EXPECT_EQ(nobody.get("/v1/human-input/form/none").status, 404);
}

// Who may run a flow may say what its trigger gets, all of it; from others the header is nothing.
TEST_F(Families, WebhooksTakeAPayloadAsAWhole) {
    const std::string flow =
        ann_.make_flow({answer_step("step_1", R"("{{trigger['output'].body.n}}")")});
    const auto heard = [&](const std::string& authorization) {
        HttpRequest hook;
        hook.method = "POST";
        hook.url = engine_.url("/v1/webhooks/" + flow + "/sync");
        hook.headers = {{"Content-Type", "application/json"}, {"ap-raw-payload", "true"}};
        if (!authorization.empty()) {
            hook.headers.push_back({"Authorization", authorization});
        }
        hook.body = R"({"n":"as it came","body":{"n":"raw"}})";
        return send(hook).body;
    };
    ApiUser eve(engine_);
    eve.sign_up("eve@example.org");
    const std::string key(ann_.post("/v1/api-keys", R"({"displayName":"k"})").body["value"].text());
    for (const std::string& good : {ann_.token, key, engine_token(ann_.project())}) {
        EXPECT_EQ(heard("Bearer " + good), "raw");
    }
    for (const std::string& bad : std::vector<std::string>{
             "", "Bearer " + eve.token, "Bearer sk-" + std::string(61, 'a'), "Bearer x",
             "Basic dTpw", "Bearer " + engine_token(eve.project())}) {
        EXPECT_EQ(heard(bad), "as it came") << bad;
    }
}

// A piece that calls a flow by its webhook says who called.
TEST_F(Families, WebhooksAreToldWhoCalls) {
    const std::string flow = ann_.make_flow({code_step("step_1", "1")});
    const auto called = [&](const HeaderList& headers) {
        HttpRequest hook;
        hook.method = "POST";
        hook.url = engine_.url("/v1/webhooks/" + flow);
        hook.headers = headers;
        return ann_.finished_run(send(hook).header("x-webhook-id").value_or(""));
    };
    const std::string parent(called({})["id"].text());
    const Json child =
        called({{"ap-parent-run-id", parent}, {"ap-fail-parent-on-failure", "true"}});
    EXPECT_EQ(child["parentRunId"].text(), parent);
    EXPECT_TRUE(child["failParentOnFailure"].is_true());
    EXPECT_FALSE(called({{"ap-parent-run-id", parent}})["failParentOnFailure"].is_true());
    EXPECT_FALSE(called({{"ap-parent-run-id", "no id"}})["parentRunId"].exists());
}

// Bodies may be forms, as clients send them that install pieces.
TEST_F(Families, FormsAreBodies) {
    const auto sent = [&](const std::string& type, const std::string& body) {
        HttpRequest request;
        request.method = "POST";
        request.url = engine_.url("/v1/folders");
        request.headers = {{"Content-Type", type}, {"Authorization", "Bearer " + ann_.token}};
        request.body = body;
        return send(request);
    };
    const std::string urlencoded = "application/x-www-form-urlencoded";
    const HttpResponse one = sent(urlencoded, "displayName=One+two&projectId=" + ann_.project());
    EXPECT_EQ(one.status, 200) << one.body;
    EXPECT_EQ(Json::parse(one.body).value()["displayName"].text(), "One two");
    const std::string part = "--X\r\nContent-Disposition: form-data; name=";
    const HttpResponse other =
        sent("multipart/form-data; boundary=X",
             part + "\"displayName\"\r\n\r\nThree\r\n" + part + "\"projectId\"\r\n\r\n" +
                 ann_.project() + "\r\n" + part + "\"f\"; filename=\"f\"\r\n\r\nx\r\n--X--\r\n");
    EXPECT_EQ(other.status, 200) << other.body;
    EXPECT_EQ(Json::parse(other.body).value()["displayName"].text(), "Three");
    EXPECT_EQ(sent(urlencoded, "displayName[a]=x&projectId=" + ann_.project()).status, 400);
    EXPECT_EQ(sent(urlencoded, std::string(10'000, '&')).status, 413);
    EXPECT_EQ(sent("multipart/form-data; boundary=X", "--Y").status, 415);
    EXPECT_EQ(sent("text/plain", "x").status, 415);
}

// A browser asks before it sends a page's JSON to a webhook: that is no message.
TEST_F(Families, PreflightsStartNothing) {
    const std::string flow = ann_.make_flow({code_step("step_1", "1")});
    HttpRequest asks;
    asks.method = "OPTIONS";
    asks.url = engine_.url("/v1/webhooks/" + flow);
    asks.headers = {{"Origin", "https://shop.example"},
                    {"Access-Control-Request-Method", "POST"},
                    {"Access-Control-Request-Headers", "content-type, x-signature"}};
    const HttpResponse may = send(asks);
    EXPECT_EQ(may.status, 204);
    EXPECT_EQ(may.header("access-control-allow-origin"), "*");
    EXPECT_EQ(may.header("access-control-allow-headers"), "content-type, x-signature");
    EXPECT_EQ(may.header("x-webhook-id"), std::nullopt);
    asks.headers.back().second = "a:b";
    EXPECT_EQ(send(asks).header("access-control-allow-headers"), "authorization,content-type");
    asks.headers.clear();  // OPTIONS of its own accord is a message like any other
    const HttpResponse ran = send(asks);
    EXPECT_EQ(ran.status, 200);
    ann_.finished_run(ran.header("x-webhook-id").value_or(""));
    EXPECT_EQ(ann_.get("/v1/flow-runs?" + project_query()).body["data"].size(), 1U);
}

TEST_F(Families, PublicationsAreRemembered) {
    const std::string flow = ann_.make_flow({code_step("step_1", "1")});
    ann_.operate(flow, "CHANGE_NAME", R"({"displayName":"Second"})");
    ASSERT_EQ(ann_.operate(flow, "LOCK_AND_PUBLISH", R"({"note":"a better name"})").status, 200);
    const Json list = expect(ann_.get("/v1/flows/" + flow + "/publications"), 200)["data"];
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(list.at(0)["note"].text(), "a better name");
    EXPECT_EQ(list.at(0)["displayName"].text(), "Second");
    EXPECT_EQ(list.at(0)["publishedBy"]["email"].text(), "ann@example.org");
    EXPECT_EQ(list.at(0)["versionId"].text(),
              ann_.get("/v1/flows/" + flow).body["publishedVersionId"].text());
    EXPECT_TRUE(list.at(1)["note"].is_null());
    EXPECT_EQ(
        ann_.operate(flow, "LOCK_AND_PUBLISH", R"({"note":")" + std::string(10'001, 'x') + "\"}")
            .status,
        400);
    ApiUser bob(engine_);
    bob.sign_up("bob@example.org");
    EXPECT_EQ(bob.get("/v1/flows/" + flow + "/publications").status, 403);
    EXPECT_EQ(ann_.call("DELETE", "/v1/flows/" + flow).status, 204);
}

// A key is replaced while secrets stay readable, and the old one is needed no more afterwards.
TEST_F(Families, KeysAreRotated) {
    constexpr std::string_view kNew = "AP_ENCRYPTION_KEY=ffffffffffffffffffffffffffffffff";
    ASSERT_EQ(ann_.post("/v1/app-connections",
                        connection("key", R"({"type":"SECRET_TEXT","secret_text":"hush-key"})"))
                  .status,
              201);
    ASSERT_EQ(
        ann_.post("/v1/app-connections",
                  of_project(
                      R"("externalId":"p","displayName":"P","pieceName":"p","type":"PLACEHOLDER")"))
            .status,
        201);
    ASSERT_EQ(ann_.post("/v1/variables", of_project(R"("name":"V","value":"hush-var")")).status,
              201);
    ASSERT_EQ(ann_.post("/v1/mcp-servers", of_project(R"("name":"M")")).status, 200);
    const std::string flow = ann_.make_flow(
        {code_step("step_1", "export const code = async (i) => i.a.length + i.b.length;",
                   R"({"a":"{{connections['key']}}","b":"{{variables['V']}}"})"),
         answer_step("step_2", R"("{{step_1['output']}}")")});
    const std::string hook = "/v1/webhooks/" + flow + "/sync";
    const auto restart = [&](const std::vector<std::string>& settings) {
        engine_.stop();
        std::vector<std::string> wrapper = {"/usr/bin/env"};
        wrapper.insert(wrapper.end(), settings.begin(), settings.end());
        engine_.set_wrapper(wrapper);
        engine_.start();
    };
    restart({std::string(kNew)});
    EXPECT_EQ(ann_.post(hook, "{}").status, 500);
    restart(
        {std::string(kNew), "SALLYPORT_EARLIER_ENCRYPTION_KEYS=0123456789abcdef0123456789abcdef"});
    EXPECT_EQ(ann_.post(hook, "{}").raw.body, "16");
    const Json job = expect(ann_.post("/v1/jobs", R"({"type":"ROTATE_KEYS"})"), 201);
    const std::string path = "/v1/jobs/" + std::string(job["id"].text());
    Json now;
    EXPECT_TRUE(wait_until([&] {
        now = ann_.get(path).body;
        return now["status"].text() != "RUNNING";
    }));
    EXPECT_EQ(now["status"].text(), "SUCCEEDED") << now.dump();
    EXPECT_EQ(now["total"].integer_or(0), 4);
    EXPECT_EQ(now["done"].integer_or(0), 4);
    EXPECT_EQ(now["failed"].integer_or(-1), 0);
    EXPECT_EQ(ann_.get("/v1/jobs").body["data"].size(), 1U);
    restart({std::string(kNew)});
    EXPECT_EQ(ann_.post(hook, "{}").raw.body, "16");
    // Again: nothing is left to do. Members of the platform have no business here.
    EXPECT_EQ(ann_.post("/v1/jobs", R"({"type":"ROTATE_KEYS"})").status, 201);
    EXPECT_EQ(ann_.post("/v1/jobs", R"({"type":"MAKE_TEA"})").status, 400);
    ApiUser bob(engine_);
    bob.sign_up("bob@example.org");
    EXPECT_EQ(bob.get("/v1/jobs").status, 403);
    EXPECT_EQ(bob.post("/v1/jobs", R"({"type":"ROTATE_KEYS"})").status, 403);
}

// ---- lists, on both stores

class Lists : public StoreContract {
  protected:
    std::size_t count(const std::string& path, std::string_view type) {
        return expect(ann_.get(path + project_query()), 200, type)["data"].size();
    }
};

TEST_P(Lists, FlowsByWhatTheyUse) {
    const std::string plain = ann_.make_flow({});
    ann_.make_flow({code_step("step_1", "1", R"({"a":"{{connections['one']}}"})")});
    const std::string both = ann_.make_flow({code_step(
        "step_1", "1", R"({"a":"{{connections['one']}}","b":"{{connections['t\\w%o']}}"})")});
    const Json made =
        expect(ann_.post("/v1/flows", of_project(R"("displayName":"Draft","folderName":"Box")")),
               201, "PopulatedFlow");
    EXPECT_TRUE(made["folderId"].is_string());
    EXPECT_EQ(count("/v1/flows?folderId=" + std::string(made["folderId"].text()) + "&", "FlowPage"),
              1U);
    EXPECT_EQ(count("/v1/flows?", "FlowPage"), 4U);
    EXPECT_EQ(count("/v1/flows?connectionExternalIds=one&", "FlowPage"), 2U);
    EXPECT_EQ(count("/v1/flows?connectionExternalIds=ONE&", "FlowPage"), 0U);
    EXPECT_EQ(count("/v1/flows?connectionExternalIds=on&", "FlowPage"), 0U);
    EXPECT_EQ(count("/v1/flows?connectionExternalIds[]=one&connectionExternalIds[]=x&", "FlowPage"),
              2U);
    EXPECT_EQ(count("/v1/flows?agentExternalIds=one&", "FlowPage"), 0U);
    EXPECT_EQ(count("/v1/flows?versionState=LOCKED&", "FlowPage"), 3U);
    EXPECT_EQ(ann_.get("/v1/flows?versionState=OLD&" + project_query()).status, 400);
    ann_.operate(both, "CHANGE_NAME", R"({"displayName":"Newer"})");
    const auto name = [&](const std::string& state) {
        const Json list =
            ann_.get("/v1/flows?limit=1&versionState=" + state + "&" + project_query()).body;
        return std::string(list["data"].at(0)["version"]["displayName"].text());
    };
    EXPECT_EQ(name("DRAFT"), "Newer");
    EXPECT_EQ(name("LOCKED"), "Test flow");
    EXPECT_EQ(ann_.post("/v1/flows", of_project(R"("displayName":"x","folderId":"none")")).status,
              404);
}

// What is longer, or more, than anything there is finds nothing; it is no fault of the store.
TEST_P(Lists, SearchesMayBeOfAnyLength) {
    ann_.make_flow({code_step("step_1", "1", R"({"a":"{{connections['one']}}"})")});
    expect(ann_.post("/v1/folders", of_project(R"("displayName":"Box")")), 200);
    const std::string long_text(29'000, '_');
    EXPECT_EQ(count("/v1/flows?name=" + long_text + "&", "FlowPage"), 0U);
    EXPECT_EQ(count("/v1/flows?name=Test%20flow&", "FlowPage"), 1U);
    std::string umlauts;  // 9600 of two bytes: the end of what is asked for is within none
    for (int i = 0; i < 4'800; ++i) {
        umlauts += "%C3%BC";
    }
    EXPECT_EQ(count("/v1/flows?name=" + umlauts + "&", "FlowPage"), 0U);
    for (const std::string_view list :
         {"/v1/tables?name=", "/v1/variables?name=", "/v1/app-connections?displayName=",
          "/v1/mcp-servers?name=", "/v1/flow-runs?failedStepMessage="}) {
        EXPECT_EQ(count(std::string(list) + long_text + "&", ""), 0U) << list;
    }
    std::string many;
    for (int i = 0; i < 1'200; ++i) {
        many += "connectionExternalIds=x&";
    }
    EXPECT_EQ(count("/v1/flows?" + many, "FlowPage"), 0U);
    EXPECT_EQ(count("/v1/flows?" + many + "connectionExternalIds=one&", "FlowPage"), 1U);
    EXPECT_EQ(count("/v1/flows?connectionExternalIds=one&agentExternalIds=a&", "FlowPage"), 0U);
}

TEST_P(Lists, CountsAreOfAFolder) {
    const Json box = expect(ann_.post("/v1/folders", of_project(R"("displayName":"Box")")), 200);
    const std::string id = id_of(box);
    for (const std::string_view family : {"flows", "tables"}) {
        const std::string path = "/v1/" + std::string(family);
        const std::string name = family == "flows" ? R"("displayName":"F")" : R"("name":"T")";
        ann_.post(path, of_project(name + R"(,"folderId":")" + id + "\""));
        ann_.post(path, of_project(name + R"(,"folderId":")" + id + "\""));
        ann_.post(path, of_project(name));
        const auto counted = [&](const std::string& folder) {
            return expect(ann_.get(path + "/count?" + project_query() + folder), 200).dump();
        };
        EXPECT_EQ(counted(""), "3") << path;
        EXPECT_EQ(counted("&folderId=" + id), "2") << path;
        EXPECT_EQ(counted("&folderId=NULL"), "1") << path;
        EXPECT_EQ(counted("&folderId=none"), "0") << path;
    }
}

TEST_P(Lists, NamesOfFlowsHaveAnEnd) {
    const std::string flow(
        ann_.post("/v1/flows", of_project(R"("displayName":"F")")).body["id"].text());
    const auto rename = [&](std::size_t bytes) {
        return ann_
            .operate(flow, "CHANGE_NAME", R"({"displayName":")" + std::string(bytes, 'x') + "\"}")
            .status;
    };
    EXPECT_EQ(rename(1000), 200);
    EXPECT_EQ(rename(1001), 400);
}

TEST_P(Lists, RunsByWhatBecameOfThem) {
    const std::string good =
        ann_.make_flow({code_step("step_1", "export const code = async () => 1;")});
    const std::string bad = ann_.make_flow({code_step(
        "step_1",
        "export const code = async () => { throw new Error('the \\\"kettle\\\" 50% is cold') };")});
    EXPECT_EQ(ann_.post("/v1/webhooks/" + good + "/sync", "{}").status, 204);
    EXPECT_EQ(ann_.post("/v1/webhooks/" + bad + "/sync", "{}").status, 500);
    ASSERT_TRUE(wait_until([&] {
        return ann_.get("/v1/flow-runs?status=FAILED&" + project_query()).body["data"].size() == 1;
    }));
    EXPECT_EQ(count("/v1/flow-runs?", "FlowRunPage"), 2U);
    EXPECT_EQ(count("/v1/flow-runs?failedStepMessage=KETTLE&", "FlowRunPage"), 1U);
    EXPECT_EQ(count("/v1/flow-runs?failedStepMessage=%22kettle%22%2050%25&", "FlowRunPage"), 1U);
    EXPECT_EQ(count("/v1/flow-runs?failedStepMessage=5%25&", "FlowRunPage"), 0U);
    EXPECT_EQ(count("/v1/flow-runs?failedStepName=step_1&", "FlowRunPage"), 1U);
    EXPECT_EQ(count("/v1/flow-runs?tags[]=a&", "FlowRunPage"), 0U);
    const Json all = ann_.get("/v1/flow-runs?" + project_query()).body["data"];
    const std::string id(all.at(0)["id"].text());
    const Json one = ann_.get("/v1/flow-runs?flowRunIds[]=" + id + "&" + project_query()).body;
    ASSERT_EQ(one["data"].size(), 1U);
    EXPECT_EQ(one["data"].at(0)["id"].text(), id);
}

TEST_P(Lists, RunsByTheirTags) {
    const auto tag = [](std::string_view step, std::string_view name) {
        return R"({"type":"PIECE","displayName":"Tag","valid":true,"name":")" + std::string(step) +
               R"(","settings":{"pieceName":"@activepieces/piece-tags","pieceVersion":"0.0.17",)"
               R"("actionName":"add_tag","propertySettings":{},"input":{"name":)" +
               std::string(name) + R"(},"errorHandlingOptions":{}}})";
    };
    const std::string flow = ann_.make_flow({tag("step_1", R"("{{trigger['output'].body.kind}}")"),
                                             tag("step_2", R"("all")"), tag("step_3", R"("all")")});
    for (const std::string kind : {"gold", "silver"}) {
        EXPECT_EQ(ann_.post("/v1/webhooks/" + flow + "/sync", R"({"kind":")" + kind + "\"}").status,
                  204);
    }
    const std::string base = "/v1/flow-runs?status=SUCCEEDED&";
    ASSERT_TRUE(wait_until([&] { return count(base, "FlowRunPage") == 2; }));
    EXPECT_EQ(count(base + "tags[]=all&", "FlowRunPage"), 2U);
    EXPECT_EQ(count(base + "tags=gold&", "FlowRunPage"), 1U);
    EXPECT_EQ(count(base + "tags[]=all&tags[]=gold&", "FlowRunPage"), 1U);
    EXPECT_EQ(count(base + "tags[]=gold&tags[]=silver&", "FlowRunPage"), 0U);
    const Json run = ann_.get(base + "tags=gold&" + project_query()).body["data"].at(0);
    EXPECT_EQ(run["tags"].dump(), R"(["gold","all"])");
    EXPECT_EQ(ann_.get("/v1/flow-runs/" + id_of(run)).body["tags"].dump(), R"(["gold","all"])");
    std::string many;
    for (int i = 0; i <= 50; ++i) {
        many += "tags[]=t&";
    }
    EXPECT_EQ(ann_.get("/v1/flow-runs?" + many + project_query()).status, 400);
    const std::string bad = ann_.make_flow({tag("step_1", "\"" + std::string(256, 'x') + "\"")});
    EXPECT_EQ(ann_.post("/v1/webhooks/" + bad + "/sync", "{}").status, 500);
}

INSTANTIATE_TEST_SUITE_P(Stores, Lists, testing::Values("sqlite", "postgres"),
                         [](const auto& one) { return std::string(one.param); });

TEST_F(Families, ConnectionsAreReplacedInFlows) {
    const Json a = ann_.post("/v1/app-connections",
                             connection("a", R"({"type":"SECRET_TEXT","secret_text":"1"})"))
                       .body;
    const Json b = ann_.post("/v1/app-connections",
                             connection("b", R"({"type":"SECRET_TEXT","secret_text":"2"})"))
                       .body;
    const std::string flow =
        ann_.make_flow({code_step("step_1", "x", R"({"auth":"{{connections['a']}}"})")});
    const std::string members = R"("sourceAppConnectionId":")" + std::string(a["id"].text()) +
                                R"(","targetAppConnectionId":")" + std::string(b["id"].text()) +
                                "\"";
    EXPECT_EQ(ann_.post("/v1/app-connections/replace", of_project(members)).status, 204);
    const Json changed = expect(ann_.get("/v1/flows/" + flow), 200, "PopulatedFlow");
    EXPECT_EQ(changed["version"]["connectionIds"].dump(), R"(["b"])");
    EXPECT_EQ(changed["version"]["state"].text(), "DRAFT");
    // What is published goes on using it.
    const std::string deleting = of_project(members + R"(,"deleteSourceConnection":true)");
    const std::string path = "/v1/app-connections/" + std::string(a["id"].text());
    EXPECT_EQ(ann_.post("/v1/app-connections/replace", deleting).body["code"].text(), "VALIDATION");
    EXPECT_EQ(ann_.get(path).status, 200);
    ASSERT_EQ(ann_.operate(flow, "LOCK_AND_PUBLISH", "{}").status, 200);
    EXPECT_EQ(ann_.post("/v1/app-connections/replace", deleting).status, 204);
    EXPECT_EQ(ann_.get(path).status, 404);
    EXPECT_EQ(ann_.post("/v1/app-connections/replace", deleting).status, 404);
}

TEST_F(Families, ConnectionsAreReplacedInWhatIsPublished) {
    const auto make = [this](const std::string& name) {
        return std::string(
            ann_.post("/v1/app-connections",
                      connection(name, R"({"type":"SECRET_TEXT","secret_text":")" + name + "\"}"))
                .body["id"]
                .text());
    };
    const std::string a = make("a");
    const std::string b = make("b");
    const auto replace = [this](const std::string& from, const std::string& to,
                                const std::string& more) {
        return ann_.post("/v1/app-connections/replace",
                         of_project(R"("sourceAppConnectionId":")" + from +
                                    R"(","targetAppConnectionId":")" + to + "\"" + more));
    };
    const auto step = [](const char* input) {
        return code_step("step_1", "export const code = async (inputs) => inputs;", input);
    };
    const auto auth_of = [this](const std::string& flow, const std::string& version) {
        const Json found =
            ann_.get("/v1/flows/" + flow + (version.empty() ? "" : "?versionId=" + version)).body;
        return std::string(
            found["version"]["trigger"]["nextAction"]["settings"]["input"]["auth"].text());
    };
    const auto published_of = [this](const std::string& flow) {
        return std::string(ann_.get("/v1/flows/" + flow).body["publishedVersionId"].text());
    };
    // One flow as it was published, one with edits since, one whose edits dropped the connection.
    const std::string plain = ann_.make_flow({step(R"({"auth":"{{connections.a}}"})")});
    const std::string edited = ann_.make_flow({step(R"({"auth":"{{connections['a']}}"})")});
    const std::string dropped = ann_.make_flow({step(R"({"auth":"{{connections['a']}}"})")});
    ASSERT_EQ(ann_.operate(edited, "UPDATE_ACTION",
                           step(R"({"auth":"{{connections['a']}}","new":"yes"})"))
                  .status,
              200);
    ASSERT_EQ(ann_.operate(dropped, "UPDATE_ACTION", step(R"({"auth":"none"})")).status, 200);
    const std::string draft(ann_.get("/v1/flows/" + edited).body["version"]["id"].text());
    const std::string before = published_of(plain);

    EXPECT_EQ(replace(a, a, "").status, 409);
    EXPECT_EQ(replace(a, b, R"(,"deleteSourceConnection":true)").status, 409);
    EXPECT_EQ(auth_of(plain, ""), "{{connections.a}}");
    EXPECT_EQ(
        replace(a, b, R"(,"deleteSourceConnection":true,"applyToPublishedVersions":true)").status,
        204);
    EXPECT_EQ(ann_.get("/v1/app-connections/" + a).status, 404);
    for (const std::string& flow : {plain, edited, dropped}) {
        EXPECT_EQ(auth_of(flow, published_of(flow)), "{{connections['b']}}") << flow;
        const ApiAnswer ran = ann_.post("/v1/webhooks/" + flow + "/sync", "{}");
        EXPECT_EQ(ran.status, 204) << ran.raw.body;
    }
    // History stays, no draft is made of what had none, and a draft keeps its edits.
    EXPECT_EQ(auth_of(plain, before), "{{connections.a}}");
    EXPECT_EQ(ann_.get("/v1/flows/" + plain).body["version"]["state"].text(), "LOCKED");
    EXPECT_EQ(ann_.get("/v1/flows/" + plain + "/publications").body["data"].size(), 2U);
    const Json after = expect(ann_.get("/v1/flows/" + edited), 200, "PopulatedFlow")["version"];
    EXPECT_EQ(after["id"].text(), draft);
    EXPECT_EQ(after["trigger"]["nextAction"]["settings"]["input"].dump(),
              R"({"auth":"{{connections['b']}}","new":"yes"})");
    EXPECT_EQ(auth_of(dropped, ""), "none");
}

}  // namespace
}  // namespace sallyport::test
