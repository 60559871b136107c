// The API's shapes and refusals on the real engine: accounts, flows, lists, tenants, bad input.
#include "tests/engine/engine_process.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

TEST(EngineApi, SignUpAndSignIn) {
    EngineProcess engine({"AP_ALLOW_OPEN_SIGN_UP=false"});
    ApiUser ann(engine);
    const ApiAnswer up = ann.sign_up(" Ann@Example.org ");
    ASSERT_EQ(up.status, 200) << up.raw.body;
    EXPECT_EQ(up.body["email"].text(), "ann@example.org");
    EXPECT_EQ(up.body["platformRole"].text(), "ADMIN");
    EXPECT_EQ(up.body["id"].text().size(), 21U);
    EXPECT_FALSE(up.body.has("password"));

    ApiUser again(engine);
    const ApiAnswer in = again.sign_in("ANN@example.org", "Password1!");
    EXPECT_EQ(in.status, 200);
    EXPECT_EQ(in.body["id"].text(), up.body["id"].text());
    EXPECT_EQ(in.body["projectId"].text(), up.body["projectId"].text());

    // Who is unknown and who mistypes hear the same.
    const ApiAnswer wrong = again.sign_in("ann@example.org", "Password2!");
    const ApiAnswer unknown = again.sign_in("eve@example.org", "Password1!");
    EXPECT_EQ(wrong.status, 401);
    EXPECT_EQ(wrong.raw.body, R"({"code":"INVALID_CREDENTIALS","params":null})");
    EXPECT_EQ(unknown.raw.body, wrong.raw.body);

    ApiUser eve(engine);
    const ApiAnswer refused = eve.sign_up("eve@example.org");
    EXPECT_EQ(refused.status, 403);
    EXPECT_EQ(refused.body["code"].text(), "INVITATION_ONLY_SIGN_UP");
    const ApiAnswer taken = eve.post(
        "/v1/authentication/sign-up",
        R"({"email":"ann@example.org","password":"Password1!","firstName":"A","lastName":"B","trackEvents":true,"newsLetter":true})");
    EXPECT_EQ(taken.status, 409);
    EXPECT_EQ(taken.body["code"].text(), "EXISTING_USER");
}

TEST(EngineApi, MeProjectsFlagsHealth) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const ApiAnswer me = ann.get("/api/v1/users/me");
    EXPECT_EQ(me.status, 200);
    EXPECT_EQ(me.body["projectId"].text(), ann.project());
    const ApiAnswer projects = ann.get("/v1/projects");
    ASSERT_EQ(projects.body["data"].size(), 1U);
    EXPECT_EQ(projects.body["data"].at(0)["displayName"].text(), "Ann's Project");
    EXPECT_EQ(ann.get("/v1/projects/" + ann.project()).status, 200);
    EXPECT_EQ(ann.get("/v1/flags/").body["EDITION"].text(), "ce");
    EXPECT_EQ(ann.get("/openapi.json/").status, 200);
    EXPECT_EQ(ann.get("/redirect/?code=a").status, 200);
    EXPECT_EQ(ann.get("/").status, 404);
    EXPECT_EQ(ann.get("/v1/").status, 404);
    EXPECT_EQ(ann.get("/v1/health").raw.body, R"({"status":"Healthy"})");
    EXPECT_TRUE(me.raw.header("x-request-id").value_or("").starts_with("req_"));
}

TEST(EngineApi, FlowsAreMadeListedAndPaged) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const ApiAnswer empty = ann.get("/v1/flows?projectId=" + ann.project());
    EXPECT_EQ(empty.raw.body, R"({"data":[],"next":null,"previous":null})");
    for (int i = 0; i < 5; ++i) {
        const ApiAnswer created =
            ann.post("/v1/flows", R"({"displayName":"Flow )" + std::to_string(i) +
                                      R"(","projectId":")" + ann.project() + R"("})");
        ASSERT_EQ(created.status, 201);
        EXPECT_EQ(created.body["version"]["schemaVersion"].text(), "22");
        EXPECT_EQ(created.body["version"]["trigger"]["type"].text(), "EMPTY");
        EXPECT_EQ(created.body["status"].text(), "DISABLED");
    }
    EXPECT_EQ(ann.get("/v1/flows/count?projectId=" + ann.project()).raw.body, "5");
    std::set<std::string> seen;
    std::string path = "/v1/flows?limit=2&projectId=" + ann.project();
    ApiAnswer page = ann.get(path);
    std::string previous;
    for (int pages = 1;; ++pages) {
        page.body["data"].each_element(
            [&seen](const Json& flow) { seen.insert(std::string(flow["id"].text())); });
        if (!page.body["next"].is_string()) {
            EXPECT_EQ(pages, 3);
            previous = page.body["previous"].text();
            break;
        }
        page = ann.get(path + "&cursor=" + std::string(page.body["next"].text()));
    }
    EXPECT_EQ(seen.size(), 5U);
    EXPECT_EQ(ann.get(path + "&cursor=" + previous).body["data"].size(), 2U);
    EXPECT_EQ(ann.get("/v1/flows?name=flow+3&projectId=" + ann.project()).body["data"].size(), 1U);
    EXPECT_EQ(ann.get("/v1/flows?status=ENABLED&projectId=" + ann.project()).body["data"].size(),
              0U);
}

