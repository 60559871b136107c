// Native pieces and triggers on the real engine: flows as an editor makes them.
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::test {
namespace {

std::string piece_step(std::string_view name, std::string_view piece, std::string_view action,
                       std::string_view input) {
    return R"({"type":"PIECE","displayName":"Step","valid":true,"name":")" + std::string(name) +
           R"(","settings":{"pieceName":"@activepieces/piece-)" + std::string(piece) +
           R"(","pieceVersion":"0.1.0","actionName":")" + std::string(action) +
           R"(","propertySettings":{},"input":)" + std::string(input) + "}}";
}

std::string trigger(std::string_view piece, std::string_view name, std::string_view input) {
    return R"({"type":"PIECE_TRIGGER","name":"trigger","displayName":"T","valid":true,"settings":{"pieceName":"@activepieces/piece-)" +
           std::string(piece) + R"(","pieceVersion":"0.1.0","triggerName":")" + std::string(name) +
           R"(","propertySettings":{},"input":)" + std::string(input) + "}}";
}

HttpResponse post(const std::string& url, const std::string& body = "{}") {
    HttpRequest request;
    request.method = "POST";
    request.url = url;
    request.headers = {{"Content-Type", "application/json"}};
    request.body = body;
    return send(request);
}

class EngineSteps : public ::testing::Test {
  protected:
    EngineSteps() { ann_.sign_up(); }

    // The record of a run of these steps, started by a webhook with `body`.
    Json ran(const std::vector<std::string>& steps, const std::string& body = "{}") {
        const std::string flow = ann_.make_flow(steps);
        const HttpResponse answer = post(engine_.url("/v1/webhooks/" + flow), body);
        return ann_.finished_run(answer.header("x-webhook-id").value_or(""));
    }
    // A published flow of this trigger and these steps.
    std::string flow_with(const std::string& trigger, const std::vector<std::string>& steps) {
        const std::string flow = ann_.make_flow(steps);
        EXPECT_EQ(ann_.operate(flow, "UPDATE_TRIGGER", trigger).status, 200);
        EXPECT_EQ(ann_.operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})").status, 200);
        return flow;
    }

    EngineProcess engine_;
    ApiUser ann_{engine_};
};