TEST(EngineApi, PublishedVersionsAreHistory) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({answer_step("step_1", "1")});
    const Json published = ann.get("/v1/flows/" + flow).body;
    EXPECT_EQ(published["version"]["state"].text(), "LOCKED");
    EXPECT_EQ(published["publishedVersionId"].text(), published["version"]["id"].text());
    const ApiAnswer draft = ann.operate(flow, "CHANGE_NAME", R"({"displayName":"New"})");
    EXPECT_EQ(draft.body["version"]["state"].text(), "DRAFT");
    EXPECT_EQ(draft.body["publishedVersionId"].text(), published["version"]["id"].text());
    EXPECT_NE(draft.body["version"]["id"].text(), published["version"]["id"].text());
    const ApiAnswer old = ann.get("/v1/flows/" + flow +
                                  "?versionId=" + std::string(published["version"]["id"].text()));
    EXPECT_EQ(old.body["version"]["displayName"].text(), "Test flow");
}

TEST(EngineApi, OperationsAreRefusedClearly) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const ApiAnswer created =
        ann.post("/v1/flows", R"({"displayName":"x","projectId":")" + ann.project() + R"("})");
    const std::string flow(created.body["id"].text());
    struct Case {
        std::string type;
        std::string request;
        std::string_view code;
    };
    const std::vector<Case> cases = {
        {"LOCK_AND_PUBLISH", "{}", "FLOW_OPERATION_INVALID"},  // no trigger
        {"CHANGE_STATUS", R"({"status":"ENABLED"})", "FLOW_OPERATION_INVALID"},
        {"MOVE_BRANCH", R"({"stepName":"a"})", "FST_ERR_VALIDATION"},
        {"NO_SUCH_THING", "{}", "FST_ERR_VALIDATION"},
        {"CHANGE_NAME", R"({"displayName":7})", "FST_ERR_VALIDATION"},
        {"ADD_ACTION", R"({"parentStep":"trigger"})", "FST_ERR_VALIDATION"},
        {"CHANGE_NAME", "[]", "FST_ERR_VALIDATION"},
    };
    for (const Case& test : cases) {
        const ApiAnswer answer = ann.operate(flow, test.type, test.request);
        EXPECT_EQ(answer.status, 400) << test.type;
        EXPECT_EQ(answer.body["code"].text(), test.code) << answer.raw.body;
    }
    EXPECT_EQ(ann.operate("aaaaaaaaaaaaaaaaaaaaa", "CHANGE_NAME", R"({"displayName":"x"})").status,
              404);
}