TEST_F(EngineSteps, HelpersWorkTogether) {
    const Json run = ran(
        {piece_step("rows", "csv", "convert_csv_to_json",
                    R"({"csv_text":"{{trigger.output.body.csv}}","has_headers":true})"),
         piece_step(
             "sum", "math-helper", "addition_math",
             R"({"first_number":"{{rows.output[0].n}}","second_number":"{{rows.output[1].n}}"})"),
         piece_step("found", "text-helper", "find",
                    R"j({"text":"{{trigger.output.body.text}}","expression":"(\\w+)@(\\w+)"})j"),
         piece_step(
             "replaced", "text-helper", "replace",
             R"({"text":"{{trigger.output.body.text}}","searchValue":"\\d","replaceValue":"#"})"),
         piece_step("slug", "text-helper", "slugify", R"({"text":"Grüße & Küsse, 100%!"})"),
         piece_step(
             "plain", "text-helper", "stripHtml",
             R"({"html":"<style>p{}</style><p>a &amp; <b>b</b></p><script>x()</script>&#228;"})"),
         piece_step(
             "when", "date-helper", "format_date",
             R"({"inputDate":"2024-06-15 12:00:00","inputFormat":"YYYY-MM-DD HH:mm:ss","inputTimeZone":"UTC","outputFormat":"YYYY-MM-DD HH:mm","outputTimeZone":"America/New_York"})"),
         piece_step("hash", "crypto", "hash-text", R"({"method":"md5","text":"{{sum.output}}"})"),
         piece_step("text", "json", "convertJsonToText", R"({"text_object":"{{rows.output}}"})")},
        R"({"csv":"name,n\nA,1\nB,2\n","text":"write to ann@example 12 times"})");
    ASSERT_EQ(run["status"].text(), "SUCCEEDED") << run["failedStep"].dump();
    const Json steps = run["steps"];
    EXPECT_EQ(steps["rows"]["output"].dump(), R"([{"name":"A","n":"1"},{"name":"B","n":"2"}])");
    EXPECT_EQ(steps["sum"]["output"].dump(), "3");
    EXPECT_EQ(steps["found"]["output"].dump(), R"(["ann@example","ann","example"])");
    EXPECT_EQ(steps["replaced"]["output"].text(), "write to ann@example ## times");
    EXPECT_EQ(steps["slug"]["output"].text(), "Grusse-and-Kusse-100percent!");
    EXPECT_EQ(steps["plain"]["output"].text(), "a & b\nä");
    EXPECT_EQ(steps["when"]["output"]["result"].text(), "2024-06-15 08:00");
    EXPECT_EQ(steps["hash"]["output"].text(), "eccbc87e4b5ce2fe28308fd9f2a7baf3");
    EXPECT_EQ(steps["text"]["output"].text(), R"([{"name":"A","n":"1"},{"name":"B","n":"2"}])");
}

TEST_F(EngineSteps, SearchesMayIgnoreCaseAndFindAll) {
    const auto output = [this](const std::string& action, const std::string& more) {
        const Json run = ran(
            {piece_step("s", "text-helper", action, R"({"text":"Ann, ann and ANN")" + more + "}")});
        return run["status"].text() == "SUCCEEDED"
                   ? run["steps"]["s"]["output"].dump()
                   : std::string(run["failedStep"]["message"].text());
    };
    EXPECT_EQ(output("find", R"(,"expression":"ANN")"), R"(["ANN"])");
    EXPECT_EQ(output("find", R"(,"expression":"ANN","ignoreCase":true)"), R"(["Ann"])");
    EXPECT_EQ(output("find_all", R"(,"expression":"a(n)n")"), R"(["ann"])");
    EXPECT_EQ(output("find_all", R"(,"expression":"a(n)n","ignoreCase":true)"),
              R"(["Ann","ann","ANN"])");
    EXPECT_EQ(output("find_all", R"(,"expression":"x")"), "[]");
    const std::string problem = output("find_all", R"(,"expression":"(")");
    EXPECT_EQ(problem, output("find", R"(,"expression":"(")"));
    EXPECT_NE(problem.find("SyntaxError"), std::string::npos) << problem;
}

TEST_F(EngineSteps, ObjectsBecomeOneAndListsTables) {
    const auto merged = [this](const std::string& more) {
        const Json run = ran({piece_step(
            "m", "json", "merge_json",
            R"({"jsonArray":[{"a":2,"b":"x","c":[1]},null,{"a":10,"b":"y","c":2},{"a":10,"b":"x","__proto__":{"d":1}}],)" +
                more + "}")});
        return run["status"].text() == "SUCCEEDED"
                   ? run["steps"]["m"]["output"].dump()
                   : std::string(run["failedStep"]["message"].text());
    };
    EXPECT_EQ(merged(R"("defaultStrategy":"last")"),
              R"({"a":10,"b":"x","c":2,"__proto__":{"d":1}})");
    EXPECT_EQ(
        merged(
            R"("defaultStrategy":"first","fieldStrategies":[{"field":"a","strategy":"max"},{"field":"b","strategy":"most_frequent"},{"field":"c","strategy":"concat"}])"),
        R"({"a":10,"b":"x","c":[1,2],"__proto__":{"d":1}})");
    EXPECT_EQ(merged(R"("defaultStrategy":"min")"), R"({"a":2,"b":"x","c":2,"__proto__":{"d":1}})");
    EXPECT_NE(merged(R"("defaultStrategy":"last","jsonArray":"[1]")").find("must be a JSON object"),
              std::string::npos);
    EXPECT_NE(merged(R"("defaultStrategy":"last","jsonArray":"{")").find("is not valid JSON"),
              std::string::npos);
    const Json table =
        ran({piece_step("t", "text-helper", "json_to_ascii_table",
                        R"({"data":[{"n":1,"name":"Ä"},{"name":"Bob","x":null}]})")});
    EXPECT_EQ(table["steps"]["t"]["output"].text(),
              "+---+------+---+\n| n | name | x |\n+---+------+---+\n| 1 | Ä    |   |\n"
              "|   | Bob  |   |\n+---+------+---+");
    EXPECT_EQ(
        ran({piece_step("t", "text-helper", "json_to_ascii_table", R"({"data":[1]})")})["status"]
            .text(),
        "FAILED");
}

TEST_F(EngineSteps, JsonataAnswersQueries) {
    const auto ask = [this](const std::string& json, std::string_view query) {
        const Json run = ran(
            {piece_step("q", "json", "run_jsonata_query",
                        "{\"json\":" + json + ",\"query\":" + Json::string(query).dump() + "}")});
        return run["status"].text() == "SUCCEEDED"
                   ? run["steps"]["q"]["output"].dump()
                   : std::string(run["failedStep"]["message"].text());
    };
    const std::string orders =
        R"({"orders":[{"n":1,"price":2.5,"to":"Ann"},{"n":2,"price":10,"to":"Bob"},{"n":3,"price":1,"to":"Ann"}]})";
    EXPECT_EQ(ask(orders, "$sum(orders.price)"), "13.5");
    EXPECT_EQ(ask(orders, "orders[to='Ann'].n"), "[1,3]");
    EXPECT_EQ(ask(orders, "orders{to: $sum(price)}"), R"({"Ann":3.5,"Bob":10})");
    EXPECT_EQ(ask(orders, "none"), "null");
    EXPECT_EQ(ask(R"("[1,2]")", "$map($, function($v) { $v * 2 })"), "[2,4]");
    EXPECT_NE(ask(orders, "orders[").find("JSONata Execution Failed"), std::string::npos);
    EXPECT_NE(ask(R"("{")", "a").find("JSONata Execution Failed"), std::string::npos);
    // What never ends costs its step the time of a code step.
    EXPECT_NE(ask("1", "($f := function($n) { $f($n + 1) }; $f(1))").find("than it may"),
              std::string::npos);
}

TEST_F(EngineSteps, AnExpressionThatNeverEndsEndsItsRun) {
    const Json run = ran({piece_step(
        "find", "text-helper", "find",
        R"j({"text":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!","expression":"^(a+)+$"})j")});
    EXPECT_EQ(run["status"].text(), "TIMEOUT");
    EXPECT_EQ(run["failedStep"]["name"].text(), "find");
}

TEST_F(EngineSteps, WrongInputsFailTheirStepInTheContractsWords) {
    const Json run = ran({piece_step("sum", "math-helper", "addition_math",
                                     R"({"first_number":"one","second_number":2})")});
    EXPECT_EQ(run["status"].text(), "FAILED");
    EXPECT_EQ(run["failedStep"]["message"].text(),
              "{\n  \"first_number\": [\n    \"Expected number, received: one\"\n  ]\n}");
    const Json unknown = ran({piece_step("x", "nothing", "act", "{}")});
    EXPECT_EQ(unknown["failedStep"]["message"].text(),
              "This engine has no action 'act' of '@activepieces/piece-nothing'");
}

TEST_F(EngineSteps, QueuesAreSharedByFlows) {
    const std::string push = ann_.make_flow(
        {piece_step("push", "queue", "push-to-queue",
                    R"({"queueName":"jobs","items":"{{trigger.output.body.items}}"})")});
    for (const std::string_view items : {R"({"items":[1,2]})", R"({"items":[3]})"}) {
        const HttpResponse answer = post(engine_.url("/v1/webhooks/" + push), std::string(items));
        ASSERT_EQ(ann_.finished_run(answer.header("x-webhook-id").value_or(""))["status"].text(),
                  "SUCCEEDED");
    }
    const Json run = ran(
        {piece_step("peek", "queue", "peek-queue", R"({"queueName":"jobs","numOfItems":1})"),
         piece_step("pull", "queue", "pull-from-queue", R"({"queueName":"jobs","numOfItems":"2"})"),
         piece_step("size", "queue", "get-queue-size", R"({"queueName":"jobs"})"),
         piece_step("clear", "queue", "clear-queue", R"({"queueName":"jobs"})"),
         piece_step("none", "queue", "pull-from-queue", R"({"queueName":"jobs","numOfItems":5})")});
    ASSERT_EQ(run["status"].text(), "SUCCEEDED") << run["failedStep"].dump();
    EXPECT_EQ(run["steps"]["peek"]["output"]["queueSize"].integer_or(0), 3);
    EXPECT_EQ(run["steps"]["pull"]["output"].dump(), "[1,2]");
    EXPECT_EQ(run["steps"]["size"]["output"].dump(),
              R"({"queueName":"jobs","size":1,"isEmpty":false})");
    EXPECT_EQ(run["steps"]["none"]["output"].dump(), "[]");
}

TEST_F(EngineSteps, JobsAreWorkedOffSoManyAtATime) {
    const std::string works =
        flow_with(trigger("queue", "process-jobs", R"({"queueName":"work","maxConcurrent":2})"),
                  {piece_step("seen", "queue", "push-to-queue",
                              R"({"queueName":"seen","items":["{{trigger.output.data}}"]})"),
                   piece_step("wait", "webhook", "return_response_and_wait_for_next_webhook",
                              R"({"responseType":"json","fields":{"status":200,"body":{}}})")});
    const std::string gives = ann_.make_flow({piece_step(
        "give", "queue", "enqueue-job",
        R"({"queueName":"work","key":"{{trigger.output.body.key}}","data":"{{trigger.output.body.n}}"})")});
    const std::vector<std::string> keys = {"a", "a", "b", "", "a"};
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const HttpResponse answer =
            post(engine_.url("/v1/webhooks/" + gives),
                 R"({"key":")" + keys[i] + R"(","n":)" + std::to_string(i) + "}");
        ASSERT_EQ(ann_.finished_run(answer.header("x-webhook-id").value_or(""))["status"].text(),
                  "SUCCEEDED");
    }
    const auto runs = [&](std::string_view status) {
        return ann_
            .get("/v1/flow-runs?projectId=" + ann_.project() + "&flowId=" + works +
                 "&status=" + std::string(status))
            .body["data"];
    };
    std::string order;
    for (int round = 0; round < 4 && order.size() < keys.size(); ++round) {
        const std::size_t wanted = order.empty() ? 2 : 1;
        ASSERT_TRUE(wait_until([&] { return runs("PAUSED").size() >= wanted; })) << order;
        if (round == 1) {
            engine_.kill();  // what was taken is not taken again
            engine_.start();
        }
        const Json paused = runs("PAUSED");
        EXPECT_LE(paused.size(), 2U);
        for (std::size_t i = paused.size(); i > 0; --i) {  // the oldest first
            const std::string id(paused.at(i - 1)["id"].text());
            const Json run = ann_.get("/v1/flow-runs/" + id).body;
            order += run["steps"]["trigger"]["output"]["data"].dump();
            const std::string url(run["steps"]["wait"]["output"]["nextWebhookUrl"].text());
            ASSERT_EQ(post(engine_.url(url.substr(url.find("/api/v1/")))).status, 204) << url;
        }
    }
    ASSERT_TRUE(wait_until([&] { return runs("SUCCEEDED").size() == keys.size(); })) << order;
    // Those of key a in their order; the others need not wait for them.
    std::string of_a;
    for (const char c : order) {
        of_a += c == '0' || c == '1' || c == '4' ? std::string(1, c) : "";
    }
    EXPECT_EQ(of_a, "014") << order;
    EXPECT_TRUE(order.starts_with("02") || order.starts_with("20")) << order;
    EXPECT_EQ(ann_.operate(works, "UPDATE_TRIGGER",
                           trigger("queue", "process-jobs",
                                   R"({"queueName":"work","maxConcurrent":1000})"))
                  .status,
              200);
    EXPECT_EQ(ann_.operate(works, "LOCK_AND_PUBLISH", "{}").status, 400);
}

TEST_F(EngineSteps, PiecesAreDescribed) {
    const ApiAnswer all = ann_.get("/v1/pieces?sortBy=NAME");
    ASSERT_GT(all.body.size(), 15U);
    const ApiAnswer one = ann_.get("/v1/pieces/@activepieces/piece-crypto?version=~0.2.0");
    EXPECT_EQ(one.status, 200);
    EXPECT_TRUE(one.body["actions"]["hash-text"]["props"].has("method"));
    EXPECT_EQ(ann_.get("/v1/pieces/@activepieces/piece-crypto?version=0.1.9").status, 200);
    EXPECT_EQ(ann_.get("/v1/pieces/@activepieces/piece-crypto?version=^9.0.0").status, 404);
    EXPECT_EQ(ann_.get("/v1/pieces/@activepieces/piece-crypto?version=new").status, 400);
    EXPECT_EQ(ann_.get("/v1/pieces/@activepieces/piece-none").status, 404);
    EXPECT_EQ(ann_.get("/v1/pieces?categories[]=FLOW_CONTROL").body.size(), 4U);
    EXPECT_EQ(ann_.get("/v1/pieces?searchQuery=approv").body.size(), 1U);
}

TEST_F(EngineSteps, PropertiesOfferTheirOptions) {
    const std::string callable = flow_with(
        trigger("subflows", "callableFlow", R"({"mode":"simple","exampleData":{"sampleData":{}}})"),
        {});
    const auto options = [this](std::string_view piece, std::string_view step,
                                std::string_view prop, std::string_view input) {
        return ann_.post(
            "/v1/pieces/options",
            R"({"projectId":")" + ann_.project() + R"(","pieceName":"@activepieces/piece-)" +
                std::string(piece) + R"(","pieceVersion":"0.1.0","actionOrTriggerName":")" +
                std::string(step) + R"(","propertyName":")" + std::string(prop) +
                R"(","flowId":"f","flowVersionId":"v","input":)" + std::string(input) + "}");
    };
    const Json flows = options("subflows", "callFlow", "flowId", "{}").body;
    EXPECT_EQ(flows["disabled"].dump(), "false");
    EXPECT_EQ(flows["options"].at(0)["value"].text(), callable);
    const Json fields =
        options("webhook", "return_response", "fields", R"({"responseType":"redirect"})").body;
    EXPECT_EQ(fields["body"]["displayName"].text(), "Redirect URL");
    EXPECT_EQ(options("webhook", "return_response", "fields", R"({"responseType":"x"})").raw.body,
              "{}");
    const Json proxy =
        options("http", "send_request", "proxy_settings", R"({"use_proxy":true})").body;
    EXPECT_EQ(proxy["proxy_port"]["displayName"].text(), "Proxy Port");
    EXPECT_EQ(options("webhook", "return_response", "nothing", "{}").status, 404);
    EXPECT_EQ(options("none", "return_response", "fields", "{}").status, 404);
    EXPECT_EQ(options("math-helper", "addition_math", "first_number", "{}").status, 400);
    EXPECT_EQ(ann_.post("/v1/pieces/options", "{}").status, 400);
}

// ---- triggers

TEST_F(EngineSteps, FormsStartFlowsAndAnswer) {
    const std::string flow = flow_with(
        trigger(
            "forms", "form_submission",
            R"({"waitForResponse":true,"inputs":[{"displayName":"Your Name","type":"text","required":true},{"displayName":"Agree","type":"toggle"}]})"),
        {piece_step("answer", "forms", "return_response",
                    R"({"markdown":"Hello {{trigger.output.yourName}}"})")});
    const std::string url = engine_.url("/v1/webhooks/" + flow + "/sync");
    EXPECT_EQ(post(url, R"({"yourName":"Bob","agree":"true"})").body,
              R"({"type":"markdown","value":"Hello Bob","files":[]})");
    const HttpResponse wrong = post(url, R"({"yourName":"Bob","agree":"perhaps"})");
    EXPECT_EQ(wrong.status, 400);
    EXPECT_EQ(post(url, R"({"agree":true})").status, 400);
    EXPECT_EQ(post(url, "[1]").status, 400);
}

TEST_F(EngineSteps, AFileStartsAFlow) {
    const std::string flow = flow_with(trigger("forms", "file_submission", "{}"),
                                       {piece_step("answer", "forms", "return_response",
                                                   R"({"markdown":"{{trigger.output.file}}"})")});
    const std::string url = engine_.url("/v1/webhooks/" + flow + "/sync");
    EXPECT_EQ(post(url, R"({"file":"https://h.test/a","more":1})").body,
              R"({"type":"markdown","value":"https://h.test/a","files":[]})");
    EXPECT_EQ(post(url, R"({"file":""})").status, 400);
    EXPECT_EQ(post(url, "[1]").status, 400);
    EXPECT_NE(post(url, "{}").body.find("Field File is required"), std::string::npos);
}

TEST_F(EngineSteps, AChatsMessageStartsAFlow) {
    const std::string flow = flow_with(
        trigger("forms", "chat_submission", R"({"botName":"Bot"})"),
        {piece_step(
            "answer", "forms", "return_response",
            R"({"markdown":"{{trigger.output.sessionId}}: {{trigger.output.message}} {{trigger.output.files.length}}"})")});
    const std::string url = engine_.url("/v1/webhooks/" + flow + "/sync");
    EXPECT_EQ(post(url, R"({"chatId":"c1","message":"Hi","file[0]":"https://h.test/a"})").body,
              R"({"type":"markdown","value":"c1: Hi 1","files":[]})");
    HttpRequest form;
    form.method = "POST";
    form.url = url;
    form.headers = {{"Content-Type", "multipart/form-data; boundary=XX"}};
    std::string body;
    const auto part = [&body](const std::string& head, const std::string& text) {
        body += "--XX\r\nContent-Disposition: form-data; name=" + head + "\r\n\r\n" + text + "\r\n";
    };
    part("chatId", "c2");
    part("message", "Look");
    part("\"file[1]\"; filename=b.txt", "b");
    part("\"file[0]\"; filename=a.txt", "a");
    form.body = body + "--XX--\r\n";
    EXPECT_EQ(send(form).body, R"({"type":"markdown","value":"c2: Look 2","files":[]})");
    EXPECT_NE(post(url, R"({"message":"Hi"})").body.find("Chat ID is required"), std::string::npos);
    EXPECT_EQ(post(url, R"({"chatId":"c1"})").status, 400);
}

TEST_F(EngineSteps, FormsAreAnsweredWithFiles) {
    const auto answer = [this](std::string_view action, std::string_view input) {
        const std::string flow = flow_with(
            trigger("forms", "form_submission", R"({"waitForResponse":true,"inputs":[]})"),
            {piece_step("answer", "forms", action, input)});
        return post(engine_.url("/v1/webhooks/" + flow + "/sync"), "{}").body;
    };
    EXPECT_EQ(
        answer("return_response", R"({"file":{"filename":"a.csv","base64":"YSxi"}})"),
        R"({"type":"markdown","value":"","files":[{"url":"data:text/csv;base64,YSxi","mimeType":"text/csv","fileName":"a.csv"}]})");
    EXPECT_EQ(
        answer("return_response", R"({"markdown":"x","file":"https://h.test/a"})"),
        R"({"type":"markdown","value":"x","files":[{"url":"https://h.test/a","mimeType":""}]})");
    EXPECT_EQ(answer("return_markdown", R"({"markdown":"*x*"})"),
              R"({"type":"markdown","value":"*x*"})");
    EXPECT_EQ(
        answer("return_file", R"({"file":"data:text/plain;base64,aGk="})"),
        R"({"type":"file","value":{"base64Url":"data:text/plain;base64,aGk=","fileName":"unknown.txt","extension":"txt"}})");
    EXPECT_EQ(answer("return_response", R"({"file":"text"})").find("markdown"), std::string::npos);
}

TEST_F(EngineSteps, ManualFlowsStartByHandAlone) {
    const std::string flow =
        flow_with(trigger("manual-trigger", "manual_trigger", "{}"),
                  {code_step("step_1", "export const code = async (i) => i.n + 1;",
                             R"({"n":"{{trigger.output.n}}"})")});
    EXPECT_EQ(post(engine_.url("/v1/webhooks/" + flow)).status, 404);
    const ApiAnswer started = ann_.post("/v1/flows/" + flow + "/run", R"({"payload":{"n":1}})");
    ASSERT_EQ(started.status, 201) << started.raw.body;
    const Json run = ann_.finished_run(std::string(started.body["id"].text()));
    EXPECT_EQ(run["steps"]["step_1"]["output"].dump(), "2");
    const std::string other = ann_.make_flow({});
    EXPECT_EQ(ann_.post("/v1/flows/" + other + "/run", "{}").status, 400);
    ann_.operate(flow, "CHANGE_STATUS", R"({"status":"DISABLED"})");
    EXPECT_EQ(ann_.post("/v1/flows/" + flow + "/run", "{}").status, 400);
}

TEST_F(EngineSteps, SchedulesArePreviewed) {
    const std::string flow = ann_.make_flow({});
    const auto set = [&](std::string_view input) {
        return ann_.operate(flow, "UPDATE_TRIGGER", trigger("schedule", "cron_expression", input))
            .status;
    };
    ASSERT_EQ(
        set(R"({"cronExpression":"0 7 1 1 *","timezone":"Europe/Berlin","missedRuns":"ALL"})"),
        200);
    const Json preview = ann_.get("/v1/flows/" + flow + "/schedule?count=3").body;
    ASSERT_EQ(preview["nextRuns"].size(), 3U) << preview.dump();
    EXPECT_TRUE(preview["nextRuns"].at(0).text().ends_with("-01-01T06:00:00.000Z"));
    EXPECT_EQ(preview["missedRuns"].text(), "ALL");
    EXPECT_EQ(ann_.get("/v1/flows/" + flow + "/schedule?count=51").status, 400);
    ASSERT_EQ(set(R"({"cronExpression":"* * * * *","missedRuns":"SOME"})"), 200);
    EXPECT_EQ(ann_.get("/v1/flows/" + flow + "/schedule").status, 400);
    EXPECT_EQ(ann_.operate(flow, "LOCK_AND_PUBLISH", "{}").status, 400);
}

TEST_F(EngineSteps, TriggersAreTriedBeforeTheirFlowIsPublished) {
    const std::string flow = ann_.make_flow({});
    const std::string version(ann_.get("/v1/flows/" + flow).body["version"]["id"].text());
    const auto test = [&](std::string_view strategy) {
        return ann_.post("/v1/test-trigger",
                         R"({"projectId":")" + ann_.project() + R"(","flowId":")" + flow +
                             R"(","flowVersionId":")" + version + R"(","testStrategy":")" +
                             std::string(strategy) + "\"}");
    };
    EXPECT_EQ(test("SIMULATION").status, 200);
    EXPECT_EQ(test("TEST_FUNCTION").status, 400);
    EXPECT_EQ(test("OTHER").status, 400);
    for (int i = 0; i < 22; ++i) {
        EXPECT_EQ(post(engine_.url("/v1/webhooks/" + flow + "/test"),
                       R"({"n":)" + std::to_string(i) + "}")
                      .status,
                  200);
    }
    const std::string query = "projectId=" + ann_.project() + "&flowId=" + flow;
    const Json events = ann_.get("/v1/trigger-events?limit=100&" + query).body["data"];
    EXPECT_EQ(events.size(), 20U);
    const Json runs = ann_.get("/v1/flow-runs?projectId=" + ann_.project()).body["data"];
    EXPECT_EQ(runs.size(), 0U);
    std::size_t latest = 0;
    events.each_element([&latest](const Json& event) {
        latest += event["payload"]["body"]["n"].integer_or(0) == 21 ? 1 : 0;
    });
    EXPECT_EQ(latest, 1U);
    const ApiAnswer saved =
        ann_.post("/v1/trigger-events", R"({"projectId":")" + ann_.project() + R"(","flowId":")" +
                                            flow + R"(","mockData":{"m":1}})");
    EXPECT_EQ(saved.status, 200);
    EXPECT_EQ(saved.body["payload"].dump(), R"({"m":1})");
    EXPECT_EQ(saved.body["sourceName"].text(), "@activepieces/piece-webhook@0.1.29:catch_webhook");
    const ApiAnswer empty = ann_.post("/v1/trigger-events", R"({"projectId":")" + ann_.project() +
                                                                R"(","flowId":")" + flow + "\"}");
    EXPECT_EQ(empty.status, 200) << empty.raw.body;
    EXPECT_EQ(empty.body["payload"].dump(), "null");
    EXPECT_EQ(post(engine_.url("/v1/webhooks/" + flow + "/test"),
                   R"({"n":")" + std::string(600'000, 'x') + "\"}")
                  .status,
              413);
    ann_.operate(flow, "UPDATE_TRIGGER",
                 trigger("schedule", "every_x_minutes", R"({"minutes":5})"));
    const std::string scheduled(ann_.get("/v1/flows/" + flow).body["version"]["id"].text());
    const ApiAnswer sampled =
        ann_.post("/v1/test-trigger", R"({"projectId":")" + ann_.project() + R"(","flowId":")" +
                                          flow + R"(","flowVersionId":")" + scheduled +
                                          R"(","testStrategy":"TEST_FUNCTION"})");
    EXPECT_EQ(sampled.body["data"].at(0)["payload"]["cron_expression"].text(), "*/5 * * * *")
        << sampled.raw.body;
    EXPECT_EQ(ann_.call("DELETE", "/v1/test-trigger",
                        R"({"projectId":")" + ann_.project() + R"(","flowId":")" + flow + "\"}")
                  .status,
              200);
}

}  // namespace
}  // namespace sallyport::test