TEST(EngineApi, TenantsDoNotSeeEachOther) {
    EngineProcess engine({"AP_ALLOW_OPEN_SIGN_UP=true"});
    ApiUser ann(engine);
    ApiUser bob(engine);
    ann.sign_up("ann@example.org");
    const ApiAnswer joined = bob.sign_up("bob@example.org");
    ASSERT_EQ(joined.status, 200);
    EXPECT_EQ(joined.body["platformRole"].text(), "MEMBER");
    EXPECT_NE(ann.project(), bob.project());
    const std::string flow = ann.make_flow({answer_step("step_1", "1")});
    HttpRequest hook;
    hook.method = "POST";
    hook.url = engine.url("/v1/webhooks/" + flow + "/sync");
    const std::string run = send(hook).header("x-webhook-id").value_or("");
    ann.finished_run(run);
    struct Case {
        std::string method;
        std::string path;
        std::string body;
    };
    const std::vector<Case> cases = {
        {"GET", "/v1/projects/" + ann.project(), ""},
        {"GET", "/v1/flows?projectId=" + ann.project(), ""},
        {"GET", "/v1/flows/count?projectId=" + ann.project(), ""},
        {"POST", "/v1/flows", R"({"displayName":"x","projectId":")" + ann.project() + R"("})"},
        {"GET", "/v1/flows/" + flow, ""},
        {"POST", "/v1/flows/" + flow, R"({"type":"CHANGE_NAME","request":{"displayName":"x"}})"},
        {"DELETE", "/v1/flows/" + flow, ""},
        {"GET", "/v1/flow-runs?projectId=" + ann.project(), ""},
        {"GET", "/v1/flow-runs/" + run, ""},
    };
    for (const Case& test : cases) {
        EXPECT_EQ(bob.call(test.method, test.path, test.body).status, 403)
            << test.method << " " << test.path;
    }
    EXPECT_EQ(ann.get("/v1/flows/" + flow).body["version"]["displayName"].text(), "Test flow");
    EXPECT_EQ(bob.get("/v1/flow-runs?projectId=" + bob.project()).body["data"].size(), 0U);
}

struct BadRequest {
    std::string_view name;
    std::string method;
    std::string path;
    HeaderList headers;
    std::string body;
    int status;
    std::string_view code;  // of the body; empty: not looked at
};

const std::pair<std::string, std::string> kJson = {"Content-Type", "application/json"};

std::string account(std::string_view email, std::string_view password, std::string_view first) {
    return R"({"email":")" + std::string(email) + R"(","password":")" + std::string(password) +
           R"(","firstName":")" + std::string(first) +
           R"(","lastName":"L","trackEvents":true,"newsLetter":false})";
}

void expect_refusals(const EngineProcess& engine, const std::vector<BadRequest>& cases) {
    for (const BadRequest& test : cases) {
        HttpRequest request;
        request.method = test.method;
        request.url = engine.url(test.path);
        request.headers = test.headers;
        request.headers.emplace_back("Expect", "");
        if (!test.body.empty() || test.method == "POST") {
            request.body = test.body;
        }
        const HttpResponse answer = send(request);
        EXPECT_EQ(answer.status, test.status) << test.name << ": " << answer.error << answer.body;
        const Result<Json> body = Json::parse(answer.body);
        ASSERT_TRUE(body.ok()) << test.name << ": " << answer.body;
        if (!test.code.empty()) {
            EXPECT_EQ((*body)["code"].text(), test.code) << test.name << ": " << answer.body;
        }
    }
}

TEST(EngineApi, BadAccountsAndRoutesAreRefused) {
    EngineProcess engine;
    const std::string sign_up = "/v1/authentication/sign-up";
    const std::pair<std::string, std::string> session = {"Authorization", "Bearer x.y.z"};
    expect_refusals(
        engine,
        {{"no route", "GET", "/v1/nothing", {}, "", 404, ""},
         {"no prefix", "GET", "/flows", {}, "", 404, ""},
         {"wrong method", "PUT", "/v1/flows", {session}, "", 404, ""},
         {"broken JSON", "POST", sign_up, {kJson}, "{", 400, "FST_ERR_CTP_INVALID_JSON_BODY"},
         {"no body", "POST", sign_up, {kJson}, "", 400, "FST_ERR_CTP_EMPTY_JSON_BODY"},
         {"not JSON",
          "POST",
          sign_up,
          {{"Content-Type", "text/plain"}},
          "x",
          415,
          "FST_ERR_CTP_INVALID_MEDIA_TYPE"},
         {"a list", "POST", sign_up, {kJson}, "[]", 400, "FST_ERR_VALIDATION"},
         {"null", "POST", sign_up, {kJson}, "null", 400, "FST_ERR_VALIDATION"},
         {"deep",
          "POST",
          sign_up,
          {kJson},
          std::string(100'000, '['),
          400,
          "FST_ERR_CTP_INVALID_JSON_BODY"},
         {"not UTF-8",
          "POST",
          sign_up,
          {kJson},
          "{\"email\":\"\xff\"}",
          400,
          "FST_ERR_CTP_INVALID_JSON_BODY"},
         {"no e-mail",
          "POST",
          sign_up,
          {kJson},
          account("ann", "Password1!", "A"),
          400,
          "FST_ERR_VALIDATION"},
         {"short password",
          "POST",
          sign_up,
          {kJson},
          account("x@y.org", "Pass1!", "A"),
          400,
          "FST_ERR_VALIDATION"},
         {"long password",
          "POST",
          sign_up,
          {kJson},
          account("x@y.org", std::string(65, 'p'), "A"),
          400,
          "FST_ERR_VALIDATION"},
         {"name with a link",
          "POST",
          sign_up,
          {kJson},
          account("x@y.org", "Password1!", "a.b/c"),
          400,
          "FST_ERR_VALIDATION"},
         {"wrong kind",
          "POST",
          sign_up,
          {kJson},
          R"({"email":1,"password":2,"firstName":3,"lastName":4,"trackEvents":5,"newsLetter":6})",
          400,
          "FST_ERR_VALIDATION"}});
}

TEST(EngineApi, BadSessionsAndQueriesAreRefused) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::pair<std::string, std::string> session = {"Authorization", "Bearer " + ann.token};
    expect_refusals(engine,
                    {{"no session", "GET", "/v1/users/me", {}, "", 403, "AUTHORIZATION"},
                     {"no bearer",
                      "GET",
                      "/v1/users/me",
                      {{"Authorization", "Basic eDp5"}},
                      "",
                      401,
                      "INVALID_BEARER_TOKEN"},
                     {"nonsense token",
                      "GET",
                      "/v1/users/me",
                      {{"Authorization", "Bearer a.b.c"}},
                      "",
                      401,
                      "INVALID_BEARER_TOKEN"},
                     {"cut token",
                      "GET",
                      "/v1/users/me",
                      {{"Authorization", "Bearer " + ann.token.substr(0, ann.token.size() - 2)}},
                      "",
                      401,
                      "INVALID_BEARER_TOKEN"},
                     {"project missing", "GET", "/v1/flows", {session}, "", 403, "AUTHORIZATION"},
                     {"bad cursor",
                      "GET",
                      "/v1/flows?cursor=zzz&projectId=" + ann.project(),
                      {session},
                      "",
                      400,
                      "FST_ERR_VALIDATION"},
                     {"bad status",
                      "GET",
                      "/v1/flow-runs?status=GONE&projectId=" + ann.project(),
                      {session},
                      "",
                      400,
                      "FST_ERR_VALIDATION"},
                     {"bad time",
                      "GET",
                      "/v1/flow-runs?createdAfter=soon&projectId=" + ann.project(),
                      {session},
                      "",
                      400,
                      "FST_ERR_VALIDATION"},
                     {"unknown run",
                      "GET",
                      "/v1/flow-runs/aaaaaaaaaaaaaaaaaaaaa",
                      {session},
                      "",
                      404,
                      "ENTITY_NOT_FOUND"},
                     {"flow without a name",
                      "POST",
                      "/v1/flows",
                      {session, kJson},
                      R"({"projectId":")" + ann.project() + R"("})",
                      400,
                      "FST_ERR_VALIDATION"}});
    EXPECT_EQ(ann.get("/v1/users/me").status, 200);  // still there
}

TEST(EngineApi, BadWebhooksAreRefused) {
    EngineProcess engine({"AP_MAX_WEBHOOK_PAYLOAD_SIZE_MB=1", "AP_MAX_FILE_SIZE_MB=1"});
    ApiUser ann(engine);
    ann.sign_up();
    const std::string hook =
        "/v1/webhooks/" + ann.make_flow({answer_step("step_1", "1")}) + "/sync";
    expect_refusals(engine, {{"webhook with broken JSON",
                              "POST",
                              hook,
                              {kJson},
                              "{",
                              400,
                              "FST_ERR_CTP_INVALID_JSON_BODY"},
                             {"webhook with a broken form",
                              "POST",
                              hook,
                              {{"Content-Type", "multipart/form-data; boundary=x"}},
                              "x",
                              400,
                              ""},
                             {"webhook too large",
                              "POST",
                              hook,
                              {kJson},
                              "\"" + std::string((1u << 20) + 1, 'x') + "\"",
                              413,
                              ""},
                             {"body too large",
                              "POST",
                              hook,
                              {kJson},
                              std::string(6u << 20, 'x'),
                              413,
                              "FST_ERR_CTP_BODY_TOO_LARGE"}});
    EXPECT_EQ(ann.get("/v1/users/me").status, 200);  // still there
}

TEST(EngineApi, BrokenHttpGetsAnAnswerOrTheDoor) {
    EngineProcess engine;
    struct Case {
        std::string_view name;
        std::string bytes;
        std::string_view starts_with;  // empty: closed without a word is right too
    };
    const std::string host = "Host: x\r\n";
    const std::vector<Case> cases = {
        {"garbage", "\x01\x02\x03\r\n\r\n", "HTTP/1.1 400"},
        {"no host", "GET /v1/health HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
        {"two lengths",
         "POST /v1/health HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
         "HTTP/1.1 400"},
        {"length and chunks",
         "POST /v1/health HTTP/1.1\r\n" + host +
             "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "HTTP/1.1 400"},
        {"bad chunk",
         "POST /v1/health HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
         "HTTP/1.1 400"},
        {"two hosts", "GET /v1/health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "HTTP/1.1 400"},
        {"an unknown coding",
         "POST /v1/health HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n",
         "HTTP/1.1 400"},
        {"chunks twice",
         "POST /v1/health HTTP/1.1\r\n" + host +
             "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
         "HTTP/1.1 400"},
        {"another coding below the chunks",
         "POST /v1/health HTTP/1.1\r\n" + host +
             "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
         "HTTP/1.1 400"},
        {"a coding without chunks",
         "POST /v1/health HTTP/1.1\r\n" + host +
             "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nab",
         "HTTP/1.1 400"},
        {"chunks in HTTP/1.0",
         "POST /v1/health HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "HTTP/1.1 400"},
        {"long header",
         "GET /v1/health HTTP/1.1\r\n" + host + "X: " + std::string(40'000, 'a') + "\r\n\r\n",
         "HTTP/1.1 431"},
        {"half a request", "POST /v1/health HTTP/1.1\r\n" + host + "Content-Length: 10\r\n\r\nab",
         ""},
        {"two in one",
         "GET /v1/health HTTP/1.1\r\n" + host + "\r\nGET /v1/health HTTP/1.1\r\n" + host +
             "Connection: close\r\n\r\n",
         "HTTP/1.1 200"},
        {"HTTP/1.0", "GET /v1/health HTTP/1.0\r\n\r\n", "HTTP/1.1 200"},
        {"HEAD", "HEAD /v1/flags HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n",
         "HTTP/1.1 200"},
    };
    for (const Case& test : cases) {
        RawSocket socket(engine.port());
        socket.send(test.bytes);
        if (test.starts_with.empty()) {
            socket.shutdown_write();
        }
        const std::string answer = socket.receive_all();
        EXPECT_TRUE(answer.starts_with(test.starts_with)) << test.name << ": " << answer;
        if (test.name == "two in one") {
            EXPECT_NE(answer.find("HTTP/1.1 200", 10), std::string::npos);
        }
    }
    EXPECT_EQ(get(engine.url("/v1/health")).status, 200);
}

// A proxy that removes or sets a header does not look behind the body.
TEST(EngineApi, TrailersAreNoHeaders) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow =
        ann.make_flow({answer_step("step_1", R"("{{trigger['output'].headers}}")")});
    RawSocket socket(engine.port());
    socket.send("POST /v1/webhooks/" + flow +
                "/sync HTTP/1.1\r\nHost: x\r\nX-Here: 1\r\nConnection: close\r\n"
                "Transfer-Encoding: chunked\r\n\r\n"
                "2\r\n{}\r\n0\r\nX-Real-Ip: 192.0.2.1\r\nX-Here: 2\r\n\r\n");
    const std::string answer = socket.receive_all();
    EXPECT_NE(answer.find(R"("x-here":"1")"), std::string::npos) << answer;
    EXPECT_EQ(answer.find("192.0.2.1"), std::string::npos) << answer;
}

TEST(EngineApi, GuessingPasswordsIsLimited) {
    EngineProcess engine({"AP_API_RATE_LIMIT_AUTHN_ENABLED=true", "AP_API_RATE_LIMIT_AUTHN_MAX=3"});
    ApiUser eve(engine);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(eve.sign_in("eve@example.org", "Password1!").status, 401);
    }
    const ApiAnswer refused = eve.sign_in("eve@example.org", "Password1!");
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.raw.header("retry-after"), "60");
}

}  // namespace
}  // namespace sallyport::test
